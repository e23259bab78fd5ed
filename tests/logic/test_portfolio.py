"""Who is asked what, and what happens when engines lie, crash or contradict each other."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import pytest

from sandboxes.logic.answers import Status
from sandboxes.logic.evaluator import Interpretation
from sandboxes.logic.portfolio import LOCAL, Need, Portfolio
from sandboxes.logic.solvers.claims import Claim, Inquiry
from sandboxes.logic.solvers.engines import Z3, Cvc5Instances, Solver
from sandboxes.logic.solvers.process import SolverProcesses
from sandboxes.logic.syntax import (
    INDIVIDUAL,
    Application,
    Equality,
    Formula,
    Negation,
    Universal,
    Variable,
    function,
)
from tests.logic.conftest import LIMITS
from verifier_service.model import Limits, ResourceUsage, SandboxLost

x, y, z = Variable("x"), Variable("y"), Variable("z")
M, INVERSE, UNIT = function("m", 2), function("i", 1), Application(function("e"))


def times(*terms: Variable | Application) -> Application:
    return Application(M, terms)


def inverse(term: Variable | Application) -> Application:
    return Application(INVERSE, (term,))


GROUP: list[Formula] = [
    Universal((x, y, z), Equality(times(times(x, y), z), times(x, times(y, z)))),
    Universal((x,), Equality(times(UNIT, x), x)),
    Universal((x,), Equality(times(inverse(x), x), UNIT)),
]
DENIAL = Negation(Universal((x,), Equality(times(x, inverse(x)), UNIT)))
# The engine in this process does not decide it: it takes solvers.
HARD = Inquiry(formulas=[*GROUP, DENIAL], questions={"denied": (0, 1, 2, 3)})
EASY = Inquiry(formulas=[GROUP[1], Negation(GROUP[1])], questions={"one": (0,), "both": (0, 1)})


class Witness:
    """An engine that claims what it is told to claim, and keeps what it was asked."""

    def __init__(
        self,
        name: str,
        says: Status | dict[str, Status] | SandboxLost,
        *,
        model: Interpretation | None = None,
    ) -> None:
        self.name = name
        self.asked: list[str] = []
        self._says = says
        self._model = model

    async def ask(
        self,
        inquiry: Inquiry,  # noqa: ARG002
        questions: Sequence[str],
        *,
        steps: int,  # noqa: ARG002
        limits: Limits,  # noqa: ARG002
    ) -> tuple[list[Claim], ResourceUsage]:
        self.asked += questions
        if isinstance(self._says, SandboxLost):
            raise self._says
        return [self._claim(question) for question in questions], ResourceUsage(cpu_seconds=0.1)

    def _claim(self, question: str) -> Claim:
        says = self._says
        status = says[question] if isinstance(says, dict) else says
        assert isinstance(status, Status)
        return Claim(
            solver=self.name,
            question=question,
            status=status,
            model=self._model,
            saturated=status is Status.SATISFIABLE and self._model is None,
            words=f"{self.name} says so",
        )


def portfolio(*stages: Sequence[Solver]) -> Portfolio:
    return Portfolio([[(solver, Need.CERTIFICATE) for solver in stage] for stage in stages])


async def test_what_is_decided_with_evidence_is_asked_nobody_else() -> None:
    solver = Witness("solver", Status.SATISFIABLE)

    settled = await portfolio([solver]).settle(EASY, limits=LIMITS)

    assert solver.asked == []
    assert settled.answers["one"].model is not None
    assert settled.answers["both"].certificate is not None
    assert {claim.solver for claim in settled.claims} == {LOCAL}


async def test_engines_that_contradict_each_other_raise_the_alarm() -> None:
    one, other = Witness("one", Status.SATISFIABLE), Witness("other", Status.UNSATISFIABLE)

    settled = await portfolio([one, other]).settle(HARD, limits=LIMITS)

    assert settled.disputed == ("denied",)
    assert settled.answers["denied"].status is Status.UNDECIDED
    assert {"one says so", "other says so"} <= {claim.words for claim in settled.claims}


async def test_a_liar_against_a_certificate_raises_the_alarm_as_well(
    processes: SolverProcesses,
) -> None:
    honest = Cvc5Instances(processes)
    alone = await portfolio([honest]).settle(HARD, limits=LIMITS)
    assert alone.answers["denied"].certificate is not None

    liar = Witness("liar", Status.SATISFIABLE)
    both = await portfolio([liar, honest]).settle(HARD, limits=LIMITS)

    assert both.disputed == ("denied",)


async def test_a_claim_about_more_contradicts_one_about_less() -> None:
    inquiry = Inquiry(
        formulas=[*HARD.formulas, Equality(UNIT, UNIT)],
        questions={"more": (0, 1, 2, 3, 4), "less": (0, 1, 2, 3)},
    )
    said = {"more": Status.SATISFIABLE, "less": Status.UNSATISFIABLE}

    settled = await portfolio([Witness("mixed", said)]).settle(inquiry, limits=LIMITS)

    assert settled.disputed == ("more", "less")


async def test_a_model_in_which_nothing_holds_is_refused() -> None:
    nothing = Interpretation(
        {INDIVIDUAL: 2},
        {
            M: {(a, b): 0 for a in range(2) for b in range(2)},
            INVERSE: {(0,): 1, (1,): 1},
            UNIT.symbol: {(): 1},
        },
        {},
    )
    liar = Witness("liar", Status.SATISFIABLE, model=nothing)

    settled = await portfolio([liar]).settle(HARD, limits=LIMITS)

    assert settled.answers["denied"].status is Status.UNDECIDED
    assert [claim.solver for claim in settled.refused][:1] == ["liar"]


async def test_contradictions_without_certificate_stand_unchecked() -> None:
    settled = await portfolio([Witness("one", Status.UNSATISFIABLE)]).settle(HARD, limits=LIMITS)

    assert settled.answers["denied"].status is Status.UNSATISFIABLE
    assert settled.answers["denied"].certificate is None


async def test_a_lost_sandbox_is_told_and_no_answer() -> None:
    solvers = [Witness("one", SandboxLost("It was lost.")), Witness("two", Status.UNDECIDED)]

    with pytest.raises(SandboxLost):
        await portfolio(solvers).settle(HARD, limits=LIMITS)


async def test_no_solver_is_started_without_cpu_left() -> None:
    solver = Witness("solver", Status.UNSATISFIABLE)

    settled = await portfolio([solver]).settle(
        HARD, limits=dataclasses.replace(LIMITS, cpu_seconds=0.05)
    )

    assert solver.asked == []
    assert settled.answers["denied"].status is Status.UNDECIDED


async def test_a_real_solvers_answer_is_made_a_certificate(processes: SolverProcesses) -> None:
    stages: list[list[tuple[Solver, Need]]] = [
        [(Z3(processes), Need.ANSWER)],
        [(Cvc5Instances(processes), Need.CERTIFICATE)],
    ]

    settled = await Portfolio(stages).settle(HARD, limits=LIMITS)

    assert settled.answers["denied"].certificate is not None
    assert settled.disputed == ()
