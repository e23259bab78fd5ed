"""The mark between our own code and the candidate's.

A process that ends before the mark ended through our own trouble; after it, through the
candidate's. The mark goes through a pipe that is closed with it, so it can't be taken back.
"""

from __future__ import annotations

import os

BEGIN_FD = 127


def begin() -> None:
    """Says that everything of ours is in place, right before code of others runs."""
    os.write(BEGIN_FD, b"1")
    os.close(BEGIN_FD)
