"""The same candidates before a stronger verifier: what makes one, for each kind of problem.

A strengthening takes a spec and returns what a stronger verifier is asked about the same candidate,
or None where there is none. Its verdicts are truth for those of the weaker one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from verifier_service.model import (
    Assurance,
    LogicProblem,
    PythonTests,
    VerificationSpec,
)

__all__ = ["Strengthening", "by_evidence", "by_reference", "by_suite"]

Strengthening = Callable[[VerificationSpec], VerificationSpec | None]


def by_suite(suites: Mapping[str, PythonTests]) -> Strengthening:
    """Python: the larger suite of the problem, by problem id."""

    def strengthen(spec: VerificationSpec) -> VerificationSpec | None:
        tests = suites.get(spec.problem.problem_id)
        if tests is None:
            return None
        return replace(spec, problem=replace(spec.problem, criterion=tests))

    return strengthen


def by_reference(references: Iterable[VerificationSpec]) -> Strengthening:
    """Logic: equivalence to the reference formula, which is the candidate of the problem's spec.

    The problem's premises are left out: under them, a formula that says less can pass for equal.
    """
    formulas = {spec.problem.problem_id: spec.candidate.source for spec in references}

    def strengthen(spec: VerificationSpec) -> VerificationSpec | None:
        own, formula = spec.problem.criterion, formulas.get(spec.problem.problem_id)
        if formula is None or not isinstance(own, LogicProblem):
            return None
        criterion = LogicProblem(syntax=own.syntax, reference=formula)
        return replace(spec, problem=replace(spec.problem, criterion=criterion))

    return strengthen


def by_evidence(
    assurance: Assurance, *, environment: str = "", deterministic_steps: int | None = None
) -> Strengthening:
    """Logic and Lean: stronger evidence, perhaps of another prover or with more effort.

    Where such evidence can't be had, there is an error and no verdict: nobody could tell.

    Args:
        assurance: The weakest evidence that counts.
        environment: That judges; the spec's own if empty.
        deterministic_steps: Effort of solvers, or heartbeats; the spec's own if None.
    """

    def strengthen(spec: VerificationSpec) -> VerificationSpec | None:
        if isinstance(spec.problem.criterion, PythonTests):
            return None
        limits = spec.limits
        if deterministic_steps is not None:
            limits = replace(limits, deterministic_steps=deterministic_steps)
        return replace(
            spec,
            environment=environment or spec.environment,
            limits=limits,
            minimum_assurance=max(assurance, spec.minimum_assurance),
        )

    return strengthen
