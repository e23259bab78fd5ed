"""Executors, and the sandboxes that they run candidates in."""
