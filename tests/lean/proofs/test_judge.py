"""From facts to verdicts, without running anything."""

from __future__ import annotations

import dataclasses

import pytest

from sandboxes.isolation.jail import Exit
from sandboxes.lean.audit import SORRY, Code, Finding
from sandboxes.lean.certify import DISAGREEMENT, Certificate
from sandboxes.lean.diagnostics import code_of, diagnostics, goals_of, primary
from sandboxes.lean.judge import (
    ACCEPTING,
    INCONCLUSIVE,
    REJECTING,
    Facts,
    Proved,
    judge,
    outcome,
    reason,
)
from sandboxes.lean.messages import Message, Position, Severity
from sandboxes.lean.runtime import Compilation, Ran
from sandboxes.lean.source import Form, Prepared
from verifier_service.model import Assurance, Outcome, Range, ResourceUsage
from verifier_service.model import Severity as FindingSeverity

PREPARED = Prepared(form=Form.PROOF, parts=("", "theorem goal : p\n:=\nby simp"), lines_before=2)
RAN = Ran(lines=(), complete=True, file=b"", words="", ended=Exit(code=0), stopped_for=None)
COMPILED = Compilation(messages=((), ()), reached=(0, 10), finished=True, module=b"module", ran=RAN)
CERTIFICATE = Certificate(
    findings=(),
    limit="",
    axioms=frozenset({("propext",)}),
    statement_digest="sha256:00",
    replayed_by=("lean-kernel",),
    usage=ResourceUsage(),
)
PROVED = Facts(
    source="by simp",
    prepared=PREPARED,
    target=("goal",),
    compiled=COMPILED,
    certificate=CERTIFICATE,
    replayed_by=("lean-kernel",),
)


def message(
    text: str, *, kind: str = "[anonymous]", severity: Severity = "error", line: int = 3
) -> Message:
    return Message(
        severity=severity, kind=kind, text=text, start=Position(line, 1), end=Position(line, 4)
    )


def saying(*messages: Message) -> Facts:
    return dataclasses.replace(
        PROVED, compiled=dataclasses.replace(COMPILED, messages=((), messages))
    )


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        pytest.param("lean.unknownIdentifier._namedError", "unknown-identifier", id="of-lean"),
        pytest.param(f"lean.{'A' * 101}._namedError", "error", id="long"),
        pytest.param("lean.é._namedError", "error", id="not-ascii"),
    ],
)
def test_an_error_without_words_is_an_error(kind: str, code: str) -> None:
    verdict = judge(saying(message("", kind=kind)))

    assert verdict.reason == "elaboration-error"
    assert [one.code for one in verdict.diagnostics] == [code]


def ending(**ran: object) -> Facts:
    """A process that ended so, and said that it had succeeded."""
    return dataclasses.replace(
        PROVED,
        compiled=dataclasses.replace(COMPILED, ran=dataclasses.replace(RAN, **ran)),  # type: ignore[arg-type]
    )


def finding(code: Code) -> Facts:
    found = Finding(code=code, name=("goal",), message="It is so.")
    return dataclasses.replace(
        PROVED, certificate=dataclasses.replace(CERTIFICATE, findings=(found,))
    )


def proved(*findings: Finding, is_stated: bool = True) -> Facts:
    theorem = Proved(name=("a",), axioms=frozenset(), findings=tuple(findings), is_stated=is_stated)
    return dataclasses.replace(
        PROVED, target=(), certificate=None, surveyed=True, theorems=(theorem,)
    )


