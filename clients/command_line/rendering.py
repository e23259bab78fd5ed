"""Verdicts, errors and findings as people read them. Pure: from values to rich renderables.

Whatever a candidate may have written is shown with its control characters made visible, so that
it can't move the cursor, change colours or hide what follows.
"""

from __future__ import annotations

import datetime
import re
import time
from collections.abc import Iterable, Iterator
from typing import Final

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from clients.command_line.batch_run import Tally
from clients.command_line.findings import Finding, FindingState
from clients.pass_rate import PassRate
from verifier_service.model import (
    Assurance,
    Diagnostic,
    Entailment,
    FalsePositiveEstimate,
    LeanEvidence,
    LogicEvidence,
    Outcome,
    Output,
    PythonEvidence,
    Severity,
    SolverClaim,
    TestCaseResult,
    Verdict,
    VerdictChannel,
    Verification,
)

__all__ = [
    "OUTCOME_STYLES",
    "duration_text",
    "error_console",
    "failing_case",
    "findings_view",
    "output_console",
    "tally_text",
    "verdict_view",
    "verification_view",
    "verifications_view",
    "visible",
]

OUTCOME_STYLES: Final = {
    Outcome.ACCEPTED: "bold green",
    Outcome.REJECTED: "bold red",
    Outcome.INCONCLUSIVE: "bold yellow",
}

_SEVERITY_STYLES: Final = {
    Severity.ERROR: "red",
    Severity.WARNING: "yellow",
    Severity.INFO: "blue",
}

_STATE_STYLES: Final = {
    FindingState.OK: "green",
    FindingState.WARN: "yellow",
    FindingState.FAIL: "bold red",
}

_ASSURANCES: Final = {
    Assurance.UNSPECIFIED: "not stated",
    Assurance.TESTED: "tested: some inputs were tried",
    Assurance.BOUNDED: "bounded: every input up to a bound was covered",
    Assurance.SOLVED: "solved: a solver said so, unchecked",
    Assurance.ELABORATED: "elaborated: by Lean, in the candidate's own process",
    Assurance.REPLAYED: "replayed: re-checked where the candidate never ran",
    Assurance.CROSS_CHECKED: "cross-checked: a second checker agrees",
}

_CHANNELS: Final = {
    VerdictChannel.SEPARATED: "decided out of the candidate's reach",
    VerdictChannel.SHARED: "decided in the candidate's own interpreter, hardened",
}

_LABELS: Final = {
    Entailment.ENTAILED: "entailed",
    Entailment.CONTRADICTED: "contradicted",
    Entailment.INDEPENDENT: "independent",
    Entailment.UNKNOWN: "unknown",
    Entailment.INCONSISTENT_PREMISES: "inconsistent premises",
    Entailment.CONSISTENT_PREMISES: "consistent premises",
}
_DECISIVE: Final = {
    Entailment.ENTAILED: ("denied", "difference"),
    Entailment.CONTRADICTED: ("affirmed", "difference"),
    Entailment.INDEPENDENT: ("affirmed", "denied", "difference"),
    Entailment.UNKNOWN: ("affirmed", "denied", "difference"),
    Entailment.INCONSISTENT_PREMISES: ("premises",),
    Entailment.CONSISTENT_PREMISES: ("premises",),
}
"""The questions whose answers make up an answer."""
_CASES: Final = {
    "premises": "the premises hold",
    "affirmed": "the premises and the conclusion hold",
    "denied": "the premises hold and the conclusion fails",
    "difference": "the formula and the reference disagree",
}
_CONTRARY: Final = {
    "premises": "the premises can't hold together",
    "affirmed": "the premises and the conclusion can't hold together",
    "denied": "the conclusion can't fail where the premises hold",
    "difference": "the formula and the reference can't disagree",
}

_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_MOST_DIAGNOSTICS: Final = 10
_MOST_TAIL_LINES: Final = 8
_MOST_DECLARATIONS: Final = 30
_MOST_LINE_CHARACTERS: Final = 400


def output_console() -> Console:
    """Standard output; colours only where they can be seen and NO_COLOR is not set."""
    return Console(highlight=False, emoji=False, markup=False)


def error_console() -> Console:
    """Standard error."""
    return Console(stderr=True, highlight=False, emoji=False, markup=False)


