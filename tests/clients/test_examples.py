"""The search loops of `clients.examples`, each as its users run it, against a real server."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from clients import AsyncVerifier, python_tests
from clients.examples.best_of_n import best_of_n
from clients.examples.rl_reward import RewardFunction
from clients.examples.tree_search import tree_search
from tests.clients.conftest import spec_of
from tests.clients.service import MiniatureService
from tests.clients.test_command_line import Shell
from verifier_service.model import SandboxLost


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def address(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    server = await Shell(tmp_path_factory.mktemp("home"), None).start(
        "serve", "--address", "127.0.0.1:0"
    )
    assert server.stdout is not None
    line = (await server.stdout.readline()).decode()
    yield line.removeprefix("Listening on ").strip()
    server.terminate()
    await server.communicate()


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("best_of_n", "def answer():\n    return 6\n"),
        (
            "tree_search",
            "def square(n):\n    if n == 0:\n        return 0\n    if n == 1:\n        return 1\n",
        ),
        ("rl_reward", "[1.0, 0.0]\n"),
    ],
)
async def test_it_finds_what_there_is_to_find(address: str, name: str, said: str) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-W",
        "error",
        "-m",
        f"clients.examples.{name}",
        address,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    out, err = await process.communicate()

    assert (process.returncode, out.decode()) == (0, said), err.decode()


async def words(*texts: str) -> AsyncIterator[str]:
    for text in texts:
        yield text


async def test_a_search_ends_with_the_first_acceptance_and_takes_the_rest_back(
    service: MiniatureService, target: str
) -> None:
    async with AsyncVerifier(target) as verifier:
        found = await best_of_n(
            verifier, words("wait 60 then accept", "reject", "accept at once"), spec_of
        )

    for _ in range(1000):  # the server hears of it after the client has left
        if service.cancelled:
            break
        await asyncio.sleep(0.01)

    assert found == "accept at once"
    assert "candidate/0" in service.cancelled


async def test_trouble_of_the_service_ends_no_search(
    service: MiniatureService, target: str
) -> None:
    service.failures.append(SandboxLost("The sandbox is gone."))
    async with AsyncVerifier(target) as verifier:
        assert await best_of_n(verifier, words("reject", "accept"), spec_of) == "accept"


@pytest.mark.asyncio(loop_scope="module")
async def test_a_tree_search_takes_back_what_is_beside_a_better_node(address: str) -> None:
    def expand(source: str) -> list[str]:
        if source:  # what is worth something goes on to what is right
            return ["def f(n):\n    return n\n"]
        return ["def f(n):\n    return 0\n", "def f(n):\n    while True: pass\n"]

    tests = "assert f(0) == 0\nassert f(1) == 1"
    async with AsyncVerifier(address) as verifier:
        found = await tree_search(
            verifier, "", expand, lambda source: python_tests(source, tests=tests, keep_going=True)
        )

    assert found == "def f(n):\n    return n\n"


async def test_a_reward_is_none_where_nobody_could_tell(target: str) -> None:
    def ask() -> list[float | None]:
        reward = RewardFunction(target)
        rewards = reward(["accept", "reject", "unsure", "SANDBOX_LOST"], ["assert True"] * 4)
        reward.close()
        return rewards

    assert await asyncio.to_thread(ask) == [1.0, 0.0, None, None]
