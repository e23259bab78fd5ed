"""What a strategy works at: it asks for samples and verdicts here, and everything is recorded."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import random
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol, TypeVar

from proposer.campaigns.budget import Amount, BudgetSpent, Purse
from proposer.campaigns.record import CampaignRecord, KeptJudgement, RecordError
from proposer.domains import Domain, domain_of, feedback
from proposer.models import (
    Completion,
    Model,
    ModelError,
    NotRecorded,
    Prices,
    Prompt,
    Request,
    Sampling,
)
from proposer.problems import Task
from verifier_service import wire
from verifier_service.model import (
    CallOptions,
    InvalidSpec,
    Outcome,
    ServiceError,
    Verdict,
    VerificationSpec,
)
from verifier_service.v1 import verdict_pb2

__all__ = ["Answer", "Attempt", "Desk", "Judge", "ModelAccess", "Sample", "first"]

_T = TypeVar("_T")
_LONGEST_WAIT_SECONDS: Final = 60.0


class Judge(Protocol):
    """The one method of `AsyncVerifier` and `LocalVerifier` that strategies need."""

    async def verify(
        self,
        spec: VerificationSpec,
        *,
        options: CallOptions | None = None,
        timeout_seconds: float | None = None,
    ) -> Verdict:
        """Judges one candidate; raises a `ServiceError` where there is no verdict."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A completion, and where in the strategy it stands."""

    place: str
    prompt: Prompt
    completion: Completion


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A sample, the candidate in it, and the verdict on that."""

    sample: Sample
    candidate: str | None
    """None where the completion holds none."""
    verdict: Verdict | None
    """None where there is no candidate, or none that the service takes."""

    @property
    def accepted(self) -> bool:
        """Whether the candidate was accepted."""
        return self.verdict is not None and self.verdict.outcome is Outcome.ACCEPTED

    @property
    def is_repairable(self) -> bool:
        """Whether it failed for a reason of its own, which the model can be told."""
        return self.verdict is None or self.verdict.outcome is Outcome.REJECTED

    @property
    def feedback(self) -> str:
        """What to tell the model about it."""
        return feedback(self.verdict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a strategy answers to a problem."""

    text: str
    """The accepted candidate, or what was voted."""
    place: str
    """Of the sample or judgement that it comes from."""
    accepted: bool = True
    """Whether the service accepted it; False for an answer that only a vote speaks for."""

    @classmethod
    def of(cls, attempt: Attempt) -> Answer | None:
        """The candidate, where it was accepted."""
        if not attempt.accepted or attempt.candidate is None:
            return None
        return cls(text=attempt.candidate, place=attempt.sample.place)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """How often a sample that failed is asked for again, and after how long."""

    maximum_attempts: int = 5
    initial_seconds: float = 0.5
    maximum_seconds: float = 20.0

    def wait_seconds(self, failures: int, error: ModelError) -> float:
        """How long to wait after so many failures; a server that says is obeyed, within reason."""
        if error.retry_after_seconds is not None:
            return min(error.retry_after_seconds, _LONGEST_WAIT_SECONDS)
        doubled = self.initial_seconds * 2.0 ** (failures - 1)
        return min(doubled, self.maximum_seconds) * random.uniform(0.5, 1.0)  # noqa: S311


class ModelAccess:
    """A model, and how many samples of it may be under way, shared by all problems.

    A sample counts as decoding until its completion is there, and as in hand until its verdict is:
    where verifying is what takes the time, sampling waits instead of piling up candidates.
    """

    def __init__(
        self,
        model: Model,
        *,
        decoding: int,
        in_hand: int,
        retries: Retries | None = None,
        prices: Prices | None = None,
    ) -> None:
        """Shares a model.

        Args:
            model: Who answers.
            decoding: Most requests at a time.
            in_hand: Most samples that are decoding or being judged.
            retries: Of samples that failed.
            prices: The most that a token costs, for budgets of money.
        """
        self.model = model
        self.decoding = asyncio.Semaphore(decoding)
        self.in_hand = asyncio.Semaphore(in_hand)
        self.retries = retries or Retries()
        self.prices = prices or Prices()