def visible(text: str) -> str:
    """Text whose control characters can be seen, and do nothing."""
    plain = text.replace("\r\n", "\n").expandtabs(4)
    return _CONTROL.sub(lambda match: match.group().encode("unicode_escape").decode(), plain)


def verdict_view(
    verdict: Verdict, source: str = "", *, name: str = "candidate", explain: bool = False
) -> RenderableType:
    """A verdict, at a glance first, then in detail.

    Args:
        verdict: What to show.
        source: The candidate, to quote the lines that diagnostics are about.
        name: What to call it.
        explain: Whether to show all evidence of a question of logic.
    """
    parts: list[RenderableType] = [_headline(verdict)]
    if verdict.summary:
        parts.append(Text(visible(verdict.summary)))
    parts += _blocks(verdict, source, name)
    if isinstance(verdict.evidence, LogicEvidence):
        parts += _logic(verdict.evidence, explain=explain)
    if isinstance(verdict.evidence, LeanEvidence):
        parts += _lean(verdict.evidence)
    parts.append(_footer(verdict))
    return Group(*parts)


def failing_case(verdict: Verdict) -> TestCaseResult | None:
    """The first case that did not pass."""
    if not isinstance(verdict.evidence, PythonEvidence):
        return None
    cases = verdict.evidence.cases
    return next((case for case in cases if case.outcome is not Outcome.ACCEPTED), None)


def _headline(verdict: Verdict) -> Text:
    style = OUTCOME_STYLES[verdict.outcome]
    text = Text.assemble((verdict.outcome.name, style), "  ", visible(verdict.reason))
    if isinstance(verdict.evidence, PythonEvidence) and verdict.evidence.total_count:
        evidence = verdict.evidence
        text.append(f"  ({evidence.passed_count} of {evidence.total_count} cases passed)", "dim")
    if isinstance(verdict.evidence, LogicEvidence) and verdict.evidence.claims:
        text.append(f"  ({_LABELS[verdict.evidence.entailment]})", "dim")
    return text


def _blocks(verdict: Verdict, source: str, name: str) -> Iterator[RenderableType]:
    if (case := failing_case(verdict)) is not None:
        yield Text()
        yield Text(f"Failing case: {visible(case.name) or '(unnamed)'}", "bold")
        if case.message:
            yield _indented(case.message)
    lines = source.splitlines()
    # One that is about no place, and says what stands above it, adds nothing.
    said = (verdict.summary, case.message if case is not None else None)
    findings = [d for d in verdict.diagnostics if d.range is not None or d.message not in said]
    for diagnostic in findings[:_MOST_DIAGNOSTICS]:
        yield Text()
        yield _diagnostic(diagnostic, lines, name)
    if (more := len(findings) - _MOST_DIAGNOSTICS) > 0:
        yield Text(f"… and {more} more diagnostics; --json shows them all.", "dim")
    if isinstance(verdict.evidence, PythonEvidence):
        yield from _written(verdict, verdict.evidence)


def _logic(evidence: LogicEvidence, *, explain: bool) -> Iterator[RenderableType]:
    """What an answer rests on: premises and an argument, or models."""
    if evidence.unsat_core:
        yield Text()
        yield Text("It rests on:", "bold")
        yield _indented("\n".join(evidence.unsat_core))
    decisive = _DECISIVE.get(evidence.entailment, ())
    for certificate in evidence.certificates:
        if explain or certificate.question in decisive:
            yield Text()
            yield Text(f"Why {_CONTRARY.get(certificate.question, certificate.question)}:", "bold")
            yield _indented(certificate.text)
    for model in evidence.models:
        if explain or model.question in decisive:
            yield Text()
            yield Text(f"A case in which {_CASES.get(model.question, model.question)}:", "bold")
            yield _indented(model.text)
    if explain and evidence.claims:
        yield Text()
        yield Text("Who was asked what, and said:", "bold")
        yield _claims(evidence.claims)


def _lean(evidence: LeanEvidence) -> Iterator[RenderableType]:
    """What was proved, and what it rests on."""
    targets = [one for one in evidence.declarations if one.is_target]
    if not targets or not evidence.replayed_by:
        return
    yield Text()
    yield Text("Proved, with the axioms that it rests on:", "bold")
    for one in targets[:_MOST_DECLARATIONS]:
        axioms = ", ".join(map(visible, one.axioms)) or "none"
        yield Text.assemble(f"  {visible(one.name)}  ", (axioms, "dim"))
    if (more := len(targets) - _MOST_DECLARATIONS) > 0:
        yield Text(f"  … and {more} more; --json shows them all.", "dim")


