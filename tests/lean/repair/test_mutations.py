"""Honest proofs that were spoilt: most of what was good survives, and what is called proved is."""

from __future__ import annotations

from collections import Counter

from tests.lean.repair.conftest import spec
from tests.lean.repair.mutations import KINDS, honest_proofs, mutants
from verifier_service.engine import Engine
from verifier_service.engine.lean_repair import LeanRepairs
from verifier_service.model import Candidate, LeanTheorem, Outcome, Problem, VerificationSpec
from verifier_service.model.lean_repair import RepairEnding

MUTANTS = 24


async def test_the_proofs_that_are_spoilt_were_honest(engine: Engine) -> None:
    for proof in honest_proofs():
        source = "by\n" + "\n".join(proof.body) + "\n"
        asked = VerificationSpec(
            problem=Problem(criterion=proof.theorem), candidate=Candidate(source=source)
        )
        verdict = await engine.verify(asked, patient=True)
        assert verdict.outcome is Outcome.ACCEPTED, proof


async def test_good_lines_survive_and_every_repair_is_certified_or_partial(
    repairs: LeanRepairs,
) -> None:
    good = survived = 0
    for mutant in mutants(MUTANTS):
        theorem = mutant.proof.theorem
        assert isinstance(theorem, LeanTheorem)
        made = await repairs.repair(spec(theorem.statement, mutant.source))
        if made.ending is RepairEnding.PROVED:
            assert made.verdict is not None
            assert made.verdict.outcome is Outcome.ACCEPTED
        else:
            assert made.ending is RepairEnding.PARTIAL, made
            assert made.verdict is None
            assert made.holes
            assert all(hole.goal for hole in made.holes)
        good += len(mutant.good)
        survived += mutant.survived(made.source)
    assert survived >= 0.8 * good


def test_mutants_are_the_same_each_time_and_of_every_kind() -> None:
    first = mutants(200)
    assert [one.body for one in first] == [one.body for one in mutants(200)]
    assert len({(one.proof.theorem.name, one.body) for one in first}) == 200
    counts = Counter(one.kind for one in first)
    assert set(counts) == set(KINDS)
    assert min(counts.values()) >= 30
