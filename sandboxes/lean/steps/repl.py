"""Tactics in the tactic mode of the REPL of leanprover-community/repl, and of its forks.

Requests and answers are as its README says: objects of JSON, with an empty line behind each. An
answer with `message` is an error of the request; `proofStatus` is there since the end of 2024.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sandboxes.lean.source import specification
from sandboxes.lean.steps.goals import goal_of
from sandboxes.lean.steps.runner import Finished, Reached, RunnerOutcome
from sandboxes.lean.steps.tools import JsonProcess, State, ToolLost, ToolRunner, parsed
from verifier_service.model import InvalidSpec, LeanTheorem, Violation
from verifier_service.model.lean_steps import ProofGivenUp, TacticFailed, TacticFailure

__all__ = ["outcome_of", "repl_runner"]

_PLACE: Final = re.compile(r"(?:Lean error:\s*)?<[^>\n]*>:(\d+):(\d+):\s*(.*)", re.DOTALL)
_COMPLETED: Final = "Completed"
_CONTAINS_SORRY: Final = "Incomplete: contains sorry"
_ERROR: Final = "Error: "


def repl_runner(
    theorem: LeanTheorem,
    command: Sequence[str],
    *,
    folder: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> ToolRunner:
    """Runs tactics on a REPL.

    Args:
        theorem: To prove; without violations.
        command: Starts the REPL: `["lake", "env", "repl"]`.
        folder: Where it is started: a lake project, for instance.
        environment: Its variables; None are the present ones.
    """

    async def begin() -> tuple[_Repl, State, Reached]:
        process = await JsonProcess.start(command, folder=folder, environment=environment)
        life = _Repl(process)
        try:
            state, reached = await _opened(life, theorem)
        except BaseException:
            await life.end()
            raise
        return life, state, reached

    return ToolRunner("repl", begin)


class _Repl:
    def __init__(self, process: JsonProcess) -> None:
        self._process = process

    async def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Asks, and waits for the answer.

        Raises:
            ToolLost: There is none.
        """
        await self._process.say(json.dumps(request, ensure_ascii=False) + "\n\n")
        lines: list[bytes] = []
        while (line := await self._process.line()).strip() or not lines:
            lines.append(line)
        return parsed(b"".join(lines))

    async def run(self, state: State, tactic: str) -> tuple[State, RunnerOutcome]:
        answer = await self.ask({"tactic": tactic, "proofState": state})
        return answer.get("proofState"), outcome_of(answer)

    async def end(self) -> None:
        await self._process.end()


async def _opened(life: _Repl, theorem: LeanTheorem) -> tuple[State, Reached]:
    """The state at the `sorry` of the theorem.

    Raises:
        InvalidSpec: The REPL refuses the theorem, or what is before it.
    """
    read = specification(theorem)
    try:
        header = await life.ask({"cmd": read.header})
        _check(header)
        text = f"{read.preamble}\n{read.head} := by sorry"
        answer = await life.ask({"cmd": text, "env": header.get("env")})
    except ToolLost as lost:
        raise _refused("ended the REPL.") from lost
    _check(answer)
    match answer.get("sorries"):
        case [*_, {"proofState": int(state), "goal": str(goal)}]:
            return state, Reached(goals=(goal_of(goal),))
    raise _refused("leaves nothing to prove.")


def _check(answer: Mapping[str, Any]) -> None:
    if (text := _error(answer)) is not None:
        raise _refused(f"is refused by Lean: {text}")


def _refused(why: str) -> InvalidSpec:
    return InvalidSpec.of([Violation("theorem", why)])


def outcome_of(answer: Mapping[str, Any]) -> RunnerOutcome:
    """What an answer to a tactic means.

    Raises:
        ToolLost: It makes no sense.
    """
    if (text := _error(answer)) is not None:
        return _failed(text)
    goals, status = answer.get("goals"), str(answer.get("proofStatus", _COMPLETED))
    if not isinstance(goals, list):
        raise ToolLost
    if goals:
        return Reached(goals=tuple(goal_of(str(goal)) for goal in goals))
    if status.startswith(_ERROR):
        return TacticFailed(kind=TacticFailure.KERNEL, message=status.removeprefix(_ERROR))
    if status.startswith(_CONTAINS_SORRY) or answer.get("sorries"):
        return ProofGivenUp(message=status)
    return Finished()


def _error(answer: Mapping[str, Any]) -> str | None:
    """What went wrong, in Lean's own words."""
    if "message" in answer:
        return str(answer["message"])
    for message in answer.get("messages") or ():
        if isinstance(message, dict) and message.get("severity") == "error":
            return str(message.get("data"))
    return None


def _failed(text: str) -> TacticFailed:
    if (place := _PLACE.match(text)) is not None:
        line, column, rest = place.groups()
        return TacticFailed(
            kind=TacticFailure.SYNTAX, message=rest, line=int(line), column=int(column)
        )
    kernel = "(kernel)" in text
    return TacticFailed(
        kind=TacticFailure.KERNEL if kernel else TacticFailure.TACTIC,
        message=text.removeprefix("Lean error:").strip(),
    )
