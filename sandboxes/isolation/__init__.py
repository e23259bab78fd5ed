"""Places to run untrusted code in."""
