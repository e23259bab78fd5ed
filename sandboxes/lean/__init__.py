"""Judges Lean 4 proofs."""