def _claims(claims: Iterable[SolverClaim]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 2))
    for claim in claims:
        steps = f"{claim.step_count} steps" if claim.step_count else ""
        status = f"{claim.status}: {claim.reason}" if claim.reason else claim.status
        table.add_row(visible(claim.solver), visible(claim.question), visible(status), steps)
    return table


def _written(verdict: Verdict, evidence: PythonEvidence) -> Iterator[RenderableType]:
    if verdict.outcome is Outcome.ACCEPTED:
        return
    for stream, output in (
        ("standard error", evidence.stderr),
        ("standard output", evidence.stdout),
    ):
        if output.size_bytes:
            yield Text()
            yield Text(f"End of its {stream} ({output.size_bytes} bytes):", "bold")
            yield _indented("\n".join(_tail_lines(output)))


def _tail_lines(output: Output) -> list[str]:
    text = (output.tail or output.head).decode("utf-8", errors="backslashreplace")
    return text.rstrip("\n").splitlines()[-_MOST_TAIL_LINES:]


def _diagnostic(diagnostic: Diagnostic, lines: list[str], name: str) -> Text:
    where = diagnostic.range
    text = Text()
    if where is not None:
        text.append(f"{visible(where.path or name)}:{where.start_line}:{where.start_column + 1}: ")
    text.append(diagnostic.severity.value, _SEVERITY_STYLES[diagnostic.severity])
    text.append(f"[{visible(diagnostic.code)}] {visible(_shortened(diagnostic.message))}")
    if where is not None and not where.path and 1 <= where.start_line <= len(lines):
        last = where.end_column if where.end_line in (0, where.start_line) else 0
        text.append("\n")
        text.append(
            _quoted(lines[where.start_line - 1], where.start_line, where.start_column, last)
        )
    for goal in diagnostic.goals:
        text.append(_labelled("goal", goal))
    for hint in diagnostic.hints:
        text.append(_labelled("hint", hint), "dim")
    return text


def _labelled(label: str, said: str) -> str:
    """A line under a diagnostic, or several, indented."""
    lines = [_shortened(line) for line in visible(said).splitlines()]
    if len(lines) == 1:
        return f"\n  {label}: {lines[0]}"
    return f"\n  {label}:" + "".join(f"\n    {line}" for line in lines)


def _quoted(line: str, number: int, start: int, end: int) -> Text:
    """The line, and a caret under what is meant, in columns of the terminal."""
    before, meant = visible(line[:start]), visible(line[start : max(end, start + 1)])
    gutter = f"  {number} | "
    text = Text(f"{gutter}{_shortened(visible(line))}\n", "default")
    marks = " " * cell_len(before) + "^" * max(1, cell_len(meant) if end > start else 1)
    text.append(" " * (len(gutter) - 2) + "| " + marks[:_MOST_LINE_CHARACTERS], "red")
    return text


def _indented(text: str) -> Text:
    lines = [f"  {_shortened(visible(line))}" for line in text.splitlines()]
    return Text("\n".join(lines))


def _shortened(text: str) -> str:
    if len(text) <= _MOST_LINE_CHARACTERS:
        return text
    return f"{text[:_MOST_LINE_CHARACTERS]} … ({len(text)} characters)"


def _footer(verdict: Verdict) -> Text:
    provenance = verdict.provenance
    rows = [("evidence", _assurance_text(verdict))]
    if verdict.false_positive is not None:
        rows.append(("doubt", _doubt_text(verdict.false_positive)))
    rows.append(("used", _usage_text(verdict)))
    where = " in ".join(filter(None, (provenance.environment, provenance.sandbox)))
    rows.append(("ran", where + (" (kept verdict)" if provenance.from_cache else "")))
    rows.append(("digest", provenance.verification_digest))
    text = Text()
    for label, value in rows:
        if value:
            text.append(f"\n{label:>9}  {visible(_DIGEST.sub(_short_digest, value))}", "dim")
    return text


def _short_digest(match: re.Match[str]) -> str:
    return f"{match.group()[:19]}…"


def _assurance_text(verdict: Verdict) -> str:
    text = _ASSURANCES[verdict.assurance]
    if isinstance(verdict.evidence, PythonEvidence):
        text += f"; {_CHANNELS[verdict.evidence.channel]}"
    return text


