"""What comes back when many candidates are judged in one call."""

from __future__ import annotations

from dataclasses import dataclass

from verifier_service.model import ServiceError, Verdict

__all__ = ["BatchItem", "StreamItem"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Item:
    verdict: Verdict | None = None
    error: ServiceError | None = None

    @property
    def result(self) -> Verdict | ServiceError:
        """The one that there is."""
        result = self.verdict or self.error
        if result is None:
            raise AssertionError("an item holds a verdict or an error")
        return result

    def unwrap(self) -> Verdict:
        """The verdict; raises the error where there is none."""
        result = self.result
        if isinstance(result, ServiceError):
            raise result
        return result


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchItem(_Item):
    """What became of one spec of a batch: a verdict, or the error that kept it from one."""

    index: int
    """Place of the spec in the batch, from 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamItem(_Item):
    """The end of one ticket of a stream: a verdict, or the error that kept it from one."""

    ticket: str
