"""Puts sandboxes and verifiers to the test: attacks, limits, leftovers and forgeries."""
