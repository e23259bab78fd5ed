"""Repairs of Lean proofs: what is asked, what was changed, what is left.

Texts and goals are what Lean's elaborator made of them: hints for a prover. Only a verdict proves.
"""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from verifier_service.model.problem import VerificationSpec
from verifier_service.model.verdict import Diagnostic, Verdict

__all__ = [
    "MAXIMUM_EDIT_BYTES",
    "MAXIMUM_GOAL_BYTES",
    "MAXIMUM_SOURCES",
    "MAXIMUM_TACTICS",
    "Assembled",
    "Extracted",
    "LeanHole",
    "LeanLemma",
    "LemmaPrompt",
    "LemmaProposer",
    "Refined",
    "RepairBudget",
    "RepairEdit",
    "RepairEnding",
    "RepairListener",
    "RepairProgress",
    "RepairStage",
    "Repaired",
    "Solved",
    "Sorrified",
    "SorrifyMode",
]

MAXIMUM_TACTICS = 100
"""Tactics that one call may have tried at each hole."""
MAXIMUM_EDIT_BYTES = 4096
"""Of what an edit says was there before, and of what is there after; the rest is left out."""
MAXIMUM_GOAL_BYTES = 64 * 1024
"""Of one goal; the rest is left out."""
MAXIMUM_SOURCES = 64
"""Candidates beyond the first that one repair may begin with."""


class RepairStage(enum.Enum):
    """The part of a repair that made a change."""

    EXTRACT = "extract"
    """The proof was taken out of what surrounds it."""
    REFINE = "refine"
    """Syntax was mended."""
    CORRECT = "correct"
    """A name, a tactic or the order of steps was mended."""
    SORRIFY = "sorrify"
    """A step that fails became a hole."""
    SOLVE = "solve"
    """A hole was closed by a tactic."""
    ASSEMBLE = "assemble"
    """A proof of a lemma was put in."""


class SorrifyMode(enum.Enum):
    """How holes are made."""

    MINIMAL = "minimal"
    """Tries what a message suggests, and keeps what leaves most of the proof."""
    APOLLO = "apollo"
    """One rule for each kind of message, one change at a time."""
    DSP_MASK = "dsp-mask"
    """All that fails at once."""


class RepairEnding(enum.Enum):
    """How a repair ended."""

    PROVED = "proved"
    """The judge accepted the proof."""
    PARTIAL = "partial"
    """Holes are left."""
    NOT_ACCEPTED = "not-accepted"
    """Lean finds no error and no hole, and still the judge did not accept it."""
    STATEMENT_BROKEN = "statement-broken"
    """The problem's own text has errors."""
    BUDGET_SPENT = "budget-spent"
    """Checks or time ran out first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairEdit:
    """One change of a text."""

    stage: RepairStage
    iteration: int
    """Round within its stage, from 1."""
    line: int
    """Of the text as it was before this change, from 1."""
    rule: str
    """Stable kebab-case code; docs/lean-repair.md lists them."""
    message_class: str = ""
    """Class of the message that led to it; empty where none did."""
    before: str = ""
    """The lines as they were, at most `MAXIMUM_EDIT_BYTES` of them."""
    after: str = ""
    """The lines that took their place, likewise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeanHole:
    """A `sorry`."""

    line: int
    """From 1."""
    column: int
    """From 0, in code points."""
    goal: str
    """As Lean prints it; empty where it is unknown."""
    tactic: str = ""
    """What closes it; empty where nothing was found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeanLemma:
    """What one hole asks for."""

    name: str
    hole: LeanHole
    spec: VerificationSpec | None = None
    """A problem like any other, whose proof closes the hole; None where no statement was found that
    Lean reads and that closes it. Its candidate is `by sorry`."""
    statement_digest: str = ""
    """SHA-256 of what is to be proved, whatever it is called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairBudget:
    """How much a repair may take."""

    checks: int = 2000
    """Texts that Lean is asked about."""
    seconds: float | None = None
    """Wall clock, waits for proposals included; None is for ever. What is found until then is
    kept."""
    depth: int = 2
    """How deep lemmas of lemmas may go; 0 asks for none."""
    rounds: int = 2
    """Times that proofs of the same lemma are asked for."""
    proposals: int = 64
    """Proofs of lemmas that are tried in all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refined:
    """A text with better syntax."""

    source: str
    edits: tuple[RepairEdit, ...]
    diagnostics: tuple[Diagnostic, ...]
    """What Lean finds wrong with it."""
    check_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sorrified:
    """A text with holes where it failed."""

    source: str
    holes: tuple[LeanHole, ...]
    edits: tuple[RepairEdit, ...]
    is_clean: bool
    """Whether Lean finds no error in it."""
    statement_diagnostics: tuple[Diagnostic, ...]
    """What is wrong with the problem itself."""
    kept_lines: int
    """Lines of the candidate's proof that are as they were."""
    total_lines: int
    check_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Solved:
    """A text with fewer holes."""

    source: str
    holes: tuple[LeanHole, ...]
    """All holes of the text that was given, each with its tactic if it is closed."""
    edits: tuple[RepairEdit, ...]
    check_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Extracted:
    """The lemmas of a text."""

    lemmas: tuple[LeanLemma, ...]
    """One for each hole, in order."""
    check_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembled:
    """A text with proofs of lemmas put in."""

    source: str
    placed: tuple[str, ...]
    """Names of the lemmas whose proofs are in it."""
    edits: tuple[RepairEdit, ...]
    holes: tuple[LeanHole, ...]
    """Those that are left."""
    verdict: Verdict | None
    """On the whole; None while holes or errors are left."""
    check_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairProgress:
    """A stage that was passed."""

    theorem: str
    """Name of the theorem or lemma that it was about."""
    stage: RepairStage
    source: str
    edits: tuple[RepairEdit, ...]
    open_holes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LemmaPrompt:
    """A lemma that somebody else has to prove."""

    lemma: LeanLemma
    feedback: str
    """What is known of the proof that it is to be part of."""
    near_misses: tuple[str, ...] = ()
    """Proofs of it that failed, each followed by what Lean said, the last one last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repaired:
    """What came of a repair."""

    ending: RepairEnding
    source: str
    """The best text there is: a whole proof, or one with holes."""
    verdict: Verdict | None
    """What the judge said of it; None for one with holes."""
    edits: tuple[RepairEdit, ...]
    """What led from the candidate to it, in order."""
    holes: tuple[LeanHole, ...]
    """Those that are left."""
    lemmas: tuple[LeanLemma, ...]
    """What they ask for."""
    feedback: str
    """What to tell a prover of it."""
    kept_lines: int
    total_lines: int
    check_count: int


RepairListener = Callable[[RepairProgress], None]
"""Called on the event loop; must return at once and raise nothing."""

LemmaProposer = Callable[[Sequence[LemmaPrompt]], Awaitable[Mapping[str, Sequence[str]]]]
"""Gets proofs to try, by the names of lemmas; a lemma without any is given up."""
