"""Servers that answer, and servers that don't."""

from __future__ import annotations

import asyncio

import pytest

from proposer.models import (
    BrokenAnswer,
    Chat,
    FinishReason,
    Message,
    ModelBusy,
    ModelError,
    ModelRefused,
    ModelUnreachable,
    Prices,
    Request,
    Sampling,
    Usage,
    sample,
)
from proposer.models.openai_http import OpenAIModel
from tests.proposer.openai_server import Raw, serving, status, streamed

ASKED = Chat(
    messages=(Message(role="user", content="Write add."),), opening="```python\n", closing="\n```"
)
REQUEST = Request(prompt=ASKED, sampling=Sampling(max_tokens=7), seed=5, session="problem")


async def test_a_streamed_answer_is_put_together() -> None:
    async with serving(streamed("a", "b")) as server:
        model = OpenAIModel(server.url, prices=Prices(prompt=1e5, completion=1e6))
        completion = await model.complete(REQUEST)
        await model.close()

    assert completion.text == "```python\nab"
    assert completion.finish_reason is FinishReason.STOP
    assert completion.usage == Usage(prompt_tokens=10, cached_tokens=4, completion_tokens=2)
    assert (completion.model, completion.cost) == ("tiny", 3.0)


@pytest.mark.parametrize(
    ("owner", "turns", "stop"),
    [
        pytest.param("vllm", 2, ["\n```"], id="continues-a-turn"),
        pytest.param("llamacpp", 2, ["\n```"], id="continues-a-turn-unasked"),
        pytest.param("somebody", 1, None, id="begins-its-own-turn"),
    ],
)
async def test_a_turn_is_begun_only_where_it_is_continued(
    owner: str, turns: int, stop: list[str] | None
) -> None:
    said = "```python\nab\n```" if owner == "somebody" else "ab"
    async with serving(streamed(said), owner=owner) as server:
        model = OpenAIModel(server.url)
        completion = await model.complete(REQUEST)
        await model.close()
    (asked,) = server.requests

    assert (len(asked["messages"]), asked.get("stop")) == (turns, stop)
    assert asked.get("continue_final_message", False) is (owner == "vllm")
    assert completion.text.startswith("```python\nab")


async def test_requests_of_a_problem_can_be_sent_to_one_server() -> None:
    async with serving(streamed("a")) as server:
        model = OpenAIModel(server.url)
        await model.complete(REQUEST)
        await model.close()

    assert server.headers[0]["x-session-id"] == "problem"
    assert (server.requests[0]["seed"], server.requests[0]["max_tokens"]) == (5, 7)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        pytest.param(status(429, "retry-after: 7\r\n"), ModelBusy, id="429"),
        pytest.param(status(503), ModelBusy, id="503"),
        pytest.param(status(500), ModelUnreachable, id="500"),
        pytest.param(status(401), ModelRefused, id="wrong-key"),
        pytest.param(status(400, text="maximum context length"), ModelRefused, id="too-long"),
        pytest.param(streamed("a", finish=None, done=False), BrokenAnswer, id="truncated"),
        pytest.param(streamed("a", finish=None), BrokenAnswer, id="never-finished"),
        pytest.param(streamed(finish=None, done=False), BrokenAnswer, id="nothing-but-headers"),
        pytest.param(
            Raw(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: {nonsense\n\n"),
            BrokenAnswer,
            id="no-json",
        ),
        pytest.param(
            Raw(
                b'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: {"choices":3}\n\n'
            ),
            BrokenAnswer,
            id="json-of-another-shape",
        ),
        pytest.param(
            Raw(b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\n<h1>Welcome</h1>"),
            BrokenAnswer,
            id="a-web-page",
        ),
        pytest.param(
            Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\ndata: "), BrokenAnswer, id="cut"
        ),
        pytest.param(Raw(b"\x00\xff\x00garbage"), ModelUnreachable, id="no-http"),
        pytest.param(Raw(b""), ModelUnreachable, id="hung-up"),
    ],
)
async def test_what_goes_wrong_has_a_name(answer: Raw, error: type[ModelError]) -> None:
    async with serving(answer) as server:
        model = OpenAIModel(server.url)
        with pytest.raises(ModelError) as raised:
            await model.complete(REQUEST)
        await model.close()

    assert type(raised.value) is error, raised.value
    assert server.url in str(raised.value)


async def test_a_busy_server_says_when_to_come_back() -> None:
    async with serving(status(429, "retry-after: 7\r\n")) as server:
        model = OpenAIModel(server.url)
        with pytest.raises(ModelBusy) as raised:
            await model.complete(REQUEST)
        await model.close()

    assert raised.value.retry_after_seconds == 7


async def test_nobody_is_there() -> None:
    async with serving() as server:
        url = server.url
    model = OpenAIModel(url)
    with pytest.raises(ModelUnreachable, match="Start a server there"):
        await model.complete(REQUEST)
    await model.close()


async def test_cancelling_hangs_up() -> None:
    async with serving() as server:
        model = OpenAIModel(server.url)
        asking = asyncio.create_task(model.complete(REQUEST))
        await server.asked.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await server.hung.wait()
        await model.close()


async def test_samples_come_as_they_finish_and_the_rest_is_cancelled() -> None:
    async with serving(streamed("first")) as server:
        model = OpenAIModel(server.url)
        samples = sample(model, REQUEST, 3)
        completion = await anext(samples)
        await samples.aclose()
        await server.hung.wait()
        await model.close()

    assert completion.text == "```python\nfirst"
    assert {asked["seed"] for asked in server.requests} <= {5, 6, 7}


async def test_halves_of_surrogate_pairs_are_replaced() -> None:
    async with serving(streamed("a\ud800b")) as server:
        model = OpenAIModel(server.url)
        completion = await model.complete(REQUEST)
        await model.close()

    assert completion.text == "```python\na?b"
