"""Problems that differ only in how they are written have one key, and no others do."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandboxes.logic.canonical import canonical, normal, statement_key
from sandboxes.logic.evaluator import Interpretation, holds
from sandboxes.logic.reader import Role, Source, read
from sandboxes.logic.syntax import (
    INDIVIDUAL,
    Application,
    Atom,
    Equality,
    Formula,
    Kind,
    Problem,
    Statement,
    Symbol,
    Term,
    Variable,
    operands,
    rebuilt,
)
from tests.logic.generated import closed_formulas


def _problem(premises: list[str], goal: str) -> Problem:
    problem = read(
        [
            *(Source(f"premises[{n}]", text) for n, text in enumerate(premises)),
            Source("conclusion", goal, Role.GOAL),
        ]
    ).problem
    assert problem
    return problem


_REX = _problem(["∀x (Dog(x) → Barks(x))", "Dog(rex)", "Cat(tom) ⊕ Dog(tom)"], "Barks(rex)")


@pytest.mark.parametrize(
    ("premises", "goal"),
    [
        pytest.param(["all y. (A(y) -> B(y))", "A(c)", "A(d) ⊕ E(d)"], "B(c)", id="renamed"),
        pytest.param(["Dog(rex)", "Cat(tom) ⊕ Dog(tom)", "∀x (Dog(x) → Barks(x))"], "Barks(rex)",
                     id="reordered"),
        pytest.param(["Dog(x) → Barks(x)", "Dog(rex)", "¬(Cat(tom) ↔ Dog(tom))"], "¬¬Barks(rex)",
                     id="rewritten"),
        pytest.param(["∀x (Dog(x) → Barks(x))", "Dog(rex)", "Dog(rex)", "Dog(tom) ↔ ¬Cat(tom)"],
                     "Barks(rex)", id="said-twice"),
        pytest.param(["Dog($x, True) >>> Barks($x, True)", "Dog(Rex, True)",
                      "Dog(Tom) ⊕ Cat(Tom)"], "Barks(Rex)", id="pyke"),
    ],
)  # fmt: skip
def test_one_key(premises: list[str], goal: str) -> None:
    assert canonical(_problem(premises, goal)).key == canonical(_REX).key


@pytest.mark.parametrize(
    ("premises", "goal"),
    [
        pytest.param(["∀x (Dog(x) → Barks(x))", "Dog(rex)", "Cat(tom) ⊕ Dog(tom)"], "Barks(tom)",
                     id="other-goal"),
        pytest.param(["∀x (Barks(x) → Dog(x))", "Dog(rex)", "Cat(tom) ⊕ Dog(tom)"], "Barks(rex)",
                     id="other-direction"),
        pytest.param(["∀x (Dog(x) → Barks(x))", "Dog(rex)", "Cat(tom) ∨ Dog(tom)"], "Barks(rex)",
                     id="other-connective"),
        pytest.param(["∀x (Dog(x) → Barks(x))", "Dog(rex)"], "Barks(rex)", id="premise-less"),
        pytest.param(["∀x (Dog(x) → Barks(x))", "Dog(rex)", "Cat(rex) ⊕ Dog(rex)"], "Barks(rex)",
                     id="one-thing-for-two"),
    ],
)  # fmt: skip
def test_other_keys(premises: list[str], goal: str) -> None:
    assert canonical(_problem(premises, goal)).key != canonical(_REX).key


def test_an_answer_can_be_carried_over() -> None:
    other = _problem(["A(d) ⊕ E(d)", "A(c)", "A(c)", "∀y (A(y) → B(y))"], "B(c)")
    first, second = canonical(_REX), canonical(other)
    names = dict(
        zip((s.name for s in first.symbols), (s.name for s in second.symbols), strict=True)
    )
    assert names == {"Barks": "B", "rex": "c", "Dog": "A", "Cat": "E", "tom": "d"}
    carried = {
        mine[0]: theirs for mine, theirs in zip(first.premises, second.premises, strict=True)
    }
    assert carried == {0: (3,), 1: (1, 2), 2: (0,)}


def test_keys_are_the_same_in_all_processes() -> None:
    program = (
        "from sandboxes.logic.canonical import canonical\n"
        "from sandboxes.logic.reader import Source, read\n"
        "text = '∀x (A(x) ∧ B(x) ∧ C(x) → R(x, a) ∨ R(b, x))'\n"
        "print(canonical(read([Source('source', text)]).problem).key)"
    )
    keys = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": str(seed)},
            capture_output=True,
            check=True,
            cwd=Path(__file__).parents[2],
        ).stdout
        for seed in (1, 2)
    }
    assert len(keys) == 1


def test_the_denial_of_the_goal_is_part_of_the_key() -> None:
    goal = Statement("goal", _problem([], "P(x)").goal.formula)  # type: ignore[union-attr]
    assert canonical(Problem((), goal)).key != canonical(Problem((), goal, False)).key


def test_formulas_keep_their_names_in_keys_of_statements() -> None:
    assert _key("∀x (P(x) ∧ Q(x))") == _key("∀y (Q(y) ∧ P(y))")
    assert _key("P(a)") != _key("Q(a)")
    assert _key("R(a, b)") != _key("R(b, a)")


def _key(text: str) -> str:
    problem = _problem([], text)
    assert problem.goal
    return statement_key(problem.goal.formula)


@given(closed_formulas())
@settings(max_examples=300, deadline=None)
def test_the_normal_form_means_what_the_formula_means(formula: Formula) -> None:
    """In all of a sample of interpretations with one, two and three things."""
    changed = normal(formula)
    for seed in range(12):
        interpretation = _interpretation(seed)
        assert holds(formula, interpretation) == holds(changed, interpretation)


def _interpretation(seed: int) -> Interpretation:
    chance = random.Random(seed)
    size = 1 + seed % 3
    things = range(size)
    pick = chance.randrange
    symbol = Symbol
    return Interpretation(
        {INDIVIDUAL: size},
        {symbol(Kind.FUNCTION, name): {(): pick(size)} for name in "ab"},
        {
            symbol(Kind.PREDICATE, "A"): frozenset([()] if pick(2) else []),
            **{
                symbol(Kind.PREDICATE, name, (INDIVIDUAL,)): frozenset(
                    (thing,) for thing in things if pick(2)
                )
                for name in "PQ"
            },
            symbol(Kind.PREDICATE, "R", (INDIVIDUAL,) * 2): frozenset(
                (one, other) for one in things for other in things if pick(2)
            ),
        },
    )


@given(st.lists(closed_formulas(), min_size=1, max_size=4), closed_formulas(), st.randoms())
@settings(max_examples=200, deadline=None)
def test_names_and_order_of_premises_are_no_part_of_the_key(
    premises: list[Formula], goal: Formula, chance: random.Random
) -> None:
    """But where symmetry leaves the order to the text: then keys may differ, and nothing breaks."""
    names = dict(zip(["P", "Q", "A", "R", "a", "b"], ["Q", "P", "B", "S", "b", "c"], strict=True))
    first = canonical(_made(premises, goal))
    renamed = canonical(_made([_renamed(one, names) for one in premises], _renamed(goal, names)))
    assert renamed.key == first.key
    shuffled = chance.sample(premises, len(premises))
    again = canonical(_made(shuffled, goal))
    assert len(again.symbols) == len(first.symbols)
    assert sorted(map(len, again.premises)) == sorted(map(len, first.premises))


def _made(premises: list[Formula], goal: Formula) -> Problem:
    return Problem(
        tuple(Statement(f"p{n}", formula) for n, formula in enumerate(premises)),
        Statement("goal", goal),
    )


def _renamed(formula: Formula, names: dict[str, str]) -> Formula:
    def symbol(old: Symbol) -> Symbol:
        return Symbol(old.kind, names[old.name], old.argument_sorts, old.sort)

    def term(old: Term) -> Term:
        if isinstance(old, Variable):
            return old
        return Application(symbol(old.symbol), tuple(map(term, old.arguments)))

    match formula:
        case Atom(old, arguments):
            return Atom(symbol(old), tuple(map(term, arguments)))
        case Equality(left, right):
            return Equality(term(left), term(right))
        case _:
            return rebuilt(formula, [_renamed(part, names) for part in operands(formula)])
