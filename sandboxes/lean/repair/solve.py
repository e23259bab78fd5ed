"""Closes holes: every tactic at every hole in one check, and the winners in a second one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from sandboxes.lean.messages import Message
from sandboxes.lean.repair.checking import (
    BudgetSpent,
    Checked,
    Checker,
    Class,
    class_of,
    failures,
)
from sandboxes.lean.repair.draft import Draft
from sandboxes.lean.repair.feedback import shortened
from sandboxes.lean.repair.goals import first_goal
from sandboxes.lean.repair.holes import Hole, filled, holes
from sandboxes.lean.repair.tactics import SUGGESTING
from verifier_service.model.lean_repair import MAXIMUM_GOAL_BYTES, LeanHole, RepairEdit, RepairStage

__all__ = ["LeanHole", "Solved", "auto_solve", "known_tactics", "open_holes"]

_MAXIMUM_ROUNDS: Final = 8
_SUGGESTION: Final = re.compile(r"^\s*(?:Try this:\s*|\[apply\]\s*|• )(\S.*)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Solved:
    """A draft with fewer holes."""

    draft: Draft
    reports: tuple[LeanHole, ...]
    """One for each hole of the draft that was given, in order."""
    edits: tuple[RepairEdit, ...]


@dataclass(frozen=True, slots=True)
class _Probe:
    """What stands in place of one hole, and where in it each tactic is."""

    text: str
    spans: tuple[tuple[int, int, int], ...]
    """Index of a tactic, first column and column after the last, from the probe's beginning."""


@dataclass(slots=True)
class _Tried:
    """What is known of one hole."""

    hole: Hole
    open: list[int]
    """Indices of the tactics that may still close it."""
    goal: str = ""
    winners: list[int] = field(default_factory=list)
    suggestion: str = ""
    failed: bool = False
    turned: bool = False
    """Whether it was taken for something else at first."""


async def known_tactics(checker: Checker, tactics: Sequence[str]) -> list[str]:
    """Those tactics that an environment can read, found by one check."""
    probe = "\n".join(f"example : True := by first | trivial | ({one})" for one in tactics) + "\n"
    checked = await checker(probe)
    unread = {
        one.start.line - 1
        for one in checked.messages
        if one.severity == "error" and class_of(one) is Class.PARSE
    }
    return [one for line, one in enumerate(tactics) if line not in unread]


def open_holes(draft: Draft, goals: Sequence[str]) -> tuple[LeanHole, ...]:
    """The holes of a draft, each with its goal; goals are in the order of the holes."""
    found = holes(draft)
    known = [*goals, *[""] * (len(found) - len(goals))]
    return tuple(
        LeanHole(line=hole.line + 1, column=hole.column, goal=goal)
        for hole, goal in zip(found, known, strict=False)
    )


async def auto_solve(
    draft: Draft, checker: Checker, tactics: Sequence[str], *, heartbeats: int = 0
) -> Solved:
    """Closes as many holes as tactics can; what is not closed stays a hole.

    Args:
        draft: Free of errors but for its holes.
        checker: Asks Lean.
        tactics: Tried at each hole in this order; all known to the environment.
        heartbeats: Lean's limit on each of them, in thousands; 0 is the environment's own.
    """
    found = holes(draft)
    tried = [_Tried(hole, list(range(len(tactics)))) for hole in found]
    try:
        await _try_all(draft, tried, checker, tactics, heartbeats)
        solved, chosen = await _with_winners(draft, tried, checker, tactics)
    except BudgetSpent:
        solved, chosen = draft, {}
    edits = tuple(
        RepairEdit(
            stage=RepairStage.SOLVE,
            iteration=place + 1,
            line=found[index].line + 1,
            rule="close-hole",
            before="sorry",
            after=text,
        )
        for place, (index, text) in enumerate(chosen.items())
    )
    reports = tuple(
        LeanHole(
            line=one.hole.line + 1,
            column=one.hole.column,
            goal=one.goal,
            tactic=chosen.get(index, ""),
        )
        for index, one in enumerate(tried)
    )
    return Solved(solved, reports, edits)


async def _try_all(
    draft: Draft, tried: list[_Tried], checker: Checker, tactics: Sequence[str], heartbeats: int
) -> None:
    """Learns which tactics close which holes; a tactic that runs into a limit is left out."""
    for _ in range(_MAXIMUM_ROUNDS):
        asked = [index for index, one in enumerate(tried) if not one.winners and not one.failed]
        if not asked:
            return
        probes = {index: _probe(tried[index], index, tactics, heartbeats) for index in asked}
        checked = await checker(_with_probes(draft, tried, probes).source)
        if not checked.completed:
            await _try_each(draft, tried, checker, tactics, heartbeats)
            return
        if not _learn(checked, tried, probes) and not _turned(checked, tried, probes):
            return


async def _try_each(
    draft: Draft, tried: list[_Tried], checker: Checker, tactics: Sequence[str], heartbeats: int
) -> None:
    """One check for each tactic: what takes Lean to its limits then costs itself alone."""
    everything = [
        {
            index: _probe(_Tried(one.hole, [number]), index, tactics, heartbeats)
            for index, one in enumerate(tried)
        }
        for number in range(len(tactics))
    ]
    sources = [_with_probes(draft, tried, probes).source for probes in everything]
    for probes, checked in zip(everything, await checker.all(sources), strict=True):
        if checked is not None and checked.completed:
            _learn(checked, tried, probes)


