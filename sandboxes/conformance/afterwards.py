"""What the next candidate in a jail looks for: anything that the one before could have left."""

from __future__ import annotations

import json
from typing import Final

from sandboxes.conformance.programs import LIMITS, run
from sandboxes.isolation.jail import Jail
from sandboxes.isolation.pool import Lease

__all__ = ["left_in"]

_LOOK: Final = """
import builtins, ctypes, fcntl, json, os, resource, signal, sys, threading, time
found = []
def note(what, seen):
    if seen: found.append(f"{what}: {seen}")
note("files", os.listdir("/tmp"))
note("working folder", os.getcwd() != "/tmp" and os.getcwd())
note("environment", dict(os.environ))
note("arguments", sys.argv[1:])
def is_open(fd):
    try: os.fstat(fd)
    except OSError: return False
    return True
note("file descriptors", [fd for fd in range(4, 1024) if is_open(fd)])
def is_there(pid):
    try: os.kill(pid, 0)
    except ProcessLookupError: return False
    except PermissionError: pass
    return True
own = {1, os.getpid(), os.getppid()}
note("processes", [pid for pid in range(1, 2000) if pid not in own and is_there(pid)])
note("blocked signals", [int(s) for s in signal.pthread_sigmask(signal.SIG_BLOCK, [])])
note("pending signals", [int(s) for s in signal.sigpending()])
note("timer", signal.getitimer(signal.ITIMER_REAL)[0])
note("traces", [n for n in ("__poisoned__",) if hasattr(builtins, n) or n in sys.modules])
note("changed builtins", len("abc") != 3 or sorted([2, 1]) != [1, 2])
note("trace function", sys.gettrace() or sys.getprofile())
note("threads", threading.active_count() - 1)
try: fcntl.flock(os.open(os.__file__, os.O_RDONLY), fcntl.LOCK_EX | fcntl.LOCK_NB)
except OSError: note("lock", os.__file__)
children = []
try:
    for _ in range(12):
        pid = os.fork()
        if pid == 0: time.sleep(60); os._exit(0)
        children.append(pid)
except OSError as error: note("no more processes", f"{error} after {len(children)}")
for pid in children: os.kill(pid, signal.SIGKILL); os.waitpid(pid, 0)
try: bytearray(64 << 20)
except MemoryError: note("no memory", "64 MiB")
try:
    with open("/tmp/mine", "wb") as mine: mine.write(bytes(1 << 20))
except OSError as error: note("no disk", error)
print(json.dumps([str(one) for one in found]))
"""


async def left_in(place: Jail | Lease) -> list[str]:
    """Runs the next candidate in this place; returns what it finds of the one before.

    Raises:
        SandboxLost: The jail itself did not survive the one before.
    """
    ran = await run(place, _LOOK, limits=LIMITS)
    try:
        return [str(one) for one in json.loads(ran.output)]
    except ValueError:
        return [f"the next candidate does not work: {ran.said}"]