UNTIDY = Finding(code=Code.INCOMPLETE, name=("helper",), message="`helper` rests on `sorry`.")


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        pytest.param(PROVED, "theorem-proved", id="proved"),
        pytest.param(proved(), "file-proved", id="a file proved"),
        pytest.param(
            dataclasses.replace(proved(), theorems=()), "nothing-proved", id="a file without any"
        ),
        pytest.param(
            proved(is_stated=False), "nothing-proved", id="a file with auxiliary ones alone"
        ),
        pytest.param(proved(UNTIDY), "incomplete-proof", id="a file with a sorry"),
        pytest.param(
            dataclasses.replace(proved(), replayed_by=()), "checker-limit", id="an unchecked file"
        ),
        pytest.param(
            dataclasses.replace(PROVED, certificate=None), "checker-limit", id="no certificate"
        ),
        pytest.param(
            dataclasses.replace(PROVED, replayed_by=()), "checker-limit", id="no kernel's word"
        ),
        pytest.param(
            dataclasses.replace(
                PROVED, certificate=dataclasses.replace(CERTIFICATE, replayed_by=())
            ),
            "checker-limit",
            id="a certificate without a kernel",
        ),
        pytest.param(
            dataclasses.replace(PROVED, certificate=None, surveyed=True),
            "nothing-proved",
            id="a survey in place of a certificate",
        ),
        pytest.param(
            dataclasses.replace(PROVED, replays=False), "not-replayed", id="a Lean without replay"
        ),
        pytest.param(
            dataclasses.replace(PROVED, limit="memory"), "checker-limit", id="the kernel's limit"
        ),
        pytest.param(
            dataclasses.replace(
                PROVED,
                limit=DISAGREEMENT,
                certificate=dataclasses.replace(CERTIFICATE, limit=DISAGREEMENT),
            ),
            "kernels-disagree",
            id="kernels that disagree",
        ),
        pytest.param(
            dataclasses.replace(PROVED, limit="overloaded"), "overloaded", id="a busy machine"
        ),
        pytest.param(
            dataclasses.replace(PROVED, unreadable="It is."), "unreadable-module", id="no module"
        ),
        pytest.param(
            dataclasses.replace(PROVED, compiled=None), "checker-limit", id="not compiled"
        ),
        pytest.param(dataclasses.replace(PROVED, has_nul=True), "syntax-error", id="NUL"),
        pytest.param(
            dataclasses.replace(PROVED, prepared=dataclasses.replace(PREPARED, own_imports=("A",))),
            "import-mismatch",
            id="an import",
        ),
        pytest.param(
            dataclasses.replace(PROVED, untidy=(UNTIDY,)), "theorem-proved", id="an unused sorry"
        ),
        pytest.param(
            dataclasses.replace(PROVED, untidy=(UNTIDY,), must_be_clean=True),
            "incomplete-proof",
            id="an unused sorry where none may be",
        ),
        *[pytest.param(finding(code), code.value, id=code.value) for code in Code],
        pytest.param(
            dataclasses.replace(finding(Code.AXIOM), limit="cpu-time"),
            "disallowed-axiom",
            id="a finding and a limit",
        ),
        pytest.param(ending(stopped_for="cpu-time"), "cpu-time-exceeded", id="cpu time"),
        pytest.param(ending(stopped_for="wall-time"), "wall-time-exceeded", id="wall time"),
        pytest.param(ending(stopped_for="memory"), "memory-exceeded", id="memory"),
        pytest.param(ending(stopped_for="output"), "output-exceeded", id="a flood"),
        pytest.param(ending(stopped_for="overloaded"), "overloaded", id="overloaded"),
        pytest.param(ending(complete=False), "output-exceeded", id="more than is kept"),
        pytest.param(ending(ended=Exit(signal=11)), "elaborator-ended", id="a crash"),
        pytest.param(ending(ended=Exit(code=3)), "elaborator-ended", id="an exit"),
        pytest.param(
            ending(ended=Exit(signal=6), words="Stack overflow detected. Aborting."),
            "recursion-depth-exceeded",
            id="a stack overflow",
        ),
        pytest.param(
            dataclasses.replace(PROVED, compiled=dataclasses.replace(COMPILED, finished=False)),
            "elaborator-ended",
            id="an end before the end",
        ),
        pytest.param(
            dataclasses.replace(PROVED, compiled=dataclasses.replace(COMPILED, module=None)),
            "elaborator-ended",
            id="no module, and no reason",
        ),
        pytest.param(saying(message("Type mismatch")), "elaboration-error", id="an error"),
        pytest.param(
            saying(message("unexpected token ')'; expected command")), "syntax-error", id="syntax"
        ),
        pytest.param(
            saying(message("unsolved goals\n⊢ p", kind="Tactic.unsolvedGoals")),
            "unsolved-goals",
            id="open goals",
        ),
        pytest.param(
            saying(message("(deterministic) timeout at `whnf`", kind="runtime.maxHeartbeats")),
            "heartbeats-exceeded",
            id="heartbeats",
        ),
        pytest.param(
            saying(message("Tactic `simp` failed:\nmaximum recursion depth has been reached")),
            "recursion-depth-exceeded",
            id="depth, inside of another error",
        ),
        pytest.param(
            saying(message("(kernel) excessive memory consumption detected")),
            "memory-exceeded",
            id="the kernel's memory",
        ),
        pytest.param(
            saying(
                message("(deterministic) timeout", kind="runtime.maxHeartbeats", line=9),
                message("Type mismatch", line=4),
            ),
            "elaboration-error",
            id="an error before a limit",
        ),
        pytest.param(
            saying(
                message("(deterministic) timeout", kind="runtime.maxHeartbeats", line=4),
                message("Type mismatch", line=9),
            ),
            "heartbeats-exceeded",
            id="an error after a limit, that may follow from it",
        ),
        pytest.param(
            saying(message("declaration uses `sorry`", kind="hasSorry", severity="warning")),
            "theorem-proved",
            id="a warning decides nothing",
        ),
        pytest.param(
            dataclasses.replace(
                PROVED,
                compiled=dataclasses.replace(COMPILED, messages=((message("Type mismatch"),), ())),
            ),
            "checker-limit",
            id="an error in trusted text",
        ),
    ],
)
def test_judge(facts: Facts, why: str) -> None:
    verdict = judge(facts)

    assert reason(facts) == verdict.reason == why
    assert verdict.outcome is outcome(why)
    assert verdict.summary