def _doubt_text(estimate: FalsePositiveEstimate) -> str:
    """How often acceptances like this one are wrong, and how that is known."""
    origin = [f"{estimate.sample_count} of {estimate.problem_count} problems"]
    if estimate.problem_set:
        origin.append(estimate.problem_set)
    if estimate.estimate_time is not None:
        made = datetime.datetime.fromtimestamp(estimate.estimate_time, tz=datetime.UTC)
        origin.append(f"{made:%Y-%m-%d}")
    return (
        f"{estimate.rate:.1%} of such acceptances are wrong ({estimate.lower:.1%} to "
        f"{estimate.upper:.1%}): {estimate.method}, {', '.join(origin)}"
    )


def _usage_text(verdict: Verdict) -> str:
    usage = verdict.provenance.usage
    parts = [
        f"{duration_text(usage.wall_seconds)} wall clock",
        f"{duration_text(usage.cpu_seconds)} CPU",
    ]
    if usage.peak_memory_bytes:
        parts.append(f"{usage.peak_memory_bytes / 2**20:.0f} MiB")
    return ", ".join(parts)


def duration_text(seconds: float) -> str:
    """`34 ms` or `2.1 s`, or `3:05` from two minutes on."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 120:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def verification_view(verification: Verification) -> RenderableType:
    """A kept verification."""
    spec = verification.spec
    lines = [
        ("verification", verification.verification_id),
        ("state", verification.state.value),
        ("created", _time_text(verification.create_time)),
        ("ended", _time_text(verification.end_time)),
        ("problem", spec.problem.problem_id),
        ("candidate", spec.candidate.candidate_id),
        ("session", verification.session_id),
    ]
    text = Text("\n".join(f"{label:>12}  {visible(value)}" for label, value in lines if value))
    parts: list[RenderableType] = [text, Text()]
    if verification.verdict is not None:
        parts.append(verdict_view(verification.verdict, spec.candidate.source))
    if verification.error is not None:
        error = verification.error
        parts.append(Text.assemble((error.reason, "bold red"), "  ", visible(str(error))))
    return Group(*parts)


def verifications_view(verifications: Iterable[Verification]) -> Table:
    """A listing, one line each."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("id", "created", "outcome"):
        table.add_column(column, no_wrap=True)
    for column in ("reason", "problem", "candidate"):
        table.add_column(column, overflow="fold")
    for kept in verifications:
        table.add_row(
            kept.verification_id,
            _time_text(kept.create_time),
            *_outcome_cells(kept),
            visible(kept.spec.problem.problem_id),
            visible(kept.spec.candidate.candidate_id),
        )
    return table


def _outcome_cells(kept: Verification) -> tuple[Text, str]:
    if kept.verdict is not None:
        outcome = kept.verdict.outcome
        return Text(outcome.value, OUTCOME_STYLES[outcome]), visible(kept.verdict.reason)
    if kept.error is not None:
        return Text(kept.state.value, "red"), visible(kept.error.reason)
    return Text(kept.state.value), ""


def _time_text(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def findings_view(findings: Iterable[Finding]) -> RenderableType:
    """What `verifier doctor` found, one line each, remedies below."""
    parts: list[RenderableType] = []
    for finding in findings:
        style = _STATE_STYLES[finding.state]
        parts.append(
            Text.assemble(
                (f"{finding.state.value:>5}  ", style),
                (visible(finding.name), "bold"),
                f"  {visible(finding.detail)}",
            )
        )
        if finding.remedy:
            parts.append(Text(f"       → {visible(finding.remedy)}", style))
    return Group(*parts)


def tally_text(tally: Tally, seconds: float) -> str:
    """The end of a batch, in one or two sentences."""
    counts = (
        f"{tally.total} lines: {tally.accepted} accepted, {tally.rejected} rejected, "
        f"{tally.inconclusive} inconclusive, {tally.errors} errors"
    )
    if tally.kept:
        counts += f" ({tally.kept} of them from an earlier run)"
    text = f"{counts}, in {duration_text(seconds)}."
    if decided := tally.accepted + tally.rejected:
        rate = PassRate.of(tally.accepted, decided)
        text += (
            f" Pass rate {rate.rate:.1%}, 95 % interval {rate.lower:.1%} to {rate.upper:.1%} if no "
            f"lines share a problem, of the {decided} that were decided."
        )
    return text
