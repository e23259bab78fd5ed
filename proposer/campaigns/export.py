"""The record of a campaign as JSON Lines: what was asked, what came, and what became of it.

A line for each sample, problem by problem. With its `verdict`, a line is also one that
`verifier batch` writes. Nothing in it depends on when or where the campaign ran, but for the
verdict's provenance.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from google.protobuf import json_format

from proposer.campaigns.record import CampaignRecord, KeptJudgement, KeptSample
from verifier_service.v1 import verdict_pb2

__all__ = ["export_lines"]


def export_lines(record: CampaignRecord) -> Iterator[str]:
    """The lines, each with its end."""
    for standing in record.standings():
        judgements = {kept.place: kept for kept in record.judgements(standing.problem_id)}
        samples = sorted(record.samples(standing.problem_id), key=lambda kept: kept.place)
        for sample in samples:
            line = _line(standing.problem_id, sample, judgements.pop(sample.place, None))
            line["problemState"] = standing.state
            yield _text(line)
        for judgement in sorted(judgements.values(), key=lambda kept: kept.place):
            yield _text(_line(standing.problem_id, None, judgement))


def _line(
    problem_id: str, sample: KeptSample | None, judgement: KeptJudgement | None
) -> dict[str, Any]:
    place = sample.place if sample else judgement.place if judgement else ""
    line: dict[str, Any] = {"problemId": problem_id, "candidateId": place}
    if judgement is not None and judgement.verdict is not None:
        verdict = verdict_pb2.Verdict.FromString(judgement.verdict)
        line["verdict"] = json_format.MessageToDict(verdict)
    if judgement is not None:
        line["judgement"] = {
            "outcome": judgement.outcome,
            "reason": judgement.reason,
            "message": judgement.message,
            "candidate": judgement.candidate,
            "specDigest": judgement.spec_digest,
        }
    if sample is not None:
        line["sample"] = {
            "state": sample.state,
            "failures": list(sample.failures),
            "requestDigest": sample.request_digest,
            "request": sample.request.to_json(),
            "completion": sample.completion.to_json() if sample.completion else None,
        }
    return line


def _text(line: dict[str, Any]) -> str:
    return json.dumps(line, ensure_ascii=True, separators=(",", ":")) + "\n"
