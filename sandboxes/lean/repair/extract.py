"""From what somebody wrote to a draft: the theorem as the problem states it, and their proof."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from sandboxes.lean.lexer import Kind
from sandboxes.lean.repair.code import blanked, depth_zero, words
from sandboxes.lean.repair.draft import Draft, Line
from sandboxes.lean.repair.tactics import TACTICS
from sandboxes.lean.source import specification
from verifier_service.model import LeanTheorem
from verifier_service.model.lean_repair import RepairEdit, RepairStage

__all__ = ["Extracted", "extract"]

_FENCE: Final = re.compile(
    r"^[ \t]*(```|~~~)[^\n]*\n(.*?)^[ \t]*\1[ \t]*$", re.DOTALL | re.MULTILINE
)
_DECLARATION: Final = re.compile(r"\b(?:theorem|lemma)\s+((?:«[^»\n]*»|[^\s:({\[«.]|\.(?!\{))+)")
_COMMAND: Final = re.compile(
    r"(?:@\[|/--|(?:theorem|lemma|def|abbrev|example|instance|structure|class|inductive|axiom|opaque|"
    r"noncomputable|private|protected|unsafe|partial|namespace|section|end|open|variable|universe|"
    r"export|local|scoped|notation|infixl?|infixr|prefix|postfix|macro|macro_rules|syntax|elab|"
    r"attribute|set_option|deriving|mutual|import|include|omit|#[a-z]+)\b)"
)
_STEPS: Final = "  "
"""Indentation of a proof that was written on the theorem's own line."""


@dataclass(frozen=True, slots=True)
class Extracted:
    """A draft, and what was done to get it."""

    draft: Draft
    edits: tuple[RepairEdit, ...]


def extract(theorem: LeanTheorem, source: str) -> Extracted:
    """Takes the proof of a theorem out of a text: a bare proof, a theorem, or a whole file.

    The theorem's own text is the problem's, whatever the text says; helpers before it and what
    follows it stay as they are.
    """
    edits: list[RepairEdit] = []

    def log(rule: str, line: int, before: str, after: str) -> None:
        edits.append(
            RepairEdit(
                stage=RepairStage.EXTRACT,
                iteration=len(edits) + 1,
                line=line,
                rule=rule,
                before=before,
                after=after,
            )
        )

    text = source.replace("\r\n", "\n").replace("\r", "\n").removeprefix("\ufeff")
    fences = list(_FENCE.finditer(text))
    if fences:
        chosen = max(fences, key=lambda one: (_declares(theorem, one[2]), len(one[2])))
        log("code-fence", text[: chosen.start()].count("\n") + 1, chosen[1], "")
        text = chosen[2]
    found = _theorem_in(theorem, text)
    if found is None:
        helpers, proof, rest = "", _without_define(text), ""
    else:
        helpers, proof, rest = found.helpers, found.proof, found.rest
        if not found.is_as_stated:
            log("statement-restored", found.line + 1, found.head, theorem.statement)
    head = _head(theorem, helpers, found)
    return Extracted(_draft(head, helpers, proof, rest), tuple(edits))


def _head(theorem: LeanTheorem, helpers: str, found: _Found | None) -> str:
    """The theorem as the problem states it, in the candidate's layout where it says the same."""
    around = (*words(theorem.preamble), *words(helpers))
    if any(token.text == "namespace" for token in around):
        return specification(theorem).head
    if (
        found is not None
        and found.is_as_stated
        and found.head.startswith(f"theorem {theorem.name}")
    ):
        return found.head
    return specification(theorem).head.replace("theorem _root_.", "theorem ", 1)


def _declares(theorem: LeanTheorem, text: str) -> bool:
    return any(_is_name(theorem, one[1]) for one in _DECLARATION.finditer(blanked(text)))


def _is_name(theorem: LeanTheorem, name: str) -> bool:
    """Whether a declared name may be the theorem's, inside some namespace or outside of all."""
    name = name.removeprefix("_root_.")
    return theorem.name == name or theorem.name.endswith(f".{name}")


@dataclass(frozen=True, slots=True)
class _Found:
    helpers: str
    head: str
    proof: str
    rest: str
    line: int
    is_as_stated: bool


