"""What a verifier concludes.

A verdict speaks about the candidate only. Whatever goes wrong on our side is an exception of
`verifier_service.model.errors`, so that no outage can be read as a failed proof, or rewarded as a
passed one.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

__all__ = [
    "Assurance",
    "Diagnostic",
    "Entailment",
    "Evidence",
    "FalsePositiveEstimate",
    "LeanDeclaration",
    "LeanEvidence",
    "LogicCertificate",
    "LogicEvidence",
    "LogicModel",
    "Outcome",
    "Output",
    "Provenance",
    "PythonEvidence",
    "Range",
    "ResourceUsage",
    "Severity",
    "SolverClaim",
    "TestCaseResult",
    "Timeline",
    "Verdict",
    "VerdictChannel",
]


class Outcome(enum.Enum):
    """The three things that a verifier can conclude. Frozen."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    INCONCLUSIVE = "inconclusive"


class Assurance(enum.IntEnum):
    """How an outcome was established; higher is stronger."""

    UNSPECIFIED = 0
    TESTED = 10
    """Some inputs were tried."""
    BOUNDED = 20
    """Every input up to a stated bound was covered."""
    SOLVED = 30
    """A solver said so, and nobody checked its work."""
    ELABORATED = 40
    """Lean accepted it in the process that ran the candidate."""
    REPLAYED = 50
    """The proof object was re-checked in a process the candidate never ran in."""
    CROSS_CHECKED = 60
    """A second, independent checker agrees."""


class Severity(enum.Enum):
    """How much a diagnostic matters."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """A half-open range of the candidate's text as the caller wrote it."""

    start_line: int
    """From 1."""
    start_column: int = 0
    """From 0, in Unicode code points."""
    end_line: int = 0
    """Inclusive; 0 means `start_line`."""
    end_column: int = 0
    """Exclusive; 0 means unknown."""
    path: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One finding: what a repair loop feeds back."""

    severity: Severity
    code: str
    """Stable kebab-case code."""
    message: str
    range: Range | None = None
    goals: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()
    """What may help: a tactic that Lean proposes, or advice."""


class VerdictChannel(enum.Enum):
    """How far the decision was from the candidate."""

    SHARED = "shared"
    """Tests ran in the candidate's own interpreter: hardened, not unforgeable."""
    SEPARATED = "separated"
    """Tests and expected values lived in a process that the candidate can't reach."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TestCaseResult:
    """One test case."""

    __test__ = False  # not a test class for pytest

    name: str
    outcome: Outcome
    reason: str
    wall_seconds: float = 0.0
    message: str = ""
    """What was asked, expected and got, for a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """Captured output: the head and the tail, and how much there was."""

    head: bytes = b""
    tail: bytes = b""
    """Empty when `head` holds everything."""
    size_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonEvidence:
    """What running unit tests showed."""

    cases: tuple[TestCaseResult, ...] = ()
    passed_count: int = 0
    total_count: int = 0
    stdout: Output = Output()
    stderr: Output = Output()
    channel: VerdictChannel = VerdictChannel.SEPARATED


