"""Fresh samples against repairs at equal token budgets, with a small model on this machine.

Each problem is worked at several times by either strategy, one sample after the other, until a
candidate is accepted or the budget of generated tokens is spent. Both begin with the same sample.
Problems are the clusters of the interval on the difference.

    python -m benchmarks.proposer --model qwen2.5-coder-0.5b --recording FILE

Completions are kept in the recording, and taken from there where they are: a second run asks no
model. Without `--model`, no model is asked at all.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.measuring import machine
from clients.local import local_verifier
from proposer.campaigns.budget import UNLIMITED
from proposer.campaigns.campaign import Campaign, Plan
from proposer.campaigns.desk import Judge
from proposer.campaigns.record import CampaignRecord
from proposer.estimation.intervals import Interval, logit_t, student_t
from proposer.estimation.ratios import Ratio
from proposer.models import Model, Sampling
from proposer.models.llama import llama_server
from proposer.models.local_models import LOCAL_MODELS, find_model
from proposer.models.openai_http import OpenAIModel
from proposer.models.recordings import Recorded, RecordingModel, ReplayingModel, read_recording
from proposer.problems import Task, read_tasks
from proposer.strategies import make_strategy, options_of

PROBLEMS: Final = Path(__file__).resolve().parents[1] / "tests/proposer/data/problems.jsonl"
SAMPLING: Final = Sampling(temperature=0.8, max_tokens=160)
ARMS: Final = {
    "resample": {"width": "1"},
    "self-repair": {"width": "1", "rounds": "2"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """What came of one strategy."""

    solved: np.ndarray[tuple[int], np.dtype[np.float64]]
    """Shape (problems,): how many of the repetitions were solved."""
    samples: int
    tokens: int
    """Generated."""
    prompt_tokens: int


async def work(
    strategy: str, tasks: Sequence[Task], repeats: int, tokens: int, model: Model, judge: Judge
) -> Arm:
    """One strategy over all problems, each several times."""
    made = make_strategy(strategy, ARMS[strategy])
    plan = Plan(
        strategy_name=strategy,
        strategy_options=options_of(made),
        sampling=SAMPLING,
        budget=replace(UNLIMITED, tokens=tokens),
        decoding=32,
    )
    repeated = [task.renamed(f"{task.problem_id}#{n}") for task in tasks for n in range(repeats)]
    with CampaignRecord(":memory:") as record:
        await Campaign(repeated, made, plan, model=model, judge=judge, record=record).run()
        states = [standing.state for standing in record.standings()]
        kept = [one for task in repeated for one in record.samples(task.problem_id)]
    if set(states) - {"solved", "unsolved"}:
        sys.exit(f"{strategy}: some problems have no end of their own: {sorted(set(states))}.")
    usages = [one.completion.usage for one in kept if one.completion is not None]
    solved = np.array(states).reshape(len(tasks), repeats) == "solved"
    return Arm(
        solved=solved.sum(axis=1).astype(np.float64),
        samples=len(usages),
        tokens=sum(usage.completion_tokens for usage in usages),
        prompt_tokens=sum(usage.prompt_tokens for usage in usages),
    )


def rate(arm: Arm, repeats: int) -> Interval:
    """Share of repetitions solved; problems are the clusters."""
    sizes = np.full(len(arm.solved), float(repeats))
    ratio = Ratio(
        name="solved share",
        numerators=arm.solved,
        denominators=sizes,
        observations=int(sizes.sum()),
    )
    return logit_t(ratio)


def difference(first: Arm, second: Arm, repeats: int) -> Interval:
    """Paired difference of the two shares, problem by problem."""
    sizes = np.full(len(first.solved), float(repeats))
    ratio = Ratio(
        name="difference of solved shares",
        numerators=first.solved - second.solved,
        denominators=sizes,
        observations=int(sizes.sum()),
        fraction=False,
    )
    return student_t(ratio)


async def compare(
    model: Model, judge: Judge, *, problems: int = 0, repeats: int = 10, tokens: int = 320
) -> dict[str, Arm]:
    """Both strategies on the same problems."""
    tasks = read_tasks(PROBLEMS)[: problems or None]
    return {name: await work(name, tasks, repeats, tokens, model, judge) for name in ARMS}


def _recorded(path: Path) -> list[Recorded]:
    return list(read_recording(path)) if path.exists() else []


@contextlib.asynccontextmanager
async def recorded_model(path: Path, local: str, threads: int) -> AsyncIterator[Model]:
    """What the recording holds, and a local model or a server for the rest."""
    recorded = _recorded(path)
    if not local:
        yield ReplayingModel(recorded)
        return
    async with contextlib.AsyncExitStack() as stack:
        url = local
        if local in LOCAL_MODELS:
            server = llama_server(find_model(local), threads=threads)
            url = await stack.enter_async_context(server)
        asked = RecordingModel(OpenAIModel(url), path)
        model = ReplayingModel(recorded, otherwise=asked)
        yield model
        await model.close()


async def main(arguments: argparse.Namespace) -> None:
    """Compares, and prints."""
    from verifier_service.settings import Settings

    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(store_path=Path(folder) / "verdicts.sqlite3", log_level="warning")
        async with (
            recorded_model(arguments.recording, arguments.model, arguments.threads) as model,
            local_verifier(settings) as judge,
        ):
            arms = await compare(
                model,
                judge,
                problems=arguments.problems,
                repeats=arguments.repeats,
                tokens=arguments.tokens,
            )
    print(f"{arguments.tokens} tokens a repetition, {arguments.repeats} repetitions; {machine()}")
    for name, arm in arms.items():
        share = rate(arm, arguments.repeats)
        print(
            f"{name:12} solved {share.estimate:.3f} [{share.lower:.3f}, {share.upper:.3f}] "
            f"with {arm.samples} samples, {arm.tokens} tokens, {arm.prompt_tokens} of prompts"
        )
    apart = difference(arms["resample"], arms["self-repair"], arguments.repeats)
    print(
        f"resample - self-repair, paired by problem: {apart.estimate:+.3f} "
        f"[{apart.lower:+.3f}, {apart.upper:+.3f}]"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model", default="", help="a local model, or the URL of a server")
    parser.add_argument("--recording", type=Path, required=True)
    parser.add_argument("--problems", type=int, default=0)
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--tokens", type=int, default=320)
    parser.add_argument("--threads", type=int, default=1)
    asyncio.run(main(parser.parse_args()))
