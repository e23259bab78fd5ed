"""The one interface that a new kind of verifier implements."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from verifier_service.model.errors import Violation
from verifier_service.model.problem import Criterion, Limits, VerificationSpec
from verifier_service.model.verdict import Assurance, Verdict
from verifier_service.model.verification import Progress

__all__ = ["MINIMUM_ISOLATION", "EnvironmentInfo", "Executor", "ProgressListener"]

ProgressListener = Callable[[Progress], None]
"""Called on the event loop; must return at once and raise nothing."""


MINIMUM_ISOLATION: Final = (
    "pid-namespace",
    "mount-namespace",
    "no-network",
    "no-capabilities",
    "no-new-privileges",
    "read-only-files",
    "private-tmp",
    "empty-environment",
    "seccomp",
    "cpu-time",
    "memory-per-process",
    "process-count",
)
"""What every sandbox has to enforce, unless an operator says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentInfo:
    """A named, pinned set of tools that an executor offers."""

    name: str
    digest: str
    """`sha256:…` over everything in the environment that can change a verdict."""
    criteria: tuple[str, ...]
    """Kinds of problem, as the proto's oneof names them: `python_tests`."""
    maximum_assurance: Assurance
    sandbox: str
    enforced: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()


class Executor(Protocol):
    """Judges candidates of one kind of problem, in three steps.

    1. Prepare: problem and candidate → files and a command. Pure.
    2. Run: in a sandbox. Nothing of the candidate's runs in this process, ever.
    3. Judge: facts → Verdict. Pure, so a table of cases tests it.
    """

    @property
    def environments(self) -> tuple[EnvironmentInfo, ...]:
        """What it offers; the first one is its default."""
        ...

    def criteria(self) -> tuple[str, ...]:
        """The kinds of problem that it judges, as the proto's oneof names them."""
        ...

    def violations(self, criterion: Criterion) -> list[Violation]:
        """Says what is wrong with a problem of its kind, all at once; pure and bounded.

        Paths start at the spec: `problem.python_tests.calls.cases[3].arguments_json`.
        """
        ...

    async def verify(
        self,
        spec: VerificationSpec,
        *,
        environment: EnvironmentInfo,
        limits: Limits,
        progress: ProgressListener,
    ) -> Verdict:
        """Judges one candidate, whose spec has passed validation.

        The verdict's provenance holds `tools`, `environment`, `sandbox`, `enforced` and `usage`,
        and its timeline's `execute_time` is when the candidate began to run; the engine fills in
        the rest. Cancelling leaves nothing running: when the cancellation comes out of this call,
        every process that it started is gone.

        Returns:
            A verdict, whatever the candidate did.

        Raises:
            SandboxLost: A sandbox died, not provably by the candidate's doing. May be retried.
            InvalidSpec: The problem itself is broken, e.g. its test code does not parse.
            ServiceError: No verdict was reached, and not through the candidate's doing.
        """
        ...

    async def close(self) -> None:
        """Ends everything that it keeps running."""
        ...
