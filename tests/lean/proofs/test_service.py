"""Proofs through the whole service: batches, kept verdicts, errors."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from clients import lean_theorem
from clients.local import LocalVerifier
from sandboxes.lean import LeanExecutor
from verifier_service.application import application
from verifier_service.model import (
    Assurance,
    AssuranceUnavailable,
    InvalidSpec,
    RequestedLimits,
    Verdict,
    VerificationSpec,
)
from verifier_service.settings import Settings

PREAMBLE = "import Init\nopen Nat\ndef twice (n : Nat) : Nat := n + n\n"


def attempt(candidate: str, **details: object) -> VerificationSpec:
    return lean_theorem(
        candidate,
        name="twice_eq",
        statement="(n : Nat) : twice n = 2 * n",
        preamble=PREAMBLE,
        **details,  # type: ignore[arg-type]
    )


@pytest_asyncio.fixture(loop_scope="session")
async def verifier(executor: LeanExecutor, tmp_path: Path) -> AsyncIterator[LocalVerifier]:
    settings = Settings(store_path=tmp_path / "verdicts.sqlite3")
    async with application(settings, executors=[executor]) as parts:
        yield LocalVerifier(parts.engine)


async def test_a_batch_with_one_header(verifier: LocalVerifier) -> None:
    specs = [
        attempt("by unfold twice; rw [Nat.two_mul]"),
        attempt("by unfold twice; rw [nothing]"),
        attempt("by\n  repeat (have : True := trivial)",
                limits=RequestedLimits(deterministic_steps=100)),
        lean_theorem("rfl", name="t", statement=": 1 = nothing.here"),
        attempt("theorem twice_eq (n : Nat) : twice n = 2 * n := by sorry"),
        attempt("rfl", minimum_assurance=Assurance.CROSS_CHECKED),
        attempt("by unfold twice; rw [Nat.two_mul]",
                environment="lean4-core+verifier-kernel",
                minimum_assurance=Assurance.CROSS_CHECKED),
    ]  # fmt: skip
    found: dict[int, str | type[Exception]] = {}

    async for item in verifier.batch(specs):
        result = item.result
        found[item.index] = result.reason if isinstance(result, Verdict) else type(result)

    assert found == {
        0: "theorem-proved",
        1: "elaboration-error",
        2: "heartbeats-exceeded",
        3: InvalidSpec,
        4: "incomplete-proof",
        5: AssuranceUnavailable,
        6: "theorem-proved",
    }


async def test_verdicts_are_kept_and_inconclusive_ones_are_not(verifier: LocalVerifier) -> None:
    proof, loop = (
        attempt("by unfold twice; rw [Nat.two_mul]"),
        attempt(
            "by\n  repeat (have : True := trivial)", limits=RequestedLimits(deterministic_steps=100)
        ),
    )

    first, second = [await verifier.verify(proof) for _ in range(2)]
    _, again = [await verifier.verify(loop) for _ in range(2)]

    assert (first.provenance.from_cache, second.provenance.from_cache) == (False, True)
    assert second.evidence == first.evidence
    assert not again.provenance.from_cache
    assert first.provenance.environment.startswith("lean4-core@sha256:")
    assert "lean@4.35.0" in first.provenance.tools
