"""The tree of formulas: what is free, what replaces what, and how deep trees stay usable."""

from __future__ import annotations

import pickle

import pytest

from sandboxes.logic.syntax import (
    DEPTH_LIMIT,
    INDIVIDUAL,
    Application,
    Atom,
    Conjunction,
    Equality,
    Existential,
    Formula,
    Implication,
    Negation,
    Problem,
    Span,
    Statement,
    Truth,
    Universal,
    Variable,
    closure,
    conjunction,
    depth,
    disjunction,
    free_variables,
    function,
    predicate,
    size,
    substitute,
    symbols,
)

X, Y = Variable("x"), Variable("y")
A = Application(function("a"))
P, R = predicate("P", 1), predicate("R", 2)


def test_spans_are_no_part_of_equality() -> None:
    assert Atom(P, (X,), span=Span(0, 4)) == Atom(P, (X,))
    assert hash(Atom(P, (X,), span=Span(0, 4))) == hash(Atom(P, (X,)))


def test_a_name_is_several_symbols_by_kind_and_arity() -> None:
    assert len({predicate("P"), predicate("P", 1), function("P")}) == 3


def test_a_variable_is_free_where_nothing_binds_it() -> None:
    formula = Implication(Universal((X,), Atom(P, (X,))), Atom(R, (X, Y)))
    assert free_variables(formula) == (X, Y)
    assert closure(formula) == Universal((X, Y), formula)
    assert free_variables(closure(formula)) == ()
    assert closure(closure(formula)) == closure(formula)


def test_variables_of_other_sorts_are_other_variables() -> None:
    formula = Universal((Variable("x", "human"),), Atom(P, (X,)))
    assert free_variables(formula) == (X,)


@pytest.mark.parametrize(
    ("formula", "result"),
    [
        pytest.param(Atom(P, (X,)), Atom(P, (Y,)), id="free"),
        pytest.param(Universal((X,), Atom(P, (X,))), Universal((X,), Atom(P, (X,))), id="bound"),
        pytest.param(
            Existential((Y,), Atom(R, (X, Y))),
            Existential((Variable("y_1"),), Atom(R, (Y, Variable("y_1")))),
            id="capture",
        ),
        pytest.param(
            Existential((Y,), Existential((Variable("y_1"),), Atom(R, (X, Y)))),
            Existential(
                (Variable("y_1"),),
                Existential((Variable("y_1_1"),), Atom(R, (Y, Variable("y_1")))),
            ),
            id="capture-of-the-renamed",
        ),
    ],
)
def test_substitution_of_x_by_y(formula: Formula, result: Formula) -> None:
    assert substitute(formula, {X: Y}) == result


def test_substitution_is_simultaneous() -> None:
    assert substitute(Atom(R, (X, Y)), {X: Y, Y: X}) == Atom(R, (Y, X))


def test_symbols_come_in_the_order_of_the_text() -> None:
    formula = Conjunction((Atom(R, (A, X)), Equality(A, X), Atom(P, (A,))))
    assert symbols(formula) == (R, A.symbol, P)


def test_conjunctions_and_disjunctions_of_any_number() -> None:
    assert conjunction([]) == Truth()
    assert conjunction([Atom(P, (A,))]) == disjunction([Atom(P, (A,))]) == Atom(P, (A,))


def test_size_and_depth_count_terms() -> None:
    formula = Negation(Atom(R, (A, Application(function("f", 1), (A,)))))
    assert size(formula) == 5
    assert depth(formula) == 4


def test_what_affirms_and_denies_an_open_goal() -> None:
    goal = Statement("goal", Atom(P, (X,)))
    closed = Problem((), goal)
    assert closed.affirmation() == Universal((X,), Atom(P, (X,)))
    assert closed.denial() == Negation(Universal((X,), Atom(P, (X,))))
    open_first = Problem((), goal, closed_negation=False)
    assert open_first.affirmation() == Negation(Universal((X,), Negation(Atom(P, (X,)))))
    assert open_first.denial() == closed.denial()


def test_a_closed_goal_is_affirmed_by_itself() -> None:
    goal = Statement("goal", Atom(P, (A,)))
    assert Problem((), goal, closed_negation=False).affirmation() == goal.formula


def test_trees_at_the_depth_limit_are_usable() -> None:
    formula: Formula = Atom(P, (X,))
    for _ in range(DEPTH_LIMIT - 2):
        formula = Negation(formula)
    assert depth(formula) == DEPTH_LIMIT
    copied = pickle.loads(pickle.dumps(formula))
    assert copied == formula
    assert hash(copied) == hash(formula)
    assert repr(copied) == repr(formula)
    assert INDIVIDUAL in repr(substitute(formula, {X: A}))


def test_terms_at_the_depth_limit_are_usable() -> None:
    term: Variable | Application = X
    for _ in range(DEPTH_LIMIT - 2):
        term = Application(function("f", 1), (term,))
    formula = Existential((Y,), Equality(term, Y))
    copied = pickle.loads(pickle.dumps(formula))
    assert copied == formula
    assert hash(copied) == hash(formula)
    assert repr(copied) == repr(formula)
