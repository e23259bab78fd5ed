"""From facts to a verdict. Pure: tables of cases test it.

What the process that elaborated a candidate said can make it fail and never succeed. ACCEPTED needs
a certificate: the compiled module was audited, and the kernel took it in a process of ours. Where a
limit ended something, or a part of ours is missing, the verdict is INCONCLUSIVE.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sandboxes.lean.audit import SORRY, Code, Finding, public
from sandboxes.lean.certify import DISAGREEMENT, Certificate
from sandboxes.lean.declarations import Kind, Module, Name, display
from sandboxes.lean.diagnostics import LIMITS, code_of, diagnostics, forbidden, primary
from sandboxes.lean.lexer import Kind as TokenKind
from sandboxes.lean.lexer import lex
from sandboxes.lean.lints import Refused
from sandboxes.lean.messages import Message
from sandboxes.lean.runtime import Compilation
from sandboxes.lean.source import Prepared, normalised
from verifier_service.model import (
    Assurance,
    Diagnostic,
    LeanDeclaration,
    LeanEvidence,
    Outcome,
    Range,
    Severity,
    Verdict,
)

__all__ = [
    "ACCEPTING",
    "INCONCLUSIVE",
    "REJECTING",
    "SUMMARIES",
    "Facts",
    "Proved",
    "StatementFinding",
    "is_written",
    "judge",
    "outcome",
    "reason",
]

ACCEPTING: Final = {
    "theorem-proved": "The kernel takes a proof of the problem's statement.",
    "file-proved": "The kernel takes a proof of every theorem in the file.",
}
"""Reasons to accept, as sentences."""

REJECTING: Final = {
    "syntax-error": "It can't be read.",
    "elaboration-error": "Lean does not take it.",
    "unsolved-goals": "It leaves goals open.",
    "incomplete-proof": "The proof rests on `sorry`.",
    "missing-declaration": "It does not declare the theorem under its full name.",
    "kind-mismatch": "What has the theorem's name is no theorem.",
    "unsafe-declaration": "The proof rests on what the logic does not vouch for.",
    "statement-mismatch": "It proves another statement than the problem's.",
    "dependency-mismatch": "It changes what the statement speaks of.",
    "import-mismatch": "It imports what the problem does not.",
    "disallowed-axiom": "The proof rests on an axiom that the problem does not allow.",
    "kernel-rejected": "The kernel does not take what it was compiled to.",
    "forbidden-syntax": "It uses words that no honest proof needs.",
    "nothing-proved": "It states no theorem.",
}
"""Reasons to reject, as sentences."""

INCONCLUSIVE: Final = {
    "heartbeats-exceeded": "Lean's own count of steps ran out.",
    "recursion-depth-exceeded": "It is nested too deeply for Lean.",
    "cpu-time-exceeded": "The CPU time ran out.",
    "wall-time-exceeded": "The time ran out.",
    "memory-exceeded": "The memory ran out.",
    "output-exceeded": "It made Lean say, or write, too much.",
    "elaborator-ended": "Lean's process ended before it came to the end of the candidate.",
    "unreadable-module": "What it was compiled to can't be read, so that nothing vouches for it.",
    "not-replayed": "Lean takes it, and this Lean's kernel can't be asked out of its reach.",
    DISAGREEMENT: "One kernel takes the proof and another does not, so that none is believed.",
    "checker-limit": "What checks proofs ran into a limit.",
    "overloaded": "The machine was too busy to let Lean run to an end.",
}
"""Reasons that say nothing about the candidate's worth, as sentences."""

SUMMARIES: Final = {**ACCEPTING, **REJECTING, **INCONCLUSIVE}

_TROUBLE: Final = {
    "cpu-time": "cpu-time-exceeded",
    "wall-time": "wall-time-exceeded",
    "memory": "memory-exceeded",
    "output": "output-exceeded",
    "overloaded": "overloaded",
    "crashed": "elaborator-ended",
}
_ORDER: Final = tuple(Code)
"""Findings of an audit, those first that make others likely."""
MAX_DECLARATIONS: Final = 1000
MAX_FINDINGS: Final = 100
"""Of each sort that are shown: words, imports, and errors and warnings of an audit."""
MAX_SEARCHED: Final = 256 * 1024
"""Characters of a candidate in which places of declarations are looked for."""
_STACK: Final = "Stack overflow detected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proved:
    """A theorem of a file, and why it does not count, if it does not."""

    name: Name
    axioms: frozenset[Name]
    findings: tuple[Finding, ...]
    is_stated: bool = True
    """Whether the file states it, and Lean did not make it up for something else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementFinding:
    """Something odd about a problem's statement."""

    code: str
    """"vacuous" or "disproved"."""
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What was found out about a candidate."""

    source: str
    """As the caller wrote it."""
    prepared: Prepared
    target: Name = ()
    """The theorem; empty where the candidate's own are judged."""
    refused: tuple[Refused, ...] = ()
    """Words for which Lean was not even asked."""
    has_nul: bool = False
    compiled: Compilation | None = None
    holes: tuple[Diagnostic, ...] = ()
    """Places of `sorry`, with their goals."""
    module: Module | None = None
    """What it was compiled to; None where that could not be read, or was not looked at."""
    replays: bool = True
    """Whether this Lean's kernel can be asked in a process of its own."""
    unreadable: str = ""
    """Why it could not be read."""
    certificate: Certificate | None = None
    theorems: tuple[Proved, ...] = ()
    """Of a whole file."""
    surveyed: bool = False
    """Whether the theorems of a whole file were looked at."""
    untidy: tuple[Finding, ...] = ()
    """What the theorem does not need, and a clean file must not have."""
    must_be_clean: bool = False
    replayed_by: tuple[str, ...] = ()
    """Kernels that took what was asked of them."""
    limit: str = ""
    """What ended the kernel's process, or what states the problem."""
    statement_digest: str = ""
    toolchain: str = ""
    imports: tuple[str, ...] = ()
    statement_findings: tuple[StatementFinding, ...] = ()


