"""A verification service in miniature: the real contract over a real channel, without sandboxes.

A candidate says what becomes of it: `accept`, `reject`, `unsure`, `wait SECONDS then …`, or the
reason of an error, `QUEUE_FULL`.
"""

# ruff: noqa: ARG002, N802

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import grpc

from verifier_service import wire
from verifier_service.model import (
    ERRORS_BY_REASON,
    Assurance,
    Cancelled,
    Capabilities,
    EnvironmentInfo,
    Limits,
    Outcome,
    Progress,
    ServiceError,
    State,
    UnknownVerification,
    Verdict,
    Verification,
)
from verifier_service.v1 import verifier_pb2, verifier_pb2_grpc

if TYPE_CHECKING:
    Context = grpc.aio.ServicerContext[Any, Any]

__all__ = ["CAPABILITIES", "MiniatureService", "verdict_of"]

LIMITS = Limits(
    wall_seconds=10.0,
    cpu_seconds=5.0,
    memory_bytes=2**28,
    max_processes=8,
    max_output_bytes=2**16,
    deterministic_steps=10**6,
)

CAPABILITIES = Capabilities(
    environments=(
        EnvironmentInfo(
            name="miniature",
            digest="sha256:" + "0" * 64,
            criteria=("python_tests",),
            maximum_assurance=Assurance.TESTED,
            sandbox="none",
            enforced=("nothing",),
            tools=("python@3.11",),
        ),
    ),
    default_limits=LIMITS,
    maximum_limits=LIMITS,
    maximum_candidate_bytes=2**20,
    maximum_batch_size=1000,
    slot_count=4,
    version="0.0.0",
)


def verdict_of(word: str) -> Verdict:
    """What a candidate's word makes of it; raises the error that it names."""
    if word in ERRORS_BY_REASON:
        raise ERRORS_BY_REASON[word](f"The test asked for {word}.", retry_after_seconds=0.05)
    outcome = {"accept": Outcome.ACCEPTED, "reject": Outcome.REJECTED}.get(
        word, Outcome.INCONCLUSIVE
    )
    return Verdict(outcome=outcome, reason=word, summary=f"The candidate says {word}.")


@dataclass
class MiniatureService(verifier_pb2_grpc.VerifierServiceServicer):
    """Judges by the candidate's first words."""

    credit: int = 4
    failures: list[ServiceError] = field(default_factory=list)
    """Taken one by one, by calls and by submissions, in place of a verdict."""
    break_stream_after: int = 0
    """Ends: after so many, the stream breaks, once."""
    calls: Counter[str] = field(default_factory=Counter)
    cancelled: list[str] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    kept: dict[str, Verification] = field(default_factory=dict)
    most_open: int = 0

    async def judge(self, spec: verifier_pb2.VerificationSpec) -> Verdict:
        if self.failures:
            raise self.failures.pop(0)
        match spec.candidate.source.split():
            case ["wait", seconds, "then", word]:
                await asyncio.sleep(float(seconds))
                return verdict_of(word)
            case [word, *_]:
                return verdict_of(word)
            case _:
                return verdict_of("INVALID_SPEC")

    async def Verify(self, request: verifier_pb2.VerifyRequest, context: Context) -> Any:
        self._note("Verify", context)
        async with ending(context):
            verdict = await self.judge(request.spec)
            return verifier_pb2.VerifyResponse(verdict=wire.verdict_to_proto(verdict))

    async def BatchVerify(
        self, request: verifier_pb2.BatchVerifyRequest, context: Context
    ) -> AsyncIterator[verifier_pb2.BatchVerifyResponse]:
        self._note("BatchVerify", context)
        for ended, index in enumerate(reversed(range(len(request.specs))), start=1):
            try:
                verdict = wire.verdict_to_proto(await self.judge(request.specs[index]))
                yield verifier_pb2.BatchVerifyResponse(index=index, verdict=verdict)
            except ServiceError as error:
                status = wire.status_to_proto(error)
                yield verifier_pb2.BatchVerifyResponse(index=index, error=status)
            if ended == self.break_stream_after:
                self.break_stream_after = 0
                await context.abort(grpc.StatusCode.UNAVAILABLE, "broken on purpose")

    async def StreamVerify(
        self, request_iterator: AsyncIterator[verifier_pb2.StreamVerifyRequest], context: Context
    ) -> AsyncIterator[verifier_pb2.StreamVerifyResponse]:
        self._note("StreamVerify", context)
        answers: asyncio.Queue[verifier_pb2.StreamVerifyResponse | None] = asyncio.Queue()
        session = _Session(self, answers)
        reading = asyncio.create_task(session.read(request_iterator))
        answers.put_nowait(verifier_pb2.StreamVerifyResponse(credit=self.credit))
        ended = 0
        try:
            while (answer := await answers.get()) is not None:
                yield answer
                ended += answer.WhichOneof("event") == "verdict"
                if ended and ended == self.break_stream_after:
                    self.break_stream_after = 0
                    await context.abort(grpc.StatusCode.UNAVAILABLE, "broken on purpose")
        finally:
            reading.cancel()
            session.cancel("*")

    async def StartVerification(
        self, request: verifier_pb2.StartVerificationRequest, context: Context
    ) -> Any:
        self._note("StartVerification", context)
        async with ending(context):
            verification = Verification(
                verification_id=f"v{len(self.kept)}",
                spec=wire.spec_from_proto(request.spec),
                state=State.SUCCEEDED,
                create_time=1.0,
                end_time=2.0,
                verdict=await self.judge(request.spec),
            )
            self.kept[verification.verification_id] = verification
            return verifier_pb2.StartVerificationResponse(
                verification=wire.verification_to_proto(verification)
            )

    async def GetVerification(
        self, request: verifier_pb2.GetVerificationRequest, context: Context
    ) -> Any:
        self._note("GetVerification", context)
        async with ending(context):
            return verifier_pb2.GetVerificationResponse(
                verification=wire.verification_to_proto(self._kept(request.name))
            )

    async def WatchVerification(
        self, request: verifier_pb2.WatchVerificationRequest, context: Context
    ) -> AsyncIterator[verifier_pb2.WatchVerificationResponse]:
        self._note("WatchVerification", context)
        async with ending(context):
            progress = wire.progress_to_proto(Progress(state=State.RUNNING))
            yield verifier_pb2.WatchVerificationResponse(progress=progress)
            verification = wire.verification_to_proto(self._kept(request.name))
            yield verifier_pb2.WatchVerificationResponse(verification=verification)

    async def CancelVerification(
        self, request: verifier_pb2.CancelVerificationRequest, context: Context
    ) -> Any:
        self._note("CancelVerification", context)
        async with ending(context):
            self._kept(request.name)
            self.cancelled.append(request.name)
            return verifier_pb2.CancelVerificationResponse()

    async def ListVerifications(
        self, request: verifier_pb2.ListVerificationsRequest, context: Context
    ) -> Any:
        self._note("ListVerifications", context)
        first, size = int(request.page_token or "0"), request.page_size or 50
        page = list(self.kept.values())[first : first + size]
        more = first + size < len(self.kept)
        return verifier_pb2.ListVerificationsResponse(
            verifications=[wire.verification_to_proto(v) for v in page],
            next_page_token=str(first + size) if more else "",
        )

    async def GetCapabilities(
        self, request: verifier_pb2.GetCapabilitiesRequest, context: Context
    ) -> Any:
        self._note("GetCapabilities", context)
        return wire.capabilities_to_proto(CAPABILITIES)

    def _note(self, method: str, context: Context) -> None:
        self.calls[method] += 1
        metadata = dict(context.invocation_metadata() or ())
        self.tokens.append(str(metadata.get("authorization", "")))

    def _kept(self, name: str) -> Verification:
        kept = self.kept.get(name.removeprefix("verifications/"))
        if kept is None:
            raise UnknownVerification(f"No {name} is kept.")
        return kept


