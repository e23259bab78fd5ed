"""The decision procedure against brute force, on the classics, and on hostile sizes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandboxes.logic.answers import Question, Status, hypotheses
from sandboxes.logic.certificates import check
from sandboxes.logic.reader import Role, Source, read
from sandboxes.logic.syntax import (
    DEPTH_LIMIT,
    Application,
    Atom,
    Conjunction,
    Disjunction,
    Equality,
    Equivalence,
    ExclusiveOr,
    Existential,
    Formula,
    Implication,
    Negation,
    Problem,
    Symbol,
    Term,
    Universal,
    Variable,
    closure,
    depth,
    function,
    predicate,
)
from sandboxes.logic.theory import Effort, GroundTheory, decide
from tests.logic.generated import (
    FUNCTIONAL,
    RELATIONAL,
    clauses_of,
    closed_formulas,
    examples,
    small_model,
    sorted_formulas,
    true_in,
)
from verifier_service.model import Entailment

MANY = examples(500)


def problem(*texts: str) -> Problem:
    """The last text is the goal."""
    sources = [Source(f"premises[{index}]", text) for index, text in enumerate(texts[:-1])]
    reading = read([*sources, Source("conclusion", texts[-1], Role.GOAL)])
    assert reading.problem is not None, reading.findings
    return reading.problem


def asked(formulas: Sequence[Formula]) -> Status:
    """Asks whether formulas can hold together, and gets a second opinion on the answer."""
    answer = GroundTheory(formulas).ask(frozenset(range(len(formulas))))
    if answer.status is Status.SATISFIABLE:
        assert answer.model is not None
        assert true_in(formulas, answer.model)
        return answer.status
    if answer.status is Status.UNSATISFIABLE:
        assert answer.certificate is not None
        check(answer.certificate, formulas)
    assert small_model(formulas) is None
    return answer.status


@MANY
@given(st.lists(closed_formulas(), min_size=1, max_size=3))
def test_formulas_of_every_shape_agree_with_brute_force(formulas: list[Formula]) -> None:
    asked(formulas)


@MANY
@given(st.lists(closed_formulas(FUNCTIONAL), min_size=1, max_size=2))
def test_formulas_with_functions_agree_with_brute_force(formulas: list[Formula]) -> None:
    asked(formulas)


@MANY
@given(st.lists(sorted_formulas(), min_size=1, max_size=3))
def test_formulas_of_two_sorts_agree_with_brute_force(formulas: list[Formula]) -> None:
    asked(formulas)


@MANY
@given(clauses_of())
def test_many_short_formulas_agree_with_brute_force(formulas: list[Formula]) -> None:
    asked(formulas)


@MANY
@given(clauses_of(RELATIONAL))
def test_universal_formulas_without_functions_are_always_decided(formulas: list[Formula]) -> None:
    assert asked(formulas) is not Status.UNDECIDED


@examples(300)
@given(st.lists(closed_formulas(FUNCTIONAL), min_size=2, max_size=4), st.data())
def test_selections_are_answered_as_if_alone(formulas: list[Formula], data: st.DataObject) -> None:
    theory = GroundTheory(formulas)
    for _ in range(3):
        chosen = data.draw(st.frozensets(st.integers(0, len(formulas) - 1)))
        selected = [formulas[index] for index in sorted(chosen)]
        alone = GroundTheory(selected).ask(frozenset(range(len(selected)))).status
        assert {theory.ask(chosen).status, theory.status(chosen), alone} - {Status.UNDECIDED} != {
            Status.SATISFIABLE,
            Status.UNSATISFIABLE,
        }


ANDREWS = " ↔ ".join(
    [
        "((∃x ∀y (P(x) ↔ P(y))) ↔ ((∃z Q(z)) ↔ (∀w Q(w))))",
        "((∃x ∀y (Q(x) ↔ Q(y))) ↔ ((∃z P(z)) ↔ (∀w P(w))))",
    ]
)
GROUP = (
    "∀x ∀y ∀z (m(m(x,y),z) = m(x,m(y,z)))",
    "∀x (m(e,x) = x)",
    "∀x (m(i(x),x) = e)",
)


@pytest.mark.parametrize(
    ("texts", "entailment"),
    [
        pytest.param(("∃x (D(x) → ∀y D(y))",), Entailment.ENTAILED, id="drinker"),
        pytest.param(
            ("∀x (Man(x) → Mortal(x))", "Man(socrates)", "Mortal(socrates)"),
            Entailment.ENTAILED,
            id="socrates",
        ),
        pytest.param(
            ("∀x (Man(x) → Mortal(x))", "Man(socrates)", "¬Mortal(socrates)"),
            Entailment.CONTRADICTED,
            id="immortal-socrates",
        ),
        pytest.param(
            ("∀x (Man(x) → Mortal(x))", "Mortal(socrates)", "Man(socrates)"),
            Entailment.INDEPENDENT,
            id="affirming-the-consequent",
        ),
        pytest.param(
            ("P(a)", "¬P(a)", "Q(b)"), Entailment.INCONSISTENT_PREMISES, id="from-falsehood"
        ),
        pytest.param(("P(a)", "Q(b) ∨ ¬Q(b)"), Entailment.ENTAILED, id="valid-goal"),
        pytest.param(("P(a)", "Q(b) ∧ ¬Q(b)"), Entailment.CONTRADICTED, id="impossible-goal"),
        pytest.param(
            ("¬(∃y ∀x (F(x,y) ↔ ¬∃z (F(x,z) ∧ F(z,x))))",), Entailment.ENTAILED, id="pelletier-42"
        ),
        pytest.param(
            (ANDREWS,),
            Entailment.ENTAILED,
            id="andrews-challenge",
        ),
        pytest.param(
            (
                "∃x (L(x) ∧ K(x,a))",
                "L(a) ∧ L(b) ∧ L(c)",
                "∀x (L(x) → (x=a ∨ x=b ∨ x=c))",
                "∀x ∀y (K(x,y) → H(x,y))",
                "∀x ∀y (K(x,y) → ¬R(x,y))",
                "∀x (H(a,x) → ¬H(c,x))",
                "∀x (x≠b → H(a,x))",
                "∀x (¬R(x,a) → H(b,x))",
                "∀x (H(a,x) → H(b,x))",
                "∀x ∃y ¬H(x,y)",
                "a≠b",
                "K(a,a)",
            ),
            Entailment.ENTAILED,
            id="dreadbury",
        ),
        pytest.param(
            (*GROUP, "∀x (m(x,x) = e)", "∀x ∀y (m(x,y) = m(y,x))"),
            Entailment.ENTAILED,
            id="groups-of-exponent-two",
        ),
        pytest.param(("∀x ∃y Loves(x,y)", "∃y ∀x Loves(x,y)"), Entailment.INDEPENDENT, id="loves"),
        pytest.param(
            ("∀x (P(x) → P(s(x)))", "P(a)", "∀x P(x)"), Entailment.INDEPENDENT, id="induction"
        ),
        pytest.param(
            ("∀x (P(x) → P(s(x)))", "P(a)", "P(s(s(s(s(s(s(s(s(a)))))))))"),
            Entailment.ENTAILED,
            id="chain",
        ),
        pytest.param(
            ("∀x ∃y R(x,y)", "∀x ¬R(x,x)", "∀x ∀y ∀z (R(x,y) ∧ R(y,z) → R(x,z))", "P(a)"),
            Entailment.UNKNOWN,
            id="only-infinite-models",
        ),
    ],
)
def test_classics(texts: tuple[str, ...], entailment: Entailment) -> None:
    asked_about = problem(*texts)
    answers = decide(asked_about)
    assert answers.entailment is entailment
    formulas = hypotheses(asked_about)
    for answer in (answers.premises, answers.affirmed, answers.denied):
        if answer.certificate is not None:
            check(answer.certificate, formulas)


def test_a_nonabelian_group_is_found_with_more_effort() -> None:
    commutative = problem(*GROUP, "∀x ∀y (m(x,y) = m(y,x))")
    assert decide(commutative).open == (Question.DENIED,)
    answers = decide(commutative, Effort(search=3_000_000))
    assert answers.entailment is Entailment.INDEPENDENT
    assert answers.denied.model is not None
    assert answers.denied.model.sizes["$i"] == 6


def test_free_variables_are_closed_before_anything_is_asked() -> None:
    assert decide(problem("P(x)", "P(a)")).entailment is Entailment.ENTAILED
    assert decide(problem("P(a)", "P(x)")).entailment is Entailment.INDEPENDENT


def test_an_open_formula_is_refused() -> None:
    with pytest.raises(ValueError, match="'x' is free in formula 0"):
        GroundTheory([Atom(predicate("P", 1), (Variable("x"),))])


def test_sorts_keep_apart() -> None:
    """Two sorts, one with a single element: what holds of one says nothing of the other."""
    one, other = Variable("x", "one"), Variable("y", "other")
    p = Symbol(predicate("P").kind, "P", ("one",))
    q = Symbol(predicate("Q").kind, "Q", ("other",))
    formulas: list[Formula] = [
        Universal((one,), Atom(p, (one,))),
        Negation(Universal((other,), Atom(q, (other,)))),
    ]
    assert GroundTheory(formulas).ask(frozenset({0, 1})).status is Status.SATISFIABLE


def test_no_sort_is_empty() -> None:
    formulas: list[Formula] = [
        Universal((Variable("x"),), Atom(predicate("P", 1), (Variable("x"),)))
    ]
    formulas.append(
        Universal((Variable("x"),), Negation(Atom(predicate("P", 1), (Variable("x"),))))
    )
    assert asked(formulas) is Status.UNSATISFIABLE


def test_names_of_generated_symbols_are_nobodys() -> None:
    """A caller's `s0`, `d0` and `element` are other symbols than the service's own."""
    answers = decide(
        problem("∃x P(x)", "¬P(s0)", "¬P(element)", "d0 ↔ (P(s0) ∧ ∀x P(x))", "¬d0 ∧ ¬P(s0)")
    )
    assert answers.entailment is Entailment.ENTAILED


def constants(count: int) -> list[Application]:
    return [Application(function(f"c{number}")) for number in range(count)]


def row_of_variables(count: int) -> tuple[Variable, ...]:
    return tuple(Variable(f"v{number}") for number in range(count))


def all_different(count: int) -> list[Formula]:
    """Facts that tell constants apart, one predicate each."""
    return [
        Atom(predicate(f"P{number}", 1), (constant,))
        if number == other
        else Negation(Atom(predicate(f"P{number}", 1), (constant,)))
        for number in range(count)
        for other, constant in enumerate(constants(count))
    ]


def chained(count: int) -> list[Formula]:
    """Constants that are all equal, one to the next, and things that are one of the first ten."""
    row = constants(count)
    x = Variable("x")
    equal: list[Formula] = [Equality(one, other) for one, other in pairwise(row)]
    some = [Equality(x, constant) for constant in row[:10]]
    return [*equal, Universal((x,), Disjunction(tuple(some)))]


def many_functions(count: int) -> list[Formula]:
    """Functions whose tables would be long, if all of them were written out."""
    (first, second) = constants(2)
    return [
        Atom(
            predicate("P0", 1),
            (Application(function(f"f{number}", 10), (first, second) * 5),),
        )
        for number in range(count)
    ]


def wide(count: int) -> Formula:
    relation = predicate("W", count)
    row = row_of_variables(count)
    return Universal(row, Negation(Conjunction((Atom(relation, row), Atom(relation, row[::-1])))))


def deep(count: int) -> Formula:
    formula: Formula = Atom(predicate("A"))
    for number in range(count):
        formula = Equivalence(formula, Atom(predicate(f"A{number % 3}")))
    return formula


def alternating(count: int) -> Formula:
    row = row_of_variables(count)
    formula: Formula = Atom(predicate("W", count), row)
    for number, variable in enumerate(row):
        formula = Universal((variable,), formula)
        formula = Negation(formula) if number % 2 else formula
    return formula


@pytest.mark.parametrize(
    ("formulas", "status"),
    [
        pytest.param([*all_different(2), wide(30)], Status.UNDECIDED, id="2^30-instances"),
        pytest.param([*all_different(9), wide(9)], Status.UNDECIDED, id="9^9-instances"),
        pytest.param([wide(5000)], Status.SATISFIABLE, id="5000-variables"),
        pytest.param([*all_different(2), wide(5000)], Status.UNDECIDED, id="2^5000-instances"),
        pytest.param(
            [Atom(predicate("W", 5000), tuple(constants(5000)))],
            Status.SATISFIABLE,
            id="arity-5000",
        ),
        pytest.param(
            [
                *all_different(2),
                Atom(
                    predicate("P0", 1), (Application(function("f", 40), tuple(constants(2) * 20)),)
                ),
            ],
            Status.SATISFIABLE,
            id="function-of-40-arguments",
        ),
        pytest.param(chained(200), Status.SATISFIABLE, id="200-equal-constants"),
        pytest.param(
            [*all_different(5), *many_functions(200)], Status.SATISFIABLE, id="200-long-tables"
        ),
        pytest.param([deep(150)], Status.SATISFIABLE, id="150-nested-equivalences"),
        pytest.param([alternating(60)], Status.SATISFIABLE, id="60-alternations"),
        pytest.param(
            [*all_different(2), alternating(60)], Status.UNDECIDED, id="60-alternations-of-2"
        ),
    ],
)
def test_hostile_sizes_end_in_bounded_steps(formulas: list[Formula], status: Status) -> None:
    effort = Effort()
    answer = GroundTheory(formulas, effort).ask(frozenset(range(len(formulas))))
    assert answer.status is status
    assert answer.steps <= effort.instances + effort.search
    assert bool(answer.reason) is (status is Status.UNDECIDED)


def tower(step: Callable[[Formula], Formula]) -> Formula:
    """A formula as deep as a formula may be."""
    formula: Formula = Atom(predicate("P", 1), (Variable("x"),))
    while depth(formula) < DEPTH_LIMIT - 2:
        formula = step(formula)
    return closure(formula)


B, X = Atom(predicate("B")), Variable("x")


@pytest.mark.parametrize(
    "step",
    [
        pytest.param(Negation, id="not"),
        pytest.param(lambda part: Conjunction((B, part)), id="and"),
        pytest.param(lambda part: Disjunction((part, B)), id="or"),
        pytest.param(lambda part: Implication(part, B), id="implies"),
        pytest.param(lambda part: Equivalence(part, B), id="iff"),
        pytest.param(lambda part: ExclusiveOr(B, part), id="xor"),
        pytest.param(lambda part: Universal((X,), part), id="for-all"),
        pytest.param(lambda part: Existential((X,), Equivalence(part, B)), id="for-some-iff"),
        pytest.param(lambda part: Universal((X,), Disjunction((B, part))), id="for-all-or"),
    ],
)
def test_formulas_as_deep_as_they_may_be(step: Callable[[Formula], Formula]) -> None:
    formula = tower(step)
    assert depth(formula) <= DEPTH_LIMIT
    consistent = GroundTheory([formula]).ask(frozenset({0}))
    contrary = GroundTheory([formula, Negation(formula)]).ask(frozenset({0, 1}))
    assert consistent.status is Status.SATISFIABLE
    assert contrary.status is Status.UNSATISFIABLE


def test_terms_as_deep_as_they_may_be() -> None:
    term = deeper(Application(function("a")), DEPTH_LIMIT - 2)
    formula = Atom(predicate("P", 1), (term,))
    assert depth(formula) == DEPTH_LIMIT
    assert GroundTheory([formula]).ask(frozenset({0})).status is Status.SATISFIABLE
    answer = GroundTheory([formula, Negation(formula)]).ask(frozenset({0, 1}))
    assert answer.status is Status.UNSATISFIABLE


def test_instances_whose_terms_are_deeper_than_any_formula() -> None:
    steps = [predicate(f"P{number}", 1) for number in range(9)]
    x, image = Variable("x"), deeper(Variable("x"), 50)
    rules = [
        Universal((x,), Implication(Atom(one, (x,)), Atom(other, (image,))))
        for one, other in pairwise(steps)
    ]
    start = Atom(steps[0], (Application(function("a")),))
    formulas: list[Formula] = [start, *rules, Universal((x,), Negation(Atom(steps[-1], (x,))))]
    theory = GroundTheory(formulas, Effort(instances=10**8))
    answer = theory.ask(frozenset(range(len(formulas))))
    assert answer.status is Status.UNSATISFIABLE
    assert answer.certificate is not None
    assert len(answer.certificate.terms) > 8 * 50


def deeper(term: Term, count: int) -> Term:
    for _ in range(count):
        term = Application(function("f", 1), (term,))
    return term


def pigeons(holes: int) -> Problem:
    """One pigeon more than holes; the goal has nothing to do with it."""
    texts = [
        " ∨ ".join(f"In(p{pigeon}, h{hole})" for hole in range(holes))
        for pigeon in range(holes + 1)
    ]
    texts += [
        f"¬In(p{pigeon}, h{hole}) ∨ ¬In(p{other}, h{hole})"
        for hole in range(holes)
        for pigeon in range(holes + 1)
        for other in range(pigeon)
    ]
    return problem(*texts, "A")


@pytest.mark.parametrize(
    ("effort", "reason"),
    [
        pytest.param(Effort(conflicts=20, search=0), "too-many-conflicts", id="conflicts"),
        pytest.param(Effort(propagations=1000, search=0), "certificate-too-long", id="certificate"),
    ],
)
def test_a_search_that_is_too_hard_is_given_up(effort: Effort, reason: str) -> None:
    assert decide(pigeons(5)).entailment is Entailment.INCONSISTENT_PREMISES
    answers = decide(pigeons(5), effort)
    assert answers.entailment is Entailment.UNKNOWN
    assert {answers.premises.reason, answers.denied.reason, answers.affirmed.reason} == {reason}


def test_the_same_question_gets_the_same_answer() -> None:
    texts = ("∀x (P(x) → Q(x) ∨ R(x))", "P(a) ∧ P(b)", "a ≠ b", "∃x Q(x)")
    assert decide(problem(*texts)) == decide(problem(*texts))