class Desk:
    """One problem's samples, verdicts and decisions.

    Every call has a *place*: a name that the strategy gives it, the same whenever it runs on the
    same record, such as `3` or `3/repair/1`. What the record holds for a place is returned as it
    is, and costs nothing again; so a strategy that is started again goes on where it was. What
    else could differ between runs, such as a random choice, is asked from `decide`.
    """

    def __init__(
        self,
        task: Task,
        *,
        record: CampaignRecord,
        access: ModelAccess,
        judge: Judge,
        purse: Purse,
        sampling: Sampling,
        seed: int,
        changed: Callable[[], None],
    ) -> None:
        """Made by the campaign, which charges what the record holds to the purse."""
        self.task = task
        self.domain: Domain = domain_of(task)
        self.sampling = sampling
        self._record = record
        self._access = access
        self._judge = judge
        self._purse = purse
        self._seed = seed
        self._changed = changed
        self._samples = {kept.place: kept for kept in record.samples(task.problem_id)}
        self._judgements = {kept.place: kept for kept in record.judgements(task.problem_id)}
        self._decisions = record.decisions(task.problem_id)
        self._used: set[str] = set()
        for kept in self._samples.values():
            if kept.completion is not None:
                purse.pay(_cost(kept.completion))
        for judgement in self._judgements.values():
            purse.pay(_cost_of_verdict(_kept_verdict(judgement)))

    @property
    def client(self) -> Judge:
        """Who judges, for what else it can do. That is not recorded, and must prove nothing."""
        return self._judge

    def pay(self, verifier_seconds: float) -> None:
        """Pays for work of the service beside verdicts."""
        self._purse.pay(Amount(verifier_seconds=verifier_seconds))

    async def ask(self, place: str, prompt: Prompt, sampling: Sampling | None = None) -> Sample:
        """One completion.

        Raises:
            BudgetSpent: It can't be paid.
            ModelError: The model gave none, however often it was asked.
        """
        request = Request(
            prompt=prompt,
            sampling=sampling or self.sampling,
            seed=self._seed_of(place),
            session=self.task.problem_id,
        )
        self._claim(f"ask {place}")
        kept = self._samples.get(place)
        if kept is not None and kept.request_digest != request.digest:
            raise RecordError(
                f"The record's sample {place!r} of {self.task.problem_id!r} answers another "
                "request: it was written by another version of the strategy or its prompts. "
                "Give another file."
            )
        if kept is not None and kept.completion is not None:
            return Sample(place=place, prompt=prompt, completion=kept.completion)
        most = self._most(request)
        await self._purse.reserve(most)
        cost = Amount()
        try:
            self._record.note_asked(self.task.problem_id, place, request)
            self._changed()
            completion = await self._complete(place, request)
            cost = _cost(completion)
            self._record.note_complete(self.task.problem_id, place, completion)
        except asyncio.CancelledError:
            self._record.note_cancelled(self.task.problem_id, place)
            raise
        finally:
            self._purse.settle(most, cost)
            self._changed()
        return Sample(place=place, prompt=prompt, completion=completion)

    async def judge(
        self, place: str, candidate: str, spec: VerificationSpec | None = None
    ) -> Verdict | None:
        """The verdict on a candidate; None where the service takes no such candidate.

        Args:
            place: Unique among the judgements of the problem.
            candidate: What to judge.
            spec: What to ask about it, where that is not the problem itself.

        Raises:
            ServiceError: There is no verdict, through no fault of the candidate's.
        """
        spec = spec or self.task.spec_for(candidate, place)
        digest = _digest(spec)
        self._claim(f"judge {place}")
        kept = self._judgements.get(place)
        if kept is not None and kept.spec_digest == digest and kept.outcome != "ERROR":
            return _kept_verdict(kept)
        noted = KeptJudgement(
            place=place,
            candidate=candidate,
            spec_digest=digest,
            outcome="ERROR",
            reason="",
            message="",
        )
        try:
            verdict = await self._judge.verify(
                spec, options=CallOptions(session_id=self.task.problem_id)
            )
        except ServiceError as error:
            if isinstance(error, InvalidSpec) and _is_the_candidates(error):
                self._note(noted, outcome="UNUSABLE", reason=error.reason, message=str(error))
                return None
            self._note(noted, outcome="ERROR", reason=error.reason, message=str(error))
            raise
        self._purse.pay(_cost_of_verdict(verdict))
        self._note(
            noted,
            outcome=verdict.outcome.name,
            reason=verdict.reason,
            message=verdict.summary,
            verdict=wire.verdict_to_proto(verdict).SerializeToString(deterministic=True),
        )
        return verdict

    async def attempt(
        self, place: str, prompt: Prompt, sampling: Sampling | None = None
    ) -> Attempt:
        """One completion, the candidate in it, and the verdict on that.

        Raises:
            BudgetSpent, ModelError, ServiceError: As `ask` and `judge`.
        """
        async with self._access.in_hand:
            sample = await self.ask(place, prompt, sampling)
            candidate = self.domain.extract(sample.completion.text, self.task.entry_point)
            if candidate is None:
                self._note_no_candidate(sample)
                return Attempt(sample=sample, candidate=None, verdict=None)
            verdict = await self.judge(place, candidate)
        return Attempt(sample=sample, candidate=candidate, verdict=verdict)

    def note_partial(self, place: str, source: str, message: str) -> None:
        """Writes what came of a candidate that was repaired, and is no whole proof yet.

        Args:
            place: Unique among the judgements of the problem.
            source: The text with holes.
            message: What is left, for people.
        """
        kept = KeptJudgement(
            place=place,
            candidate=source,
            spec_digest=_digest(self.task.spec_for(source, place)),
            outcome="PARTIAL",
            reason="holes-left",
            message=message,
        )
        self._record.note_judgement(self.task.problem_id, kept)
        self._changed()

    def decide(self, place: str, choose: Callable[[], str]) -> str:
        """What is chosen at this place; chosen once, then read from the record."""
        self._claim(f"decide {place}")
        if place not in self._decisions:
            value = choose()
            self._record.note_decision(self.task.problem_id, place, value)
            self._decisions[place] = value
        return self._decisions[place]

    async def _complete(self, place: str, request: Request) -> Completion:
        failures = 0
        while True:
            try:
                async with self._access.decoding:
                    return await self._access.model.complete(request)
            except NotRecorded as error:  # where a replay ends, its budget is spent
                self._record.note_failure(self.task.problem_id, place, f"{error.reason}: {error}")
                raise BudgetSpent("recorded samples", "replay's") from error
            except ModelError as error:
                failures += 1
                self._record.note_failure(self.task.problem_id, place, f"{error.reason}: {error}")
                self._changed()
                if not error.retryable or failures >= self._access.retries.maximum_attempts:
                    raise
                wait = self._access.retries.wait_seconds(failures, error)
            await asyncio.sleep(wait)

    def _note_no_candidate(self, sample: Sample) -> None:
        text = sample.completion.text
        message = (
            "The completion holds no candidate." if text.strip() else "The completion is empty."
        )
        if sample.place not in self._judgements:
            kept = KeptJudgement(
                place=sample.place,
                candidate=None,
                spec_digest="",
                outcome="NO_CANDIDATE",
                reason="no-candidate" if text.strip() else "empty-completion",
                message=message,
            )
            self._record.note_judgement(self.task.problem_id, kept)
            self._changed()

    def _note(self, judgement: KeptJudgement, **ended: Any) -> None:
        self._record.note_judgement(self.task.problem_id, replace(judgement, **ended))
        self._changed()

    def _claim(self, call: str) -> None:
        if call in self._used:
            raise AssertionError(f"the strategy uses a place twice: {call}")
        self._used.add(call)

    def _seed_of(self, place: str) -> int:
        text = f"{self._seed}/{self.task.problem_id}/{place}"
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
        return int.from_bytes(digest[:4], "big") >> 1  # servers take 31 bits

    def _most(self, request: Request) -> Amount:
        tokens = request.sampling.max_tokens
        return Amount(
            samples=1, tokens=tokens, money=tokens * self._access.prices.completion / 1_000_000
        )


