"""What is printed in a dialect is read as the same formula again."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from sandboxes.logic.canonical import canonical, statement_key
from sandboxes.logic.printing import Unprintable, printed, printed_problem
from sandboxes.logic.reader import Dialect, Role, Source, read
from sandboxes.logic.syntax import Equality, Formula, Problem, Variable, closure
from tests.logic.formulas import formulas, problems, sorted_formulas

_THOROUGH = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def _read_again(text: str, dialect: Dialect) -> Formula:
    reading = read([Source("text", text, Role.GOAL)], dialect)
    assert reading.problem, (text, reading.findings)
    assert reading.problem.goal
    return reading.problem.goal.formula


@given(formulas())
@_THOROUGH
def test_unicode(formula: Formula) -> None:
    assert _read_again(printed(formula, Dialect.UNICODE), Dialect.UNICODE) == formula


@given(formulas(constants=False, exclusive=False))
@_THOROUGH
def test_nltk(formula: Formula) -> None:
    assert _read_again(printed(formula, Dialect.NLTK), Dialect.NLTK) == formula


@given(formulas(exclusive=False, block=1))
@_THOROUGH
def test_prover9(formula: Formula) -> None:
    assert _read_again(printed(formula, Dialect.PROVER9), Dialect.PROVER9) == formula


@given(formulas())
@_THOROUGH
def test_tptp_but_for_names_of_variables(formula: Formula) -> None:
    again = _read_again(printed(formula, Dialect.TPTP), Dialect.TPTP)
    assert statement_key(again) == statement_key(formula)


@given(problems(formulas()))
@_THOROUGH
def test_problems_in_unicode(problem: Problem) -> None:
    text = printed_problem(problem, Dialect.UNICODE)
    again = read([Source("text", text, Role.FORMALISATION)], Dialect.UNICODE).problem
    assert again
    assert [one.formula for one in again.premises] == [one.formula for one in problem.premises]


@given(problems(formulas(exclusive=False, block=1)))
@_THOROUGH
def test_problems_in_lists_of_prover9(problem: Problem) -> None:
    text = printed_problem(problem, Dialect.PROVER9)
    again = read([Source("text", text, Role.FORMALISATION)]).problem
    assert again
    assert [one.formula for one in again.premises] == [one.formula for one in problem.premises]
    assert again.goal
    assert problem.goal
    assert again.goal.formula == problem.goal.formula


@pytest.mark.parametrize("dialect", [Dialect.TPTP, Dialect.SMTLIB, Dialect.UNICODE])
@given(problem=problems(formulas()))
@_THOROUGH
def test_problems_have_one_key_in_all_dialects(dialect: Dialect, problem: Problem) -> None:
    try:
        text = printed_problem(problem, dialect)
    except Unprintable:
        assert dialect is Dialect.SMTLIB  # which has one symbol to a name, and no other has so
        return
    again = read([Source("text", text, Role.FORMALISATION)], dialect).problem
    assert again
    # SMT-LIB has no sort of all things by itself, and one is declared.
    if dialect is not Dialect.SMTLIB:
        assert canonical(again).key == canonical(problem).key


@pytest.mark.parametrize("dialect", [Dialect.TPTP, Dialect.SMTLIB])
@given(problem=problems(sorted_formulas()))
@_THOROUGH
def test_problems_with_sorts(dialect: Dialect, problem: Problem) -> None:
    text = printed_problem(problem, dialect)
    again = read([Source("text", text, Role.FORMALISATION)], dialect).problem
    assert again
    assert canonical(again).key == canonical(problem).key


def test_what_a_dialect_cannot_say_is_an_error() -> None:
    formula = _read_again("P(a) ⊕ ∀x Q(x)", Dialect.UNICODE)
    assert printed(formula, Dialect.NLTK) == "-(P(a) <-> all x. Q(x))"
    with pytest.raises(Unprintable, match="free variable 'Foo'"):
        printed(_open_formula("Foo"), Dialect.NLTK)
    with pytest.raises(Unprintable, match="no sorts"):
        printed(closure(_open_formula("x", "human")), Dialect.UNICODE)


def _open_formula(name: str, sort: str = "$i") -> Formula:
    return Equality(Variable(name, sort), Variable(name, sort))