def _probe(one: _Tried, index: int, tactics: Sequence[str], heartbeats: int) -> _Probe:
    """All tactics at one hole, on one line so that other lines keep their places."""
    text = "(by trace_state; first" if one.hole.is_term else "(trace_state; first"
    spans = []
    for number in one.open:
        limit = f"set_option maxHeartbeats {heartbeats} in " if heartbeats else ""
        start = len(text) + 1
        text += f' | (· ({limit}{tactics[number]})); trace "VS {index} {number}"'
        spans.append((number, start, len(text)))
    return _Probe(text + f' | (trace "VS {index} -"; sorry))', tuple(spans))


def _with_probes(draft: Draft, tried: Sequence[_Tried], probes: dict[int, _Probe]) -> Draft:
    texts = {index: probe.text for index, probe in probes.items()}
    return filled(draft, [one.hole for one in tried], texts)


def _learn(checked: Checked, tried: Sequence[_Tried], probes: dict[int, _Probe]) -> bool:
    """Takes in what a check of probes said.

    Returns:
        Whether a limit stood in the way of some hole, so that another round may close it.
    """
    shifts: dict[int, int] = {}
    places = {}
    for index in sorted(probes, key=lambda one: (tried[one].hole.line, tried[one].hole.column)):
        hole = tried[index].hole
        start = hole.column + shifts.get(hole.line, 0)
        places[index] = start
        shifts[hole.line] = shifts.get(hole.line, 0) + len(probes[index].text) - hole.width
    stuck = False
    for message in checked.messages:
        for index, start in places.items():
            column = message.start.column - start
            is_here = message.start.line - 1 == tried[index].hole.line
            if is_here and 0 <= column < len(probes[index].text):
                stuck |= _take(message, column, tried[index], probes[index], index)
    return stuck


def _turned(checked: Checked, tried: Sequence[_Tried], probes: dict[int, _Probe]) -> bool:
    """Takes holes whose probes Lean can't read for terms, or for tactics again, once each.

    Returns:
        Whether there are any.
    """
    unread = {one.start.line - 1 for one in checked.messages if class_of(one) is Class.PARSE} & {
        tried[index].hole.line for index in probes
    }
    found = False
    for index in probes:
        one = tried[index]
        if one.hole.line in unread and not one.turned:
            one.hole = replace(one.hole, is_term=not one.hole.is_term)
            one.turned = found = True
    return found


def _take(message: Message, column: int, one: _Tried, probe: _Probe, index: int) -> bool:
    """Takes in one message from inside a probe; whether a tactic ran into a limit."""
    if message.kind == "trace" and not message.text.startswith("VS "):
        one.goal = one.goal or shortened(first_goal(message.text), MAXIMUM_GOAL_BYTES)
    elif message.severity == "information":
        for line in message.text.split("\n"):
            words = line.split()
            if len(words) != 3 or words[:2] != ["VS", str(index)]:
                continue
            if words[2] == "-":
                one.failed = True
            elif words[2].isdigit() and int(words[2]) in one.open:
                one.winners.append(int(words[2]))
        if (match := _SUGGESTION.search(message.text.replace("Try this:\n", ""))) is not None:
            one.suggestion = match[1].strip()
    elif message.severity == "error" and class_of(message) is Class.RESOURCE:
        for number, start, end in probe.spans:
            if start <= column < end and number in one.open:
                one.open.remove(number)
                return True
    return False


async def _with_winners(
    draft: Draft, tried: Sequence[_Tried], checker: Checker, tactics: Sequence[str]
) -> tuple[Draft, dict[int, str]]:
    """The draft with what closes each hole, as far as Lean agrees that it does."""
    ways = {
        index: _ways(one, tactics)
        for index, one in enumerate(tried)
        if one.winners and not one.failed
    }
    found = [one.hole for one in tried]
    while ways:
        chosen = {index: texts[0] for index, texts in ways.items()}
        solved = filled(draft, found, chosen)
        checked = await checker(solved.source)
        errors = failures(checked.messages)
        if checked.completed and not errors:
            return solved, chosen
        lines = {error.start.line - 1 for error in errors}
        bad = [index for index in ways if found[index].line in lines] or list(ways)
        ways = {
            index: texts[1:] if index in bad else texts
            for index, texts in ways.items()
            if index not in bad or len(texts) > 1
        }
    return draft, {}


def _ways(one: _Tried, tactics: Sequence[str]) -> list[str]:
    """What may close a hole, as it closed it in the probe, the most readable first."""
    plain = _plain(one, tactics)
    ways = [plain] if one.hole.is_term else [plain, f"(· {plain})"]
    if len(set(one.winners)) == 1 and tactics[one.winners[0]] in SUGGESTING and one.suggestion:
        ways.insert(0, f"(by {one.suggestion})" if one.hole.is_term else one.suggestion)
    return ways


def _plain(one: _Tried, tactics: Sequence[str]) -> str:
    winners = list(dict.fromkeys(tactics[number] for number in one.winners))
    if len(winners) > 1:  # run for several goals
        text = "(first | " + " | ".join(f"({winner}; done)" for winner in winners) + ")"
    else:
        text = f"({winners[0]})" if re.search(r"[;<\s]", winners[0]) else winners[0]
    return f"(by {text})" if one.hole.is_term else text
