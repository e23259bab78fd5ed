"""`verifier demo`: real candidates, real verdicts, in a table."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from clients.command_line import options, proto_json
from clients.command_line.batch_run import AnyVerifier
from clients.command_line.demo_model import INTRODUCTION, NoModel, Proposed, propose
from clients.command_line.exit_codes import ExitCode
from clients.command_line.printing import print_json
from clients.command_line.rendering import (
    OUTCOME_STYLES,
    duration_text,
    error_console,
    failing_case,
    output_console,
    visible,
)
from clients.command_line.repair_commands import repaired_json, repaired_view
from clients.command_line.service import Service, run_async
from verifier_service.model import LogicEvidence, Outcome, ServiceError, Verdict, VerificationSpec
from verifier_service.model.lean_repair import Repaired, RepairEnding
from verifier_service.validation import CRITERION_NAMES

__all__ = ["Sample", "demo", "load_samples"]

_GROUPS: Final = {
    "right": "Right: these candidates pass all tests of their problem.",
    "weak-tests": "Accepted, and wrong all the same: the problem's few tests never ask what it "
    "does with True, which Python counts as an integer. A verdict is as good as its tests, and "
    "says so: its assurance is TESTED.",
    "wrong": "Wrong: the first case that fails is named.",
    "broken": "Broken: these candidates do not load, or raise; the line is in the candidate as "
    "its author wrote it.",
    "endless": "Endless: a time limit is part of the task, and CPU time decides, not the clock.",
    "cheat": "Cheats, written for this demo: none is accepted, since what decides never runs in "
    "the candidate's process.",
    "pytest": "A pytest suite imports the candidate, who can patch pytest: suites that expect "
    "something else, and look the same, find out. The verdict says that it is worth less.",
    "logic": "Formalisations of English questions whose answers are known: one leads to the right "
    "answer, one to the wrong one, and one assumes what it should show.",
    "lean": "Proofs in Lean. The cheats compile without an error or a warning; what they compile "
    "to is audited, and checked by the kernel where they never ran.",
}

_BROKEN: Final = "nearly-right"
"""The candidate that `verifier repair lean` is shown by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One record of `clients/demo/samples.jsonl`."""

    group: str
    name: str
    author: str
    expected: Outcome
    spec: VerificationSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    sample: Sample
    result: Verdict | ServiceError

    @property
    def as_recorded(self) -> bool:
        return isinstance(self.result, Verdict) and self.result.outcome is self.sample.expected


def demo(
    server: options.ServerOption = None,
    token: options.TokenOption = None,
    token_file: options.TokenFileOption = None,
    tls: options.TlsOption = False,
    ca_file: options.CaFileOption = None,
    config: options.ConfigOption = None,
    as_json: options.JsonOption = False,
) -> int:
    """Judges real solutions that models wrote, and some cheats, and explains the verdicts.

    Exit codes: 0 all verdicts are as recorded, 1 one is not.
    """
    service = Service(
        server=server,
        token=token,
        token_file=token_file,
        tls=tls,
        ca_file=ca_file,
        config=config,
    )
    samples = load_samples()
    judged, repaired = run_async(_judge(service, samples))
    console = Console(quiet=True) if as_json else output_console()
    _print(console, judged, repaired)
    proposed = _propose(service, console)
    console.print(_closing(judged), soft_wrap=True)
    if as_json:
        print_json(
            {
                "results": [_as_json(one) for one in judged],
                "repaired": None if repaired is None else repaired_json(repaired),
                "proposed": [one.to_json() for one in proposed],
            }
        )
    mended = repaired is None or repaired.ending is RepairEnding.PROVED
    as_recorded = mended and all(one.as_recorded for one in judged)
    return ExitCode.ACCEPTED if as_recorded else ExitCode.REJECTED


def load_samples() -> list[Sample]:
    """The records that come with the package."""
    text = resources.files("clients").joinpath("demo/samples.jsonl").read_text("utf-8")
    return [_sample(json.loads(line)) for line in text.splitlines()]


def _sample(record: Mapping[str, Any]) -> Sample:
    return Sample(
        group=record["group"],
        name=record["name"],
        author=record["author"],
        expected=Outcome[record["expectedOutcome"].removeprefix("OUTCOME_")],
        spec=proto_json.spec_from_json(json.dumps(record["spec"])),
    )


async def _judge(
    service: Service, samples: Sequence[Sample]
) -> tuple[list[_Judged], Repaired | None]:
    """All verdicts, and what a repair makes of the proof that is nearly right."""
    results: dict[int, Verdict | ServiceError] = {}
    repaired = None
    with error_console().status(f"Judging {len(samples)} candidates …"):
        async with service.open() as verifier:
            samples = await _offered(verifier, samples)
            async for item in verifier.batch([sample.spec for sample in samples]):
                results[item.index] = item.result
            for sample in samples:
                if sample.spec.candidate.candidate_id == _BROKEN:
                    repaired = await verifier.repairs.repair(sample.spec)
    judged = [_Judged(sample=one, result=results[index]) for index, one in enumerate(samples)]
    return judged, repaired


async def _offered(verifier: AnyVerifier, samples: Sequence[Sample]) -> list[Sample]:
    """Those that the service has an executor for: not every machine has a Lean."""
    capabilities = await verifier.capabilities()
    offered = {criterion for one in capabilities.environments for criterion in one.criteria}
    return [
        sample
        for sample in samples
        if CRITERION_NAMES[type(sample.spec.problem.criterion)] in offered
    ]


def _print(console: Console, judged: Sequence[_Judged], repaired: Repaired | None) -> None:
    for group, explanation in _GROUPS.items():
        members = [one for one in judged if one.sample.group == group]
        if members:
            console.print(Text(explanation, "bold"))
            console.print(_table(members))
            console.print()
    if repaired is not None:
        console.print(Text("The one that is nearly right, mended without any model:", "bold"))
        console.print(repaired_view(repaired), soft_wrap=True)
        console.print()


def _propose(service: Service, console: Console) -> list[Proposed]:
    """What a small model writes, shown as it is judged; nothing where the model is not here."""
    console.print(Text(INTRODUCTION, "bold"))
    proposed: list[Proposed] = []
    try:
        proposed = run_async(propose(service, lambda one: console.print(one.text, soft_wrap=True)))
    except NoModel as missing:
        console.print(f"It is left out here. {missing}", markup=False)
    else:
        accepted = sum(one.is_accepted for one in proposed)
        console.print(f"{len(proposed)} candidates were judged, and {accepted} accepted.")
    console.print()
    return proposed


def _table(judged: Sequence[_Judged]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("problem, and who wrote it", width=26, overflow="fold")
    table.add_column("verdict, and why", width=19, overflow="fold")
    table.add_column("what failed", ratio=1, overflow="fold")
    table.add_column("time", width=6, justify="right", no_wrap=True)
    table.expand = True
    for one in judged:
        table.add_row(*_row(one))
    return table


def _row(judged: _Judged) -> Iterator[str | Text]:
    sample, result = judged.sample, judged.result
    problem = Text.assemble((sample.name, "bold"), f"\n{sample.spec.problem.problem_id}")
    yield problem.append(f"\n{sample.author}", "dim")
    if isinstance(result, ServiceError):
        yield Text(f"no verdict\n{result.reason}", "bold red")
        yield visible(str(result))
        yield ""
        return
    verdict = Text.assemble((result.outcome.name, OUTCOME_STYLES[result.outcome]))
    verdict.append(f"\n{visible(result.reason)}")
    if not judged.as_recorded:
        verdict.append(f"\nrecorded: {sample.expected.name}", "bold red")
    yield verdict
    yield _what_failed(result)
    yield duration_text(result.provenance.usage.wall_seconds)


def _what_failed(verdict: Verdict) -> str:
    """The failing case, and the candidate's line."""
    if verdict.outcome is Outcome.ACCEPTED:
        return ""
    if isinstance(verdict.evidence, LogicEvidence):
        return visible(verdict.summary)
    case = failing_case(verdict)
    found = f"test {case.name}: {case.message}" if case is not None else ""
    for diagnostic in verdict.diagnostics:
        if (where := diagnostic.range) is not None:
            said = "" if diagnostic.message in found else f": {diagnostic.message}"
            found += f"\nline {where.start_line} of the candidate{said}"
            break
    text = visible(found.strip() or verdict.summary)
    return text if len(text) <= 300 else text[:300] + " …"