@dataclass(frozen=True, slots=True, kw_only=True)
class LeanDeclaration:
    """A declaration of a candidate."""

    name: str
    kind: str
    """"theorem", "definition", "axiom", "opaque" or "inductive"."""
    axioms: tuple[str, ...] = ()
    """That it depends on, transitively."""
    is_target: bool = False
    """Whether the verdict is about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeanEvidence:
    """What came of a Lean candidate; never the word of the process that elaborated it."""

    axioms: tuple[str, ...] = ()
    """That the targets depend on, transitively."""
    uses_sorry: bool = False
    statement_digest: str = ""
    replayed_by: tuple[str, ...] = ()
    """"lean-kernel", "nanoda" …"""
    declarations: tuple[LeanDeclaration, ...] = ()
    toolchain: str = ""
    imports: tuple[str, ...] = ()
    """Modules with the SHA-256 of their compiled files."""
    statement_findings: tuple[str, ...] = ()
    """"vacuous", "disproved"."""


class Entailment(enum.Enum):
    """Whether premises settle a conclusion."""

    ENTAILED = "entailed"
    CONTRADICTED = "contradicted"
    INDEPENDENT = "independent"
    UNKNOWN = "unknown"
    INCONSISTENT_PREMISES = "inconsistent_premises"
    CONSISTENT_PREMISES = "consistent_premises"
    """There is no conclusion, and the premises have a model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogicModel:
    """A finite interpretation in which the formulas of a question hold."""

    question: str
    """"premises", "affirmed", "denied" or "difference"; see `LogicModel` in verdict.proto."""
    text: str
    """In words, with the caller's own names."""
    checked: bool
    """Whether our evaluator found all formulas to hold in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogicCertificate:
    """A checked certificate that the formulas of a question contradict each other."""

    question: str
    text: str
    """In words: what is used of which formula."""
    instance_count: int = 0
    step_count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SolverClaim:
    """What one engine said to one question."""

    solver: str
    question: str
    status: str
    """"satisfiable", "unsatisfiable" or "undecided"."""
    reason: str = ""
    step_count: int = 0
    """In the engine's own units."""
    words: str = ""
    """The tail of its own words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogicEvidence:
    """What a solver answered."""

    entailment: Entailment
    model_smtlib: str = ""
    unsat_core: tuple[str, ...] = ()
    """Premises that the answer rests on, as the caller wrote them."""
    models: tuple[LogicModel, ...] = ()
    certificates: tuple[LogicCertificate, ...] = ()
    claims: tuple[SolverClaim, ...] = ()
    """The transcript: what every engine said to every question."""
    open_questions: tuple[str, ...] = ()


Evidence = PythonEvidence | LeanEvidence | LogicEvidence


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceUsage:
    """Resources that one verification used."""

    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    """Of the candidate and all its children."""
    peak_memory_bytes: int = 0
    deterministic_steps: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """When each stage began, in seconds since the epoch."""

    create_time: float
    start_time: float
    execute_time: float
    end_time: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where a verdict comes from: enough to repeat it, and to distrust it later."""

    verification_digest: str = ""
    tools: tuple[str, ...] = ()
    environment: str = ""
    sandbox: str = ""
    worker: str = ""
    from_cache: bool = False
    timeline: Timeline | None = None
    usage: ResourceUsage = ResourceUsage()
    enforced: tuple[str, ...] = ()
    """Limits and isolation layers that were in force."""
    attempt_count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class FalsePositiveEstimate:
    """How often an ACCEPTED verdict of this kind is wrong: a rate with its 95 % interval."""

    rate: float
    """P(wrong given accepted): the false-discovery proportion, from 0 to 1."""
    lower: float
    upper: float
    method: str
    """"held-out-tests", "mutation", "reference-prover"."""
    sample_count: int
    """Acceptances behind it that a stronger verifier looked at."""
    problem_count: int = 0
    """Problems that they belong to."""
    problem_set: str = ""
    """Pattern of the ids of the problems that it holds for."""
    estimate_time: float | None = None
    """When it was made, in seconds since the epoch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One conclusion, with the reason for it."""

    outcome: Outcome
    reason: str
    """Stable kebab-case code; docs/reasons.md lists them."""
    summary: str
    """One sentence for a person."""
    assurance: Assurance = Assurance.UNSPECIFIED
    diagnostics: tuple[Diagnostic, ...] = ()
    evidence: Evidence | None = None
    provenance: Provenance = Provenance()
    false_positive: FalsePositiveEstimate | None = None

    @property
    def reward(self) -> float | None:
        """1, 0, or None where a trainer should skip the sample."""
        match self.outcome:
            case Outcome.ACCEPTED:
                return 1.0
            case Outcome.REJECTED:
                return 0.0
            case Outcome.INCONCLUSIVE:
                return None
