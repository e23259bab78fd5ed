"""Miniature services on real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from clients import python_tests
from tests.clients.service import MiniatureService
from verifier_service.model import VerificationSpec
from verifier_service.v1 import verifier_pb2_grpc


@pytest.fixture
def service() -> MiniatureService:
    return MiniatureService()


@pytest.fixture
async def target(service: MiniatureService, tmp_path: Path) -> AsyncIterator[str]:
    """Address of a server around `service`."""
    server = grpc.aio.server()
    verifier_pb2_grpc.add_VerifierServiceServicer_to_server(service, server)
    address = f"unix:{tmp_path}/service.sock"
    server.add_insecure_port(address)
    await server.start()
    yield address
    await server.stop(grace=None)


def spec_of(words: str, **ids: str) -> VerificationSpec:
    """A spec for the miniature service."""
    return python_tests(
        words,
        tests="assert True",
        problem_id=ids.get("problem_id", ""),
        candidate_id=ids.get("candidate_id", ""),
    )
