"""Translation between proto and model."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import subprocess
import sys

import pytest
from google.protobuf import any_pb2, json_format, message, text_format
from hypothesis import given
from hypothesis import strategies as st

from tests import strategies
from verifier_service import wire
from verifier_service.google_rpc import error_details_pb2, status_pb2
from verifier_service.model import (
    Assurance,
    CallOptions,
    Candidate,
    Capabilities,
    Code,
    Diagnostic,
    ExecutorFault,
    InvalidSpec,
    Limits,
    LogicProblem,
    Outcome,
    Problem,
    Progress,
    Provenance,
    PythonTests,
    QueueFull,
    Range,
    RequestedLimits,
    ResourceUsage,
    ServerUnreachable,
    ServiceError,
    Severity,
    State,
    StopRule,
    TestCode,
    UnknownEnvironment,
    Verdict,
    Verification,
    VerificationFilter,
    VerificationSpec,
)
from verifier_service.v1 import problem_pb2, verdict_pb2, verifier_pb2
from verifier_service.validation import CRITERION_NAMES, FORM_NAMES


def spec(**changes: object) -> VerificationSpec:
    made = VerificationSpec(
        problem=Problem(criterion=PythonTests(form=TestCode(source="assert f() == 1"))),
        candidate=Candidate(source="def f(): return 1"),
    )
    return dataclasses.replace(made, **changes)  # type: ignore[arg-type]


def fields_of(error: InvalidSpec) -> list[str]:
    return [violation.field for violation in error.violations]


# There and back -----------------------------------------------------------------------------------


@given(strategies.specs)
def test_a_spec_survives_the_wire(made: VerificationSpec) -> None:
    sent = wire.spec_to_proto(made).SerializeToString()

    assert wire.spec_from_proto(verifier_pb2.VerificationSpec.FromString(sent)) == made


@given(strategies.options)
def test_options_survive_the_wire(made: CallOptions) -> None:
    assert wire.options_from_proto(wire.options_to_proto(made)) == made


@given(strategies.verdicts)
def test_a_verdict_survives_the_wire(made: Verdict) -> None:
    sent = wire.verdict_to_proto(made).SerializeToString()

    assert wire.verdict_from_proto(verdict_pb2.Verdict.FromString(sent)) == made


@given(strategies.verdicts)
def test_a_verdict_survives_json(made: Verdict) -> None:
    text = json_format.MessageToJson(wire.verdict_to_proto(made))

    assert wire.verdict_from_proto(json_format.Parse(text, verdict_pb2.Verdict())) == made


@given(strategies.verifications)
def test_a_verification_survives_the_wire(made: Verification) -> None:
    assert wire.verification_from_proto(wire.verification_to_proto(made)) == made


@given(strategies.progress)
def test_progress_survives_the_wire(made: Progress) -> None:
    assert wire.progress_from_proto(wire.progress_to_proto(made)) == made


@given(strategies.limits)
def test_limits_survive_the_wire(made: Limits) -> None:
    assert wire.limits_from_proto(wire.limits_to_proto(made)) == made


@given(strategies.capabilities)
def test_capabilities_survive_the_wire(made: Capabilities) -> None:
    assert wire.capabilities_from_proto(wire.capabilities_to_proto(made)) == made


@given(strategies.errors())
def test_an_error_survives_the_wire(made: ServiceError) -> None:
    read = wire.error_from_status(wire.status_to_proto(made))

    assert type(read) is type(made)
    assert (str(read), read.facts) == (str(made), made.facts)
    assert (read.retry_after_seconds, read.violations) == (
        made.retry_after_seconds,
        made.violations,
    )


def test_the_error_of_a_failed_verification_survives_the_wire() -> None:
    failed = Verification(
        verification_id="1",
        spec=spec(),
        state=State.FAILED,
        create_time=1.0,
        end_time=2.0,
        error=QueueFull("Full.", retry_after_seconds=1.5, waiting="9"),
    )

    read = wire.verification_from_proto(wire.verification_to_proto(failed)).error

    assert isinstance(read, QueueFull)
    assert (read.facts, read.retry_after_seconds) == ({"waiting": "9"}, 1.5)


def test_a_stop_rule_survives_the_wire() -> None:
    rule = StopRule(accepted_count=1, rejected_count=7)

    assert wire.stop_rule_from_proto(wire.stop_rule_to_proto(rule)) == rule


# What a candidate can put into a verdict ----------------------------------------------------------


def test_lone_surrogates_in_a_verdict_are_escaped() -> None:
    made = Verdict(
        outcome=Outcome.REJECTED,
        reason="wrong-answer",
        summary="Got '\ud800'.",
        diagnostics=(
            Diagnostic(severity=Severity.ERROR, code="x", message="\udfff", goals=("\ud800",)),
        ),
    )

    sent = wire.verdict_to_proto(made)

    assert sent.summary == "Got '\\ud800'."
    assert (sent.diagnostics[0].message, sent.diagnostics[0].goals[0]) == ("\\udfff", "\\ud800")


@given(strategies.any_texts)
def test_any_text_can_be_in_a_verdict_and_in_an_error(text: str) -> None:
    verdict = Verdict(outcome=Outcome.REJECTED, reason=text, summary=text)

    assert wire.verdict_to_proto(verdict).IsInitialized()
    assert wire.status_to_proto(ExecutorFault(text, fact=text)).IsInitialized()


@given(st.floats(), st.integers())
def test_any_number_can_be_in_a_verdict(number: float, count: int) -> None:
    usage = ResourceUsage(
        wall_seconds=number,
        cpu_seconds=-number,
        peak_memory_bytes=count,
        deterministic_steps=count,
    )
    place = Range(start_line=count, start_column=count, end_line=count, end_column=count)
    verdict = Verdict(
        outcome=Outcome.REJECTED,
        reason="r",
        summary="s",
        diagnostics=(Diagnostic(severity=Severity.INFO, code="c", message="m", range=place),),
        provenance=Provenance(usage=usage, attempt_count=count),
    )

    assert json_format.MessageToJson(wire.verdict_to_proto(verdict))


def test_nul_is_text_like_any_other() -> None:
    made = spec(candidate=Candidate(source="x = '\0'"))

    assert wire.spec_from_proto(wire.spec_to_proto(made)) == made


# What a caller can get wrong ----------------------------------------------------------------------


def test_every_violation_is_named_at_once() -> None:
    sent = verifier_pb2.VerificationSpec(environment="no name!", minimum_assurance=15)  # type: ignore[arg-type]
    sent.problem.problem_id = "a\nb"
    sent.candidate.candidate_id = "c" * 600
    sent.limits.wall_time.seconds = -1
    sent.limits.cpu_time.nanos = 2_000_000_000
    sent.limits.memory_bytes = -5

    with pytest.raises(InvalidSpec) as failure:
        wire.spec_from_proto(sent)

    assert set(fields_of(failure.value)) == {
        "problem.criterion",
        "problem.problem_id",
        "candidate.source",
        "candidate.candidate_id",
        "environment",
        "limits.wall_time",
        "limits.cpu_time",
        "limits.memory_bytes",
        "minimum_assurance",
    }


def test_the_maxima_are_named_with_what_the_message_lacks() -> None:
    sent = verifier_pb2.VerificationSpec()
    sent.candidate.source = "x" * 11
    sent.limits.max_processes = 9
    most = Limits(
        wall_seconds=1.0,
        cpu_seconds=1.0,
        memory_bytes=1,
        max_processes=8,
        max_output_bytes=1,
        deterministic_steps=1,
    )

    with pytest.raises(InvalidSpec) as failure:
        wire.spec_from_proto(sent, maximum_limits=most, maximum_candidate_bytes=10)

    assert fields_of(failure.value) == [
        "problem.criterion",
        "candidate.source",
        "limits.max_processes",
    ]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        pytest.param("problem { python_tests {} }", "problem.python_tests.form", id="no-form"),
        pytest.param(
            "problem { python_tests { calls { comparison: 7 } } }",
            "problem.python_tests.calls.comparison",
            id="unknown-comparison",
        ),
        pytest.param(
            "problem { logic { expected: 77 } }", "problem.logic.expected", id="entailment"
        ),
        pytest.param(
            "problem { lean_theorem {} } minimum_assurance: 15", "minimum_assurance", id="assurance"
        ),
        pytest.param(
            "problem { lean_theorem {} } limits { cpu_time { seconds: 9000000000000000000 } }",
            "limits.cpu_time",
            id="absurd-duration",
        ),
        pytest.param(
            "problem { lean_theorem {} } limits { wall_time { seconds: 1 nanos: -1 } }",
            "limits.wall_time",
            id="mixed-signs",
        ),
    ],
)
def test_what_says_no_spec_is_refused(change: str, field: str) -> None:
    sent = text_format.Parse(change, verifier_pb2.VerificationSpec())
    sent.candidate.source = "x"

    with pytest.raises(InvalidSpec) as failure:
        wire.spec_from_proto(sent)

    assert fields_of(failure.value) == [field]


@given(st.binary(max_size=60))
def test_no_bytes_make_reading_a_spec_fail_otherwise(data: bytes) -> None:
    try:
        sent = verifier_pb2.VerificationSpec.FromString(data)
    except message.DecodeError:
        return
    with contextlib.suppress(InvalidSpec):
        wire.spec_from_proto(sent)


@pytest.mark.parametrize(
    ("made", "field"),
    [
        pytest.param(
            spec(candidate=Candidate(source="'\ud800'")), "candidate.source", id="surrogate"
        ),
        pytest.param(
            spec(problem=Problem(criterion=PythonTests(form=TestCode(source="\udc80")))),
            "problem.python_tests.code.source",
            id="surrogate-in-the-tests",
        ),
        pytest.param(
            spec(limits=RequestedLimits(memory_bytes=0)), "limits.memory_bytes", id="zero"
        ),
        pytest.param(
            spec(limits=RequestedLimits(max_processes=2**31)), "limits.max_processes", id="32-bits"
        ),
        pytest.param(
            spec(limits=RequestedLimits(wall_seconds=math.nan)), "limits.wall_time", id="nan"
        ),
        pytest.param(
            spec(limits=RequestedLimits(wall_seconds=1e300)), "limits.wall_time", id="huge"
        ),
    ],
)
def test_a_spec_that_the_wire_would_change_is_not_sent(made: VerificationSpec, field: str) -> None:
    with pytest.raises(InvalidSpec) as failure:
        wire.spec_to_proto(made)

    assert fields_of(failure.value) == [field]


def test_a_logic_candidate_may_be_empty() -> None:
    made = spec(problem=Problem(criterion=LogicProblem()), candidate=Candidate(source=""))

    assert wire.spec_from_proto(wire.spec_to_proto(made)) == made


def test_an_unknown_cache_policy_is_refused_with_the_rest() -> None:
    sent = verifier_pb2.CallOptions(cache_policy=9, max_cases_reported=-1)  # type: ignore[arg-type]

    with pytest.raises(InvalidSpec) as failure:
        wire.options_from_proto(sent)

    assert fields_of(failure.value) == ["options.cache_policy", "options.max_cases_reported"]


def test_a_negative_stop_rule_is_refused() -> None:
    with pytest.raises(InvalidSpec) as failure:
        wire.stop_rule_from_proto(verifier_pb2.StopRule(accepted_count=-1))

    assert fields_of(failure.value) == ["stop_rule.accepted_count"]


@pytest.mark.parametrize("name", ["", "verifications/", "verifications/a/b", "runs/1", "1"])
def test_a_malformed_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidSpec, match=r"verifications/\{id\}"):
        wire.verification_id(name)


def test_an_unknown_outcome_can_t_be_listed() -> None:
    with pytest.raises(InvalidSpec):
        wire.filter_from_proto(verifier_pb2.ListVerificationsRequest(outcome=9))  # type: ignore[arg-type]


def test_a_filter_is_read() -> None:
    request = verifier_pb2.ListVerificationsRequest(
        problem_id="p", session_id="s", outcome=verdict_pb2.OUTCOME_REJECTED
    )

    assert wire.filter_from_proto(request) == VerificationFilter(
        problem_id="p", session_id="s", outcome=Outcome.REJECTED
    )


# What a newer or broken server can send -----------------------------------------------------------


def test_a_verdict_without_an_outcome_is_never_read_as_one() -> None:
    with pytest.raises(ExecutorFault):
        wire.verdict_from_proto(verdict_pb2.Verdict(reason="tests-passed"))


def test_an_unknown_assurance_is_read_as_the_next_weaker_one() -> None:
    sent = verdict_pb2.Verdict(outcome=verdict_pb2.OUTCOME_ACCEPTED, assurance=35)  # type: ignore[arg-type]

    assert wire.verdict_from_proto(sent).assurance is Assurance.SOLVED


def test_an_unknown_reason_is_read_by_its_code_and_kept() -> None:
    info = any_pb2.Any()
    info.Pack(
        error_details_pb2.ErrorInfo(reason="NEW", domain="verifier_service", metadata={"a": "b"})
    )

    read = wire.error_from_status(
        status_pb2.Status(code=Code.RESOURCE_EXHAUSTED, message="m", details=[info])
    )

    assert isinstance(read, QueueFull)
    assert read.facts == {
        "a": "b",
        "status_code": "8",
        "status_reason": "NEW",
        "status_domain": "verifier_service",
    }


def test_a_status_of_another_domain_is_read_by_its_code() -> None:
    info = any_pb2.Any()
    info.Pack(error_details_pb2.ErrorInfo(reason="QUEUE_FULL", domain="proxy.example"))

    read = wire.error_from_status(status_pb2.Status(code=Code.UNAVAILABLE, details=[info]))

    assert isinstance(read, ServerUnreachable)


@pytest.mark.parametrize("code", [0, 2, 7, 12, 99, -1])
def test_a_code_that_is_none_of_ours_is_kept(code: int) -> None:
    read = wire.error_from_status(status_pb2.Status(code=code, message="m"))

    assert isinstance(read, ExecutorFault)
    assert read.facts["status_code"] == str(code)


def test_a_broken_detail_counts_as_missing() -> None:
    broken = any_pb2.Any(type_url="type.googleapis.com/google.rpc.ErrorInfo", value=b"\xff")

    read = wire.error_from_status(status_pb2.Status(code=Code.NOT_FOUND, details=[broken]))

    assert read.facts == {"status_code": "5"}


def test_facts_may_have_the_names_of_parameters() -> None:
    error = UnknownEnvironment("m")
    error.facts = {"message": "a", "violations": "b", "self": "c"}

    assert wire.error_from_status(wire.status_to_proto(error)).facts == error.facts


# What it needs ------------------------------------------------------------------------------------


def test_the_client_needs_no_grpc_extras_for_it() -> None:
    heavy = "grpc_status", "grpc_health", "grpc_reflection", "pydantic", "structlog", "grpc"
    code = f"import sys, verifier_service.wire; assert not set({heavy!r}) & set(sys.modules)"

    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_value_of_a_criterion_has_a_message() -> None:
    oneof = problem_pb2.Problem.DESCRIPTOR.oneofs_by_name["criterion"]

    assert {field.name for field in oneof.fields} == set(CRITERION_NAMES.values())
    form = problem_pb2.PythonTests.DESCRIPTOR.oneofs_by_name["form"]
    assert {field.name for field in form.fields} == set(FORM_NAMES.values())
