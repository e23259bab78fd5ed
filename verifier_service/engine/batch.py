"""Many specs in one call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field

from verifier_service.engine.faults import fault_of
from verifier_service.engine.tasks import Tasks
from verifier_service.model import (
    Cancelled,
    Outcome,
    ServiceError,
    StopRule,
    Verdict,
    VerificationSpec,
    Violation,
)

__all__ = ["Batch", "BatchResult", "check_batch"]

BatchResult = tuple[int, Verdict | ServiceError]
"""The index of a spec, and its conclusion or why there is none."""

Judge = Callable[[VerificationSpec], Awaitable[Verdict]]


def check_batch(
    specs: Sequence[VerificationSpec], stop_rule: StopRule, *, maximum_size: int
) -> list[Violation]:
    """Says what is wrong with a batch as a whole."""
    violations = []
    if len(specs) > maximum_size:
        violations.append(
            Violation("specs", f"are {len(specs)}. Send at most {maximum_size} in one batch.")
        )
    return [*violations, *_check_stop_rule(stop_rule), *_check_unique(specs[:maximum_size])]


def _check_stop_rule(rule: StopRule) -> list[Violation]:
    return [
        Violation(f"stop_rule.{name}", f"is {count}. Ask for 1 or more, or for 0 to never stop.")
        for name, count in (
            ("accepted_count", rule.accepted_count),
            ("rejected_count", rule.rejected_count),
        )
        if count < 0
    ]


def _check_unique(specs: Sequence[VerificationSpec]) -> list[Violation]:
    first: dict[tuple[str, str], int] = {}
    violations = []
    for index, spec in enumerate(specs):
        candidate_id = spec.candidate.candidate_id
        seen = first.setdefault((spec.problem.problem_id, candidate_id), index)
        if candidate_id and seen != index:
            violations.append(
                Violation(
                    f"specs[{index}].candidate.candidate_id",
                    f"is that of specs[{seen}] for the same problem_id. Give each its own.",
                )
            )
    return violations


@dataclass(slots=True, kw_only=True)
class Batch:
    """Works through specs with a bounded number in hand, and stops when it has seen enough."""

    specs: Sequence[VerificationSpec]
    judge: Judge
    stop_rule: StopRule
    window: int
    tasks: Tasks
    _results: asyncio.Queue[BatchResult] = field(default_factory=asyncio.Queue)
    _accepted: int = 0
    _rejected: int = 0

    async def results(self) -> AsyncGenerator[BatchResult, None]:
        """One result for each spec, as they are ready; closing it ends what still runs."""
        remaining = set(range(len(self.specs)))
        pending = iter(enumerate(self.specs))
        workers = [
            self.tasks.spawn(self._work(pending)) for _ in range(min(self.window, len(self.specs)))
        ]
        try:
            while remaining and not self._enough:
                index, result = await self._results.get()
                remaining.discard(index)
                self._count(result)
                yield index, result
        finally:
            await _end(workers)
        async for index, result in self._rest(remaining):
            yield index, result

    async def _rest(self, remaining: set[int]) -> AsyncGenerator[BatchResult, None]:
        """What was ready when the rule was met, then what was not."""
        while not self._results.empty():
            index, result = self._results.get_nowait()
            remaining.discard(index)
            yield index, result
        for index in sorted(remaining):
            yield index, Cancelled("The batch's stop rule was met before this one had its verdict.")

    @property
    def _enough(self) -> bool:
        rule = self.stop_rule
        return (0 < rule.accepted_count <= self._accepted) or (
            0 < rule.rejected_count <= self._rejected
        )

    def _count(self, result: Verdict | ServiceError) -> None:
        if isinstance(result, Verdict):
            self._accepted += result.outcome is Outcome.ACCEPTED
            self._rejected += result.outcome is Outcome.REJECTED

    async def _work(self, pending: Iterator[tuple[int, VerificationSpec]]) -> None:
        for index, spec in pending:
            self._results.put_nowait((index, await self._result(spec)))
            await asyncio.sleep(0)  # a row of specs that fail at once must not hold up the loop

    async def _result(self, spec: VerificationSpec) -> Verdict | ServiceError:
        try:
            return await self.judge(spec)
        except ServiceError as error:
            return error
        except Exception as error:  # noqa: BLE001 - one item's trouble must not leave the others without results
            return fault_of(error, "The engine")


async def _end(workers: Sequence[asyncio.Task[None]]) -> None:
    """Cancels, and returns when all have ended."""
    for worker in workers:
        worker.cancel()
    if workers:
        await asyncio.wait(workers)
