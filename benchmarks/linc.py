"""LINC's saved samples, through the strategy `linc` and the service.

    python -m benchmarks.linc DATA

DATA is a folder with `linc_llm_formalisations.jsonl.gz`: formalisations that models wrote, with
LINC's verdict on each and the label of each problem. It is no part of this project. A model that
says them again stands in for the ones that wrote them. Three votes are compared with LINC's own:
as LINC counts, by its reading of formulas; by the service's reading; and calibrated on the other
half of the problems.

LINC's checker failed on some samples; strictly, these are left out, and then heard as well.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import random
import sys
import tempfile
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.measuring import machine
from clients.local import local_verifier
from clients.pass_rate import PassRate
from proposer.campaigns.campaign import Campaign, Plan
from proposer.campaigns.desk import Judge
from proposer.campaigns.record import CampaignRecord
from proposer.models import Request
from proposer.models.scripted import ScriptedModel
from proposer.problems import Task, task_from_json
from proposer.strategies import make_strategy, options_of
from proposer.strategies.linc import Linc, calibration_json
from verifier_service import wire
from verifier_service.model import Entailment
from verifier_service.settings import Settings
from verifier_service.v1 import verdict_pb2
from verifier_service.voting import Calibration, majority

LABELS: Final = {
    "True": Entailment.ENTAILED,
    "False": Entailment.CONTRADICTED,
    "Uncertain": Entailment.INDEPENDENT,
    "Error": Entailment.UNKNOWN,
}
Samples = Mapping[str, Sequence[dict[str, Any]]]
"""The samples of each problem of one run."""


def read(path: Path) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Runs by name, problems by number, samples in order."""
    runs: dict[str, dict[str, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            record = json.loads(line)
            runs[record["run"]][str(record["problem"])].append(record)
    return runs


def said(record: dict[str, Any]) -> str:
    """A sample as LINC's models wrote them."""
    texts = [*record["premises_fol"], record["conclusion_fol"]]
    return "".join(f"FOL:\t{text}\n" for text in texts)


def task(number: str, record: dict[str, Any], syntax: str) -> Task:
    """The question that the samples answer."""
    *premises, conclusion = record["text"]
    statement = "\n".join(["Premises:", *premises, "Conclusion:", conclusion])
    problem = {"problemId": number, "logic": {"syntax": syntax}}
    return task_from_json({"problem": problem, "statement": statement}, number)


async def answers(
    problems: Samples, judge: Judge, syntax: str, options: dict[str, str]
) -> tuple[dict[str, str], dict[str, list[Entailment]]]:
    """What was voted for each problem, and the votes."""
    strategy = make_strategy("linc", {"samples": "10", "width": "1", **options})
    assert isinstance(strategy, Linc)
    left = {number: deque(samples) for number, samples in problems.items()}

    def again(request: Request) -> str:
        samples = left[request.session]
        return said(samples.popleft()) if samples else ""

    tasks = [task(number, samples[0], syntax) for number, samples in problems.items()]
    plan = Plan(strategy_name="linc", strategy_options=options_of(strategy), problems_at_once=4)
    with CampaignRecord(":memory:") as record:
        model = ScriptedModel(again)
        await Campaign(tasks, strategy, plan, model=model, judge=judge, record=record).run()
        voted = {one.problem_id: one.answer for one in record.standings()}
        votes = {
            number: [
                vote
                for kept in record.judgements(number)
                if kept.verdict is not None
                and (vote := strategy.vote(_verdict(kept.verdict))) is not None
            ]
            for number in problems
        }
    return voted, votes


def _verdict(kept: bytes) -> Any:
    return wire.verdict_from_proto(verdict_pb2.Verdict.FromString(kept))


async def calibrated(
    problems: Samples, votes: Mapping[str, Sequence[Entailment]], judge: Judge, folder: Path
) -> dict[str, str]:
    """Votes of each half, weighed by what votes were worth in the other."""
    numbers = sorted(problems, key=int)
    random.Random(0).shuffle(numbers)
    half = len(numbers) // 2
    voted: dict[str, str] = {}
    for known, asked in ((numbers[:half], numbers[half:]), (numbers[half:], numbers[:half])):
        pairs = [(gold(problems[number]), votes[number]) for number in known]
        path = folder / "weights.json"
        path.write_text(calibration_json(Calibration.fitted(pairs)), encoding="utf-8")
        options = {"rule": "calibrated", "calibration": str(path)}
        part = {number: problems[number] for number in asked}
        voted |= (await answers(part, judge, "", options))[0]
    return voted


def gold(samples: Sequence[dict[str, Any]]) -> Entailment:
    """The label."""
    return LABELS[samples[0]["gold"]]


def accuracy(problems: Samples, voted: Mapping[str, str]) -> str:
    """Share of problems answered as labelled, with its interval."""
    right = [voted[number] == gold(samples).value for number, samples in problems.items()]
    rate = PassRate.of(sum(right), len(right))
    return f"{rate.rate:.3f} [{rate.lower:.3f}, {rate.upper:.3f}]"


def heard(problems: Samples) -> Samples:
    """The samples without those that LINC could not use.

    What it saved of these are formulas, where it had failed on the text around them: said again,
    many can be read.
    """
    unheard = {"premises_fol": [], "conclusion_fol": ""}
    return {
        number: [
            record | unheard if record["linc_verdict"] == "Error" else record for record in samples
        ]
        for number, samples in problems.items()
    }


def by_linc(samples: Iterable[dict[str, Any]]) -> str:
    """LINC's own vote, from the verdicts that it saved."""
    chosen = majority(LABELS[record["linc_verdict"]] for record in samples)
    return "" if chosen is None else chosen.value


async def main(arguments: argparse.Namespace) -> None:
    """Prints a line for each run."""
    path = arguments.data / "linc_llm_formalisations.jsonl.gz"
    if not path.is_file():
        sys.exit(f"{path} is not there. Give the folder that holds it.")
    print(f"Accuracy of votes; {machine()}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = Settings(store_path=folder / "verdicts.sqlite3", log_level="warning")
        async with local_verifier(settings) as judge:
            for run, problems in read(path).items():
                if arguments.only not in run:
                    continue
                own = {number: by_linc(samples) for number, samples in problems.items()}
                strict, _ = await answers(heard(problems), judge, "strict", {"rule": "linc"})
                all_strict, _ = await answers(problems, judge, "strict", {"rule": "linc"})
                read_well, votes = await answers(problems, judge, "", {"early_stop": "false"})
                weighed = await calibrated(problems, votes, judge, folder)
                same = sum(strict[number] == own[number] for number in own)
                print(f"{run}, {len(problems)} problems")
                print(f"  LINC, by its saved verdicts  {accuracy(problems, own)}")
                print(f"  strict reading, LINC's rule  {accuracy(problems, strict)}", end="")
                print(f", the same answer in {same} of {len(own)}")
                print(f"  … and of samples LINC lost   {accuracy(problems, all_strict)}")
                print(f"  own reading, majority        {accuracy(problems, read_well)}")
                print(f"  own reading, calibrated      {accuracy(problems, weighed)}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("--only", default="", help="runs whose names hold this")
    asyncio.run(main(parser.parse_args()))
