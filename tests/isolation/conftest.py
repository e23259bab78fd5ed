"""A Docker engine, a worker image of this Python, and the runtimes that the engine has."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import docker
import pytest

from sandboxes.isolation.docker_image import import_image
from sandboxes.isolation.interpreter import Interpreter
from tests.isolation.docker_engine import running_engine

NAME = "verifier-python-worker:tests"


@pytest.fixture(scope="session")
def docker_address() -> Iterator[str]:
    with running_engine() as address:
        yield address


@pytest.fixture(scope="session")
def docker_engine(docker_address: str) -> Iterator[docker.DockerClient]:
    with contextlib.closing(docker.DockerClient(docker_address)) as engine:
        yield engine


@pytest.fixture(scope="session")
def worker_image(docker_engine: docker.DockerClient) -> Iterator[str]:
    yield import_image(docker_engine, Interpreter.running(), NAME)
    docker_engine.images.remove(NAME, force=True)


@pytest.fixture(scope="module", params=["runc", "runsc"])
def docker_runtime(request: pytest.FixtureRequest, docker_engine: docker.DockerClient) -> str:
    if request.param not in docker_engine.info()["Runtimes"]:
        pytest.skip(f"The engine has no runtime {request.param}: see docs/docker.md.")
    return str(request.param)
