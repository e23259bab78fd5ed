"""Repairs of Lean proofs, as clients ask for them."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import grpc

from clients import faults
from clients.connection import Connection
from verifier_service import lean_repair_wire as wire
from verifier_service.model import CallOptions, ExecutorFault, VerificationSpec
from verifier_service.model.lean_repair import (
    Assembled,
    Extracted,
    LemmaPrompt,
    LemmaProposer,
    Refined,
    RepairBudget,
    Repaired,
    RepairListener,
    Solved,
    Sorrified,
    SorrifyMode,
)
from verifier_service.v1 import lean_repair_pb2, lean_repair_pb2_grpc

if TYPE_CHECKING:  # there in the stubs only
    AsyncStub = lean_repair_pb2_grpc.LeanRepairServiceAsyncStub

__all__ = ["AsyncRepairs", "BlockingProposer", "Repairs"]

BlockingProposer = Callable[[Sequence[LemmaPrompt]], Mapping[str, Sequence[str]]]
"""`LemmaProposer` for programs without an event loop."""

_NO_OPTIONS = CallOptions()


class AsyncRepairs:
    """The repairs of an `AsyncVerifier`; errors are those of its methods."""

    def __init__(
        self,
        stub: Callable[[], AsyncStub],
        call: Callable[[Any, Any, float | None], Awaitable[Any]],
        connection: Connection,
    ) -> None:
        """Made by `AsyncVerifier.repairs`."""
        self._stub = stub
        self._call = call
        self._connection = connection

    async def refine(
        self,
        spec: VerificationSpec,
        *,
        options: CallOptions | None = None,
        timeout_seconds: float | None = None,
    ) -> Refined:
        """Mends the syntax of a candidate; a rule is kept only where Lean then gets further.

        Args:
            spec: With a `LeanTheorem` and the candidate; its limits are those of each check.
            options: How to serve the call.
            timeout_seconds: Deadline of the call, retries included.
        """
        request = wire.refine_request_to_proto(spec, options)
        return wire.refined_from_proto(
            await self._call(self._stub().Refine, request, timeout_seconds)
        )

    async def sorrify(
        self,
        spec: VerificationSpec,
        *,
        mode: SorrifyMode = SorrifyMode.MINIMAL,
        correct: bool = False,
        options: CallOptions | None = None,
        timeout_seconds: float | None = None,
    ) -> Sorrified:
        """Puts holes where a candidate fails, and leaves the rest as it is.

        Args:
            spec: With a `LeanTheorem` and the candidate.
            mode: How.
            correct: Try other names, tactics and another order before a hole; for MINIMAL.
            options: How to serve the call.
            timeout_seconds: Deadline of the call, retries included.
        """
        request = wire.sorrify_request_to_proto(spec, options, mode, correct=correct)
        return wire.sorrified_from_proto(
            await self._call(self._stub().Sorrify, request, timeout_seconds)
        )

    async def auto_solve(
        self,
        spec: VerificationSpec,
        *,
        tactics: Sequence[str] = (),
        heartbeats: int = 0,
        options: CallOptions | None = None,
        timeout_seconds: float | None = None,
    ) -> Solved:
        """Closes the holes of a candidate that a tactic closes.

        Args:
            spec: With a `LeanTheorem` and a candidate without errors.
            tactics: What to try, in this order; none are the server's own.
            heartbeats: Lean's limit on each, in thousands; 0 is the environment's own.
            options: How to serve the call.
            timeout_seconds: Deadline of the call, retries included.
        """
        request = wire.auto_solve_request_to_proto(spec, options, tactics, heartbeats)
        return wire.solved_from_proto(
            await self._call(self._stub().AutoSolve, request, timeout_seconds)
        )

    async def extract_lemmas(
        self,
        spec: VerificationSpec,
        *,
        options: CallOptions | None = None,
        timeout_seconds: float | None = None,
    ) -> Extracted:
        """States what each hole of a candidate asks for as a problem of its own.

        Args:
            spec: With a `LeanTheorem` and a candidate without errors.
            options: How to serve the call.
            timeout_seconds: Deadline of the call, retries included.
        """
        request = wire.extract_request_to_proto(spec, options)
        return wire.extracted_from_proto(
            await self._call(self._stub().ExtractLemmas, request, timeout_seconds)
        )

    async def assemble(
        self,
        spec: VerificationSpec,
        proofs: Mapping[str, str],
        *,
        options: CallOptions | None = None,
        timeout_seconds: float | None = None,
    ) -> Assembled:
        """Puts proofs of lemmas into a candidate, and judges it where no hole is left.

        Args:
            spec: With the candidate that the lemmas were extracted from.
            proofs: By the names of lemmas.
            options: How to serve the call, the verdict included.
            timeout_seconds: Deadline of the call, retries included.
        """
        request = wire.assemble_request_to_proto(spec, options, proofs)
        return wire.assembled_from_proto(
            await self._call(self._stub().Assemble, request, timeout_seconds)
        )

    async def repair(
        self,
        spec: VerificationSpec,
        propose: LemmaProposer | None = None,
        *,
        more_sources: Sequence[str] = (),
        budget: RepairBudget | None = None,
        tactics: Sequence[str] = (),
        heartbeats: int = 0,
        listener: RepairListener | None = None,
        options: CallOptions | None = None,
        timeout_seconds: float | None = None,
    ) -> Repaired:
        """Repairs a candidate in a loop that the server leads; never tried again by itself.

        Args:
            spec: With a `LeanTheorem` and a first candidate.
            propose: Proves lemmas; without it, nothing is asked for.
            more_sources: More candidates; the one that comes furthest is gone on with.
            budget: How much it may take.
            tactics: As for `auto_solve`.
            heartbeats: As for `auto_solve`.
            listener: Told of every stage; must return at once and raise nothing.
            options: How to serve the call, verdicts included.
            timeout_seconds: Deadline of the call; None, here, is no deadline.
        """
        start = _start(spec, options, more_sources, budget, tactics, heartbeats, propose)
        answers: asyncio.Queue[lean_repair_pb2.RepairRequest] = asyncio.Queue()
        answers.put_nowait(start)

        async def requests() -> AsyncIterator[lean_repair_pb2.RepairRequest]:
            while True:
                yield await answers.get()

        self._connection.check_size(start.ByteSize())
        call = self._stub().Repair(
            requests(), timeout=timeout_seconds, metadata=self._connection.metadata
        )
        try:
            async for response in call:
                match response.WhichOneof("event"):
                    case "progress":
                        _tell(listener, response.progress)
                    case "need" if propose is not None:
                        proposed = await propose(wire.need_from_proto(response.need))
                        answers.put_nowait(wire.proposals_to_proto(proposed))
                    case "result":
                        return wire.repaired_from_proto(response.result)
        except grpc.aio.AioRpcError as failure:
            raise faults.error_of(failure, self._connection.target) from failure
        finally:
            call.cancel()
        raise _no_result()


class Repairs:
    """The repairs of a `Verifier`; `AsyncRepairs` says what each method owes."""

    def __init__(
        self,
        stub: lean_repair_pb2_grpc.LeanRepairServiceStub,
        call: Callable[[Any, Any, float | None], Any],
        connection: Connection,
    ) -> None:
        """Made by `Verifier.repairs`."""
        self._stub = stub
        self._call = call
        self._connection = connection

    def refine(
        self,
        spec: VerificationSpec,
        *,
        options: CallOptions | None = None,
        timeout_seconds: float | None = None,
    ) -> Refined:
        """Mends the syntax of a candidate."""
        request = wire.refine_request_to_proto(spec, options)
        return wire.refined_from_proto(self._call(self._stub.Refine, request, timeout_seconds))

    def sorrify(
        self,
        spec: VerificationSpec,
        *,
        mode: SorrifyMode = SorrifyMode.MINIMAL,
        correct: bool = False,
        options: CallOptions | None = None,
        timeout_seconds: float | None = None,
    ) -> Sorrified:
        """Puts holes where a candidate fails."""
        request = wire.sorrify_request_to_proto(spec, options, mode, correct=correct)
        return wire.sorrified_from_proto(self._call(self._stub.Sorrify, request, timeout_seconds))

    def auto_solve(
        self,
        spec: VerificationSpec,
        *,
        tactics: Sequence[str] = (),
        heartbeats: int = 0,
        options: CallOptions | None = None,
        timeout_seconds: float | None = None,
    ) -> Solved:
        """Closes the holes of a candidate that a tactic closes."""
        request = wire.auto_solve_request_to_proto(spec, options, tactics, heartbeats)
        return wire.solved_from_proto(self._call(self._stub.AutoSolve, request, timeout_seconds))

    def extract_lemmas(
        self,
        spec: VerificationSpec,
        *,
        options: CallOptions | None = None,
        timeout_seconds: float | None = None,
    ) -> Extracted:
        """States what each hole of a candidate asks for."""
        request = wire.extract_request_to_proto(spec, options)
        return wire.extracted_from_proto(
            self._call(self._stub.ExtractLemmas, request, timeout_seconds)
        )

    def assemble(
        self,
        spec: VerificationSpec,
        proofs: Mapping[str, str],
        *,
        options: CallOptions | None = None,
        timeout_seconds: float | None = None,
    ) -> Assembled:
        """Puts proofs of lemmas into a candidate, and judges it where no hole is left."""
        request = wire.assemble_request_to_proto(spec, options, proofs)
        return wire.assembled_from_proto(self._call(self._stub.Assemble, request, timeout_seconds))

    def repair(
        self,
        spec: VerificationSpec,
        propose: BlockingProposer | None = None,
        *,
        more_sources: Sequence[str] = (),
        budget: RepairBudget | None = None,
        tactics: Sequence[str] = (),
        heartbeats: int = 0,
        listener: RepairListener | None = None,
        options: CallOptions | None = None,
        timeout_seconds: float | None = None,
    ) -> Repaired:
        """Repairs a candidate in a loop that the server leads; never tried again by itself."""
        start = _start(spec, options, more_sources, budget, tactics, heartbeats, propose)
        answers: queue.SimpleQueue[lean_repair_pb2.RepairRequest | None] = queue.SimpleQueue()
        answers.put(start)

        def requests() -> Iterator[lean_repair_pb2.RepairRequest]:
            while (answer := answers.get()) is not None:
                yield answer

        self._connection.check_size(start.ByteSize())
        call = self._stub.Repair(
            requests(), timeout=timeout_seconds, metadata=self._connection.metadata
        )
        try:
            for response in call:
                match response.WhichOneof("event"):
                    case "progress":
                        _tell(listener, response.progress)
                    case "need" if propose is not None:
                        proposed = propose(wire.need_from_proto(response.need))
                        answers.put(wire.proposals_to_proto(proposed))
                    case "result":
                        return wire.repaired_from_proto(response.result)
        except grpc.RpcError as failure:
            raise faults.error_of(failure, self._connection.target) from failure
        finally:
            answers.put(None)
            call.cancel()
        raise _no_result()


def _start(
    spec: VerificationSpec,
    options: CallOptions | None,
    more_sources: Sequence[str],
    budget: RepairBudget | None,
    tactics: Sequence[str],
    heartbeats: int,
    propose: object,
) -> lean_repair_pb2.RepairRequest:
    return wire.start_to_proto(
        wire.RepairStart(
            spec=spec,
            options=options or _NO_OPTIONS,
            more_sources=tuple(more_sources),
            budget=budget or RepairBudget(),
            tactics=tuple(tactics),
            heartbeats=heartbeats,
            is_unaided=propose is None,
        )
    )


def _tell(listener: RepairListener | None, event: lean_repair_pb2.RepairProgress) -> None:
    read = wire.progress_from_proto(event)
    if listener is not None and read is not None:
        listener(read)


def _no_result() -> ExecutorFault:
    return ExecutorFault("The server ended the repair without a result.")
