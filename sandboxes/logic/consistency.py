"""Why formulas contradict each other, and what to take back so that they no longer do.

The formulas of a minimal conflict contradict each other, and any fewer of them do not. Taking back
the formulas of a minimal correction leaves the rest with a model, and taking back fewer does not.
Both are enumerated together (M. Liffiton, A. Previti, A. Malik and J. Marques-Silva, "Fast,
flexible MUS enumeration", Constraints 21 (2016)).
"""

from __future__ import annotations

from dataclasses import dataclass

from pysat.solvers import MinisatGH

from sandboxes.logic.answers import Answer, Status, Theory
from sandboxes.logic.cores import Core, smallest_core

__all__ = ["Consistency", "consistency"]


@dataclass(frozen=True, slots=True)
class Consistency:
    """Whether formulas can hold together, and if not, why not.

    Attributes:
        answer: About all of them.
        conflicts: Minimal conflicts; one that is not shown to be minimal says so.
        corrections: Minimal corrections, by the indices to take back.
        is_complete: Whether these are all that there are.
    """

    answer: Answer
    conflicts: tuple[Core, ...] = ()
    corrections: tuple[frozenset[int], ...] = ()
    is_complete: bool = True


def consistency(theory: Theory, count: int, *, most: int = 10, questions: int = 200) -> Consistency:
    """Finds out whether the first formulas of a theory can hold together.

    Args:
        theory: What to ask.
        count: How many formulas, from index 0.
        most: Conflicts and corrections to find at most, both together.
        questions: How often to ask at most, apart from making conflicts smaller.
    """
    everything = frozenset(range(count))
    answer = theory.ask(everything)
    if answer.status is not Status.UNSATISFIABLE:
        return Consistency(answer)
    conflicts: list[Core] = []
    corrections: list[frozenset[int]] = []
    is_complete = True
    with MinisatGH() as unexplored:
        unexplored.set_phases([index + 1 for index in range(count)])
        while unexplored.solve():
            if len(conflicts) + len(corrections) >= most or questions <= 0:
                is_complete = False
                break
            # What the solver has not heard of is in.
            out = {-literal - 1 for literal in unexplored.get_model() if literal < 0}
            chosen = everything - out
            questions -= 1
            status = theory.status(chosen)
            if status is Status.UNSATISFIABLE:
                core = smallest_core(theory, chosen)
                conflicts.append(core)
                unexplored.add_clause([-(index + 1) for index in sorted(core.members)])
                continue
            if status is Status.SATISFIABLE:
                for index in sorted(out):
                    questions -= 1
                    if theory.status(chosen | {index}) is Status.SATISFIABLE:
                        chosen |= {index}
                corrections.append(everything - chosen)
            else:
                is_complete = False
            unexplored.add_clause([index + 1 for index in sorted(everything - chosen)])
    return Consistency(answer, tuple(conflicts), tuple(corrections), is_complete)
