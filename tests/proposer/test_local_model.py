"""A real small model on this machine, from prompt to verdict."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from clients.local import LocalVerifier
from proposer.campaigns.budget import UNLIMITED
from proposer.campaigns.record import CampaignRecord
from proposer.models import (
    Chat,
    Completion,
    FinishReason,
    Message,
    ModelUnreachable,
    Request,
    Sampling,
    Text,
    sample,
)
from proposer.models.llama import llama_server
from proposer.models.openai_http import OpenAIModel
from tests.proposer.local_models import local_model
from tests.proposer.support import python_task, run

ASKED = Chat(
    messages=(Message(role="user", content="Write a Python function add(a, b)."),),
    opening="```python\ndef add(a, b):",
    closing="\n```",
)
SHORT = Sampling(max_tokens=24, temperature=0.3)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def model() -> AsyncIterator[OpenAIModel]:
    """SmolLM2, served by llama.cpp in a process of its own."""
    async with llama_server(local_model("smollm2-135m")) as url:
        opened = OpenAIModel(url)
        yield opened
        await opened.close()


async def test_a_turn_is_continued(model: OpenAIModel) -> None:
    asked = Request(prompt=ASKED, sampling=replace(SHORT, logprobs=True), seed=1)
    completion = await model.complete(asked)

    assert completion.text.startswith(ASKED.opening)
    assert "```" not in completion.text.removeprefix("```python")
    assert completion.model == "smollm2-135m"
    assert completion.usage.prompt_tokens > 5
    assert 0 < completion.usage.completion_tokens <= 24
    assert completion.tokens
    assert all(token.logprob <= 0 for token in completion.tokens)


async def test_a_text_is_continued(model: OpenAIModel) -> None:
    asked = Request(prompt=Text(text="def add(a, b):\n    return"), sampling=SHORT, seed=1)
    completion = await model.complete(asked)

    assert completion.text
    assert completion.finish_reason in (FinishReason.STOP, FinishReason.LENGTH)


async def test_samples_differ(model: OpenAIModel) -> None:
    hot = replace(SHORT, temperature=1.5)
    texts = [
        one.text async for one in sample(model, Request(prompt=ASKED, sampling=hot, seed=3), 3)
    ]

    assert len(texts) == 3
    assert len(set(texts)) > 1


async def test_a_cancelled_sample_leaves_room_for_the_next(model: OpenAIModel) -> None:
    endless = Request(prompt=Text(text="1, 2, 3, 4,"), sampling=Sampling(max_tokens=1500))
    asking = [asyncio.create_task(model.complete(endless)) for _ in range(4)]  # all slots
    await asyncio.sleep(0.2)
    for task in asking:
        task.cancel()
    ended = await asyncio.gather(*asking, return_exceptions=True)
    completion = await model.complete(Request(prompt=ASKED, sampling=SHORT))

    assert [type(one) for one in ended] == [asyncio.CancelledError] * 4
    assert isinstance(completion, Completion)


async def test_a_prompt_to_a_verdict(
    model: OpenAIModel, judge: LocalVerifier, record: CampaignRecord
) -> None:
    task = python_task(
        "add", "Write a Python function `add(a, b)` that returns a + b.", "assert add(1, 2) == 3"
    )
    few = replace(UNLIMITED, samples=24)
    options = {"width": "4"}
    sampling = Sampling(max_tokens=64, temperature=0.4)
    progress = await run(
        [task], model, judge, record, options=options, budget=few, sampling=sampling
    )
    outcomes = [kept.outcome for kept in record.judgements("add")]

    assert progress.states == {"solved": 1}, outcomes
    assert "def add" in record.standings()[0].answer


async def test_a_file_that_is_no_model_is_said_to_be_none(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    local_model("smollm2-135m")  # llama.cpp is there
    path = tmp_path_factory.mktemp("models") / "text.gguf"
    path.write_text("no model")
    with pytest.raises(ModelUnreachable, match=r"can't serve .*text\.gguf"):
        async with llama_server(path):
            pass
