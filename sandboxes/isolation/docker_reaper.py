"""Removes containers that a service left when it was killed.

    python -m sandboxes.isolation.docker_reaper

A container's label says which process owns it. Containers of processes that still live, and of
those that can't be seen from here (in another process namespace), are left alone.
"""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

__all__ = ["LABEL", "Owner", "reap", "remove"]

LABEL: Final = "neurosymbolic-verifier.jail-of"
_REMOVAL_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """A process, among all that this machine ever had."""

    boot: str
    namespace: str
    """Of process ids."""
    pid: str
    started: str
    """Clock ticks since the machine started."""

    @classmethod
    def this_process(cls) -> Owner:
        """The one that runs this."""
        return cls.of(os.getpid())

    @classmethod
    def of(cls, pid: int) -> Owner:
        """A living process, as seen from here.

        Raises:
            OSError: There is none.
        """
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        return cls(
            boot=Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip(),
            namespace=os.readlink("/proc/self/ns/pid"),
            pid=str(pid),
            started=stat.rpartition(")")[2].split()[19],
        )

    @classmethod
    def read(cls, label: str) -> Owner | None:
        """Reads what `str` wrote; None if it is nothing of the kind."""
        match label.split("/"):
            case [boot, namespace, pid, started] if pid.isdecimal():
                return cls(boot=boot, namespace=namespace, pid=pid, started=started)
        return None

    def __str__(self) -> str:
        return "/".join(asdict(self).values())

    def is_gone(self) -> bool:
        """Whether it has certainly ended."""
        here = Owner.this_process()
        if self.boot != here.boot:
            return True
        if self.namespace != here.namespace:
            return False
        try:
            return Owner.of(int(self.pid)) != self
        except OSError:
            return True


def reap(engine: DockerClient) -> int:
    """Removes what ended services left; returns how many containers that were.

    Raises:
        docker.errors.DockerException: The engine does not answer.
    """
    orphans = [
        container
        for container in engine.containers.list(all=True, sparse=True, filters={"label": LABEL})
        if (owner := Owner.read(container.attrs["Labels"].get(LABEL, ""))) and owner.is_gone()
    ]
    for orphan in orphans:
        remove(orphan)
    return len(orphans)


def remove(container: Container) -> None:
    """Ends and removes a container; when it returns, it is gone.

    Raises:
        docker.errors.DockerException: The engine does not answer, or does not get it done.
    """
    from docker.errors import APIError, NotFound

    give_up = time.monotonic() + _REMOVAL_SECONDS
    while True:
        try:
            container.remove(force=True)
        except NotFound:
            return
        except APIError:  # the engine removes it by itself at this moment
            if time.monotonic() > give_up:
                raise
            time.sleep(0.01)
        else:
            return


def main() -> None:
    """Removes what is left on the engine that `DOCKER_HOST` names, or the local one."""
    import docker

    with contextlib.closing(docker.from_env()) as engine:
        print(f"{reap(engine)} containers removed.")  # noqa: T201 - a command's answer


if __name__ == "__main__":
    main()
