"""A server that is killed under its clients, and starts again."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from clients import AsyncVerifier, Verifier, python_tests
from tests.clients.test_command_line import Shell
from verifier_service.model import VerificationSpec


def spec(number: int) -> VerificationSpec:
    return python_tests(f"def f(): return {number}", tests=f"assert f() == {number}")


async def started(shell: Shell, address: str) -> asyncio.subprocess.Process:
    server = await shell.start("serve", "--address", address)
    assert server.stdout is not None
    assert await server.stdout.readline() == f"Listening on {address}\n".encode()
    return server


@pytest.fixture
def address() -> str:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{taken.getsockname()[1]}"


async def test_no_ticket_is_lost_or_doubled_when_the_server_is_killed(
    tmp_path: Path, address: str
) -> None:
    shell = Shell(tmp_path, None)
    server = await started(shell, address)
    ended: list[str] = []
    async with AsyncVerifier(address) as verifier, verifier.stream() as session:
        for number in range(60):
            await session.submit(spec(number), ticket=str(number))
        session.finish()
        async for item in session:
            assert item.unwrap().reward == 1.0
            ended.append(item.ticket)
            if len(ended) == 15:
                server.kill()
                await server.communicate()
                server = await started(shell, address)
    server.terminate()
    await server.communicate()

    assert sorted(ended, key=int) == [str(number) for number in range(60)]


async def test_a_call_outlives_a_restart(tmp_path: Path, address: str) -> None:
    shell = Shell(tmp_path, None)
    server = await started(shell, address)

    def calls(verifier: Verifier) -> list[float | None]:
        return [verifier.verify(spec(number)).reward for number in range(20)]

    with Verifier(address) as verifier:
        verifier.capabilities()
        calling = asyncio.create_task(asyncio.to_thread(calls, verifier))
        await asyncio.sleep(0.3)
        server.kill()
        await server.communicate()
        server = await started(shell, address)
        assert await calling == [1.0] * 20
    server.terminate()
    await server.communicate()


async def test_a_taken_address_is_said(tmp_path: Path, address: str) -> None:
    shell = Shell(tmp_path, None)
    server = await started(shell, address)
    other = Shell(tmp_path / "other", None)
    other.home.mkdir()
    second = await other("serve", "--address", address)
    server.terminate()
    await server.communicate()

    assert (second.code, second.out) == (4, "")
    assert address in second.err
    assert "Traceback" not in second.err
