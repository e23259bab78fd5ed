"""The executor for proofs in Lean."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sandboxes.isolation.sandboxes import Sandboxes
from sandboxes.lean.environments import LeanEnvironment
from sandboxes.lean.judge import Facts, judge
from sandboxes.lean.kernels import OWN_KERNEL
from sandboxes.lean.libraries import Library
from sandboxes.lean.plain import open_runtime
from sandboxes.lean.runtime import LeanRuntime
from sandboxes.lean.source import Form, Prepared, violations
from sandboxes.lean.stated import StatedProblems, Stopped
from sandboxes.lean.trial import Trial
from verifier_service.model import (
    Assurance,
    Criterion,
    EnvironmentInfo,
    LeanTheorem,
    Limits,
    ProgressListener,
    Provenance,
    ResourceUsage,
    Timeline,
    Verdict,
    VerificationSpec,
    Violation,
)

__all__ = ["LeanExecutor"]

MINIMUM_PROCESSES: Final = 16
"""Threads that Lean itself starts."""
_HERE: Final = Path(__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class _Offer:
    """A Lean, and who is asked beside its kernel."""

    runtime: LeanRuntime
    library: Library
    asks_second_kernel: bool

    @property
    def name(self) -> str:
        name = self.runtime.environment.name
        return f"{name}+{OWN_KERNEL}" if self.asks_second_kernel else name

    @property
    def maximum_assurance(self) -> Assurance:
        if self.asks_second_kernel:
            return Assurance.CROSS_CHECKED
        return Assurance.REPLAYED if self.runtime.replays else Assurance.ELABORATED


class LeanExecutor:
    """Judges proofs: elaborated in a cell, audited here, taken by the kernel in another cell."""

    def __init__(self, runtimes: Sequence[LeanRuntime], owned: Sandboxes | None = None) -> None:
        """Judges with these Leans.

        Args:
            runtimes: The first one is the default.
            owned: What is to be closed with the executor.
        """
        self._owned = owned
        self._problems = StatedProblems()
        offers = [
            _Offer(runtime=runtime, library=library, asks_second_kernel=asks)
            for runtime in runtimes
            for library in [Library(runtime.environment.lean_path)]
            for asks in ((False, True) if runtime.replays else (False,))
        ]
        self._offers = {offer.name: offer for offer in offers}
        self._environments = tuple(
            EnvironmentInfo(
                name=offer.name,
                digest=f"sha256:{_digest(offer)}",
                criteria=self.criteria(),
                maximum_assurance=offer.maximum_assurance,
                sandbox=offer.runtime.jails.isolation.backend,
                enforced=offer.runtime.jails.isolation.enforced,
                tools=(
                    *offer.runtime.environment.tools,
                    *((OWN_KERNEL,) if offer.asks_second_kernel else ()),
                ),
            )
            for offer in offers
        )

    @classmethod
    async def create(
        cls,
        environments: Sequence[LeanEnvironment] | None = None,
        sandboxes: Sandboxes | None = None,
    ) -> LeanExecutor:
        """An executor on the best isolation that this machine offers.

        Args:
            environments: The Leans to judge with; `lean4-core` alone if None.
            sandboxes: Where jails come from, to be closed by the caller; the executor's own if
                none is given.

        Raises:
            IsolationUnavailable: It offers none. The message says what to install.
            LeanUnavailable: A Lean can't be used.
            UnusablePackages: There is no image for an environment.
        """
        async with contextlib.AsyncExitStack() as made:
            owned = None
            if sandboxes is None:
                sandboxes = owned = await Sandboxes.create()
                made.push_async_callback(owned.close)
            if environments is None:
                environments = [await asyncio.to_thread(LeanEnvironment.core)]
            runtimes = [await open_runtime(one, sandboxes) for one in environments]
            made.pop_all()
        return cls(runtimes, owned)

    @property
    def environments(self) -> tuple[EnvironmentInfo, ...]:
        """The Leans that are there."""
        return self._environments

    def criteria(self) -> tuple[str, ...]:
        """Theorems of Lean."""
        return ("lean_theorem",)

    def violations(self, criterion: Criterion) -> list[Violation]:
        """Says what is wrong with a problem."""
        return violations(criterion) if isinstance(criterion, LeanTheorem) else []

    @property
    def runtimes(self) -> tuple[tuple[EnvironmentInfo, LeanRuntime], ...]:
        """What runs each environment; the first one is the default."""
        return tuple((one, self.runtime(one)) for one in self._environments)

    async def verify(
        self,
        spec: VerificationSpec,
        *,
        environment: EnvironmentInfo,
        limits: Limits,
        progress: ProgressListener,  # noqa: ARG002 - a proof has no cases
    ) -> Verdict:
        """Judges one candidate; see `verifier_service.model.Executor`."""
        theorem = spec.problem.criterion
        assert isinstance(theorem, LeanTheorem)
        offer = self._offers[environment.name]
        limits = dataclasses.replace(
            limits, max_processes=max(limits.max_processes, MINIMUM_PROCESSES)
        )
        began = time.time()
        facts, usage = await self._facts(offer, theorem, spec.candidate.source, limits)
        verdict = await asyncio.to_thread(judge, facts)
        provenance = Provenance(
            tools=environment.tools,
            environment=f"{environment.name}@{environment.digest}",
            sandbox=environment.sandbox,
            enforced=environment.enforced,
            timeline=Timeline(
                create_time=began, start_time=began, execute_time=began, end_time=began
            ),
            usage=usage,
        )
        return dataclasses.replace(verdict, provenance=provenance)

    async def _facts(
        self, offer: _Offer, theorem: LeanTheorem, source: str, limits: Limits
    ) -> tuple[Facts, ResourceUsage]:
        try:
            stated = await self._problems.of(offer.runtime, offer.library, theorem, limits)
        except Stopped as stopped:
            nothing = Prepared(form=Form.PROOF, parts=("",))
            return Facts(source=source, prepared=nothing, limit=str(stopped)), ResourceUsage()
        second = offer.library if offer.asks_second_kernel else None
        trial = Trial(offer.runtime, theorem, stated, limits, second_kernel=second)
        return await trial.facts(source), trial.usage

    def runtime(self, environment: EnvironmentInfo) -> LeanRuntime:
        """What runs the Lean of one of its environments, for work that is no verdict."""
        return self._offers[environment.name].runtime

    async def close(self) -> None:
        """Ends all jails that are the executor's own."""
        if self._owned is not None:
            await self._owned.close()


def _digest(offer: _Offer) -> str:
    """SHA-256 over the Lean, what runs in jails, and all of our own sources that decide."""
    runtime = offer.runtime
    parts = (offer.name, runtime.environment.digest, runtime.interpreter.digest)
    whole = hashlib.sha256("\0".join(parts).encode())
    for source in sorted([*_HERE.glob("*.py"), *(_HERE / "jailed").glob("*.py")]):
        whole.update(hashlib.sha256(source.read_bytes()).digest())
    return whole.hexdigest()
