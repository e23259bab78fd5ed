"""What a model owes: one completion for one request, and what it took.

* ModelError
  x ModelUnreachable   nothing answers there, or the connection broke; try again
  x ModelBusy          429 or 503: too many requests; try again, after `retry_after_seconds`
  x BrokenAnswer       the answer ended early or can't be read; try again
  x ModelRefused       the request can never work: key, name, length of the prompt
  x NotRecorded        a replay was asked for what was never recorded
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import enum
import hashlib
import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any, Literal, Protocol

__all__ = [
    "BrokenAnswer",
    "Chat",
    "Completion",
    "FinishReason",
    "Message",
    "Model",
    "ModelBusy",
    "ModelError",
    "ModelRefused",
    "ModelUnreachable",
    "NotRecorded",
    "Prices",
    "Prompt",
    "Request",
    "Sampling",
    "Text",
    "Token",
    "Usage",
    "sample",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One turn of a chat."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    """A chat whose next turn is the model's."""

    messages: tuple[Message, ...]
    opening: str = ""
    """How the model's turn begins; servers that can't continue a turn are not told."""
    closing: str = ""
    """Ends what `opening` began: a stop string where, and only where, `opening` is used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A text that the model continues."""

    text: str


Prompt = Chat | Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How to sample."""

    temperature: float = 0.8
    top_p: float = 1.0
    max_tokens: int = 1024
    """Most tokens to generate; the prompt's come on top."""
    stop: tuple[str, ...] = ()
    logprobs: bool = False
    """Ask for each token and its log-probability."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One completion that is wanted."""

    prompt: Prompt
    sampling: Sampling = Sampling()
    seed: int | None = None
    """A hint: with equal seeds, servers that batch may still answer differently."""
    session: str = ""
    """Requests of one session share a prefix; servers may be chosen by it. Not in the digest."""

    @property
    def digest(self) -> str:
        """SHA-256 of everything that the completion depends on, in hexadecimal."""
        text = json.dumps(self.to_json(), ensure_ascii=False, sort_keys=True)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """The request as plain data, without its session."""
        asked = dataclasses.asdict(self)
        del asked["session"]
        return asked

    @classmethod
    def from_json(cls, asked: dict[str, Any]) -> Request:
        """The request that `to_json` wrote."""
        prompt, sampling = asked["prompt"], asked["sampling"]
        return cls(
            prompt=_prompt_from_json(prompt),
            sampling=Sampling(**{**sampling, "stop": tuple(sampling["stop"])}),
            seed=asked["seed"],
        )


def _prompt_from_json(prompt: dict[str, Any]) -> Prompt:
    if "text" in prompt:
        return Text(text=prompt["text"])
    messages = tuple(Message(**message) for message in prompt["messages"])
    return Chat(messages=messages, opening=prompt["opening"], closing=prompt["closing"])


class FinishReason(enum.Enum):
    """Why a completion ended."""

    STOP = "stop"
    """By the model, or at a stop string."""
    LENGTH = "length"
    """At `max_tokens`, or at the end of the model's context."""
    OTHER = "other"
    """By something else, such as a provider's filter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one completion."""

    prompt_tokens: int = 0
    cached_tokens: int = 0
    """Of the prompt's, those that the server did not have to compute; 0 where it does not say."""
    completion_tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """One generated token."""

    text: str
    logprob: float
    """Natural logarithm of its probability."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What a model wrote."""

    text: str
    """The whole turn: with the prompt's `opening`, where the server continued it."""
    finish_reason: FinishReason
    usage: Usage = Usage()
    tokens: tuple[Token, ...] = ()
    """Empty unless they were asked for and the server gave them."""
    model: str = ""
    """As the server names it."""
    cost: float = 0.0
    """Money, in the currency of the `Prices`."""

    def to_json(self) -> dict[str, Any]:
        """The completion as plain data."""
        return {**dataclasses.asdict(self), "finish_reason": self.finish_reason.value}

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> Completion:
        """The completion that `to_json` wrote."""
        return cls(
            text=kept["text"],
            finish_reason=FinishReason(kept["finish_reason"]),
            usage=Usage(**kept["usage"]),
            tokens=tuple(Token(**token) for token in kept["tokens"]),
            model=kept["model"],
            cost=kept["cost"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """What a million tokens cost, in any one currency."""

    prompt: float = 0.0
    completion: float = 0.0

    def cost(self, usage: Usage) -> float:
        """What these tokens cost; cached ones count as any other of the prompt's."""
        paid = self.prompt * usage.prompt_tokens + self.completion * usage.completion_tokens
        return paid / 1_000_000


class ModelError(Exception):
    """No completion, and why."""

    reason = "MODEL_ERROR"
    retryable = False

    def __init__(self, message: str, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class ModelUnreachable(ModelError):
    """Nothing answers there, or the connection broke."""

    reason = "MODEL_UNREACHABLE"
    retryable = True


class ModelBusy(ModelError):
    """The server has too many requests."""

    reason = "MODEL_BUSY"
    retryable = True


class BrokenAnswer(ModelError):
    """The answer ended before it was complete, or can't be read."""

    reason = "BROKEN_ANSWER"
    retryable = True


class ModelRefused(ModelError):
    """The request can never work."""

    reason = "MODEL_REFUSED"


class NotRecorded(ModelError):
    """The recording has no answer to this request."""

    reason = "NOT_RECORDED"


class Model(Protocol):
    """Where completions come from. Any number of tasks may ask at a time.

    Cancelling the task that awaits a completion ends the decoding of it, as far as the server
    lets it, and leaves nothing running here.
    """

    @property
    def name(self) -> str:
        """For people and records."""
        ...

    async def complete(self, request: Request) -> Completion:
        """One completion.

        Raises:
            ModelError: There is none; its class says whether to try again.
        """
        ...

    async def close(self) -> None:
        """Lets go of connections, processes and files."""
        ...


async def sample(model: Model, request: Request, count: int) -> AsyncGenerator[Completion, None]:
    """Completions of one request, each as soon as it is finished.

    Each is a request of its own, so that each ends, fails and is cancelled by itself; a server's
    prefix cache makes the prompt cheap after the first. Seeds count up from the request's. Closing
    the iterator cancels what is not finished.

    Raises:
        ModelError: One of them failed; the others are cancelled.
    """
    seeds = [None if request.seed is None else request.seed + number for number in range(count)]
    requests = [dataclasses.replace(request, seed=seed) for seed in seeds]
    tasks = [asyncio.create_task(model.complete(one)) for one in requests]
    try:
        for finished in asyncio.as_completed(tasks):
            yield await finished
    finally:
        for task in tasks:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)