async def first(attempts: Iterable[Awaitable[Answer | None]]) -> Answer | None:
    """The first answer there is; cancels what is still under way. None where all end without.

    Where one fails, the others are still waited for: an answer is worth more than an error, and
    without one the first error is raised. A budget that is spent is such an error.
    """
    tasks = {asyncio.ensure_future(attempt) for attempt in attempts}
    errors: list[BaseException] = []
    left = tasks
    try:
        while left:
            done, left = await asyncio.wait(left, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                if (error := task.exception()) is not None:
                    errors.append(error)
                elif (answer := task.result()) is not None:
                    return answer
    finally:
        for task in left:
            task.cancel()
        if left:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait(left)
    if errors:
        raise errors[0]
    return None


def _is_the_candidates(error: InvalidSpec) -> bool:
    """Whether nothing is wrong with a spec but its candidate."""
    return all(
        violation.field.removeprefix("spec.").startswith("candidate")
        for violation in error.violations
    )


def _digest(spec: VerificationSpec) -> str:
    message = wire.spec_to_proto(spec)
    message.problem.problem_id = message.candidate.candidate_id = ""
    return hashlib.sha256(message.SerializeToString(deterministic=True)).hexdigest()


def _cost(completion: Completion) -> Amount:
    return Amount(samples=1, tokens=completion.usage.completion_tokens, money=completion.cost)


def _cost_of_verdict(verdict: Verdict | None) -> Amount:
    if verdict is None or verdict.provenance.from_cache:
        return Amount()
    return Amount(verifier_seconds=verdict.provenance.usage.wall_seconds)


def _kept_verdict(kept: KeptJudgement) -> Verdict | None:
    if kept.verdict is None:
        return None
    return wire.verdict_from_proto(verdict_pb2.Verdict.FromString(kept.verdict))
