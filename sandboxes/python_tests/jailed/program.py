"""Runs a candidate as a program: standard input, standard output, exit code."""

from __future__ import annotations

import sys
import traceback

from sandboxes.isolation.jailed.begin import begin
from sandboxes.python_tests.jailed.candidate import FILE_NAME, load
from sandboxes.python_tests.jailed.codec import read_job

JOB_FD = 3


def main() -> int:
    """Runs it as `python candidate.py` would."""
    job = read_job(JOB_FD)
    sys.argv = [FILE_NAME]
    begin()
    try:
        load(job["preamble"] + job["source"], "__main__")
    except SystemExit as end:
        return exit_code(end)
    except BaseException as error:  # noqa: BLE001 - what Python itself does with it
        own = error.__traceback__
        while own is not None and own.tb_frame.f_code.co_filename != FILE_NAME:
            own = own.tb_next
        traceback.print_exception(type(error), error, own)
        return 1
    return 0


def exit_code(end: SystemExit) -> int:
    """The exit code that Python makes of `sys.exit(…)`."""
    if end.code is None:
        return 0
    if isinstance(end.code, int):
        return end.code & 0xFF
    print(end.code, file=sys.stderr)  # noqa: T201 - the interpreter's own habit
    return 1
