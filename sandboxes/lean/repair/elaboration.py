"""Asks Lean what it says of a candidate, put behind its problem as it would be judged."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from sandboxes.lean.messages import Message, Position
from sandboxes.lean.repair.checking import Check, Checked
from sandboxes.lean.runtime import LeanRuntime
from sandboxes.lean.source import prepared, specification
from verifier_service.model import LeanTheorem, Limits

__all__ = ["elaboration"]

MINIMUM_PROCESSES: Final = 16
"""Threads that Lean itself starts."""
_BEFORE: Final = Position(0, 0)


def elaboration(runtime: LeanRuntime, theorem: LeanTheorem, limits: Limits) -> Check:
    """A check of candidates for a theorem, each in a process of its own.

    Args:
        runtime: Runs Lean.
        theorem: Has no violations.
        limits: On each check.
    """
    spec = specification(theorem)
    limits = replace(limits, max_processes=max(limits.max_processes, MINIMUM_PROCESSES))

    async def check(source: str) -> Checked:
        made = prepared(spec, source)
        compiled = await runtime.compile(made.parts, imports=spec.header, limits=limits)
        *before, own = compiled.messages
        messages: list[Message] = [
            Message(severity=one.severity, kind=one.kind, text=one.text, start=_BEFORE, end=_BEFORE)
            for part in before
            for one in part
            if one.severity == "error"
        ]
        for one in own:
            start = made.located(one.start)
            end = None if one.end is None else made.located(one.end)
            messages.append(
                Message(
                    severity=one.severity,
                    kind=one.kind,
                    text=one.text,
                    start=start or _BEFORE,
                    end=end,
                )
            )
        ending = compiled.ran.trouble or ("completed" if compiled.finished else "unfinished")
        return Checked(tuple(messages), ending == "completed", ending)

    return check
