"""What people see."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console, RenderableType

from clients.command_line.batch_run import Tally
from clients.command_line.findings import Finding, FindingState
from clients.command_line.rendering import (
    duration_text,
    findings_view,
    tally_text,
    verdict_view,
    verifications_view,
    visible,
)
from clients.pass_rate import PassRate
from tests.clients.conftest import spec_of
from verifier_service.model import (
    Assurance,
    Diagnostic,
    Outcome,
    Output,
    Provenance,
    PythonEvidence,
    Range,
    ResourceUsage,
    SandboxLost,
    Severity,
    State,
    TestCaseResult,
    Verdict,
    Verification,
)


def shown(view: RenderableType, *, terminal: bool = False, width: int = 100) -> str:
    file = io.StringIO()
    console = Console(file=file, width=width, force_terminal=terminal, highlight=False)
    console.print(view)
    return file.getvalue()


REJECTED = Verdict(
    outcome=Outcome.REJECTED,
    reason="wrong-answer",
    summary="It gave a wrong answer.",
    assurance=Assurance.TESTED,
    diagnostics=(
        Diagnostic(
            severity=Severity.ERROR,
            code="wrong-answer",
            message="returned here",
            range=Range(start_line=2, start_column=4, end_line=2, end_column=10),
        ),
    ),
    evidence=PythonEvidence(
        cases=(
            TestCaseResult(name="first", outcome=Outcome.ACCEPTED, reason="passed"),
            TestCaseResult(
                name="second",
                outcome=Outcome.REJECTED,
                reason="wrong-answer",
                message="f(2): got 3, wanted 4",
            ),
        ),
        passed_count=1,
        total_count=2,
        stderr=Output(head=b"warning: \x1b[2Jlow\n", size_bytes=18),
    ),
    provenance=Provenance(
        environment="python3.11@sha256:" + "a" * 64,
        sandbox="bubblewrap/namespaces",
        usage=ResourceUsage(wall_seconds=0.034, cpu_seconds=0.02, peak_memory_bytes=12 * 2**20),
    ),
)


def test_a_verdict_is_understood_at_a_glance() -> None:
    lines = shown(verdict_view(REJECTED, "def f(x):\n    return x + 1\n", name="f.py")).splitlines()
    text = "\n".join(line.rstrip() for line in lines)

    assert lines[0].startswith("REJECTED  wrong-answer  (1 of 2 cases passed)")
    assert "Failing case: second\n  f(2): got 3, wanted 4" in text
    assert "f.py:2:5: error[wrong-answer] returned here" in text
    assert "  2 |     return x + 1\n    |     ^^^^^^" in text
    assert "34 ms wall clock, 20 ms CPU, 12 MiB" in text
    assert "python3.11@sha256:aaaaaaaaaaaa… in bubblewrap/namespaces" in text


def test_what_a_candidate_wrote_cannot_steer_the_terminal() -> None:
    text = shown(verdict_view(REJECTED), terminal=True)

    assert "\x1b[2J" not in text
    assert r"\x1b[2Jlow" in text


@given(st.text())
def test_no_control_character_survives(text: str) -> None:
    assert all(char in "\n" or char.isprintable() or ord(char) > 0x9F for char in visible(text))


@given(
    st.text(max_size=80),
    st.integers(0, 5),
    st.integers(0, 100),
    st.integers(0, 5),
    st.integers(0, 100),
)
def test_any_range_of_any_text_can_be_shown(
    source: str, line: int, start: int, end_line: int, end: int
) -> None:
    where = Range(start_line=line, start_column=start, end_line=end_line, end_column=end)
    finding = Diagnostic(severity=Severity.INFO, code="c", message="m", range=where)
    verdict = Verdict(outcome=Outcome.INCONCLUSIVE, reason="r", summary="", diagnostics=(finding,))

    assert "INCONCLUSIVE" in shown(verdict_view(verdict, source))


def test_the_caret_stands_under_wide_characters() -> None:
    where = Range(start_line=1, start_column=2, end_line=1, end_column=3)
    finding = Diagnostic(severity=Severity.ERROR, code="c", message="m", range=where)
    verdict = Verdict(outcome=Outcome.REJECTED, reason="r", summary="", diagnostics=(finding,))

    assert "  1 | 漢字x\n    |     ^" in "\n".join(
        line.rstrip() for line in shown(verdict_view(verdict, "漢字x")).splitlines()
    )


def test_a_listing_has_a_line_for_each() -> None:
    kept = Verification(
        verification_id="0" * 36,
        spec=spec_of("accept", problem_id="p"),
        state=State.FAILED,
        create_time=0.0,
        error=SandboxLost("."),
    )

    assert "SANDBOX_LOST" in shown(verifications_view([kept, kept]))


def test_findings_say_what_to_do() -> None:
    finding = Finding(name="userns", state=FindingState.FAIL, detail="off", remedy="Turn it on.")

    assert " ".join(shown(findings_view([finding])).split()) == "fail userns off → Turn it on."


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0341, "34 ms"), (2.06, "2.1 s"), (185, "3:05"), (3661, "1:01:01")],
)
def test_durations_read_well(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


def test_a_summary_gives_its_pass_rate_an_interval() -> None:
    tally = Tally(accepted=8, rejected=2, inconclusive=1, errors=1, kept=3)
    text = tally_text(tally, 2.0)

    assert text.startswith("12 lines: 8 accepted, 2 rejected, 1 inconclusive, 1 errors (3 of them")
    assert (
        "Pass rate 80.0%, 95 % interval 49.0% to 94.3% if no lines share a problem, of the 10 that "
        "were decided." in text
    )


@pytest.mark.parametrize(
    ("passed", "total", "lower", "upper"),
    [
        pytest.param(0, 10, 0.0, 0.2775, id="none"),
        pytest.param(10, 10, 0.7225, 1.0, id="all"),
        pytest.param(5, 10, 0.2366, 0.7634, id="half"),
        pytest.param(1, 1, 0.2065, 1.0, id="one-of-one"),
    ],
)
def test_wilson_intervals(passed: int, total: int, lower: float, upper: float) -> None:
    rate = PassRate.of(passed, total)

    assert (rate.lower, rate.upper) == pytest.approx((lower, upper), abs=5e-5)


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_an_interval_holds_its_rate(passed: int, failed: int) -> None:
    if passed + failed:
        rate = PassRate.of(passed, passed + failed)
        assert 0 <= rate.lower <= rate.rate <= rate.upper <= 1
