"""Unary calls, over a real channel."""

from __future__ import annotations

import logging
from typing import Any

import grpc
import pytest

from tests.server.calls import failure, verify_request
from tests.server.conftest import Serve, Service
from verifier_service import wire
from verifier_service.model import (
    ERRORS_BY_REASON,
    DeadlineExceeded,
    ExecutorFault,
    InvalidSpec,
    Outcome,
    QueueFull,
    SandboxLost,
    ServiceError,
    UnknownVerification,
    Verdict,
    Violation,
)
from verifier_service.server import VerifierServer
from verifier_service.settings import Settings
from verifier_service.v1 import verdict_pb2, verifier_pb2, verifier_pb2_grpc

VERIFY = "/verifier_service.v1.VerifierService/Verify"


async def test_a_verdict_reaches_the_client(service: Service) -> None:
    response = await service.stub.Verify(verify_request("accept"))

    verdict = wire.verdict_from_proto(response.verdict)
    assert (verdict.outcome, verdict.reason) == (Outcome.ACCEPTED, "tests-passed")
    assert verdict.provenance.environment.startswith("scripted@")


async def test_an_equal_request_is_answered_from_the_store(service: Service) -> None:
    await service.stub.Verify(verify_request("accept"))
    response = await service.stub.Verify(verify_request("accept"))

    assert response.verdict.provenance.from_cache
    assert service.executor.began == ["accept"]


async def test_text_that_utf_8_can_t_say_does_not_end_the_call(service: Service) -> None:
    response = await service.stub.Verify(verify_request("surrogate"))

    assert response.verdict.summary == "Got '\\ud800'."


async def test_all_violations_of_spec_and_options_come_at_once(service: Service) -> None:
    request = verifier_pb2.VerifyRequest()
    request.spec.limits.wall_time.seconds = 10**6
    request.options.cache_policy = 9  # type: ignore[assignment]
    request.options.max_cases_reported = -1

    error = await failure(service.stub.Verify(request))

    assert isinstance(error, InvalidSpec)
    assert {violation.field for violation in error.violations} == {
        "spec.problem.criterion",
        "spec.candidate.source",
        "spec.limits.wall_time",
        "options.cache_policy",
        "options.max_cases_reported",
    }


class _FailingEngine:
    """Ends every verification with one error."""

    def __init__(self, engine: Any, error: Exception) -> None:
        self._engine, self._error = engine, error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    async def verify(self, *_: object, **__: object) -> Verdict:
        raise self._error


async def stub_for_error(
    service: Service, tmp_path: Any, error: Exception
) -> tuple[VerifierServer, verifier_pb2_grpc.VerifierServiceAsyncStub, grpc.aio.Channel]:
    settings = Settings(address=f"unix:{tmp_path}/failing.sock")
    server = VerifierServer(_FailingEngine(service.engine, error), settings)
    await server.start()
    channel = grpc.aio.insecure_channel(server.address)
    return server, verifier_pb2_grpc.VerifierServiceStub(channel), channel


@pytest.mark.parametrize("reason", sorted(ERRORS_BY_REASON))
async def test_every_error_reaches_the_client_whole(
    service: Service, tmp_path: Any, reason: str
) -> None:
    sent = ERRORS_BY_REASON[reason](
        "It says no: ü.",
        retry_after_seconds=1.5,
        violations=(Violation("candidate.source", "is bad."),),
        fact="7",
    )
    server, stub, channel = await stub_for_error(service, tmp_path, sent)

    error = await failure(stub.Verify(verify_request("accept")))

    assert type(error) is ERRORS_BY_REASON[reason]
    assert (str(error), error.facts) == (str(sent), sent.facts)
    assert (error.retry_after_seconds, error.violations) == (1.5, sent.violations)
    await channel.close()
    await server.stop()


async def test_a_bug_of_ours_is_internal_and_logged_without_the_candidate(
    service: Service, tmp_path: Any, caplog: pytest.LogCaptureFixture
) -> None:
    bug = RuntimeError("the candidate was: print('secret')")
    server, stub, channel = await stub_for_error(service, tmp_path, bug)

    with caplog.at_level(logging.ERROR):
        error = await failure(stub.Verify(verify_request("accept")))

    assert isinstance(error, ExecutorFault)
    assert error.facts["type"] == "RuntimeError"
    [record] = caplog.records
    assert error.facts["fault"] in str(record.msg)
    assert "test_unary.py" in str(record.msg)
    assert "secret" not in caplog.text + str(error)
    await channel.close()
    await server.stop()


