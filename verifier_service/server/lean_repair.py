"""The methods of repairs: translate, delegate, translate back. Nothing is caught here."""

# The contract documents the methods and fixes their parameters.
# ruff: noqa: D102, N802

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import grpc

from verifier_service import lean_repair_wire as wire
from verifier_service.engine.lean_repair import LeanRepairs
from verifier_service.model import Capabilities, InvalidSpec, Violation
from verifier_service.model.lean_repair import LemmaPrompt, RepairProgress
from verifier_service.server.reading import RequestReader
from verifier_service.server.stream import cancel_and_wait
from verifier_service.v1 import lean_repair_pb2, lean_repair_pb2_grpc

if TYPE_CHECKING:  # generic in the stubs only
    Context = grpc.aio.ServicerContext[Any, Any]

__all__ = ["LeanRepairServicer"]

_WAITING_EVENTS: Final = 64
"""Stages that may wait to be written; more are left out."""


class LeanRepairServicer(lean_repair_pb2_grpc.LeanRepairServiceServicer):
    """Serves repairs."""

    def __init__(
        self, repairs: LeanRepairs, capabilities: Capabilities, *, max_call_seconds: float
    ) -> None:
        self._repairs = repairs
        self._reader = RequestReader(capabilities)
        self._max_call_seconds = max_call_seconds

    async def Refine(
        self, request: lean_repair_pb2.RefineRequest, context: Context
    ) -> lean_repair_pb2.RefineResponse:
        spec, options = self._reader.request(request.spec, request.options)
        made = await self._repairs.refine(spec, options, deadline=self._deadline(context))
        return wire.refined_to_proto(made)

    async def Sorrify(
        self, request: lean_repair_pb2.SorrifyRequest, context: Context
    ) -> lean_repair_pb2.SorrifyResponse:
        spec, options = self._reader.request(request.spec, request.options)
        made = await self._repairs.sorrify(
            spec,
            options,
            mode=wire.mode_from_proto(request.mode),
            correct=request.correct,
            deadline=self._deadline(context),
        )
        return wire.sorrified_to_proto(made)

    async def AutoSolve(
        self, request: lean_repair_pb2.AutoSolveRequest, context: Context
    ) -> lean_repair_pb2.AutoSolveResponse:
        spec, options = self._reader.request(request.spec, request.options)
        made = await self._repairs.auto_solve(
            spec,
            options,
            tactics=list(request.tactics),
            heartbeats=request.heartbeats,
            deadline=self._deadline(context),
        )
        return wire.solved_to_proto(made)

    async def ExtractLemmas(
        self, request: lean_repair_pb2.ExtractLemmasRequest, context: Context
    ) -> lean_repair_pb2.ExtractLemmasResponse:
        spec, options = self._reader.request(request.spec, request.options)
        made = await self._repairs.extract_lemmas(spec, options, deadline=self._deadline(context))
        return wire.extracted_to_proto(made)

    async def Assemble(
        self, request: lean_repair_pb2.AssembleRequest, context: Context
    ) -> lean_repair_pb2.AssembleResponse:
        spec, options = self._reader.request(request.spec, request.options)
        proofs = self._proofs(request.proofs, "proofs")
        made = await self._repairs.assemble(
            spec,
            {name: sources[-1] for name, sources in proofs.items()},
            options,
            deadline=self._deadline(context),
        )
        return wire.assembled_to_proto(made)

    async def Repair(
        self,
        request_iterator: AsyncIterator[lean_repair_pb2.RepairRequest],
        context: Context,
    ) -> AsyncGenerator[lean_repair_pb2.RepairResponse, None]:
        start = self._start(await anext(aiter(request_iterator), None))
        conversation = _Conversation(request_iterator, self._proofs)
        work = asyncio.create_task(
            self._repairs.repair(
                start.spec,
                start.options,
                more_sources=start.more_sources,
                budget=start.budget,
                tactics=start.tactics,
                heartbeats=start.heartbeats,
                propose=None if start.is_unaided else conversation.ask,
                listener=conversation.tell,
                deadline=_asked_deadline(context),
            )
        )
        work.add_done_callback(lambda _: conversation.changed.set())
        try:
            while not work.done() or conversation.outgoing:
                conversation.changed.clear()
                while conversation.outgoing:
                    yield conversation.outgoing.pop(0)
                if not work.done():
                    await conversation.changed.wait()
            yield wire.repaired_to_proto(work.result())
        finally:
            await cancel_and_wait([work])

    def _start(self, request: lean_repair_pb2.RepairRequest | None) -> wire.RepairStart:
        """Reads the first request.

        Raises:
            InvalidSpec: It begins nothing.
        """
        if request is None or request.WhichOneof("command") != "start":
            raise _invalid("command", "is not `start`. Send that first.")
        spec, options = self._reader.request(request.start.spec, request.start.options)
        return wire.start_from_proto(request.start, spec, options)

    def _proofs(
        self, proofs: Sequence[lean_repair_pb2.LemmaProof], field: str
    ) -> dict[str, list[str]]:
        most = self._reader.capabilities.maximum_candidate_bytes
        return wire.proofs_from_proto(proofs, field, most)

    def _deadline(self, context: Context) -> float:
        """When a unary call has to end."""
        longest = time.monotonic() + self._max_call_seconds
        asked = _asked_deadline(context)
        return longest if asked is None else min(asked, longest)


class _Conversation:
    """What goes to and fro while a repair runs."""

    def __init__(
        self, requests: AsyncIterator[lean_repair_pb2.RepairRequest], read_proofs: Any
    ) -> None:
        self._requests = requests
        self._read_proofs = read_proofs
        self.outgoing: list[lean_repair_pb2.RepairResponse] = []
        self.changed = asyncio.Event()

    def tell(self, event: RepairProgress) -> None:
        """Sends a stage, unless the caller reads too slowly."""
        if len(self.outgoing) < _WAITING_EVENTS:
            self._send(wire.progress_to_proto(event))

    async def ask(self, prompts: Sequence[LemmaPrompt]) -> Mapping[str, Sequence[str]]:
        """Sends what is wanted, and waits for the answer; a caller that sends no more gives up.

        Raises:
            InvalidSpec: The answer is none.
        """
        self._send(wire.need_to_proto(prompts))
        request = await anext(aiter(self._requests), None)
        if request is None:
            return {}
        if request.WhichOneof("command") != "proposals":
            raise _invalid("command", "is not `proposals`, which is what `need` is answered with.")
        found: dict[str, list[str]] = self._read_proofs(
            request.proposals.proofs, "proposals.proofs"
        )
        known = [prompt.lemma.name for prompt in prompts]
        for name in found:
            if name not in known:
                text = f"names {name[:100]!r}, which was not asked for: {', '.join(known)}."
                raise _invalid("proposals.proofs", text)
        return found

    def _send(self, response: lean_repair_pb2.RepairResponse) -> None:
        self.outgoing.append(response)
        self.changed.set()


def _asked_deadline(context: Context) -> float | None:
    """The caller's deadline, on the clock of `time.monotonic()`."""
    remaining = context.time_remaining()
    return None if remaining is None else time.monotonic() + remaining


def _invalid(field: str, description: str) -> InvalidSpec:
    return InvalidSpec.of([Violation(field, description)])
