"""What this machine offers for isolation, tried out and said in words."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from sandboxes.isolation import seccomp
from sandboxes.isolation.bubblewrap import INSTALL, find_bwrap
from sandboxes.isolation.cgroups import CgroupSlots, CgroupsUnavailable
from sandboxes.isolation.host_processes import scheduling_is_known

__all__ = ["ProbeFinding", "probe"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeFinding:
    """One thing that was tried."""

    name: str
    state: Literal["ok", "warn", "fail"]
    detail: str
    remedy: str = ""


def probe() -> list[ProbeFinding]:
    """Looks at everything that isolation rests on; takes well under a second."""
    return [*_bubblewrap(), _identity(), _filter(), _control_groups(), _scheduling()]


def _bubblewrap() -> Iterator[ProbeFinding]:
    bwrap = find_bwrap()
    if bwrap is None:
        yield ProbeFinding(
            name="bubblewrap", state="fail", detail="it is not installed", remedy=INSTALL
        )
        return
    version = _said([str(bwrap), "--version"])
    yield ProbeFinding(name="bubblewrap", state="ok", detail=f"{version.strip()}, {bwrap}")
    unshare = ["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"]
    user = [] if os.geteuid() == 0 else ["--unshare-user"]
    trial = [str(bwrap), *unshare, *user, "--ro-bind", "/", "/", "true"]
    if complaint := _said(trial, wanted=0):
        yield ProbeFinding(
            name="namespaces",
            state="fail",
            detail=complaint.strip(),
            remedy="Allow user namespaces: on Ubuntu 23.10 and later `apt install bubblewrap` "
            "brings a profile that does; in a container, start it with them allowed.",
        )
        return
    yield ProbeFinding(name="namespaces", state="ok", detail="jails can be made")
    yield _cells([*trial[:-1], "--cap-drop", "ALL", "--proc", "/proc"])


def _cells(jail: list[str]) -> ProbeFinding:
    nested = ["unshare", "--user", "--pid", "--mount", "--fork", "true"]
    if complaint := _said([*jail, *nested], wanted=0):
        return ProbeFinding(
            name="cells",
            state="warn",
            detail="jails can't hold namespaces of their own, so each serves one run, and verdicts "
            f"take several times as long: {complaint.strip()}",
            remedy="Allow user namespaces inside of user namespaces: on Ubuntu 23.10 and later, "
            "run the service as root, or `sysctl kernel.apparmor_restrict_unprivileged_userns=0`.",
        )
    return ProbeFinding(
        name="cells", state="ok", detail="each run gets namespaces of its own in a warm jail"
    )


def _said(command: list[str], *, wanted: int | None = None) -> str:
    """What a command prints; with `wanted`, only if it ends otherwise."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if wanted is not None and done.returncode == wanted:
        return ""
    return done.stdout + done.stderr or f"exit code {done.returncode}"


def _identity() -> ProbeFinding:
    if os.geteuid() == 0:
        detail = "running as root: each run becomes a user of its own that exists nowhere else"
    else:
        detail = "running as an ordinary user: each jail has a user namespace of its own"
    return ProbeFinding(name="identity", state="ok", detail=detail)


def _filter() -> ProbeFinding:
    if seccomp.jail_program() is not None:
        return ProbeFinding(name="seccomp", state="ok", detail="system calls are filtered")
    return ProbeFinding(
        name="seccomp",
        state="warn",
        detail=f"there is no filter for the architecture {os.uname().machine}",
        remedy="Use x86_64 or aarch64.",
    )


def _control_groups() -> ProbeFinding:
    try:
        slots = CgroupSlots.find()
    except CgroupsUnavailable as error:
        return ProbeFinding(
            name="control groups",
            state="warn",
            detail=f"memory of a run's processes together is sampled, not counted: {error}",
        )
    slots.close()
    return ProbeFinding(
        name="control groups", state="ok", detail=f"they enforce {', '.join(slots.enforced)}"
    )


def _scheduling() -> ProbeFinding:
    if scheduling_is_known():
        return ProbeFinding(
            name="scheduling",
            state="ok",
            detail="the kernel tells waiting from being kept waiting (schedstat)",
        )
    return ProbeFinding(
        name="scheduling",
        state="warn",
        detail="the kernel does not tell how long a process is kept from a core, so a candidate "
        "that only waits is INCONCLUSIVE (overloaded) instead of REJECTED",
        remedy="Use a kernel with CONFIG_SCHED_INFO and CONFIG_PROC_CHILDREN.",
    )
