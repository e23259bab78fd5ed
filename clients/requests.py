"""Requests and answers of the unary calls, shared by both clients. Pure."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from clients.results import BatchItem
from verifier_service import wire
from verifier_service.model import (
    CallOptions,
    Cancelled,
    Outcome,
    Progress,
    StopRule,
    Verification,
    VerificationFilter,
    VerificationSpec,
)
from verifier_service.v1 import verdict_pb2, verifier_pb2

__all__ = [
    "Remaining",
    "batch_item",
    "list_request",
    "listing",
    "resource_name",
    "start_request",
    "verify_request",
    "watch_event",
]

_PREFIX = "verifications/"


def verify_request(
    spec: VerificationSpec, options: CallOptions | None
) -> verifier_pb2.VerifyRequest:
    """Request of Verify."""
    return verifier_pb2.VerifyRequest(spec=wire.spec_to_proto(spec), options=_options(options))


def start_request(
    spec: VerificationSpec, options: CallOptions | None, request_id: str | None
) -> verifier_pb2.StartVerificationRequest:
    """Request of StartVerification; with an id, so that trying twice starts one verification."""
    return verifier_pb2.StartVerificationRequest(
        spec=wire.spec_to_proto(spec),
        options=_options(options),
        request_id=request_id or str(uuid.uuid4()),
    )


def list_request(
    wanted: VerificationFilter, page_size: int, page_token: str
) -> verifier_pb2.ListVerificationsRequest:
    """Request of ListVerifications."""
    outcome = verdict_pb2.OUTCOME_UNSPECIFIED
    if wanted.outcome is not None:
        outcome = verdict_pb2.Outcome.Value(f"OUTCOME_{wanted.outcome.name}")
    return verifier_pb2.ListVerificationsRequest(
        page_size=page_size,
        page_token=page_token,
        problem_id=wanted.problem_id,
        session_id=wanted.session_id,
        outcome=outcome,
    )


def listing(problem_id: str, session_id: str, outcome: Outcome | None) -> VerificationFilter:
    """What to list."""
    return VerificationFilter(problem_id=problem_id, session_id=session_id, outcome=outcome)


def resource_name(verification_id: str) -> str:
    """The name of a verification, from its id or its name."""
    return _PREFIX + verification_id.removeprefix(_PREFIX)


def watch_event(
    response: verifier_pb2.WatchVerificationResponse,
) -> Verification | Progress | None:
    """What a watcher was told; None for an event of a later version."""
    match response.WhichOneof("event"):
        case "verification":
            return wire.verification_from_proto(response.verification)
        case "progress":
            return wire.progress_from_proto(response.progress)
        case _:
            return None


def batch_item(response: verifier_pb2.BatchVerifyResponse, index: int) -> BatchItem:
    """One result, under the index that its spec has with the caller."""
    if response.WhichOneof("result") == "verdict":
        return BatchItem(index=index, verdict=wire.verdict_from_proto(response.verdict))
    return BatchItem(index=index, error=wire.error_from_status(response.error))


class Remaining:
    """The specs of a batch that have no result, over as many calls as it takes."""

    def __init__(
        self,
        specs: Sequence[VerificationSpec],
        options: CallOptions | None,
        stop_rule: StopRule | None,
    ) -> None:
        self._specs = dict(enumerate(wire.spec_to_proto(spec) for spec in specs))
        self._options = _options(options)
        self._stop_rule = stop_rule or StopRule()
        self._asked: list[int] = []
        self._accepted = 0
        self._rejected = 0

    def __bool__(self) -> bool:
        return bool(self._specs)

    def request(self) -> verifier_pb2.BatchVerifyRequest:
        """Asks for what has no result."""
        self._asked = list(self._specs)
        rule = StopRule(
            accepted_count=_left(self._stop_rule.accepted_count, self._accepted),
            rejected_count=_left(self._stop_rule.rejected_count, self._rejected),
        )
        return verifier_pb2.BatchVerifyRequest(
            specs=self._specs.values(),
            options=self._options,
            stop_rule=wire.stop_rule_to_proto(rule),
        )

    def receive(self, response: verifier_pb2.BatchVerifyResponse) -> BatchItem | None:
        """Takes in a result; None where it is none that was asked for."""
        if not 0 <= response.index < len(self._asked):
            return None
        index = self._asked[response.index]
        if self._specs.pop(index, None) is None:
            return None
        self._accepted += response.verdict.outcome == verdict_pb2.OUTCOME_ACCEPTED
        self._rejected += response.verdict.outcome == verdict_pb2.OUTCOME_REJECTED
        return batch_item(response, index)

    def stopped(self) -> list[BatchItem]:
        """Ends the rest, if the stop rule was met and the server had no time to say so."""
        rule = self._stop_rule
        if not (0 < rule.accepted_count <= self._accepted) and not (
            0 < rule.rejected_count <= self._rejected
        ):
            return []
        rest, self._specs = list(self._specs), {}
        return [BatchItem(index=i, error=Cancelled("The batch's stop rule was met.")) for i in rest]


def _options(options: CallOptions | None) -> verifier_pb2.CallOptions | None:
    return None if options is None else wire.options_to_proto(options)


def _left(wanted: int, seen: int) -> int:
    return wanted - seen if wanted > 0 else wanted
