"""The service in a process of its own, which keeps a journal of what its executor does.

python -m tests.soak.served SETTINGS_JSON JOURNAL_FILE
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sys

from sandboxes.python_tests import PythonTestsExecutor
from verifier_service.application import serve
from verifier_service.model import (
    Criterion,
    EnvironmentInfo,
    Limits,
    ProgressListener,
    Verdict,
    VerificationSpec,
    Violation,
)
from verifier_service.settings import Settings

__all__ = ["name_of"]


class Journalled:
    """The real executor; writes down each run that begins, and each verdict, before the engine
    hears of it.
    """

    def __init__(self, executor: PythonTestsExecutor, path: str) -> None:
        self._executor = executor
        self._journal = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    @property
    def environments(self) -> tuple[EnvironmentInfo, ...]:
        return self._executor.environments

    def criteria(self) -> tuple[str, ...]:
        return self._executor.criteria()

    def violations(self, criterion: Criterion) -> list[Violation]:
        return self._executor.violations(criterion)

    async def verify(
        self,
        spec: VerificationSpec,
        *,
        environment: EnvironmentInfo,
        limits: Limits,
        progress: ProgressListener,
    ) -> Verdict:
        self._note("began", spec)
        verdict = await self._executor.verify(
            spec, environment=environment, limits=limits, progress=progress
        )
        self._note("verdict", spec)
        return verdict

    async def close(self) -> None:
        await self._executor.close()

    def _note(self, event: str, spec: VerificationSpec) -> None:
        os.write(self._journal, f"{os.getpid()} {event} {name_of(spec)}\n".encode())


def name_of(spec: VerificationSpec) -> str:
    """A candidate's name in the journal."""
    return hashlib.sha256(spec.candidate.source.encode()).hexdigest()


async def main(settings: Settings, journal: str) -> None:
    executor = Journalled(await PythonTestsExecutor.create(), journal)
    await serve(settings, [executor], say)


def say(address: str) -> None:
    sys.stdout.write(f"{address}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(Settings(**json.loads(sys.argv[1])), sys.argv[2]))
