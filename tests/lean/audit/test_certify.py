"""Candidates from their text to what is certain about them, through the real Lean and its kernel."""

from __future__ import annotations

import pytest

from tests.lean.audit.conftest import Certify, codes

TWO = "theorem goal : (1 : Nat) = 2 := by sorry\n"
FALSE = "theorem goal : False := by sorry\n"
AND = "theorem goal (p q : Prop) (hp : p) (hq : q) : p ∧ q := by sorry\n"


async def test_an_honest_proof_holds(certified: Certify) -> None:
    proof = (
        "theorem goal (p q : Prop) (hp : p) (hq : q) : p ∧ q := by\n  constructor <;> assumption\n"
    )
    certificate = await certified(AND, proof)
    assert certificate.holds
    assert certificate.axioms == frozenset()
    assert certificate.replayed_by == ("lean-kernel",)
    assert certificate.statement_digest.startswith("sha256:")
