"""Names for verifications."""

from __future__ import annotations

import secrets
import time
import uuid

__all__ = ["Identifiers"]

_VERSION_7 = 0x7 << 76
_VARIANT = 0b10 << 62


class Identifiers:
    """Makes UUIDs of version 7: they sort by when they were made, each after the one before.

    Layout: RFC 9562, section 5.7, with the 12 bits after the version holding the fraction of the
    millisecond (section 6.2, method 3).
    """

    def __init__(self) -> None:
        self._last = 0

    def next(self) -> str:
        """A name that was never used."""
        now = time.time_ns() * 4096 // 1_000_000  # 48 bits of milliseconds, 12 of their fraction
        self._last = max(now, self._last + 1)
        high = (self._last >> 12) << 80 | _VERSION_7 | (self._last & 0xFFF) << 64
        return str(uuid.UUID(int=high | _VARIANT | secrets.randbits(62)))
