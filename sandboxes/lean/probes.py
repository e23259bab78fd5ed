"""Whether a statement is true for want of cases, or false, as far as tactics that are tried say.

What is tried is short, and its end is set by Lean's own count of steps. That nothing is found says
nothing. That something is found is certain as far as Lean's elaborator is: the text is ours and the
problem's, and no candidate is near.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Final

from sandboxes.lean.judge import StatementFinding
from sandboxes.lean.runtime import Compilation, LeanRuntime
from sandboxes.lean.source import Specification
from verifier_service.model import Limits

__all__ = ["probe"]

STEPS: Final = 20_000
"""Heartbeats for each part."""
_CLOSING: Final = (
    "contradiction",
    "simp_all",
    "omega",
    "decide",
    "linarith",
    "nlinarith",
    "positivity",
    "aesop",
    "grind",
)
"""Tactics that may end a proof; those that an environment has not fail to be read, each alone."""
_VACUOUS: Final = "Its hypotheses contradict each other, so that it holds for want of cases."
_DISPROVED: Final = "Its negation can be proved, so that no proof of it can be right."


async def probe(
    runtime: LeanRuntime, spec: Specification, name: str, limits: Limits
) -> tuple[StatementFinding, ...]:
    """What is odd about a statement that elaborates.

    Raises:
        HeaderFailed: The header can't be imported.
        SandboxLost: There was no process to be had.
    """
    vacuous = [f"  intros\n  exfalso\n  {tactic}\n  done\n" for tactic in _CLOSING]
    disproved = [f"  intro h\n  {tactic}\n  done\n" for tactic in ("simp at h", *_CLOSING)]
    disproved += ["  decide\n", "  intro h\n  first\n" + "".join(_instances())]
    texts = [_example(f"type_of% @{name}", proof) for proof in vacuous]
    texts += [_example(f"¬ (type_of% @{name})", proof) for proof in disproved]
    compiled = await runtime.compile((*spec.parts, *texts), imports=spec.header, limits=limits)
    held = [_holds(compiled, part, text) for part, text in enumerate(texts, len(spec.parts))]
    found = []
    if any(held[: len(vacuous)]):
        found.append(StatementFinding(code="vacuous", message=_VACUOUS))
    if any(held[len(vacuous) :]):
        found.append(StatementFinding(code="disproved", message=_DISPROVED))
    return tuple(found)


def _example(statement: str, proof: str) -> str:
    return f"set_option maxHeartbeats {STEPS} in\nexample : {statement} := by\n{proof}"


def _instances() -> Iterator[str]:
    """Counterexamples among small numbers and truth values, with what hypotheses then ask."""
    for atoms, most in ((("0", "1", "2", "3"), 3), (("True", "False"), 3), (("true", "false"), 2)):
        for count in range(1, most + 1):
            for values in itertools.product(atoms, repeat=count):
                for hypotheses in range(3):
                    holds = " (by decide)" if atoms[0] != "True" else " (by simp)"
                    instance = f"h {' '.join(values)}{holds * hypotheses}"
                    fails = "(by simp)" if atoms[0] == "True" else "(by decide)"
                    yield f"  | exact absurd ({instance}) {fails}\n"


def _holds(compiled: Compilation, part: int, text: str) -> bool:
    """Whether a part was taken as it stands."""
    if compiled.reached[part] < len(text.rstrip().encode()):
        return False
    said = compiled.messages[part]
    return not any(one.severity == "error" or one.kind == "hasSorry" for one in said)