def test_a_reason_has_one_outcome() -> None:
    assert not set(ACCEPTING) & set(REJECTING)
    assert not set(INCONCLUSIVE) & {*ACCEPTING, *REJECTING}
    assert {outcome(why) for why in ACCEPTING} == {Outcome.ACCEPTED}
    assert {outcome(why) for why in REJECTING} == {Outcome.REJECTED}
    assert {outcome(why) for why in INCONCLUSIVE} == {Outcome.INCONCLUSIVE}


def test_assurance_says_who_decided() -> None:
    crossed = dataclasses.replace(
        PROVED, module=None, replayed_by=("lean-kernel", "nanoda"), certificate=CERTIFICATE
    )

    assert judge(saying(message("Type mismatch"))).assurance is Assurance.ELABORATED
    assert judge(crossed).assurance is Assurance.CROSS_CHECKED
    assert judge(ending(stopped_for="memory")).assurance is Assurance.UNSPECIFIED


def test_a_sorry_is_evidence_whatever_the_outcome() -> None:
    facts = dataclasses.replace(
        PROVED, certificate=dataclasses.replace(CERTIFICATE, axioms=frozenset({SORRY}))
    )

    evidence = judge(facts).evidence

    assert evidence is not None
    assert evidence.uses_sorry  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("text", "rest", "goals"),
    [
        ("unsolved goals\ncase a\nx : p\n⊢ q\n\ncase b\n⊢ r", "unsolved goals",
         ["case a\nx : p\n⊢ q", "case b\n⊢ r"]),
        ("Tactic `rewrite` failed\n  a\n\na b : Nat\n⊢ p", "Tactic `rewrite` failed\n  a",
         ["a b : Nat\n⊢ p"]),
        ("linarith failed\na : Nat\n⊢ p", "linarith failed", ["a : Nat\n⊢ p"]),
        ("Type mismatch\n  h\nhas type\n  p", "Type mismatch\n  h\nhas type\n  p", []),
    ],
)  # fmt: skip
def test_goals_are_taken_out_of_messages(text: str, rest: str, goals: list[str]) -> None:
    assert goals_of(text) == (rest, goals)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (message("x", kind="lean.unknownIdentifier._namedError"), "unknown-identifier"),
        (message("x", kind="Elab.synthPlaceholder"), "placeholder"),
        (message("unknown tactic"), "syntax-error"),
        (message("unterminated comment"), "syntax-error"),
        (message("`a` has already been declared"), "already-declared"),
        (message("failed to synthesize\n  Add p"), "missing-instance"),
        (message("(kernel) declaration type mismatch"), "kernel-error"),
        (message("No goals to be solved"), "no-goals"),
        (message("`simp` made no progress"), "tactic-failed"),
        (message("Something else"), "error"),
        (message("x", kind="linter.unusedVariables", severity="warning"), "linter"),
        (message("Try this:\n  [apply] rfl", severity="information"), "suggestion"),
        (message("1 : Nat", severity="information"), "message"),
    ],
)
def test_codes(said: Message, code: str) -> None:
    assert code_of(said) == code


def test_the_first_diagnostic_is_the_error_that_others_follow_from() -> None:
    later = message("unsolved goals\n⊢ p", kind="Tactic.unsolvedGoals", line=3)
    first = message("Unknown identifier `foo`\n\nHint: Try `bar`.", line=4)
    said = [later, first, message("Try this:\n  [apply] rfl", severity="information", line=3)]

    found = diagnostics(PREPARED, [(), said])

    assert primary(said) is first
    assert [one.code for one in found] == ["error", "unsolved-goals", "suggestion"]
    assert found[0].range == Range(start_line=2, start_column=1, end_line=2, end_column=4)
    assert found[0].hints == ("Try `bar`.",)
    assert found[1].goals == ("⊢ p",)
    assert found[2].hints == ("rfl",)
    assert found[2].severity is FindingSeverity.INFO


def test_what_is_said_of_the_statement_has_no_place_in_the_candidate() -> None:
    (found,) = diagnostics(PREPARED, [(), [message("fail to show termination", line=1)]])

    assert found.range is None


def test_diagnostics_are_bounded() -> None:
    many = [message(f"{'x' * 20_000} {n}", line=n) for n in range(3, 500)]
    told = [message("so", severity="information", line=n) for n in range(3, 500)]

    found = diagnostics(PREPARED, [(), [*many, *told]])

    assert len(found) == 100
    assert all(len(one.message) < 8100 for one in found)
    assert len(diagnostics(PREPARED, [(), told])) == 20
