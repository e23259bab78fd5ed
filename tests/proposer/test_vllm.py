"""vLLM itself, on this machine's processors: its server, and its engine in a process.

Slow to install and to start, so only where VERIFIER_VLLM_PYTHON names an interpreter that has it
and VERIFIER_VLLM_MODEL a folder with a small model (docs/proposer.md says how to get both).
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import urllib.request
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from clients.local import LocalVerifier
from proposer.campaigns.budget import UNLIMITED
from proposer.campaigns.record import CampaignRecord
from proposer.models import Chat, Message, ModelRefused, Request, Sampling, Text, sample
from proposer.models.openai_http import OpenAIModel
from tests.project.markdown import ROOT
from tests.proposer.local_models import vllm_model, vllm_python
from tests.proposer.support import python_task, run

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(1200)]

ASKED = Chat(
    messages=(Message(role="user", content="Write a Python function add(a, b)."),),
    opening="```python\ndef add(a, b):",
    closing="\n```",
)
SHORT = Sampling(max_tokens=24, temperature=0.3)
ON_PROCESSORS = {
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_NO_USAGE_STATS": "1",
    "HF_HUB_OFFLINE": "1",
    "OMP_NUM_THREADS": "1",
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """A server of vLLM's own, started as its documents say, but for the `vllm` command."""
    python, folder = vllm_python(), vllm_model()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = (
        f"--model {folder} --served-model-name tiny --host 127.0.0.1 --port {port} "
        "--enforce-eager --dtype bfloat16 --max-model-len 2048 --max-num-seqs 16 "
        "--no-enable-chunked-prefill --max-num-batched-tokens 4096 --enable-prompt-tokens-details"
    )
    log = tmp_path_factory.mktemp("vllm") / "server.log"
    with log.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            python,
            "-m",
            "vllm.entrypoints.openai.api_server",
            *arguments.split(),
            env=os.environ | ON_PROCESSORS,
            stdout=file,
            stderr=file,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        while not await asyncio.to_thread(_answers, f"{url}/health"):
            assert process.returncode is None, log.read_text()[-4000:]
            await asyncio.sleep(1)
        yield f"{url}/v1"
    finally:
        process.terminate()
        await process.wait()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


async def test_a_turn_is_continued_and_counted(server: str) -> None:
    model = OpenAIModel(server)
    asked = Request(prompt=ASKED, sampling=replace(SHORT, logprobs=True), seed=1)
    completion = await model.complete(asked)
    await model.close()

    assert completion.text.startswith(ASKED.opening)
    assert "```" not in completion.text.removeprefix("```python")
    assert completion.usage.completion_tokens == len(completion.tokens) > 0


async def test_a_text_is_continued(server: str) -> None:
    model = OpenAIModel(server)
    prompt = Text(text="def add(a, b):\n    return")
    asked = Request(prompt=prompt, sampling=replace(SHORT, logprobs=True))
    completion = await model.complete(asked)
    await model.close()

    assert completion.text
    assert completion.tokens


async def test_a_prefix_is_cached(server: str) -> None:
    model = OpenAIModel(server)
    long = Chat(messages=(Message(role="user", content="Count. " * 200),))
    for _ in range(2):
        completion = await model.complete(Request(prompt=long, sampling=SHORT))
    await model.close()

    assert completion.usage.cached_tokens > 0


async def test_samples_end_one_by_one_and_the_rest_is_cancelled(server: str) -> None:
    model = OpenAIModel(server)
    hot = Sampling(max_tokens=48, temperature=1.2)
    samples = sample(model, Request(prompt=ASKED, sampling=hot, seed=3), 8)
    first = await anext(samples)
    await samples.aclose()
    await model.close()

    assert first.text


async def test_a_prompt_that_is_too_long_is_refused(server: str) -> None:
    model = OpenAIModel(server)
    long = Chat(messages=(Message(role="user", content="Count. " * 3000),))
    with pytest.raises(ModelRefused):
        await model.complete(Request(prompt=long, sampling=SHORT))
    await model.close()


async def test_a_prompt_to_a_verdict(
    server: str, judge: LocalVerifier, record: CampaignRecord
) -> None:
    task = python_task(
        "add", "Write a Python function `add(a, b)` that returns a + b.", "assert add(1, 2) == 3"
    )
    model = OpenAIModel(server)
    progress = await run(
        [task],
        model,
        judge,
        record,
        options={"width": "12"},
        budget=replace(UNLIMITED, samples=36),
        sampling=Sampling(max_tokens=64, temperature=0.4),
    )
    await model.close()

    assert progress.states == {"solved": 1}


IN_PROCESS = """
import asyncio, json, sys
from proposer.models import Chat, Message, ModelRefused, Request, Sampling, Text, sample
from proposer.models.vllm_engine import VllmModel

asked = Chat(
    messages=(Message(role="user", content="Write a Python function add(a, b)."),),
    opening="```python\\ndef add(a, b):",
    closing="\\n```",
)
short = Sampling(max_tokens=24, temperature=0.3, logprobs=True)

async def main():
    model = VllmModel(
        sys.argv[1], enforce_eager=True, dtype="bfloat16", max_model_len=2048, max_num_seqs=16,
        enable_chunked_prefill=False, max_num_batched_tokens=4096,
    )
    chat = await model.complete(Request(prompt=asked, sampling=short, seed=1))
    text = await model.complete(Request(prompt=Text(text="def add(a, b):"), sampling=short))
    samples = sample(model, Request(prompt=asked, sampling=short, seed=3), 4)
    first = await anext(samples)
    await samples.aclose()
    try:
        await model.complete(Request(prompt=Text(text="Count. " * 3000), sampling=short))
        refused = ""
    except ModelRefused as error:
        refused = str(error)
    await model.close()
    said = [one.to_json() for one in (chat, text, first)]
    print("SAID " + json.dumps({"said": said, "refused": refused}))

if __name__ == "__main__":
    asyncio.run(main())
"""


async def test_the_engine_runs_in_a_process(tmp_path: Path) -> None:
    python, folder = vllm_python(), vllm_model()
    script = tmp_path / "in_process.py"
    script.write_text(IN_PROCESS)
    process = await asyncio.create_subprocess_exec(
        python,
        str(script),
        folder,
        env=os.environ | ON_PROCESSORS | {"PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out = (await process.communicate())[0].decode("utf-8", "replace")
    lines = [line for line in out.splitlines() if line.startswith("SAID ")]
    assert lines, out[-4000:]
    told = json.loads(lines[0].removeprefix("SAID "))
    chat, text, first = told["said"]

    assert chat["text"].startswith(ASKED.opening)
    assert chat["usage"]["completion_tokens"] == len(chat["tokens"]) > 0
    assert text["text"]
    assert first["text"]
    assert told["refused"]
