"""Tactics on LeanDojo: theorems of repositories that it has traced.

Written for the documented interface of lean-dojo 4.20.0, the last of version 1, which its makers no
longer develop. It needs git, lake and a Lean that it can trace, and mostly the network. A `Dojo`
changes the working directory of its process while it starts: open one at a time.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Sequence
from typing import Any, Final

from sandboxes.lean.steps.goals import goals_of
from sandboxes.lean.steps.runner import Finished, Reached, RunnerOutcome
from sandboxes.lean.steps.tools import State, ToolLost, ToolRunner
from verifier_service.model import CriterionUnavailable, InvalidSpec, Violation
from verifier_service.model.lean_steps import (
    ProofGivenUp,
    StopReason,
    TacticFailed,
    TacticFailure,
)

__all__ = ["dojo_runner"]

_PLACE: Final = re.compile(r"<stdin>:(\d+):(\d+):\s*(.*)", re.DOTALL)
_CALLERS_MISTAKES: Final = ("Failed to locate", "`where` keyword", "prelude")
"""What `DojoInitError` says where no other machine could do better."""


def dojo_runner(
    entry: Any,
    *,
    timeout_seconds: int = 600,
    additional_imports: Sequence[str] = (),
    build_deps: bool = True,
) -> ToolRunner:
    """Runs tactics on a `Dojo`.

    Args:
        entry: A `lean_dojo.Theorem`.
        timeout_seconds: For LeanDojo to start, and the most that any tactic may take.
        additional_imports: As `Dojo` takes them.
        build_deps: Whether to trace what the repository depends on.
    """

    async def begin() -> tuple[_Life, State, Reached]:
        dojo = _dojo(entry, timeout_seconds, list(additional_imports), build_deps)
        _, state = await asyncio.to_thread(_entered, dojo)
        return _Life(dojo), state, Reached(goals=goals_of(state.pp))

    return ToolRunner("lean-dojo", begin)


def _dojo(entry: Any, timeout_seconds: int, imports: list[str], build_deps: bool) -> Any:
    try:
        import lean_dojo
    except Exception as error:  # it looks for git, and asks GitHub, when it is imported
        raise CriterionUnavailable(
            f"lean-dojo can't be imported: {error}. Install it with the extra `lean-dojo`, beside "
            "git, lake and elan."
        ) from error
    return lean_dojo.Dojo(entry, timeout_seconds, imports, build_deps)


def _entered(dojo: Any) -> Any:
    """Starts it.

    Raises:
        InvalidSpec: The theorem can't be proved in steps.
        CriterionUnavailable: LeanDojo does not work here.
    """
    import lean_dojo

    try:
        return dojo.__enter__()
    except lean_dojo.DojoInitError as error:
        if any(words in str(error) for words in _CALLERS_MISTAKES):
            raise InvalidSpec.of([Violation("theorem", f"LeanDojo refuses it: {error}")]) from error
        raise CriterionUnavailable(f"LeanDojo can't start on the theorem: {error}.") from error
    except Exception as error:
        raise CriterionUnavailable(
            f"LeanDojo can't trace the repository here: {error!r}."
        ) from error


class _Life:
    def __init__(self, dojo: Any) -> None:
        self._dojo = dojo

    async def run(self, state: State, tactic: str) -> tuple[State, RunnerOutcome]:
        result = await asyncio.to_thread(self._run, state, tactic)
        return result, _outcome(result)

    def _run(self, state: State, tactic: str) -> Any:
        import lean_dojo

        try:
            return self._dojo.run_tac(state, tactic)
        except lean_dojo.DojoTacticTimeoutError:
            raise ToolLost(StopReason.WALL_TIME) from None
        except lean_dojo.DojoCrashError as error:
            memory = error.is_out_of_memory
            raise ToolLost(StopReason.MEMORY if memory else StopReason.CRASHED) from None
        except AssertionError:  # it reads a state that holds another `⊢` than those of its goals
            raise ToolLost from None

    async def end(self) -> None:
        with contextlib.suppress(Exception):  # what has ended can't be ended
            await asyncio.to_thread(self._dojo.__exit__, None, None, None)


def _outcome(result: Any) -> RunnerOutcome:
    """What a `TacticResult` means."""
    import lean_dojo

    match result:
        case lean_dojo.TacticState():
            said = (result.message,) if result.message else ()
            return Reached(goals=goals_of(result.pp), messages=said)
        case lean_dojo.ProofFinished():
            return Finished()
        case lean_dojo.ProofGivenUp():
            return ProofGivenUp(message="The proof contains `sorry`.")
        case lean_dojo.LeanError():
            return _failed(result.error)
        case _:
            raise ToolLost


def _failed(text: str) -> TacticFailed:
    if "kernel type check failed" in text:
        return TacticFailed(kind=TacticFailure.KERNEL, message=text)
    if (place := _PLACE.match(text)) is not None:
        line, column, rest = place.groups()
        return TacticFailed(
            kind=TacticFailure.SYNTAX, message=rest, line=int(line), column=int(column)
        )
    return TacticFailed(kind=TacticFailure.TACTIC, message=text)
