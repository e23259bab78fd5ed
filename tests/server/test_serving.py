"""The server as operators meet it: health, reflection, signals, logs."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from pydantic import SecretStr

from tests.server.calls import failure, verify_request
from tests.server.conftest import Serve, Service
from tests.server.scripted import ScriptedExecutor
from verifier_service.application import application, policy_of
from verifier_service.application import serve as serve_application
from verifier_service.model import ShuttingDown
from verifier_service.server import CannotListen
from verifier_service.settings import Settings
from verifier_service.v1 import verifier_pb2, verifier_pb2_grpc

SERVICE = "verifier_service.v1.VerifierService"
BUF = Path(sys.executable).with_name("buf")
ROOT = Path(__file__).parent.parent.parent


async def health_of(service: Service, name: str) -> int:
    stub: Any = health_pb2_grpc.HealthStub(service.channel)
    response = await stub.Check(health_pb2.HealthCheckRequest(service=name))
    return int(response.status)


@pytest.mark.parametrize("name", ["", SERVICE])
async def test_health(service: Service, name: str) -> None:
    assert await health_of(service, name) == health_pb2.HealthCheckResponse.SERVING


async def test_health_needs_no_token_and_no_room(serve: Serve) -> None:
    service = await serve(token=SecretStr("hunter2"), max_concurrent_calls=1)

    assert await health_of(service, SERVICE) == health_pb2.HealthCheckResponse.SERVING


async def test_an_unknown_service_has_no_health(service: Service) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await health_of(service, "none")
    assert raised.value.code() is grpc.StatusCode.NOT_FOUND


async def test_draining_lets_calls_end_and_refuses_new_ones(service: Service) -> None:
    running = service.stub.Verify(verify_request("wait"))
    await service.executor.is_running(1)
    draining = asyncio.create_task(service.server.drain(10.0))
    while await health_of(service, SERVICE) != health_pb2.HealthCheckResponse.NOT_SERVING:
        pass

    refused = await failure(service.stub.Verify(verify_request("accept")))
    service.executor.release.set()

    assert isinstance(refused, ShuttingDown)
    assert (await running).verdict.reason == "tests-passed"
    await draining


async def test_draining_ends_what_outlives_the_grace(service: Service) -> None:
    running = service.stub.Verify(verify_request("wait"))
    await service.executor.is_running(1)

    await service.server.drain(0.05)

    assert isinstance(await failure(running), ShuttingDown)
    assert service.executor.running == set()


# Reflection ---------------------------------------------------------------------------------------


async def buf_curl(address: str, method: str, data: str) -> Any:
    process = await asyncio.create_subprocess_exec(
        BUF,
        "curl",
        "--protocol=grpc",
        "--http2-prior-knowledge",
        f"--data={data}",
        f"http://{address}/{method}",
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd="/",
    )
    out, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return json.loads(out)


@pytest.mark.skipif(not BUF.exists(), reason="buf is not installed")
async def test_buf_curl_needs_nothing_but_the_address(serve: Serve) -> None:
    service = await serve(address="127.0.0.1:0")
    spec = {
        "problem": {"pythonTests": {"code": {"source": "assert True"}}},
        "candidate": {"source": "accept"},
    }

    capabilities = await buf_curl(service.server.address, f"{SERVICE}/GetCapabilities", "{}")
    verified = await buf_curl(
        service.server.address, f"{SERVICE}/Verify", json.dumps({"spec": spec})
    )
    health = await buf_curl(service.server.address, "grpc.health.v1.Health/Check", "{}")

    assert capabilities["environments"][0]["name"] == "scripted"
    assert verified["verdict"]["outcome"] == "OUTCOME_ACCEPTED"
    assert health == {"status": "SERVING"}


async def test_reflection_can_be_off(serve: Serve) -> None:
    service = await serve(reflection=False)
    method = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
    call: Any = service.channel.stream_stream(method)()

    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call.read()
    assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED


# The application ----------------------------------------------------------------------------------


async def test_the_application_ends_what_it_began(tmp_path: Path) -> None:
    executor = ScriptedExecutor()
    async with application(Settings(store_path=tmp_path / "s.sqlite3"), [executor]) as app:
        assert app.executors == (executor,)

    assert executor.closed


def test_the_policy_says_what_the_settings_say() -> None:
    settings = Settings(slots=3, max_queued=5, maximum_batch_size=7)

    policy = policy_of(settings)

    assert (policy.slots, policy.max_queued, policy.maximum_batch_size) == (3, 5, 7)
    assert policy.default_limits == settings.default_limits.limits()


# Signals ------------------------------------------------------------------------------------------

SERVER = """
import asyncio, sys
from pathlib import Path
from tests.server.scripted import ScriptedExecutor
from verifier_service.application import serve
from verifier_service.settings import Settings

