"""How the kernel of our own ends where it takes nothing."""

from __future__ import annotations


class Rejected(Exception):
    """What is checked is wrong."""


class Declined(Exception):
    """It can't be told whether what is checked is right."""
