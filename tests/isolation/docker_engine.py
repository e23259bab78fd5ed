"""A Docker engine for tests: the one that runs here, or one of their own."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from docker.errors import DockerException
from docker.models.containers import Container

from sandboxes.isolation.docker_reaper import LABEL, Owner

_START = Path(__file__).resolve().parents[2] / "scripts" / "start_dockerd.sh"
_SECONDS = 60.0


@contextlib.contextmanager
def running_engine() -> Iterator[str]:
    """The address of an engine, which is ended with the block where it was started for it.

    Skips the test where there is none, and none can be started.
    """
    running = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    if _answers(running):
        yield running
        return
    if shutil.which("dockerd") is None:
        pytest.skip("No Docker engine answers, and there is no dockerd: `apt install docker.io`.")
    if os.geteuid() != 0:
        pytest.skip("No Docker engine answers, and only root can start dockerd.")
    with tempfile.TemporaryDirectory(prefix="dockerd-", ignore_cleanup_errors=True) as folder:
        log = Path(folder, "log")
        with log.open("wb") as said, _process([str(_START), folder], said) as engine:
            address = f"unix://{folder}/docker.sock"
            give_up = time.monotonic() + _SECONDS
            while not _answers(address):
                if engine.poll() is not None or time.monotonic() > give_up:
                    pytest.skip(f"dockerd does not start here: {log.read_text()[-1000:]}")
                time.sleep(0.1)
            yield address


@contextlib.contextmanager
def _process(command: list[str], output: object) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT) as process:  # type: ignore[call-overload]
        try:
            yield process
        finally:
            process.terminate()


def containers_of(pid: int, engine: docker.DockerClient) -> list[Container]:
    """Containers that belong to a process."""
    label = f"{LABEL}={Owner.of(pid)}"
    return engine.containers.list(all=True, sparse=True, filters={"label": label})


def _answers(address: str) -> bool:
    path = address.removeprefix("unix://")
    if path != address and not Path(path).exists():  # the SDK would leave a socket open
        return False
    try:
        with contextlib.closing(docker.DockerClient(address)) as engine:
            return bool(engine.ping())
    except DockerException:
        return False
