"""Puts proofs of lemmas where the holes are that the lemmas came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import dedent

from sandboxes.lean.repair.checking import BudgetSpent, Checker, failures
from sandboxes.lean.repair.draft import Draft
from sandboxes.lean.repair.extract import extract
from sandboxes.lean.repair.feedback import shortened
from sandboxes.lean.repair.holes import filled, holes
from sandboxes.lean.repair.lemmas import Lemma, with_lemma
from verifier_service.model.lean_repair import MAXIMUM_EDIT_BYTES, RepairEdit, RepairStage

__all__ = ["Assembled", "assemble"]


@dataclass(frozen=True, slots=True)
class Assembled:
    """A draft with proofs put in."""

    draft: Draft
    placed: tuple[str, ...]
    """Names of the lemmas whose proofs are in it."""
    edits: tuple[RepairEdit, ...]


@dataclass(frozen=True, slots=True)
class _Part:
    """A lemma's proof."""

    lemma: Lemma
    lines: list[str]
    """Tactics, the first one at column 0."""
    helpers: list[str]
    """What the proof declares before it."""


async def assemble(
    draft: Draft, lemmas: Sequence[Lemma], proofs: Mapping[str, str], checker: Checker
) -> Assembled:
    """Puts proofs in: as they are where the hole is, or else as lemmas before the theorem.

    Args:
        draft: With the holes that the lemmas were extracted from.
        lemmas: Of that draft.
        proofs: By the names of lemmas: proofs as any candidate may be written. Those that don't
            close their holes either way are left out.
        checker: Asks Lean.
    """
    parts = {
        lemma.hole: _part(lemma, proofs[lemma.name])
        for lemma in lemmas
        if lemma.name in proofs and lemma.theorem is not None
    }
    in_place = {hole for hole, part in parts.items() if not part.helpers}
    as_lemma = set(parts) - in_place
    made = draft
    try:
        while in_place or as_lemma:
            made, owners = _placed(draft, parts, in_place, as_lemma)
            checked = await checker(made.source)
            errors = failures(checked.messages)
            if checked.completed and not errors:
                break
            wrong = {owners[one.start.line - 1] for one in errors if one.start.line - 1 in owners}
            for hole in wrong or set(in_place) or set(as_lemma):
                if hole in in_place:
                    in_place.discard(hole)
                    as_lemma.add(hole)
                else:
                    as_lemma.discard(hole)
    except BudgetSpent:
        in_place, as_lemma = set(), set()
    if not (in_place or as_lemma):
        return Assembled(draft, (), ())
    kept = [parts[hole] for hole in sorted(in_place | as_lemma)]
    edits = tuple(
        RepairEdit(
            stage=RepairStage.ASSEMBLE,
            iteration=place + 1,
            line=part.lemma.line,
            rule="in-place" if part.lemma.hole in in_place else "as-lemma",
            before="sorry",
            after=shortened("\n".join(part.lines), MAXIMUM_EDIT_BYTES),
        )
        for place, part in enumerate(kept)
    )
    return Assembled(made, tuple(part.lemma.name for part in kept), edits)


def _part(lemma: Lemma, proof: str) -> _Part:
    assert lemma.theorem is not None
    draft = extract(lemma.theorem, proof).draft
    own = "\n".join(line.text for line in draft.lines[draft.fixed_end : draft.proof_end])
    lines = dedent(own).rstrip().split("\n")
    if draft.is_term:
        lines = ["exact (", *(f"  {line}" for line in lines), ")"]
    return _Part(lemma, lines, [line.text for line in draft.lines[: draft.fixed_start]])


def _placed(
    draft: Draft, parts: Mapping[int, _Part], in_place: set[int], as_lemma: set[int]
) -> tuple[Draft, dict[int, int]]:
    """The draft with proofs put in, and the hole that each of their lines is about."""
    found = holes(draft)
    made = draft
    texts = {}
    for hole in in_place:
        lemma = parts[hole].lemma
        lines = [*([lemma.renaming] if lemma.renaming else []), *lemma.facts, *parts[hole].lines]
        texts[hole] = _text(lines, is_term=found[hole].is_term)
    for hole in as_lemma:
        lemma = parts[hole].lemma
        lines = [*([lemma.renaming] if lemma.renaming else []), lemma.call]
        texts[hole] = _text(lines, is_term=found[hole].is_term)
    owners: dict[int, int] = {}
    shift = 0
    for hole in sorted(texts):
        start = found[hole].line + shift
        extra = texts[hole].count("\n")
        owners |= {start + index: hole for index in range(extra + 1)}
        shift += extra
    made = filled(draft, found, texts)
    for hole in sorted(as_lemma):
        before = len(made.lines)
        start = made.fixed_start
        made = with_lemma(made, parts[hole].lemma, parts[hole].lines, parts[hole].helpers)
        extra = len(made.lines) - before
        owners = {(line + extra if line >= start else line): of for line, of in owners.items()}
        owners |= {start + index: hole for index in range(extra)}
    return made, owners


def _text(lines: Sequence[str], *, is_term: bool) -> str:
    if not is_term:
        return "\n".join(lines)
    return "\n".join(["(by", *(f"  {line}" for line in lines), ")"])
