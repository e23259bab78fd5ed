"""Changes after which a correct candidate fails, and what is made of runs with them."""

from __future__ import annotations

import ast
import dataclasses
import random
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandboxes.python_tests.jailed.pytest_canary import (
    Edit,
    Suite,
    edited,
    mutated,
    scrambled,
    with_others,
)
from sandboxes.python_tests.pytest_suite import (
    Canary,
    Plan,
    PlannedTest,
    Plans,
    canaries,
    of_canary,
    of_suite,
)
from sandboxes.python_tests.report import CaseReport, EndReport, Report
from verifier_service.model import InvalidSpec, PytestSuite

if TYPE_CHECKING:
    from sandboxes.isolation.pool import JailPool

LITERALS = st.recursive(
    st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    max_leaves=8,
)


@given(LITERALS, st.integers())
def test_another_literal_has_the_same_type_and_another_value(value: Any, seed: int) -> None:
    other = mutated(repr(value), random.Random(seed))
    if other is not None:
        found = ast.literal_eval(other)
        assert type(found) is type(value)
        assert found != value


@given(st.integers() | st.text(min_size=1, alphabet="abcXYZ019"), st.integers())
def test_plain_literals_can_always_be_changed(value: Any, seed: int) -> None:
    assert mutated(repr(value), random.Random(seed)) is not None


@given(st.integers(10, 10**6), st.integers())
def test_numbers_differ_by_more_than_is_tolerated(value: int, seed: int) -> None:
    other = mutated(str(value), random.Random(seed), beyond=5.0)
    assert other is None or abs(int(other) - value) > 5


@given(st.lists(st.integers() | st.text(min_size=1), min_size=1).map(tuple), st.integers())
def test_another_collection_has_no_value_in_common(values: tuple[Any, ...], seed: int) -> None:
    other = with_others(repr(values), random.Random(seed))
    if other is not None:
        found = ast.literal_eval(other)
        assert len(found) == len(values)
        assert not any(value in values for value in found)


@given(st.text(min_size=8), st.integers())
def test_a_scrambled_text_is_far_from_the_text(value: str, seed: int) -> None:
    other = scrambled(repr(value), random.Random(seed))
    if other is not None:
        found = ast.literal_eval(other)
        assert sum(a != b for a, b in zip(found, value, strict=False)) >= 5


@pytest.mark.parametrize("text", ["None", "x", "f(2)", "[x]", "...", "1 +", "'"])
def test_what_is_no_literal_is_left_alone(text: str) -> None:
    assert mutated(text, random.Random(0)) is None


def changed_lines(source: str, seed: int = 0) -> list[str]:
    """Lines of the only test of a suite, after a change."""
    tree = ast.parse(source)
    (node,) = (n for n in ast.walk(tree) if str(getattr(n, "name", "")).startswith("test"))
    assert isinstance(node, ast.FunctionDef)
    first = min([node.lineno, *(part.lineno for part in node.decorator_list)])
    function = Suite({"test_a.py": source}).function("test_a.py", first)
    assert function is not None
    change = function.change(random.Random(seed))
    if change is None:
        return []
    after = edited({"test_a.py": source}, change.edits)["test_a.py"]
    ast.parse(after)
    before = source.splitlines()
    return [line.strip() for line in after.splitlines() if line not in before]


