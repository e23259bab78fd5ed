"""A spec that has passed validation, with everything that it resolves to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from verifier_service.engine.digest import verification_digest
from verifier_service.engine.faults import fault_of
from verifier_service.engine.policy import Policy
from verifier_service.model import (
    AssuranceUnavailable,
    Criterion,
    CriterionUnavailable,
    EnvironmentInfo,
    Executor,
    InvalidSpec,
    Limits,
    UnknownEnvironment,
    VerificationSpec,
    Violation,
)
from verifier_service.validation import CRITERION_NAMES, check_spec

__all__ = ["Job", "resolve"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What to run, where, under which limits, and the digest of it all."""

    spec: VerificationSpec
    executor: Executor
    environment: EnvironmentInfo
    limits: Limits
    digest: str


@dataclass(frozen=True, slots=True)
class _Offer:
    executor: Executor
    environment: EnvironmentInfo


def resolve(spec: VerificationSpec, *, executors: Sequence[Executor], policy: Policy) -> Job:
    """Makes a job of a spec.

    Raises:
        InvalidSpec: It breaks rules; all of them are named.
        CriterionUnavailable: No executor judges this kind of problem.
        UnknownEnvironment: No such environment is offered for it.
        AssuranceUnavailable: Its environment can't give evidence this strong.
        ExecutorFault: The executor's own validation failed.
    """
    kind = CRITERION_NAMES[type(spec.problem.criterion)]
    offers = _offers(kind, executors)
    offer = _named(spec.environment, offers)
    _validate(spec, (offer or offers[0]).executor if offers else None, policy)
    if not offers:
        raise _criterion_unavailable(kind, executors)
    if offer is None:
        raise _unknown_environment(spec.environment, offers)
    _check_assurance(spec, offer.environment)
    return _job(spec, offer, spec.limits.resolved(policy.default_limits))


def _job(spec: VerificationSpec, offer: _Offer, limits: Limits) -> Job:
    return Job(
        spec=spec,
        executor=offer.executor,
        environment=offer.environment,
        limits=limits,
        digest=verification_digest(
            spec.problem.criterion,
            spec.candidate.source,
            environment=offer.environment,
            limits=limits,
        ),
    )


def _offers(kind: str, executors: Sequence[Executor]) -> list[_Offer]:
    return [
        _Offer(executor, environment)
        for executor in executors
        if kind in executor.criteria()
        for environment in executor.environments
        if kind in environment.criteria
    ]


def _named(name: str, offers: list[_Offer]) -> _Offer | None:
    """The offer of this name, by digest where it is pinned; the first one if it is empty."""
    plain, pinned, digest = name.partition("@")
    return next(
        (
            offer
            for offer in offers
            if (not plain or offer.environment.name == plain)
            and (not pinned or offer.environment.digest == digest)
        ),
        None,
    )


def _validate(spec: VerificationSpec, executor: Executor | None, policy: Policy) -> None:
    violations = check_spec(
        spec,
        maximum_limits=policy.maximum_limits,
        maximum_candidate_bytes=policy.maximum_candidate_bytes,
    )
    if executor is not None:
        violations += _executor_violations(executor, spec.problem.criterion)
    if violations:
        prefixed = [Violation(f"spec.{one.field}", one.description) for one in violations]
        raise InvalidSpec.of(list(dict.fromkeys(prefixed)))


def _executor_violations(executor: Executor, criterion: Criterion) -> list[Violation]:
    try:
        return executor.violations(criterion)
    except Exception as error:
        raise fault_of(error, f"The validation of {type(executor).__name__}") from error


def _criterion_unavailable(kind: str, executors: Sequence[Executor]) -> CriterionUnavailable:
    offered = sorted({one for executor in executors for one in executor.criteria()})
    return CriterionUnavailable(
        f"spec.problem: no executor here judges {kind}. Offered: {', '.join(offered) or 'none'}.",
        criterion=kind,
        offered=",".join(offered),
    )


def _unknown_environment(name: str, offers: list[_Offer]) -> UnknownEnvironment:
    """Says what there is, in the form that was asked for."""
    pinned = "@" in name
    return UnknownEnvironment.of(
        name,
        offered=[
            f"{offer.environment.name}@{offer.environment.digest}"
            if pinned
            else offer.environment.name
            for offer in offers
        ],
    )


def _check_assurance(spec: VerificationSpec, environment: EnvironmentInfo) -> None:
    if spec.minimum_assurance > environment.maximum_assurance:
        raise AssuranceUnavailable(
            f"spec.minimum_assurance: {spec.minimum_assurance.name} is more than the environment "
            f"{environment.name} can give, which is {environment.maximum_assurance.name}. Ask for "
            "less, or for another environment.",
            minimum_assurance=spec.minimum_assurance.name,
            maximum_assurance=environment.maximum_assurance.name,
            environment=environment.name,
        )
