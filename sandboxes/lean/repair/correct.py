"""Corrects tools: names that do not exist, tactics of elsewhere, steps in the wrong order.

Tool correction is Lyra's (arXiv 2309.15806, section 3.1): a wrong tool is replaced before the step
that uses it is given up.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from sandboxes.lean.lexer import Kind, Token
from sandboxes.lean.messages import Message
from sandboxes.lean.repair.checking import Class, class_of
from sandboxes.lean.repair.code import words
from sandboxes.lean.repair.draft import Draft
from sandboxes.lean.repair.outline import outline
from sandboxes.lean.repair.sorrify import Alternative
from sandboxes.lean.repair.steps import insert_before, replace_step, swap_with_next
from sandboxes.lean.repair.tactics import REPLACEMENTS, TACTICS
from verifier_service.model.lean_repair import RepairStage

__all__ = ["corrections"]

_UNKNOWN: Final = re.compile(r"Unknown (?:identifier|constant) `([^`]+)`")
_WRONG_CASE: Final = re.compile(r"Invalid alternative name `([^`]+)`")
_CASE_NAME: Final = re.compile(r"`([^`]+)`")
_NAMESPACES: Final = (
    "Nat",
    "List",
    "And",
    "Or",
    "Iff",
    "Eq",
    "Exists",
    "Bool",
    "Classical",
    "Int",
    "Set",
)
_BINDERS: Final = frozenset(
    (
        "intro",
        "intros",
        "rintro",
        "obtain",
        "rcases",
        "cases",
        "have",
        "let",
        "fun",
        "λ",
        "|",
        "case",
        "next",
        "with",
        "ext",
        "funext",
        "by_contra",
        "by_cases",
        "induction",
        "rename_i",
        "set",
        "suffices",
    )
)
_CLOSE: Final = 0.6
"""Least similarity of two names, from 0 to 1, as `difflib` has it."""
_AT_MOST: Final = 4
_MORE: Final = 6


def corrections(
    draft: Draft, errors: Sequence[Message], names: Sequence[str] = ()
) -> list[list[Alternative]]:
    """What may have been meant, where a step fails: first what is likely, then what is possible.

    Args:
        draft: With the errors.
        errors: Those that count, as `failures` has them; the first is the one to mend.
        names: More names that exist, to compare with.
    """
    message = errors[0]
    line = message.start.line - 1
    is_open = class_of(message) is Class.UNSOLVED
    if not 0 <= line < len(draft.lines) or draft.is_fixed(line) or is_open:
        return []
    place = outline(draft).at(line, message.start.column)
    if place is None:
        return []
    likely = _all(_likely(draft, errors, place, names), draft)
    possible = _all(_possible(draft, message, place), draft)
    return [likely, possible]


_Found = tuple[str, Draft | None, int]


def _all(found: Iterable[_Found], draft: Draft) -> list[Alternative]:
    made: dict[str, Alternative] = {}
    for rule, changed, first in found:
        if changed is not None and changed.source != draft.source:
            made.setdefault(changed.source, Alternative(changed, rule, first, RepairStage.CORRECT))
    return list(made.values())


def _likely(
    draft: Draft, errors: Sequence[Message], place: int, names: Sequence[str]
) -> Iterator[_Found]:
    """Other words in the step that fails, or another order."""
    tree = outline(draft)
    node = tree.nodes[place]
    message = errors[0]
    if message.text.startswith("unknown tactic"):
        yield from _other_tactics(draft, place)
    for error in errors:
        line = error.start.line - 1
        if (match := _WRONG_CASE.search(error.text)) is not None and not draft.is_fixed(line):
            for other in _CASE_NAME.findall(error.text[match.end() :]):
                text = _renamed(draft.lines[line].text, match[1], other)
                yield "other-case", draft.replaced(line, line + 1, [text]), line
    if (match := _UNKNOWN.search(message.text)) is not None:
        yield from _other_names(draft, message.start.line - 1, match[1], names)
        unknown = [
            found[1]
            for error in errors
            if error.start.line == message.start.line
            and (found := _UNKNOWN.search(error.text)) is not None
            and "." not in found[1]
        ]
        if unknown:
            together = " ".join(dict.fromkeys(unknown))
            yield "introduce", insert_before(draft, place, f"intro {together}"), node.start
    yield "swap-with-next", swap_with_next(draft, place), node.start
    before, _ = tree.siblings(place)
    if before is not None:
        yield "swap-with-previous", swap_with_next(draft, before), tree.nodes[before].start


def _possible(draft: Draft, message: Message, place: int) -> Iterator[_Found]:
    """Another tactic at random, or a step that may be missing before the one that fails."""
    if class_of(message) is not Class.PARSE:
        if (match := _UNKNOWN.search(message.text)) is not None:
            line = message.start.line - 1
            for name in _stated(draft)[-_MORE:]:
                text = _renamed(draft.lines[line].text, match[1], name)
                yield "other-name", draft.replaced(line, line + 1, [text]), line
        yield from _forgotten(draft, place)
        if class_of(message) is Class.NO_GOALS:
            yield from _forgotten_bullet(draft, place)
    elif message.text.startswith("unknown tactic"):
        yield from _any_tactic(draft, place)
    elif draft.code[outline(draft).nodes[place].start].lstrip().startswith("|"):
        start = outline(draft).nodes[place].start
        for name in _stated(draft)[:_MORE]:
            for opener in ("induction", "cases"):
                text = f"{opener} {name} with"
                yield "forgotten-step", insert_before(draft, place, text), start


def _any_tactic(draft: Draft, place: int) -> Iterator[_Found]:
    """The same step with one of the tactics that most proofs are made of."""
    node = outline(draft).nodes[place]
    column = node.body or node.column
    text = draft.lines[node.start].text
    match = re.match(r"[\w'!?]+", text[column:])
    if match is not None:
        for word in _USUAL:
            changed = text[:column] + word + text[column + match.end() :]
            yield "other-tactic", draft.replaced(node.start, node.start + 1, [changed]), node.start


_USUAL: Final = (
    "exact",
    "apply",
    "refine",
    "intro",
    "rw",
    "simp",
    "constructor",
    "left",
    "right",
    "have",
    "show",
    "obtain",
    "rcases",
    "cases",
    "symm",
    "rfl",
    "exists",
    "subst",
)


def _forgotten(draft: Draft, place: int) -> Iterator[_Found]:
    """A step that may be missing before the one that fails."""
    tree = outline(draft)
    node = tree.nodes[place]
    if not draft.in_proof(node.start):
        return
    unbound, unused = _unbound(draft), _unused(draft)
    texts: list[str] = []
    for name in unused:
        if unbound:
            pattern = ", ".join(unbound)
            texts += [f"obtain ⟨{pattern}⟩ := {name}", f"rcases {name} with {' | '.join(unbound)}"]
        texts += [f"rw [{name}]", f"rw [← {name}]", f"apply {name}"]
    texts += ["constructor", "left", "right", "intro _", "symm", "exfalso"]
    places = [place]
    while node.parent >= 0 and tree.nodes[node.parent].start == node.start:
        places.append(node.parent)
        node = tree.nodes[node.parent]
    family = tree.children(tree.nodes[place].parent)
    earlier = family[: family.index(place) + 1][-_AT_MOST:]
    for name in dict.fromkeys((" ".join(unbound), unbound[0])) if unbound else ():
        for where in reversed(earlier):
            text = f"intro {name}"
            yield "forgotten-step", insert_before(draft, where, text), tree.nodes[where].start
    for where in places:
        for text in texts:
            yield "forgotten-step", insert_before(draft, where, text), tree.nodes[where].start


def _forgotten_bullet(draft: Draft, place: int) -> Iterator[_Found]:
    """A bullet that may be missing before steps that come after the last goal of another one."""
    tree = outline(draft)
    node = tree.nodes[place]
    while node.parent >= 0 and tree.nodes[node.parent].start == node.start:
        node = tree.nodes[node.parent]
    if node.parent < 0 or not tree.nodes[node.parent].body:
        return
    lead = " " * tree.nodes[node.parent].column + "· "
    unbound = _unbound(draft)
    texts = ["constructor", "left", "right", *([f"intro {unbound[0]}"] if unbound else [])]
    texts += [f"apply {name}" for name in _unused(draft)]
    for text in texts:
        yield "forgotten-bullet", draft.replaced(node.start, node.start, [lead + text]), node.start


def _stated(draft: Draft) -> list[str]:
    """Names that the theorem binds."""
    bound, _ = _bound_and_used(draft)
    stated = {
        token.text
        for index in range(draft.fixed_start, draft.fixed_end)
        for token in words(draft.lines[index].text)
    }
    return [name for name in bound if name in stated]


def _bound_and_used(draft: Draft) -> tuple[dict[str, int], dict[str, int]]:
    """How often each plain name is bound, and how often it is used, in order of appearance."""
    bound: dict[str, int] = {}
    used: dict[str, int] = {}
    for index in range(draft.fixed_start, draft.proof_end):
        tokens = words(draft.lines[index].text)
        binds = draft.is_fixed(index) or any(token.text in _BINDERS for token in tokens[:3])
        for place, token in enumerate(tokens):
            if token.text in (":=", "=>") and not draft.is_fixed(index):
                binds = False
            if token.kind is not Kind.WORD or token.text in TACTICS or token.text in _BINDERS:
                continue
            name = token.text.partition(".")[0]
            counts = bound if binds and _binds(tokens, place, draft.is_fixed(index)) else used
            counts[name] = counts.get(name, 0) + 1
    return bound, used


def _binds(tokens: Sequence[Token], place: int, is_statement: bool) -> bool:
    """Whether a name is bound where it stands: before a colon in a bracket, or in a pattern."""
    if not is_statement:
        return ":" not in (token.text for token in tokens[:place])
    following = tokens[place + 1 :]
    for token in following:
        if token.text == ":":
            return True
        if token.kind is not Kind.WORD:
            return False
    return False


_COMMON: Final = frozenset(
    (
        "theorem",
        "sorry",
        "by",
        "at",
        "rfl",
        "absurd",
        "id",
        "fun",
        "if",
        "then",
        "else",
        "show",
        "from",
    )
)


def _unbound(draft: Draft) -> list[str]:
    """Names that a proof uses and nobody binds, as far as can be told without a Lean."""
    bound, used = _bound_and_used(draft)
    return [
        name
        for name in used
        if name not in bound and name not in _COMMON and name[0].islower() and len(name) < 8
    ][:_AT_MOST]


def _unused(draft: Draft) -> list[str]:
    """Names that are bound, and used nowhere in the proof."""
    bound, used = _bound_and_used(draft)
    return [name for name in bound if name not in used and name != "_"][:_AT_MOST]


def _other_tactics(draft: Draft, place: int) -> Iterator[_Found]:
    """The same step with a tactic that exists in place of one that does not."""
    node = outline(draft).nodes[place]
    column = node.body or node.column
    rest = draft.lines[node.start].text[column:]
    match = re.match(r"[\w'!?]+", rest)
    if match is None:
        return
    word = match[0]
    alike = difflib.get_close_matches(word, TACTICS, n=_AT_MOST, cutoff=_CLOSE)
    for other in dict.fromkeys((*REPLACEMENTS.get(word, ()), *alike)):
        text = draft.lines[node.start].text[:column] + other + rest[match.end() :]
        changed = draft.replaced(node.start, node.start + 1, [text])
        yield "other-tactic", changed, node.start
    for other in REPLACEMENTS.get(word, ()):
        yield "other-tactic", replace_step(draft, place, other), node.start


def _other_names(draft: Draft, line: int, unknown: str, names: Sequence[str]) -> Iterator[_Found]:
    """The name as it may have been meant, or the binder as it may have been meant."""
    tokens = words(draft.source)
    known = {token.text for token in tokens if token.kind is Kind.WORD} - {unknown}
    unused = _unused_binders(draft, line)
    alike = difflib.get_close_matches(
        unknown, sorted(known | set(_near(unknown, names))), n=_AT_MOST, cutoff=_CLOSE
    )
    last = unknown.rpartition(".")[2]
    spelt = [f"{space}.{last}" for space in _NAMESPACES]
    bound = [name for _, name in unused]
    uses = [
        ("other-name", draft.replaced(line, line + 1, [_renamed(text, unknown, other)]), line)
        for other in dict.fromkeys((*alike, *bound, *([last] if last != unknown else []), *spelt))
        for text in [draft.lines[line].text]
        if other != unknown
    ]
    binders = [
        ("binder", draft.replaced(place, place + 1, [_renamed(text, name, unknown)]), place)
        for place, name in unused
        for text in [draft.lines[place].text]
    ]
    # Where either may be misspelt, the shorter name is likelier to be the one that was meant.
    is_longer = bool(bound) and len(unknown) > len(bound[0])
    yield from [*uses, *binders] if is_longer else [*binders, *uses]


def _near(unknown: str, names: Sequence[str]) -> Iterator[str]:
    """Names of a library that are worth comparing: of the same namespace, or that begin alike."""
    space, _, last = unknown.rpartition(".")
    for name in names:
        other_space, _, other = name.rpartition(".")
        if (space and space == other_space) or other[:4] == last[:4]:
            yield name


def _unused_binders(draft: Draft, line: int) -> list[tuple[int, str]]:
    """Names that are bound above a line and used nowhere, the nearest first."""
    counts: dict[str, int] = {}
    for token in words(draft.source):
        if token.kind is Kind.WORD:
            counts[token.text] = counts.get(token.text, 0) + 1
    found = []
    start = draft.fixed_end if draft.in_proof(line) else 0
    for index in range(line, start - 1, -1):
        tokens = [one for one in words(draft.lines[index].text) if one.kind is Kind.WORD]
        if draft.is_fixed(index) or not any(
            token.text in _BINDERS for token in words(draft.lines[index].text)
        ):
            continue
        found += [
            (index, token.text)
            for token in tokens
            if counts.get(token.text) == 1
            and token.text not in _BINDERS
            and "." not in token.text
            and token.text not in TACTICS
        ]
    return found[:_AT_MOST]


def _renamed(text: str, old: str, new: str) -> str:
    for token in reversed(words(text)):
        if token.kind is Kind.WORD and token.text == old:
            text = text[: token.start] + new + text[token.end :]
        elif token.kind is Kind.WORD and token.text.startswith(f"{old}."):
            text = text[: token.start] + new + text[token.start + len(old) :]
    return text