class _Session:
    def __init__(
        self,
        service: MiniatureService,
        answers: asyncio.Queue[verifier_pb2.StreamVerifyResponse | None],
    ) -> None:
        self._service = service
        self._answers = answers
        self._open: dict[str, asyncio.Task[None]] = {}

    async def read(self, requests: AsyncIterator[verifier_pb2.StreamVerifyRequest]) -> None:
        async for request in requests:
            if request.WhichOneof("command") == "cancel":
                self.cancel(request.cancel.ticket)
                continue
            task = asyncio.create_task(self._judge(request.submit))
            self._open[request.submit.ticket] = task
            self._service.most_open = max(self._service.most_open, len(self._open))
        await asyncio.gather(*self._open.values())
        self._answers.put_nowait(None)

    def cancel(self, pattern: str) -> None:
        for ticket, task in list(self._open.items()):
            if ticket == pattern or (pattern.endswith("*") and ticket.startswith(pattern[:-1])):
                self._service.cancelled.append(ticket)
                task.cancel()

    async def _judge(self, submit: verifier_pb2.StreamVerifyRequest.Submit) -> None:
        answer = verifier_pb2.StreamVerifyResponse
        running = wire.progress_to_proto(Progress(state=State.RUNNING))
        self._answers.put_nowait(answer(ticket=submit.ticket, progress=running))
        try:
            verdict = wire.verdict_to_proto(await self._service.judge(submit.spec))
            self._answers.put_nowait(answer(ticket=submit.ticket, verdict=verdict))
        except ServiceError as error:
            status = wire.status_to_proto(error)
            self._answers.put_nowait(answer(ticket=submit.ticket, error=status))
        except asyncio.CancelledError:
            status = wire.status_to_proto(Cancelled("Taken back."))
            self._answers.put_nowait(answer(ticket=submit.ticket, error=status))
        del self._open[submit.ticket]
        self._answers.put_nowait(answer(credit=1))


@contextlib.asynccontextmanager
async def ending(context: Context) -> AsyncIterator[None]:
    """Ends the call with the error that leaves the block."""
    try:
        yield
    except ServiceError as error:
        status = wire.status_to_proto(error)
        details = (("grpc-status-details-bin", status.SerializeToString()),)
        context.set_trailing_metadata(details)
        code = next(c for c in grpc.StatusCode if c.value[0] == status.code)
        await context.abort(code, status.message)
