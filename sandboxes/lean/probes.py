"""Whether a statement is true for want of cases, or false, as far as tactics that are tried say.

What is tried is short, and its end is set by Lean's own count of steps. That nothing is found says
nothing. That something is found is certain as far as Lean's elaborator is: the text is ours and the
problem's, and no candidate is near.
"""

from __future__ import annotations

import itertools
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
_ATOMS: Final = (("0", "1", "2", "3"), ("True", "False"), ("true", "false"))
"""Values that counterexamples are looked for among."""
_MOST_VALUES: Final = 3
_MOST_HYPOTHESES: Final = 2
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
    disproved += ["  decide\n", *map(_counterexample, _ATOMS)]
    stated = f"type_of% @_root_.{name}"
    texts = [_example(stated, proof) for proof in vacuous]
    texts += [_example(f"¬ ({stated})", proof) for proof in disproved]
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


def _counterexample(atoms: tuple[str, ...]) -> str:
    """Tries all instances with these values, and what hypotheses of theirs may need."""
    check = "simp" if "True" in atoms else "decide"
    tried = [
        f"  | exact absurd (h {' '.join(values)}{f' (by {check})' * hypotheses}) (by {check})\n"
        for count in range(1, _MOST_VALUES + 1)
        for values in itertools.product(atoms, repeat=count)
        for hypotheses in range(_MOST_HYPOTHESES + 1)
    ]
    return "  intro h\n  first\n" + "".join(tried)


def _holds(compiled: Compilation, part: int, text: str) -> bool:
    """Whether a part was taken as it stands."""
    if compiled.reached[part] < len(text.rstrip().encode()):
        return False
    said = compiled.messages[part]
    return not any(one.severity == "error" or one.kind == "hasSorry" for one in said)
