"""Control groups that count and limit what a run uses: all its processes and files together.

A slot is a control group that is made once and serves one run after another. Limits are written
before a run, its processes are put in, and counters are read after it: a few writes and reads,
while nothing is made or removed.

Version 2 is used where its memory controller is delegated to the service, else version 1 where it
may be written to. Sources: the kernel's Documentation/admin-guide/cgroup-v2.rst and
Documentation/admin-guide/cgroup-v1/{memory,pids,cpuacct}.rst.

The slots of a service lie in a folder that it keeps locked. The kernel lets go of the lock with
the service, however that ends, and the next service removes folders that nobody has locked.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import itertools
import os
import secrets
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from sandboxes.isolation.host_processes import descendants

__all__ = ["CgroupSlots", "CgroupsUnavailable", "Hierarchies", "Slot", "Usage", "hierarchies"]

FOLDER: Final = "verifier-slots-"
"""What the names of folders begin with; random digits follow."""
SERVICE: Final = "verifier-service"
"""Where the service goes when its own control group becomes the parent of slots."""
REMEDY: Final = (
    "Under systemd, set `Delegate=memory pids` for the service; elsewhere name a control group "
    "that the service may write to and that counts memory."
)
_KEPT_BYTES: Final = 16 * 1024**2
"""More than this is taken back between runs, which may take longer than a run. What is below is
taken back by the kernel itself before a run comes to its limit for it."""
_REMOVAL_SECONDS: Final = 2.0
_TRIAL_BYTES: Final = 8 * 1024**2


class CgroupsUnavailable(Exception):
    """Control groups don't count the memory of runs here; the message says why, and the remedy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a run has used since the slot's last reset, by the kernel's count."""

    peak_memory_bytes: int | None
    """The most that its processes and files took at a time, kernel memory included. None where the
    kernel can't tell it from an earlier run's: in version 2 before Linux 6.12."""
    cpu_seconds: float | None
    """Of all its processes, those that nobody waited for included."""
    memory_kills: int
    """How many of its processes the kernel ended for want of memory."""
    limit_hits: int
    """How often it came to its own memory limit. Kills without any are the machine's doing."""
    process_refusals: int | None
    """How many processes and threads it was refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Counter:
    file: str
    key: str = ""
    """Where the file holds several, one `key value` a line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Version:
    """What the files of one version are called."""

    memory_limit: str
    memory_now: _Counter
    memory_peak: _Counter
    memory_kills: _Counter
    limit_hits: _Counter
    cpu: _Counter
    cpu_units_per_second: float
    reclaim: str
    """Takes back what no process uses: what the kernel keeps for files and processes gone."""
    switches: tuple[tuple[str, int], ...]
    """Written once, where the kernel has them; without swap, memory is all that is used."""
    process_limit: str = "pids.max"
    process_refusals: _Counter = _Counter(file="pids.events", key="max")
    kill: str = "cgroup.kill"

    @property
    def counters(self) -> tuple[_Counter, ...]:
        """Those that only grow."""
        return (self.cpu, self.memory_kills, self.limit_hits, self.process_refusals)

    @property
    def files(self) -> set[str]:
        """All that a slot reads or writes."""
        counters = (self.memory_now, self.memory_peak, *self.counters)
        written = (self.memory_limit, self.process_limit, self.reclaim, self.kill)
        once = (name for name, _ in self.switches)
        return {*written, *once, *(counter.file for counter in counters)}


