"""Becomes a prover's program, whose problem is standard input and whose words are standard output.

Which program, and with which arguments, is the job: ours, never a caller's.
"""

from __future__ import annotations

import os

from sandboxes.isolation.jailed.begin import begin
from sandboxes.logic.jailed.exchange import read_job

SPASS = "/usr/bin/SPASS"


def main() -> int:
    """Never returns."""
    job = read_job()
    program = SPASS if job["prover"] == "SPASS" else eprover_path()
    begin()
    os.execve(program, [program, *job["arguments"]], {})  # noqa: S606 - no shell is wanted


def eprover_path() -> str:
    """Where the package that brings E has it."""
    import eprover

    return str(eprover.eprover_path)
