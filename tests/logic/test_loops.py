"""What repair loops ask for: cores, conflicts, equivalence, clusters and votes."""

from __future__ import annotations

from itertools import combinations, product
from random import Random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sandboxes.logic.answers import Status, hypotheses
from sandboxes.logic.clusters import clusters
from sandboxes.logic.consistency import consistency
from sandboxes.logic.cores import smallest_core
from sandboxes.logic.equivalence import Relation, align, alignments, compare, renamed
from sandboxes.logic.evaluator import holds
from sandboxes.logic.syntax import Formula, predicate
from sandboxes.logic.theory import GroundTheory, decide, decide_all
from tests.logic.generated import RELATIONAL, clauses_of, closed_formulas, examples
from tests.logic.test_theory import problem
from verifier_service.model import Entailment
from verifier_service.voting import ANSWERS, Calibration, is_majority_settled, majority

ENTAILED, CONTRADICTED, INDEPENDENT = ANSWERS
UNKNOWN = Entailment.UNKNOWN


def formulas(*texts: str) -> list[Formula]:
    return list(hypotheses(problem(*texts, "⊤"))[: len(texts)])


SMALL = examples(150)


# Cores and consistency


def test_a_core_leaves_out_what_is_not_needed() -> None:
    theory = GroundTheory(formulas("∀x (P(x) → Q(x))", "P(a)", "R(b)", "¬Q(a)", "P(a) ∨ R(b)"))
    core = smallest_core(theory, range(5))
    assert core.members == {0, 1, 3}
    assert core.is_minimal


def test_a_core_says_when_it_may_not_be_minimal() -> None:
    infinite = formulas("∀x ∃y R(x,y)", "∀x ¬R(x,x)", "∀x ∀y ∀z (R(x,y) ∧ R(y,z) → R(x,z))")
    theory = GroundTheory([*infinite, *formulas("P(a)", "¬P(a)")])
    core = smallest_core(theory, range(5), kept=frozenset({0, 1, 2}))
    assert core.members == {0, 1, 2, 3, 4}
    assert not core.is_minimal
    assert not smallest_core(theory, {3, 4}, questions=1).is_minimal


@SMALL
@given(clauses_of(RELATIONAL))
def test_conflicts_and_corrections_are_all_there_are(parts: list[Formula]) -> None:
    theory = GroundTheory(parts)
    everything = frozenset(range(len(parts)))
    found = consistency(theory, len(parts), most=1000, questions=1000)
    assume(found.answer.status is Status.UNSATISFIABLE)
    possible = [
        frozenset(chosen)
        for count in range(len(parts) + 1)
        for chosen in combinations(everything, count)
    ]
    bad = [chosen for chosen in possible if theory.status(chosen) is Status.UNSATISFIABLE]
    good = [chosen for chosen in possible if theory.status(chosen) is Status.SATISFIABLE]
    assert found.is_complete
    assert all(core.is_minimal for core in found.conflicts)
    assert {core.members for core in found.conflicts} == {
        chosen for chosen in bad if not any(other < chosen for other in bad)
    }
    assert set(found.corrections) == {
        everything - chosen for chosen in good if not any(chosen < other for other in good)
    }


def test_consistent_formulas_have_a_model_and_no_conflicts() -> None:
    found = consistency(GroundTheory(formulas("P(a)", "¬P(b)")), 2)
    assert found.answer.model is not None
    assert (found.conflicts, found.corrections) == ((), ())


def test_an_enumeration_that_is_cut_short_says_so() -> None:
    parts = formulas(*(f"{sign}P{number}(a)" for number in range(5) for sign in ("", "¬")))
    found = consistency(GroundTheory(parts), len(parts), most=3)
    assert len(found.conflicts) + len(found.corrections) == 3
    assert not found.is_complete


def test_many_goals_share_their_premises() -> None:
    texts = ["∀x (P(x) → Q(x))", "P(a)"]
    goals = ["Q(a)", "¬Q(a)", "Q(b)", "∃x Q(x)"]
    asked = [hypotheses(problem(*texts, goal)) for goal in goals]
    answers = decide_all(asked[0][:2], [(goal, denial) for *_, goal, denial in asked])
    assert [one.entailment for one in answers] == [ENTAILED, CONTRADICTED, INDEPENDENT, ENTAILED]
    assert [one.entailment for one in answers] == [
        decide(problem(*texts, goal)).entailment for goal in goals
    ]


