"""What candidates of all kinds come to, in real jails."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sandboxes.logic import LogicExecutor
from tests.logic.conftest import Verify, evidence
from verifier_service.model import (
    Assurance,
    Entailment,
    InvalidSpec,
    LogicProblem,
    Outcome,
    Verdict,
)

MORTALS = ("all x. (Man(x) -> Mortal(x))", "Man(socrates)")
ENTAILED, CONTRADICTED = Entailment.ENTAILED, Entailment.CONTRADICTED
INDEPENDENT, INCONSISTENT = Entailment.INDEPENDENT, Entailment.INCONSISTENT_PREMISES

# Montague's paradox, Pelletier's problem 54, which the engine in this process does not decide.
PAIRED = "∀y ∃z ∀x (F(x,z) ↔ x=y)"
MONTAGUE = "¬(∃w ∀x (F(x,w) ↔ (∀u (F(x,u) → (∃y (F(y,u) ∧ ¬(∃z (F(z,u) ∧ F(z,y)))))))))"
INFINITE = (
    "∀x ¬L(x,x)",
    "∀x ∀y ∀z (L(x,y) ∧ L(y,z) → L(x,z))",
    "∀x ∃y L(x,y)",
)
SORTED = """
(declare-sort S 0)
(declare-fun p (S) Bool)
(declare-const c S)
(assert (forall ((x S)) (p x)))
(assert (! (p c) :named goal))
"""


def label(verdict: Verdict) -> Entailment:
    return evidence(verdict).entailment


@pytest.mark.parametrize(
    ("conclusion", "expected"),
    [
        ("Mortal(socrates)", ENTAILED),
        ("-Mortal(socrates)", CONTRADICTED),
        ("Mortal(plato)", INDEPENDENT),
    ],
)
async def test_a_problem_that_asks_for_no_formula(
    verify: Verify, conclusion: str, expected: Entailment
) -> None:
    verdict = await verify("", premises=MORTALS, conclusion=conclusion, expected=expected)

    assert verdict.outcome is Outcome.ACCEPTED
    assert verdict.assurance is Assurance.CROSS_CHECKED
    assert label(verdict) is expected


@pytest.mark.parametrize(
    ("syntax", "source", "found"),
    [
        ("nltk", "all x. (P(x) -> Q(x))\nP(c)\nQ(c)", ENTAILED),
        ("unicode", "∀x (P(x) → Q(x)) ::: all\nP(c)\n¬Q(c)", CONTRADICTED),
        ("", "Premises:\nP(c) | Q(c)\nConclusion:\nP(c)", INDEPENDENT),
        ("tptp", "fof(a,axiom,![X]:(p(X)=>q(X))). fof(b,axiom,p(c)). fof(g,conjecture,q(c)).",
         ENTAILED),
        ("", "cnf(a,axiom,~p(X)|q(X)). cnf(b,axiom,p(c)). fof(g,conjecture,q(c)).", ENTAILED),
        ("smtlib2", SORTED, ENTAILED),
    ],
)  # fmt: skip
async def test_a_formalisation_in_any_spelling(
    verify: Verify, syntax: str, source: str, found: Entailment
) -> None:
    verdict = await verify(source, syntax=syntax)

    assert (verdict.outcome, verdict.reason) == (Outcome.ACCEPTED, "answer-found")
    assert label(verdict) is found


async def test_the_evidence_is_in_the_callers_names(verify: Verify) -> None:
    verdict = await verify(
        "", premises=(*MORTALS, "Greek(socrates)"), conclusion="Mortal(socrates)"
    )

    assert evidence(verdict).unsat_core == MORTALS
    (certificate,) = evidence(verdict).certificates
    assert certificate.question == "denied"
    assert "p1, for x = socrates: Man(socrates) → Mortal(socrates)" in certificate.text
    assert [one.code for one in verdict.diagnostics] == ["unused-premise"]


async def test_a_countermodel_on_each_side(verify: Verify) -> None:
    verdict = await verify("", premises=MORTALS, conclusion="Mortal(plato)")

    models = {model.question: model for model in evidence(verdict).models}
    assert {"affirmed", "denied"} <= models.keys()
    assert all(model.checked for model in models.values())


@pytest.mark.parametrize(
    ("source", "problem", "reason"),
    [
        pytest.param("Mortal(plato)", (MORTALS, "Mortal(plato)", ENTAILED), "conclusion-assumed",
                     id="conclusion-as-premise"),
        pytest.param("--Mortal(plato) & Q(a)", (MORTALS, "Mortal(plato)", ENTAILED),
                     "conclusion-assumed", id="conclusion-within-a-conjunction"),
        pytest.param("all x. Mortal(x)", (MORTALS, "Mortal(plato)", ENTAILED),
                     "conclusion-assumed", id="a-generalisation-of-the-conclusion"),
        pytest.param("-Mortal(plato)", (MORTALS, "Mortal(plato)", CONTRADICTED),
                     "conclusion-assumed", id="the-denial-as-premise"),
        pytest.param("-(-P(a) | -Q(a))\nP(a) & Q(a)", ((), "", ENTAILED),
                     "conclusion-assumed", id="an-equivalent-of-its-own-conclusion"),
        pytest.param("P(a)\n-P(a)", (MORTALS, "Mortal(plato)", ENTAILED),
                     "inconsistent-premises", id="contradictory-premises"),
        pytest.param("-Man(socrates)", (MORTALS, "Mortal(plato)", ENTAILED),
                     "inconsistent-premises", id="contradicts-the-problem"),
        pytest.param("P(a) & Q(a)\nQ(a) & P(a)", ((), "", ENTAILED), "conclusion-assumed",
                     id="its-own-conclusion-in-another-order"),
        pytest.param("exists x. (x != x)", (MORTALS, "Mortal(plato)", ENTAILED),
                     "inconsistent-premises", id="contradiction-by-equality"),
        pytest.param("P(a)\n-P(a)", (MORTALS, "Mortal(plato)", INCONSISTENT),
                     "own-contradiction", id="expected-contradiction-brought-along"),
        pytest.param("P(a) | -P(a)", (MORTALS, "", ENTAILED), "vacuous-conclusion",
                     id="tautology"),
        pytest.param("P(a) & -P(a)", (MORTALS, "", CONTRADICTED), "vacuous-conclusion",
                     id="contradiction-as-conclusion"),
        pytest.param("exists x. (x = x)", (MORTALS, "", ENTAILED), "vacuous-conclusion",
                     id="tautology-of-equality"),
        pytest.param("Unheard(of)", (MORTALS, "", INDEPENDENT), "unconnected-conclusion",
                     id="about-something-else"),
        pytest.param("P(a)\nQ(b)", ((), "", INDEPENDENT), "unconnected-conclusion",
                     id="a-formalisation-that-falls-apart"),
        pytest.param("Mortal(x)", (MORTALS, "", INDEPENDENT), "free-variables",
                     id="free-variable-in-the-conclusion"),
        pytest.param("Man(x)", (MORTALS, "Mortal(plato)", ENTAILED), "free-variables",
                     id="free-variable-in-a-premise"),
        pytest.param("Mort\u0430l(socrates)", (MORTALS, "", INDEPENDENT), "unconnected-conclusion",
                     id="cyrillic-predicate-in-the-conclusion"),
        pytest.param("Mortal(s\u043ecrates)", (MORTALS, "", INDEPENDENT), "look-alike-symbols",
                     id="cyrillic-letter-in-a-constant"),
        pytest.param("Mortal(plato", (MORTALS, "Mortal(plato)", ENTAILED), "syntax-error",
                     id="unbalanced"),
        pytest.param("Man(plato)\n~~~ no formula", (MORTALS, "Mortal(plato)", ENTAILED),
                     "syntax-error", id="a-line-that-is-no-formula"),
        pytest.param("Conclusion: Man(socrates)", (MORTALS, "Mortal(plato)", ENTAILED),
                     "syntax-error", id="another-conclusion"),
        pytest.param("Mortal(plato)", (MORTALS, "", ENTAILED), "other-answer",
                     id="does-not-follow"),
        pytest.param("Mortal(socrates)", (MORTALS, "", INDEPENDENT), "other-answer",
                     id="follows-though-it-should-not"),
    ],
)  # fmt: skip
async def test_an_answer_that_is_not_deserved(
    verify: Verify,
    source: str,
    problem: tuple[tuple[str, ...], str, Entailment],
    reason: str,
) -> None:
    premises, conclusion, expected = problem

    verdict = await verify(
        source, premises=premises, conclusion=conclusion, expected=expected, syntax="fol"
    )

    assert verdict.outcome is not Outcome.ACCEPTED
    if reason != "unconnected-conclusion":  # a look-alike is found by either sign
        assert verdict.reason == reason


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        pytest.param("Man(plato)", (MORTALS, "Mortal(plato)", ENTAILED), id="a-premise-that-helps"),
        pytest.param("Mortal(plato)\nMan(plato)", (MORTALS, "Mortal(plato)", ENTAILED),
                     id="restated-and-not-needed"),
        pytest.param("Mortal(socrates)", (MORTALS, "", ENTAILED), id="a-conclusion"),
        pytest.param("P(a) | Q(a)\nP(a)", ((), "", INDEPENDENT), id="a-formalisation"),
        pytest.param("all x. (P(x) -> Q(x))\nP(a)\nQ(a)", ((), "", ENTAILED), id="modus-ponens"),
        pytest.param("all x. P(x)\nP(a)", ((), "", ENTAILED), id="an-instance"),
    ],
)  # fmt: skip
async def test_an_answer_that_is_deserved(
    verify: Verify, source: str, problem: tuple[tuple[str, ...], str, Entailment]
) -> None:
    premises, conclusion, expected = problem

    verdict = await verify(source, premises=premises, conclusion=conclusion, expected=expected)

    assert (verdict.outcome, verdict.reason) == (Outcome.ACCEPTED, "answer-as-expected")


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("exists x. (Q(x) & P(x))", "formula-equivalent"),
        ("-all x. (P(x) -> -Q(x))", "formula-equivalent"),
        ("exists x. (P(x) | Q(x))", "not-equivalent"),
        ("exists x. P(x) & exists x. Q(x)", "not-equivalent"),
        ("exists x. (R(x) & P(x))", "not-equivalent"),
    ],
)
async def test_a_reference_decides_by_meaning(verify: Verify, source: str, reason: str) -> None:
    verdict = await verify(source, reference="exists x. (P(x) & Q(x))")

    assert verdict.reason == reason
    assert verdict.assurance is Assurance.CROSS_CHECKED


async def test_a_reference_is_compared_under_the_problems_premises_alone(verify: Verify) -> None:
    same = await verify("Q(a)", premises=("P(a) <-> Q(a)",), reference="P(a)")
    bought = await verify("P(a) <-> Q(a)\nQ(a)", reference="P(a)")

    assert same.reason == "formula-equivalent"
    assert bought.reason == "not-equivalent"


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("include('/etc/passwd').", id="tptp-include"),
        pytest.param("fof(a, axiom, p). include('/etc/passwd').", id="include-among-formulas"),
        pytest.param('(set-option :regular-output-channel "{path}")(assert true)', id="channel"),
        pytest.param("end_of_list. set(auto2). formulas(goals). P(a).", id="list-injection"),
        pytest.param("(" * 10_000 + "P(a)" + ")" * 10_000, id="nested-brackets"),
        pytest.param("-" * 100_000 + "P(a)", id="nested-negations"),
        pytest.param("P(" + ",".join("a" * 3 for _ in range(50_000)) + ")", id="huge-arity"),
        pytest.param("P(\x00a)", id="nul"),
        pytest.param("P(a\u202e)", id="bidirectional-control"),
    ],
)
async def test_hostile_text_is_refused_and_touches_nothing(
    verify: Verify, source: str, tmp_path: Path
) -> None:
    path = tmp_path / "written"
    verdict = await verify(source.replace("{path}", str(path)))

    assert (verdict.outcome, verdict.reason) == (Outcome.REJECTED, "syntax-error")
    assert not path.exists()


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(
            "\n".join([" <-> ".join(f"P{i}(a)" for i in range(60)), "Q(a)"]), id="cnf-bomb"
        ),
        pytest.param(
            " & ".join(f"C(c{i})" for i in range(40))
            + "\nall x. all y. all z. all u. all v. all w. all s. all t. "
            "(C(x) & C(y) & C(z) & C(u) & C(v) & C(w) & C(s) & C(t) -> R(f(x,y,z,u,v,w,s,t)))"
            "\nR(c1)",
            id="more-instances-than-atoms-in-the-world",
        ),
    ],
)
async def test_hostile_formulas_cost_bounded_work(verify: Verify, source: str) -> None:
    verdict = await verify(source, cpu_seconds=4)

    assert verdict.outcome is not Outcome.REJECTED
    assert verdict.provenance.usage.cpu_seconds < 20


async def test_names_like_the_generated_ones_stay_apart(verify: Verify) -> None:
    verdict = await verify("p1(f0)\nf0(p1) | p0(p1)\np0(f0)", premises=(PAIRED,))

    assert label(verdict) is INDEPENDENT


async def test_solvers_take_over_where_the_grounder_stops(verify: Verify) -> None:
    verdict = await verify("", premises=(PAIRED,), conclusion=MONTAGUE, expected=ENTAILED)

    assert verdict.outcome is Outcome.ACCEPTED
    assert verdict.assurance is Assurance.CROSS_CHECKED
    assert {"grounding", "z3", "cvc5"} <= {claim.solver for claim in evidence(verdict).claims}


async def test_what_nobody_can_tell_is_inconclusive_and_names_what_is_open(verify: Verify) -> None:
    verdict = await verify("", premises=INFINITE, conclusion="∃x P(x)", deterministic_steps=200)

    assert (verdict.outcome, verdict.reason) == (Outcome.INCONCLUSIVE, "solver-unknown")
    assert verdict.assurance is Assurance.UNSPECIFIED
    assert "whether the premises can hold together" in verdict.summary
    assert "premises" in evidence(verdict).open_questions


async def test_a_conclusion_with_a_free_variable_is_asked_for_all_values(verify: Verify) -> None:
    for syntax in ("nltk", "strict"):
        verdict = await verify("", premises=("P(A)", "-P(B)"), conclusion="P(x)", syntax=syntax)

        assert label(verdict) is CONTRADICTED


async def test_premises_of_the_problem_that_contradict_each_other_judge_nobody(
    verify: Verify,
) -> None:
    with pytest.raises(InvalidSpec, match=r"problem\.logic\.premises: contradict each other"):
        await verify("Q(a)", premises=("P(a)", "-P(a)"), expected=ENTAILED)


async def test_a_reference_under_premises_that_contradict_each_other_judges_nobody(
    verify: Verify,
) -> None:
    with pytest.raises(InvalidSpec, match=r"problem\.logic\.premises: contradict each other"):
        await verify("Q(a)", premises=("P(a)", "-P(a)"), reference="R(a)")


async def test_a_reference_under_premises_that_may_have_no_model_accepts_nobody(
    verify: Verify,
) -> None:
    verdict = await verify(
        "¬¬P(a)", premises=INFINITE, reference="P(a)", deterministic_steps=200, syntax="unicode"
    )

    assert (verdict.outcome, verdict.reason) == (Outcome.INCONCLUSIVE, "solver-unknown")


async def test_a_premise_with_very_many_parts_costs_bounded_work(verify: Verify) -> None:
    source = " & ".join(f"P(c{number})" for number in range(5000)) + "\nP(c1) | P(c9)"
    verdict = await verify(source, expected=ENTAILED)

    assert (verdict.outcome, verdict.reason) == (Outcome.INCONCLUSIVE, "solver-unknown")


async def test_an_empty_candidate_where_a_formula_is_asked_for(verify: Verify) -> None:
    with pytest.raises(InvalidSpec, match=r"candidate\.source: is empty"):
        await verify("  \n", reference="P(a)")


@pytest.mark.parametrize(
    ("problem", "field"),
    [
        (LogicProblem(syntax="prolog"), "problem.logic.syntax"),
        (LogicProblem(premises=("P(a)", "P(b")), "problem.logic.premises[1]"),
        (LogicProblem(conclusion="P(a)\nP(b)"), "problem.logic.conclusion"),
        (LogicProblem(reference="-"), "problem.logic.reference"),
        (LogicProblem(premises=("P(a)\n" * 50_000,)), "problem.logic.premises"),
        (LogicProblem(expected=Entailment.UNKNOWN), "problem.logic.expected"),
        (
            LogicProblem(conclusion="P(a)", expected=Entailment.CONSISTENT_PREMISES),
            "problem.logic.expected",
        ),
    ],
)
def test_a_broken_problem_is_told_by_field(
    executor: LogicExecutor, problem: LogicProblem, field: str
) -> None:
    assert {found.field for found in executor.violations(problem)} == {field}


async def test_a_cancelled_question_leaves_nothing_running(verify: Verify) -> None:
    asking = asyncio.ensure_future(verify("", premises=INFINITE, conclusion="∃x P(x)"))
    await asyncio.sleep(0.5)
    asking.cancel()

    with pytest.raises(asyncio.CancelledError):
        await asking
    verdict = await verify("", premises=MORTALS, conclusion="Mortal(socrates)")
    assert label(verdict) is ENTAILED


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("all x. (P(x) -> Q(x)\nP(a)\nQ(a)", "(Then the answer is: entailed.)"),
        ("all x. (Human(x) -> Mortal(x))\nHumans(bob)\nHuman(ann)\nMortal(bob)",
         "(Then the answer is: entailed.)"),
        ("P(x)\nP(b)", "(Then the answer is: entailed.)"),
        ("all x. (P(x) -> Q(x)\nP(a\nQ(a)", "(Then it still can't be read.)"),
    ],
)  # fmt: skip
async def test_repairs_are_offered_with_their_effect_and_not_applied(
    verify: Verify, source: str, said: str
) -> None:
    verdict = await verify(source, expected=ENTAILED)

    assert verdict.outcome is not Outcome.ACCEPTED
    assert any(said in one.message for one in verdict.diagnostics), verdict.diagnostics