def _theorem_in(theorem: LeanTheorem, text: str) -> _Found | None:
    code = blanked(text)
    named = [one for one in _DECLARATION.finditer(code) if _at_line_start(code, one.start())]
    chosen = [one for one in named if _is_name(theorem, one[1])] or named[-1:]
    if not chosen:
        return None
    match = chosen[-1]
    start = code.rfind("\n", 0, match.start()) + 1
    signature = _signature(theorem)
    own = [token for token in words(text) if token.start >= match.end()]
    is_as_stated = [token.text for token in own[: len(signature)]] == signature
    if is_as_stated:
        define = own[len(signature) - 1].end if signature else match.end()
    else:
        define = _end_of_statement(code, match.end())
    proof = _without_define(text[define : (end := _end_of_declaration(code, define))])
    return _Found(
        helpers=text[:start],
        head=text[start:define].rstrip(),
        proof=proof,
        rest=text[end:],
        line=code.count("\n", 0, start),
        is_as_stated=is_as_stated and _is_name(theorem, match[1]),
    )


def _signature(theorem: LeanTheorem) -> list[str]:
    """The tokens of a theorem's statement."""
    return [token.text for token in words(specification(theorem).head)][2:]


def _end_of_statement(code: str, start: int) -> int:
    """Where a statement's proof begins: at its `:=`, or at the first of its equations."""
    for index in depth_zero(code[start:]):
        if code.startswith(":=", start + index):
            return start + index
    equations = _EQUATION.search(code, start)
    return equations.start(1) if equations is not None else len(code)


_EQUATION: Final = re.compile(r"\n\s*(\||where\b)")


def _at_line_start(code: str, index: int) -> bool:
    """Whether only modifiers stand before a declaration on its line."""
    before = code[code.rfind("\n", 0, index) + 1 : index]
    return (
        re.fullmatch(r"(?:(?:@\[[^\]]*\]|private|protected|noncomputable)\s*)*", before) is not None
    )


def _end_of_declaration(code: str, start: int) -> int:
    """The index of the first line after `start` that begins another command, else the end."""
    index = code.find("\n", start)
    while index >= 0:
        if _COMMAND.match(code, index + 1) is not None:
            return index + 1
        index = code.find("\n", index + 1)
    return len(code)


def _without_define(proof: str) -> str:
    """A bare proof without the `:=` that may stand before it."""
    tokens = words(proof)
    if tokens and tokens[0].text == ":=":
        return proof[: tokens[0].start] + proof[tokens[0].end :]
    return proof


def _draft(head: str, helpers: str, proof: str, rest: str) -> Draft:
    tokens = words(proof)
    is_term = not (tokens and tokens[0].kind is Kind.WORD and tokens[0].text in ("by", "begin"))
    if is_term and tokens and _reads_as_tactics(proof):
        is_term = False
    elif not is_term:
        first = tokens[0]
        proof = proof[: first.start] + " " * (first.end - first.start) + proof[first.end :]
    body = _own_lines(proof, words(proof)[0].start if words(proof) else 0)
    if not (tokens and tokens[0].text in ("|", "where")):
        head += " :=" if is_term else " := by"
    head_lines = head.split("\n")
    helper_lines = helpers.rstrip().split("\n") if helpers.strip() else []
    if helper_lines:
        helper_lines.append("")
    rest_lines = rest.rstrip().split("\n") if rest.strip() else []
    if rest_lines:
        rest_lines.insert(0, "")
    everything = [*helper_lines, *head_lines, *body, *rest_lines]
    lines = tuple(Line(text, index) for index, text in enumerate(everything))
    start = len(helper_lines)
    end = start + len(head_lines)
    return Draft(lines, start, end, end + len(body), is_term)


def _reads_as_tactics(proof: str) -> bool:
    """Whether a bare text begins like tactics rather than like a term."""
    first = words(proof)[0].text
    return first == "·" or (first in TACTICS and first not in _TERM_WORDS)


_TERM_WORDS: Final = frozenset(("have", "show", "suffices", "let", "match", "nomatch", "nofun"))


def _own_lines(proof: str, first: int) -> list[str]:
    """The lines of a proof, its first step on a line of its own and no further left than others."""
    before = proof[:first].rsplit("\n", 1)
    kept = [line for line in before[0].split("\n") if line.strip()] if len(before) > 1 else []
    rest = proof[first:].rstrip()
    if not rest:
        return kept
    lines = rest.split("\n")
    code = blanked(rest).split("\n")
    columns = [len(one) - len(one.lstrip()) for one in code[1:] if one.strip()]
    own_line = len(before) > 1
    indent = len(before[-1]) if own_line else (min(columns) if columns else len(_STEPS))
    lead = " " * indent
    return [*kept, lead + lines[0], *lines[1:]]
