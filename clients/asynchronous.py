"""The client for programs with an event loop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self, TypeVar

import grpc

from clients import faults, requests
from clients.connection import (
    DEFAULT_MESSAGE_BYTES,
    DEFAULT_TIMEOUT_SECONDS,
    Connection,
    Metadata,
    Options,
)
from clients.ledger import FAREWELL_SECONDS, Ledger, StreamProgressListener, submit_request
from clients.repairs import AsyncRepairs
from clients.results import BatchItem, StreamItem
from clients.retries import Attempts, RetryPolicy
from clients.steps import AsyncStepSession
from verifier_service import lean_steps_wire, wire
from verifier_service.model import (
    CallOptions,
    Capabilities,
    DeadlineExceeded,
    ExecutorFault,
    Outcome,
    Progress,
    ServiceError,
    StopRule,
    Verdict,
    Verification,
    VerificationSpec,
)
from verifier_service.model.executor import ProgressListener
from verifier_service.model.lean_steps import TheoremToProve
from verifier_service.v1 import (
    lean_repair_pb2_grpc,
    lean_steps_pb2,
    lean_steps_pb2_grpc,
    verifier_pb2,
    verifier_pb2_grpc,
)

if TYPE_CHECKING:  # generic, or there at all, in the stubs only
    from google.protobuf.message import Message

    Stub = verifier_pb2_grpc.VerifierServiceAsyncStub
    StreamCall = grpc.aio.StreamStreamCall[
        verifier_pb2.StreamVerifyRequest, verifier_pb2.StreamVerifyResponse
    ]

__all__ = ["AsyncStream", "AsyncVerifier"]

_Request = TypeVar("_Request", bound="Message", contravariant=True)
_Response = TypeVar("_Response", covariant=True)


class _Method(Protocol[_Request, _Response]):
    def __call__(
        self, request: _Request, /, *, timeout: float | None, metadata: Metadata
    ) -> Awaitable[_Response]: ...


class _Call(Protocol[_Response]):
    def __aiter__(self) -> AsyncIterator[_Response]: ...

    def cancel(self) -> bool: ...


class _StreamingMethod(Protocol[_Request, _Response]):
    def __call__(
        self, request: _Request, /, *, timeout: float | None, metadata: Metadata
    ) -> _Call[_Response]: ...


class AsyncVerifier:
    """Speaks to a verification service; use it as an async context manager.

    Every method raises a `ServiceError`: the one that the server says, `ServerUnreachable` where
    none answers, `DeadlineExceeded` where the answer is late. Where that may help and time allows,
    a call is tried again first, as `RetryPolicy` says. One client serves any number of tasks.
    """

    def __init__(
        self,
        target: str,
        *,
        token: str | None = None,
        tls: bool = False,
        ca_file: str | Path | None = None,
        cert_file: str | Path | None = None,
        key_file: str | Path | None = None,
        timeout_seconds: float | None = DEFAULT_TIMEOUT_SECONDS,
        maximum_message_bytes: int = DEFAULT_MESSAGE_BYTES,
        retries: RetryPolicy | None = None,
    ) -> None:
        """Connects on the first call, not here.

        Args:
            target: `host:port`, `unix:/path`, or any other target that gRPC knows.
            token: Bearer token.
            tls: Encrypt, and trust the authorities that gRPC brings; any file below implies it.
            ca_file: PEM with the authorities to trust in place of those.
            cert_file: PEM chain that proves who we are; needs `key_file`.
            key_file: PEM key for `cert_file`.
            timeout_seconds: Deadline of calls that name none; None waits for ever.
            maximum_message_bytes: Largest message, either way.
            retries: How to try again; see `RetryPolicy`.

        Raises:
            ValueError: The arguments contradict each other.
            OSError: A certificate's file can't be read.
        """
        self._connection = Connection(
            target=target,
            token=token,
            tls=tls,
            ca_file=ca_file,
            cert_file=cert_file,
            key_file=key_file,
            timeout_seconds=timeout_seconds,
            maximum_message_bytes=maximum_message_bytes,
            retries=retries or RetryPolicy(),
        )
        self._credentials = self._connection.credentials()
        self._opened: tuple[grpc.aio.Channel, Stub] | None = None
        self._session_channels: set[grpc.aio.Channel] = set()
        self._answered = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends all calls that run."""
        if self._opened is not None:
            channel, _ = self._opened
            self._opened = None
            await channel.close(grace=None)
        for channel in tuple(self._session_channels):
            await self._end_session(channel)

    async def verify(
        self,
        spec: VerificationSpec,
        *,
        options: CallOptions | None = None,
        timeout_seconds: float | None = None,
        progress: ProgressListener | None = None,
    ) -> Verdict:
        """Judges one candidate and waits for the verdict.

        Args:
            spec: What to judge, and how.
            options: How to serve the call; never changes the verdict.
            timeout_seconds: Deadline of the call, retries included.
            progress: Told what happens before the end; must return at once and raise nothing.
        """
        if progress is not None:
            return await self._verify_with_progress(spec, options, timeout_seconds, progress)
        request = requests.verify_request(spec, options)
        response = await self._call(self._stub.Verify, request, timeout_seconds)
        return wire.verdict_from_proto(response.verdict)

    async def batch(
        self,
        specs: Sequence[VerificationSpec],
        *,
        options: CallOptions | None = None,
        stop_rule: StopRule | None = None,
        timeout_seconds: float | None = None,
    ) -> AsyncGenerator[BatchItem, None]:
        """Judges many candidates; yields one result for each, in order of completion.

        An error of one item is in its result, and ends nothing else. Leaving the loop early cancels
        what is left; close the iterator (`contextlib.aclosing`) where that has to happen at once.

        Args:
            specs: At most `maximum_batch_size` of the server's capabilities; for more, `stream`.
            options: How to serve them.
            stop_rule: When to stop early; what is left then ends with `Cancelled`.
            timeout_seconds: Deadline of the whole batch.
        """
        remaining = requests.Remaining(specs, options, stop_rule)
        attempts = self._attempts(timeout_seconds)
        while remaining:
            call = self._open_call(self._stub.BatchVerify, remaining.request(), attempts)
            try:
                async for response in call:
                    if (item := remaining.receive(response)) is not None:
                        attempts.succeeded()
                        yield item
                return
            except grpc.aio.AioRpcError as failure:
                broken = failure
            finally:
                call.cancel()
            for item in remaining.stopped():
                yield item
            if remaining:
                await self._wait(attempts, broken)

    def stream(
        self,
        *,
        options: CallOptions | None = None,
        timeout_seconds: float | None = None,
        progress: StreamProgressListener | None = None,
    ) -> AsyncStream:
        """Opens a session for a search that submits candidates while results arrive.

        Args:
            options: How to serve submissions that say nothing else.
            timeout_seconds: Deadline of the whole session; None, here, is no deadline.
            progress: Told what happens to each ticket before its end.
        """
        attempts = self._connection.retries.attempts(timeout_seconds, answered=self._answered)
        return AsyncStream(
            self._stub, self._connection, options, attempts, Ledger(progress=progress)
        )

    async def start(
        self,
        spec: VerificationSpec,
        *,
        options: CallOptions | None = None,
        request_id: str | None = None,
        timeout_seconds: float | None = None,
    ) -> Verification:
        """Starts a verification that outlives the call.

        Args:
            spec: What to judge, and how.
            options: How to serve it.
            request_id: A UUID; the same one always returns the same verification. None: a new one.
            timeout_seconds: Deadline of this call, not of the verification.
        """
        request = requests.start_request(spec, options, request_id)
        response = await self._call(self._stub.StartVerification, request, timeout_seconds)
        return wire.verification_from_proto(response.verification)

    async def get(
        self, verification_id: str, *, timeout_seconds: float | None = None
    ) -> Verification:
        """A verification as it stands."""
        request = verifier_pb2.GetVerificationRequest(name=requests.resource_name(verification_id))
        response = await self._call(self._stub.GetVerification, request, timeout_seconds)
        return wire.verification_from_proto(response.verification)

    async def watch(
        self, verification_id: str, *, timeout_seconds: float | None = None
    ) -> AsyncGenerator[Verification | Progress, None]:
        """Follows a verification to its end: its present state first, then what happens.

        When the connection breaks and comes back, the present state is said again.
        """
        request = verifier_pb2.WatchVerificationRequest(
            name=requests.resource_name(verification_id)
        )
        attempts = self._attempts(timeout_seconds)
        while True:
            call = self._open_call(self._stub.WatchVerification, request, attempts)
            try:
                async for response in call:
                    attempts.succeeded()
                    if (event := requests.watch_event(response)) is not None:
                        yield event
                return
            except grpc.aio.AioRpcError as failure:
                await self._wait(attempts, failure)
            finally:
                call.cancel()

    async def cancel(self, verification_id: str, *, timeout_seconds: float | None = None) -> None:
        """Ends a verification; no effect once it has ended."""
        request = verifier_pb2.CancelVerificationRequest(
            name=requests.resource_name(verification_id)
        )
        await self._call(self._stub.CancelVerification, request, timeout_seconds)

    async def list(
        self,
        *,
        problem_id: str = "",
        session_id: str = "",
        outcome: Outcome | None = None,
        page_size: int = 0,
        timeout_seconds: float | None = None,
    ) -> AsyncGenerator[Verification, None]:
        """Past and present verifications, newest first; asks for pages as they are needed.

        Args:
            problem_id: Only this problem.
            session_id: Only this session.
            outcome: Only this outcome.
            page_size: Verifications in one page, at most 1000; 0 means 50.
            timeout_seconds: Deadline of each page.
        """
        wanted = requests.listing(problem_id, session_id, outcome)
        token = ""
        while True:
            request = requests.list_request(wanted, page_size, token)
            page = await self._call(self._stub.ListVerifications, request, timeout_seconds)
            for verification in page.verifications:
                yield wire.verification_from_proto(verification)
            if not (token := page.next_page_token):
                return

    async def capabilities(self, *, timeout_seconds: float | None = None) -> Capabilities:
        """Says what the server can do: environments, limits, assurance per kind."""
        request = verifier_pb2.GetCapabilitiesRequest()
        response = await self._call(self._stub.GetCapabilities, request, timeout_seconds)
        return wire.capabilities_from_proto(response)

    @contextlib.asynccontextmanager
    async def open_session(
        self,
        asked: TheoremToProve,
        *,
        options: CallOptions | None = None,
        timeout_seconds: float | None = None,
    ) -> AsyncGenerator[AsyncStepSession, None]:
        """Opens a session to prove a Lean theorem tactic by tactic, and closes it with the block.

        Where the server has no room, it is tried again for as long as the timeout allows.

        Args:
            asked: The theorem, and where to prove it.
            options: How to serve the steps, and the verdicts of finished proofs.
            timeout_seconds: Deadline of the opening; the session itself has none.
        """
        request = lean_steps_wire.open_request_to_proto(asked, options)
        self._connection.check_size(request.ByteSize())
        attempts = self._attempts(timeout_seconds)
        while True:
            channel = self._channel(self._connection.session_options)
            self._session_channels.add(channel)
            try:
                stub = lean_steps_pb2_grpc.LeanStepServiceStub(channel)
                call = stub.OpenSession(request, metadata=self._connection.metadata)
                opened = await _first(call, attempts.remaining_seconds())
                break
            except BaseException as failure:
                await self._end_session(channel)
                if not isinstance(failure, grpc.aio.AioRpcError):
                    raise
                await self._wait(attempts, failure)
        self._answered = True
        session = AsyncStepSession(
            lean_steps_wire.opened_from_proto(opened),
            lambda step, seconds: self._call(stub.Step, step, seconds),
        )
        try:
            yield session
        finally:
            session.is_open = False
            if channel in self._session_channels:
                with contextlib.suppress(grpc.aio.AioRpcError):  # its channel's end closes it too
                    await stub.CloseSession(
                        lean_steps_pb2.CloseSessionRequest(session_id=session.session_id),
                        timeout=FAREWELL_SECONDS,
                        metadata=self._connection.metadata,
                    )
                call.cancel()
                await self._end_session(channel)

    async def _end_session(self, channel: grpc.aio.Channel) -> None:
        self._session_channels.discard(channel)
        await channel.close(grace=None)

    @property
    def repairs(self) -> AsyncRepairs:
        """Repairs of Lean proofs."""
        return AsyncRepairs(
            lambda: lean_repair_pb2_grpc.LeanRepairServiceStub(self._opened_channel),
            self._call,
            self._connection,
        )

    @property
    def _opened_channel(self) -> grpc.aio.Channel:
        """The channel that the calls of the present loop go through."""
        assert self._stub is not None
        assert self._opened is not None
        return self._opened[0]

    @property
    def _stub(self) -> Stub:
        if self._opened is None:  # here, so that the channel belongs to the loop that runs
            channel = self._channel(self._connection.options)
            self._opened = channel, verifier_pb2_grpc.VerifierServiceStub(channel)
        return self._opened[1]

    def _channel(self, options: Options) -> grpc.aio.Channel:
        address = self._connection.address
        if self._credentials is None:
            return grpc.aio.insecure_channel(address, options=options)
        return grpc.aio.secure_channel(address, self._credentials, options=options)

    def _attempts(self, timeout_seconds: float | None) -> Attempts:
        connection = self._connection
        return connection.retries.attempts(
            connection.timeout(timeout_seconds), answered=self._answered
        )

    async def _call(
        self,
        method: _Method[_Request, _Response],
        request: _Request,
        timeout_seconds: float | None,
    ) -> _Response:
        self._connection.check_size(request.ByteSize())
        attempts = self._attempts(timeout_seconds)
        while True:
            try:
                response = await method(
                    request,
                    timeout=attempts.remaining_seconds(),
                    metadata=self._connection.metadata,
                )
                self._answered = True
                return response
            except grpc.aio.AioRpcError as failure:
                await self._wait(attempts, failure)

    def _open_call(
        self,
        method: _StreamingMethod[_Request, _Response],
        request: _Request,
        attempts: Attempts,
    ) -> _Call[_Response]:
        self._connection.check_size(request.ByteSize())
        return method(
            request, timeout=attempts.remaining_seconds(), metadata=self._connection.metadata
        )

    async def _wait(self, attempts: Attempts, failure: grpc.aio.AioRpcError) -> None:
        """Waits for the next try; raises where there is none."""
        error = faults.error_of(failure, self._connection.target)
        if (delay := attempts.delay_after(error)) is None:
            raise error from failure
        await asyncio.sleep(delay)

    async def _verify_with_progress(
        self,
        spec: VerificationSpec,
        options: CallOptions | None,
        timeout_seconds: float | None,
        progress: ProgressListener,
    ) -> Verdict:
        attempts = self._attempts(timeout_seconds)
        while True:
            # Retried here alone, where the error of the ticket is seen too.
            once = RetryPolicy(maximum_attempts=1).attempts(attempts.remaining_seconds())
            ledger = Ledger(progress=lambda _, happened: progress(happened))
            session = AsyncStream(self._stub, self._connection, options, once, ledger)
            try:
                return await _only_verdict(session, spec)
            except ServiceError as error:
                if (delay := attempts.delay_after(error)) is None:
                    raise
                await asyncio.sleep(delay)


