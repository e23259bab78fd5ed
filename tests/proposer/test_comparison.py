"""Fresh samples against repairs: a real model's completions, said again, and judged anew."""

from __future__ import annotations

import pytest

from benchmarks.proposer import compare, difference, rate
from clients.local import LocalVerifier
from proposer.models.recordings import ReplayingModel, read_recording
from tests.project.markdown import ROOT, rows

RECORDING = ROOT / "tests" / "proposer" / "data" / "repair.jsonl.gz"
PAGE = ROOT / "docs" / "proposer.md"
REPEATS, TOKENS = 10, 320


@pytest.mark.timeout(600)
async def test_a_recorded_model_does_as_is_documented(judge: LocalVerifier) -> None:
    model = ReplayingModel(read_recording(RECORDING))
    arms = await compare(model, judge, repeats=REPEATS, tokens=TOKENS)
    documented = {row[0]: row[1:] for row in rows(PAGE, "arm")}

    for name, arm in arms.items():
        solved = rate(arm, REPEATS)
        assert len(arm.solved) >= 20
        assert arm.tokens <= TOKENS * REPEATS * len(arm.solved)
        assert (
            f"{solved.estimate:.3f} [{solved.lower:.3f}, {solved.upper:.3f}]" == documented[name][0]
        )
        assert [f"{arm.samples}", f"{arm.tokens}", f"{arm.prompt_tokens}"] == documented[name][1:]
    apart = difference(arms["resample"], arms["self-repair"], REPEATS)
    told = f"{apart.estimate:+.3f} [{apart.lower:+.3f}, {apart.upper:+.3f}]"
    assert told in PAGE.read_text()
