"""A server that speaks OpenAI's API as `vllm serve` was recorded to, and misbehaves on demand."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

__all__ = ["OpenAIServer", "Raw", "serving", "streamed"]


@dataclass(frozen=True, slots=True)
class Raw:
    """Bytes to send as they are; the connection is closed after them."""

    sent: bytes


def streamed(*texts: str, finish: str | None = "stop", done: bool = True) -> Raw:
    """A streamed answer, as vLLM writes it."""
    events: list[dict[str, Any]] = [
        {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}
        for text in texts
    ]
    if finish is not None:
        events.append({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
        usage: dict[str, Any] = {
            "prompt_tokens": 10,
            "completion_tokens": len(texts),
            "total_tokens": 0,
        }
        details = {"prompt_tokens_details": {"cached_tokens": 4}}
        events.append({"choices": [], "usage": usage | details})
    head = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "tiny"}
    lines = [f"data: {json.dumps(head | event)}\n\n" for event in events]
    body = "".join([*lines, "data: [DONE]\n\n" if done else ""]).encode()
    return Raw(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n" + body)


def status(code: int, headers: str = "", text: str = "no") -> Raw:
    """A refusal."""
    body = json.dumps({"error": {"message": text}}).encode()
    length = f"content-length: {len(body)}\r\n"
    return Raw(f"HTTP/1.1 {code} X\r\n{headers}{length}\r\n".encode() + body)


@dataclass
class OpenAIServer:
    """Answers requests for completions one by one, by what was prepared or by a rule."""

    answers: list[Raw] = field(default_factory=list)
    rule: Callable[[dict[str, Any]], Raw] | None = None
    owner: str = "vllm"
    requests: list[dict[str, Any]] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once a completion was asked for."""
    headers: list[dict[str, str]] = field(default_factory=list)
    hung: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a client hung up while it waited."""
    url: str = ""

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        lines = head.split("\r\n")
        headers = {
            key.lower(): value for key, _, value in (line.partition(": ") for line in lines[1:])
        }
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        if lines[0].startswith("GET"):
            listed = {"data": [{"id": "tiny", "object": "model", "owned_by": self.owner}]}
            text = json.dumps(listed | {"object": "list"}).encode()
            kind = "content-type: application/json\r\n"
            writer.write(f"HTTP/1.1 200 OK\r\n{kind}content-length: {len(text)}\r\n\r\n".encode())
            writer.write(text)
        else:
            asked = json.loads(body)
            self.requests.append(asked)
            self.headers.append(headers)
            self.asked.set()
            if not self.answers and self.rule is None:  # decodes until the client hangs up
                await reader.read()
                self.hung.set()
            else:
                answer = self.answers.pop(0) if self.answers else (self.rule or _nothing)(asked)
                writer.write(answer.sent)
        with contextlib.suppress(ConnectionError):
            await writer.drain()
            writer.close()
            await writer.wait_closed()


def _nothing(asked: dict[str, Any]) -> Raw:
    raise AssertionError(asked)


@contextlib.asynccontextmanager
async def serving(*answers: Raw, **options: Any) -> AsyncIterator[OpenAIServer]:
    """The server, listening."""
    server = OpenAIServer(list(answers), **options)
    listening = await asyncio.start_server(server.handle, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1"
    async with listening:
        yield server
