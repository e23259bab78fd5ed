"""A model that says what a script says: for tests, and for simulating decoders."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from proposer.models.model import (
    Chat,
    Completion,
    FinishReason,
    ModelError,
    Prices,
    Request,
    Usage,
)

__all__ = ["Reply", "ScriptedModel", "in_turn"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a scripted model says, and how."""

    text: str
    seconds: float = 0.0
    """Time that it takes."""
    finish_reason: FinishReason = FinishReason.STOP


Script = Callable[[Request], Reply | ModelError | str]


class ScriptedModel:
    """Answers by a script; words count as tokens."""

    def __init__(
        self, script: Script, *, name: str = "scripted", prices: Prices | None = None
    ) -> None:
        """Makes a model.

        Args:
            script: Told a request, says the answer, or the error that it ends with.
            name: For people and records.
            prices: Of tokens.
        """
        self._script = script
        self._name = name
        self._prices = prices or Prices()
        self.requests: list[Request] = []
        """All that it was asked, in order."""

    @property
    def name(self) -> str:
        """For people and records."""
        return self._name

    async def complete(self, request: Request) -> Completion:
        """What the script says."""
        self.requests.append(request)
        said = self._script(request)
        if isinstance(said, ModelError):
            raise said
        reply = said if isinstance(said, Reply) else Reply(text=said)
        await asyncio.sleep(reply.seconds)
        usage = Usage(prompt_tokens=len(_words(request)), completion_tokens=len(reply.text.split()))
        return Completion(
            text=reply.text,
            finish_reason=reply.finish_reason,
            usage=usage,
            model=self._name,
            cost=self._prices.cost(usage),
        )

    async def close(self) -> None:
        """Does nothing."""


def in_turn(replies: Iterable[Reply | ModelError | str]) -> Script:
    """A script that says one thing after the other, whatever it is asked."""
    left = iter(replies)

    def script(request: Request) -> Reply | ModelError | str:
        del request
        try:
            return next(left)
        except StopIteration:
            raise AssertionError("the script has ended, and the model is asked more") from None

    return script


def _words(request: Request) -> list[str]:
    if isinstance(request.prompt, Chat):
        return " ".join(message.content for message in request.prompt.messages).split()
    return request.prompt.text.split()
