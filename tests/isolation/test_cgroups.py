"""Slots of control groups: what they count, limit and leave behind."""

from __future__ import annotations

import fcntl
import mmap
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from sandboxes.isolation.cgroups import (
    FOLDER,
    SERVICE,
    V2,
    CgroupSlots,
    CgroupsUnavailable,
    Hierarchies,
    Slot,
    Usage,
    hierarchies,
)

MIB = 1024**2
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def slots() -> Iterator[CgroupSlots]:
    try:
        found = CgroupSlots.find()
    except CgroupsUnavailable as error:
        pytest.skip(str(error))
    yield found
    found.close()


@pytest.fixture
def slot(slots: CgroupSlots) -> Iterator[Slot]:
    taken = slots.take()
    taken.limit(memory_bytes=256 * MIB, processes=32)
    yield taken
    taken.close()


@contextmanager
def started(slot: Slot, program: str) -> Iterator[subprocess.Popen[bytes]]:
    """A Python in a slot, before its first line; what it prints is one line."""
    with subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", f"import os, signal, time\ninput()\n{program}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        assert process.stdin is not None
        slot.add(process.pid)
        process.stdin.write(b"\n")
        process.stdin.flush()
        try:
            yield process
        finally:
            slot.kill()


def run(slot: Slot, program: str) -> int:
    """Exit code of a Python that ran in a slot to its end."""
    with started(slot, program) as process:
        return process.wait(60)


def line_of(process: subprocess.Popen[bytes]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().decode().strip()


BOTH_HOLD_48_MIB = f"""
kept = bytearray({48 * MIB})
if os.fork() == 0:
    kept[::4096] = kept[1::4096]
    os._exit(0)
print(os.wait()[1], flush=True)
"""


def test_memory_of_all_processes_counts_together(slot: Slot) -> None:
    assert run(slot, BOTH_HOLD_48_MIB) == 0
    peak = slot.usage().peak_memory_bytes
    assert peak is not None
    assert 96 * MIB < peak < 160 * MIB


def test_processes_that_pass_the_limit_together_are_ended(slot: Slot) -> None:
    slot.limit(memory_bytes=80 * MIB, processes=32)
    with started(slot, BOTH_HOLD_48_MIB) as process:
        ended_child = line_of(process)
    usage = slot.usage()
    assert ended_child == str(signal.SIGKILL) or process.returncode == -signal.SIGKILL
    assert usage.memory_kills > 0
    assert usage.limit_hits > 0


def test_files_count_as_memory_until_they_are_gone(slot: Slot) -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        assert run(slot, f"open({folder!r} + '/left', 'wb').write(bytes({16 * MIB}))") == 0
        assert slot.reset() >= 16 * MIB
    assert slot.reset() < 8 * MIB


def test_want_of_memory_elsewhere_is_told_from_the_limit(slots: CgroupSlots) -> None:
    parent = slots.take()
    parent.limit(memory_bytes=64 * MIB, processes=32)
    inner = tuple(folder / "inner" for folder in folders_of(parent))
    for folder in inner:
        folder.mkdir()
        if (folder.parent / "cgroup.subtree_control").exists():
            (folder.parent / "cgroup.subtree_control").write_text("+memory +pids")
    slot = Slot(inner, slots._version)
    try:
        assert run(slot, f"bytearray({128 * MIB})[::4096]") == -signal.SIGKILL
        usage = slot.usage()
    finally:
        slot.close()
        parent.close()
    assert usage.memory_kills > 0
    assert usage.limit_hits == 0


def folders_of(slot: Slot) -> list[Path]:
    return [Path(os.readlink(f"/proc/self/fd/{entry}")).parent for entry in slot.entries]


def test_processes_over_the_limit_are_refused_and_counted(slot: Slot) -> None:
    slot.limit(memory_bytes=256 * MIB, processes=3)
    fork = "\ntry:\n    if os.fork() == 0: time.sleep(1000)\nexcept OSError: refused += 1"
    with started(slot, f"refused = 0{fork * 6}\nprint(refused, flush=True)") as process:
        assert line_of(process) == "4"
    assert slot.usage().process_refusals == 4


def test_cpu_of_children_that_nobody_waits_for_counts(slot: Slot) -> None:
    program = """
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
if (child := os.fork()) == 0:
    while time.process_time() < 0.3: pass
    os._exit(0)
try: os.waitpid(child, 0)
except ChildProcessError: pass
"""
    assert run(slot, program) == 0
    cpu = slot.usage().cpu_seconds
    assert cpu is not None
    assert cpu >= 0.3


def test_nothing_of_a_run_is_counted_as_the_next_ones(slot: Slot) -> None:
    slot.limit(memory_bytes=64 * MIB, processes=2)
    forks = "try:\n    for _ in range(3): os.fork() or time.sleep(1000)\nexcept OSError: pass\n"
    assert run(slot, f"{forks}bytearray({128 * MIB})[::4096]") != 0
    before = slot.usage()
    assert before.memory_kills > 0
    assert before.process_refusals
    slot.limit(memory_bytes=64 * MIB, processes=2)
    assert slot.reset() < 8 * MIB
    assert run(slot, "pass") == 0
    after = slot.usage()
    assert after.peak_memory_bytes is None or after.peak_memory_bytes < 32 * MIB
    assert (after.memory_kills, after.limit_hits, after.process_refusals) == (0, 0, 0)


FORKS_WITHOUT_END = """
print(flush=True)
while True:
    try:
        if os.fork() == 0:
            os.setsid()
    except OSError:
        pass
"""


def test_kill_ends_what_starts_processes_all_the_time(slot: Slot) -> None:
    with started(slot, FORKS_WITHOUT_END) as process:
        line_of(process)
        slot.kill()
        process.wait(60)
    slot.close()  # it could not be removed if anything was left
    assert slot.pids() == set()


def test_kill_ends_nobody_else(slots: CgroupSlots, slot: Slot) -> None:
    other = slots.take()
    with started(slot, "time.sleep(1000)") as ended, started(other, "input()") as kept:
        slot.kill()
        assert ended.wait(60) == -signal.SIGKILL
        assert kept.poll() is None
        assert other.pids() == {kept.pid}
    other.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="becoming another user takes root")
