"""Questions that are made of axioms have the answers that they are said to have."""

from __future__ import annotations

import pytest

from sandboxes.isolation.interpreter import Interpreter
from sandboxes.isolation.pool import JailPool
from sandboxes.logic.executor import portfolio_of
from sandboxes.logic.generation import tasks
from sandboxes.logic.reader import Source, read
from sandboxes.logic.solvers.process import SolverProcesses
from sandboxes.logic.syntax import Atom, Formula, Symbol, Universal, Variable, predicate
from sandboxes.logic.syntax import Kind as SymbolKind
from tests.logic.conftest import LIMITS, Verify
from verifier_service.model import Assurance, Entailment, Outcome

FAMILY = (
    "∀x ∀y (Parent(x,y) → Ancestor(x,y))",
    "∀x ∀y ∀z (Parent(x,y) ∧ Ancestor(y,z) → Ancestor(x,z))",
    "Parent(ann,bob)",
    "Parent(bob,cid)",
    "∀x ∀y (Ancestor(x,y) → Older(x,y))",
    "Parent(dan,eve)",
)


def axioms() -> list[Formula]:
    problem = read([Source(str(number), text) for number, text in enumerate(FAMILY)]).problem
    assert problem is not None
    return [premise.formula for premise in problem.premises]


async def test_what_is_made_is_what_the_service_finds(
    environment: tuple[Interpreter, JailPool], processes: SolverProcesses, verify: Verify
) -> None:
    interpreter, _ = environment
    portfolio = portfolio_of(processes, interpreter)
    made = await tasks(axioms(), processes, portfolio, rounds=200, most=6, limits=LIMITS)

    assert len(made) == 6
    assert {task.problem.expected for task in made} == {
        Entailment.ENTAILED,
        Entailment.CONTRADICTED,
    }
    for task in made:
        problem = task.problem
        verdict = await verify(
            "",
            premises=problem.premises,
            conclusion=problem.conclusion,
            expected=problem.expected,
            syntax=problem.syntax,
        )
        assert (verdict.outcome, verdict.assurance) == (
            Outcome.ACCEPTED,
            Assurance.CROSS_CHECKED,
        )
        enough = await verify(
            "",
            premises=tuple(problem.premises[index] for index in task.needed),
            conclusion=problem.conclusion,
            expected=problem.expected,
            syntax=problem.syntax,
        )
        assert enough.outcome is Outcome.ACCEPTED
        assert task.depth >= 1
        assert task.argument.endswith("No truth values make all of these true at once.")


async def test_the_same_axioms_make_the_same_questions(
    environment: tuple[Interpreter, JailPool], processes: SolverProcesses
) -> None:
    interpreter, _ = environment
    portfolio = portfolio_of(processes, interpreter)
    runs = [
        await tasks(axioms(), processes, portfolio, rounds=100, most=3, limits=LIMITS)
        for _ in range(2)
    ]

    assert runs[0] == runs[1]


async def test_axioms_of_several_sorts_are_refused(
    environment: tuple[Interpreter, JailPool], processes: SolverProcesses
) -> None:
    interpreter, _ = environment
    sorted_atom = Atom(Symbol(SymbolKind.PREDICATE, "P", ("s",)), (Variable("x", "s"),))
    plain = Universal((Variable("y"),), Atom(predicate("Q", 1), (Variable("y"),)))
    several = [Universal((Variable("x", "s"),), sorted_atom), plain]

    with pytest.raises(ValueError, match="one sort"):
        await tasks(
            several,
            processes,
            portfolio_of(processes, interpreter),
            rounds=10,
            most=1,
            limits=LIMITS,
        )
