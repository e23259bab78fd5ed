"""Processes that end with whoever asked for them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sandboxes.isolation.spawner import Spawner

ROOT = Path(__file__).resolve().parents[2]


def alive(marker: str) -> list[int]:
    """Processes whose command line holds a text."""
    found = []
    for cmdline in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if marker.encode() in cmdline.read_bytes() and int(cmdline.parent.name) != os.getpid():
                found.append(int(cmdline.parent.name))
        except OSError:
            continue
    return found


def eventually(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.01)
    return False


def sleeper(marker: str) -> list[str]:
    """A process with a child in another session, both recognisable."""
    script = f"import os, time\nif os.fork() == 0: os.setsid()\ntime.sleep(1000)  # {marker}"
    return [sys.executable, "-c", script]


def at_end_of_file(lifeline: socket.socket) -> bool:
    lifeline.settimeout(20)
    return lifeline.recv(1) == b""


def test_letting_go_ends_the_whole_tree_and_says_when_it_is_gone() -> None:
    spawner, marker = Spawner(), f"spawned-{os.getpid()}-a"
    with spawner.spawn(sleeper(marker), {}) as lifeline:
        assert eventually(lambda: len(alive(marker)) == 2)
        lifeline.shutdown(socket.SHUT_WR)
        assert at_end_of_file(lifeline)
    assert alive(marker) == []
    spawner.close()


def test_closing_the_spawner_ends_everything() -> None:
    spawner, marker = Spawner(), f"spawned-{os.getpid()}-b"
    lifelines = [spawner.spawn(sleeper(marker), {}) for _ in range(3)]
    assert eventually(lambda: len(alive(marker)) == 6)
    spawner.close()
    assert alive(marker) == []
    for lifeline in lifelines:
        lifeline.close()


@pytest.mark.parametrize("delay", [0.0, 0.05, 0.3])
def test_killing_the_owner_leaves_nothing(delay: float) -> None:
    marker = f"spawned-{os.getpid()}-{delay}"
    script = (
        "import sys, time\nfrom sandboxes.isolation.spawner import Spawner\n"
        "from tests.isolation.test_spawner import sleeper\nspawner = Spawner()\n"
        f"kept = [spawner.spawn(sleeper({marker!r}), {{}}) for _ in range(4)]\n"
        "print('spawned', flush=True)\ntime.sleep(1000)"
    )
    owner = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=ROOT,
        stdout=subprocess.PIPE,
    )
    assert owner.stdout is not None
    assert owner.stdout.readline() == b"spawned\n"
    time.sleep(delay)
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    owner.stdout.close()
    assert eventually(lambda: not alive(marker))


def test_a_spawner_that_was_killed_is_replaced() -> None:
    spawner, marker = Spawner(), f"spawned-{os.getpid()}-c"
    with spawner.spawn(["true"], {}) as first:
        assert spawner._process is not None
        spawner._process.kill()
        assert at_end_of_file(first)
        with spawner.spawn(sleeper(marker), {}) as second:
            assert eventually(lambda: len(alive(marker)) == 2)
            second.shutdown(socket.SHUT_WR)
            assert at_end_of_file(second)
    spawner.close()
    assert alive(marker) == []


def test_what_can_not_be_started_says_why_and_ends() -> None:
    spawner = Spawner()
    said = os.memfd_create("said")
    with spawner.spawn(["/no/such/program"], {"stderr": said}) as lifeline:
        lifeline.shutdown(socket.SHUT_WR)
        assert at_end_of_file(lifeline)
    assert b"/no/such/program" in os.pread(said, 1000, 0)
    os.close(said)
    spawner.close()


def test_what_a_killed_spawner_leaves_is_ended_with_it() -> None:
    spawner, marker = Spawner(), f"spawned-{os.getpid()}-killed"
    with spawner.spawn(sleeper(marker), {}):
        assert eventually(lambda: len(alive(marker)) == 2)
        assert spawner._process is not None
        spawner._process.kill()
        spawner.close()
        assert eventually(lambda: alive(marker) == [])


def test_control_groups_go_with_the_service(tmp_path: Path) -> None:
    spawner, marker = Spawner(), f"spawned-{os.getpid()}-grouped"
    groups = [tmp_path / "memory" / "1", tmp_path / "pids" / "1"]
    for group in groups:
        group.mkdir(parents=True)
    with spawner.spawn(sleeper(marker), {}, groups):
        assert eventually(lambda: len(alive(marker)) == 2)
        spawner.close()
    assert list(tmp_path.iterdir()) == []