def test_a_user_without_rights_puts_itself_in_by_what_it_was_handed(slot: Slot) -> None:
    program = (
        "import os\nos.setgroups([])\nos.setresgid(54321, 54321, 54321)\n"
        "os.setresuid(54321, 54321, 54321)\n"
        f"for entry in {slot.entries}: os.pwrite(entry, b'0', 0)\n"
        "print(flush=True)\ninput()"
    )
    with subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", program],
        pass_fds=slot.entries,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        line_of(process)
        assert slot.pids() == {process.pid}
        slot.kill()


LIVING = """
from sandboxes.isolation.cgroups import CgroupSlots
slots = CgroupSlots.find()
slot = slots.take()
slot.limit(memory_bytes=1 << 28, processes=8)
import subprocess
child = subprocess.Popen(["sleep", "1000"], start_new_session=True)
slot.add(child.pid)
import os
print(child.pid, *(os.readlink(f"/proc/self/fd/{entry}") for entry in slot.entries), flush=True)
input()
"""


def test_a_service_removes_what_a_killed_one_left_and_nothing_of_a_living_one(
    slots: CgroupSlots,
) -> None:
    command = [sys.executable, "-c", LIVING]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as service:
        pid, *entries = line_of(service).split()
        CgroupSlots.find().close()
        assert [Path(entry).read_text().split() for entry in entries] == [[pid]] * len(entries)
        service.kill()
    CgroupSlots.find().close()
    assert not any(Path(entry).parents[1].exists() for entry in entries)
    slots.take().close()  # its folder was not taken for an abandoned one


def test_a_slot_may_be_closed_after_all_of_them() -> None:
    try:
        slots = CgroupSlots.find()
    except CgroupsUnavailable as error:
        pytest.skip(str(error))
    slot = slots.take()
    slots.close()
    slot.close()


def test_closing_leaves_nothing() -> None:
    try:
        slots = CgroupSlots.find()
    except CgroupsUnavailable as error:
        pytest.skip(str(error))
    folders = [folder.parent for folder in folders_of(slots.take())]
    assert all(folder.exists() and folder.name.startswith(FOLDER) for folder in folders)
    slots.close()
    assert not any(folder.exists() for folder in folders)


