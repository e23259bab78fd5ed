"""BatchVerify, over a real channel."""

from __future__ import annotations

from collections.abc import AsyncIterable

import pytest

from tests.server.calls import failure
from tests.server.conftest import Serve, Service
from tests.server.scripted import spec
from verifier_service import wire
from verifier_service.model import (
    CallOptions,
    Cancelled,
    InvalidSpec,
    SandboxLost,
    ServiceError,
    StopRule,
    Verdict,
)
from verifier_service.v1 import verifier_pb2


def batch_request(
    *sources: str, stop_rule: StopRule | None = None
) -> verifier_pb2.BatchVerifyRequest:
    return verifier_pb2.BatchVerifyRequest(
        specs=[wire.spec_to_proto(spec(source)) for source in sources],
        options=wire.options_to_proto(CallOptions(session_id="batch")),
        stop_rule=None if stop_rule is None else wire.stop_rule_to_proto(stop_rule),
    )


async def results_of(
    call: AsyncIterable[verifier_pb2.BatchVerifyResponse],
) -> dict[int, Verdict | ServiceError]:
    results: dict[int, Verdict | ServiceError] = {}
    async for response in call:
        assert response.index not in results
        if response.HasField("error"):
            results[response.index] = wire.error_from_status(response.error)
        else:
            results[response.index] = wire.verdict_from_proto(response.verdict)
    return results


async def test_every_spec_gets_one_result(service: Service) -> None:
    request = batch_request("accept 1", "reject 2", "lost 3", "accept 1")

    results = await results_of(service.stub.BatchVerify(request))

    reasons = {index: getattr(result, "reason", "") for index, result in results.items()}
    assert reasons == {0: "tests-passed", 1: "wrong-answer", 2: "SANDBOX_LOST", 3: "tests-passed"}
    assert isinstance(results[2], SandboxLost)


async def test_a_bad_spec_fails_alone_and_keeps_its_index(service: Service) -> None:
    request = batch_request("accept 1", "accept 2", "accept 3")
    request.specs[1].ClearField("problem")
    request.specs[2].candidate.source = ""

    results = await results_of(service.stub.BatchVerify(request))

    assert isinstance(results[0], Verdict)
    for index, field in ((1, "spec.problem.criterion"), (2, "spec.candidate.source")):
        error = results[index]
        assert isinstance(error, InvalidSpec)
        assert [violation.field for violation in error.violations] == [field]


async def test_a_batch_stops_at_the_first_acceptance(serve: Serve) -> None:
    service = await serve(slots=1)
    request = batch_request(
        "reject 1", "accept 2", "wait 3", "wait 4", stop_rule=StopRule(accepted_count=1)
    )

    results = await results_of(service.stub.BatchVerify(request))

    assert isinstance(results[1], Verdict)
    assert isinstance(results[2], Cancelled)
    assert isinstance(results[3], Cancelled)
    await service.executor.is_running(0)


async def test_cancelling_a_batch_leaves_nothing_running(service: Service) -> None:
    call = service.stub.BatchVerify(batch_request("wait 1", "wait 2"))
    await service.executor.is_running(2)

    call.cancel()

    await service.executor.is_running(0)


async def test_a_batch_that_is_too_large_is_refused(serve: Serve) -> None:
    service = await serve(maximum_batch_size=2)

    error = await failure(service.stub.BatchVerify(batch_request("a", "b", "c")))

    assert [violation.field for violation in error.violations] == ["specs"]
    assert service.executor.began == []


async def test_two_of_one_name_are_refused(service: Service) -> None:
    named = wire.spec_to_proto(spec("accept", problem_id="p", candidate_id="c"))

    error = await failure(
        service.stub.BatchVerify(verifier_pb2.BatchVerifyRequest(specs=[named, named]))
    )

    assert isinstance(error, InvalidSpec)


@pytest.mark.parametrize("rule", [{"accepted_count": -1}, {"rejected_count": -1}])
async def test_a_negative_stop_rule_is_refused(service: Service, rule: dict[str, int]) -> None:
    request = batch_request("accept")
    request.stop_rule.CopyFrom(verifier_pb2.StopRule(**rule))

    assert isinstance(await failure(service.stub.BatchVerify(request)), InvalidSpec)
