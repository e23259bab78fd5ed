"""Models that a caller writes down: what is read, and what holds in them."""

from __future__ import annotations

import pytest

from sandboxes.logic.finite_models import FiniteModel, judge_model, read_model
from sandboxes.logic.reader import Role, Source, read
from sandboxes.logic.syntax import Problem

ZOO = """\
Things: rex, tom, mia

Dog: rex
Likes: (mia, rex), (mia, tom)
Raining: true
Cat: none
boss = mia
owner(rex) = mia
owner(tom) = mia
owner(mia) = mia
"""


def _model(text: str) -> FiniteModel:
    model, findings = read_model(Source("model", text))
    assert model, findings
    return model


def _problem(*texts: str) -> Problem:
    *premises, goal = texts
    problem = read(
        [
            *(Source(f"premises[{n}]", text) for n, text in enumerate(premises)),
            Source("conclusion", goal, Role.GOAL),
        ]
    ).problem
    assert problem
    return problem


@pytest.mark.parametrize(
    ("formula", "value"),
    [
        pytest.param("∃x (Dog(x) ∧ Likes(mia, x))", True, id="some"),
        pytest.param("∀x Likes(mia, x)", False, id="all"),
        pytest.param("Raining", True, id="proposition"),
        pytest.param("Snowing ∨ ∃x Cat(x)", False, id="what-is-not-said-is-false"),
        pytest.param("boss = mia ∧ owner(rex) = boss", True, id="constants-and-functions"),
        pytest.param("rex = tom", False, id="things-differ"),
        pytest.param("∀x owner(owner(x)) = mia", True, id="nested-functions"),
        pytest.param("Likes(mia, x) ∨ x = mia", True, id="free-variable"),
    ],
)
def test_what_holds(formula: str, value: bool) -> None:
    assert judge_model(_problem(formula), _model(ZOO)).goal is value


@pytest.mark.parametrize(
    ("texts", "violated", "refutes"),
    [
        pytest.param(["Dog(rex)", "Dog(tom)"], (), True, id="goal-fails"),
        pytest.param(["Dog(rex)", "Raining"], (), False, id="goal-holds"),
        pytest.param(["Dog(tom)", "Raining", "Dog(mia)"], ("p1",), False, id="premise-fails"),
    ],
)
def test_what_a_model_shows(texts: list[str], violated: tuple[str, ...], refutes: bool) -> None:
    report = judge_model(_problem(*texts), _model(ZOO))
    assert report.violated == violated
    assert report.refutes is refutes


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param("", 1, id="nothing"),
        pytest.param("Dog: rex", 1, id="no-things"),
        pytest.param("Things: a, a", 1, id="thing-twice"),
        pytest.param("Things: a\nThings: b", 2, id="things-twice"),
        pytest.param("Things: a\nP: b", 2, id="no-such-thing"),
        pytest.param("Things: a\nP: a\nP: a", 3, id="predicate-twice"),
        pytest.param("Things: a\nR: (a, a), a", 2, id="two-arities"),
        pytest.param("Things: a\nR: (a, a", 2, id="not-closed"),
        pytest.param("Things: a\nf(a) = a\nf(a) = a", 3, id="value-twice"),
        pytest.param("Things: a\nf(a) = a\nf(a, a) = a", 3, id="two-arities-of-a-function"),
        pytest.param("Things: a\nc = b", 2, id="no-such-value"),
        pytest.param("Things: a\nRex is a dog", 2, id="prose"),
        pytest.param("Things: a\nP\u200b: a", 2, id="unseen-letter"),
        pytest.param("Things: " + ", ".join(f"t{n}" for n in range(65)), 1, id="many-things"),
        pytest.param("Things: a" + " " * 1_000_000, 1, id="many-characters"),
        pytest.param("Things: a\n" + "\n".join(f"P{n}: a" for n in range(5_000)), 4_097,
                     id="many-lines"),
    ],
)  # fmt: skip
def test_errors(text: str, line: int) -> None:
    model, findings = read_model(Source("model", text))
    assert model is None
    assert findings[0].line == line


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        pytest.param("Dog(bob)", "which thing 'bob' is", id="constant"),
        pytest.param("Dog(father(rex))", "'father' is for all", id="function"),
        pytest.param("Dog(rex, tom)", "'Dog' with other than 2", id="arity"),
        pytest.param("Dog(boss(rex))", "'boss' is for all", id="constant-as-a-function"),
    ],
)
def test_what_a_model_does_not_say_is_an_error(formula: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        judge_model(_problem(formula), _model(ZOO))


def test_too_many_instances_are_an_error() -> None:
    things = _model("Things: " + ", ".join(f"t{n}" for n in range(60)))
    with pytest.raises(ValueError, match="too many things"):
        judge_model(_problem("∀x ∀y ∀z ∀w (P(x) → P(x))"), things)