# Equivalence and clusters


@pytest.mark.parametrize(
    ("first", "second", "relation"),
    [
        pytest.param("∀x (P(x) → Q(x))", "¬∃x (P(x) ∧ ¬Q(x))", Relation.EQUIVALENT, id="duality"),
        pytest.param("∃x ∀y R(x,y)", "∀y ∃x R(x,y)", Relation.STRONGER, id="swap"),
        pytest.param("∃x P(x)", "P(a)", Relation.WEAKER, id="witness"),
        pytest.param("P(a)", "P(b)", Relation.INCOMPARABLE, id="two-facts"),
        pytest.param("∃x (P(x) → Q(x))", "∃x (P(x) ∧ Q(x))", Relation.WEAKER, id="vacuous-exists"),
    ],
)
def test_comparisons(first: str, second: str, relation: Relation) -> None:
    one, other = formulas(first), formulas(second)
    comparison = compare(one, other)
    assert comparison.relation is relation
    if relation is not Relation.EQUIVALENT:
        model = comparison.distinguishing
        assert model is not None
        assert holds(one[0], model) != holds(other[0], model)


def test_what_can_not_be_told_is_undecided() -> None:
    infinite = formulas("∀x ∃y R(x,y)", "∀x ¬R(x,x)", "∀x ∀y ∀z (R(x,y) ∧ R(y,z) → R(x,z))")
    comparison = compare(infinite, formulas("P(a) ∧ ¬P(a)"))
    assert comparison.relation is Relation.UNDECIDED


def test_an_alignment_pairs_what_is_spelled_alike() -> None:
    first = formulas("∀x (Student(x) → Human(x))", "Student(rose)")
    second = formulas("∀y (¬IsHuman(y) → ¬IsStudent(y))", "IsStudent(Rose)")
    assert compare(first, second).relation is not Relation.EQUIVALENT
    aligned = align(first, second)
    assert aligned.comparison.relation is Relation.EQUIVALENT
    assert aligned.tried == 1
    assert {source.name: target.name for source, target in aligned.alignment.symbols.items()} == {
        "IsHuman": "Human",
        "IsStudent": "Student",
        "Rose": "rose",
    }


def test_an_alignment_is_found_against_the_spelling() -> None:
    first = formulas("∀x (Ab(x) → Cd(x))", "Ab(a) ∧ ¬Ab(b)")
    second = formulas("∀x (Cdd(x) → Abb(x))", "Cdd(a) ∧ ¬Cdd(b)")
    aligned = align(first, second)
    assert aligned.comparison.relation is Relation.EQUIVALENT
    assert aligned.tried == 2


def test_no_alignment_makes_two_symbols_one() -> None:
    first, second = formulas("P(a) → P(a)"), formulas("Q(a) → S(a)")
    aligned = align(first, second)
    assert aligned.comparison.relation is Relation.WEAKER
    assert len(set(aligned.alignment.symbols.values())) == len(aligned.alignment.symbols)


def test_alignments_of_many_symbols_are_bounded() -> None:
    first = formulas(" ∧ ".join(f"P{number}(a)" for number in range(60)))
    second = formulas(" ∧ ".join(f"Q{number}(b)" for number in range(60)))
    proposals = alignments(first, second)
    assert 1 <= len(proposals) <= 64
    assert proposals == sorted(proposals, key=lambda one: -one.likeness)


@SMALL
@given(closed_formulas(), closed_formulas())
def test_renaming_back_and_forth_changes_nothing(first: Formula, second: Formula) -> None:
    names = {predicate("P", 1): predicate("Q", 1), predicate("Q", 1): predicate("P", 1)}
    assert renamed(renamed(first, names), names) == first
    assert (
        compare([first], [second]).relation
        is compare([renamed(first, names)], [renamed(second, names)]).relation
    )


def test_equivalent_candidates_come_together() -> None:
    texts = [
        "∀x (P(x) → Q(x))",
        "P(a)",
        "¬∃x (P(x) ∧ ¬Q(x))",
        "∀y (¬Q(y) → ¬P(y))",
        "P(a) ∧ (Q(a) ∨ ¬Q(a))",
        "∀x (P(x) → Q(x))",
        "Q(a)",
    ]
    found = clusters([formulas(text) for text in texts])
    assert [cluster.members for cluster in found] == [[0, 2, 3, 5], [1, 4], [6]]
    assert not any(cluster.undecided for cluster in found)


