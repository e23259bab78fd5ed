"""Reference solutions of HumanEval and MBPP: every one is accepted, out of its own reach."""

from __future__ import annotations

import asyncio
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from tests.python_tests.conftest import Verify, evidence
from verifier_service.model import Outcome, TestCode, Verdict, VerdictChannel

DATA = Path(__file__).resolve().parents[1] / "data"


def problems(name: str) -> list[dict[str, Any]]:
    with gzip.open(DATA / name, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


async def humaneval(problem: dict[str, Any], verify: Verify) -> Verdict:
    tests = TestCode(source=problem["test"], entry_point=problem["entry_point"])
    return await verify(problem["canonical_solution"], tests, preamble=problem["prompt"])


async def mbpp(problem: dict[str, Any], verify: Verify) -> Verdict:
    tests = TestCode(source=problem["asserts"], entry_point=problem["entry_point"])
    return await verify(problem["solution"], tests)


@pytest.mark.parametrize(
    ("name", "judged", "count"),
    [
        pytest.param("humaneval.jsonl.gz", humaneval, 164, id="humaneval"),
        pytest.param("mbpp.jsonl.gz", mbpp, 378, id="mbpp"),
    ],
)
async def test_all_are_accepted(name: str, judged: Any, count: int, verify: Verify) -> None:
    two_at_a_time = asyncio.Semaphore(2)

    async def refused(problem: dict[str, Any]) -> str | None:
        async with two_at_a_time:
            verdict = await judged(problem, verify)
        separated = evidence(verdict).channel is VerdictChannel.SEPARATED
        if verdict.outcome is Outcome.ACCEPTED and separated:
            return None
        return f"{problem['task_id']}: {verdict.summary}"

    said = await asyncio.gather(*map(refused, problems(name)))

    assert len(said) == count
    assert [text for text in said if text is not None] == []
