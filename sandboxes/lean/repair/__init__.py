"""Repairs Lean proofs: keeps what is good of an attempt, and says what is left to prove."""
