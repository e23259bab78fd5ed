"""Which Lean runs the tactics of a session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sandboxes.lean.runtime import LeanRuntime
from sandboxes.lean.source import violations
from sandboxes.lean.steps.server_runner import ServerRunner
from sandboxes.lean.steps.sessions import Backend, Choose
from verifier_service.model import (
    CriterionUnavailable,
    EnvironmentInfo,
    InvalidSpec,
    Limits,
    UnknownEnvironment,
    Violation,
)
from verifier_service.model.lean_steps import TheoremToProve

__all__ = ["choosing"]

_FIELD = "problem.lean_theorem"


def choosing(
    environments: Sequence[EnvironmentInfo], runtimes: Mapping[str, LeanRuntime], limits: Limits
) -> Choose:
    """Lean's own server, in the environment that a session asks for.

    Args:
        environments: That there are; the first one is the default.
        runtimes: Of each, by its name.
        limits: Memory and threads of a session.
    """

    def choose(asked: TheoremToProve) -> Backend:
        if wrong := _wrong(asked):
            raise InvalidSpec.of(wrong)
        environment = _named(asked.environment, environments)
        return Backend(
            runner=ServerRunner(asked.theorem, runtimes[environment.name], limits),
            environment=f"{environment.name}@{environment.digest}",
        )

    return choose


def _wrong(asked: TheoremToProve) -> list[Violation]:
    found = [
        Violation("theorem" + one.field.removeprefix(_FIELD), one.description)
        for one in violations(asked.theorem)
    ]
    if asked.theorem.whole_file:
        text = "has no steps. Name one theorem, and give its statement."
        found.append(Violation("theorem.whole_file", text))
    return found


def _named(name: str, environments: Sequence[EnvironmentInfo]) -> EnvironmentInfo:
    plain, pinned, digest = name.partition("@")
    if not environments:
        raise CriterionUnavailable("No Lean is offered here, so that there are no step sessions.")
    for environment in environments:
        if plain in ("", environment.name) and (not pinned or environment.digest == digest):
            return environment
    offered = [one.name for one in environments]
    raise UnknownEnvironment(
        f"environment: no environment {name!r} here. Offered: {', '.join(offered)}.",
        environment=name,
        offered=",".join(offered),
    )
