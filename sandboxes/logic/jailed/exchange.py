"""How a solver's process gets its job and gives its answers: JSON, over two file descriptors."""

from __future__ import annotations

import json
import os
from typing import Any

JOB_FD = 3
ANSWER_FD = 4


def read_job() -> dict[str, Any]:
    """The job, which is read once."""
    with os.fdopen(JOB_FD, "rb") as file:
        job: dict[str, Any] = json.load(file)
    return job


def answer(value: dict[str, Any]) -> None:
    """Gives one answer, as a line. What has been given stays given, whatever happens next."""
    data = memoryview(json.dumps(value).encode("ascii") + b"\n")
    while data:
        data = data[os.write(ANSWER_FD, data) :]
