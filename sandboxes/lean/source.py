"""From a theorem and a candidate's text to what Lean is given, and back to places in that text.

Trusted text comes first, in a part of its own: a comment that never ends, or an `end` too many,
reaches nothing but the candidate's own. The statement is put before a mere proof without any
wrapper that the proof could close. What a text goes on to do with the context that it finds
(redefine a notation, shadow a name) is no concern of this module: what comes of it is compared with
the theorem compiled alone.
"""

from __future__ import annotations

import enum
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from sandboxes.lean.audit import STANDARD_AXIOMS
from sandboxes.lean.declarations import Name, parse_name
from sandboxes.lean.lexer import Kind, Lexed, Token, lex
from sandboxes.lean.messages import Position
from verifier_service.model import LeanTheorem, Violation

__all__ = [
    "Form",
    "Prepared",
    "Specification",
    "normalised",
    "prepared",
    "specification",
    "split_at_last_theorem",
    "stated_theorems",
    "theorems_behind_exit",
    "violations",
    "whole_file",
]

MAX_TRUSTED_CHARACTERS: Final = 4 * 1024**2
MAX_NAME_CHARACTERS: Final = 1000
MAX_HEADER_BYTES: Final = 32 * 1024
"""Of lines of `import`: a jail is opened with them."""
MAX_SCOPES: Final = 100
"""Namespaces and sections within each other, in which theorems are looked for."""
MAX_AXIOMS: Final = 1000
_FIELD: Final = "problem.lean_theorem"
_PART: Final = r"(?:«[^«»\n]+»|[^\W\d][\w'!?]*)"
_BYTE_ORDER_MARK: Final = "\ufeff"
_THEOREM: Final = ("theorem", "lemma")
_MODIFIERS: Final = ("private", "protected", "noncomputable", "nonrec", "public")
_DEPTHS: Final = dict.fromkeys("([{⦃⟨", 1) | dict.fromkeys(")]}⦄⟩", -1)
_DECLARING: Final = (
    *_THEOREM,
    *("def", "abbrev", "axiom", "opaque", "inductive", "structure", "class", "instance"),
)
_COMMANDS: Final = frozenset(
    """
    theorem lemma def abbrev axiom opaque inductive structure class instance example
    private protected noncomputable nonrec public unsafe partial local scoped
    prelude module import namespace section end mutual open export universe variable include omit
    attribute deriving alias set_option initialize builtin_initialize run_cmd run_meta
    notation notation3 infix infixl infixr prefix postfix
    syntax declare_syntax_cat macro macro_rules elab elab_rules
    """.split()  # noqa: SIM905 - a line a kind
)
"""Words that begin a command, and never a term but for `open … in` and `set_option … in`."""


