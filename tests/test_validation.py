"""What is allowed in a request."""

from __future__ import annotations

import dataclasses
import math

import pytest
from hypothesis import given

from tests import strategies
from verifier_service import validation
from verifier_service.model import (
    CallCase,
    CallCases,
    CallOptions,
    Candidate,
    Criterion,
    LeanTheorem,
    Limits,
    LogicProblem,
    Problem,
    PytestSuite,
    PythonTests,
    RequestedLimits,
    TestCode,
    VerificationSpec,
    Violation,
)

MAXIMUM = Limits(
    wall_seconds=60.0,
    cpu_seconds=30.0,
    memory_bytes=2**30,
    max_processes=8,
    max_output_bytes=2**16,
    deterministic_steps=1000,
)
CODE = PythonTests(form=TestCode(source="assert f()"))


def spec(
    *,
    source: str = "x",
    candidate_id: str = "",
    problem_id: str = "",
    criterion: Criterion = CODE,
    environment: str = "",
    limits: RequestedLimits | None = None,
) -> VerificationSpec:
    return VerificationSpec(
        problem=Problem(criterion=criterion, problem_id=problem_id),
        candidate=Candidate(source=source, candidate_id=candidate_id),
        environment=environment,
        limits=limits or RequestedLimits(),
    )


def check(made: VerificationSpec) -> list[Violation]:
    return validation.check_spec(made, maximum_limits=MAXIMUM, maximum_candidate_bytes=10)


@pytest.mark.parametrize(
    "made",
    [
        pytest.param(spec(), id="smallest"),
        pytest.param(spec(source="\0"), id="nul"),
        pytest.param(spec(source="é" * 5), id="longest-in-bytes"),
        pytest.param(spec(source="", criterion=LogicProblem()), id="empty-logic-candidate"),
        pytest.param(spec(problem_id="HumanEval/0 ü"), id="unicode-id"),
        pytest.param(spec(environment="python3.11@sha256:" + "a" * 64), id="pinned"),
        pytest.param(spec(limits=RequestedLimits(wall_seconds=60.0, max_processes=8)), id="maxima"),
    ],
)
def test_is_allowed(made: VerificationSpec) -> None:
    assert check(made) == []


@pytest.mark.parametrize(
    ("made", "field", "says"),
    [
        pytest.param(spec(source=""), "candidate.source", "is empty", id="empty"),
        pytest.param(spec(source="x" * 11), "candidate.source", "at most 10", id="long"),
        pytest.param(spec(source="é" * 6), "candidate.source", "12 bytes", id="long-in-bytes"),
        pytest.param(
            spec(source="\ud800"), "candidate.source", "U+D800 at index 0", id="surrogate"
        ),
        pytest.param(spec(candidate_id="c" * 513), "candidate.candidate_id", "512", id="long-id"),
        pytest.param(spec(problem_id="a\x1b[2J"), "problem.problem_id", "U+001B", id="control"),
        pytest.param(
            spec(problem_id="a\u2028"), "problem.problem_id", "U+2028", id="line-separator"
        ),
        pytest.param(spec(environment="-x"), "environment", "python3.11", id="environment"),
        pytest.param(spec(environment="a b"), "environment", "python3.11", id="space"),
        pytest.param(spec(environment="py@sha256:XYZ"), "environment", "sha256", id="pin"),
        pytest.param(spec(environment="e" * 200), "environment", "name", id="long-environment"),
        pytest.param(
            spec(criterion=PythonTests(form=TestCode(source="\udc80"))),
            "problem.python_tests.code.source",
            "surrogate",
            id="surrogate-in-code",
        ),
        pytest.param(
            spec(
                criterion=PythonTests(
                    form=CallCases(
                        entry_point="f",
                        cases=(CallCase(arguments_json="\ud800", expected_json=""),),
                    )
                )
            ),
            "problem.python_tests.calls.cases[0].arguments_json",
            "surrogate",
            id="surrogate-in-a-case",
        ),
        pytest.param(
            spec(criterion=PythonTests(form=PytestSuite(files=(("t.py", "\ud800"),), module="m"))),
            "problem.python_tests.pytest.files[0][1]",
            "surrogate",
            id="surrogate-in-a-file",
        ),
        pytest.param(
            spec(criterion=LeanTheorem(name="t", statement="", allowed_axioms=("a", "\ud800"))),
            "problem.lean_theorem.allowed_axioms[1]",
            "surrogate",
            id="surrogate-in-an-axiom",
        ),
    ],
)
def test_is_refused(made: VerificationSpec, field: str, says: str) -> None:
    [violation] = check(made)

    assert violation.field == field
    assert says in violation.description
    assert violation.description.endswith(".")


@pytest.mark.parametrize(
    ("limit", "field"),
    [
        ("wall_seconds", "limits.wall_time"),
        ("cpu_seconds", "limits.cpu_time"),
        ("memory_bytes", "limits.memory_bytes"),
        ("max_processes", "limits.max_processes"),
        ("max_output_bytes", "limits.max_output_bytes"),
        ("deterministic_steps", "limits.deterministic_steps"),
    ],
)
@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf, -math.inf, 10**30])
def test_a_limit_is_never_cut(limit: str, field: str, value: float) -> None:
    limits = dataclasses.replace(RequestedLimits(), **{limit: value})  # type: ignore[arg-type]

    [violation] = check(spec(limits=limits))

    assert violation.field == field


def test_a_limit_above_the_maximum_names_the_maximum() -> None:
    [violation] = check(spec(limits=RequestedLimits(wall_seconds=60.5)))

    assert violation.description == (
        "is 60.5 seconds, and limits are never cut. Ask for at most 60 seconds."
    )


def test_everything_is_said_at_once() -> None:
    made = spec(
        source="",
        candidate_id="\n",
        problem_id="\n",
        environment="?",
        limits=RequestedLimits(wall_seconds=0, memory_bytes=2**40),
    )

    assert len(check(made)) == 6


@pytest.mark.parametrize(
    ("options", "field"),
    [
        (CallOptions(session_id="\x07"), "options.session_id"),
        (CallOptions(priority=2**31), "options.priority"),
        (CallOptions(max_cases_reported=-1), "options.max_cases_reported"),
        (CallOptions(max_cases_reported=10_001), "options.max_cases_reported"),
    ],
)
def test_options_are_refused(options: CallOptions, field: str) -> None:
    assert [violation.field for violation in validation.check_options(options)] == [field]


@given(strategies.options)
def test_options_of_the_contract_are_allowed(options: CallOptions) -> None:
    assert validation.check_options(options) == []


@pytest.mark.parametrize("request_id", ["", "123e4567-e89b-12d3-a456-426614174000"])
def test_a_request_id_is_a_uuid_or_nothing(request_id: str) -> None:
    assert validation.check_request_id(request_id) == []


@pytest.mark.parametrize("request_id", ["1", "123e4567e89b12d3a456426614174000", "x" * 100])
def test_any_other_request_id_is_refused(request_id: str) -> None:
    assert [v.field for v in validation.check_request_id(request_id)] == ["request_id"]


@given(strategies.any_texts)
def test_any_text_gets_an_answer(text: str) -> None:
    made = spec(source=text, candidate_id=text, problem_id=text, environment=text)

    assert all(violation.description.endswith(".") for violation in check(made))
