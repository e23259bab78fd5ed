"""The client for programs without an event loop."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator, Sequence
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
from clients.repairs import Repairs
from clients.results import BatchItem, StreamItem
from clients.retries import Attempts, RetryPolicy
from clients.steps import StepSession
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

if TYPE_CHECKING:
    from google.protobuf.message import Message

__all__ = ["Stream", "Verifier"]

_Request = TypeVar("_Request", bound="Message", contravariant=True)
_Response = TypeVar("_Response", covariant=True)


class _Method(Protocol[_Request, _Response]):
    def __call__(
        self, request: _Request, /, *, timeout: float | None, metadata: Metadata
    ) -> _Response: ...


class _Call(Protocol[_Response]):
    def __iter__(self) -> Iterator[_Response]: ...

    def cancel(self) -> bool: ...


class Verifier:
    """Speaks to a verification service; use it as a context manager.

    Every method raises a `ServiceError`: the one that the server says, `ServerUnreachable` where
    none answers, `DeadlineExceeded` where the answer is late. Where that may help and time allows,
    a call is tried again first, as `RetryPolicy` says. One client serves any number of threads.
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
        self._answered = False
        self._channel = _open_channel(self._connection, self._connection.options)
        self._session_channels: set[grpc.Channel] = set()
        self._stub = verifier_pb2_grpc.VerifierServiceStub(self._channel)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends all calls that run."""
        self._channel.close()
        for channel in tuple(self._session_channels):
            self._end_session(channel)

    def verify(
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
            return self._verify_with_progress(spec, options, timeout_seconds, progress)
        request = requests.verify_request(spec, options)
        response = self._call(self._stub.Verify, request, timeout_seconds)
        return wire.verdict_from_proto(response.verdict)

    def batch(
        self,
        specs: Sequence[VerificationSpec],
        *,
        options: CallOptions | None = None,
        stop_rule: StopRule | None = None,
        timeout_seconds: float | None = None,
    ) -> Iterator[BatchItem]:
        """Judges many candidates; yields one result for each, in order of completion.

        An error of one item is in its result, and ends nothing else. Leaving the loop early cancels
        what is left; close the iterator (`contextlib.closing`) where that has to happen at once.

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
                for response in call:
                    if (item := remaining.receive(response)) is not None:
                        attempts.succeeded()
                        yield item
                return
            except grpc.RpcError as failure:
                broken = failure
            finally:
                call.cancel()
            for item in remaining.stopped():
                yield item
            if remaining:
                self._wait(attempts, broken)

    def stream(
        self,
        *,
        options: CallOptions | None = None,
        timeout_seconds: float | None = None,
        progress: StreamProgressListener | None = None,
    ) -> Stream:
        """Opens a session for a search that submits candidates while results arrive.

        Args:
            options: How to serve submissions that say nothing else.
            timeout_seconds: Deadline of the whole session; None, here, is no deadline.
            progress: Told what happens to each ticket before its end.
        """
        attempts = self._connection.retries.attempts(timeout_seconds, answered=self._answered)
        return Stream(self._stub, self._connection, options, attempts, Ledger(progress=progress))

    def start(
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
        response = self._call(self._stub.StartVerification, request, timeout_seconds)
        return wire.verification_from_proto(response.verification)

    def get(self, verification_id: str, *, timeout_seconds: float | None = None) -> Verification:
        """A verification as it stands."""
        request = verifier_pb2.GetVerificationRequest(name=requests.resource_name(verification_id))
        response = self._call(self._stub.GetVerification, request, timeout_seconds)
        return wire.verification_from_proto(response.verification)

    def watch(
        self, verification_id: str, *, timeout_seconds: float | None = None
    ) -> Iterator[Verification | Progress]:
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
                for response in call:
                    attempts.succeeded()
                    if (event := requests.watch_event(response)) is not None:
                        yield event
                return
            except grpc.RpcError as failure:
                self._wait(attempts, failure)
            finally:
                call.cancel()

    def cancel(self, verification_id: str, *, timeout_seconds: float | None = None) -> None:
        """Ends a verification; no effect once it has ended."""
        request = verifier_pb2.CancelVerificationRequest(
            name=requests.resource_name(verification_id)
        )
        self._call(self._stub.CancelVerification, request, timeout_seconds)

    def list(
        self,
        *,
        problem_id: str = "",
        session_id: str = "",
        outcome: Outcome | None = None,
        page_size: int = 0,
        timeout_seconds: float | None = None,
    ) -> Iterator[Verification]:
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
            page = self._call(self._stub.ListVerifications, request, timeout_seconds)
            for verification in page.verifications:
                yield wire.verification_from_proto(verification)
            if not (token := page.next_page_token):
                return

    def capabilities(self, *, timeout_seconds: float | None = None) -> Capabilities:
        """Says what the server can do: environments, limits, assurance per kind."""
        request = verifier_pb2.GetCapabilitiesRequest()
        response = self._call(self._stub.GetCapabilities, request, timeout_seconds)
        return wire.capabilities_from_proto(response)

    @contextlib.contextmanager
    def open_session(
        self,
        asked: TheoremToProve,
        *,
        options: CallOptions | None = None,
        timeout_seconds: float | None = None,
    ) -> Iterator[StepSession]:
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
            channel = _open_channel(self._connection, self._connection.session_options)
            self._session_channels.add(channel)
            try:
                stub = lean_steps_pb2_grpc.LeanStepServiceStub(channel)
                call = stub.OpenSession(request, metadata=self._connection.metadata)
                opened = _first(call, attempts.remaining_seconds())
                break
            except BaseException as failure:
                self._end_session(channel)
                if not isinstance(failure, grpc.RpcError):
                    raise
                self._wait(attempts, failure)
        self._answered = True
        session = StepSession(
            lean_steps_wire.opened_from_proto(opened),
            lambda step, seconds: self._call(stub.Step, step, seconds),
        )
        try:
            yield session
        finally:
            session.is_open = False
            if channel in self._session_channels:
                with contextlib.suppress(grpc.RpcError):  # its channel's end closes it too
                    stub.CloseSession(
                        lean_steps_pb2.CloseSessionRequest(session_id=session.session_id),
                        timeout=FAREWELL_SECONDS,
                        metadata=self._connection.metadata,
                    )
                call.cancel()
                self._end_session(channel)

    def _end_session(self, channel: grpc.Channel) -> None:
        self._session_channels.discard(channel)
        channel.close()

    @property
    def repairs(self) -> Repairs:
        """Repairs of Lean proofs."""
        stub = lean_repair_pb2_grpc.LeanRepairServiceStub(self._channel)
        return Repairs(stub, self._call, self._connection)

    def _attempts(self, timeout_seconds: float | None) -> Attempts:
        connection = self._connection
        return connection.retries.attempts(
            connection.timeout(timeout_seconds), answered=self._answered
        )

    def _call(
        self,
        method: _Method[_Request, _Response],
        request: _Request,
        timeout_seconds: float | None,
    ) -> _Response:
        self._connection.check_size(request.ByteSize())
        attempts = self._attempts(timeout_seconds)
        while True:
            try:
                response = method(
                    request,
                    timeout=attempts.remaining_seconds(),
                    metadata=self._connection.metadata,
                )
                self._answered = True
                return response
            except grpc.RpcError as failure:
                self._wait(attempts, failure)

    def _open_call(
        self,
        method: _Method[_Request, _Call[_Response]],
        request: _Request,
        attempts: Attempts,
    ) -> _Call[_Response]:
        self._connection.check_size(request.ByteSize())
        return method(
            request, timeout=attempts.remaining_seconds(), metadata=self._connection.metadata
        )

    def _wait(self, attempts: Attempts, failure: grpc.RpcError) -> None:
        """Waits for the next try; raises where there is none."""
        error = faults.error_of(failure, self._connection.target)
        if (delay := attempts.delay_after(error)) is None:
            raise error from failure
        time.sleep(delay)

    def _verify_with_progress(
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
            session = Stream(self._stub, self._connection, options, once, ledger)
            try:
                return _only_verdict(session, spec)
            except ServiceError as error:
                if (delay := attempts.delay_after(error)) is None:
                    raise
                time.sleep(delay)


def _open_channel(connection: Connection, options: Options) -> grpc.Channel:
    credentials = connection.credentials()
    if credentials is None:
        return grpc.insecure_channel(connection.address, options=options)
    return grpc.secure_channel(connection.address, credentials, options=options)


class Stream:
    """One session of `StreamVerify`; use it as a context manager.

    Submit from one thread or many, and iterate for results, in order of completion; the loop ends
    after `finish`, once every ticket has ended. Results are kept until they are read, so a single
    thread may submit from inside the loop. A connection that breaks is made again, and what had not
    ended is handed in again. Leaving the block cancels what has not ended.
    """

    def __init__(
        self,
        stub: verifier_pb2_grpc.VerifierServiceStub,
        connection: Connection,
        options: CallOptions | None,
        attempts: Attempts,
        ledger: Ledger,
    ) -> None:
        """Made by `Verifier.stream`."""
        self._stub = stub
        self._connection = connection
        self._options = options
        self._attempts = attempts
        self._ledger = ledger
        self._changed = threading.Condition()  # guards all that is below, and the ledger
        self._finished = False
        self._closed = False
        self._failure: ServiceError | None = None
        self._call: _Call[verifier_pb2.StreamVerifyResponse] | None = None
        self._connected: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._connected = threading.Thread(target=self._run, name="verifier-stream", daemon=True)
        self._connected.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._connected is not None and self._finished and self._is_over:
            self._connected.join(FAREWELL_SECONDS)  # the server closes what has come to its end
        with self._changed:
            self._closed = True
            call = self._call
            self._changed.notify_all()
        if call is not None:
            call.cancel()
        if self._connected is not None:
            self._connected.join()

    @property
    def pending_count(self) -> int:
        """Tickets that were submitted and whose end was not read yet."""
        with self._changed:
            return self._ledger.pending_count

    def submit(
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
        with self._changed:
            self._refuse_unusable()
            name = self._ledger.new_ticket() if ticket is None else ticket
            self._ledger.refuse_duplicate(name)
        request = submit_request(name, spec, options or self._options)
        self._connection.check_size(request.ByteSize())
        with self._changed:
            self._changed.wait_for(lambda: self._ledger.may_submit or not self._is_usable)
            self._refuse_unusable()
            self._ledger.submit(request)
            self._changed.notify_all()
        return name

    def cancel(self, ticket: str) -> None:
        """Takes back one ticket, or all that start so, if it ends in `*`.

        Each still ends: with `Cancelled`, or with the verdict that was faster.
        """
        with self._changed:
            self._ledger.cancel(ticket)
            self._changed.notify_all()

    def finish(self) -> None:
        """Says that nothing more will be submitted; what is on its way is waited for."""
        with self._changed:
            self._finished = True
            self._changed.notify_all()

    def __iter__(self) -> Iterator[StreamItem]:
        """Yields the end of each ticket; raises the error that ended the session, if one did."""
        while (item := self.next()) is not None:
            yield item

    def next(self) -> StreamItem | None:
        """The next ticket that ended; None after the last.

        Raises:
            ServiceError: The session failed. What had ended before was returned first.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: bool(self._ledger.items) or self._failure is not None or self._is_over
            )
            if self._ledger.items:
                return self._ledger.items.popleft()
            if self._failure is not None:
                raise self._failure
            return None

    @property
    def _is_over(self) -> bool:
        return self._closed or (self._finished and not self._ledger.open_count)

    @property
    def _is_usable(self) -> bool:
        return not (self._finished or self._closed or self._failure is not None)

    def _refuse_unusable(self) -> None:
        if self._connected is None:
            raise RuntimeError("Enter the session first: `with verifier.stream() as session`.")
        if self._failure is not None:
            raise self._failure
        if not self._is_usable:
            raise RuntimeError("The session is finished: nothing more can be submitted.")

    def _run(self) -> None:
        """Keeps a connection open until the session is over, or can't go on."""
        try:
            while (error := self._converse()) is not None:
                delay = self._attempts.delay_after(error)
                if delay is None:
                    self._fail(error)
                    return
                with self._changed:
                    self._changed.wait_for(lambda: self._closed, timeout=delay)
                    self._ledger.reconnected()
                    self._changed.notify_all()
        except Exception as bug:  # noqa: BLE001  # or somebody waits for ever
            fault = ExecutorFault(f"The session ended through a bug: {bug!r}.")
            fault.__cause__ = bug
            self._fail(fault)

    def _fail(self, error: ServiceError) -> None:
        with self._changed:
            self._failure = error
            self._changed.notify_all()

    def _converse(self) -> ServiceError | None:
        """Uses one connection for as long as it holds; None where the session is over."""
        ended = threading.Event()
        with self._changed:
            if self._is_over:
                return None
            call = self._call = self._stub.StreamVerify(
                self._requests(ended),
                timeout=self._attempts.remaining_seconds(),
                metadata=self._connection.metadata,
            )
        try:
            for response in call:
                self._receive(response)
        except grpc.RpcError as failure:
            return None if self._closed else faults.error_of(failure, self._connection.target)
        except ServiceError as error:  # an answer that can't be read
            return error
        finally:
            ended.set()
            call.cancel()
            with self._changed:
                self._changed.notify_all()
        with self._changed:
            return None if self._is_over else faults.ended(self._connection.target)

    def _receive(self, response: verifier_pb2.StreamVerifyResponse) -> None:
        with self._changed:
            self._attempts.succeeded()
            self._ledger.receive(response)
            self._changed.notify_all()

    def _requests(self, ended: threading.Event) -> Iterator[verifier_pb2.StreamVerifyRequest]:
        """What gRPC writes, in a thread of its own, until this connection has ended."""
        outgoing = self._ledger.outgoing
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(outgoing) or self._is_over or ended.is_set())
                if ended.is_set() or not outgoing:
                    return
                request = outgoing.popleft()
            yield request


def _first(call: _Call[_Response], timeout_seconds: float | None) -> _Response:
    """The first response of a stream that goes on.

    Raises:
        DeadlineExceeded: It did not come in time.
        grpc.RpcError: The stream ended with an error.
    """
    late = threading.Event()

    def give_up() -> None:
        late.set()
        call.cancel()

    timer = threading.Timer(timeout_seconds or 0.0, give_up)
    if timeout_seconds is not None:
        timer.start()
    try:
        return next(iter(call))
    except StopIteration:
        raise ExecutorFault("The server ended a session without opening it.") from None
    except grpc.RpcError:
        if late.is_set():
            raise DeadlineExceeded("The session was not opened before the deadline.") from None
        raise
    finally:
        timer.cancel()


def _only_verdict(session: Stream, spec: VerificationSpec) -> Verdict:
    with session:
        session.submit(spec)
        session.finish()
        item = session.next()
    if item is None:
        raise AssertionError("a session ends only once every ticket has ended")
    return item.unwrap()
