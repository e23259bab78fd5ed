"""Any server with OpenAI's API: `vllm serve`, vllm-router, llama.cpp's server, a provider.

Needs the `proposer` extra. What servers do beyond the API was read in vLLM 0.32
(`vllm/entrypoints/openai`) and llama.cpp's server (`tools/server`): both name themselves in
`owned_by` of `/v1/models`, and both stop decoding when the connection closes.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import httpx2
import openai

from proposer.models.model import (
    BrokenAnswer,
    Chat,
    Completion,
    FinishReason,
    ModelBusy,
    ModelError,
    ModelRefused,
    ModelUnreachable,
    Prices,
    Prompt,
    Request,
    Token,
    Usage,
)

__all__ = ["OpenAIModel"]

_CONNECT_SECONDS: Final = 10.0
_BUSY: Final = {429, 503, 529}
_MOST_SHOWN: Final = 300
"""Characters of a server's own words that a message holds."""
_CONTINUING: Final[dict[str, dict[str, Any]]] = {
    "vllm": {"continue_final_message": True, "add_generation_prompt": False},
    "llamacpp": {},
}
"""By `owned_by`: what to send so that the server continues a turn that has begun."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Served:
    model: str
    owner: str


class OpenAIModel:
    """Asks a server, one streamed request for each completion, so that each can be cancelled."""

    def __init__(
        self,
        base_url: str,
        *,
        model: str = "",
        api_key: str = "",
        prices: Prices | None = None,
        timeout_seconds: float = 600.0,
    ) -> None:
        """Connects on the first request, not here.

        Args:
            base_url: With the version: `http://host:8000/v1`.
            model: As the server names it; the first that it lists if empty.
            api_key: Sent as a bearer token; servers of one's own need none.
            prices: Of tokens.
            timeout_seconds: Longest silence of the server while it answers.
        """
        self._base_url = base_url
        self._model = model
        self._prices = prices or Prices()
        self._client = openai.AsyncOpenAI(
            base_url=base_url,
            api_key=api_key or "none",
            max_retries=0,  # campaigns count and record their attempts
            timeout=httpx2.Timeout(timeout_seconds, connect=_CONNECT_SECONDS),
        )
        self._served: _Served | None = None
        self._asking = asyncio.Lock()

    @property
    def name(self) -> str:
        """Where it is, and which one, where that was chosen."""
        return f"{self._base_url} {self._model}".rstrip()

    async def complete(self, request: Request) -> Completion:
        """One completion; see `Model`."""
        answer = _Answer()
        with _translated(self._base_url, answering=False):
            served = await self._find_served()
            stream = await self._stream(request, served)
        with _translated(self._base_url, answering=True):
            async with stream:
                async for chunk in stream:
                    answer.add(chunk)
        return self._completion(request, served, answer)

    async def close(self) -> None:
        """Closes its connections."""
        await self._client.close()

    async def _find_served(self) -> _Served:
        async with self._asking:
            if self._served is None:
                try:
                    listed = (await self._client.models.list()).data
                except (openai.NotFoundError, openai.PermissionDeniedError):
                    listed = []  # not every provider lists its models
                self._served = self._choose([(one.id, one.owned_by or "") for one in listed or []])
            return self._served

    def _choose(self, listed: list[tuple[str, str]]) -> _Served:
        for model, owner in listed:
            if model == (self._model or model):
                return _Served(model=model, owner=owner)
        if not self._model:
            raise ModelRefused(f"The server at {self._base_url} lists no models: name one.")
        return _Served(model=self._model, owner=listed[0][1] if listed else "")

    async def _stream(self, request: Request, served: _Served) -> openai.AsyncStream[Any]:
        sampling = request.sampling
        common: dict[str, Any] = {
            "model": served.model,
            "stream": True,
            "stream_options": {"include_usage": True},
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "max_tokens": sampling.max_tokens,
            "stop": list(sampling.stop) or None,
            "seed": request.seed,
            "extra_headers": {"X-Session-ID": request.session} if request.session else None,
        }
        if isinstance(request.prompt, Chat):
            begun = _begun(request, request.prompt, served.owner)
            if sampling.logprobs:
                common["logprobs"] = True
            chat: openai.AsyncStream[Any] = await self._client.chat.completions.create(
                **common | begun
            )
            return chat
        if sampling.logprobs:
            common["logprobs"] = 1
        text: openai.AsyncStream[Any] = await self._client.completions.create(
            prompt=request.prompt.text, **common
        )
        return text

    def _completion(self, request: Request, served: _Served, answer: _Answer) -> Completion:
        if answer.finish_reason is None:
            raise BrokenAnswer(
                f"The answer of {self._base_url} ended after {len(answer.text)} characters without "
                "saying that it is complete."
            )
        return Completion(
            text=_opened(request.prompt, served.owner) + _unicode(answer.text),
            finish_reason=answer.finish_reason,
            usage=answer.usage,
            tokens=tuple(answer.tokens),
            model=answer.model or served.model,
            cost=self._prices.cost(answer.usage),
        )


def _opened(prompt: Prompt, owner: str) -> str:
    return prompt.opening if isinstance(prompt, Chat) and owner in _CONTINUING else ""


def _unicode(text: str) -> str:
    """The text without halves of surrogate pairs, which JSON can hold and UTF-8 can't."""
    return text.encode("utf-8", "replace").decode()


