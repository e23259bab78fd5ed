"""Verdicts with their evidence and diagnostics, in the caller's own names. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from sandboxes.logic.answers import Question, Status
from sandboxes.logic.arguments import argument
from sandboxes.logic.english import described
from sandboxes.logic.judge import (
    ACCEPTING,
    SUMMARIES,
    Answered,
    Facts,
    assurance,
    entailment,
    outcome,
    reason,
)
from sandboxes.logic.lints import Outcome as LintOutcome
from sandboxes.logic.lints import lint_outcome
from sandboxes.logic.problems import CANDIDATE, DIFFERENCE, TRUSTED
from sandboxes.logic.queries import Found
from sandboxes.logic.reader import Finding, Fix
from sandboxes.logic.repairs import effects
from sandboxes.logic.syntax import Span
from verifier_service.model import (
    Assurance,
    Diagnostic,
    Entailment,
    LogicCertificate,
    LogicEvidence,
    LogicModel,
    LogicProblem,
    Outcome,
    Range,
    Severity,
    SolverClaim,
    Verdict,
)

__all__ = ["QUESTIONS", "query_verdict", "unreadable", "verdict"]

QUESTIONS: Final = {
    Question.PREMISES: "whether the premises can hold together",
    Question.AFFIRMED: "whether the premises and the conclusion can hold together",
    Question.DENIED: "whether the premises can hold and the conclusion fail",
    TRUSTED: "whether the problem's own premises can hold together",
    DIFFERENCE: "whether the formula and the reference can disagree",
}
"""What is asked, in words."""

MOST_CHARACTERS: Final = 16_000
"""Of one model or one argument in words; the evidence itself is checked whole."""

_CLAIMS: Final = {
    Question.PREMISES: "All premises hold.",
    Question.AFFIRMED: "All premises hold, and so does the conclusion.",
    Question.DENIED: "All premises hold, and the conclusion fails.",
    TRUSTED: "All premises of the problem hold.",
    DIFFERENCE: "Of the formula and the reference just one holds.",
}
_LABELS: Final = {
    Entailment.ENTAILED: "entailed",
    Entailment.CONTRADICTED: "contradicted",
    Entailment.INDEPENDENT: "independent",
    Entailment.UNKNOWN: "unknown",
    Entailment.INCONSISTENT_PREMISES: "inconsistent premises",
    Entailment.CONSISTENT_PREMISES: "consistent premises",
}


def unreadable(errors: Sequence[Finding], logic: LogicProblem, source: str) -> Verdict:
    """The verdict on a candidate that can't be read."""
    first = errors[0]
    repaired = effects(logic, source, errors)
    return Verdict(
        outcome=Outcome.REJECTED,
        reason="syntax-error",
        summary=f"It can't be read: line {first.line}, column {first.column}: {first.message}",
        assurance=Assurance.SOLVED,
        diagnostics=tuple(_diagnostic(one, source, Severity.ERROR, repaired) for one in errors),
        evidence=LogicEvidence(entailment=Entailment.UNKNOWN),
    )


def query_verdict(found: Found, logic: LogicProblem) -> Verdict:
    """The verdict on a query with theories."""
    why = reason(found.answered, logic)
    return Verdict(
        outcome=outcome(why),
        reason=why,
        summary=_summary(why, found.answered, logic),
        assurance=assurance(why, found.answered, logic),
        evidence=LogicEvidence(
            entailment=entailment(found.answered),
            model_smtlib=found.model_smtlib,
            claims=_claims(found.answered),
            open_questions=tuple(map(str, _open(found.answered))),
        ),
    )


def verdict(facts: Facts, logic: LogicProblem, source: str) -> Verdict:
    """The verdict on a candidate that could be read."""
    why = reason(facts, logic)
    return Verdict(
        outcome=outcome(why),
        reason=why,
        summary=_summary(why, facts, logic),
        assurance=assurance(why, facts, logic),
        diagnostics=tuple(_diagnostics(why, facts, logic, source)),
        evidence=_evidence(facts),
    )


def _summary(why: str, facts: Answered, logic: LogicProblem) -> str:
    found = _LABELS[entailment(facts)]
    if why in ACCEPTING:
        return ACCEPTING[why].format(entailment=found)
    parts = [SUMMARIES[why]]
    if why == "other-answer" and logic.expected is not None:
        parts.append(f"Expected: {_LABELS[logic.expected]}. Found: {found}.")
    elif why in ("solver-unknown", "overloaded"):
        parts.append(f"Open: {'; '.join(map(_question, _open(facts)))}.")
    elif why == "solvers-disagree":
        parts.append(f"Disputed: {'; '.join(map(_question, facts.settlement.disputed))}.")
    return " ".join(parts)


def _question(name: str) -> str:
    return QUESTIONS.get(name, name)


def _open(facts: Answered) -> list[str]:
    return [name for name, one in facts.answers.items() if one.status is Status.UNDECIDED]


