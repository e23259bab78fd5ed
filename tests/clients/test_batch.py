"""`verifier batch`: order, memory, bad lines, and going on where it ended."""

from __future__ import annotations

import asyncio
import io
import json
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients import AsyncVerifier, RetryPolicy
from clients.command_line.batch_files import KeptOutput
from clients.command_line.batch_lines import KeptLine, Line, LineSplitter, parse_line
from clients.command_line.batch_run import BatchRun, OutputMismatch, ResultSink, Tally
from clients.command_line.proto_json import compact, message_json
from tests.clients.conftest import spec_of
from tests.clients.service import MiniatureService
from verifier_service import wire
from verifier_service.model import InvalidSpec, QueueFull, ServerUnreachable


def spec_line(words: str, number: int = 0) -> bytes:
    spec = spec_of(words, problem_id="p", candidate_id=str(number))
    return compact(message_json(wire.spec_to_proto(spec))).encode() + b"\n"


async def lines_of(*texts: bytes) -> AsyncIterator[Line]:
    splitter = LineSplitter()
    for text in texts:
        for line in splitter.feed(text):
            yield line
    for line in splitter.end():
        yield line


class Collected:
    """A sink in memory."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []

    def next_kept(self) -> KeptLine | None:
        return None

    def write(self, line: bytes) -> None:
        assert line.endswith(b"\n")
        self.lines.append(json.loads(line))


async def judged(target: str, sink: ResultSink, *texts: bytes, window: int = 16) -> Tally:
    async with AsyncVerifier(target) as verifier:
        return await BatchRun(verifier, sink, window_lines=window).run(lines_of(*texts))


# Lines ------------------------------------------------------------------------------------------


@given(st.lists(st.binary(max_size=40)), st.integers(1, 50))
def test_chunks_make_no_difference_to_lines(parts: list[bytes], size: int) -> None:
    whole = b"".join(parts)
    splitter = LineSplitter()
    lines = [
        line.text
        for start in range(0, len(whole), size)
        for line in splitter.feed(whole[start : start + size])
    ] + [line.text for line in splitter.end()]

    assert lines == io.BytesIO(whole).readlines()


def test_a_line_that_is_too_long_costs_no_memory_and_ends_nothing() -> None:
    splitter = LineSplitter(maximum_bytes=10)
    lines = [
        line for chunk in (b"ok\n", *[b"x" * 9] * 9, b"\nfine\n") for line in splitter.feed(chunk)
    ]

    assert [(line.text, line.size_bytes) for line in lines] == [
        (b"ok\n", 3),
        (None, 82),
        (b"fine\n", 5),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(b"not json", "no VerificationSpec", id="not-json"),
        pytest.param(b"[]", "no VerificationSpec", id="a-list"),
        pytest.param(b"{}", "problem", id="empty"),
        pytest.param(b'{"candidat": {}}', "candidat", id="unknown-field"),
        pytest.param(b"\xff\xfe", "UTF-8", id="not-utf-8"),
        pytest.param(b"[" * 200_000, "", id="200000-brackets"),
        pytest.param(b'{"candidate":' * 100_000, "", id="100000-objects"),
        pytest.param(b'{"candidate": {"source": "\\ud800"}}', "", id="lone-surrogate"),
        pytest.param(b'{"limits": {"memoryBytes": 1e400}}', "", id="infinite"),
        pytest.param(b'{"limits": {"memoryBytes": ' + b"9" * 5000 + b"}}", "", id="long-number"),
        pytest.param(b'{"problem": {}, "problem": {}}', "", id="duplicate-key"),
        pytest.param(b"\x00" * 10, "", id="nul"),
        pytest.param(b"null", "", id="null"),
        pytest.param(b'"\xe2\x80\xa8"', "", id="text"),
    ],
)
def test_a_bad_line_is_an_error_that_names_the_line(text: bytes, said: str) -> None:
    entry = parse_line(Line(number=7, size_bytes=len(text), text=text))

    assert isinstance(entry.error, InvalidSpec)
    assert said in str(entry.error)
    assert entry.error.facts["line"] == "7"
    assert len(str(entry.error)) < 1000


@given(st.binary(max_size=200))
def test_no_line_can_end_a_run(text: bytes) -> None:
    entry = parse_line(Line(number=1, size_bytes=len(text), text=text))

    assert (entry.spec is None) != (entry.error is None)


def test_a_bad_line_keeps_the_ids_that_it_has() -> None:
    text = b'{"problem": {"problem_id": "p"}, "candidate": {"candidateId": "c"}, "oops": 1}'
    entry = parse_line(Line(number=1, size_bytes=len(text), text=text))

    assert (entry.problem_id, entry.candidate_id) == ("p", "c")


# Runs -------------------------------------------------------------------------------------------


async def test_results_are_in_the_order_of_the_input(target: str) -> None:
    words = ["wait 0.1 then accept", "reject", "unsure", "INVALID_SPEC", "accept"]
    sink = Collected()
    tally = await judged(target, sink, *(spec_line(word, n) for n, word in enumerate(words)))

    assert [line["candidateId"] for line in sink.lines] == ["0", "1", "2", "3", "4"]
    assert sink.lines[0]["verdict"]["outcome"] == "OUTCOME_ACCEPTED"
    assert sink.lines[3]["error"]["code"] == 3
    assert (tally.accepted, tally.rejected, tally.inconclusive, tally.errors) == (2, 1, 1, 1)


async def test_a_bad_line_ends_nothing(target: str) -> None:
    sink = Collected()
    await judged(target, sink, spec_line("accept"), b"{oops}\n", b"\n", spec_line("reject"))

    assert [sorted(line)[-1] for line in sink.lines] == ["verdict", "problemId", "verdict"]
    info = sink.lines[1]["error"]["details"][0]
    assert (info["reason"], info["metadata"]) == ("INVALID_SPEC", {"line": "2"})


async def test_a_full_queue_is_waited_for(target: str, service: MiniatureService) -> None:
    service.failures = [QueueFull("Full.", retry_after_seconds=0.01) for _ in range(20)]
    tally = await judged(target, Collected(), *(spec_line("accept", n) for n in range(10)))

    assert (tally.accepted, tally.errors) == (10, 0)


async def test_the_window_bounds_what_is_in_hand(target: str) -> None:
    read = 0

    async def lines() -> AsyncIterator[Line]:
        nonlocal read
        async for line in lines_of(*(spec_line("accept", n) for n in range(1, 200))):
            read += 1
            yield line

    sink = Collected()

    async def all_lines() -> AsyncIterator[Line]:
        async for line in lines_of(spec_line("wait 0.2 then accept")):
            yield line
        async for line in lines():
            if not sink.lines:
                assert read <= 9
            yield line

    async with AsyncVerifier(target) as verifier:
        await BatchRun(verifier, sink, window_lines=8).run(all_lines())
    assert len(sink.lines) == 200


async def test_memory_does_not_grow_with_the_input(target: str) -> None:
    class Nowhere(Collected):
        def write(self, line: bytes) -> None:
            pass

    async def bad_lines() -> AsyncIterator[Line]:
        splitter = LineSplitter()
        for number in range(20_000):
            if number == 18_000:  # tracing is slow, and what grows grows to the end
                tracemalloc.start()
            for line in splitter.feed(b'{"problem": 3, "x": "' + b"x" * 400 + b'"}\n'):
                yield line

    async with AsyncVerifier(target) as verifier:
        tally = await BatchRun(verifier, Nowhere()).run(bad_lines())
        left, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()

    assert tally.errors == 20_000
    assert left < 200 * 2**10
    assert peak < 2**20


async def test_a_server_that_goes_away_ends_the_run_and_keeps_what_is_written(
    tmp_path: Path,
) -> None:
    never = RetryPolicy(maximum_attempts=1)
    async with AsyncVerifier("127.0.0.1:1", retries=never) as verifier:
        with pytest.raises(ServerUnreachable):
            await BatchRun(verifier, Collected()).run(lines_of(spec_line("accept")))


# Going on ---------------------------------------------------------------------------------------


async def resumed(target: str, path: Path, *texts: bytes) -> Tally:
    with path.open("r+b") as file:
        return await judged(target, KeptOutput(file), *texts)


async def test_a_run_goes_on_after_its_last_whole_line(
    target: str, service: MiniatureService, tmp_path: Path
) -> None:
    lines = [spec_line("accept", n) for n in range(6)]
    path = tmp_path / "out.jsonl"
    path.touch()
    await resumed(target, path, *lines)
    whole = path.read_bytes()
    for cut in (0, 5, len(whole) // 2, len(whole) - 1, len(whole)):
        path.write_bytes(whole[:cut])
        tally = await resumed(target, path, *lines)
        assert path.read_bytes() == whole
        assert tally.kept == whole[:cut].count(b"\n")
        assert tally.accepted == 6


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        pytest.param(b'{"problemId":"q","candidateId":"0","verdict":{}}\n', "no file", id="odd"),
        pytest.param(
            b'{"problemId":"q","candidateId":"0","error":{"code":3}}\n', "problem 'q'", id="other"
        ),
        pytest.param(b"my diary\n", "no file of verdicts", id="text"),
        pytest.param(b"my diary", "no file of verdicts", id="torn-text"),
        pytest.param(b'{"problemId":"p","candidateId":"0","error":{}}\n' * 3, "more", id="longer"),
    ],
)
async def test_another_inputs_output_is_left_alone(
    target: str, tmp_path: Path, kept: bytes, said: str
) -> None:
    path = tmp_path / "out.jsonl"
    path.write_bytes(kept)
    with pytest.raises(OutputMismatch, match=said):
        await resumed(target, path, spec_line("accept"), spec_line("accept"))

    assert path.read_bytes() == kept


async def test_a_cancelled_run_leaves_whole_lines(target: str, tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.touch()
    texts = [spec_line("accept", 0), spec_line("accept", 1), spec_line("wait 60 then accept", 2)]
    run = asyncio.create_task(resumed(target, path, *texts))
    while path.read_bytes().count(b"\n") < 2:  # noqa: ASYNC110  # a file has no events
        await asyncio.sleep(0.01)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run

    assert path.read_bytes().count(b"\n") == 2
    assert path.read_bytes().endswith(b"\n")
