"""Lemmas in place of holes: stated by themselves, and shown to close the holes they came from."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from sandboxes.lean.repair.checking import BudgetSpent, Checker, failures
from sandboxes.lean.repair.code import words
from sandboxes.lean.repair.draft import Draft
from sandboxes.lean.repair.feedback import shortened
from sandboxes.lean.repair.goals import Goal, first_goal, read_goal
from sandboxes.lean.repair.holes import Hole, filled, holes
from verifier_service.model import LeanTheorem, VerificationSpec
from verifier_service.model.lean_repair import MAXIMUM_GOAL_BYTES, LeanHole, LeanLemma

__all__ = ["Lemma", "extract_lemmas", "lean_lemma", "statement_digest", "with_lemma"]

_ALWAYS: Final = ("pp.proofs true", "pp.deepTerms true", "pp.maxSteps 200000")
_STYLES: Final = (
    (),
    (
        "pp.numericTypes true",
        "pp.coercions.types true",
        "pp.funBinderTypes true",
        "pp.piBinderTypes true",
        "pp.letVarTypes true",
        "pp.structureInstanceTypes true",
        "pp.fullNames true",
    ),
    ("pp.explicit true", "pp.fullNames true", "pp.universes false"),
)
"""Ways to print a goal, from what people read to what Lean reads again without a doubt."""
_UNIVERSE: Final = re.compile(r"\b(Type|Sort) u_\d+\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lemma:
    """What one hole asks for."""

    name: str
    hole: int
    """Index among the draft's holes."""
    line: int
    """Of the hole, from 1."""
    column: int
    goal: str
    """As Lean prints it in the proof."""
    theorem: LeanTheorem | None
    """The same as a problem of its own; None where it could not be stated so that it closes the
    hole, and has to be proved where it is."""
    renaming: str = ""
    """Tactic that names what the lemma has to name; goes before its proof or its use."""
    facts: tuple[str, ...] = ()
    """Tactics that state what the lemma assumes of local definitions, where its proof is put in."""
    call: str = ""
    """Tactic that closes the hole by the lemma."""

    @property
    def digest(self) -> str:
        """SHA-256 of what is to be proved, whatever the lemma is called."""
        return statement_digest(self.theorem) if self.theorem is not None else ""


def lean_lemma(lemma: Lemma, spec_of: Callable[[LeanTheorem], VerificationSpec]) -> LeanLemma:
    """A lemma as it is shown to others."""
    return LeanLemma(
        name=lemma.name,
        hole=LeanHole(
            line=lemma.line,
            column=lemma.column,
            goal=shortened(lemma.goal, MAXIMUM_GOAL_BYTES),
        ),
        spec=None if lemma.theorem is None else spec_of(lemma.theorem),
        statement_digest=lemma.digest,
    )


def statement_digest(theorem: LeanTheorem) -> str:
    """SHA-256 of a theorem without its name."""
    parts = [theorem.preamble.strip(), " ".join(one.text for one in words(theorem.statement))]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class _Stated:
    """One way to state a lemma."""

    binders: str
    target: str
    call: str
    facts: tuple[str, ...]


async def extract_lemmas(draft: Draft, checker: Checker, theorem: LeanTheorem) -> list[Lemma]:
    """One lemma for each hole, in order.

    A lemma is stated only if Lean reads the statement, and if it closes the hole that it is for.

    Args:
        draft: Free of errors but for its holes.
        checker: Asks Lean.
        theorem: What the draft is to prove.
    """
    found = holes(draft)
    bare = [
        Lemma(
            name=_fresh(f"{theorem.name.rpartition('.')[2]}_lemma_{index + 1}", draft),
            hole=index,
            line=hole.line + 1,
            column=hole.column,
            goal="",
            theorem=None,
        )
        for index, hole in enumerate(found)
    ]
    try:
        return await _stated_lemmas(draft, found, bare, checker, theorem)
    except BudgetSpent:
        return bare


