"""Proofs made tactic by tactic: sessions with a tree of states, on Lean or another tool."""
