"""The loop: refine, make holes, close them, ask for what is left, put it together, certify.

It is APOLLO's (arXiv 2505.05758) with two things that it leaves out: what Lean said is told to
whoever proposes the next attempt, and nothing counts as proved before the problem's own judge has
accepted it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from sandboxes.lean.messages import Message
from sandboxes.lean.repair.assemble import assemble
from sandboxes.lean.repair.checking import (
    Allowance,
    BudgetSpent,
    Check,
    Checker,
    failures,
)
from sandboxes.lean.repair.correct import corrections
from sandboxes.lean.repair.draft import Draft
from sandboxes.lean.repair.extract import extract
from sandboxes.lean.repair.feedback import feedback, shortened
from sandboxes.lean.repair.lemmas import Lemma, extract_lemmas, lean_lemma
from sandboxes.lean.repair.refine import refine
from sandboxes.lean.repair.solve import auto_solve, known_tactics, open_holes
from sandboxes.lean.repair.sorrify import sorrify
from sandboxes.lean.repair.tactics import PORTFOLIO
from verifier_service.model import LeanTheorem, Outcome, Verdict, VerificationSpec
from verifier_service.model.lean_repair import (
    LeanHole,
    LemmaPrompt,
    LemmaProposer,
    RepairBudget,
    Repaired,
    RepairEdit,
    RepairEnding,
    RepairListener,
    RepairProgress,
    RepairStage,
    SorrifyMode,
)

__all__ = ["LemmaStore", "Repair", "Tools"]

_NEAR_MISSES: Final = 3
"""Failed attempts that are shown again with a lemma."""
_NEAR_MISS_BYTES: Final = 4000
"""Of each of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What a repair works with."""

    check: Callable[[LeanTheorem], Check]
    """Elaborates candidates for a theorem."""
    certify: Callable[[LeanTheorem, str], Awaitable[Verdict]]
    """Judges a candidate for a theorem as `Verify` does."""
    spec_of: Callable[[LeanTheorem], VerificationSpec]
    """Makes a problem of a lemma, to be shown to whoever is to prove it."""
    tactics: Sequence[str] = PORTFOLIO
    """Tried at every hole; those that Lean can't read are left out."""
    names: Sequence[str] = ()
    """Names of the library, for those that are misspelt."""
    heartbeats: int = 0
    """Lean's limit on each of them, in thousands; 0 is the environment's own."""


class LemmaStore:
    """Proofs of lemmas that were accepted, by the digest of the statement."""

    def __init__(self, maximum: int = 10_000) -> None:
        """Remembers this many, the last ones that were used."""
        self._maximum = maximum
        self._proofs: OrderedDict[str, str] = OrderedDict()

    def get(self, digest: str) -> str | None:
        """The proof of a statement."""
        proof = self._proofs.get(digest)
        if proof is not None:
            self._proofs.move_to_end(digest)
        return proof

    def put(self, digest: str, proof: str) -> None:
        """Remembers a proof."""
        self._proofs[digest] = proof
        self._proofs.move_to_end(digest)
        if len(self._proofs) > self._maximum:
            self._proofs.popitem(last=False)


@dataclass(frozen=True, slots=True)
class _Skeleton:
    """The best that was made of one candidate without help."""

    candidate: str
    draft: Draft
    errors: tuple[Message, ...]
    """That Lean found in what was tried, before holes were made."""
    tried: Draft
    edits: tuple[RepairEdit, ...]
    holes: tuple[LeanHole, ...]
    kept: int
    total: int
    is_clean: bool
    verdict: Verdict | None = None
    is_statement_broken: bool = False

    @property
    def is_accepted(self) -> bool:
        return self.verdict is not None and self.verdict.outcome is Outcome.ACCEPTED

    @property
    def is_usable(self) -> bool:
        """Whether it may be part of a proof; the verdict on the whole decides."""
        return self.verdict is not None and self.verdict.outcome is not Outcome.REJECTED

    @property
    def rank(self) -> tuple[bool, bool, int, int]:
        return self.is_accepted, self.is_clean, -len(self.holes), self.kept