def _closing(judged: Sequence[_Judged]) -> Text:
    wrong = sum(not one.as_recorded for one in judged)
    text = Text()
    if wrong:
        text.append(f"{wrong} of {len(judged)} verdicts are not as recorded.\n", "bold red")
    else:
        text.append(f"All {len(judged)} verdicts are as recorded.\n", "bold green")
    here = Path(str(resources.files("clients").joinpath("demo/samples.jsonl")))
    text.append("Next:\n")
    text.append("  echo 'def add(a, b): return a - b' > add.py\n")
    text.append("  echo 'assert add(1, 2) == 3' > test_add.py\n")
    text.append("  verifier check python add.py --tests test_add.py\n")
    text.append("  verifier doctor\n")
    text.append("  verifier serve\n")
    text.append(f"The candidates are in {shlex.quote(str(here))}.", "dim")
    return text


def _as_json(judged: _Judged) -> dict[str, Any]:
    value: dict[str, Any] = {
        "group": judged.sample.group,
        "problemId": judged.sample.spec.problem.problem_id,
        "candidateId": judged.sample.spec.candidate.candidate_id,
        "asRecorded": judged.as_recorded,
    }
    if isinstance(judged.result, Verdict):
        value["verdict"] = proto_json.verdict_json(judged.result)
    else:
        value["error"] = proto_json.error_json(judged.result)
    return value