@pytest.mark.parametrize(
    ("body", "changed"),
    [
        pytest.param("assert f(2) == 4", "assert f(2) == ", id="literal"),
        pytest.param("assert 4 == f(2)", "== f(2)", id="literal-on-the-left"),
        pytest.param("want = 'abc'; assert f(2) == want", "want = '", id="variable"),
        pytest.param("assert f(2) is True", "assert f(2) is False", id="truth"),
        pytest.param("assert f(2)", "assert not (f(2))", id="no-literal"),
        pytest.param("assert not f(2)", "assert f(2)", id="negated"),
        pytest.param("assert f(2) != 3", "assert f(2) == 3", id="unequal"),
        pytest.param("assert f(2) in (1, 2)", "assert f(2) in (", id="within"),
        pytest.param("assert f(2) in xs", "assert f(2) not in xs", id="within-what"),
        pytest.param("assert 'good morning' in f()", " in f()", id="text-in-text"),
        pytest.param("assert 'ab' in f()", "assert 'ab' not in f()", id="short-text-in-text"),
        pytest.param("assert f(2) < 3", "assert f(2) >= 3", id="less"),
        pytest.param("assert f(2) is None", "assert f(2) is not None", id="none"),
        pytest.param("assert 1 < f(2) < 3", "assert not (1 < f(2) < 3)", id="chain"),
        pytest.param("assert f(2) == g(2)", "assert f(2) != g(2)", id="no-literal-at-all"),
        pytest.param("with pytest.raises(ValueError): f(2)", "Error): f(2)", id="exception"),
        pytest.param("with raises(ValueError): f(2)", "assert False", id="raises-of-the-tests"),
        pytest.param("assert f(2) == set([3])", "assert f(2) == set([", id="set"),
        pytest.param("assert math.isclose(f(2), 3.5)", "math.isclose(f(2), ", id="near"),
        pytest.param("self.assertEqual(f(2), 4)", "self.assertEqual(f(2), ", id="unittest"),
        pytest.param("self.assertTrue(f(2))", "self.assertFalse(f(2))", id="unittest-truth"),
        pytest.param("f(2)", "f(2); assert False", id="no-assertion"),
        pytest.param("assert f('é') == 'ü4'  # ß", "assert f('é') == '", id="not-ascii"),
    ],
)
def test_the_least_conspicuous_change_is_made(body: str, changed: str) -> None:
    for seed in range(5):
        (line,) = changed_lines(f"def test_it(self):\n    {body}\n", seed)
        assert changed in line
        assert line != body


def test_changes_differ_as_far_as_they_can() -> None:
    suite = Suite(
        {"test_a.py": "def test_n(): assert f() == 4\ndef test_t(): assert f() is True\n"}
    )
    number, truth = suite.function("test_a.py", 1), suite.function("test_a.py", 2)
    assert number is not None
    assert truth is not None

    assert len(set(number.changes(12, random.Random(0)))) == 12
    assert len(truth.changes(12, random.Random(0))) == 12


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("if x:\n        assert f(2) == 4", id="branch"),
        pytest.param("for x in xs:\n        assert f(x) == 4", id="loop-that-may-be-empty"),
        pytest.param("with suppress(Error):\n        assert f(2) == 4", id="lost-exception"),
        pytest.param("try:\n        assert f(2) == 4\n    except E: pass", id="caught"),
        pytest.param("def inner():\n        assert f(2) == 4", id="function-that-may-not-run"),
        pytest.param("while x:\n        assert f(2) == 4", id="while"),
    ],
)
def test_what_may_not_be_reached_is_left_alone(body: str) -> None:
    assert changed_lines(f"def test_it():\n    {body}\n") == ["assert False"]


@pytest.mark.parametrize(
    "body",
    ["if x: return\n    assert f(2) == 4", "yield\n    assert f(2) == 4", "return f(2) == 4"],
)
def test_nothing_is_certain_behind_a_return(body: str) -> None:
    assert changed_lines(f"def test_it():\n    {body}\n") == []


def test_what_comes_before_a_return_is_certain() -> None:
    lines = changed_lines("def test_it():\n    assert f(2) == 4\n    if x: return\n    g()\n")
    assert lines[0].startswith("assert f(2) == ")


@pytest.mark.parametrize(
    "assertion",
    [
        pytest.param("assert isclose(f(2), 4.25)", id="helper-of-the-tests"),
        pytest.param("assert f(2) == approx(4.25)", id="approx-of-the-tests"),
        pytest.param("assert np.allclose(f(2), 4.25, 0.5)", id="tolerance-by-position"),
        pytest.param("assert f(2) == pytest.approx(4.25, 0.5)", id="relative-by-position"),
        pytest.param("assert np.isclose(f(2), 4.25, rtol=0.5)", id="tolerance-by-name"),
    ],
)
def test_who_tolerates_what_nobody_knows_is_turned_around(assertion: str) -> None:
    for seed in range(5):
        (line,) = changed_lines(f"def test_it():\n    {assertion}\n", seed)
        assert "4.25" in line


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("set([1, 2, 2, 1])", set),
        ("frozenset('abba')", frozenset),
        ("Decimal('1.20')", Decimal),
        ("Fraction('2/4')", Fraction),
    ],
)
def test_what_is_made_of_a_literal_differs(source: str, kind: type) -> None:
    names = {"set": set, "frozenset": frozenset, "Decimal": Decimal, "Fraction": Fraction}
    for seed in range(30):
        (line,) = changed_lines(f"def test_it():\n    assert f() == {source}\n", seed)
        if "==" in line:
            changed = eval(line.removeprefix("assert f() == "), names)
            assert isinstance(changed, kind)
            assert changed != eval(source, names)