async def test_an_error_too_long_for_metadata_is_cut_to_its_first_violations(
    service: Service, tmp_path: Any
) -> None:
    violations = [Violation(f"limits.field_{i}", "ü" * 100) for i in range(500)]
    server, stub, channel = await stub_for_error(service, tmp_path, InvalidSpec.of(violations))

    error = await failure(stub.Verify(verify_request("accept")))

    assert error.violations[0] == violations[0]
    assert "are left out" in error.violations[-1].description
    await channel.close()
    await server.stop()


async def test_a_fault_of_an_executor_never_quotes_the_candidate(service: Service) -> None:
    error = await failure(service.stub.Verify(verify_request("crash secret")))

    assert isinstance(error, ExecutorFault)
    assert "secret" not in str(error)


async def test_a_lost_sandbox_is_an_error_and_no_verdict(service: Service) -> None:
    error = await failure(service.stub.Verify(verify_request("lost")))

    assert isinstance(error, SandboxLost)
    assert service.executor.began == ["lost", "lost"]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\x0a\x04\x1a\x02\xff\xfe", id="invalid-utf-8"),
        pytest.param(b"\xff" * 9, id="garbage"),
        pytest.param(b"\x0a\x7f", id="cut-off"),
    ],
)
async def test_what_can_t_be_read_is_a_bad_request(service: Service, data: bytes) -> None:
    send_raw: Any = service.channel.unary_unary(VERIFY, request_serializer=lambda raw: raw)

    error = await failure(send_raw(data))

    assert isinstance(error, InvalidSpec)
    assert [violation.field for violation in error.violations] == ["request"]


async def test_a_message_that_is_too_large_is_a_bad_request(service: Service) -> None:
    error = await failure(service.stub.Verify(verify_request("x" * 17 * 1024**2)))

    assert isinstance(error, InvalidSpec)
    assert "16777216" in str(error)


async def test_a_message_that_is_far_too_large_is_not_even_read(service: Service) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await service.stub.Verify(verify_request("x" * 33 * 1024**2))

    assert raised.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_a_candidate_that_is_too_long_is_a_bad_request(service: Service) -> None:
    error = await failure(service.stub.Verify(verify_request("x" * (1024**2 + 1))))

    assert [violation.field for violation in error.violations] == ["spec.candidate.source"]


async def test_cancelling_the_call_leaves_nothing_running(service: Service) -> None:
    call = service.stub.Verify(verify_request("wait"))
    await service.executor.is_running(1)

    call.cancel()

    await service.executor.is_running(0)


async def test_a_passed_deadline_leaves_nothing_running(service: Service) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await service.stub.Verify(verify_request("wait"), timeout=0.1)

    assert raised.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    await service.executor.is_running(0)


async def test_a_call_ends_with_the_server_s_own_deadline(serve: Serve) -> None:
    service = await serve(max_call_seconds=0.05)

    error = await failure(service.stub.Verify(verify_request("wait")))

    assert isinstance(error, DeadlineExceeded)
    await service.executor.is_running(0)


async def test_too_many_calls_are_told_when_to_come_back(serve: Serve) -> None:
    service = await serve(max_concurrent_calls=1)
    first = service.stub.Verify(verify_request("wait"))
    await service.executor.is_running(1)

    error = await failure(service.stub.Verify(verify_request("accept")))

    assert isinstance(error, QueueFull)
    assert error.retry_after_seconds == 1.0
    service.executor.release.set()
    assert (await first).verdict.reason == "tests-passed"


async def test_a_finished_call_makes_room(serve: Serve) -> None:
    service = await serve(max_concurrent_calls=1)

    for index in range(3):
        assert await service.stub.Verify(verify_request(f"accept {index}"))


