"""Verifications and verdicts as rows of the database, and back."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from google.protobuf import message

from verifier_service import wire
from verifier_service.google_rpc import status_pb2
from verifier_service.model import ServiceError, State, Verdict, Verification
from verifier_service.store import StoreError
from verifier_service.v1 import problem_pb2, verdict_pb2, verifier_pb2

__all__ = ["SELECTED", "Row", "StoredProblem", "row_of", "verdict_of", "verification_of"]

SELECTED: Final = (
    "v.id, v.state, v.create_time, v.end_time, v.session_id, v.spec, p.body, v.verdict, v.error"
)
"""The columns of a `Row`."""
Row = tuple[str, str, float, float | None, str, bytes, bytes, bytes | None, bytes | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredProblem:
    """A criterion, and the key under which it is kept once."""

    key: bytes
    body: bytes


def row_of(verification: Verification) -> tuple[StoredProblem, dict[str, object]]:
    """What to write of a verification."""
    problem, spec = _spec_parts(verification)
    verdict, error = verification.verdict, verification.error
    return problem, {
        "id": verification.verification_id,
        "problem_id": verification.spec.problem.problem_id,
        "session_id": verification.session_id,
        "state": verification.state.value,
        "over": int(verification.state.over),
        "begun": int(verification.state is State.RUNNING),
        "outcome": None if verdict is None else verdict.outcome.value,
        "create_time": verification.create_time,
        "end_time": verification.end_time,
        "spec": spec,
        "verdict": None if verdict is None else wire.verdict_to_proto(verdict).SerializeToString(),
        "error": None if error is None else wire.status_to_proto(error).SerializeToString(),
    }


def _spec_parts(verification: Verification) -> tuple[StoredProblem, bytes]:
    """The criterion, which many share, and the rest."""
    spec = wire.spec_to_proto(verification.spec)
    problem = problem_pb2.Problem()
    problem.CopyFrom(spec.problem)
    problem.ClearField("problem_id")
    body = problem.SerializeToString()
    for field in problem.DESCRIPTOR.oneofs_by_name["criterion"].fields:
        spec.problem.ClearField(field.name)  # type: ignore[arg-type]  # one of its fields
    key = hashlib.sha256(body).digest()
    return StoredProblem(key=key, body=body), spec.SerializeToString()


def verification_of(row: Row) -> Verification:
    """Reads a row.

    Raises:
        StoreError: It holds what this version can't read.
    """
    id_, state, create_time, end_time, session_id, spec, problem, verdict, error = row
    try:
        message_ = verifier_pb2.VerificationSpec.FromString(spec)
        message_.problem.MergeFromString(problem)
        return Verification(
            verification_id=id_,
            spec=wire.spec_from_proto(message_),
            state=State(state),
            create_time=create_time,
            end_time=end_time,
            session_id=session_id,
            verdict=None if verdict is None else verdict_of(verdict),
            error=None if error is None else _error_of(error),
        )
    except (ServiceError, message.DecodeError, ValueError) as fault:
        raise _unreadable(f"verification {id_}", fault) from fault


def verdict_of(stored: bytes) -> Verdict:
    """Reads a verdict.

    Raises:
        StoreError: It is none that this version can read.
    """
    try:
        return wire.verdict_from_proto(verdict_pb2.Verdict.FromString(stored))
    except (ServiceError, message.DecodeError) as fault:
        raise _unreadable("a verdict", fault) from fault


def _error_of(stored: bytes) -> ServiceError:
    return wire.error_from_status(status_pb2.Status.FromString(stored))


def _unreadable(what: str, fault: Exception) -> StoreError:
    return StoreError(
        f"The store holds {what} that can't be read ({type(fault).__name__}). The file may be "
        "damaged, or written by a newer version; upgrade the program, or move the file away."
    )
