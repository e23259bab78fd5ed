"""One session: a tree of states, and the tactics that lead from one to another."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeVar

from sandboxes.lean.steps.document import proof_of
from sandboxes.lean.steps.goals import digest_of, features
from sandboxes.lean.steps.runner import Finished, Path, Ran, Reached, TacticLimits, TacticRunner
from verifier_service.model import InvalidSpec, SessionFull, Verdict, Violation
from verifier_service.model.lean_steps import (
    ProofFinished,
    StepResult,
    StopReason,
    TacticState,
    TacticStopped,
)

__all__ = ["Aside", "Certify", "StepSession"]

_T = TypeVar("_T")

Certify = Callable[[str], Awaitable[Verdict]]
"""Judges a whole proof of the session's theorem."""


class Aside(Protocol):
    """Does work once there is room for it; cancelling ends the work first."""

    async def __call__(self, work: Callable[[], Awaitable[_T]], /) -> _T:
        """Does it."""
        ...


MAXIMUM_STATE_CHARACTERS: Final = 1024**2
"""Of the goals and messages of one state."""
MAXIMUM_STATES: Final = 100_000
MAXIMUM_KEPT_CHARACTERS: Final = 64 * 1024**2
"""Of all states' goals and tactics together."""


@dataclass(slots=True)
class _Node:
    """A state, and where tactics have led from it."""

    state: TacticState
    path: Path
    results: dict[str, StepResult] = field(default_factory=dict)


class StepSession:
    """Runs tactics, and knows all states that they led to. One call at a time; others wait."""

    def __init__(self, runner: TacticRunner, certify: Certify, aside: Aside) -> None:
        """Starts nothing yet.

        Args:
            runner: What runs the tactics; closed with the session.
            certify: Judges finished proofs.
            aside: Does what Lean is needed for, other than judging a proof.
        """
        self._runner = runner
        self._certify = certify
        self._aside = aside
        self._nodes: list[_Node] = []
        self._first_with: dict[str, int] = {}
        self._kept_characters = 0
        self._turn = asyncio.Lock()

    async def open(self) -> TacticState:
        """The first state.

        Raises:
            InvalidSpec: The theorem or what is before it can't be elaborated.
            ServiceError: It can't be elaborated here.
        """
        reached = await self._aside(self._runner.open)
        return self._add(None, "", reached)

    async def step(self, state_id: int, tactic: str, limits: TacticLimits) -> StepResult:
        """Runs a tactic on a state.

        A tactic that has led to another state leads there again, without being run.

        Raises:
            InvalidSpec: There is no such state.
            SessionFull: There are as many states as there may be.
            ServiceError: The tactic could not be run, or a finished proof not be judged.
        """
        node = self._node(state_id)
        async with self._turn:
            if (known := node.results.get(tactic)) is not None:
                return known
            self._check_room()
            ran = await self._aside(lambda: self._runner.run(node.path, tactic, limits))
            match ran.outcome:
                case Reached() as reached if _size(reached) > MAXIMUM_STATE_CHARACTERS:
                    return _result(ran, TacticStopped(reason=StopReason.OUTPUT))
                case Reached() as reached:
                    made = _result(ran, self._add(node, tactic, reached))
                    node.results[tactic] = made
                    return made
                case Finished():
                    proof = proof_of((*node.path, tactic))
                    verdict = await self._certify(proof)
                    return _result(ran, ProofFinished(proof=proof, verdict=verdict))
                case outcome:
                    return _result(ran, outcome)

    async def close(self) -> None:
        """Ends everything that runs for it; when it returns, all of it is gone."""
        await self._runner.close()

    def _node(self, state_id: int) -> _Node:
        if not 0 <= state_id < len(self._nodes):
            text = f"is {state_id}, and the session has {len(self._nodes)} states. Name one of them"
            raise InvalidSpec.of([Violation("state_id", f"{text}; 0 is the first.")])
        return self._nodes[state_id]

    def _check_room(self) -> None:
        if len(self._nodes) >= MAXIMUM_STATES or self._kept_characters > MAXIMUM_KEPT_CHARACTERS:
            raise SessionFull(
                f"The session has {len(self._nodes)} states, and keeps no more. Open a new one; "
                "tactics on the way to a state of this one lead to the same state there.",
                states=str(len(self._nodes)),
            )

    def _add(self, before: _Node | None, tactic: str, reached: Reached) -> TacticState:
        state_id = len(self._nodes)
        first = self._first_with.setdefault(digest_of(reached.goals), state_id)
        path = () if before is None else (*before.path, tactic)
        state = TacticState(
            state_id=state_id,
            goals=reached.goals,
            features=features(
                reached.goals,
                depth=len(path),
                digest_before=before.state.features.digest if before else "",
                same_as=first if first != state_id else None,
            ),
            messages=reached.messages,
        )
        self._nodes.append(_Node(state, path))
        self._kept_characters += state.features.size + sum(map(len, (tactic, *state.messages)))
        return state


def _size(reached: Reached) -> int:
    return sum(len(goal.text) for goal in reached.goals) + sum(map(len, reached.messages))


def _result(ran: Ran, outcome: object) -> StepResult:
    return dataclasses.replace(
        StepResult(outcome=outcome),  # type: ignore[arg-type]
        wall_seconds=ran.wall_seconds,
        cpu_seconds=ran.cpu_seconds,
    )
