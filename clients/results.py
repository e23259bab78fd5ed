"""What comes back when many candidates are judged in one call."""

from __future__ import annotations

from dataclasses import dataclass

from verifier_service.model import ServiceError, Verdict

__all__ = ["BatchItem", "StreamItem"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchItem:
    """What became of one spec of a batch: a verdict, or the error that kept it from one."""

    index: int
    """Place of the spec in the batch, from 0."""
    verdict: Verdict | None = None
    error: ServiceError | None = None

    def unwrap(self) -> Verdict:
        """The verdict; raises the error where there is none."""
        return _unwrap(self.verdict, self.error)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamItem:
    """The end of one ticket of a stream: a verdict, or the error that kept it from one."""

    ticket: str
    verdict: Verdict | None = None
    error: ServiceError | None = None

    def unwrap(self) -> Verdict:
        """The verdict; raises the error where there is none."""
        return _unwrap(self.verdict, self.error)


def _unwrap(verdict: Verdict | None, error: ServiceError | None) -> Verdict:
    if error is not None:
        raise error
    if verdict is None:
        raise AssertionError("an item holds a verdict or an error")
    return verdict