V1: Final = _Version(
    memory_limit="memory.limit_in_bytes",
    memory_now=_Counter(file="memory.usage_in_bytes"),
    memory_peak=_Counter(file="memory.max_usage_in_bytes"),
    memory_kills=_Counter(file="memory.oom_control", key="oom_kill"),
    limit_hits=_Counter(file="memory.failcnt"),
    cpu=_Counter(file="cpuacct.usage"),
    cpu_units_per_second=1e9,
    reclaim="memory.force_empty",
    switches=(("memory.swappiness", 0),),
)
V2: Final = _Version(
    memory_limit="memory.max",
    memory_now=_Counter(file="memory.current"),
    memory_peak=_Counter(file="memory.peak"),
    memory_kills=_Counter(file="memory.events", key="oom_kill"),
    limit_hits=_Counter(file="memory.events", key="oom"),
    cpu=_Counter(file="cpu.stat", key="usage_usec"),
    cpu_units_per_second=1e6,
    reclaim="memory.reclaim",
    switches=(("memory.oom.group", 1), ("memory.swap.max", 0)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hierarchies:
    """Folders of one control group in the hierarchies that are mounted."""

    unified: Path | None
    """Version 2."""
    memory: Path | None
    """Version 1, as the next two."""
    pids: Path | None
    cpuacct: Path | None


def hierarchies(mountinfo: str, membership: str, root: str | None = None) -> Hierarchies:
    """Finds the folders of the service's own control group.

    Args:
        mountinfo: Text of `/proc/self/mountinfo`.
        membership: Text of `/proc/self/cgroup`.
        root: Path of another control group, which is to be found instead.
    """
    wanted: dict[str, str] = {}
    for line in membership.splitlines():
        _, controllers, own = line.split(":", 2)
        wanted |= dict.fromkeys(controllers.split(","), root or own)
    found: dict[str, Path] = {}
    for line in mountinfo.splitlines():
        mount, _, kind = line.partition(" - ")
        _, _, _, mounted, point, *_ = mount.split()
        file_system, _, options = kind.split()
        names = {"cgroup": options.split(","), "cgroup2": [""]}.get(file_system, [])
        for name in wanted.keys() & set(names):
            inside = os.path.relpath(wanted[name], mounted)
            if not inside.startswith(".."):
                found.setdefault(name, Path(os.path.normpath(f"{point}/{inside}")))
    return Hierarchies(
        unified=found.get(""),
        memory=found.get("memory"),
        pids=found.get("pids"),
        cpuacct=found.get("cpuacct"),
    )


class Slot:
    """A control group in each hierarchy, for one run at a time."""

    def __init__(self, folders: tuple[Path, ...], version: _Version) -> None:
        """Opens what was made already; `CgroupSlots.take` makes it."""
        self.folders = folders
        """Its folder in each hierarchy."""
        self._version = version
        self._fds = _opened(folders, version)
        self.entries = tuple(
            os.open(folder / "cgroup.procs", os.O_RDWR | os.O_CLOEXEC) for folder in folders
        )
        """File descriptors: a process that writes "0" to each of them puts itself in. The right to
        do so is the opener's, so that they can be handed into a jail."""
        self._limits: dict[str, int] = {}
        for name, value in version.switches:
            self._write(name, value)
        self.reset()

    def limit(self, *, memory_bytes: int, processes: int) -> None:
        """Sets the limits of the runs to come; the same ones again cost nothing.

        Args:
            memory_bytes: Of all processes and files together; there is no swap beside it.
            processes: Processes and threads.

        Raises:
            OSError: The slot holds more memory than that already.
        """
        wanted = {
            self._version.memory_limit: memory_bytes,
            self._version.process_limit: processes,
        }
        for name, value in wanted.items():
            if self._limits.get(name) != value:
                self._write(name, value)
                self._limits[name] = value

    def add(self, pid: int) -> None:
        """Puts a process in, by its pid as the caller sees it; what it starts from then on follows.

        Memory that it has already stays counted where it was.

        Raises:
            OSError: It is gone, or the caller may not move it.
        """
        for entry in self.entries:
            os.pwrite(entry, b"%d" % pid, 0)

    def pids(self) -> set[int]:
        """The processes in it, as the caller sees them."""
        return _pids(self.folders[0])

    def usage(self) -> Usage:
        """What the run has used so far, or had used when it ended."""
        version = self._version
        cpu, kills, hits, refusals = (
            None if now is None or before is None else now - before
            for now, before in zip(self._counters(), self._before, strict=True)
        )
        peak = self._value(version.memory_peak)
        is_own = peak is not None and (self._peak_resets or peak > self._peak_before)
        return Usage(
            peak_memory_bytes=peak if is_own else None,
            cpu_seconds=None if cpu is None else cpu / version.cpu_units_per_second,
            memory_kills=kills or 0,
            limit_hits=hits or 0,
            process_refusals=refusals,
        )

    def reset(self) -> int:
        """Makes a slot ready for the next run, once the last one's processes are gone.

        Returns:
            Bytes that are still counted in it, and count as the next run's: files that a run left,
            and less than 16 MiB that the kernel keeps, or that the next run has already.
        """
        version = self._version
        if (self._value(version.memory_now) or 0) >= _KEPT_BYTES:
            with contextlib.suppress(OSError):  # not all could be taken back
                self._write(version.reclaim, _KEPT_BYTES)
        self._peak_resets = True
        try:
            self._write(version.memory_peak.file, 0)
        except OSError:  # it can only be read
            self._peak_resets = False
        self._peak_before = self._value(version.memory_peak) or 0
        self._before = self._counters()
        return self._value(version.memory_now) or 0

    def kill(self) -> None:
        """Ends everything in it; that is gone shortly after, and starts nothing meanwhile.

        Limits have to be set again before the next run.
        """
        if not self._write(self._version.kill, 1):
            self._limits.pop(self._version.process_limit, None)
            self._write(self._version.process_limit, 0)
            _kill(self.pids)

    def close(self) -> None:
        """Ends everything in it and removes it. May be repeated."""
        if self._fds:
            with _unless_gone():
                self.kill()
            for fd in (*self.entries, *self._fds.values()):
                os.close(fd)
            self._fds.clear()
        for folder in reversed(self.folders):
            _remove(folder)

    def _counters(self) -> tuple[int | None, ...]:
        return tuple(self._value(counter) for counter in self._version.counters)

    def _value(self, counter: _Counter) -> int | None:
        """A counter, if the kernel has it."""
        if (fd := self._fds.get(counter.file)) is None:
            return None
        text = os.pread(fd, 4096, 0)
        if not counter.key:
            return int(text)
        values = dict(line.split(None, 1) for line in text.splitlines())
        return int(values.get(counter.key.encode(), 0))

    def _write(self, name: str, value: int) -> bool:
        """Writes a number to a file; False if the kernel does not have that file."""
        if (fd := self._fds.get(name)) is None:
            return False
        os.pwrite(fd, b"%d" % value, 0)
        return True


@contextlib.contextmanager
def _unless_gone() -> Iterator[None]:
    """Lets it pass that a control group has been removed: nothing was left in it then."""
    try:
        yield
    except OSError as error:
        if error.errno != errno.ENODEV:
            raise


class CgroupSlots:
    """Makes slots, in a folder that is the service's own."""

    def __init__(self, parents: tuple[Path, ...], version: _Version) -> None:
        """Makes the folder; `find` says below what.

        Args:
            parents: A control group in each hierarchy, the one that counts memory first.
            version: What their files are called.
        """
        self._version = version
        self._folders, self._lock = _locked_folders(parents)
        self._numbers = itertools.count()
        self.enforced: tuple[str, ...] = ()
        """What slots add to the layers of a jail, by the names of docs/threat-model.md."""

    @classmethod
    def find(cls, root: str | None = None) -> CgroupSlots:
        """Finds where slots can be made, removes abandoned ones, and tries one out: some 50 ms.

        Where the service's own control group becomes the parent (version 2, delegated to it), the
        service moves into a child of it, since a parent may hold no processes.

        Args:
            root: Path of a control group to use instead of the service's own, "/verifier" for
                example; in version 1, of one in each hierarchy.

        Raises:
            CgroupsUnavailable: Nothing here counts memory for this user.
        """
        found = hierarchies(
            Path("/proc/self/mountinfo").read_text(encoding="utf-8"),
            Path("/proc/self/cgroup").read_text(encoding="utf-8"),
            root,
        )
        slots = None
        try:
            parents, version = _parents(found)
            _remove_abandoned(parents)
            slots = cls(parents, version)
            slots.enforced = slots._try_out()
        except (OSError, CgroupsUnavailable) as error:
            if slots is not None:
                slots.close()
            raise CgroupsUnavailable(
                f"Control groups don't count the memory of runs here: {error}. {REMEDY}"
            ) from error
        return slots

    def take(self) -> Slot:
        """Makes a slot; `Slot.close` removes it.

        Raises:
            OSError: The kernel makes no more.
        """
        number = str(next(self._numbers))
        folders = tuple(folder / number for folder in self._folders)
        for folder in folders:
            folder.mkdir()
        return Slot(folders, self._version)

    def close(self) -> None:
        """Ends everything in all slots and removes them."""
        for folder in reversed(self._folders):
            _remove_tree(folder)
        os.close(self._lock)

    def _try_out(self) -> tuple[str, ...]:
        """Runs a process in a slot, and says what was counted of it."""
        use = f"dd if=/dev/zero of=/dev/null bs={_TRIAL_BYTES} count=1"
        slot = self.take()
        try:
            with subprocess.Popen(
                ["/bin/sh", "-c", f"read go; {use}; echo; read go"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            ) as process:
                slot.add(process.pid)
                assert process.stdin is not None
                assert process.stdout is not None
                process.stdin.write(b"\n")
                process.stdin.flush()
                process.stdout.readline()
                usage = slot.usage()
                slot.kill()
        finally:
            slot.close()
        if process.returncode != -signal.SIGKILL or (usage.peak_memory_bytes or 0) < _TRIAL_BYTES:
            raise CgroupsUnavailable(f"a trial ended with {process.returncode}, {usage}")
        return (
            "memory-exact",
            *(("processes-exact",) if usage.process_refusals is not None else ()),
        )


def _parents(found: Hierarchies) -> tuple[tuple[Path, ...], _Version]:
    """Control groups for our folders to be made in, memory's first."""
    if found.unified is not None:
        # Where this service, or a part of it, has moved into a child already.
        group = found.unified.parent if found.unified.name == SERVICE else found.unified
        if "memory" in _words(group / "cgroup.controllers"):
            _pass_on_controllers(group)
            return (group,), V2
    if found.memory is not None:
        others = (found.pids, found.cpuacct)
        return tuple(dict.fromkeys(one for one in (found.memory, *others) if one)), V1
    raise CgroupsUnavailable("no controller of memory is mounted or delegated")


def _pass_on_controllers(group: Path) -> None:
    """Makes the children of a control group of version 2 count."""
    wanted = {"memory", "pids"} & _words(group / "cgroup.controllers")
    control = group / "cgroup.subtree_control"
    if wanted <= _words(control):
        return
    switch = " ".join(f"+{name}" for name in sorted(wanted))
    try:
        control.write_text(switch, encoding="utf-8")
    except OSError as error:  # it holds processes, and if they are ours they can leave
        (group / SERVICE).mkdir(exist_ok=True)
        for pid in _pids(group) & {os.getpid(), *descendants(os.getpid())}:
            (group / SERVICE / "cgroup.procs").write_text(str(pid), encoding="utf-8")
        if others := _pids(group):
            raise CgroupsUnavailable(
                f"{group} holds processes of others, such as {min(others)}"
            ) from error
        control.write_text(switch, encoding="utf-8")


def _locked_folders(parents: tuple[Path, ...]) -> tuple[tuple[Path, ...], int]:
    """New folders of one name, and the lock on the first of them."""
    while True:
        name = FOLDER + secrets.token_hex(8)
        first = parents[0] / name
        first.mkdir()
        try:
            lock = os.open(first, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:  # a service that starts took it for abandoned
            continue
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if first.exists():
                break
        os.close(lock)
    folders = [first]
    for parent in parents[1:]:
        with contextlib.suppress(OSError):  # it counts something else than memory
            (parent / name).mkdir()
            folders.append(parent / name)
    if (first / "cgroup.subtree_control").exists():
        _pass_on_controllers(first)
    return tuple(folders), lock


def _remove_abandoned(parents: tuple[Path, ...]) -> None:
    """Removes the folders that no living service has locked."""
    for first in parents[0].glob(f"{FOLDER}*"):
        with contextlib.suppress(FileNotFoundError, PermissionError):
            lock = os.open(first, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                for parent in reversed(parents):
                    _remove_tree(parent / first.name)
            except BlockingIOError:
                continue
            finally:
                os.close(lock)


def _remove_tree(folder: Path) -> None:
    for slot in (*folder.glob("*/"), folder):
        _kill(partial(_pids, slot))
        _remove(slot)


def _remove(folder: Path) -> None:
    """Removes a control group, as soon as its last processes are gone."""
    deadline = time.monotonic() + _REMOVAL_SECONDS
    while folder.exists():
        try:
            folder.rmdir()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.001)


def _kill(pids: Callable[[], set[int]]) -> None:
    """Ends the processes of a group, and none that has taken over the pid of one."""
    seen: set[int] = set()
    while new := pids() - seen:
        seen |= new
        held: dict[int, int] = {}
        for pid in new:
            with contextlib.suppress(ProcessLookupError):
                held[pid] = os.pidfd_open(pid)
        for pid in held.keys() & pids():
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(held[pid], signal.SIGKILL)
        for fd in held.values():
            os.close(fd)


def _pids(folder: Path) -> set[int]:
    with contextlib.suppress(FileNotFoundError):
        return {int(pid) for pid in (folder / "cgroup.procs").read_text("utf-8").split()}
    return set()


def _words(path: Path) -> set[str]:
    """What a file lists; nothing if it is not there."""
    with contextlib.suppress(FileNotFoundError):
        return set(path.read_text("utf-8").split())
    return set()


def _opened(folders: tuple[Path, ...], version: _Version) -> dict[str, int]:
    """File descriptors of the files that the kernel has, by their names."""
    fds: dict[str, int] = {}
    for folder in folders:
        for name in sorted(version.files & set(os.listdir(folder))):
            for mode in (os.O_RDWR, os.O_RDONLY, os.O_WRONLY):
                with contextlib.suppress(PermissionError):
                    fds[name] = os.open(folder / name, mode | os.O_CLOEXEC)
                    break
    return fds
