"""Estimates of false positives: which answers carry them, and that nothing kept does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.engine.support import ENVIRONMENT, engine_on, policy, spec
from verifier_service.engine.calibration import Calibration
from verifier_service.engine.digest import criterion_digest
from verifier_service.model import (
    CallOptions,
    FalsePositiveEstimate,
    Outcome,
    Problem,
    PythonTests,
    TestCode,
    Verdict,
    VerificationFilter,
    VerificationSpec,
)

ESTIMATE = FalsePositiveEstimate(
    rate=0.1,
    lower=0.05,
    upper=0.2,
    method="held-out-tests",
    sample_count=200,
    problem_count=40,
    problem_set="set/*",
    estimate_time=1000.0,
)
FULL_NAME = f"{ENVIRONMENT.name}@{ENVIRONMENT.digest}"
CALIBRATION = Calibration(estimate=ESTIMATE, criterion="python_tests", environment=FULL_NAME)


async def judged(
    path: Path,
    *calibrations: Calibration,
    asked: VerificationSpec | None = None,
    session_id: str = "",
) -> Verdict:
    rules = replace(policy(), calibrations=calibrations)
    async with engine_on(path, rules=rules) as engine:
        options = CallOptions(session_id=session_id)
        return await engine.verify(asked or spec(problem_id="set/1"), options)


async def test_an_acceptance_that_fits_carries_the_estimate(tmp_path: Path) -> None:
    assert (await judged(tmp_path, CALIBRATION)).false_positive == ESTIMATE


@pytest.mark.parametrize("word", ["reject", "unsure"])
async def test_other_outcomes_carry_none(tmp_path: Path, word: str) -> None:
    asked = spec(word, problem_id="set/1")

    assert (await judged(tmp_path, CALIBRATION, asked=asked)).false_positive is None


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(replace(CALIBRATION, criterion="logic"), id="other-kind"),
        pytest.param(replace(CALIBRATION, environment="python3.12"), id="other-environment"),
        pytest.param(
            replace(CALIBRATION, environment=f"{ENVIRONMENT.name}@sha256:{'00' * 32}"),
            id="other-build",
        ),
        pytest.param(
            replace(CALIBRATION, estimate=replace(ESTIMATE, problem_set="other/*")),
            id="other-problems",
        ),
        pytest.param(
            replace(CALIBRATION, estimate=replace(ESTIMATE, problem_set="SET/*")), id="other-case"
        ),
        pytest.param(replace(CALIBRATION, sessions="strong-model/*"), id="other-session"),
        pytest.param(replace(CALIBRATION, tests={"set/1": "sha256:00"}), id="other-tests"),
    ],
)
async def test_what_does_not_fit_says_nothing(tmp_path: Path, other: Calibration) -> None:
    assert (await judged(tmp_path, other)).false_positive is None


async def test_weaker_tests_under_a_calibrated_id_get_no_estimate(tmp_path: Path) -> None:
    strong = spec(problem_id="set/1")
    known = replace(CALIBRATION, tests={"set/1": criterion_digest(strong.problem.criterion)})
    weak = replace(
        strong,
        problem=Problem(criterion=PythonTests(form=TestCode(source="")), problem_id="set/1"),
    )

    assert (await judged(tmp_path, known, asked=strong)).false_positive == ESTIMATE
    assert (await judged(tmp_path, known, asked=weak)).false_positive is None


async def test_the_environments_name_alone_is_every_build_of_it(tmp_path: Path) -> None:
    any_build = replace(CALIBRATION, environment=ENVIRONMENT.name)

    assert (await judged(tmp_path, any_build)).false_positive == ESTIMATE


async def test_of_several_the_closest_counts(tmp_path: Path) -> None:
    older = replace(CALIBRATION, estimate=replace(ESTIMATE, rate=0.06, estimate_time=1.0))
    broad = replace(CALIBRATION, estimate=replace(ESTIMATE, rate=0.07, problem_set="*"))
    of_session = replace(CALIBRATION, sessions="a-*", estimate=replace(ESTIMATE, rate=0.08))
    table = (older, broad, CALIBRATION, of_session)

    in_general = await judged(tmp_path, *table)
    of_a = await judged(tmp_path, *table, session_id="a-1")

    assert in_general.false_positive == ESTIMATE
    assert of_a.false_positive == of_session.estimate


async def test_a_kept_verdict_says_what_is_known_when_it_is_asked_for(tmp_path: Path) -> None:
    first = await judged(tmp_path, CALIBRATION)
    renewed = replace(CALIBRATION, estimate=replace(ESTIMATE, rate=0.12, estimate_time=2000.0))
    second = await judged(tmp_path, renewed)
    third = await judged(tmp_path)

    assert first.false_positive == ESTIMATE
    assert second.provenance.from_cache
    assert second.false_positive == renewed.estimate
    assert third.provenance.from_cache
    assert third.false_positive is None
    assert (
        first.provenance.verification_digest
        == second.provenance.verification_digest
        == third.provenance.verification_digest
    )


async def test_one_kept_verdict_serves_problems_with_and_without_a_calibration(
    tmp_path: Path,
) -> None:
    fitting = await judged(tmp_path, CALIBRATION, asked=spec(problem_id="set/1"))
    other = await judged(tmp_path, CALIBRATION, asked=spec(problem_id="elsewhere/1"))

    assert other.provenance.from_cache
    assert fitting.false_positive == ESTIMATE
    assert other.false_positive is None


async def test_verifications_that_outlive_the_call_carry_it_too(tmp_path: Path) -> None:
    rules = replace(policy(), calibrations=(CALIBRATION,))
    async with engine_on(tmp_path, rules=rules) as engine:
        started = await engine.start(spec(problem_id="set/1"))
        watched = [event async for event in engine.watch(started.verification_id)]
        got = await engine.get(started.verification_id)
        page = await engine.list(VerificationFilter(outcome=Outcome.ACCEPTED))

    assert getattr(watched[-1], "verdict", None) is not None
    assert got.verdict is not None
    assert got.verdict.false_positive == ESTIMATE
    assert [one.verdict and one.verdict.false_positive for one in page.verifications] == [ESTIMATE]