def test_what_a_fixture_makes_of_a_parameter_is_left_alone() -> None:
    for more in (", indirect=True", ", True", ", indirect=['want']"):
        (line,) = changed_lines(
            f"@pytest.mark.parametrize('want', [1, 2]{more})\n"
            "def test_it(want):\n    assert f() == want\n"
        )
        assert line == "assert f() != want"


def test_rows_are_changed_one_by_one() -> None:
    source = (
        "@pytest.mark.parametrize('x, want', [(1, 2), pytest.param(3, 'six')])\n"
        "def test_it(x, want):\n    assert f(x) == want\n"
    )
    function = Suite({"test_a.py": source}).function("test_a.py", 1)
    assert function is not None
    change = function.change(random.Random(0))

    assert change is not None
    assert change.argument == "want"
    assert [source[edit.start : edit.end] for edit in change.edits] == ["2", "'six'"]


def test_a_file_that_is_no_python_has_no_function() -> None:
    assert Suite({"a.py": "def (", "b.txt": "def test(): pass"}).function("a.py", 1) is None


EDIT = Edit("test_a.py", 0, 1, "x")
WHOLE = [("", [EDIT])] * 6


def plan(
    count: int, changes: Sequence[Sequence[tuple[str, Sequence[Edit]] | None]] | None = None
) -> Plan:
    """Tests `a0`, `a1` …, each of a function of its own."""
    tests = [PlannedTest(base_id=f"a{k}", function=k) for k in range(count)]
    return Plan(tests=tests, changes=[WHOLE] * count if changes is None else changes)


def said(*reasons: str, end: str | None = "tests-passed", valid: bool = True) -> Report:
    cases = [
        CaseReport(name=f"a{k}", reason=reason, message=f"m{k}", wall_seconds=0.0)
        for k, reason in enumerate(reasons)
    ]
    last = None if end is None else EndReport(reason=end, passed=9, failed=0, calls=1)
    return Report(cases=cases, end=last, valid=valid)


PASS, FAIL = "tests-passed", "wrong-answer"


@given(st.integers(1, 12), st.integers())
def test_a_canary_begins_somewhere_and_goes_on_to_the_end(count: int, seed: int) -> None:
    made = canaries(plan(count), random.Random(seed))

    assert len(made) >= 4
    for canary in made:
        start = min(canary.failing)
        assert canary.failing == frozenset(range(start, count))
        assert canary.passing == frozenset(range(start))
        assert len(canary.edits) == count - start
    assert any(len(canary.failing) == count for canary in made)


def test_a_suite_of_one_test_gets_more_canaries() -> None:
    assert len(canaries(plan(1))) > len(canaries(plan(9)))


def test_rows_before_the_beginning_stay_as_they_were() -> None:
    edits = [Edit("test_a.py", k, k + 1, "x") for k in range(3)]
    rows = Plan(
        tests=[PlannedTest(base_id="a", function=0, rows={"want": k}) for k in range(3)],
        changes=[[("want", edits)] * 6],
    )
    for canary in canaries(rows, random.Random(3)):
        start = min(canary.failing)
        assert sorted(edit.start for edit in canary.edits) == list(range(start, 3))
        assert canary.passing == frozenset(range(start))


def test_what_can_t_be_changed_is_asked_nothing() -> None:
    tests = [
        PlannedTest(base_id="a0"),
        PlannedTest(base_id="a1", function=0),
        PlannedTest(base_id="a2", function=1, counts=False),
    ]
    made = canaries(Plan(tests=tests, changes=[WHOLE, WHOLE]))

    assert {canary.failing for canary in made} == {frozenset({1})}
    assert {canary.passing for canary in made} == {frozenset({0})}
    assert canaries(plan(1, [[None] * 6])) == []