async def _stated_lemmas(
    draft: Draft, found: list[Hole], bare: list[Lemma], checker: Checker, theorem: LeanTheorem
) -> list[Lemma]:
    plain = await _printed(draft, found, ["trace_state; sorry"] * len(found), checker)
    lemmas = []
    for lemma in bare:
        goals = plain[lemma.hole]
        goal = goals[0] if goals else ""
        lemmas.append(replace(lemma, goal=goal, renaming=_renaming(goal, draft)))
    traces = "; ".join(
        "".join(f"set_option {option} in " for option in (*_ALWAYS, *style)) + "trace_state"
        for style in _STYLES
    )
    texts = [f"{_with(lemma.renaming)}{traces}; sorry" for lemma in lemmas]
    named = await _printed(draft, found, texts, checker)
    ways: list[list[_Stated]] = []
    for lemma in lemmas:
        printed = named[lemma.hole]
        is_once = len(printed) == len(_STYLES)  # a place that is come to twice has two goals
        goals_ = [read_goal(one) for one in printed] if is_once else []
        ways.append([_stated(lemma.name, goal) for goal in goals_ if goal is not None])
    chosen = await _faithful(draft, lemmas, ways, checker)
    preamble = _preamble(theorem, draft)
    return [
        replace(
            lemma,
            theorem=replace(
                theorem,
                name=lemma.name,
                statement=f"{way.binders} : {way.target}".strip(),
                preamble=preamble,
                probe_statement=False,
            ),
            call=way.call,
            facts=way.facts,
        )
        if (way := chosen[lemma.hole]) is not None
        else lemma
        for lemma in lemmas
    ]


async def _printed(
    draft: Draft, found: Sequence[Hole], texts: Sequence[str], checker: Checker
) -> list[list[str]]:
    """The first goals that Lean prints at each hole, in order."""
    placed = {
        index: f"(by {text})" if found[index].is_term else f"({text})"
        for index, text in enumerate(texts)
    }
    probed = filled(draft, found, placed)
    checked = await checker(probed.source)
    said: list[list[tuple[int, str]]] = [[] for _ in found]
    for message in checked.messages:
        if message.kind != "trace":
            continue
        place = _hole_at(found, placed, message.start.line - 1, message.start.column)
        if place is not None:
            # One place that is come to twice has its messages put together.
            said[place].append((message.start.column, message.text))
    return [[goal for _, text in sorted(one) for goal in _main_goals(text)] for one in said]


def _main_goals(text: str) -> list[str]:
    """The goal that comes first."""
    goal = first_goal(text)
    return [goal] if goal else []


def _hole_at(found: Sequence[Hole], placed: dict[int, str], line: int, column: int) -> int | None:
    shift = 0
    before = -1
    for index, hole in enumerate(found):
        if hole.line != before:
            shift, before = 0, hole.line
        start = hole.column + shift
        if hole.line == line and start <= column < start + len(placed[index]):
            return index
        shift += len(placed[index]) - hole.width
    return None


def _renaming(goal: str, draft: Draft) -> str:
    """Gives names to what has none, in a goal as it is printed."""
    read = read_goal(goal)
    if read is None:
        return ""
    nameless = [one for one in read.hypotheses if one.is_nameless]
    taken = {one.text for one in words(draft.source)} | {one.name for one in read.hypotheses}
    names = []
    for one in nameless:
        base = one.name.partition("✝")[0] or "x"
        base = base if base not in ("inst", "this") else f"{base}'"
        number = 1
        while f"{base}_{number}" in taken:
            number += 1
        names.append(f"{base}_{number}")
        taken.add(names[-1])
    return f"rename_i {' '.join(names)}" if names else ""


def _with(tactic: str) -> str:
    return f"{tactic}; " if tactic else ""


