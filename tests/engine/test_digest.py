"""The digest says everything that can change a verdict, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import strategies
from tests.engine.support import ENVIRONMENT, LIMITS, ToldExecutor, policy, spec
from verifier_service.engine.digest import encoded, verification_digest
from verifier_service.engine.job import resolve
from verifier_service.model import (
    Assurance,
    CallCase,
    CallCases,
    Comparison,
    Criterion,
    EnvironmentInfo,
    Limits,
    LogicProblem,
    PythonTests,
    RequestedLimits,
    StdioCase,
    StdioCases,
    TestCode,
)

plain_data = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False).map(lambda number: number + 0.0)
    | st.text(st.characters())
    | st.binary()
    | st.sampled_from(Comparison)
    | st.sampled_from(Assurance),
    lambda inner: st.lists(inner, max_size=4).map(tuple),
    max_leaves=8,
)

CODE = PythonTests(form=TestCode(source="assert f(1) == 2"))


def digest_of(
    criterion: Criterion = CODE,
    source: str = "def f(x): return x + 1",
    environment: EnvironmentInfo = ENVIRONMENT,
    limits: Limits = LIMITS,
) -> str:
    return verification_digest(criterion, source, environment=environment, limits=limits)


@given(plain_data, plain_data)
def test_different_data_never_shares_an_encoding(one: object, other: object) -> None:
    assert (encoded(one) == encoded(other)) == (repr(one) == repr(other))


@given(strategies.criteria, strategies.criteria, strategies.any_texts, strategies.any_texts)
def test_different_questions_have_different_digests(
    one: Criterion, other: Criterion, source: str, other_source: str
) -> None:
    same = (one, source) == (other, other_source)

    assert (digest_of(one, source) == digest_of(other, other_source)) == same


@given(strategies.limits, strategies.limits)
def test_limits_are_part_of_the_question(one: Limits, other: Limits) -> None:
    assert (digest_of(limits=one) == digest_of(limits=other)) == (one == other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(
            LogicProblem(premises=("ab", "c")), LogicProblem(premises=("a", "bc")), id="split"
        ),
        pytest.param(
            LogicProblem(premises=("a",), conclusion=""),
            LogicProblem(premises=(), conclusion="a"),
            id="moved-to-another-field",
        ),
        pytest.param(
            PythonTests(form=TestCode(source="x")),
            PythonTests(form=TestCode(source="", entry_point="x")),
            id="swapped-strings",
        ),
        pytest.param(
            PythonTests(form=StdioCases(cases=(StdioCase(stdin="1", stdout="2"),))),
            PythonTests(
                form=CallCases(
                    entry_point="", cases=(CallCase(arguments_json="1", expected_json="2"),)
                )
            ),
            id="another-form",
        ),
        pytest.param(PythonTests(form=TestCode(source="x")), LogicProblem(), id="another-kind"),
    ],
)
def test_what_reads_alike_has_different_digests(one: Criterion, other: Criterion) -> None:
    assert digest_of(one) != digest_of(other)


@pytest.mark.parametrize(
    "environment",
    [replace(ENVIRONMENT, name="python3.12"), replace(ENVIRONMENT, digest="sha256:" + "cd" * 32)],
)
def test_the_environment_is_part_of_the_question(environment: EnvironmentInfo) -> None:
    assert digest_of(environment=environment) != digest_of()


def test_names_and_wishes_are_no_part_of_the_question() -> None:
    plain = spec()
    named = replace(spec("accept", "c1", "p1"), minimum_assurance=Assurance.TESTED)
    pinned = replace(named, environment=f"{ENVIRONMENT.name}@{ENVIRONMENT.digest}")
    spelled_out = replace(pinned, limits=RequestedLimits(wall_seconds=LIMITS.wall_seconds))

    jobs = [
        resolve(one, executors=[ToldExecutor()], policy=policy())
        for one in (plain, named, pinned, spelled_out)
    ]

    assert len({job.digest for job in jobs}) == 1


def test_an_integer_in_a_field_of_floats_is_that_float() -> None:
    assert digest_of(limits=replace(LIMITS, wall_seconds=10)) == digest_of()


def test_the_encoding_stays_what_it_is() -> None:
    """Kept verdicts are found by it. If this fails, raise the version byte."""
    assert digest_of() == "sha256:0583c3a9fd8c5f6a459b84b370fe03a5901317cadc8dea1993f62861c344d744"


def test_what_is_no_plain_data_is_refused() -> None:
    with pytest.raises(TypeError, match="list has no canonical encoding"):
        encoded(["a"])
