"""What candidates do to themselves, and to nobody else."""

from __future__ import annotations

import asyncio
import json

import pytest

from sandboxes.lean import LeanExecutor, trial
from sandboxes.lean.runtime import LeanRuntime
from tests.lean.conftest import LIMITS
from tests.lean.proofs.conftest import COMMUTES, FALSE, Verify
from verifier_service.model import Outcome, Range

HONEST = "by exact Nat.add_comm a b"
CALL = """
@[extern "{symbol}"] opaque call (words : {argument}) : Nat
syntax "go" : tactic
macro_rules | `(tactic| go) => if call {words} = 0 then `(tactic| trivial) else `(tactic| rfl)
theorem goal : (1 : Nat) = 2 := by go
"""
"""Runs native code while the proof is elaborated, which is what `extern` is refused for."""
DOUBLING = (
    'macro "b0" : term => `((1 + 1))\n'
    + "".join(f'macro "b{i}" : term => `((b{i - 1} + b{i - 1}))\n' for i in range(1, 40))
    + "theorem goal : (1 : Nat) = 2 := by\n  have h : b39 = 3 := rfl\n  exact h\n"
)
ENDLESS = "set_option maxHeartbeats 0 in\nby\n  repeat (have h : True := trivial)"


async def test_candidates_never_see_each_other(verify: Verify) -> None:
    brings = "axiom cheat : False\ntheorem other (a b : Nat) : a + b = b + a := Nat.add_comm a b"
    takes = "theorem goal (a b : Nat) : a + b = b + a := other a b"

    verdicts = await asyncio.gather(*(verify(source) for source in (brings, takes, HONEST) * 3))
    again = await verify("theorem goal (a b : Nat) : a + b = b + a := cheat.elim")

    assert [one.reason for one in verdicts[:3]] == [
        "missing-declaration",
        "elaboration-error",
        "theorem-proved",
    ]
    assert verdicts[1].diagnostics[0].message == "Unknown identifier `other`"
    assert again.diagnostics[0].code == "unknown-identifier"


@pytest.mark.parametrize("symbol", ["exit", "abort", "_exit", "lean_internal_panic_out_of_memory"])
async def test_who_leaves_early_proves_nothing(
    verify: Verify, monkeypatch: pytest.MonkeyPatch, symbol: str
) -> None:
    monkeypatch.setattr(trial, "refused", lambda _: ())
    source = CALL.format(symbol=symbol, argument="Nat", words="0")

    verdict = await verify(source, FALSE)

    assert verdict.outcome is not Outcome.ACCEPTED
    assert (await verify(HONEST)).outcome is Outcome.ACCEPTED


async def test_who_writes_to_the_output_proves_nothing(
    verify: Verify, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "refused", lambda _: ())
    forged = json.dumps(json.dumps({"end": {"errors": False}}))
    source = CALL.format(symbol="puts", argument="String", words=forged)

    assert (await verify(source, FALSE)).outcome is not Outcome.ACCEPTED


async def test_native_code_is_refused_before_it_runs(verify: Verify) -> None:
    verdict = await verify(CALL.format(symbol="exit", argument="Nat", words="0"), FALSE)

    assert verdict.reason == "forbidden-syntax"
    assert verdict.diagnostics[0].range == Range(
        start_line=2, start_column=2, end_line=2, end_column=8
    )


async def test_limits_end_a_candidate_and_nothing_else(verify: Verify) -> None:
    endless, memory, honest = await asyncio.gather(
        verify(ENDLESS, FALSE, cpu_seconds=2),
        verify(DOUBLING, FALSE, memory_bytes=160 << 20),
        verify(HONEST),
    )

    assert endless.reason == "cpu-time-exceeded"
    assert memory.reason == "memory-exceeded"
    assert {endless.outcome, memory.outcome} == {Outcome.INCONCLUSIVE}
    assert honest.outcome is Outcome.ACCEPTED


async def test_heartbeats_can_be_asked_for(verify: Verify) -> None:
    steps = "theorem goal : (1 : Nat) = 2 := by\n  repeat (have h : True := trivial)"

    verdict = await verify(steps, FALSE, deterministic_steps=100)

    assert verdict.reason == "heartbeats-exceeded"


@pytest.mark.parametrize(
    ("source", "outcome", "reason"),
    [
        pytest.param(
            f"{HONEST} -- {'x' * 10_000_000}", Outcome.ACCEPTED, "theorem-proved", id="10 MB line"
        ),
        pytest.param(
            f"by exact {'x' * 10_000_000}", Outcome.REJECTED, "elaboration-error", id="10 MB name"
        ),
        pytest.param(
            ":= " + "(" * 20_000 + "rfl" + ")" * 20_000,
            Outcome.INCONCLUSIVE,
            "recursion-depth-exceeded",
            id="20 000 brackets",
        ),
        pytest.param(f"{HONEST}\0", Outcome.REJECTED, "syntax-error", id="NUL"),
        pytest.param(f"{HONEST} /-", Outcome.REJECTED, "syntax-error", id="open comment"),
        pytest.param(
            "by\r\n  exact\r\n    Nat.add_comm a b\r\n",
            Outcome.ACCEPTED,
            "theorem-proved",
            id="CRLF",
        ),
        pytest.param(f"\ufeff{HONEST}", Outcome.ACCEPTED, "theorem-proved", id="byte order mark"),
        pytest.param("by\n\trfl", Outcome.REJECTED, "syntax-error", id="tab"),
        pytest.param("   \n", Outcome.REJECTED, "syntax-error", id="white space"),
    ],
)
async def test_texts_of_all_shapes(
    verify: Verify, source: str, outcome: Outcome, reason: str
) -> None:
    verdict = await verify(source)

    assert (verdict.outcome, verdict.reason) == (outcome, reason), verdict.summary


async def test_a_cancelled_candidate_leaves_nothing(
    verify: Verify, runtime: LeanRuntime, executor: LeanExecutor
) -> None:
    running = asyncio.ensure_future(verify(ENDLESS, FALSE, cpu_seconds=60))
    await asyncio.sleep(0.5)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert (await verify(HONEST, COMMUTES)).outcome is Outcome.ACCEPTED
    assert (await runtime.compile(("example : True := trivial",), limits=LIMITS)).claims_success