@pytest.mark.parametrize(
    ("report", "reason"),
    [
        pytest.param(said(PASS, PASS), "tests-passed", id="passed"),
        pytest.param(said(PASS, FAIL), "wrong-answer", id="failed"),
        pytest.param(said(PASS, FAIL, end=None), "wrong-answer", id="failed-and-ended"),
        pytest.param(said(PASS, PASS, end=None), "candidate-gone", id="left-after-the-last-test"),
        pytest.param(said(end=None), "candidate-gone", id="left-at-once"),
        pytest.param(said(PASS), "nothing-tested", id="too-few"),
        pytest.param(said(PASS, PASS, PASS), "nothing-tested", id="too-many"),
        pytest.param(said(), "nothing-tested", id="none"),
        pytest.param(said(PASS, PASS, valid=False), "protocol-violation", id="noise"),
        pytest.param(said(PASS, "skipped"), "skipped", id="skipped-while-it-ran"),
        pytest.param(said("expected-failure", PASS), "skipped", id="marked-while-it-ran"),
        pytest.param(said(PASS, end="load-error"), "load-error", id="not-loaded"),
    ],
)
def test_a_run_of_the_suite(report: Report, reason: str) -> None:
    assert of_suite(plan(2), report).reason == reason


def test_other_tests_than_planned_are_none() -> None:
    report = said(PASS, PASS)
    report.cases.reverse()

    assert of_suite(plan(2), report).reason == "nothing-tested"


def test_parameters_may_be_called_as_they_like() -> None:
    report = said(PASS, PASS)
    report.cases[0] = dataclasses.replace(report.cases[0], name="a0[x-1]")

    assert of_suite(plan(2), report).reason == "tests-passed"


def test_a_suite_that_depends_on_the_candidate_is_to_blame_for_it() -> None:
    uses = dataclasses.replace(plan(2), uses_candidate=["iter(CASES)"])
    with pytest.raises(InvalidSpec, match=r"iter\(CASES\)"):
        of_suite(uses, said(PASS, PASS, PASS))

    assert of_suite(uses, said(PASS, PASS)).reason == "tests-passed"


SECOND = Canary(edits=[EDIT], passing=frozenset({0}), failing=frozenset({1, 2}))


@pytest.mark.parametrize(
    ("report", "reason"),
    [
        pytest.param(said(PASS, FAIL, FAIL), None, id="as-it-should"),
        pytest.param(said(PASS, FAIL, end=None), None, id="ended-by-its-failure"),
        pytest.param(said(PASS, PASS, FAIL), "tampering", id="passes-what-nobody-can"),
        pytest.param(said(PASS, FAIL, PASS), "tampering", id="passes-the-last"),
        pytest.param(said(PASS, "skipped", FAIL), "tampering", id="skips-what-nobody-can-pass"),
        pytest.param(said(PASS, PASS, PASS), "tampering", id="passes-all"),
        pytest.param(said(FAIL, FAIL, FAIL), "wrong-answer", id="fails-too-early"),
        pytest.param(said("skipped", FAIL, FAIL), "skipped", id="skips-too-early"),
        pytest.param(said(PASS, end=None), "candidate-gone", id="leaves-too-early"),
        pytest.param(said(end=None), "candidate-gone", id="leaves-at-once"),
        pytest.param(said(PASS), "nothing-tested", id="stops-too-early"),
        pytest.param(said(PASS, FAIL, FAIL, valid=False), "protocol-violation", id="noise"),
        pytest.param(said(PASS, FAIL, FAIL, FAIL), "nothing-tested", id="too-many"),
    ],
)
def test_a_run_of_a_canary(report: Report, reason: str | None) -> None:
    found = of_canary(plan(3), SECOND, report)

    assert (found.reason if found else None) == reason


def test_the_plans_used_last_are_kept() -> None:
    jails, others = cast("JailPool", object()), cast("JailPool", object())
    one, two, three = (PytestSuite(files=((f"test_{k}.py", ""),), module="m") for k in range(3))
    plans = Plans(most=2)
    plans.keep(jails, one, plan(1))
    plans.keep(jails, two, plan(2))

    assert plans.of(jails, one) == plan(1)
    assert plans.of(others, one) is None
    plans.keep(jails, three, plan(3))
    assert plans.of(jails, two) is None
    assert plans.of(jails, one) == plan(1)


def test_large_plans_are_not_kept() -> None:
    jails, plans = cast("JailPool", object()), Plans()
    form = PytestSuite(files=(("test_a.py", ""),), module="m")
    plans.keep(jails, form, plan(2000))

    assert plans.of(jails, form) is None
