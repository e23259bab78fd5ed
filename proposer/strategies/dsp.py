"""Draft, sketch, prove: a proof in words, then its steps in Lean, then each step on its own.

After A. Jiang et al., "Draft, Sketch, and Prove: Guiding Formal Theorem Provers with Informal
Proofs" (ICLR 2023), with the mask of C. Cao et al., "Reviving DSP for Advanced Theorem Proving in
the Era of Reasoning Models" (2025): whatever fails in the sketch is a hole as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import ClassVar

from proposer.campaigns.desk import Answer, Desk, first
from proposer.prompts import load_template
from proposer.strategies.lean import (
    LeanService,
    Places,
    lean_service,
    lemma_prompt,
    paid,
    settled,
    theorem_of,
    with_source,
)
from verifier_service.model import DeadlineExceeded, InvalidSpec, LeanTheorem, Outcome
from verifier_service.model.lean_repair import LeanLemma, SorrifyMode

__all__ = ["DraftSketchProve"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftSketchProve:
    """Drafts, each with one sketch and proofs of its holes; several at a time."""

    criterion: ClassVar = LeanTheorem

    samples: int = 0
    """Most drafts of a problem; 0 leaves it to the budget."""
    proofs: int = 2
    """Most samples for each hole that no tactic closes."""
    width: int = 2
    """Drafts of a problem that are under way at a time."""

    async def solve(self, desk: Desk) -> Answer | None:
        """Drafts until a sketch becomes a proof that is accepted."""
        numbers = iter(range(self.samples)) if self.samples else count()
        return await first(self._lane(desk, numbers) for _ in range(self.width))

    async def _lane(self, desk: Desk, numbers: Iterator[int]) -> Answer | None:
        for number in numbers:
            asked = load_template("lean/draft.1").filled(
                statement=desk.task.statement, examples=desk.domain.examples(desk.task)
            )
            draft = await desk.ask(f"{number}/draft", asked)
            prompt = load_template("lean/sketch.1").continued(asked, draft.completion.text)
            sketch = await desk.attempt(f"{number}/sketch", prompt)
            answer = Answer.of(sketch)
            if answer is None and sketch.candidate is not None and sketch.verdict is not None:
                work = _Sketch(desk, str(number), self.proofs)
                try:
                    answer = await work.proved(sketch.candidate)
                except DeadlineExceeded as error:  # the service has a limit for each of its calls
                    desk.note_partial(f"{number}/proved", sketch.candidate, str(error))
            if answer is not None:
                return answer
        return None


class _Sketch:
    """A sketch, and the work at its holes."""

    def __init__(self, desk: Desk, place: str, proofs: int) -> None:
        self._desk = desk
        self._place = place
        self._proofs = proofs
        self._places = Places(f"{place}/lemma")
        self._service: LeanService = lean_service(desk)

    async def proved(self, source: str) -> Answer | None:
        """The whole proof, where each of its holes can be closed."""
        repairs = self._service.repairs
        spec = self._desk.task.spec_for(source, self._place)
        refined = await paid(self._desk, repairs.refine(spec))
        spec = with_source(spec, refined.source)
        work = repairs.sorrify(spec, mode=SorrifyMode.DSP_MASK)
        masked = await paid(self._desk, work)
        if not masked.is_clean:
            self._note(masked.source, "Lean finds errors that no hole takes away.")
            return None
        spec = with_source(spec, masked.source)
        solved = await paid(self._desk, repairs.auto_solve(spec))
        spec = with_source(spec, solved.source)
        if all(hole.tactic for hole in solved.holes):
            return await self._judged(solved.source)
        extracted = await paid(self._desk, repairs.extract_lemmas(spec))
        proofs = await self._lemmas(extracted.lemmas)
        if proofs is None:
            self._note(solved.source, f"{len(extracted.lemmas)} holes, not all of them proved.")
            return None
        made = await paid(self._desk, repairs.assemble(spec, proofs))
        if made.holes:
            self._note(made.source, f"{len(made.holes)} holes left.")
            return None
        return await self._judged(made.source)

    async def _lemmas(self, lemmas: Sequence[LeanLemma]) -> dict[str, str] | None:
        """A proof of each lemma, by name; None where one has none. Equal ones are proved once."""
        wanted: dict[str, LeanLemma] = {}
        for lemma in lemmas:
            if lemma.spec is None:
                return None
            wanted.setdefault(lemma.statement_digest, lemma)
        drawn, spent = await settled(self._lemma(lemma) for lemma in wanted.values())
        if spent is not None:
            raise spent
        proofs = dict(drawn)
        if None in proofs.values():
            return None
        return {one.name: proof for one in lemmas if (proof := proofs[one.statement_digest])}

    async def _lemma(self, lemma: LeanLemma) -> tuple[str, str | None]:
        """A proof that the service accepted, by the digest of what it proves."""
        theorem = theorem_of(lemma.spec)
        assert theorem is not None
        assert lemma.spec is not None
        chat = lemma_prompt(theorem, lemma.hole.goal)
        for _ in range(self._proofs):
            place = self._places.next(chat)
            sample = await self._desk.ask(place, chat)
            proof = self._desk.domain.extract(sample.completion.text, theorem.name)
            if proof is None:
                continue
            try:
                verdict = await self._desk.judge(place, proof, with_source(lemma.spec, proof))
            except InvalidSpec:  # a lemma is stated with words of the sketch
                break
            if verdict is not None and verdict.outcome is Outcome.ACCEPTED:
                return lemma.statement_digest, proof
        return lemma.statement_digest, None

    async def _judged(self, source: str) -> Answer | None:
        place = f"{self._place}/proved"
        verdict = await self._desk.judge(place, source)
        if verdict is not None and verdict.outcome is Outcome.ACCEPTED:
            return Answer(text=source, place=place)
        return None

    def _note(self, source: str, message: str) -> None:
        self._desk.note_partial(f"{self._place}/proved", source, message)