settings = Settings(
    address="127.0.0.1:0", store_path=Path(sys.argv[1]), drain_seconds=float(sys.argv[2]),
    log_level="debug",
)
def ready(address): print(address, flush=True)
async def main(): await serve(settings, [ScriptedExecutor()], ready)
asyncio.run(main())
"""


class Process:
    """A server in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process, channel: grpc.aio.Channel) -> None:
        self.process = process
        self.stub = verifier_pb2_grpc.VerifierServiceStub(channel)

    async def ended(self) -> list[dict[str, Any]]:
        """The log of the process, once it has ended as it should."""
        assert self.process.stderr is not None
        log = (await self.process.stderr.read()).decode()
        assert await self.process.wait() == 0, log
        return [json.loads(line) for line in log.splitlines()]

    async def has_begun(self) -> None:
        """Returns once a verification runs."""
        listing = verifier_pb2.ListVerificationsRequest()
        running = verifier_pb2.Verification.STATE_RUNNING
        while True:
            page = await self.stub.ListVerifications(listing)
            if any(one.state == running for one in page.verifications):
                return


@asynccontextmanager
async def server_process(tmp_path: Path, *, drain_seconds: float) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        SERVER,
        str(tmp_path / "store.sqlite3"),
        str(drain_seconds),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        assert process.stdout is not None
        address = (await process.stdout.readline()).decode().strip()
        async with grpc.aio.insecure_channel(address) as channel:
            yield Process(process, channel)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def start_request(source: str) -> verifier_pb2.StartVerificationRequest:
    return verifier_pb2.StartVerificationRequest(spec=verify_request(source).spec)


async def test_a_signal_stops_an_idle_server(tmp_path: Path) -> None:
    async with server_process(tmp_path, drain_seconds=30) as server:
        await server.stub.Verify(verify_request("accept secret", session_id="run"))
        server.process.send_signal(signal.SIGTERM)
        events = await server.ended()

    assert [event["event"] for event in events] == ["serving", "call", "draining", "stopped"]
    assert {"event", "level", "logger", "timestamp"} <= events[1].keys()
    assert "secret" not in json.dumps(events)


async def test_a_second_signal_stops_a_busy_server_at_once(tmp_path: Path) -> None:
    async with server_process(tmp_path, drain_seconds=300) as server:
        await server.stub.StartVerification(start_request("wait"))
        await server.has_begun()
        server.process.send_signal(signal.SIGINT)
        assert server.process.stderr is not None
        while b'"draining"' not in await server.process.stderr.readline():
            pass
        server.process.send_signal(signal.SIGINT)
        await server.ended()


async def test_a_server_that_can_t_listen_begins_nothing(tmp_path: Path) -> None:
    store_path = tmp_path / "store.sqlite3"
    async with server_process(tmp_path, drain_seconds=0) as server:
        await server.stub.StartVerification(start_request("wait"))
        await server.has_begun()
        server.process.kill()
        await server.process.wait()

    executor = ScriptedExecutor()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(CannotListen):
            await serve_application(Settings(address=address, store_path=store_path), [executor])

    assert executor.began == []
    assert executor.closed


async def test_a_verification_survives_a_restart(tmp_path: Path) -> None:
    async with server_process(tmp_path, drain_seconds=0) as server:
        started = await server.stub.StartVerification(start_request("wait"))
        await server.has_begun()
        server.process.kill()
        await server.process.wait()

    executor = ScriptedExecutor()
    executor.release.set()
    states = []

    def ready(address: str) -> None:
        watching.append(asyncio.create_task(watch(address)))

    async def watch(address: str) -> None:
        async with grpc.aio.insecure_channel(address) as channel:
            request = verifier_pb2.WatchVerificationRequest(name=started.verification.name)
            stub = verifier_pb2_grpc.VerifierServiceStub(channel)
            events = stub.WatchVerification(request)
            states.extend([event.verification.state async for event in events])
        os.kill(os.getpid(), signal.SIGTERM)

    watching: list[asyncio.Task[None]] = []
    settings = Settings(address="127.0.0.1:0", store_path=tmp_path / "store.sqlite3")
    await serve_application(settings, [executor], ready)

    await watching[0]
    assert states[-1] == verifier_pb2.Verification.STATE_SUCCEEDED
    assert executor.began == ["wait"]
