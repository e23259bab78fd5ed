"""Repairs of Lean proofs over an engine in this process."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from verifier_service.engine.lean_repair import LeanRepairs
from verifier_service.model import CallOptions, VerificationSpec
from verifier_service.model.lean_repair import (
    Assembled,
    Extracted,
    LemmaProposer,
    Refined,
    RepairBudget,
    Repaired,
    RepairListener,
    Solved,
    Sorrified,
    SorrifyMode,
)

__all__ = ["LocalRepairs"]

_NO_OPTIONS = CallOptions()


class LocalRepairs:
    """The repairs of a `LocalVerifier`; `AsyncRepairs` says what each method owes."""

    def __init__(
        self, repairs: LeanRepairs, deadline: Callable[[float | None], float | None]
    ) -> None:
        """Made by `LocalVerifier.repairs`."""
        self._repairs = repairs
        self._deadline = deadline

    async def refine(
        self,
        spec: VerificationSpec,
        *,
        options: CallOptions | None = None,
        timeout_seconds: float | None = None,
    ) -> Refined:
        """Mends the syntax of a candidate."""
        return await self._repairs.refine(
            spec, options or _NO_OPTIONS, deadline=self._deadline(timeout_seconds)
        )

    async def sorrify(
        self,
        spec: VerificationSpec,
        *,
        mode: SorrifyMode = SorrifyMode.MINIMAL,
        correct: bool = False,
        options: CallOptions | None = None,
        timeout_seconds: float | None = None,
    ) -> Sorrified:
        """Puts holes where a candidate fails."""
        return await self._repairs.sorrify(
            spec,
            options or _NO_OPTIONS,
            mode=mode,
            correct=correct,
            deadline=self._deadline(timeout_seconds),
        )

    async def auto_solve(
        self,
        spec: VerificationSpec,
        *,
        tactics: Sequence[str] = (),
        heartbeats: int = 0,
        options: CallOptions | None = None,
        timeout_seconds: float | None = None,
    ) -> Solved:
        """Closes the holes of a candidate that a tactic closes."""
        return await self._repairs.auto_solve(
            spec,
            options or _NO_OPTIONS,
            tactics=tactics,
            heartbeats=heartbeats,
            deadline=self._deadline(timeout_seconds),
        )

    async def extract_lemmas(
        self,
        spec: VerificationSpec,
        *,
        options: CallOptions | None = None,
        timeout_seconds: float | None = None,
    ) -> Extracted:
        """States what each hole of a candidate asks for."""
        return await self._repairs.extract_lemmas(
            spec, options or _NO_OPTIONS, deadline=self._deadline(timeout_seconds)
        )

    async def assemble(
        self,
        spec: VerificationSpec,
        proofs: Mapping[str, str],
        *,
        options: CallOptions | None = None,
        timeout_seconds: float | None = None,
    ) -> Assembled:
        """Puts proofs of lemmas into a candidate, and judges it where no hole is left."""
        return await self._repairs.assemble(
            spec, proofs, options or _NO_OPTIONS, deadline=self._deadline(timeout_seconds)
        )

    async def repair(
        self,
        spec: VerificationSpec,
        propose: LemmaProposer | None = None,
        *,
        more_sources: Sequence[str] = (),
        budget: RepairBudget | None = None,
        tactics: Sequence[str] = (),
        heartbeats: int = 0,
        listener: RepairListener | None = None,
        options: CallOptions | None = None,
        timeout_seconds: float | None = None,
    ) -> Repaired:
        """Repairs a candidate in a loop."""
        return await self._repairs.repair(
            spec,
            options or _NO_OPTIONS,
            more_sources=more_sources,
            budget=budget,
            tactics=tactics,
            heartbeats=heartbeats,
            propose=propose,
            listener=listener,
            deadline=self._deadline(timeout_seconds),
        )