class Repair:
    """One repair; everything that it does to a text goes through the problem's own splice."""

    def __init__(
        self,
        tools: Tools,
        budget: RepairBudget | None = None,
        *,
        ask: LemmaProposer | None = None,
        listener: RepairListener | None = None,
        store: LemmaStore | None = None,
    ) -> None:
        """Begins nothing yet.

        Args:
            tools: What to work with.
            budget: How much of it.
            ask: Gets proofs of lemmas; without it, nothing is asked for.
            listener: Told of every stage; must return at once and raise nothing.
            store: Proofs of lemmas that are known, and that will be.
        """
        self._tools = tools
        self._budget = budget or RepairBudget()
        self._allowance = Allowance(self._budget.checks, self._budget.seconds)
        self._ask = ask
        self._listener = listener
        self._store = store or LemmaStore()
        self._proposals = self._budget.proposals
        self._tactics: list[str] | None = None
        self._suggest = partial(corrections, names=tools.names)

    async def run(self, theorem: LeanTheorem, sources: Sequence[str]) -> Repaired:
        """Repairs candidates for a theorem, and goes on with the one that comes furthest.

        Raises:
            ServiceError: Lean or the judge could not be asked.
        """
        checker = self._checker(theorem)
        best, lemmas = await self._solved(theorem, checker, sources, depth=0)
        said = feedback(best.tried, best.errors, [one.goal for one in best.holes])
        return Repaired(
            ending=self._ending(best),
            source=best.draft.source,
            verdict=best.verdict,
            edits=best.edits,
            holes=best.holes,
            lemmas=tuple(lean_lemma(one, self._tools.spec_of) for one in lemmas),
            feedback=said,
            kept_lines=best.kept,
            total_lines=best.total,
            check_count=self._allowance.used,
        )

    def _ending(self, best: _Skeleton) -> RepairEnding:
        if best.is_accepted:
            return RepairEnding.PROVED
        if best.is_statement_broken:
            return RepairEnding.STATEMENT_BROKEN
        if best.is_clean and not best.holes:
            return RepairEnding.NOT_ACCEPTED
        return RepairEnding.PARTIAL if self._allowance.left else RepairEnding.BUDGET_SPENT

    def _checker(self, theorem: LeanTheorem) -> Checker:
        return Checker(self._tools.check(theorem), self._allowance)

    async def _solved(
        self, theorem: LeanTheorem, checker: Checker, sources: Sequence[str], *, depth: int
    ) -> tuple[_Skeleton, list[Lemma]]:
        """The best of some candidates for a theorem, and the lemmas that it still asks for."""
        best: _Skeleton | None = None
        for source in dict.fromkeys(sources) or [_NOTHING]:
            made = await self._skeleton(theorem, checker, source)
            if best is None or made.rank > best.rank:
                best = made
            if best.is_accepted or best.is_statement_broken:
                return best, []
        assert best is not None
        if not best.is_clean or not best.holes:
            return best, []
        return await self._with_lemmas(theorem, checker, best, depth)

    async def _skeleton(self, theorem: LeanTheorem, checker: Checker, source: str) -> _Skeleton:
        """What can be made of a candidate without help: no errors, and as few holes as possible."""
        extracted = extract(theorem, source)
        begun = extracted.draft
        total = begun.kept
        edits = list(extracted.edits)
        draft = begun
        errors: tuple[Message, ...] = ()
        holes_: tuple[LeanHole, ...] = ()
        is_clean = is_broken = False
        try:
            self._tell(theorem, RepairStage.EXTRACT, draft, extracted.edits, 0)
            refined = await refine(draft, checker)
            draft, errors = refined.draft, tuple(failures(refined.checked.messages))
            edits += refined.edits
            self._tell(theorem, RepairStage.REFINE, draft, refined.edits, 0)
            made = await sorrify(draft, checker, SorrifyMode.MINIMAL, suggest=self._suggest)
            edits += made.edits
            is_clean, is_broken = made.is_clean, bool(made.statement_errors)
            if is_clean:
                draft = made.draft
                solved = await auto_solve(
                    draft,
                    checker,
                    await self._known_tactics(checker),
                    heartbeats=self._tools.heartbeats,
                )
                self._tell(theorem, RepairStage.SORRIFY, draft, made.edits, len(solved.reports))
                draft = solved.draft
                edits += solved.edits
                holes_ = open_holes(draft, [one.goal for one in solved.reports if not one.tactic])
                self._tell(theorem, RepairStage.SOLVE, draft, solved.edits, len(holes_))
        except BudgetSpent:
            pass
        skeleton = _Skeleton(
            candidate=source,
            draft=draft,
            errors=errors,
            tried=begun if errors else draft,
            edits=tuple(edits),
            holes=holes_,
            kept=draft.kept,
            total=total,
            is_clean=is_clean,
            is_statement_broken=is_broken,
        )
        return await self._certified(theorem, skeleton)

    async def _certified(self, theorem: LeanTheorem, skeleton: _Skeleton) -> _Skeleton:
        """With the judge's verdict, where no hole is left."""
        if not skeleton.is_clean or skeleton.holes:
            return skeleton
        verdict = await self._tools.certify(theorem, skeleton.draft.source)
        return replace(skeleton, verdict=verdict)

    async def _known_tactics(self, checker: Checker) -> Sequence[str]:
        if self._tactics is None:
            self._tactics = await known_tactics(checker, self._tools.tactics)
        return self._tactics

    async def _with_lemmas(
        self, theorem: LeanTheorem, checker: Checker, best: _Skeleton, depth: int
    ) -> tuple[_Skeleton, list[Lemma]]:
        """With as many of its holes closed by proofs of lemmas as somebody proposes."""
        lemmas = await extract_lemmas(best.draft, checker, theorem)
        proofs = {
            lemma.name: known
            for lemma in lemmas
            if lemma.theorem is not None and (known := self._store.get(lemma.digest)) is not None
        }
        if depth < self._budget.depth:
            await self._ask_for(best, lemmas, proofs, depth)
        if not proofs:
            return best, lemmas
        made = await assemble(best.draft, lemmas, proofs, checker)
        left = [lemma.goal for lemma in lemmas if lemma.name not in made.placed]
        self._tell(theorem, RepairStage.ASSEMBLE, made.draft, made.edits, len(left))
        skeleton = replace(
            best,
            draft=made.draft,
            edits=(*best.edits, *made.edits),
            holes=open_holes(made.draft, left),
            kept=made.draft.kept,
        )
        certified = await self._certified(theorem, skeleton)
        return certified, await extract_lemmas(made.draft, checker, theorem) if left else []

    async def _ask_for(
        self, best: _Skeleton, lemmas: Sequence[Lemma], proofs: dict[str, str], depth: int
    ) -> None:
        """Adds proofs of lemmas that somebody proposes and the judge accepts."""
        if self._ask is None:
            return
        misses: dict[str, list[str]] = {}
        said = feedback(best.tried, best.errors, [one.goal for one in best.holes])
        for _ in range(self._budget.rounds):
            wanted = _unproved(lemmas, proofs)
            if not wanted or self._proposals <= 0 or not self._allowance.left:
                return
            prompts = [
                LemmaPrompt(
                    lemma=lean_lemma(lemma, self._tools.spec_of),
                    feedback=said,
                    near_misses=tuple(misses.get(lemma.name, ())[-_NEAR_MISSES:]),
                )
                for lemma in wanted
            ]
            proposed = await self._ask(prompts)
            if not any(proposed.get(lemma.name) for lemma in wanted):
                return
            for lemma in wanted:
                sources = list(proposed.get(lemma.name, ()))[: self._proposals]
                self._proposals -= len(sources)
                if sources:
                    await self._prove(lemma, lemmas, sources, proofs, misses, depth)

    async def _prove(
        self,
        lemma: Lemma,
        lemmas: Sequence[Lemma],
        sources: Sequence[str],
        proofs: dict[str, str],
        misses: dict[str, list[str]],
        depth: int,
    ) -> None:
        assert lemma.theorem is not None
        checker = self._checker(lemma.theorem)
        made, _ = await self._solved(lemma.theorem, checker, sources, depth=depth + 1)
        if made.is_accepted:
            self._store.put(lemma.digest, made.draft.source)
        if made.is_usable:
            for one in lemmas:
                if one.digest == lemma.digest:
                    proofs[one.name] = made.draft.source
        else:
            said = feedback(made.tried, made.errors, [one.goal for one in made.holes])
            shown = shortened(made.candidate.strip(), _NEAR_MISS_BYTES)
            misses.setdefault(lemma.name, []).append(f"{shown}\n{said}")

    def _tell(
        self,
        theorem: LeanTheorem,
        stage: RepairStage,
        draft: Draft,
        edits: tuple[RepairEdit, ...],
        open_holes: int,
    ) -> None:
        if self._listener is not None:
            self._listener(
                RepairProgress(
                    theorem=theorem.name,
                    stage=stage,
                    source=draft.source,
                    edits=edits,
                    open_holes=open_holes,
                )
            )


_NOTHING: Final = "by sorry"
"""Where a repair begins that is given no candidate."""


def _unproved(lemmas: Sequence[Lemma], proofs: Mapping[str, str]) -> list[Lemma]:
    """One lemma for each statement that has no proof yet; the shortest goals first."""
    found: dict[str, Lemma] = {}
    for lemma in lemmas:
        if lemma.theorem is not None and lemma.name not in proofs:
            found.setdefault(lemma.digest, lemma)
    return sorted(found.values(), key=lambda one: (len(one.goal), one.hole))
