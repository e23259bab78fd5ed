"""Containers whose service has ended."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import docker
import pytest
from docker.models.containers import Container

from sandboxes.isolation.docker_reaper import LABEL, Owner, main, reap
from tests.isolation.docker_engine import containers_of
from tests.isolation.test_spawner import eventually

ROOT = Path(__file__).resolve().parents[2]


def present(containers: list[Container], engine: docker.DockerClient) -> list[Container]:
    ids = {container.id for container in engine.containers.list(all=True, sparse=True)}
    return [container for container in containers if container.id in ids]


SERVICE = """
import asyncio, sys, docker
from sandboxes.isolation.docker import DockerBackend

async def main():
    backend = await DockerBackend.create(
        sys.argv[1], runtime=sys.argv[2], engine=docker.DockerClient(sys.argv[3])
    )
    jails = [backend.open("sandboxes.isolation.jailed.nothing") for _ in range(2)]
    await asyncio.gather(*(jail.ready for jail in jails))
    print("ready", flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


def test_containers_end_with_a_service_that_is_killed(
    docker_engine: docker.DockerClient, docker_address: str, worker_image: str, docker_runtime: str
) -> None:
    service = subprocess.Popen(
        [sys.executable, "-c", SERVICE, worker_image, docker_runtime, docker_address],
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    with service:
        assert service.stdout is not None
        assert service.stdout.readline() == b"ready\n"
        left = containers_of(service.pid, docker_engine)
        assert len(left) == 2
        service.send_signal(signal.SIGKILL)
    assert eventually(lambda: not present(left, docker_engine))


def test_the_reaper_takes_what_the_dead_have_left_and_nothing_else(
    docker_engine: docker.DockerClient, worker_image: str
) -> None:
    gone = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with gone:
        dead = Owner.of(gone.pid)
    owners = {
        "dead": str(dead),
        "living": str(Owner.this_process()),
        "from-elsewhere": str(dead).replace(dead.namespace, "pid:[1]"),
        "malformed": "nobody",
    }
    kept = {
        name: docker_engine.containers.create(worker_image, labels={LABEL: owner})
        for name, owner in owners.items()
    }
    try:
        reap(docker_engine)
        left = present(list(kept.values()), docker_engine)
        assert {name for name, one in kept.items() if one in left} == {*kept} - {"dead"}
    finally:
        for name in {*kept} - {"dead"}:
            kept[name].remove(force=True)


def test_the_command_says_how_many_it_removed(
    docker_engine: docker.DockerClient,
    docker_address: str,
    worker_image: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as gone:
        dead = Owner.of(gone.pid)
    left = docker_engine.containers.create(worker_image, labels={LABEL: str(dead)})
    monkeypatch.setenv("DOCKER_HOST", docker_address)

    main()

    assert not present([left], docker_engine)
    assert capsys.readouterr().out == "1 containers removed.\n"