class Form(enum.Enum):
    """What a candidate brings."""

    PROOF = "proof"
    """What stands behind the statement: `by …`, `:= by …`, a term, or equations."""
    DECLARATIONS = "declarations"
    """Declarations that belong behind the problem's preamble, the theorem among them."""
    FILE = "file"
    """A whole file, which repeats the preamble."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Specification:
    """A theorem, read."""

    imports: tuple[str, ...]
    """Names of modules."""
    preamble: str
    """With spaces where the imports are, so that places in it are the caller's."""
    name: Name
    """Of the theorem; empty where the candidate's own theorems are judged."""
    head: str
    """`theorem`, its full name and its signature; empty where `name` is."""
    allowed_axioms: frozenset[Name]

    @property
    def header(self) -> str:
        """The lines of `import`."""
        return _header(self.imports)

    @property
    def parts(self) -> tuple[str, ...]:
        """What states the theorem and nothing else; its proof is left out."""
        return (self.preamble, f"{self.head}\n:= sorry\n") if self.head else (self.preamble,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What Lean is given of a candidate: the last part holds it, and nothing follows it."""

    form: Form
    parts: tuple[str, ...]
    own_imports: tuple[str, ...] = ()
    """Modules that it imports beyond those of the problem; left out of what Lean is given."""
    lines_before: int = 0
    """Lines of the last part that come before the candidate's first."""
    columns_cut: int = 0
    """Characters that were cut off the candidate's first line: a byte order mark."""

    def located(self, place: Position) -> Position | None:
        """Where that is in the candidate as the caller wrote it; None before its beginning.

        Args:
            place: In the last part.
        """
        line = place.line - self.lines_before
        if line < 1:
            return None
        return Position(line, place.column + (self.columns_cut if line == 1 else 0))


def violations(theorem: LeanTheorem) -> list[Violation]:
    """Says all that is wrong with a problem before Lean has seen it."""
    found = [*_name_violations(theorem)]
    for field in ("preamble", "statement"):
        found += _text_violations(f"{_FIELD}.{field}", getattr(theorem, field))
    if len(theorem.allowed_axioms) > MAX_AXIOMS:
        count = len(theorem.allowed_axioms)
        found.append(
            Violation(f"{_FIELD}.allowed_axioms", f"has {count} names. Give {MAX_AXIOMS} at most.")
        )
    for index, axiom in enumerate(theorem.allowed_axioms[:MAX_AXIOMS]):
        place = f"{_FIELD}.allowed_axioms[{index}]"
        if axiom == "sorryAx":
            found.append(Violation(place, "is what `sorry` rests on: it proves anything. Drop it."))
        elif not _is_name(axiom):
            found.append(Violation(place, "is no name of an axiom, such as `Classical.choice`."))
    return found


def _name_violations(theorem: LeanTheorem) -> Iterator[Violation]:
    if theorem.whole_file:
        for field in ("name", "statement"):
            if getattr(theorem, field):
                yield Violation(
                    f"{_FIELD}.{field}",
                    "is set, and so is `whole_file`, which judges the candidate's own theorems. "
                    "Leave one of them out.",
                )
        return
    if not _is_name(theorem.name):
        yield Violation(
            f"{_FIELD}.name",
            "must be the theorem's full name, such as `Nat.add_comm`; or set `whole_file`.",
        )
    elif not theorem.statement.strip():
        yield Violation(
            f"{_FIELD}.statement", "is empty. Give the signature: `(a b : Nat) : a + b = b + a`."
        )
    elif (other := _other_name(theorem)) is not None:
        yield Violation(
            f"{_FIELD}.statement",
            f"states `{other}`, and the name is `{theorem.name}`. Give both the same name, or only "
            "the signature: `(a b : Nat) : a + b = b + a`.",
        )


def _is_name(text: str) -> bool:
    try:
        return len(text) <= MAX_NAME_CHARACTERS and bool(parse_name(text))
    except ValueError:
        return False


def _text_violations(field: str, text: str) -> list[Violation]:
    if len(text) > MAX_TRUSTED_CHARACTERS:
        return [Violation(field, f"is longer than {MAX_TRUSTED_CHARACTERS} characters.")]
    if "\0" in text:
        return [Violation(field, "holds the character NUL, which no Lean text can hold.")]
    lexed = lex(normalised(text))
    if lexed.unended is not None:
        line = lexed.position(lexed.unended).line
        return [Violation(field, f"has a comment or string in line {line} that never ends.")]
    first = lexed.tokens[0].text if lexed.tokens else ""
    if first in ("prelude", "module"):
        return [Violation(field, f"begins with `{first}`. Begin with `import`, or with neither.")]
    imports, _ = _without_imports(lexed)
    if len(_header(imports).encode()) > MAX_HEADER_BYTES:
        return [
            Violation(
                field,
                f"imports {len(imports)} modules, in more than {MAX_HEADER_BYTES} bytes. Import "
                "one module that imports them.",
            )
        ]
    return []


def normalised(text: str) -> str:
    """The text with line ends as Lean counts them, and without a byte order mark."""
    return text.removeprefix(_BYTE_ORDER_MARK).replace("\r\n", "\n")


def specification(theorem: LeanTheorem) -> Specification:
    """Reads a theorem that has no violations."""
    lexed = lex(normalised(theorem.preamble))
    imports, preamble = _without_imports(lexed)
    head = ""
    if not theorem.whole_file:
        # From the root, whatever namespace the preamble leaves open.
        head = f"theorem _root_.{theorem.name}{_signature(theorem.statement, theorem.name)}"
    return Specification(
        imports=imports,
        preamble=preamble,
        name=parse_name(theorem.name) if theorem.name else (),
        head=head,
        allowed_axioms=frozenset(map(parse_name, theorem.allowed_axioms)) or STANDARD_AXIOMS,
    )


def _other_name(theorem: LeanTheorem) -> str | None:
    """The name of the theorem that the statement is of, where it is of another one."""
    words = [token.text for token in _code(lex(normalised(theorem.statement)).tokens)[:2]]
    if len(words) < 2 or words[0] not in _THEOREM or _is_called(theorem.name, words[1]):
        return None
    return words[1]


def _is_called(name: str, shown: str) -> bool:
    """Whether a theorem may be called so somewhere in its namespaces."""
    return f"_root_.{name}".endswith(f".{shown.removeprefix('_root_.')}")


def _parts_of(name: str) -> list[str]:
    return re.findall(_PART, name)


def _signature(statement: str, name: str) -> str:
    """The statement without `theorem NAME` before it, and without `:= by sorry` behind it."""
    text = normalised(statement)
    tokens = _code(lex(text).tokens)
    words = [token.text for token in tokens]
    start, end = 0, len(text.rstrip())
    if len(words) > 1 and words[0] in _THEOREM and _is_called(name, words[1]):
        start = tokens[1].end
    for tail in (["by", "sorry"], ["sorry"], ["by"], []):
        if words[-1 - len(tail) :] == [":=", *tail]:
            end = tokens[-1 - len(tail)].start
            break
    signature = text[start:end].strip()
    return signature if signature.startswith(".{") else f" {signature}"


def prepared(spec: Specification, source: str) -> Prepared:
    """Puts a candidate behind what is trusted.

    Args:
        spec: The theorem.
        source: The candidate as the caller wrote it.
    """
    lexed = lex(normalised(source))
    own, body = _without_imports(lexed)
    cut = len(_BYTE_ORDER_MARK) if source.startswith(_BYTE_ORDER_MARK) else 0
    foreign = tuple(module for module in own if module not in (*spec.imports, "Init"))
    code = _code(lexed.tokens[_header_length(lexed.tokens) :])
    if spec.head and not own and not _is_command(code):
        before = f"{spec.head}\n" + (
            "" if code and code[0].text in (":=", "|", "where") else ":=\n"
        )
        return Prepared(
            form=Form.PROOF,
            parts=(spec.preamble, before + body),
            lines_before=before.count("\n"),
            columns_cut=cut,
        )
    repeats = _repeats(spec.preamble, code, has_imports=bool(own))
    return Prepared(
        form=Form.FILE if repeats else Form.DECLARATIONS,
        parts=("", body) if repeats else (spec.preamble, body),
        own_imports=foreign,
        columns_cut=cut,
    )


def _header(imports: Sequence[str]) -> str:
    return "".join(f"import {module}\n" for module in imports)


def _code(tokens: Sequence[Token]) -> list[Token]:
    return [token for token in tokens if token.kind is not Kind.DOC]


def _repeats(preamble: str, code: Sequence[Token], *, has_imports: bool) -> bool:
    """Whether a text holds what the preamble holds, so that it must not stand behind it."""
    trusted = _code(lex(preamble).tokens)
    if not trusted:
        return False
    if [token.text for token in code[: len(trusted)]] == [token.text for token in trusted]:
        return True
    return has_imports and not set(_declared(trusted)).isdisjoint(_declared(code))


def _declared(tokens: Sequence[Token]) -> Iterator[str]:
    for token, following in itertools.pairwise(tokens):
        if token.text in _DECLARING and following.kind is Kind.WORD:
            yield following.text


def _is_command(code: Sequence[Token]) -> bool:
    """Whether a text begins with a command, and not with a term."""
    index = 0
    while index < len(code):
        word = code[index].text
        if word not in ("open", "set_option"):
            return word in _COMMANDS or word.startswith(("#", "@["))
        rest = (i for i in range(index + 1, len(code)) if code[i].text in (*_COMMANDS, "in"))
        index = next(rest, len(code))
        if index == len(code) or code[index].text != "in":
            return True
        index += 1
    return False


def _header_length(tokens: Sequence[Token]) -> int:
    """How many tokens its imports take at the beginning of a file."""
    index = 0
    while index + 1 < len(tokens) and tokens[index].text == "import":
        if tokens[index + 1].kind is not Kind.WORD:
            break
        index += 2
    return index


def _without_imports(lexed: Lexed) -> tuple[tuple[str, ...], str]:
    """The modules that a file imports, and the file with spaces in their place."""
    length = _header_length(lexed.tokens)
    if not length:
        return (), lexed.text
    header = lexed.tokens[:length]
    names = tuple(dict.fromkeys(token.text for token in header[1::2]))
    end = header[-1].end
    return names, re.sub(r"[^\n]", " ", lexed.text[:end]) + lexed.text[end:]


def whole_file(text: str) -> LeanTheorem:
    """A file as a problem of its own: with its imports, to prove the theorems that it states."""
    imports, _ = _without_imports(lex(normalised(text)))
    return LeanTheorem(preamble=_header(imports), whole_file=True)


def split_at_last_theorem(text: str) -> LeanTheorem:
    """A file whose last theorem is what is to be proved, as a problem.

    What comes before that theorem is the preamble; what comes behind its signature is dropped.

    Raises:
        ValueError: There is no theorem in it.
    """
    lexed = lex(normalised(text))
    found = list(_stated_theorems(lexed))
    if not found:
        raise ValueError("it states no theorem. Write `theorem NAME : … := sorry` at its end.")
    index, name = found[-1]
    own = lexed.tokens[index + 1]
    return LeanTheorem(
        preamble=_before(lexed, index),
        name=name,
        statement=lexed.text[own.end : _end_of_signature(lexed, index + 2)].strip(),
    )


def stated_theorems(text: str) -> frozenset[str]:
    """Full names of the theorems that a file states, by the look of it."""
    return frozenset(name for _, name in _stated_theorems(lex(normalised(text))))


def theorems_behind_exit(text: str) -> list[str]:
    """Names of theorems that a file states behind `#exit`, where Lean stops reading."""
    lexed = lex(normalised(text))
    exits = (index for index, token in enumerate(lexed.tokens) if token.text == "#exit")
    end = next(exits, len(lexed.tokens))
    return [name for index, name in _stated_theorems(lexed) if index > end]


def _stated_theorems(lexed: Lexed) -> Iterator[tuple[int, str]]:
    """Where each theorem is stated, and its full name."""
    scopes: list[str] = []
    for index, token in enumerate(lexed.tokens):
        following = lexed.tokens[index + 1] if index + 1 < len(lexed.tokens) else None
        named = following.text if following is not None and _names_scope(following) else ""
        match token.text:
            case "namespace":
                scopes.append(named)
            case "section" | "mutual":
                scopes += [""] * max(1, len(_parts_of(named)))
            case "end":
                _leave(scopes, named)
            case "theorem" | "lemma" if following is not None and following.kind is Kind.WORD:
                if full := _full_name(scopes, following.text):
                    yield index, full


def _full_name(scopes: Sequence[str], shown: str) -> str:
    """The name of what is declared so; empty where it is longer than any name of a person's."""
    parts = [shown.removeprefix("_root_.")]
    if parts[0] == shown:
        if len(scopes) > MAX_SCOPES:
            return ""
        parts[:0] = filter(None, scopes)
    return ".".join(parts) if sum(map(len, parts)) <= MAX_NAME_CHARACTERS else ""


def _names_scope(token: Token) -> bool:
    return token.kind is Kind.WORD and token.text not in _COMMANDS


def _leave(scopes: list[str], named: str) -> None:
    """Closes what an `end` closes: as many scopes as its name has parts, one at least."""
    closed = 0
    while scopes and (not closed or closed < len(_parts_of(named))):
        closed += max(1, len(_parts_of(scopes.pop())))


def _before(lexed: Lexed, index: int) -> str:
    """The text before a declaration; what holds for it alone (`open … in`) holds for the rest."""
    first = _first_of(lexed.tokens, index)
    text = lexed.text[: lexed.tokens[first].start]
    while first and lexed.tokens[first - 1].text == "in":
        start = lexed.tokens[first - 1].start
        text = f"{text[:start]}\n{text[start + len('in') :]}"
        while first and lexed.tokens[first - 1].text not in _COMMANDS:
            first -= 1
        first -= 1
    return text


def _first_of(tokens: Sequence[Token], index: int) -> int:
    """Where a declaration begins, with its attributes, modifiers and comment."""
    while index:
        before = tokens[index - 1]
        if before.kind is Kind.DOC or before.text in _MODIFIERS:
            index -= 1
        elif before.text == "]" and (opened := _attributes(tokens, index - 1)) is not None:
            index = opened
        else:
            break
    return index


def _attributes(tokens: Sequence[Token], closing: int) -> int | None:
    depth = 0
    for index in range(closing, -1, -1):
        depth += {"]": 1, "[": -1, "@[": -1}.get(tokens[index].text, 0)
        if not depth:
            return index if tokens[index].text == "@[" else None
    return None


def _end_of_signature(lexed: Lexed, index: int) -> int:
    """Where a signature ends: at its `:=`, but not at that of a `let` or `have` inside of it."""
    depth = bound = matched = 0
    for place, token in enumerate(lexed.tokens[index:], index):
        depth += _DEPTHS.get(token.text, 0)
        if depth:
            continue
        begins_line = not lexed.text[
            lexed.text.rfind("\n", 0, token.start) + 1 : token.start
        ].strip()
        if token.text in ("let", "have"):
            bound += 1
        elif token.text == "match":
            matched += 1
        elif token.text == "|" and begins_line and not matched:
            if _begins_equation(lexed.tokens[place:]):
                return token.start
        elif token.text == ":=" and bound:
            bound -= 1
        elif token.text in (":=", "where") or token.text in _COMMANDS or token.kind is Kind.DOC:
            return token.start
    return len(lexed.text)


def _begins_equation(tokens: Iterable[Token]) -> bool:
    """Whether a `|` begins an equation, `| n => …`, and not an absolute value."""
    depth = 0
    for token in tokens:
        depth += _DEPTHS.get(token.text, 0)
        if not depth and token.text in ("=>", ":="):
            return token.text == "=>"
    return False