def _begun(request: Request, chat: Chat, owner: str) -> dict[str, Any]:
    messages = [{"role": one.role, "content": one.content} for one in chat.messages]
    if not chat.opening or owner not in _CONTINUING:
        return {"messages": messages}
    messages.append({"role": "assistant", "content": chat.opening})
    begun: dict[str, Any] = {"messages": messages, "extra_body": _CONTINUING[owner]}
    stop = [*request.sampling.stop, *([chat.closing] if chat.closing else [])]
    return begun | ({"stop": stop} if stop else {})


@dataclass(slots=True)
class _Answer:
    """What came of an answer so far."""

    text: str = ""
    finish_reason: FinishReason | None = None
    usage: Usage = field(default_factory=Usage)
    tokens: list[Token] = field(default_factory=list)
    model: str = ""

    def add(self, chunk: Any) -> None:
        """Takes in one event; both APIs differ in little."""
        self.model = chunk.model or self.model
        if chunk.usage is not None:
            details = chunk.usage.prompt_tokens_details
            self.usage = Usage(
                prompt_tokens=chunk.usage.prompt_tokens,
                cached_tokens=(details and details.cached_tokens) or 0,
                completion_tokens=chunk.usage.completion_tokens,
            )
        for choice in chunk.choices or ():
            delta = getattr(choice, "delta", None)
            self.text += (delta.content if delta is not None else choice.text) or ""
            self.tokens += _tokens(choice.logprobs)
            if choice.finish_reason:
                self.finish_reason = _finish_reason(choice.finish_reason)


def _finish_reason(said: str) -> FinishReason:
    return FinishReason(said) if said in ("stop", "length") else FinishReason.OTHER


def _tokens(logprobs: Any) -> Iterator[Token]:
    content = getattr(logprobs, "content", None)  # in llama.cpp, of texts too
    for one in content or ():
        one = one if isinstance(one, dict) else one.model_dump()
        yield Token(text=_unicode(one["token"]), logprob=one["logprob"])
    if content is None and getattr(logprobs, "tokens", None):
        for text, logprob in zip(logprobs.tokens, logprobs.token_logprobs, strict=True):
            yield Token(text=_unicode(text), logprob=logprob)


@contextlib.contextmanager
def _translated(base_url: str, *, answering: bool) -> Iterator[None]:
    """Raises what goes wrong inside as a `ModelError`."""
    try:
        yield
    except openai.APIStatusError as error:
        raise _refusal(base_url, error) from error
    except (openai.APIConnectionError, httpx2.HTTPError) as error:
        told = error.__cause__ or error
        if answering:
            raise BrokenAnswer(f"The answer of {base_url} broke off: {told}.") from error
        raise ModelUnreachable(
            f"No model answers at {base_url} ({told}). Start a server there, or give the address "
            "of one that runs."
        ) from error
    except (openai.OpenAIError, ValueError, AttributeError, TypeError) as error:
        # Events that are no JSON, or not of the API's shape, end in any of these.
        words = str(error)[:_MOST_SHOWN]
        raise BrokenAnswer(f"The answer of {base_url} can't be read: {words}") from error


def _refusal(base_url: str, error: openai.APIStatusError) -> ModelError:
    status, told = error.status_code, error.message[:_MOST_SHOWN]
    if status in _BUSY:
        return ModelBusy(
            f"{base_url} is busy ({status}): {told}",
            retry_after_seconds=_seconds(error.response.headers.get("retry-after", "")),
        )
    if status >= 500:
        return ModelUnreachable(f"{base_url} failed ({status}): {told}")
    return ModelRefused(f"{base_url} refuses the request ({status}): {told}")


def _seconds(header: str) -> float | None:
    try:
        return max(0.0, float(header))
    except ValueError:
        return None
