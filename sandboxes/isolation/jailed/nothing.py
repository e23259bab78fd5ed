"""A run that does nothing, to see whether a jail works."""

from __future__ import annotations

from sandboxes.isolation.jailed.begin import begin


def main() -> int:
    """Ends well."""
    begin()
    return 0