class AsyncStream:
    """One session of `StreamVerify`; use it as an async context manager.

    Submit from one task or many, and iterate for results, in order of completion; the loop ends
    after `finish`, once every ticket has ended. Results are kept until they are read, so a single
    task may submit from inside the loop. A connection that breaks is made again, and what had not
    ended is handed in again. Leaving the block cancels what has not ended.
    """

    def __init__(
        self,
        stub: Stub,
        connection: Connection,
        options: CallOptions | None,
        attempts: Attempts,
        ledger: Ledger,
    ) -> None:
        """Made by `AsyncVerifier.stream`."""
        self._stub = stub
        self._connection = connection
        self._options = options
        self._attempts = attempts
        self._ledger = ledger
        self._changed = asyncio.Event()
        self._submitting = asyncio.Lock()  # one waits for credit, the others for their turn
        self._finished = False
        self._failure: ServiceError | None = None
        self._connected: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._connected = asyncio.create_task(self._run())
        self._connected.add_done_callback(self._note_bug)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._connected is not None:
            if self._finished and not self._ledger.open_count:
                # The server closes what has come to its end.
                await asyncio.wait([self._connected], timeout=FAREWELL_SECONDS)
            self._connected.cancel()
            await asyncio.wait([self._connected])

    @property
    def pending_count(self) -> int:
        """Tickets that were submitted and whose end was not read yet."""
        return self._ledger.pending_count

    async def submit(
        self,
        spec: VerificationSpec,
        *,
        ticket: str | None = None,
        options: CallOptions | None = None,
    ) -> str:
        """Hands in one candidate, and waits while the server has no room for it.

        Args:
            spec: What to judge, and how.
            ticket: Your name for it, unique in the session; one is made up if None. Names with a
                common prefix (`node-17/3`) can be cancelled together.
            options: How to serve it, if not as the session.

        Returns:
            The ticket.

        Raises:
            DuplicateTicket: A ticket of this name has not ended.
            InvalidSpec: The spec is too large for one message.
            RuntimeError: The session is finished, or was not entered.
            ServiceError: The session failed.
        """
        self._refuse_unusable()
        name = self._ledger.new_ticket() if ticket is None else ticket
        self._ledger.refuse_duplicate(name)
        request = submit_request(name, spec, options or self._options)
        self._connection.check_size(request.ByteSize())
        async with self._submitting:
            await self._until(
                lambda: self._ledger.may_submit or self._failure is not None or self._finished
            )
            self._refuse_unusable()
            self._ledger.submit(request)
        self._notify()
        return name

    async def cancel(self, ticket: str) -> None:
        """Takes back one ticket, or all that start so, if it ends in `*`.

        Each still ends: with `Cancelled`, or with the verdict that was faster.
        """
        self._ledger.cancel(ticket)
        self._notify()

    def finish(self) -> None:
        """Says that nothing more will be submitted; what is on its way is waited for."""
        self._finished = True
        self._notify()

    async def __aiter__(self) -> AsyncIterator[StreamItem]:
        """Yields the end of each ticket; raises the error that ended the session, if one did."""
        while (item := await self.next()) is not None:
            yield item

    async def next(self) -> StreamItem | None:
        """The next ticket that ended; None after the last.

        Raises:
            ServiceError: The session failed. What had ended before was returned first.
        """
        await self._until(
            lambda: bool(self._ledger.items) or self._failure is not None or self._is_over
        )
        if self._ledger.items:
            return self._ledger.items.popleft()
        if self._failure is not None:
            raise self._failure
        return None

    @property
    def _is_over(self) -> bool:
        return self._finished and not self._ledger.open_count

    def _refuse_unusable(self) -> None:
        if self._connected is None:
            raise RuntimeError("Enter the session first: `async with verifier.stream() as …`.")
        if self._failure is not None:
            raise self._failure
        if self._finished:
            raise RuntimeError("The session is finished: nothing more can be submitted.")

    async def _until(self, true: Callable[[], bool]) -> None:
        while not true():
            await self._changed.wait()

    def _notify(self) -> None:
        self._changed.set()  # wakes all that wait at this moment
        self._changed = asyncio.Event()

    async def _run(self) -> None:
        """Keeps a connection open until the session is over, or can't go on."""
        while (error := await self._converse()) is not None:
            if (delay := self._attempts.delay_after(error)) is None:
                self._failure = error
                self._notify()
                return
            await asyncio.sleep(delay)
            self._ledger.reconnected()
            self._notify()

    def _note_bug(self, run: asyncio.Task[None]) -> None:
        """Lets nobody wait for a session that ended through a bug, e.g. in a listener."""
        if not run.cancelled() and (bug := run.exception()) is not None:
            self._failure = ExecutorFault(f"The session ended through a bug: {bug!r}.")
            self._failure.__cause__ = bug
            self._notify()

    async def _converse(self) -> ServiceError | None:
        """Uses one connection for as long as it holds; None where the session is over."""
        call = self._stub.StreamVerify(
            timeout=self._attempts.remaining_seconds(), metadata=self._connection.metadata
        )
        writer = asyncio.create_task(self._write(call))
        try:
            async for response in call:
                self._attempts.succeeded()
                self._ledger.receive(response)
                self._notify()
        except grpc.aio.AioRpcError as failure:
            return faults.error_of(failure, self._connection.target)
        except ServiceError as error:  # an answer that can't be read
            return error
        finally:
            writer.cancel()
            call.cancel()
        return None if self._is_over else faults.ended(self._connection.target)

    async def _write(self, call: StreamCall) -> None:
        outgoing = self._ledger.outgoing
        # A call that ended can't be written to; whoever reads it learns why.
        with contextlib.suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
            while True:
                await self._until(lambda: bool(outgoing) or self._is_over)
                if not outgoing:
                    break
                await call.write(outgoing.popleft())
            await call.done_writing()


async def _first(
    call: grpc.aio.UnaryStreamCall[
        lean_steps_pb2.OpenSessionRequest, lean_steps_pb2.OpenSessionResponse
    ],
    timeout_seconds: float | None,
) -> lean_steps_pb2.OpenSessionResponse:
    """The session that a call opens, and goes on to hold.

    Raises:
        DeadlineExceeded: It was not opened in time.
        grpc.aio.AioRpcError: It was not opened.
    """
    try:
        async with asyncio.timeout(timeout_seconds):
            opened = await call.read()
    except TimeoutError:
        raise DeadlineExceeded("The session was not opened before the deadline.") from None
    if not isinstance(opened, lean_steps_pb2.OpenSessionResponse):
        raise ExecutorFault("The server ended a session without opening it.")
    return opened


async def _only_verdict(session: AsyncStream, spec: VerificationSpec) -> Verdict:
    async with session:
        await session.submit(spec)
        session.finish()
        item = await session.next()
    if item is None:
        raise AssertionError("a session ends only once every ticket has ended")
    return item.unwrap()
