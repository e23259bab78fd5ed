"""Puts the forgery corpus to whoever gives verdicts: this service's executors, a server, a command.

Each of them is a judge: it takes a forgery, and says what it made of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import shlex
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from sandboxes.conformance.checks import Finding, State
from sandboxes.conformance.forgeries import Forgery
from sandboxes.conformance.verdicts import LIMITS, judged, spec_of
from verifier_service.model import (
    CallCases,
    Executor,
    Outcome,
    PythonEvidence,
    PythonTests,
    RequestedLimits,
    ServiceError,
    StdioCases,
    TestCode,
    Verdict,
    VerdictChannel,
)

__all__ = ["CommandJudge", "ExecutorJudge", "Judge", "Judgement", "ServerJudge", "put"]

_SHORT: Final = dataclasses.replace(LIMITS, wall_seconds=2.0, cpu_seconds=1.0)
MAX_LINE_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What a judge made of a forgery."""

    right: bool
    told: str
    skipped: bool = False
    """The judge has no such form of tests."""


class Judge(Protocol):
    """Gives verdicts on forgeries, one at a time."""

    async def judge(self, forgery: Forgery) -> Judgement:
        """Judges one.

        Raises:
            ServiceError: It gives no verdict.
        """
        ...


async def put(forgeries: Iterable[Forgery], judge: Judge) -> AsyncIterator[Finding]:
    """Puts forgeries to a judge, one after another."""
    for forgery in forgeries:
        try:
            judgement = await judge.judge(forgery)
        except ServiceError as error:
            judgement = Judgement(right=False, told=f"{type(error).__name__}: {error}")
        state = State.PASSED if judgement.right else State.FAILED
        yield Finding(
            name=f"forgeries/{forgery.name}",
            layers=("canaries",) if forgery.channel_is_shared else ("separated-tests",),
            expected=f"{forgery.outcome.name} {forgery.reason}".strip(),
            got=judgement.told,
            state=State.SKIPPED if judgement.skipped else state,
        )


class ExecutorJudge:
    """An executor of this service's, in this process."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def judge(self, forgery: Forgery) -> Judgement:
        """Has the executor judge it."""
        verdict = await judged(
            self._executor,
            forgery.source,
            forgery.tests.form,
            preamble=forgery.tests.preamble,
            limits=_SHORT,
        )
        return _judgement(forgery, verdict)


class ServerJudge:
    """A running server of this service's, over gRPC; close it after use."""

    def __init__(self, address: str) -> None:
        """Address: `host:port`, without TLS and token."""
        import grpc

        from verifier_service.v1 import verifier_pb2_grpc

        self._channel = grpc.aio.insecure_channel(address)
        self._stub: Any = verifier_pb2_grpc.VerifierServiceStub(self._channel)

    async def aclose(self) -> None:
        """Hangs up."""
        await self._channel.close()

    async def judge(self, forgery: Forgery) -> Judgement:
        """Asks the server, anew each time."""
        import grpc

        from verifier_service import wire
        from verifier_service.model import CachePolicy, CallOptions
        from verifier_service.v1 import verifier_pb2

        limits = RequestedLimits(wall_seconds=_SHORT.wall_seconds, cpu_seconds=_SHORT.cpu_seconds)
        spec = dataclasses.replace(spec_of(forgery.source, forgery.tests), limits=limits)
        request = verifier_pb2.VerifyRequest(
            spec=wire.spec_to_proto(spec),
            options=wire.options_to_proto(CallOptions(cache_policy=CachePolicy.REFRESH)),
        )
        try:
            response = await self._stub.Verify(request, timeout=60)
        except grpc.aio.AioRpcError as error:
            return Judgement(right=False, told=f"{error.code().name}: {error.details()}")
        return _judgement(forgery, wire.verdict_from_proto(response.verdict))


def _judgement(forgery: Forgery, verdict: Verdict) -> Judgement:
    evidence = verdict.evidence
    channel = evidence.channel if isinstance(evidence, PythonEvidence) else None
    told = f"{verdict.outcome.name} {verdict.reason}"
    is_shared = channel is VerdictChannel.SHARED
    if is_shared > forgery.channel_is_shared or (
        verdict.outcome is Outcome.ACCEPTED and is_shared < forgery.channel_is_shared
    ):
        return Judgement(right=False, told=f"{told} in channel {channel}")
    right = verdict.outcome is forgery.outcome and forgery.reason in ("", verdict.reason)
    return Judgement(right=right, told=told)


class CommandJudge:
    """Another verifier, behind a command; close it after use.

    The command is started once. It reads one JSON object per line from its standard input, and
    answers each with one line on its standard output: `{"accepted": true}`, `{"accepted": false}`,
    or `{"unsupported": true}` where it has no such form of tests. It is started anew after it has
    ended, or has not answered in time; either is no answer, and a failure.
    """

    def __init__(self, command: str, *, seconds: float = 60.0) -> None:
        """Args: the command as a shell would split it, and the time that one answer may take."""
        self._command = shlex.split(command)
        self._seconds = seconds
        self._process: asyncio.subprocess.Process | None = None

    async def judge(self, forgery: Forgery) -> Judgement:
        """Asks the command."""
        try:
            async with asyncio.timeout(self._seconds):
                answer = await self._ask(json.dumps(as_json(forgery)).encode() + b"\n")
        except TimeoutError:
            await self.aclose()
            return Judgement(right=False, told=f"no answer in {self._seconds:.0f} s")
        except (OSError, ValueError) as error:
            await self.aclose()
            return Judgement(right=False, told=f"no answer: {error}")
        if answer.get("unsupported") is True:
            return Judgement(right=False, told="it has no such form of tests", skipped=True)
        accepted = answer.get("accepted") is True
        right = accepted is (forgery.outcome is Outcome.ACCEPTED)
        return Judgement(right=right, told="accepted" if accepted else "not accepted")

    async def _ask(self, question: bytes) -> dict[str, Any]:
        if self._process is None:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                limit=MAX_LINE_BYTES,
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(question)
        await self._process.stdin.drain()
        line = await self._process.stdout.readline()
        if not line:
            raise ValueError("it ended")
        answer = json.loads(line)
        if not isinstance(answer, dict) or not {"accepted", "unsupported"} & answer.keys():
            raise ValueError(f"it said {line[:200]!r}")
        return answer

    async def aclose(self) -> None:
        """Ends the command."""
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def as_json(forgery: Forgery) -> dict[str, Any]:
    """A forgery as another verifier reads it; docs/conformance.md explains the fields."""
    return {
        "name": forgery.name,
        "candidate": forgery.tests.preamble + forgery.source,
        "tests": _tests_as_json(forgery.tests),
    }


def _tests_as_json(tests: PythonTests) -> dict[str, Any]:
    match tests.form:
        case TestCode(source=source, entry_point=entry_point):
            return {"form": "code", "source": source, "entry_point": entry_point}
        case CallCases(entry_point=entry_point, cases=calls):
            cases: Sequence[dict[str, Any]] = [
                {
                    "arguments": json.loads(call.arguments_json),
                    "expected": json.loads(call.expected_json),
                }
                for call in calls
            ]
            return {"form": "calls", "entry_point": entry_point, "cases": cases}
        case StdioCases(cases=runs):
            cases = [{"stdin": one.stdin, "stdout": one.stdout} for one in runs]
            return {"form": "stdio", "cases": cases}
    raise ValueError(f"{type(tests.form).__name__} is not in the corpus.")
