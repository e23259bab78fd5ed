"""A small model on this machine's processors: llama.cpp's server, in a process of its own.

Needs the `llama` extra. The process ends with the one that started it.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from proposer.models.model import ModelUnreachable

__all__ = ["llama_server"]

_LAST_WORDS: Final = 2000
"""Bytes of a failed server's output that are shown."""


@contextlib.asynccontextmanager
async def llama_server(
    path: Path, *, threads: int = 1, slots: int = 4, context: int = 2048
) -> AsyncIterator[str]:
    """Serves a model while the block runs.

    Args:
        path: The model, a GGUF file.
        threads: Processors that decode. They spin while they wait: give fewer than there are.
        slots: Completions that are decoded together.
        context: Tokens of prompt and completion together, of each.

    Yields:
        The base URL for `OpenAIModel`.

    Raises:
        ModelUnreachable: It can't be started; says why.
    """
    if importlib.util.find_spec("xllamacpp") is None:
        raise ModelUnreachable(
            "llama.cpp is not installed. Install it with `pip install "
            '"neurosymbolic-verifier[llama]"`, or give the address of a server.'
        )
    arguments = [str(path), str(threads), str(slots), str(context)]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "proposer.models.llama_process",
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    words = asyncio.create_task(_drained(process.stderr))
    try:
        address = (await process.stdout.readline()).decode().strip()
        if not address:
            told = (await words).decode("utf-8", "replace").strip()
            raise ModelUnreachable(f"llama.cpp can't serve {path}: {told}")
        yield f"{address}/v1"
    finally:
        process.stdin.close()  # it ends when nobody is there
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        await words


async def _drained(stream: asyncio.StreamReader) -> bytes:
    tail = b""
    while chunk := await stream.read(1 << 16):
        tail = (tail + chunk)[-_LAST_WORDS:]
    return tail