def test_candidates_that_can_not_be_told_apart_stay_apart() -> None:
    infinite = ["∀x ∃y R(x,y)", "∀x ¬R(x,x)", "∀x ∀y ∀z (R(x,y) ∧ R(y,z) → R(x,z))"]
    found = clusters([formulas("P(a) ∧ ¬P(a)"), formulas(*infinite)])
    assert [(cluster.members, cluster.undecided) for cluster in found] == [([0], []), ([1], [0])]


@SMALL
@given(st.lists(closed_formulas(), min_size=2, max_size=5))
def test_clusters_are_the_classes_of_equivalence(parts: list[Formula]) -> None:
    place = {
        member: number
        for number, cluster in enumerate(clusters([[part] for part in parts]))
        for member in cluster.members
    }
    assert sorted(place) == list(range(len(parts)))
    for one, other in combinations(range(len(parts)), 2):
        relation = compare([parts[one]], [parts[other]]).relation
        if relation is not Relation.UNDECIDED:
            assert (place[one] == place[other]) is (relation is Relation.EQUIVALENT)


# Votes

VOTES = st.lists(st.sampled_from(list(Entailment)), max_size=6)


@pytest.mark.parametrize(
    ("votes", "winner"),
    [
        pytest.param([], None, id="none"),
        pytest.param([UNKNOWN, Entailment.INCONSISTENT_PREMISES], None, id="nothing-settled"),
        pytest.param([UNKNOWN, UNKNOWN, ENTAILED], ENTAILED, id="errors-don't-count"),
        pytest.param([INDEPENDENT, ENTAILED, ENTAILED], ENTAILED, id="most"),
        pytest.param([CONTRADICTED, ENTAILED], CONTRADICTED, id="first-of-a-tie"),
    ],
)
def test_majority(votes: list[Entailment], winner: Entailment | None) -> None:
    assert majority(votes) is winner


@SMALL
@given(VOTES, st.integers(0, 3))
def test_a_settled_majority_is_one_that_nothing_can_change(
    votes: list[Entailment], remaining: int
) -> None:
    outcomes = {
        majority([*votes, *more]) for more in product([*ANSWERS, UNKNOWN], repeat=remaining)
    }
    assert is_majority_settled(votes, remaining) is (len(outcomes) == 1)


PROBLEMS = st.lists(st.tuples(st.sampled_from(ANSWERS), VOTES), max_size=8)


@SMALL
@given(PROBLEMS, VOTES, st.integers(0, 3))
def test_a_settled_verdict_is_one_that_nothing_can_change(
    problems: list[tuple[Entailment, list[Entailment]]], votes: list[Entailment], remaining: int
) -> None:
    calibration = Calibration.fitted(problems)
    if calibration.is_settled(votes, remaining):
        assert {
            calibration.verdict([*votes, *more]) for more in product(Entailment, repeat=remaining)
        } == {calibration.verdict(votes)}


@SMALL
@given(PROBLEMS, VOTES)
def test_posteriors_are_probabilities(
    problems: list[tuple[Entailment, list[Entailment]]], votes: list[Entailment]
) -> None:
    calibration = Calibration.fitted(problems)
    posterior = calibration.posterior(votes)
    assert sum(posterior.values()) == pytest.approx(1)
    assert max(posterior.values()) == pytest.approx(posterior[calibration.verdict(votes)])


def test_calibration_learns_that_an_independent_is_often_a_broken_formalisation() -> None:
    """Made-up samplers: half of the entailed problems come out as independent."""
    random = Random(1)
    rates = {ENTAILED: 0.5, CONTRADICTED: 0.5, INDEPENDENT: 0.95}

    def sampled(answer: Entailment) -> list[Entailment]:
        return [answer if random.random() < rates[answer] else INDEPENDENT for _ in range(10)]

    training = [(answer, sampled(answer)) for answer in ANSWERS * 50]
    votes = [ENTAILED] * 3 + [INDEPENDENT] * 7
    assert majority(votes) is INDEPENDENT
    calibration = Calibration.fitted(training)
    assert calibration.verdict(votes) is ENTAILED
    assert calibration.is_settled(votes, 0)
    assert calibration.verdict([INDEPENDENT] * 10) is INDEPENDENT