def _diagnostics(why: str, facts: Facts, logic: LogicProblem, source: str) -> Iterator[Diagnostic]:
    asked = facts.asked
    for claim in facts.settlement.refused:
        yield Diagnostic(
            severity=Severity.WARNING,
            code="model-refused",
            message=f"{claim.solver} gave a model in which the formulas do not hold, on the "
            f"question {_question(claim.question)}.",
        )
    if why == facts.guard or why == "own-contradiction":
        yield Diagnostic(severity=Severity.ERROR, code=why, message=SUMMARIES[why])
    repaired = effects(logic, source, asked.findings)
    yield from (_diagnostic(one, source, Severity.WARNING, repaired) for one in asked.findings)
    used, premises = _core(facts), asked.problem.premises
    own = [asked.problem.premises[index] for index in asked.own_premises if index in used]
    is_asked = logic.expected is not None or bool(logic.conclusion)
    if own and is_asked and why in ACCEPTING:
        named = ", ".join(premise.identifier for premise in own)
        yield Diagnostic(
            severity=Severity.WARNING,
            code="rests-on-own-premises",
            message=f"The answer rests on premises that the candidate brought: {named}.",
        )
    seen = LintOutcome(
        used={premises[index].identifier for index in used if index < len(premises)}
        if used
        else None
    )
    for found in lint_outcome(asked.problem, asked.sources, seen):
        yield _diagnostic(found, source, Severity.INFO, {})


def _core(facts: Facts) -> frozenset[int]:
    """Indices of the formulas that the answer rests on; none where it rests on models."""
    decisive = {
        Entailment.ENTAILED: Question.DENIED,
        Entailment.CONTRADICTED: Question.AFFIRMED,
        Entailment.INCONSISTENT_PREMISES: Question.PREMISES,
    }.get(entailment(facts))
    return frozenset(facts.answers[decisive].core) if decisive is not None else frozenset()


def _evidence(facts: Facts) -> LogicEvidence:
    asked = facts.asked
    inquiry = asked.inquiry
    premises = asked.problem.premises
    names = [premise.identifier for premise in premises]
    if asked.problem.goal is not None:
        names += [asked.problem.goal.identifier, "denial"]
    names += ["difference"] * (len(inquiry.formulas) - len(names))
    used = _core(facts)
    return LogicEvidence(
        entailment=entailment(facts),
        unsat_core=tuple(premise.text for index, premise in enumerate(premises) if index in used),
        models=tuple(
            LogicModel(
                question=str(name),
                text=_cut(described(answer.model, claim=_CLAIMS.get(name, ""))),
                checked=True,
            )
            for name, answer in facts.answers.items()
            if answer.model is not None
        ),
        certificates=tuple(
            LogicCertificate(
                question=str(name),
                text=_cut(argument(answer.certificate, inquiry.formulas, names)),
                instance_count=len(answer.certificate.instances),
                step_count=len(answer.certificate.steps),
            )
            for name, answer in facts.answers.items()
            if answer.certificate is not None
        ),
        claims=_claims(facts),
        open_questions=tuple(map(str, _open(facts))),
    )


def _claims(facts: Answered) -> tuple[SolverClaim, ...]:
    return tuple(
        SolverClaim(
            solver=claim.solver,
            question=str(claim.question),
            status=claim.status.value,
            reason=claim.reason,
            step_count=claim.steps,
            words=claim.words,
        )
        for claim in facts.settlement.claims
    )


def _cut(text: str) -> str:
    """A text for a person, of bounded length."""
    if len(text) <= MOST_CHARACTERS:
        return text
    return f"{text[:MOST_CHARACTERS]} … ({len(text)} characters)"


def _diagnostic(
    found: Finding,
    source: str,
    severity: Severity,
    repaired: Mapping[Fix, Entailment | None],
) -> Diagnostic:
    is_own = found.source == CANDIDATE
    fixes = "".join(_repair(fix, repaired) for fix in found.fixes[:3])
    where = "" if is_own else f"{found.source}, line {found.line}, column {found.column}: "
    return Diagnostic(
        severity=severity,
        code=found.code.value,
        message=where + found.message + fixes,
        range=_range(found.span, source) if is_own else None,
    )


def _repair(fix: Fix, repaired: Mapping[Fix, Entailment | None]) -> str:
    """A repair that is offered, and the answer that it would lead to."""
    if fix not in repaired:
        return f" {fix.message}"
    effect = repaired[fix]
    said = "it still can't be read" if effect is None else f"the answer is: {_LABELS[effect]}"
    return f" {fix.message} (Then {said}.)"


def _range(span: Span, source: str) -> Range:
    first = source.count("\n", 0, span.start)
    last = source.count("\n", 0, span.end)
    return Range(
        start_line=first + 1,
        start_column=span.start - (source.rfind("\n", 0, span.start) + 1),
        end_line=last + 1,
        end_column=span.end - (source.rfind("\n", 0, span.end) + 1),
    )