NOBODY = 65534
FIND = """
import os, sys
from pathlib import Path
from sandboxes.isolation.cgroups import CgroupSlots, CgroupsUnavailable
for folder in sys.argv[1:]:
    Path(folder, "cgroup.procs").write_text("0")
os.setgroups([])
os.setresgid(65534, 65534, 65534)
os.setresuid(65534, 65534, 65534)
try:
    slots = CgroupSlots.find()
except CgroupsUnavailable as error:
    print(error)
else:
    print(*slots.enforced)
    slots.close()
"""


def found_by_nobody(*own: Path) -> str:
    """What an ordinary user finds, whose control groups are these."""
    command = [sys.executable, "-c", FIND, *map(str, own)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def delegated(slots: CgroupSlots) -> Iterator[list[Path]]:
    """New control groups, one in each hierarchy that slots use."""
    prepared = [folder.parent / f"verifier-test-{os.getpid()}" for folder in slots._folders]
    for folder in prepared:
        folder.mkdir()
    yield prepared
    for folder in prepared:
        if (folder / SERVICE).exists():
            (folder / SERVICE).rmdir()
        folder.rmdir()


@pytest.mark.skipif(os.geteuid() != 0, reason="becoming another user takes root")
def test_an_ordinary_user_needs_control_groups_of_its_own(
    slots: CgroupSlots, delegated: list[Path]
) -> None:
    assert "Permission denied" in found_by_nobody(*delegated)
    for folder in delegated:
        for name in ("", "cgroup.procs", "cgroup.subtree_control"):  # as systemd delegates them
            if (folder / name).exists():
                os.chown(folder / name, NOBODY, NOBODY)
    assert found_by_nobody(*delegated) == " ".join(slots.enforced)


def test_slots_lie_in_a_control_group_that_is_named(delegated: list[Path]) -> None:
    mounted = hierarchies(
        Path("/proc/self/mountinfo").read_text(encoding="utf-8"),
        Path("/proc/self/cgroup").read_text(encoding="utf-8"),
        root="/",
    )
    top = (mounted.memory if "/memory" in str(delegated[0]) else None) or mounted.unified
    assert top is not None
    with closing(CgroupSlots.find(f"/{delegated[0].relative_to(top)}")) as named:
        assert named._folders[0].parent == delegated[0]


def test_a_control_group_that_is_not_there_is_named() -> None:
    with pytest.raises(CgroupsUnavailable, match="Delegate=memory pids"):
        CgroupSlots.find("/no/such/group")


HYBRID = """\
25 22 0:23 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
26 25 0:24 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid - cgroup cgroup rw,cpu,cpuacct
27 25 0:25 / /sys/fs/cgroup/memory rw,nosuid shared:9 - cgroup cgroup rw,memory
28 25 0:26 / /sys/fs/cgroup/unified rw,nosuid - cgroup2 cgroup2 rw,nsdelegate
"""
HYBRID_MEMBERSHIP = "4:memory:/user/a b\n2:cpu,cpuacct:/\n1:name=systemd:/x\n0::/x\n"
DEBIAN_12 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
DOCKER_V1 = """\
601 600 0:29 /docker/4f /sys/fs/cgroup/memory ro,nosuid master:9 - cgroup cgroup rw,memory
602 600 0:30 /docker/4f /sys/fs/cgroup/pids ro,nosuid master:10 - cgroup cgroup rw,pids
"""
DOCKER_V2 = "612 600 0:26 /../.. /sys/fs/cgroup ro - cgroup2 cgroup rw\n"


@pytest.mark.parametrize(
    ("mountinfo", "membership", "root", "found"),
    [
        pytest.param(
            HYBRID,
            HYBRID_MEMBERSHIP,
            None,
            ["unified/x", "memory/user/a b", None, "cpu,cpuacct"],
            id="both-versions",
        ),
        pytest.param(
            HYBRID,
            HYBRID_MEMBERSHIP,
            "/mine",
            ["unified/mine", "memory/mine", None, "cpu,cpuacct/mine"],
            id="named-root",
        ),
        pytest.param(
            DEBIAN_12,
            "0::/system.slice/v.service\n",
            None,
            ["system.slice/v.service", *[None] * 3],
            id="version-2",
        ),
        pytest.param(
            DOCKER_V1,
            "2:pids:/docker/4f\n1:memory:/docker/4f\n",
            None,
            [None, "memory", "pids", None],
            id="container-without-namespace",
        ),
        pytest.param(
            DOCKER_V1,
            "2:pids:/docker/4f\n1:memory:/other\n",
            None,
            [None, None, "pids", None],
            id="out-of-sight",
        ),
        pytest.param("21 1 0:20 / /proc rw - proc proc rw\n", "", None, [None] * 4, id="none"),
    ],
)
def test_hierarchies(
    mountinfo: str, membership: str, root: str | None, found: list[str | None]
) -> None:
    paths = [None if one is None else Path("/sys/fs/cgroup", one) for one in found]
    unified, memory, pids, cpuacct = paths
    assert hierarchies(mountinfo, membership, root) == Hierarchies(
        unified=unified, memory=memory, pids=pids, cpuacct=cpuacct
    )


VERSION_2 = {
    "cgroup.procs": "",
    "memory.max": "max\n",
    "memory.swap.max": "max\n",
    "memory.oom.group": "0\n",
    "memory.current": "8192\n",
    "memory.peak": "4096\n",
    "memory.events": "low 0\nhigh 0\nmax 7\noom 1\noom_kill 2\noom_group_kill 1\n",
    "cpu.stat": "usage_usec 1000000\nuser_usec 600000\nsystem_usec 400000\n",
    "pids.max": "max\n",
    "pids.events": "max 3\n",
}
"""The files of version 2 that a slot uses, in the formats of cgroup-v2.rst."""


@pytest.fixture
def simulated(tmp_path: Path) -> Path:
    for name, text in VERSION_2.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def test_formats_of_version_2(simulated: Path) -> None:
    slot = Slot((simulated,), V2)
    slot.limit(memory_bytes=123456789, processes=64)
    assert (simulated / "memory.max").read_text() == "123456789"
    assert (simulated / "memory.swap.max").read_text().startswith("0")
    assert (simulated / "memory.oom.group").read_text() == "1\n"
    assert (simulated / "pids.max").read_text().startswith("64")
    (simulated / "memory.peak").write_text("70000\n")
    (simulated / "memory.events").write_text("low 0\nhigh 0\nmax 9\noom 2\noom_kill 5\n")
    (simulated / "cpu.stat").write_text("usage_usec 1250000\nuser_usec 7\n")
    (simulated / "pids.events").write_text("max 4\n")
    assert slot.usage() == Usage(
        peak_memory_bytes=70000,
        cpu_seconds=0.25,
        memory_kills=3,
        limit_hits=1,
        process_refusals=1,
    )
    assert slot.reset() == 8192
    assert (simulated / "memory.peak").read_text().startswith("0")


def test_a_peak_that_can_only_be_read_is_a_runs_own_when_it_rises(simulated: Path) -> None:
    peak = os.memfd_create("peak", os.MFD_ALLOW_SEALING)
    os.write(peak, b"5000\n")
    content = mmap.mmap(peak, 5)
    fcntl.fcntl(peak, fcntl.F_ADD_SEALS, 0x0010)  # F_SEAL_FUTURE_WRITE
    (simulated / "memory.peak").unlink()
    (simulated / "memory.peak").symlink_to(f"/proc/self/fd/{peak}")
    slot = Slot((simulated,), V2)
    assert slot.usage().peak_memory_bytes is None
    content[:4] = b"6000"
    assert slot.usage().peak_memory_bytes == 6000
    slot.reset()
    assert slot.usage().peak_memory_bytes is None
    os.close(peak)


def test_version_2_without_controllers_counts_cpu_and_ends_everything() -> None:
    own = hierarchies(
        Path("/proc/self/mountinfo").read_text(encoding="utf-8"),
        Path("/proc/self/cgroup").read_text(encoding="utf-8"),
    ).unified
    if own is None or not os.access(own, os.W_OK):
        pytest.skip("version 2 of control groups is not mounted, or not this user's")
    folder = own / f"verifier-test-{os.getpid()}"
    folder.mkdir()
    slot = Slot((folder,), V2)
    program = FORKS_WITHOUT_END.replace("print", "while time.process_time() < 0.5: pass\nprint")
    with started(slot, program) as process:
        line_of(process)
        slot.kill()
        assert process.wait(60) == -signal.SIGKILL
    usage = slot.usage()
    slot.close()
    assert usage.cpu_seconds is not None
    assert usage.cpu_seconds >= 0.25  # its start was not in the slot
    assert not folder.exists()
