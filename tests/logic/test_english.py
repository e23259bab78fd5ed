"""Countermodels in sentences."""

from __future__ import annotations

from sandboxes.logic.english import described
from sandboxes.logic.evaluator import Interpretation
from sandboxes.logic.syntax import INDIVIDUAL, Kind, Symbol, function, predicate
from sandboxes.logic.theory import decide
from tests.logic.test_theory import problem


def test_a_countermodel_speaks_in_the_callers_names() -> None:
    answers = decide(
        problem("∀x (Man(x) → Mortal(x))", "Mortal(socrates)", "Raining", "Man(socrates)")
    )
    assert answers.denied.model is not None
    text = described(answers.denied.model, claim="The premises hold, and Man(socrates) does not.")
    assert text.splitlines() == [
        "There is one thing: socrates.",
        "Man holds of nothing.",
        "Mortal holds of socrates.",
        "Raining is true.",
        "The premises hold, and Man(socrates) does not.",
    ]


def test_tables_are_told_row_by_row() -> None:
    a, b, likes = function("a"), function("b"), predicate("Likes", 2)
    interpretation = Interpretation(
        {INDIVIDUAL: 3},
        {a: {(): 0}, b: {(): 0}, function("f", 1): {(0,): 1, (1,): 2, (2,): 2}},
        {
            likes: frozenset({(0, 1), (1, 2)}),
            predicate("Q", 1): frozenset({(0,), (1,), (2,)}),
            predicate("A"): frozenset(),
        },
    )
    assert described(interpretation).splitlines() == [
        "There are 3 things: a (also called b), unnamed 1 and unnamed 2.",
        "f(a) is unnamed 1, f(unnamed 1) is unnamed 2 and f(unnamed 2) is unnamed 2.",
        "Likes holds of (a, unnamed 1) and (unnamed 1, unnamed 2).",
        "Q holds of everything.",
        "A is false.",
    ]


def test_long_tables_are_cut() -> None:
    extension = frozenset((number,) for number in range(1, 1000))
    text = described(Interpretation({INDIVIDUAL: 1000}, {}, {predicate("P", 1): extension}))
    assert text.endswith("unnamed 13 and 987 more.")
    assert len(text) < 1000


def test_sorts_are_named_and_names_do_no_harm() -> None:
    sort = "pla\nnet"
    constant = Symbol(Kind.FUNCTION, "\x1b[31mred\u202e" + "x" * 500, (), sort)
    text = described(Interpretation({sort: 1}, {constant: {(): 0}}, {}))
    assert text.startswith("There is one element of pla\\u000anet: \\u001b[31mred\\u202exxx")
    assert text.isprintable()
    assert len(text) < 200