def _stated(name: str, goal: Goal) -> _Stated:
    """A lemma that says what a goal says, with every hypothesis as an argument."""
    binders, arguments, facts = [], [], []
    for one in goal.hypotheses:
        binders.append(f"({one.name} : {one.type})")
        arguments.append(one.name)
        if one.value:
            fact = f"{one.name}_eq"
            binders.append(f"({fact} : {one.name} = {one.value})")
            arguments.append("rfl")
            facts.append(f"have {fact} : {one.name} = {one.value} := rfl")
    return _Stated(
        binders=_readable(" ".join(binders)),
        target=_readable(goal.target),
        call=" ".join(["exact", name, *arguments]),
        facts=tuple(facts),
    )


def _readable(text: str) -> str:
    return _UNIVERSE.sub(r"\1 _", text)


async def _faithful(
    draft: Draft, lemmas: Sequence[Lemma], ways: list[list[_Stated]], checker: Checker
) -> list[_Stated | None]:
    """For each lemma the first way of stating it that Lean reads and that closes its hole."""
    current = [0] * len(lemmas)
    for _ in range(2 * len(_STYLES)):
        stated = {
            lemma.hole: ways[lemma.hole][current[lemma.hole]]
            for lemma in lemmas
            if current[lemma.hole] < len(ways[lemma.hole])
        }
        if not stated:
            break
        probed, owners = _with_lemmas(draft, lemmas, stated)
        checked = await checker(probed.source)
        errors = failures(checked.messages) if checked.completed else []
        if checked.completed and not errors:
            break
        wrong = {owners[one.start.line - 1] for one in errors if one.start.line - 1 in owners}
        for hole in wrong or set(stated):
            current[hole] += 1
    else:
        return [None] * len(lemmas)
    return [stated.get(lemma.hole) for lemma in lemmas]


def _with_lemmas(
    draft: Draft, lemmas: Sequence[Lemma], stated: dict[int, _Stated]
) -> tuple[Draft, dict[int, int]]:
    """The draft with lemmas before it and used in it, and the hole that each line is about."""
    found = holes(draft)
    calls = {}
    for hole, way in stated.items():
        text = f"({_with(lemmas[hole].renaming)}{way.call})"
        calls[hole] = f"(by {text})" if found[hole].is_term else text
    lines: list[str] = []
    owners: dict[int, int] = {}
    for hole, way in stated.items():
        start = len(lines)
        lines += _declaration(lemmas[hole].name, way.binders, way.target, ["sorry"])
        owners |= {draft.fixed_start + index: hole for index in range(start, len(lines))}
    for hole in stated:
        owners.setdefault(found[hole].line + len(lines), hole)
    probed = filled(draft, found, calls)
    return probed.replaced(probed.fixed_start, probed.fixed_start, lines), owners


def _declaration(name: str, binders: str, target: str, proof: Sequence[str]) -> list[str]:
    head = f"theorem {name} {binders} : {target} := by".split("\n")
    return [*head, *(f"  {line}" for line in proof), ""]


def with_lemma(
    draft: Draft, lemma: Lemma, proof: Sequence[str], helpers: Sequence[str] = ()
) -> Draft:
    """The draft with a lemma, proved, before its theorem, and what the proof needs before that."""
    assert lemma.theorem is not None
    head = f"theorem {lemma.name} {lemma.theorem.statement} := by".split("\n")
    lines = [*helpers, *head, *(f"  {line}" for line in proof), ""]
    return draft.replaced(draft.fixed_start, draft.fixed_start, lines)


def _fresh(name: str, draft: Draft) -> str:
    taken = {token.text for token in words(draft.source)}
    while name in taken:
        name += "'"
    return name


def _preamble(theorem: LeanTheorem, draft: Draft) -> str:
    """What comes before a lemma: the problem's preamble, and the helpers of the proof."""
    helpers = "\n".join(line.text for line in draft.lines[: draft.fixed_start]).strip()
    if not helpers:
        return theorem.preamble
    return f"{theorem.preamble.rstrip()}\n\n{helpers}\n".lstrip("\n")
