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
from clients.command_line.service import Service, run_async
from verifier_service.model import Outcome, ServiceError, Verdict, VerificationSpec

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
}


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
    judged = run_async(_judge(service, samples))
    if as_json:
        print_json({"results": [_as_json(one) for one in judged]})
    else:
        _print(output_console(), judged)
    return ExitCode.ACCEPTED if all(one.as_recorded for one in judged) else ExitCode.REJECTED


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


async def _judge(service: Service, samples: Sequence[Sample]) -> list[_Judged]:
    results: dict[int, Verdict | ServiceError] = {}
    with error_console().status(f"Judging {len(samples)} candidates …"):
        async with service.open() as verifier:
            async for item in verifier.batch([sample.spec for sample in samples]):
                results[item.index] = item.result
    return [_Judged(sample=one, result=results[index]) for index, one in enumerate(samples)]


def _print(console: Console, judged: Sequence[_Judged]) -> None:
    for group, explanation in _GROUPS.items():
        members = [one for one in judged if one.sample.group == group]
        if members:
            console.print(Text(explanation, "bold"))
            console.print(_table(members))
            console.print()
    console.print(_closing(judged), soft_wrap=True)


def _table(judged: Sequence[_Judged]) -> Table:
    table = Table(box=None, pad_edge=True, header_style="dim")
    for column in ("problem", "written by", "verdict", "reason", "what failed", "time"):
        table.add_column(column, overflow="fold", no_wrap=column in ("verdict", "time"))
    for one in judged:
        table.add_row(*_row(one))
    return table


def _row(judged: _Judged) -> Iterator[str | Text]:
    sample, result = judged.sample, judged.result
    yield f"{sample.name}\n{sample.spec.problem.problem_id}"
    yield sample.author
    if isinstance(result, ServiceError):
        yield Text("no verdict", "bold red")
        yield result.reason
        yield visible(str(result))
        yield ""
        return
    verdict = Text(result.outcome.name, OUTCOME_STYLES[result.outcome])
    if not judged.as_recorded:
        verdict.append(f"\n(recorded: {sample.expected.name})", "bold red")
    yield verdict
    yield visible(result.reason)
    yield _what_failed(result)
    yield duration_text(result.provenance.usage.wall_seconds)


def _what_failed(verdict: Verdict) -> str:
    """The failing case, and the candidate's line."""
    if verdict.outcome is Outcome.ACCEPTED:
        return ""
    parts = []
    if (case := failing_case(verdict)) is not None:
        first = case.message.strip().splitlines()[:3]
        parts.append("\n".join([case.name, *first]).strip())
    located = [diagnostic for diagnostic in verdict.diagnostics if diagnostic.range is not None]
    if located and located[0].range is not None:
        parts.append(f"line {located[0].range.start_line}: {located[0].message}")
    text = "\n".join(parts) or verdict.summary
    return visible(text if len(text) <= 240 else text[:240] + " …")


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
