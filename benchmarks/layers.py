"""What each layer of a cell costs, on top of a fork that runs a candidate.

    python -m benchmarks.layers [--rounds N] [--json]

One process with one thread forks for each candidate as a jail's zygote does, with its modules
loaded, and puts one layer, several, or all around it, with the zygote's own functions. Rounds go
through them in shuffled order. CPU is that of the fork and of what this process does for it.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import os
import random
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from benchmarks.tasks import CANDIDATE, program
from sandboxes.isolation import seccomp
from sandboxes.isolation.cgroups import CgroupSlots, CgroupsUnavailable
from sandboxes.isolation.jailed import linux
from sandboxes.isolation.jailed.cell import TMP_OPTIONS, limit_resources
from sandboxes.python_tests.jailed import candidate

USER = 1_800_000_000 if os.geteuid() == 0 else os.geteuid()
LIMITS = {
    "cpu_seconds": 10,
    "memory_bytes": 1 << 30,
    "file_bytes": 1 << 24,
    "open_files": 64,
    "processes": 16,
}
REFERENCE = "fork, candidate run"
Step = Callable[[], None]
_libc = ctypes.CDLL(None)


@dataclass
class Layered:
    """A fork with layers around it."""

    name: str
    namespaces: int = 0
    steps: tuple[Step, ...] = ()
    runs: bool = True
    two_processes: bool = False
    """Whether a first process forks the one that runs the candidate, and waits for it."""
    standby: bool = False
    """Whether it is forked and prepared before the clock starts."""
    walls: list[float] = field(default_factory=list)
    cpus: list[float] = field(default_factory=list)


def run_once(layered: Layered, source: str) -> None:
    """Forks, and measures until the fork is gone."""
    order, say_order = os.pipe()
    ready, say_ready = os.pipe()
    own, began = time.process_time(), time.perf_counter()
    pid = linux.clone(layered.namespaces) if layered.namespaces else os.fork()
    if pid == 0:
        os.close(say_order)
        code = 1
        try:
            be_candidate(layered, source, order, say_ready)
            code = 0
        finally:
            os._exit(code)
    if layered.namespaces & linux.CLONE_NEWUSER:
        map_user(pid)
    if layered.standby:
        os.write(say_order, b"1")
        assert os.read(ready, 1) == b"1"
        began = time.perf_counter()
    os.write(say_order, b"1")
    _, status, usage = os.wait4(pid, 0)
    layered.walls.append(time.perf_counter() - began)
    layered.cpus.append(usage.ru_utime + usage.ru_stime + time.process_time() - own)
    for fd in (order, say_order, ready, say_ready):
        os.close(fd)
    assert status == 0, layered.name


def be_candidate(layered: Layered, source: str, order: int, say_ready: int) -> None:
    """What the fork does, before and after it has its order."""
    os.read(order, 1)
    for step in layered.steps:
        step()
    if layered.two_processes and (pid := os.fork()):
        assert os.waitpid(pid, 0)[1] == 0
        return
    if layered.standby:
        os.write(say_ready, b"1")
        os.read(order, 1)
    if layered.runs:
        exec(compile(program(source), "candidate.py", "exec"), {})


def map_user(pid: int) -> None:
    """Gives a new user namespace its only user."""
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{USER} {USER} 1"),
        ("gid_map", f"{USER if os.geteuid() == 0 else os.getegid()} {USER} 1"),
    ):
        with open(f"/proc/{pid}/{name}", "w") as file:
            file.write(text)


def mount() -> None:
    linux.mount_tmpfs("/tmp", linux.MS_NOSUID | linux.MS_NODEV, TMP_OPTIONS)
    linux.mount_tmpfs("/proc", linux.MS_NOSUID | linux.MS_RDONLY, "mode=0000")


def install_filter() -> None:
    """The filter that cells have; a machine without one is measured without."""
    _libc.prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS, as bubblewrap has set it in jails
    if built := seccomp.cell_program():
        linux.install_filter(built)


@contextmanager
def compared() -> Iterator[list[Layered]]:
    """All combinations that can be had here."""
    user, pids = linux.CLONE_NEWUSER, linux.CLONE_NEWPID
    every = user | pids | linux.CLONE_NEWNS
    limits = (lambda: limit_resources(LIMITS, processes_of_ours=1),)
    inner = (mount, *limits, linux.drop_capabilities, install_filter)
    ways = [
        Layered(REFERENCE),
        Layered("fork, nothing run", runs=False),
        Layered("+ resource limits", steps=limits),
        Layered("+ seccomp", steps=(install_filter,)),
        Layered("+ user namespace", namespaces=user),
        Layered("+ user and pid namespace", namespaces=user | pids),
        Layered("+ user, pid and mount namespace, /tmp", namespaces=every, steps=(mount,)),
        Layered("+ a first process", two_processes=True),
        Layered("all of these", namespaces=every, steps=inner, two_processes=True),
        Layered(
            "all, as a standby", namespaces=every, steps=inner, two_processes=True, standby=True
        ),
    ]
    try:
        slots = CgroupSlots.find()
    except CgroupsUnavailable:
        yield ways
        return
    slot = slots.take()

    def enter() -> None:
        for entry in slot.entries:
            os.pwrite(entry, b"0", 0)

    try:
        yield [*ways, Layered("+ control group", steps=(enter,))]
    finally:
        slot.close()
        slots.close()


def measured(rounds: int) -> list[Layered]:
    """Every combination, as often as there are rounds, after some that only warm up."""
    if hasattr(candidate, "warm"):
        candidate.warm()
    exec(compile(program(CANDIDATE), "warm.py", "exec"), {})
    gc.collect()
    gc.freeze()
    with compared() as ways:
        for number in range(-5, rounds):
            for layered in random.sample(ways, len(ways)):
                run_once(layered, f"# candidate {number}\n{CANDIDATE}")
            if number < 0:
                for layered in ways:
                    layered.walls.clear()
                    layered.cpus.clear()
    return ways


def report(ways: list[Layered]) -> None:
    from rich.console import Console  # not in what is forked
    from rich.table import Table

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    table = Table(title=f"Layers of a cell, forked by a process of {peak} MiB")
    table.add_column("layers", no_wrap=True)
    for column in ("p50 ms", "of reference", "CPU ms", "of reference"):
        table.add_column(column, justify="right")
    reference = next(one for one in ways if one.name == REFERENCE)
    for one in ways:
        table.add_row(
            one.name,
            f"{statistics.median(one.walls) * 1e3:.2f}",
            f"{statistics.median(one.walls) / statistics.median(reference.walls):.2f}",
            f"{statistics.mean(one.cpus) * 1e3:.2f}",
            f"{statistics.mean(one.cpus) / statistics.mean(reference.cpus):.2f}",
        )
    Console().print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--json", action="store_true", help="figures as JSON, no table")
    arguments = parser.parse_args()
    ways = measured(arguments.rounds)
    if arguments.json:
        figures = [
            {
                "layers": one.name,
                "p50_seconds": statistics.median(one.walls),
                "cpu_seconds": statistics.mean(one.cpus),
            }
            for one in ways
        ]
        json.dump(figures, sys.stdout)
    else:
        report(ways)


if __name__ == "__main__":
    main()
