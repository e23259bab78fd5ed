"""The files of a batch: lines in, lines out, and an output that can be gone on with."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import stat
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import BinaryIO, Final

from clients.command_line.batch_lines import (
    MAXIMUM_LINE_BYTES,
    OUTPUT_START,
    KeptLine,
    Line,
    LineSplitter,
    parse_kept_line,
)
from clients.command_line.batch_run import OutputMismatch
from clients.command_line.exit_codes import InvalidInput

__all__ = ["KeptOutput", "StandardOutput", "input_size", "open_input", "open_output", "read_lines"]

_CHUNK_BYTES: Final = 64 * 1024


@contextlib.contextmanager
def open_input(path: Path) -> Iterator[BinaryIO]:
    """Opens the specs; `-` is standard input."""
    if str(path) == "-":
        yield sys.stdin.buffer
        return
    try:
        file = path.open("rb")
    except OSError as error:
        raise InvalidInput(f"{path} can't be read: {error.strerror}.") from error
    with file:
        yield file


def input_size(file: BinaryIO) -> int | None:
    """Bytes of input; None where that can't be known."""
    status = os.fstat(file.fileno())
    return status.st_size if stat.S_ISREG(status.st_mode) else None


async def read_lines(
    file: BinaryIO, maximum_bytes: int = MAXIMUM_LINE_BYTES
) -> AsyncIterator[Line]:
    """Lines of a file, of a pipe or of a terminal, as they come."""
    splitter = LineSplitter(maximum_bytes)
    async for chunk in _chunks(file):
        for line in splitter.feed(chunk):
            yield line
    for line in splitter.end():
        yield line


async def _chunks(file: BinaryIO) -> AsyncIterator[bytes]:
    if input_size(file) is not None:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk
        return
    # A pipe may have nothing to say for hours, and must not hold up anything meanwhile.
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, file)
    try:
        while chunk := await reader.read(_CHUNK_BYTES):
            yield chunk
    finally:
        transport.close()


@contextlib.contextmanager
def open_output(path: Path, source: BinaryIO, *, restart: bool) -> Iterator[KeptOutput]:
    """Opens a file of results to go on with it, or to start it over.

    Raises:
        InvalidInput: It can't be used for this.
    """
    try:
        file = path.open("r+b" if path.exists() else "x+b")
    except OSError as error:
        raise InvalidInput(f"{path} can't be written: {error.strerror}.") from error
    with file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise InvalidInput(f"{path} is no regular file. For standard output, write -o -.")
        if os.path.sameopenfile(file.fileno(), source.fileno()):
            raise InvalidInput(f"{path} is the input. Write the verdicts to another file.")
        _lock(file, path)
        if restart:
            file.truncate(0)
        yield KeptOutput(file)


def _lock(file: BinaryIO, path: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise InvalidInput(f"Another run is writing to {path}. Wait for it, or end it.") from error


class KeptOutput:
    """A file of results: first what an earlier run wrote, then what is written."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._end = 0
        self._read_all = False

    def next_kept(self) -> KeptLine | None:
        """The next line of an earlier run; None after the last, when writing may begin."""
        if self._read_all:
            return None
        text = self._file.readline(MAXIMUM_LINE_BYTES * 8)
        if not text.endswith(b"\n"):
            self._cut(text)
            return None
        self._end += len(text)
        kept = parse_kept_line(text) if text.startswith(OUTPUT_START) else None
        if kept is None:
            raise OutputMismatch("it is no file of verdicts.")
        return kept

    def write(self, line: bytes) -> None:
        """Writes a line and hands it to the operating system."""
        self._file.write(line)
        self._file.flush()

    def _cut(self, torn: bytes) -> None:
        """Takes away the start of a line that an earlier run could not finish."""
        length = min(len(torn), len(OUTPUT_START))
        if torn[:length] != OUTPUT_START[:length]:
            raise OutputMismatch("it is no file of verdicts.")
        self._read_all = True
        self._file.seek(self._end)
        self._file.truncate()


class StandardOutput:
    """Results on standard output, of which nothing is kept."""

    def next_kept(self) -> KeptLine | None:
        """None: there is nothing to go on with."""
        return None

    def write(self, line: bytes) -> None:
        """Writes a line and hands it to the operating system."""
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()
