"""Finite interpretations, and what holds in them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandboxes.logic.evaluator import Interpretation, Silent, TooManySteps, holds
from sandboxes.logic.syntax import (
    INDIVIDUAL,
    Application,
    Atom,
    Equality,
    Existential,
    Formula,
    Negation,
    Universal,
    Variable,
    function,
)
from tests.logic.generated import (
    FUNCTIONAL,
    A,
    P,
    a,
    closed_formulas,
    examples,
    f,
    interpretations,
    true_in,
    x,
    y,
)

TWO = Interpretation({INDIVIDUAL: 2}, {a.symbol: {(): 1}}, {P: frozenset({(1,)})})


@examples(1000)
@given(closed_formulas(FUNCTIONAL), st.integers(1, 2), st.integers(0, 10**6))
def test_evaluation_agrees_with_python(formula: Formula, size: int, choice: int) -> None:
    every = list(interpretations([formula], {INDIVIDUAL: size}))
    interpretation = every[choice % len(every)]
    assert holds(formula, interpretation) is true_in([formula], interpretation)


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        pytest.param(Atom(P, (a,)), True, id="atom"),
        pytest.param(Universal((x,), Atom(P, (x,))), False, id="for-all"),
        pytest.param(Existential((x,), Negation(Atom(P, (x,)))), True, id="for-some"),
        pytest.param(Universal((x, x), Equality(x, x)), True, id="a-variable-twice"),
        pytest.param(
            Universal((x,), Existential((x,), Atom(P, (x,)))), True, id="the-inner-variable-counts"
        ),
        pytest.param(Existential((x, y), Negation(Equality(x, y))), True, id="two-elements"),
    ],
)
def test_formulas_in_two_elements(formula: Formula, expected: bool) -> None:
    assert holds(formula, TWO) is expected


@pytest.mark.parametrize(
    ("formula", "interpretation", "message"),
    [
        pytest.param(Atom(A), TWO, "no predicate 'A'", id="predicate"),
        pytest.param(Atom(P, (Application(function("b")),)), TWO, "no function 'b'", id="constant"),
        pytest.param(Atom(P, (x,)), TWO, "variable 'x' is free", id="free-variable"),
        pytest.param(
            Universal((Variable("x", "planet"),), Atom(P, (a,))), TWO, "sort 'planet'", id="sort"
        ),
        pytest.param(
            Universal((x,), Atom(P, (x,))),
            Interpretation({INDIVIDUAL: 0}, {}, {P: frozenset()}),
            "has no elements",
            id="empty-sort",
        ),
        pytest.param(
            Atom(P, (Application(f, (a,)),)),
            Interpretation({INDIVIDUAL: 2}, {a.symbol: {(): 1}, f: {(0,): 0}}, TWO.predicates),
            "'f' has no value for \\(1,\\)",
            id="partial-function",
        ),
        pytest.param(
            Atom(P, (a,)),
            Interpretation({INDIVIDUAL: 2}, {a.symbol: {(): 2}}, TWO.predicates),
            "'a' has no value",
            id="value-out-of-range",
        ),
    ],
)
def test_what_an_interpretation_does_not_say(
    formula: Formula, interpretation: Interpretation, message: str
) -> None:
    with pytest.raises(Silent, match=message):
        holds(formula, interpretation)


def test_steps_are_bounded() -> None:
    variables = tuple(Variable(f"x{number}") for number in range(60))
    formula = Universal(variables, Equality(variables[0], variables[0]))
    with pytest.raises(TooManySteps):
        holds(formula, Interpretation({INDIVIDUAL: 2}, {}, {}), steps=1000)