async def test_every_call_is_logged_once_without_the_candidate(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        await service.stub.Verify(verify_request("accept secret", session_id="run-7"))

    [event] = [r.msg for r in caplog.records if r.name == "verifier_service.server.calls"]
    assert isinstance(event, dict)
    assert {key: event[key] for key in ("event", "method", "code", "session")} == {
        "event": "call",
        "method": "Verify",
        "code": "OK",
        "session": "run-7",
    }
    assert "secret" not in caplog.text


async def test_capabilities(service: Service) -> None:
    response = await service.stub.GetCapabilities(verifier_pb2.GetCapabilitiesRequest())

    capabilities = wire.capabilities_from_proto(response)
    assert capabilities == service.engine.capabilities()
    assert capabilities.slot_count == 4


# Verifications that outlive the call --------------------------------------------------------------


def start_request(source: str, request_id: str = "") -> verifier_pb2.StartVerificationRequest:
    asked = verify_request(source, session_id="s")
    return verifier_pb2.StartVerificationRequest(
        spec=asked.spec, options=asked.options, request_id=request_id
    )


async def test_a_started_verification_can_be_watched_to_its_end(service: Service) -> None:
    started = (await service.stub.StartVerification(start_request("wait"))).verification
    watching = service.stub.WatchVerification(
        verifier_pb2.WatchVerificationRequest(name=started.name)
    )
    await service.executor.is_running(1)
    service.executor.release.set()

    events = [event async for event in watching]

    assert events[0].verification.name == started.name
    last = events[-1].verification
    assert last.state == verifier_pb2.Verification.STATE_SUCCEEDED
    assert last.verdict.outcome == verdict_pb2.OUTCOME_ACCEPTED
    kept = await service.stub.GetVerification(
        verifier_pb2.GetVerificationRequest(name=started.name)
    )
    assert kept.verification.verdict == last.verdict


async def test_a_started_verification_can_be_cancelled(service: Service) -> None:
    started = (await service.stub.StartVerification(start_request("wait"))).verification
    await service.executor.is_running(1)

    await service.stub.CancelVerification(verifier_pb2.CancelVerificationRequest(name=started.name))

    await service.executor.is_running(0)
    kept = await service.stub.GetVerification(
        verifier_pb2.GetVerificationRequest(name=started.name)
    )
    assert kept.verification.state == verifier_pb2.Verification.STATE_CANCELLED


async def test_verifications_are_listed_by_session(service: Service) -> None:
    for source in ("accept 1", "reject 2"):
        started = await service.stub.StartVerification(start_request(source))
        watch = verifier_pb2.WatchVerificationRequest(name=started.verification.name)
        assert [event async for event in service.stub.WatchVerification(watch)]

    page = await service.stub.ListVerifications(
        verifier_pb2.ListVerificationsRequest(
            session_id="s", outcome=verdict_pb2.OUTCOME_REJECTED, page_size=5
        )
    )

    assert [one.spec.candidate.source for one in page.verifications] == ["reject 2"]


@pytest.mark.parametrize("method", ["GetVerification", "WatchVerification", "CancelVerification"])
@pytest.mark.parametrize(
    ("name", "error"),
    [("verifications/none", UnknownVerification), ("none", InvalidSpec), ("", InvalidSpec)],
)
async def test_a_name_that_is_none_is_refused(
    service: Service, method: str, name: str, error: type[ServiceError]
) -> None:
    request = getattr(verifier_pb2, f"{method}Request")(name=name)

    assert isinstance(await failure(getattr(service.stub, method)(request)), error)


@pytest.mark.parametrize(
    "request_to_list",
    [
        verifier_pb2.ListVerificationsRequest(page_size=-1),
        verifier_pb2.ListVerificationsRequest(page_token="nonsense"),
        verifier_pb2.ListVerificationsRequest(outcome=9),  # type: ignore[arg-type]
    ],
    ids=["page-size", "page-token", "outcome"],
)
async def test_a_listing_that_can_t_work_is_refused(
    service: Service, request_to_list: verifier_pb2.ListVerificationsRequest
) -> None:
    assert isinstance(await failure(service.stub.ListVerifications(request_to_list)), InvalidSpec)


async def test_a_request_id_that_is_no_uuid_is_refused(service: Service) -> None:
    error = await failure(service.stub.StartVerification(start_request("accept", "seven")))

    assert [violation.field for violation in error.violations] == ["request_id"]