def outcome(why: str) -> Outcome:
    """What a reason comes to."""
    if why in ACCEPTING:
        return Outcome.ACCEPTED
    return Outcome.REJECTED if why in REJECTING else Outcome.INCONCLUSIVE


def reason(facts: Facts) -> str:
    """The reason of the verdict: a key of `ACCEPTING`, `REJECTING` or `INCONCLUSIVE`."""
    if facts.has_nul:
        return "syntax-error"
    if facts.refused:
        return "forbidden-syntax"
    if facts.prepared.own_imports:
        return "import-mismatch"
    if facts.compiled is None:
        return "checker-limit"
    if (why := _of_compilation(facts.compiled)) is not None:
        return why
    if not facts.replays:
        return "not-replayed"
    if facts.unreadable:
        return "unreadable-module"
    if findings := _findings(facts):
        return findings[0].code.value
    if facts.limit == DISAGREEMENT:
        return DISAGREEMENT
    if facts.limit:
        return "overloaded" if facts.limit == "overloaded" else "checker-limit"
    if facts.surveyed and not any(one.is_stated for one in facts.theorems):
        return "nothing-proved"
    if facts.replayed_by and facts.surveyed and not facts.target:
        return "file-proved"
    if facts.replayed_by and facts.certificate is not None and facts.certificate.holds:
        return "theorem-proved"
    return "checker-limit"  # without a kernel's word there is no proof


def _of_compilation(compiled: Compilation) -> str | None:
    """Why a compilation is no success; None where it claims to be one."""
    if compiled.ran.trouble:
        if compiled.ran.trouble == "crashed" and _STACK in compiled.ran.words:
            return "recursion-depth-exceeded"
        return _TROUBLE[compiled.ran.trouble]
    if not compiled.ran.complete:
        return "output-exceeded"
    if primary(one for part in compiled.messages[:-1] for one in part) is not None:
        return "checker-limit"  # trusted text that Lean took when it was alone
    if (error := primary(compiled.messages[-1])) is not None:
        return _of_error(error)
    if not compiled.finished or compiled.module is None:
        return "elaborator-ended"
    return None


def _of_error(error: Message) -> str:
    code = code_of(error)
    known = code in LIMITS or code in ("syntax-error", "unsolved-goals")
    return code if known else "elaboration-error"


def _findings(facts: Facts) -> list[Finding]:
    """Why it can't be accepted, the weightiest first."""
    found = list(facts.certificate.findings) if facts.certificate is not None else []
    found += [finding for theorem in facts.theorems for finding in theorem.findings]
    if facts.must_be_clean:
        found += facts.untidy
    return sorted(found, key=lambda one: _ORDER.index(one.code))


def judge(facts: Facts) -> Verdict:
    """The verdict, but for its provenance."""
    why = reason(facts)
    findings = _findings(facts)
    return Verdict(
        outcome=outcome(why),
        reason=why,
        summary=_summary(facts, why, findings),
        assurance=_assurance(facts, why),
        diagnostics=tuple(_diagnostics(facts, findings)),
        evidence=_evidence(facts),
    )


def _summary(facts: Facts, why: str, findings: Sequence[Finding]) -> str:
    if findings and why == findings[0].code.value:
        return findings[0].message
    return " ".join([SUMMARIES[why], *_detail(facts, why)])


def _detail(facts: Facts, why: str) -> Iterator[str]:
    error = primary(facts.compiled.messages[-1]) if facts.compiled is not None else None
    if why == "unreadable-module":
        yield facts.unreadable
    elif why == "file-proved":
        count = sum(one.is_stated for one in facts.theorems)
        yield f"There {'is one' if count == 1 else f'are {count}'}."
    elif why == "checker-limit" and facts.limit:
        yield f"It was: {facts.limit}."
    elif error is not None and why == _of_error(error):
        place = facts.prepared.located(error.start)
        where = "" if place is None else f"Line {place.line}, column {place.column + 1}: "
        line, _, _ = error.text.partition("\n")
        yield f"{where}{line[:300]}"


