"""Has a service judge many specs, in order, in calls that it takes."""

from __future__ import annotations

import itertools
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Final, Protocol

from clients import BatchItem
from verifier_service.model import Candidate, ServiceError, Verdict, VerificationSpec

__all__ = ["BatchVerifier", "judged"]

_PER_CALL: Final = 200
"""Specs of one call; servers take 1000 unless told otherwise."""


class BatchVerifier(Protocol):
    """A client of a service, in this process or elsewhere."""

    def batch(self, specs: Sequence[VerificationSpec]) -> AsyncGenerator[BatchItem, None]:
        """Judges many candidates; yields one result for each, in any order."""
        ...


async def judged(
    verifier: BatchVerifier, specs: Iterable[VerificationSpec]
) -> list[Verdict | ServiceError]:
    """The verdict on each spec, or the error that kept it from one, in the order of the specs.

    Candidates' names count for nothing: one candidate may be asked about several times.
    """
    results: list[Verdict | ServiceError] = []
    remaining = (replace(spec, candidate=Candidate(source=spec.candidate.source)) for spec in specs)
    while chunk := list(itertools.islice(remaining, _PER_CALL)):
        by_index: dict[int, Verdict | ServiceError] = {}
        async with aclosing(verifier.batch(chunk)) as items:
            async for item in items:
                by_index[item.index] = item.result
        results += [by_index[index] for index in range(len(chunk))]
    return results
