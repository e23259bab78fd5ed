"""Backends that isolate nothing: what the suite must find out, or say that it did not look."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Mapping

from sandboxes.isolation.jail import Exit, Isolation, ProcessLimits, Snapshot
from sandboxes.isolation.jailed.begin import BEGIN_FD
from tests.project.markdown import ROOT, rows

# Puts the file descriptors where a jail puts them, then runs the module.
_BECOME = """
import importlib, os, sys
begin, module, names = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
fds = {name: os.dup2(int(fd), 200 + n) for n, (name, fd) in enumerate(n.split("=") for n in names)}
null = os.open("/dev/null", os.O_RDWR)
others = [name for name in fds if name not in ("stdin", "stdout", "stderr")]
for number, name in enumerate(("stdin", "stdout", "stderr", *others)):
    os.dup2(fds.get(name, null), number)
os.dup2(begin, BEGIN_FD)
os.closerange(3 + len(others), BEGIN_FD)
os.closerange(BEGIN_FD + 1, 1024)
sys.path.insert(0, ROOT)
code = importlib.import_module(module).main() or 0
sys.stdout.flush(); sys.stderr.flush()
os._exit(code)
""".replace("BEGIN_FD", str(BEGIN_FD)).replace("ROOT", repr(str(ROOT)))


class _Run:
    def __init__(self, module: str, fds: Mapping[str, int]) -> None:
        begun, mark = os.pipe()
        names = [f"{name}={fd}" for name, fd in fds.items()]
        self._began = time.monotonic()
        self._process = subprocess.Popen(
            [sys.executable, "-c", _BECOME, str(mark), module, *names],
            pass_fds=[mark, *fds.values()],
        )
        os.close(mark)
        self._begun = begun
        self.ended: asyncio.Future[Exit] = asyncio.ensure_future(self._wait())

    async def _wait(self) -> Exit:
        code = await asyncio.to_thread(self._process.wait)
        begun = os.read(self._begun, 1) == b"1"
        os.close(self._begun)
        return Exit(
            code=code if code >= 0 else None,
            signal=-code if code < 0 else None,
            begun=begun,
            wall_seconds=time.monotonic() - self._began,
        )

    def kill(self) -> None:
        self._process.kill()


class _Jail:
    """No jail at all."""

    reusable = True
    lost = False

    def __init__(self) -> None:
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.ready.set_result(None)
        self._runs: list[_Run] = []

    def start(
        self,
        module: str,
        *,
        fds: Mapping[str, int],
        limits: ProcessLimits,  # noqa: ARG002 - of the seam
    ) -> _Run:
        self._runs.append(_Run(module, fds))
        return self._runs[-1]

    def snapshot(self) -> Snapshot:
        return Snapshot(cpu_seconds=0, waiting_seconds=0, runnable=0, resident_bytes=0, known=False)

    async def close(self) -> None:
        for run in self._runs:
            run.kill()
            with contextlib.suppress(Exception):
                await run.ended


class UnjailedBackend:
    """Runs everything as an ordinary process of the host, whatever it claims."""

    def __init__(self, *claims: str) -> None:
        self.isolation = Isolation(backend="none", enforced=claims)

    def open(self, *modules: str) -> _Jail:  # noqa: ARG002 - of the seam
        return _Jail()

    def close(self) -> None:
        pass


def liar() -> UnjailedBackend:
    """Claims every layer that there is."""
    return UnjailedBackend(*(name for name, _ in rows(ROOT / "docs/threat-model.md", "layer")))


def modest() -> UnjailedBackend:
    """Claims nothing."""
    return UnjailedBackend()
