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
OPTIONS = ("-Dserver.reportDelayMs=0", "-Ddebug.skipKernelTC=true")
"""Of `lean` where it is a program: report at once; and do not let the kernel check all of the proof
anew at each step, since what a session finishes is checked in another process anyway."""
THREADS = 12
"""For elaboration. Tactics that were given up may keep some of them for a while."""
_BOOLEAN, _NUMBER = 1, 3
"""Constructors of Lean's `DataValue`."""

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
    insert = _lean.function("l_Lean_Options_insert", 3)
    at_once = _lean.constructor(_NUMBER, [box(0)])
    yes = _lean.constructor(_BOOLEAN, [], b"\1")
    options = _lean.constant("l_Lean_Options_empty")
    options = insert(options, _lean.name("server", "reportDelayMs"), at_once)
    options = insert(options, _lean.name("debug", "skipKernelTC"), yes)
    os.environ["LEAN_SYSROOT"] = "/nonexistent"  # or it asks /proc, which cells do not have
    _lean.library.lean_init_task_manager_using(THREADS)
    begin()
    _lean.function("l_Lean_Server_FileWorker_workerMain", 2)(options, NOTHING)
    return 0
