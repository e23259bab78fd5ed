"""How often acceptances were found to be wrong, and which verdicts that holds for.

An estimate is put into an answer when the answer is given. It is part of no digest and of nothing
that is kept, so a kept verdict never carries what was known when it was first reached.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from verifier_service.engine.digest import criterion_digest
from verifier_service.model import FalsePositiveEstimate, Outcome, Verdict, VerificationSpec
from verifier_service.validation import CRITERION_NAMES

__all__ = ["Calibration", "estimate_for"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What was measured, and the verdicts that it holds for."""

    estimate: FalsePositiveEstimate
    """Its `problem_set` is a pattern of problem ids, as of `fnmatch`: `HumanEval/*`."""
    criterion: str
    """Kind of problem: "python_tests", "lean_theorem" or "logic"."""
    environment: str
    """A name, for every build of it, or `name@digest`."""
    sessions: str = "*"
    """Pattern of session ids: acceptances are wrong more often where the candidates' author is
    weaker, so what was measured on one says little about another."""
    tests: Mapping[str, str] = field(default_factory=dict)
    """Digests of the criteria that were measured, by problem id: a problem that has the id of one
    of these and other tests is another problem."""

    def fits(self, spec: VerificationSpec, *, environment: str, session_id: str) -> bool:
        """Whether it says something about an acceptance of this spec.

        Args:
            spec: What was judged.
            environment: `name@digest` of the environment that judged it.
            session_id: As the caller named it.
        """
        problem = spec.problem
        return (
            CRITERION_NAMES[type(problem.criterion)] == self.criterion
            and self.environment in (environment, environment.partition("@")[0])
            and fnmatchcase(problem.problem_id, self.estimate.problem_set)
            and fnmatchcase(session_id, self.sessions)
            and self._has_the_tests_of(spec)
        )

    @property
    def closeness(self) -> tuple[int, int, int, float]:
        """Of several that fit, the greatest counts: the longest patterns, then the newest."""
        estimate = self.estimate
        return (
            len(estimate.problem_set),
            len(self.sessions),
            len(self.environment),
            estimate.estimate_time or 0.0,
        )

    def _has_the_tests_of(self, spec: VerificationSpec) -> bool:
        known = self.tests.get(spec.problem.problem_id)
        return known is None or known == criterion_digest(spec.problem.criterion)


def estimate_for(
    verdict: Verdict,
    spec: VerificationSpec,
    *,
    session_id: str,
    calibrations: tuple[Calibration, ...],
) -> FalsePositiveEstimate | None:
    """What is known about acceptances like this one; None for other outcomes, or if nothing is."""
    if verdict.outcome is not Outcome.ACCEPTED:
        return None
    environment = verdict.provenance.environment
    fitting = [
        one
        for one in calibrations
        if one.fits(spec, environment=environment, session_id=session_id)
    ]
    return max(fitting, key=lambda one: one.closeness).estimate if fitting else None
