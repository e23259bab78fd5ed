"""Serves one document to an editor, or to whoever speaks like one: Lean's own language server.

It speaks the Language Server Protocol on standard input and output, as `lean --worker` does.
Everything that it says is said by a process that runs the caller's tactics: hints, never proof.
"""

from __future__ import annotations

import os

from sandboxes.isolation.jailed.begin import begin
from sandboxes.lean.jailed.header import load
from sandboxes.lean.jailed.library import NOTHING, Lean, LeanError, box

reserved_bytes = 32 * 1024**3
"""Address space that Lean's allocator sets aside for its threads, and mostly never uses."""
DOCUMENT = "untitled:Proof"
"""What it serves. It belongs to no file: Lean would look for the module that another belongs to."""
REPORT_AT_ONCE = "-Dserver.reportDelayMs=0"
"""The option that `lean` is given where it is a program."""
THREADS = 8
"""For elaboration. Tactics that were given up may keep some of them for a while."""
_NUMBER = 3
"""Of the constructors of Lean's `DataValue`, the one of numbers."""

_lean: Lean | None = None
_failure = ""


def warm() -> None:
    """Loads Lean; what goes wrong is told by the process of a run."""
    global _lean, _failure
    try:
        _lean = load()
    except (LeanError, OSError) as error:
        _failure = str(error)


def main() -> int:
    """Serves until its input ends; returns an exit code."""
    if _lean is None:
        raise LeanError(_failure)
    at_once = _lean.constructor(_NUMBER, [box(0)])
    options = _lean.function("l_Lean_Options_insert", 3)(
        _lean.constant("l_Lean_Options_empty"), _lean.name("server", "reportDelayMs"), at_once
    )
    os.environ["LEAN_SYSROOT"] = "/nonexistent"  # or it asks /proc, which cells do not have
    _lean.library.lean_init_task_manager_using(THREADS)
    begin()
    _lean.function("l_Lean_Server_FileWorker_workerMain", 2)(options, NOTHING)
    return 0
