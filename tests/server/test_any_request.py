"""Whatever is sent, a call ends with a verdict or with an error that blames the request."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import strategies
from tests.server.calls import reported
from tests.server.conftest import Service
from verifier_service import wire
from verifier_service.model import Code, VerificationSpec
from verifier_service.v1 import verifier_pb2

FAULTS_OF_THE_REQUEST = {Code.INVALID_ARGUMENT, Code.NOT_FOUND, Code.FAILED_PRECONDITION}


def sent(spec: VerificationSpec) -> bytes:
    return verifier_pb2.VerifyRequest(spec=wire.spec_to_proto(spec)).SerializeToString()


@st.composite
def broken_requests(draw: st.DrawFn) -> bytes:
    """A good request in which some bytes are others."""
    data = bytearray(sent(draw(strategies.specs)))
    start = draw(st.integers(0, len(data)))
    data[start : start + draw(st.integers(0, 9))] = draw(st.binary(max_size=9))
    return bytes(data)


async def for_any(
    requests: st.SearchStrategy[bytes], check: Callable[[bytes], Awaitable[None]]
) -> None:
    """Lets hypothesis drive the loop that the server lives on."""
    loop = asyncio.get_running_loop()

    @settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
    @given(requests)
    def run(data: bytes) -> None:
        asyncio.run_coroutine_threadsafe(_awaited(check(data)), loop).result(60)

    await asyncio.to_thread(run)


async def _awaited(checking: Awaitable[None]) -> None:
    await checking


async def test_verify(service: Service) -> None:
    method = "/verifier_service.v1.VerifierService/Verify"
    send: Any = service.channel.unary_unary(method, request_serializer=lambda raw: raw)

    async def check(data: bytes) -> None:
        try:
            await send(data)
        except grpc.aio.AioRpcError as error:
            assert reported(error).code in FAULTS_OF_THE_REQUEST  # noqa: PT017

    await for_any(st.one_of(st.binary(max_size=99), broken_requests()), check)
    await for_any(strategies.specs.map(sent), check)


async def test_stream(service: Service) -> None:
    method = "/verifier_service.v1.VerifierService/StreamVerify"
    send: Any = service.channel.stream_stream(method, request_serializer=lambda raw: raw)

    async def check(data: bytes) -> None:
        call = send()
        await call.write(data)
        await call.done_writing()
        try:
            assert [response async for response in call]
        except grpc.aio.AioRpcError as error:
            assert reported(error).code in FAULTS_OF_THE_REQUEST  # noqa: PT017

    await for_any(st.binary(max_size=99), check)
