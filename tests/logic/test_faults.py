"""Faults on purpose: whatever the search gets wrong, its checkers keep it from being said."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandboxes.logic import theory as engine
from sandboxes.logic.answers import Answer, Status
from sandboxes.logic.certificates import Certificate
from sandboxes.logic.clauses import Clauses, Skolem, clausify, some_element
from sandboxes.logic.countermodels import signature_of
from sandboxes.logic.equivalence import renamed
from sandboxes.logic.evaluator import Interpretation
from sandboxes.logic.refutations import certificate
from sandboxes.logic.syntax import (
    INDIVIDUAL,
    Application,
    Formula,
    Kind,
    Negation,
    Symbol,
    Term,
    Universal,
)
from sandboxes.logic.theory import Effort, GroundTheory, Unsound, confirm
from tests.logic.generated import (
    FUNCTIONAL,
    a,
    b,
    clauses_of,
    closed_formulas,
    examples,
    small_model,
    true_in,
)
from tests.logic.test_loops import formulas

FORMULAS = st.one_of(st.lists(closed_formulas(FUNCTIONAL), min_size=1, max_size=3), clauses_of())
SEARCHING = examples(300)


def is_right(answer: Answer, asked: Sequence[Formula]) -> bool:
    match answer.status:
        case Status.SATISFIABLE:
            return answer.model is not None and true_in(asked, answer.model)
        case Status.UNSATISFIABLE:
            return small_model(asked) is None
        case Status.UNDECIDED:
            return True


@SEARCHING
@given(FORMULAS, st.data())
def test_a_faulty_clausifier_gives_no_wrong_answer(
    asked: list[Formula], data: st.DataObject
) -> None:
    """A clause, a literal, a sign or an instance goes missing between formulas and search."""

    def damaged(parts: Sequence[Formula]) -> Clauses:
        result = clausify(parts)
        for _ in range(2):
            if not result.clauses:
                continue
            index = data.draw(st.integers(0, len(result.clauses) - 1))
            clause = result.clauses[index]
            match data.draw(st.sampled_from(["clause", "literal", "sign", "instances"])):
                case "clause":
                    del result.clauses[index]
                case "literal":
                    result.clauses[index] = replace(clause, literals=clause.literals[1:])
                case "sign":
                    turned = [replace(one, positive=not one.positive) for one in clause.literals]
                    result.clauses[index] = replace(clause, literals=tuple(turned))
                case "instances":
                    result.clauses[index] = replace(clause, instances=clause.instances[1:])
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "clausify", damaged)
        try:
            answer = GroundTheory(asked).ask(frozenset(range(len(asked))))
        except Unsound:
            return
    assert is_right(answer, asked)


class Liar:
    """A SAT solver that says the opposite, or forgets clauses, and is otherwise the real one."""

    def __init__(self, solver: Any, says: Callable[[bool], bool], forgets: int) -> None:
        self._solver = solver
        self._says = says
        self._forgets = forgets

    def add_clause(self, clause: list[int]) -> None:
        self._forgets -= 1
        if self._forgets != 0:
            self._solver.add_clause(clause)

    def solve_limited(self, assumptions: list[int]) -> bool:
        self._assumptions = assumptions
        return self._says(self._solver.solve_limited(assumptions=assumptions))

    def get_model(self) -> list[int]:
        return self._solver.get_model() or []

    def get_core(self) -> list[int]:
        return self._solver.get_core() or self._assumptions

    def accum_stats(self) -> dict[str, int]:
        counts: dict[str, int] = self._solver.accum_stats()
        return counts

    def conf_budget(self, budget: int) -> None:
        self._solver.conf_budget(budget)


@SEARCHING
@given(FORMULAS, st.sampled_from(["denies", "forgets"]), st.integers(1, 6))
def test_a_lying_solver_gives_no_wrong_answer(asked: list[Formula], lie: str, forgets: int) -> None:
    theory = GroundTheory(asked)
    theory._solver = Liar(
        theory._solver,
        (lambda verdict: not verdict) if lie == "denies" else bool,
        forgets if lie == "forgets" else 0,
    )
    try:
        answer = theory.ask(frozenset(range(len(asked))))
    except Unsound:
        return
    assert is_right(answer, asked)


SYLLOGISM = formulas("∀x (Man(x) → Mortal(x))", "Man(a)", "¬Mortal(a)")


def test_a_tampered_certificate_raises_the_alarm(monkeypatch: pytest.MonkeyPatch) -> None:
    def tampered(*arguments: Any, **limits: Any) -> Certificate:
        honest = certificate(*arguments, **limits)
        assert honest is not None
        return replace(honest, instances=())

    monkeypatch.setattr(engine, "certificate", tampered)
    with pytest.raises(Unsound, match="certificate was refused"):
        GroundTheory(SYLLOGISM).ask(frozenset({0, 1, 2}))


def test_a_tampered_model_raises_the_alarm(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = Interpretation({INDIVIDUAL: 1}, {a.symbol: {(): 0}}, {})
    empty = replace(
        nothing, predicates={one: frozenset() for one in signature_of(SYLLOGISM).symbols}
    )
    monkeypatch.setattr(engine, "herbrand", lambda *_: empty)
    with pytest.raises(Unsound, match="do not hold"):
        GroundTheory(SYLLOGISM[:2]).ask(frozenset({0, 1}))


# Evidence from outside


def refute(asked: Sequence[Formula], instances: Sequence[tuple[int, Sequence[Term]]]) -> Answer:
    theory = GroundTheory(asked, Effort(search=0), instances)
    return theory.ask(frozenset(range(len(asked))))


def test_instances_from_outside_make_a_certificate() -> None:
    answer = refute(SYLLOGISM, [(0, (a,)), (1, ()), (2, ())])
    assert answer.status is Status.UNSATISFIABLE
    assert answer.core == (0, 1, 2)
    assert answer.certificate is not None


def test_instances_with_skolem_terms_and_equality() -> None:
    asked = formulas("∃x P(x)", "∀x (P(x) → x = a)", "¬P(a)")
    clauses = clausify(asked)
    (skolem,) = clauses.choices
    witness = Application(skolem)
    answer = refute(asked, [(0, ()), (1, (witness,)), (2, ())])
    assert answer.status is Status.UNSATISFIABLE
    assert answer.certificate is not None
    assert answer.certificate.lemmas


@pytest.mark.parametrize(
    "instances",
    [
        pytest.param([], id="none"),
        pytest.param([(0, (b,)), (1, ()), (2, ())], id="of-something-else"),
        pytest.param([(0, (Application(some_element(INDIVIDUAL)),)), (1, ()), (2, ())], id="some"),
    ],
)
def test_instances_that_show_nothing_leave_it_open(instances: list[Any]) -> None:
    answer = refute(SYLLOGISM, instances)
    assert (answer.status, answer.reason) == (Status.UNDECIDED, "instances-hold-together")


@pytest.mark.parametrize(
    ("instance", "message"),
    [
        pytest.param((7, ()), "no clause 7", id="clause"),
        pytest.param((-1, ()), "no clause -1", id="negative"),
        pytest.param((0, ()), "no terms for clause 0", id="too-few"),
        pytest.param((0, (a, a)), "no terms for clause 0", id="too-many"),
        pytest.param(
            (0, (Application(Skolem(Kind.FUNCTION, "s", (), "planet")),)),
            "no terms for clause 0",
            id="sort",
        ),
    ],
)
def test_malformed_instances_are_refused(instance: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        refute(SYLLOGISM, [instance])


@SEARCHING
@given(FORMULAS, st.data())
def test_no_instances_refute_what_has_a_model(asked: list[Formula], data: st.DataObject) -> None:
    clauses = clausify(asked)
    terms = [a, b, *(Application(symbol) for symbol in clauses.choices if not symbol.arity)]
    instances = []
    for index, clause in enumerate(clauses.clauses):
        row = [data.draw(st.sampled_from(terms)) for _ in clause.variables]
        instances.append((index, tuple(row)))
    if refute(asked, instances).status is Status.UNSATISFIABLE:
        assert small_model(asked) is None


@pytest.mark.parametrize(
    ("model", "status", "reason"),
    [
        pytest.param({"Man": {(0,)}, "Mortal": {(0,)}}, Status.SATISFIABLE, "", id="right"),
        pytest.param(
            {"Man": {(0,)}, "Mortal": set()}, Status.UNDECIDED, "model-refused", id="wrong"
        ),
        pytest.param({"Man": {(0,)}}, Status.UNDECIDED, "model-incomplete", id="silent"),
    ],
)
def test_models_from_outside_are_evaluated(
    model: dict[str, set[tuple[int, ...]]], status: Status, reason: str
) -> None:
    named = {symbol.name: symbol for symbol in signature_of(SYLLOGISM).symbols}
    interpretation = Interpretation(
        {INDIVIDUAL: 1},
        {named["a"]: {(): 0}},
        {named[name]: frozenset(rows) for name, rows in model.items()},
    )
    answer = confirm(SYLLOGISM[:2], interpretation)
    assert (answer.status, answer.reason) == (status, reason)


def test_the_clauses_of_nested_equivalences_grow_with_the_formula() -> None:
    text = "A0"
    counts = []
    for number in range(1, 60):
        text = f"({text} ↔ A{number})"
        counts.append(len(clausify(formulas(text)).clauses))
    assert counts[-1] <= 5 * 60


@SEARCHING
@given(FORMULAS)
def test_clauses_can_hold_together_where_the_formulas_can(asked: list[Formula]) -> None:
    made = clausify(asked)
    names: dict[Symbol, Symbol] = {
        symbol: Symbol(symbol.kind, f"made-{symbol.name}", symbol.argument_sorts, symbol.sort)
        for symbol in (*made.choices, *made.meanings, some_element(INDIVIDUAL))
    }
    clauses = [renamed(clause.as_formula(), names) for clause in made.clauses]
    of_formulas = GroundTheory(asked).ask(frozenset(range(len(asked)))).status
    of_clauses = GroundTheory(clauses).ask(frozenset(range(len(clauses)))).status
    assert {of_formulas, of_clauses} != {Status.SATISFIABLE, Status.UNSATISFIABLE}


def test_symbols_of_the_service_are_no_symbols_of_a_problem() -> None:
    made = clausify(formulas("∃x P(x)"))
    with pytest.raises(ValueError, match="'s0' is a symbol of the service"):
        GroundTheory([clause.as_formula() for clause in made.clauses])


def test_negated_quantifiers_get_witnesses() -> None:
    asked = [Negation(one) for one in formulas("∀x ∃y R(x,y)")]
    assert isinstance(formulas("∀x ∃y R(x,y)")[0], Universal)
    clauses = clausify(asked)
    assert [symbol.arity for symbol in clauses.choices] == [0]
