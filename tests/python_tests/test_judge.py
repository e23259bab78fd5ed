"""The judgement of a run, without a sandbox."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandboxes.isolation.jail import Exit
from sandboxes.python_tests.judge import Facts, Located, judge
from sandboxes.python_tests.report import CaseReport, EndReport, Report, ReportReader
from tests.python_tests.conftest import LIMITS
from verifier_service.model import (
    ExecutorFault,
    InvalidSpec,
    Outcome,
    PythonTests,
    Range,
    SandboxLost,
    ServiceError,
    TestCode,
    Verdict,
)

TESTS = PythonTests(form=TestCode(source="assert f(1) == 1"))
KILLED = Exit(code=None, signal=9, cpu_seconds=0.1)


def said(reason: str, **facts: Any) -> Report:
    passed, failed = (1, 0) if reason == "tests-passed" else (0, 1)
    case = CaseReport(name="line 1", reason=reason, message="", wall_seconds=0.1)
    end = EndReport(reason=reason, passed=passed, failed=failed, calls=2)
    return Report(cases=[case], end=dataclasses.replace(end, **facts))


def facts(report: Report, **changes: Any) -> Facts:
    whole = Facts(report=report, checker=Exit(code=0), candidate=KILLED, outlasted=True)
    return dataclasses.replace(whole, **changes)


PASSED = said("tests-passed")
GONE = said("candidate-gone")


def decide(seen: Facts, located: Located | None = None) -> Verdict:
    nowhere = Located(preamble="", source="")
    return judge(seen, tests=TESTS, located=located or nowhere, limits=LIMITS)


@pytest.mark.parametrize(
    ("seen", "outcome", "reason"),
    [
        pytest.param(facts(PASSED), "accepted", "tests-passed", id="passed"),
        pytest.param(facts(said("wrong-answer")), "rejected", "wrong-answer", id="failed"),
        pytest.param(
            facts(PASSED, stopped_for="wall-time"), "rejected", "wall-time-exceeded", id="slept"
        ),
        pytest.param(
            facts(PASSED, stopped_for="memory"), "rejected", "memory-exceeded", id="took-memory"
        ),
        pytest.param(
            facts(PASSED, stopped_for="output"), "rejected", "output-exceeded", id="flooded"
        ),
        pytest.param(
            facts(PASSED, stopped_for="overloaded"), "inconclusive", "overloaded", id="overloaded"
        ),
        pytest.param(
            facts(PASSED, candidate=Exit(signal=9, limit="cpu-time")),
            "rejected",
            "cpu-time-exceeded",
            id="limit-after-its-last-answer",
        ),
        pytest.param(
            facts(PASSED, candidate=Exit(code=0, cpu_seconds=99)),
            "rejected",
            "cpu-time-exceeded",
            id="cpu-found-afterwards",
        ),
        pytest.param(
            facts(GONE, candidate=Exit(code=0), outlasted=False),
            "rejected",
            "ended-early",
            id="exit-0",
        ),
        pytest.param(
            facts(GONE, candidate=Exit(signal=11), outlasted=False),
            "rejected",
            "crashed",
            id="segfault",
        ),
        pytest.param(
            facts(GONE, candidate=Exit(signal=9), outlasted=False),
            "rejected",
            "crashed",
            id="killed-itself",
        ),
        pytest.param(facts(GONE), "rejected", "ended-early", id="hung-up"),
        pytest.param(
            facts(Report(), checker=Exit(signal=9, limit="cpu-time")),
            "inconclusive",
            "checker-limit",
            id="tests-used-up-their-time",
        ),
        pytest.param(
            facts(
                Report(
                    cases=[CaseReport(name="a", reason="wrong-answer", message="", wall_seconds=0)]
                ),
                checker=Exit(signal=9, limit="cpu-time"),
            ),
            "rejected",
            "wrong-answer",
            id="failure-known-before-the-tests-ran-out",
        ),
        pytest.param(facts(said("opinion-needed")), "inconclusive", "opinion-needed", id="opinion"),
    ],
)
def test_judge(seen: Facts, outcome: str, reason: str) -> None:
    verdict = decide(seen)

    assert (verdict.outcome.value, verdict.reason) == (outcome, reason)


@pytest.mark.parametrize(
    ("seen", "error"),
    [
        pytest.param(facts(said("broken-tests", message="no")), InvalidSpec, id="broken-tests"),
        pytest.param(facts(Report(), checker=KILLED), SandboxLost, id="checker-killed"),
        pytest.param(facts(Report(), checker=Exit(code=70)), ExecutorFault, id="no-report"),
        pytest.param(facts(Report()), InvalidSpec, id="tests-that-end-their-process"),
        pytest.param(facts(PASSED, checker=Exit(code=1)), ExecutorFault, id="bad-exit"),
        pytest.param(facts(said("made-up")), ExecutorFault, id="unknown-reason"),
        pytest.param(facts(said("tests-passed", passed=0)), ExecutorFault, id="nothing-passed"),
        pytest.param(facts(said("tests-passed", failed=1)), ExecutorFault, id="something-failed"),
        pytest.param(facts(said("tests-passed", calls=0)), ExecutorFault, id="never-called"),
        pytest.param(
            facts(PASSED, candidate=Exit(code=70, begun=False)), SandboxLost, id="our-own-trouble"
        ),
        pytest.param(
            facts(PASSED, checker=Exit(code=70, begun=False)), SandboxLost, id="checker-trouble"
        ),
    ],
)
def test_our_own_trouble_is_no_verdict(seen: Facts, error: type[ServiceError]) -> None:
    with pytest.raises(error):
        decide(seen)


exits = st.builds(
    Exit,
    code=st.none() | st.integers(0, 3),
    signal=st.none() | st.sampled_from([6, 9, 11, 24]),
    limit=st.sampled_from([None, "cpu-time"]),
    begun=st.booleans(),
    cpu_seconds=st.floats(0, 10),
)
reports = st.builds(
    Report,
    cases=st.lists(
        st.builds(
            CaseReport,
            name=st.just("c"),
            reason=st.sampled_from(["tests-passed", "wrong-answer"]),
            message=st.just(""),
            wall_seconds=st.just(0.0),
        ),
        max_size=3,
    ),
    end=st.none()
    | st.builds(
        EndReport,
        reason=st.sampled_from(["tests-passed", "wrong-answer", "candidate-gone", "load-error"]),
        passed=st.integers(0, 2),
        failed=st.integers(0, 2),
        calls=st.integers(0, 2),
        exception=st.just({"type": "E", "message": "", "lines": [], "syntax": None}),
    ),
    valid=st.booleans(),
)
stops = st.sampled_from([None, "wall-time", "cpu-time", "memory", "output", "overloaded"])


@given(
    seen=st.builds(
        Facts,
        report=reports,
        checker=exits,
        candidate=exits,
        stopped_for=stops,
        outlasted=st.booleans(),
    )
)
def test_acceptance_needs_everything_at_once(seen: Facts) -> None:
    try:
        verdict = decide(seen)
    except ServiceError:
        return
    if verdict.outcome is Outcome.ACCEPTED:
        end = seen.report.end
        assert end is not None
        assert end.reason == "tests-passed"
        assert end.passed >= 1
        assert end.failed == 0
        assert end.calls >= 1
        assert seen.report.valid
        assert not seen.report.failures
        assert seen.checker.code == 0
        assert seen.checker.limit is None
        assert seen.stopped_for is None
        assert seen.candidate.limit is None
        assert seen.candidate.cpu_seconds <= LIMITS.cpu_seconds


@pytest.mark.parametrize(
    ("preamble", "line", "column", "place"),
    [
        pytest.param("", 1, 4, Range(start_line=1, start_column=3, end_line=1), id="no-preamble"),
        pytest.param("a\nb\n", 3, 1, Range(start_line=1, end_line=1), id="after-the-preamble"),
        pytest.param("a\nb\n", 2, 1, None, id="in-the-preamble"),
        pytest.param("ab: ", 1, 7, Range(start_line=1, start_column=2, end_line=1), id="same-line"),
        pytest.param("", 9, 1, None, id="beyond-the-end"),
    ],
)
def test_places_are_the_callers(preamble: str, line: int, column: int, place: Range | None) -> None:
    assert Located(preamble=preamble, source="x\ny").range(line, column) == place


@given(data=st.binary(max_size=300), cut=st.integers(0, 300))
def test_nothing_without_the_nonce_is_a_report(data: bytes, cut: int) -> None:
    reader = ReportReader("5a17", lambda _: None)
    lines = data.replace(b"5a17", b"") + b"\n"

    reader.feed(lines[:cut])
    reader.feed(lines[cut:])

    assert reader.report.end is None
    assert reader.report.cases == []
    assert not reader.report.valid


def test_nothing_may_follow_the_end() -> None:
    reader = ReportReader("5a17", lambda _: None)
    end = b'5a17 {"end":"tests-passed","passed":1,"failed":0,"calls":1}\n'

    reader.feed(end)
    assert reader.report.valid
    reader.feed(end)
    assert not reader.report.valid
