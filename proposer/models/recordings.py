"""Completions that are kept, and said again: what reproduces a campaign without its model."""

from __future__ import annotations

import gzip
import json
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from proposer.models.model import Completion, Model, NotRecorded, Request

__all__ = ["Recorded", "RecordingModel", "ReplayingModel", "read_recording"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One completion, and what it answers."""

    request_digest: str
    completion: Completion


class RecordingModel:
    """Asks another model, and writes down what it says before passing it on."""

    def __init__(self, model: Model, path: Path) -> None:
        """Opens the file; what it holds stays.

        Args:
            model: Who answers; closed with this one.
            path: JSON Lines, one completion a line.

        Raises:
            OSError: The file can't be written.
        """
        self._model = model
        self._file = path.open("a", encoding="utf-8")

    @property
    def name(self) -> str:
        """The other model's."""
        return self._model.name

    async def complete(self, request: Request) -> Completion:
        """What the other model says."""
        completion = await self._model.complete(request)
        line = {
            "requestDigest": request.digest,
            "request": request.to_json(),
            "completion": completion.to_json(),
        }
        self._file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")
        self._file.flush()
        return completion

    async def close(self) -> None:
        """Closes the file and the other model."""
        self._file.close()
        await self._model.close()


class ReplayingModel:
    """Says what was recorded. Equal requests get their completions in the order of recording."""

    def __init__(
        self, recorded: Iterable[Recorded], *, otherwise: Model | None = None, name: str = "replay"
    ) -> None:
        """Takes the recording in.

        Args:
            recorded: Completions.
            otherwise: Asked where nothing is left to say; closed with this one.
            name: For people and records.
        """
        self._name = name
        self._otherwise = otherwise
        self._left: dict[str, deque[Completion]] = defaultdict(deque)
        for one in recorded:
            self._left[one.request_digest].append(one.completion)

    @property
    def name(self) -> str:
        """For people and records."""
        return self._name

    async def complete(self, request: Request) -> Completion:
        """What was recorded for this request.

        Raises:
            NotRecorded: Nothing was, or all of it has been said, and there is nobody else to ask.
        """
        left = self._left.get(request.digest)
        if left:
            return left.popleft()
        if self._otherwise is None:
            raise NotRecorded(
                f"The recording has no further answer to the request {request.digest[:12]}…. It "
                "replays the campaign that it comes from: give the same problems, strategy, "
                "options, sampling and seed."
            )
        return await self._otherwise.complete(request)

    async def close(self) -> None:
        """Closes the other model, if there is one."""
        if self._otherwise is not None:
            await self._otherwise.close()


def read_recording(path: Path) -> Iterator[Recorded]:
    """The completions of a file that `RecordingModel` wrote, gzipped if its name ends in `.gz`.

    Raises:
        OSError: It can't be read.
        ValueError: A line is none that `RecordingModel` writes.
    """
    with (
        gzip.open(path, "rt", encoding="utf-8")
        if path.suffix == ".gz"
        else path.open(encoding="utf-8") as file
    ):
        for number, text in enumerate(file, start=1):
            yield _recorded(text, f"{path.name}, line {number}")


def _recorded(text: str, where: str) -> Recorded:
    try:
        line: dict[str, Any] = json.loads(text)
        completion = Completion.from_json(line["completion"])
        return Recorded(request_digest=line["requestDigest"], completion=completion)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{where} is no recorded completion: {error!r}.") from error
