"""Recordings, several servers, what a request depends on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proposer.models import (
    Chat,
    Completion,
    FinishReason,
    Message,
    ModelBusy,
    ModelError,
    ModelUnreachable,
    NotRecorded,
    Request,
    Sampling,
    Text,
    Token,
    Usage,
    sample,
)
from proposer.models.local_models import LOCAL_MODELS, ModelMissing, find_model, models_folder
from proposer.models.recordings import RecordingModel, ReplayingModel, read_recording
from proposer.models.scripted import ScriptedModel, in_turn
from proposer.models.several import SeveralModels

ASKED = Request(prompt=Text(text="1, 2,"), seed=1)

texts = st.text(max_size=20)
samplings = st.builds(
    Sampling,
    temperature=st.floats(0, 2),
    top_p=st.floats(0, 1),
    max_tokens=st.integers(1, 9999),
    stop=st.lists(texts).map(tuple),
    logprobs=st.booleans(),
)
messages = st.builds(Message, role=st.sampled_from(["system", "user", "assistant"]), content=texts)
chats = st.builds(Chat, messages=st.lists(messages).map(tuple), opening=texts, closing=texts)
requests = st.builds(
    Request,
    prompt=chats | st.builds(Text, text=texts),
    sampling=samplings,
    seed=st.none() | st.integers(0, 2**31 - 1),
)
tokens = st.builds(Token, text=texts, logprob=st.floats(-99, 0))
completions = st.builds(
    Completion,
    text=texts,
    finish_reason=st.sampled_from(FinishReason),
    usage=st.builds(Usage, prompt_tokens=st.integers(0), completion_tokens=st.integers(0)),
    tokens=st.lists(tokens).map(tuple),
    model=texts,
    cost=st.floats(0, 9),
)


@given(requests)
def test_a_request_is_read_as_it_was_written(request: Request) -> None:
    assert Request.from_json(json.loads(json.dumps(request.to_json()))) == request


@given(completions)
def test_a_completion_is_read_as_it_was_written(completion: Completion) -> None:
    assert Completion.from_json(json.loads(json.dumps(completion.to_json()))) == completion


@given(requests, requests)
def test_digests_tell_requests_apart(one: Request, other: Request) -> None:
    assert (one.digest == other.digest) is (one == other)


def test_the_session_is_no_part_of_what_is_asked() -> None:
    assert replace(ASKED, session="elsewhere").digest == ASKED.digest


async def test_a_recording_is_said_again(tmp_path: Path) -> None:
    path = tmp_path / "recording.jsonl"
    recording = RecordingModel(ScriptedModel(in_turn(["one", "two"])), path)
    said = [await recording.complete(ASKED), await recording.complete(ASKED)]
    await recording.close()
    replaying = ReplayingModel(read_recording(path))

    assert [await replaying.complete(ASKED) for _ in said] == said
    with pytest.raises(NotRecorded, match="same problems"):
        await replaying.complete(ASKED)


async def test_somebody_else_can_be_asked_for_what_is_not_recorded() -> None:
    replaying = ReplayingModel([], otherwise=ScriptedModel(in_turn(["new"])))

    assert (await replaying.complete(ASKED)).text == "new"


@pytest.mark.parametrize("line", ["{", "{}", "[]", '{"requestDigest": "x", "completion": {}}'])
def test_a_line_that_is_none_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "recording.jsonl"
    path.write_text(line)
    with pytest.raises(ValueError, match=r"recording\.jsonl, line 1 is no recorded completion"):
        list(read_recording(path))


def named(name: str, *said: str | ModelError) -> ScriptedModel:
    return ScriptedModel(in_turn(said), name=name)


async def test_a_problem_stays_with_one_server() -> None:
    models = [ScriptedModel(lambda _: "a", name=name) for name in ("first", "second", "third")]
    spread = SeveralModels(models)
    for number in range(60):
        for _ in range(2):
            await spread.complete(replace(ASKED, session=str(number)))
    sessions = [{request.session for request in model.requests} for model in models]

    assert sum(map(len, sessions)) == 60
    assert min(map(len, sessions)) >= 10


async def test_a_server_that_is_gone_is_stood_in_for() -> None:
    gone = ScriptedModel(lambda _: ModelUnreachable("gone"), name="first")
    spread = SeveralModels([gone, ScriptedModel(lambda _: "here", name="second")])
    said = {(await spread.complete(replace(ASKED, session=str(n)))).text for n in range(9)}

    assert said == {"here"}
    assert gone.requests


async def test_a_server_that_is_busy_is_not_fled_from() -> None:
    busy = ScriptedModel(lambda _: ModelBusy("busy"), name="first")
    with pytest.raises(ModelBusy):
        await SeveralModels([busy, busy]).complete(ASKED)


async def test_samples_of_one_request_have_seeds_of_their_own() -> None:
    model = ScriptedModel(lambda request: str(request.seed))
    said = {one.text async for one in sample(model, ASKED, 3)}

    assert said == {"1", "2", "3"}


def test_a_model_that_is_not_here_is_said_to_be_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(ModelMissing, match=r"python scripts/fetch_models.py smollm2-135m"):
        find_model("smollm2-135m")
    models_folder().mkdir(parents=True)
    (models_folder() / "smollm2-135m.gguf").write_bytes(b"half of it")
    with pytest.raises(ModelMissing, match="damaged"):
        find_model("smollm2-135m")


def test_every_local_model_is_known_by_its_digest() -> None:
    assert all(len(model.sha256) == 64 for model in LOCAL_MODELS.values())