def _assurance(facts: Facts, why: str) -> Assurance:
    if outcome(why) is Outcome.INCONCLUSIVE:
        return Assurance.UNSPECIFIED
    if len(facts.replayed_by) > 1:
        return Assurance.CROSS_CHECKED
    # What an audit found was found where the candidate never ran, as was what the kernel said.
    return Assurance.ELABORATED if facts.module is None else Assurance.REPLAYED


def _diagnostics(facts: Facts, findings: Sequence[Finding]) -> Iterator[Diagnostic]:
    if facts.has_nul:
        yield _plain("syntax-error", "It holds the character NUL, which no Lean text can hold.")
    yield from forbidden(facts.source, facts.refused[:MAX_FINDINGS])
    places = _places(facts.source) if findings or facts.untidy else []
    for module in facts.prepared.own_imports[:MAX_FINDINGS]:
        yield _plain("import-mismatch", f"It imports `{module}`, which the problem does not.")
    for finding in findings[:MAX_FINDINGS]:
        yield _located(finding, places, Severity.ERROR)
    yield from facts.holes
    if not facts.must_be_clean:
        known = {(one.code, one.name) for one in findings}
        others = (one for one in facts.untidy if (one.code, one.name) not in known)
        for finding in itertools.islice(others, MAX_FINDINGS):
            yield _located(finding, places, Severity.WARNING)
    for odd in facts.statement_findings:
        code = f"statement-{odd.code}"
        yield Diagnostic(severity=Severity.WARNING, code=code, message=odd.message)
    if facts.compiled is not None:
        for one in diagnostics(facts.prepared, facts.compiled.messages):
            if not (facts.holes and one.code == "sorry"):
                yield one


def _located(
    finding: Finding, places: Sequence[tuple[str, Range]], severity: Severity
) -> Diagnostic:
    full = f".{display(public(finding.name))}"
    return Diagnostic(
        severity=severity,
        code=finding.code.value,
        message=finding.message,
        range=next((place for shown, place in places if full.endswith(f".{shown}")), None),
    )


def _plain(code: str, message: str) -> Diagnostic:
    return Diagnostic(severity=Severity.ERROR, code=code, message=message)


def _places(source: str) -> list[tuple[str, Range]]:
    """The names that a candidate declares, and where, by the look of it."""
    found: list[tuple[str, Range]] = []
    if len(source) > MAX_SEARCHED:
        return found
    lexed = lex(normalised(source))
    declaring = ("theorem", "lemma", "def", "abbrev", "axiom", "opaque", "instance", "inductive")
    for index, token in enumerate(lexed.tokens[1:]):
        before = lexed.tokens[index]
        if before.text in declaring and token.kind is TokenKind.WORD:
            start, end = lexed.position(token.start), lexed.position(token.end)
            place = Range(
                start_line=start.line,
                start_column=start.column,
                end_line=end.line,
                end_column=end.column,
            )
            found.append((token.text.removeprefix("_root_."), place))
    return found


def _evidence(facts: Facts) -> LeanEvidence:
    axioms = facts.certificate.axioms if facts.certificate is not None else frozenset[Name]()
    axioms = axioms.union(*(one.axioms for one in facts.theorems))
    return LeanEvidence(
        axioms=_shown(axioms),
        uses_sorry=SORRY in axioms,
        statement_digest=facts.statement_digest,
        replayed_by=facts.replayed_by,
        declarations=tuple(_declarations(facts)),
        toolchain=facts.toolchain,
        imports=facts.imports,
        statement_findings=tuple(one.code for one in facts.statement_findings),
    )


def is_written(module: Module, name: Name) -> bool:
    """Whether a name is none that Lean makes for another declaration, by the look of it."""
    if any(isinstance(part, int) or part.startswith("_") for part in name):
        return False
    return not any(name[:size] in module.declarations for size in range(1, len(name)))


def _shown(axioms: frozenset[Name]) -> tuple[str, ...]:
    return tuple(sorted(map(display, axioms)))


_KINDS: Final[Mapping[Kind, str]] = {
    Kind.AXIOM: "axiom",
    Kind.DEFINITION: "definition",
    Kind.THEOREM: "theorem",
    Kind.OPAQUE: "opaque",
    Kind.INDUCTIVE: "inductive",
}


def _declarations(facts: Facts) -> Iterator[LeanDeclaration]:
    """What a candidate declares by names that a person may have written."""
    if facts.module is None:
        return
    known = {one.name: one.axioms for one in facts.theorems if one.is_stated}
    if facts.certificate is not None:
        known[facts.target] = facts.certificate.axioms
    shown = [
        one
        for one in facts.module.declarations.values()
        if one.name in known or (one.kind in _KINDS and is_written(facts.module, one.name))
    ]
    shown.sort(key=lambda one: (one.name not in known, display(one.name)))
    for one in shown[:MAX_DECLARATIONS]:
        yield LeanDeclaration(
            name=display(one.name),
            kind=_KINDS[one.kind],
            axioms=_shown(known.get(one.name, frozenset())),
            is_target=one.name in known,
        )
