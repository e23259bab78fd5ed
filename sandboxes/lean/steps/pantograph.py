"""Tactics on Pantograph, by the words of its own program.

They are those of its `doc/repl.md` and `Pantograph/Protocol.lean`. It has to be built for the very
toolchain that is used. A tactic sees the first goal of its state; the others come back with the
next state.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sandboxes.lean.source import specification
from sandboxes.lean.steps.goals import goal_of
from sandboxes.lean.steps.runner import Finished, Reached, RunnerOutcome
from sandboxes.lean.steps.tools import JsonProcess, State, ToolLost, ToolRunner, parsed
from verifier_service.model import InvalidSpec, LeanTheorem, Violation
from verifier_service.model.lean_steps import Goal, ProofGivenUp, TacticFailed, TacticFailure

__all__ = ["outcome_of", "pantograph_runner"]

_READY: Final = b"ready."


def pantograph_runner(
    theorem: LeanTheorem,
    command: Sequence[str],
    *,
    folder: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> ToolRunner:
    """Runs tactics on Pantograph.

    Args:
        theorem: To prove; without violations.
        command: Starts its program, without the modules to import: `["lake", "exe", "repl"]`.
        folder: Where it is started: a lake project, for instance.
        environment: Its variables, `LEAN_PATH` among them; None are the present ones.
    """
    read = specification(theorem)

    async def begin() -> tuple[_Pantograph, State, Reached]:
        process = await JsonProcess.start(
            [*command, *(read.imports or ("Init",))], folder=folder, environment=environment
        )
        life = _Pantograph(process)
        try:
            state, reached = await _opened(life, f"{read.preamble}\n{read.head} := by sorry")
        except BaseException:
            await life.end()
            raise
        return life, state, reached

    return ToolRunner("pantograph", begin)


class _Pantograph:
    def __init__(self, process: JsonProcess) -> None:
        self._process = process

    async def ready(self) -> None:
        """Waits until it takes commands.

        Raises:
            ToolLost: It never will.
        """
        if (await self._process.line()).strip() != _READY:
            raise ToolLost

    async def ask(self, command: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Asks, and waits for the answer.

        Raises:
            ToolLost: There is none, or the command was wrong.
        """
        request = {"cmd": command, "payload": payload}
        await self._process.say(json.dumps(request, ensure_ascii=False) + "\n")
        answer = parsed(await self._process.line())
        if "error" in answer:
            raise ToolLost
        return answer

    async def run(self, state: State, tactic: str) -> tuple[State, RunnerOutcome]:
        answer = await self.ask("goal.tactic", {"stateId": state, "tactic": tactic})
        return answer.get("nextStateId"), outcome_of(answer)

    async def end(self) -> None:
        await self._process.end()


async def _opened(life: _Pantograph, text: str) -> tuple[State, Reached]:
    """The state at the `sorry` of a theorem.

    Raises:
        InvalidSpec: The theorem, or what is before it, is refused.
    """
    try:
        await life.ready()
        answer = await life.ask("frontend.process", {"file": text, "sorrys": True})
    except ToolLost as lost:
        raise _refused("ended Pantograph, or its imports are not there.") from lost
    units = [unit for unit in answer.get("units") or () if isinstance(unit, dict)]
    for unit in units:
        if errors := _texts(unit, "error"):
            raise _refused(f"is refused by Lean: {errors[0]}")
    for unit in reversed(units):
        if isinstance(unit.get("goalStateId"), int) and unit.get("goals"):
            return unit["goalStateId"], Reached(goals=_goals(unit["goals"]))
    raise _refused("leaves nothing to prove.")


def _refused(why: str) -> InvalidSpec:
    return InvalidSpec.of([Violation("theorem", why)])


def outcome_of(answer: Mapping[str, Any]) -> RunnerOutcome:
    """What an answer to `goal.tactic` means.

    Raises:
        ToolLost: It makes no sense.
    """
    if (unreadable := answer.get("parseError")) is not None:
        return TacticFailed(kind=TacticFailure.SYNTAX, message=str(unreadable))
    goals = answer.get("goals")
    if goals is None or answer.get("nextStateId") is None:
        said = _texts(answer, "error") or _texts(answer, None)
        text = "\n".join(said) or "The tactic failed."
        return TacticFailed(kind=TacticFailure.TACTIC, message=text)
    if goals:
        return Reached(goals=_goals(goals), messages=tuple(_texts(answer, None)))
    if answer.get("hasSorry") or answer.get("hasUnsafe"):
        return ProofGivenUp(message="The proof contains `sorry`, or rests on what is unsafe.")
    return Finished()


def _texts(answer: Mapping[str, Any], severity: str | None) -> list[str]:
    """Messages of a severity, or of all."""
    return [
        str(message.get("data", ""))
        for message in answer.get("messages") or ()
        if isinstance(message, dict) and severity in (None, message.get("severity"))
    ]


def _goals(goals: Sequence[Mapping[str, Any]]) -> tuple[Goal, ...]:
    try:
        return tuple(goal_of(_printed(goal)) for goal in goals)
    except (AttributeError, KeyError, TypeError):
        raise ToolLost from None


def _printed(goal: Mapping[str, Any]) -> str:
    """A goal as Lean prints it."""
    case = [f"case {goal['userName']}"] if goal.get("userName") else []
    return "\n".join([*case, *map(_variable, goal["vars"]), f"⊢ {goal['target']['pp']}"])


def _variable(variable: Mapping[str, Any]) -> str:
    kind = (variable.get("type") or {}).get("pp", "_")
    value = (variable.get("value") or {}).get("pp")
    return f"{variable['userName']} : {kind}" + (f" := {value}" if value is not None else "")
