"""Jails that are containers of a real Docker engine, with runc and with gVisor."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path

import docker
import pytest
import pytest_asyncio
from docker.models.containers import Container

from sandboxes.isolation.docker import ContainerLimits, DockerBackend
from sandboxes.isolation.jail import ProcessLimits
from tests.isolation.docker_engine import containers_of
from tests.project.markdown import ROOT, rows
from verifier_service.model import (
    IsolationUnavailable,
    SandboxLost,
)

NOTHING = "sandboxes.isolation.jailed.nothing"
CANDIDATE = "sandboxes.python_tests.jailed.candidate"
LIMITS = ProcessLimits(cpu_seconds=2, memory_bytes=1 << 29, processes=8)


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def backend(
    docker_address: str, docker_engine: docker.DockerClient, worker_image: str, docker_runtime: str
) -> AsyncIterator[DockerBackend]:
    own = docker.DockerClient(docker_address)
    backend = await DockerBackend.create(worker_image, runtime=docker_runtime, engine=own)
    yield backend
    backend.close()
    assert ours(docker_engine) == []


def ours(engine: docker.DockerClient) -> list[Container]:
    return containers_of(os.getpid(), engine)


async def test_runs_follow_each_other_in_one_container(
    backend: DockerBackend, docker_engine: docker.DockerClient
) -> None:
    jail = backend.open(NOTHING)
    for _ in range(3):
        ended = await jail.start(NOTHING, fds={}, limits=LIMITS).ended
        assert (ended.code, ended.begun) == (0, True)
        assert len(ours(docker_engine)) == 1
    await jail.close()
    assert ours(docker_engine) == []


async def test_containers_are_hardened(
    backend: DockerBackend, docker_engine: docker.DockerClient, docker_runtime: str
) -> None:
    jail = backend.open(NOTHING)
    await jail.ready
    (container,) = ours(docker_engine)
    container.reload()
    settings, configuration = container.attrs["HostConfig"], container.attrs["Config"]
    await jail.close()

    in_gvisor = docker_runtime == "runsc"
    assert settings["Runtime"] == docker_runtime
    assert settings["NetworkMode"] == "none"
    assert settings["IpcMode"] == "none"
    assert settings["ReadonlyRootfs"] is True
    assert settings["Privileged"] is False
    assert settings["CapDrop"] == ["ALL"]
    assert settings["CapAdd"] == (["SETUID", "SETGID", "SYS_ADMIN"] if in_gvisor else None)
    assert "no-new-privileges" in settings["SecurityOpt"]
    assert settings["LogConfig"]["Type"] == "none"
    assert settings["Memory"] == settings["MemorySwap"] == ContainerLimits().memory_bytes
    assert settings["PidsLimit"] == ContainerLimits().processes
    assert settings["AutoRemove"] is True
    assert "nr_inodes" in settings["Tmpfs"]["/tmp"]
    assert [bind.split(":")[1:] for bind in settings["Binds"]] == [["/run/verifier", "ro"]]
    assert configuration["User"].split(":")[0] not in ("", "0") or in_gvisor
    assert not settings["Devices"]


async def test_every_layer_is_documented(backend: DockerBackend) -> None:
    documented = {name for name, _ in rows(ROOT / "docs" / "threat-model.md", "layer")}
    documented |= {name for name, _ in rows(ROOT / "docs" / "docker.md", "layer of containers")}

    assert set(backend.isolation.enforced) <= documented


async def test_a_container_that_is_killed_loses_its_run_and_leaves_nothing(
    backend: DockerBackend, docker_engine: docker.DockerClient, tmp_path: Path
) -> None:
    jail = backend.open(CANDIDATE)
    await jail.ready
    (container,) = ours(docker_engine)
    blocked, nobody_writes = os.pipe()
    run = jail.start(CANDIDATE, fds={"job": blocked}, limits=LIMITS)
    await asyncio.sleep(0.2)
    assert not run.ended.done()

    container.kill()

    with pytest.raises(SandboxLost):
        await run.ended
    assert jail.lost
    await jail.close()
    for fd in (blocked, nobody_writes):
        os.close(fd)
    assert ours(docker_engine) == []


async def test_closing_at_any_moment_leaves_nothing(
    backend: DockerBackend, docker_engine: docker.DockerClient
) -> None:
    jails = [backend.open(NOTHING) for _ in range(8)]  # so that there are all connections
    await asyncio.gather(*(jail.close() for jail in jails))
    before = len(os.listdir("/proc/self/fd"))
    for seconds in (0, 0.02, 0.1, 0.3):
        jail = backend.open(NOTHING)
        run = jail.start(NOTHING, fds={}, limits=LIMITS)
        await asyncio.sleep(seconds)
        await jail.close()
        await jail.close()
        with contextlib.suppress(SandboxLost):
            await run.ended
        assert ours(docker_engine) == []
    assert len(os.listdir("/proc/self/fd")) == before


async def test_a_jail_without_its_module_says_so(backend: DockerBackend) -> None:
    jail = backend.open("no.such.module")
    with pytest.raises(SandboxLost, match=r"No module named 'no'"):
        await jail.ready
    await jail.close()


async def test_an_engine_that_is_not_there_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    with pytest.raises(IsolationUnavailable, match=r"No Docker engine.*apt install docker\.io"):
        await DockerBackend.create("any:image")


async def test_an_image_that_is_not_there_is_missed(docker_address: str) -> None:
    with pytest.raises(IsolationUnavailable, match=r"no image 'none:such'.*docker/build\.sh"):
        await DockerBackend.create("none:such", engine=docker.DockerClient(docker_address))


async def test_a_runtime_that_is_not_there_is_missed(
    docker_address: str, worker_image: str
) -> None:
    with pytest.raises(IsolationUnavailable, match=r"no runtime 'runsc-such'.*daemon\.json"):
        await DockerBackend.create(
            worker_image, runtime="runsc-such", engine=docker.DockerClient(docker_address)
        )


async def test_an_image_of_other_sources_is_refused(
    docker_address: str, worker_image: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandboxes.isolation.docker._ROOT", tmp_path)
    with pytest.raises(IsolationUnavailable, match="other sources"):
        await DockerBackend.create(worker_image, engine=docker.DockerClient(docker_address))


async def test_an_image_without_our_python_says_what_is_wrong(
    docker_engine: docker.DockerClient, docker_address: str, tmp_path: Path
) -> None:
    archive = tmp_path / "empty.tar"
    tarfile.open(archive, "w").close()
    name = "verifier-empty:tests"
    docker_engine.api.import_image_from_file(
        str(archive), repository=name, changes=['ENTRYPOINT ["/nothing"]']
    )
    try:
        with pytest.raises(IsolationUnavailable, match=r"could not be started.*/nothing"):
            await DockerBackend.create(name, engine=docker.DockerClient(docker_address))
    finally:
        docker_engine.images.remove(name, force=True)
