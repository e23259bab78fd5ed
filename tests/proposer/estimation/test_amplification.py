"""Larger suites and mutants, on the real service; candidates who would rather not be compared."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import pytest

from clients import BatchItem, python_calls, python_pytest, python_tests
from clients.local import LocalVerifier
from proposer.estimation.amplification import (
    Amplified,
    amplified,
    amplified_by_agreement,
)
from proposer.estimation.counts import Answer, Truth
from proposer.estimation.judging import judged
from proposer.estimation.mutation import mutants, mutation_scores
from proposer.estimation.strengthening import by_suite
from verifier_service.model import (
    CallCases,
    Comparison,
    InvalidSpec,
    Outcome,
    SandboxLost,
    ServiceError,
    Verdict,
    VerificationSpec,
    Violation,
)

TESTS = "assert largest([1, 3, 2]) == 3\nassert largest([5]) == 5"
RIGHT = "def largest(xs):\n    return max(xs)\n"
WRONG = """
def largest(xs):
    best = 0
    for x in xs:
        best = max(best, x)
    return best
"""


def largest(source: str, candidate_id: str = "", tests: str = TESTS) -> VerificationSpec:
    return python_tests(
        source, tests=tests, entry_point="largest", problem_id="max", candidate_id=candidate_id
    )


async def outcomes(judge: LocalVerifier, suite: Amplified, *sources: str) -> list[Outcome]:
    """What the larger suite says of candidates."""
    assert suite.tests is not None, suite.problem
    strengthen = by_suite({"max": suite.tests})
    specs = [strengthen(largest(source)) for source in sources]
    verdicts = await judged(judge, [spec for spec in specs if spec is not None])
    return [verdict.outcome for verdict in verdicts if isinstance(verdict, Verdict)]


async def test_a_references_suite_rejects_what_the_problems_own_tests_accept(
    judge: LocalVerifier,
) -> None:
    own = await judged(judge, [largest(WRONG)])
    (suite,) = await amplified(judge, [largest(RIGHT, "reference")])

    assert [one.outcome for one in own if isinstance(one, Verdict)] == [Outcome.ACCEPTED]
    assert suite.seed_count == 2
    assert suite.case_count > 50
    assert suite.left_out == {"raised": 1}, "max([]) is no part of the problem"
    assert await outcomes(judge, suite, RIGHT, WRONG) == [Outcome.ACCEPTED, Outcome.REJECTED]


async def test_a_wrong_reference_makes_no_suite(judge: LocalVerifier) -> None:
    (suite,) = await amplified(judge, [largest("def largest(xs):\n    return xs[0]\n")])

    assert suite.tests is None
    assert "not accepted by the problem's own tests (wrong-answer)" in suite.problem


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        pytest.param(
            largest(RIGHT, tests="xs = [1, 2]\nassert largest(xs) == 2"),
            "no call of largest whose arguments are literals",
            id="no-seed",
        ),
        pytest.param(
            python_tests(RIGHT, tests="assert largest([1]) == 1"), "set entryPoint", id="no-name"
        ),
        pytest.param(
            python_pytest(
                RIGHT,
                {"test_a.py": "from m import largest\ndef test_a(): assert largest([1]) == 1\n"},
                module="m",
            ),
            "do not name the function",
            id="pytest-suite",
        ),
    ],
)
async def test_what_can_not_be_amplified_says_why(
    judge: LocalVerifier, spec: VerificationSpec, said: str
) -> None:
    (suite,) = await amplified(judge, [spec])

    assert suite.tests is None
    assert said in suite.problem


async def test_answers_that_change_and_calls_that_do_not_end_make_no_cases(
    judge: LocalVerifier,
) -> None:
    source = (
        "import os\n"
        "told = []\n"
        "def f(n):\n"
        "    if n > 100:\n        while True: pass\n"
        "    if n < 0:\n        told.append(n)\n        return len(told)\n"
        "    if n == 7:\n        os._exit(0)\n"
        "    return object() if n == 8 else n\n"
    )
    cases = [((n,), n) for n in (1, 2, 50)]
    spec = python_calls(source, "f", cases, problem_id="f")
    (suite,) = await amplified(judge, [spec], input_count=60)

    assert suite.tests is not None, suite.problem
    assert set(suite.left_out) <= {"raised", "unsteady", "no-answer"}
    form = suite.tests.form
    assert isinstance(form, CallCases)
    arguments = {case.arguments_json for case in form.cases}
    assert {"[1]", "[2]", "[50]"} <= arguments
    assert not {"[7]", "[8]", "[-1]", "[101]"} & arguments
    assert form.comparison is Comparison.EXACT


async def test_suites_are_repeatable(judge: LocalVerifier) -> None:
    first = await amplified(judge, [largest(RIGHT)], input_count=30)

    assert await amplified(judge, [largest(RIGHT)], input_count=30) == first


async def test_agreement_finds_who_differs(judge: LocalVerifier) -> None:
    others = [RIGHT, "def largest(xs):\n    return sorted(xs)[-1]\n"]
    specs = [largest(source, f"c{index}") for index, source in enumerate([*others, WRONG])]
    (suite,) = await amplified_by_agreement(judge, specs)

    assert set(suite.disputed) == {"c2"}
    assert await outcomes(judge, suite, *others, WRONG) == [
        Outcome.ACCEPTED,
        Outcome.ACCEPTED,
        Outcome.REJECTED,
    ]


FORGED = (
    'import sys\nsys.stdout.write(\'["returned", "99"]\\n\' * 500)\nsys.stdout.flush()\n' + RIGHT
)
GARBLED = "print('[' * 10000)\nprint('[\"returned\", 7]')\n" + RIGHT
HOSTILE = (
    'print(\'["returned", "{\\\\"$set\\\\": [[]]}"]\')\nprint(\'\\x00\', \'["returned"\')\n' + RIGHT
)


@pytest.mark.parametrize("source", [FORGED, GARBLED, HOSTILE], ids=["forged", "garbled", "hostile"])
async def test_what_a_candidate_writes_is_its_own_word_alone(
    judge: LocalVerifier, source: str
) -> None:
    honest = [RIGHT, "def largest(xs):\n    return sorted(xs)[-1]\n"]
    specs = [largest(one, f"c{index}") for index, one in enumerate([source, *honest, RIGHT + "\n"])]
    (suite,) = await amplified_by_agreement(judge, specs)

    assert set(suite.disputed) == {"c0"}
    assert await outcomes(judge, suite, *honest) == [Outcome.ACCEPTED] * 2


async def test_one_candidate_agrees_with_nobody(judge: LocalVerifier) -> None:
    (suite,) = await amplified_by_agreement(judge, [largest(WRONG, "c0")])

    assert suite.tests is None
    assert "two accepted candidates or more" in suite.problem


async def test_half_of_the_candidates_are_no_majority(judge: LocalVerifier) -> None:
    with pytest.raises(ValueError, match=r"above 0\.5"):
        await amplified_by_agreement(judge, [], least_share=0.5)


async def test_candidates_run_in_jails_and_never_here(judge: LocalVerifier, tmp_path: Path) -> None:
    trace = tmp_path / "ran-here"
    source = (
        "import pathlib\n"
        f"try:\n    pathlib.Path({str(trace)!r}).write_text('x')\n"
        "except OSError:\n    pass\n" + RIGHT
    )
    await amplified(judge, [largest(source)], input_count=5)
    await amplified_by_agreement(judge, [largest(source, "a"), largest(source, "b")], input_count=5)
    await mutation_scores(judge, [largest(source)], {}, mutant_count=5)

    assert not trace.exists()


class Faulty:
    """A service that loses what a candidate with this word in it is asked."""

    def __init__(self, judge: LocalVerifier, word: str, fault: ServiceError | Verdict) -> None:
        self._judge, self._word, self._fault = judge, word, fault

    async def batch(self, specs: Sequence[VerificationSpec]) -> AsyncGenerator[BatchItem, None]:
        async for item in self._judge.batch(specs):
            source = specs[item.index].candidate.source
            if self._word not in source or "__tell__" not in source:
                yield item
            elif isinstance(self._fault, Verdict):
                yield BatchItem(index=item.index, verdict=self._fault)
            else:
                yield BatchItem(index=item.index, error=self._fault)


STARVED = Verdict(outcome=Outcome.INCONCLUSIVE, reason="overloaded", summary="It was starved.")
MARKED = RIGHT + "# marked\n"


@pytest.mark.parametrize("fault", [SandboxLost("It is gone."), STARVED], ids=["lost", "starved"])
async def test_trouble_of_the_service_is_nobodys_dissent(
    judge: LocalVerifier, fault: ServiceError | Verdict
) -> None:
    faulty = Faulty(judge, "# marked", fault)
    specs = [largest(RIGHT, "a"), largest(MARKED, "b"), largest(RIGHT + "\n", "c")]
    (agreed,) = await amplified_by_agreement(faulty, specs)
    (suite,) = await amplified(faulty, [largest(MARKED)])

    for made in (agreed, suite):
        assert made.tests is None
        assert made.disputed == {}
        assert made.problem.endswith("Run this again.")


async def test_a_candidate_that_can_not_be_asked_has_no_vote(judge: LocalVerifier) -> None:
    """One that is as long as candidates may be leaves no room for the question."""
    refusal = InvalidSpec.of([Violation("candidate.source", "is too long.")])
    faulty = Faulty(judge, "# marked", refusal)
    specs = [largest(RIGHT, "a"), largest(MARKED, "b"), largest(RIGHT + "\n", "c")]
    (agreed,) = await amplified_by_agreement(faulty, specs, least_share=1.0)
    (suite,) = await amplified(faulty, [largest(MARKED)])

    assert agreed.tests is not None
    assert agreed.disputed == {}
    assert "can't be asked what it returns" in suite.problem


# Mutants ----------------------------------------------------------------------------------------


def changes(source: str) -> set[str]:
    return {mutant.change for mutant in mutants(source, 1000)}


@pytest.mark.parametrize(
    ("source", "change"),
    [
        pytest.param("def f(a, b):\n    return a < b", "a < b -> a <= b", id="comparison"),
        pytest.param("def f(a, b):\n    return a + b", "a + b -> a - b", id="arithmetic"),
        pytest.param("def f(a, b):\n    return a and b", "a and b -> a or b", id="boolean"),
        pytest.param("def f(a):\n    return not a", "not a -> a", id="negation"),
        pytest.param("def f(a):\n    return 3", "3 -> 4", id="number"),
        pytest.param("def f(a):\n    return True", "True -> False", id="truth"),
        pytest.param("def f(a):\n    return a[1:]", "1: -> :", id="slice"),
        pytest.param("def f(a):\n    a += 1\n    return a", "a += 1 -> pass", id="statement"),
        pytest.param("def f(a):\n    return max(a)", "max(a) -> min(a)", id="builtin"),
        pytest.param("def f(a):\n    return a", "return a -> return None", id="result"),
    ],
)
def test_changes(source: str, change: str) -> None:
    assert change in changes(source)


def test_mutants_differ_from_the_reference_and_from_each_other() -> None:
    found = mutants(WRONG, 1000)
    sources = [mutant.source for mutant in found]

    assert len(sources) == len(set(sources)) > 5
    assert WRONG not in sources
    for source in sources:
        compile(source, "mutant", "exec")


def test_documentation_is_left_alone() -> None:
    source = '"""Words."""\ndef f(a):\n    """More words."""\n    return a\n'

    assert changes(source) == {"return a -> return None"}


def test_a_body_is_changed_behind_its_head() -> None:
    head, body = "def f(a):\n    '''Adds 1.'''\n", "    return a + 1\n"
    found = mutants(body, 10, preamble=head)

    assert {mutant.line for mutant in found} == {3}
    assert all(mutant.source.startswith("def f(a):") for mutant in found)


@pytest.mark.parametrize("source", ["def f(:", "\x00", "(" * 10_000], ids=["torn", "null", "deep"])
def test_what_is_no_python_has_no_mutants(source: str) -> None:
    with pytest.raises(ValueError, match="no Python that can be read"):
        mutants(source, 10)


async def test_mutants_show_what_a_suite_lets_through(judge: LocalVerifier) -> None:
    source = "def largest(xs):\n    best = xs[0]\n    for x in xs[1:]:\n        if x > best:\n"
    source += "            best = x\n    return best\n"
    weak = largest(source, tests="assert largest([2, 1]) == 2")
    made = await amplified(judge, [weak])
    suites = {one.problem_id: one.tests for one in made if one.tests is not None}
    (score,) = await mutation_scores(judge, [weak], suites)

    assert score.mutant_count == (
        score.killed_count
        + score.wrong_accepted_count
        + score.equivalent_count
        + score.undecided_count
    )
    assert score.undecided_count == 0
    assert "line 5: best = x -> pass" in score.survivors
    assert score.equivalent_count > 0, "x >= best is right as well"
    counted = [(seen.answer, seen.truth) for seen in score.observations()]
    assert counted.count((Answer.ACCEPTED, Truth.WRONG)) == score.wrong_accepted_count
    assert counted.count((Answer.REJECTED, Truth.WRONG)) == score.killed_count


async def test_without_a_larger_suite_survivors_are_undecided(judge: LocalVerifier) -> None:
    (score,) = await mutation_scores(judge, [largest(RIGHT)], {})

    assert score.wrong_accepted_count == score.equivalent_count == 0
    assert score.undecided_count + score.killed_count == score.mutant_count


async def test_a_reference_that_is_no_python_has_no_score(judge: LocalVerifier) -> None:
    broken = python_tests("def (", tests=TESTS, entry_point="largest", problem_id="broken")
    first, second = await mutation_scores(judge, [broken, largest(RIGHT)], {})

    assert first.mutant_count == 0
    assert "no Python" in first.problem
    assert second.mutant_count > 0
