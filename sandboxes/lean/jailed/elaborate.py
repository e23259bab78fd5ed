"""Elaborates a candidate with Lean, in a process that is forked for it alone.

The job, as JSON on file descriptor 3:

    {"parts": ["…", "…"], "module": true}

Each part is elaborated after the one before it, as if they were one text, but with positions of its
own. What Lean says goes to file descriptor 4, a line of JSON each: which part comes next; the
messages of each command as `lean --json` prints them, and how many bytes of the part are done with
it; and that this is the end of it all:

    {"part": 0}
    {"severity": "error", "pos": {"line": 1, "column": 0}, …}
    {"done": 120}
    {"end": {"errors": false}}

If there is no error and the job asks for it, the module goes to file descriptor 5. All of it is
written by a process that runs the candidate: nothing here is to be believed.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from typing import Any

from sandboxes.isolation.jailed.begin import begin
from sandboxes.lean.jailed.header import Header, context, loaded
from sandboxes.lean.jailed.library import EMPTY_TREE, NOTHING, LeanError, box, field, keep

_JOB, _SAID, _MODULE = 3, 4, 5
_REHEARSAL = """
theorem rehearsal (p q : Prop) (hp : p) (hq : q) : p ∧ q := by
  constructor
  · exact hp
  · assumption
"""

_TREE_OF_COMMANDS = (
    "l_Lean_Language_toSnapshotTree___at___00__private_Lean_Elab_Frontend_0__"
    "Lean_Elab_IO_processCommandsIncrementally_go_spec__3"
)
_BLANK = re.compile(r"(?: |\r?\n)+|--[^\n]*|/-(?![-!])")
_COMMENT_ENDS = re.compile(r"/-|-/")
Say = Callable[[dict[str, Any]], None]

THREADS = 2
"""One elaborates, one makes messages of what has been elaborated."""
_STACKS = 8 * 1024**3
"""Address space of the threads that Lean starts, a gigabyte each: what is used of it counts."""

reserved_bytes = 0
"""Address space that is taken without being used."""


def warm() -> None:
    """Elaborates a small proof, so that processes forked later find Lean's tables filled."""
    global reserved_bytes
    try:
        header = loaded()
    except LeanError:
        return
    library = header.lean.library
    library.lean_init_task_manager_using(THREADS)
    elaborate(header, [_REHEARSAL], lambda _: None)
    library.lean_finalize_task_manager()  # its threads would not be there after a fork
    with open("/proc/self/statm", "rb") as file:
        reserved_bytes = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE") + _STACKS


def main() -> int:
    """Does one job."""
    with os.fdopen(_JOB, "rb") as file:
        job = json.load(file)
    try:
        header = loaded()
    except LeanError as error:
        put({"failure": str(error)})
        return 0
    header.lean.library.lean_init_task_manager_using(THREADS)
    os.dup2(_SAID, 1)
    begin()
    environment, errors = elaborate(header, job["parts"], put)
    if job["module"] and not errors:
        write(header, environment)
    return 0


def elaborate(header: Header, parts: list[str], say: Say) -> tuple[int, bool]:
    """Goes through texts command by command; Lean itself prints what it has to say of each.

    Returns:
        Lean's environment after them, and whether there was an error.
    """
    lean = header.lean
    state = lean.function("l_Lean_Elab_Command_mkState", 3)(
        keep(header.environment), keep(header.no_messages), keep(header.options)
    )
    process = lean.function("l_Lean_Language_Lean_processCommands", 5)
    report = lean.function("l_Lean_Language_SnapshotTree_runAndReport___boxed", 5)
    tree_of = lean.function(_TREE_OF_COMMANDS, 1)
    errors = False
    for number, text in enumerate(parts):
        say({"part": number})
        if is_blank(text):  # which Lean's parser allows behind a header alone
            say({"done": len(text.encode())})
            continue
        parser_state = lean.constructor(0, [box(0)], b"\0")  # at the beginning, not recovering
        task = process(context(lean, text), parser_state, keep(state), NOTHING, NOTHING)
        while task != NOTHING:
            command = lean.wait(keep(task))
            *own, following = lean.fields(command, 5)
            tree = keep(tree_of(lean.constructor(0, [*map(keep, own), NOTHING])))
            ended = report(tree, header.options, box(1), EMPTY_TREE, NOTHING)
            errors |= lean.result(ended) == box(1)
            lean.flush()
            say({"done": field(own[2], 0) >> 1})
            result = lean.wait(_task(field(own[3], 2)))
            state = field(result, 1)
            task = NOTHING if following == NOTHING else _task(field(following, 0))
    say({"end": {"errors": errors}})
    return field(state, 0), errors


def _task(snapshot: int) -> int:
    """What a task of Lean's language server computes."""
    return field(snapshot, 3)


def is_blank(text: str) -> bool:
    """Whether a text holds nothing but spaces and comments."""
    place, depth = 0, 0
    while place < len(text):
        match = (_COMMENT_ENDS.search if depth else _BLANK.match)(text, place)
        if match is None:
            return False
        depth += {"/-": 1, "-/": -1}.get(match[0], 0)
        place = match.end()
    return not depth


def write(header: Header, environment: int) -> None:
    """Writes the module that the candidate has become."""
    path = "/tmp/candidate.olean"  # noqa: S108 - the cell's own
    lean = header.lean
    lean.result(
        lean.function("l_Lean_writeModule", 4)(keep(environment), lean.string(path), 1, NOTHING)
    )
    with open(path, "rb") as file:
        os.sendfile(_MODULE, file.fileno(), 0, os.fstat(file.fileno()).st_size)


def put(event: dict[str, Any]) -> None:
    """Says something of our own, where Lean's messages go."""
    rest = memoryview(json.dumps(event).encode() + b"\n")
    while rest:
        rest = rest[os.write(_SAID, rest) :]
