"""Elaborates a candidate with a toolchain's own program, `lean --json`, in a process of its own.

The job, as JSON on file descriptor 3, is ours:

    {"text": "…", "path": "FOLDER:…", "options": ["-DmaxHeartbeats=1000"], "module": true}

What Lean says goes to file descriptor 4, a line of JSON each, and after it, if it came to its end:

    {"end": {"errors": false}}

If there is no error and the job asks for it, the module goes to file descriptor 5. All of it may
be said by the candidate: nothing here is to be believed.
"""

from __future__ import annotations

import json
import os
import signal

from sandboxes.isolation.jailed.begin import begin

_JOB, _SAID, _MODULE = 3, 4, 5
_SOURCE = "/tmp/Candidate.lean"  # noqa: S108 - the cell's own
_COMPILED = "/tmp/Candidate.olean"  # noqa: S108 - the cell's own
_ENDS = {0: False, 1: True}
"""Whether there were errors, by the exit codes with which Lean comes to its end."""

application = ""
reserved_bytes = 0


def warm(argument: str) -> None:
    """Takes the path of `lean`, and how much address space it takes beyond its memory."""
    global application, reserved_bytes
    size, _, application = argument.partition(":")
    reserved_bytes = int(size)


def main() -> int:
    """Does one job; ends as the program does."""
    with os.fdopen(_JOB, "rb") as file:
        job = json.load(file)
    with open(_SOURCE, "w", encoding="utf-8") as file:
        file.write(job["text"])
    command = [application, "--json", "--threads=1", "-o", _COMPILED, *job["options"], _SOURCE]
    if not os.access(application, os.X_OK):
        raise PermissionError(f"{application} can't be run by the users of jails.")
    begin()
    process = os.fork()
    if process == 0:
        os.dup2(_SAID, 1)
        os.closerange(3, _MODULE + 1)
        os.execve(application, command, {"LEAN_PATH": job["path"]})  # noqa: S606
    _, status = os.waitpid(process, 0)
    if os.WIFSIGNALED(status):
        end_by(os.WTERMSIG(status))
    code = os.waitstatus_to_exitcode(status)
    if code not in _ENDS:
        return code
    if not _ENDS[code] and not os.path.exists(_COMPILED):
        return 0  # it was ended by something in the text
    os.write(_SAID, json.dumps({"end": {"errors": _ENDS[code]}}).encode() + b"\n")
    if job["module"] and not _ENDS[code]:
        with open(_COMPILED, "rb") as compiled:
            os.sendfile(_MODULE, compiled.fileno(), 0, os.fstat(compiled.fileno()).st_size)
    return 0


def end_by(number: int) -> None:
    """Ends this process by a signal, as the one that it started has ended."""
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
