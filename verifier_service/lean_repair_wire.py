"""Repairs as messages of `lean_repair.proto`, and back. Pure."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from google.protobuf import duration_pb2

from verifier_service import wire
from verifier_service.model import (
    CallOptions,
    ExecutorFault,
    InvalidSpec,
    VerificationSpec,
    Violation,
)
from verifier_service.model.lean_repair import (
    Assembled,
    Extracted,
    LeanHole,
    LeanLemma,
    LemmaPrompt,
    Refined,
    RepairBudget,
    Repaired,
    RepairEdit,
    RepairEnding,
    RepairProgress,
    RepairStage,
    Solved,
    Sorrified,
    SorrifyMode,
)
from verifier_service.v1 import lean_repair_pb2 as pb
from verifier_service.v1 import verifier_pb2

__all__ = [
    "RepairStart",
    "assemble_request_to_proto",
    "assembled_from_proto",
    "assembled_to_proto",
    "auto_solve_request_to_proto",
    "extract_request_to_proto",
    "extracted_from_proto",
    "extracted_to_proto",
    "mode_from_proto",
    "need_from_proto",
    "need_to_proto",
    "progress_from_proto",
    "progress_to_proto",
    "proofs_from_proto",
    "proposals_to_proto",
    "refine_request_to_proto",
    "refined_from_proto",
    "refined_to_proto",
    "repaired_from_proto",
    "repaired_to_proto",
    "solved_from_proto",
    "solved_to_proto",
    "sorrified_from_proto",
    "sorrified_to_proto",
    "sorrify_request_to_proto",
    "start_from_proto",
    "start_to_proto",
]

_MODES: Final = {
    SorrifyMode.MINIMAL: pb.SORRIFY_MODE_MINIMAL,
    SorrifyMode.APOLLO: pb.SORRIFY_MODE_APOLLO,
    SorrifyMode.DSP_MASK: pb.SORRIFY_MODE_DSP_MASK,
}
_ENDINGS: Final = {
    RepairEnding.PROVED: pb.RepairResult.ENDING_PROVED,
    RepairEnding.PARTIAL: pb.RepairResult.ENDING_PARTIAL,
    RepairEnding.NOT_ACCEPTED: pb.RepairResult.ENDING_NOT_ACCEPTED,
    RepairEnding.STATEMENT_BROKEN: pb.RepairResult.ENDING_STATEMENT_BROKEN,
    RepairEnding.BUDGET_SPENT: pb.RepairResult.ENDING_BUDGET_SPENT,
}
_NANOS: Final = 10**9
_MOST_PROOFS: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairStart:
    """What a repair begins with."""

    spec: VerificationSpec
    options: CallOptions
    more_sources: tuple[str, ...] = ()
    budget: RepairBudget = RepairBudget()  # noqa: RUF009 - frozen
    tactics: tuple[str, ...] = ()
    heartbeats: int = 0
    is_unaided: bool = False


def _text(text: str) -> str:
    """Text that UTF-8 can say."""
    return text.encode("utf-8", "backslashreplace").decode()


# requests ---------------------------------------------------------------------------------------


def refine_request_to_proto(
    spec: VerificationSpec, options: CallOptions | None
) -> pb.RefineRequest:
    """Request of Refine."""
    return pb.RefineRequest(spec=wire.spec_to_proto(spec), options=_options(options))


def sorrify_request_to_proto(
    spec: VerificationSpec, options: CallOptions | None, mode: SorrifyMode, *, correct: bool
) -> pb.SorrifyRequest:
    """Request of Sorrify."""
    return pb.SorrifyRequest(
        spec=wire.spec_to_proto(spec),
        options=_options(options),
        mode=_MODES[mode],
        correct=correct,
    )


def auto_solve_request_to_proto(
    spec: VerificationSpec, options: CallOptions | None, tactics: Sequence[str], heartbeats: int
) -> pb.AutoSolveRequest:
    """Request of AutoSolve."""
    return pb.AutoSolveRequest(
        spec=wire.spec_to_proto(spec),
        options=_options(options),
        tactics=tactics,
        heartbeats=heartbeats,
    )


def extract_request_to_proto(
    spec: VerificationSpec, options: CallOptions | None
) -> pb.ExtractLemmasRequest:
    """Request of ExtractLemmas."""
    return pb.ExtractLemmasRequest(spec=wire.spec_to_proto(spec), options=_options(options))


def assemble_request_to_proto(
    spec: VerificationSpec, options: CallOptions | None, proofs: Mapping[str, str]
) -> pb.AssembleRequest:
    """Request of Assemble."""
    return pb.AssembleRequest(
        spec=wire.spec_to_proto(spec),
        options=_options(options),
        proofs=[_proof(name, source) for name, source in proofs.items()],
    )


def start_to_proto(start: RepairStart) -> pb.RepairRequest:
    """First request of Repair."""
    budget = start.budget
    return pb.RepairRequest(
        start=pb.RepairRequest.Start(
            spec=wire.spec_to_proto(start.spec),
            options=wire.options_to_proto(start.options),
            more_sources=start.more_sources,
            budget=pb.RepairBudget(
                checks=budget.checks,
                wall_time=None if budget.seconds is None else _duration(budget.seconds),
                depth=budget.depth,
                rounds=budget.rounds,
                proposals=budget.proposals,
            ),
            tactics=start.tactics,
            heartbeats=start.heartbeats,
            unaided=start.is_unaided or 0 in (budget.depth, budget.rounds, budget.proposals),
        )
    )


def proposals_to_proto(proposed: Mapping[str, Sequence[str]]) -> pb.RepairRequest:
    """Later requests of Repair."""
    proofs = [_proof(name, source) for name, sources in proposed.items() for source in sources]
    return pb.RepairRequest(proposals=pb.RepairRequest.Proposals(proofs=proofs))


def _proof(name: str, source: str) -> pb.LemmaProof:
    """A proof in a request.

    Raises:
        InvalidSpec: It holds what UTF-8 can't say.
    """
    for text in (name, source):
        if _text(text) != text:
            description = f"of `{_text(name)}` holds a lone surrogate, which UTF-8 can't say."
            raise InvalidSpec.of([Violation("proofs", description)])
    return pb.LemmaProof(lemma=name, source=source)


def mode_from_proto(number: int) -> SorrifyMode:
    """How holes are to be made.

    Raises:
        InvalidSpec: The contract has no such mode.
    """
    if number == pb.SORRIFY_MODE_UNSPECIFIED:
        return SorrifyMode.MINIMAL
    for mode, known in _MODES.items():
        if known == number:
            return mode
    raise InvalidSpec.of([Violation("mode", f"is {number}, which this server does not know.")])


def start_from_proto(
    start: pb.RepairRequest.Start, spec: VerificationSpec, options: CallOptions
) -> RepairStart:
    """What a repair begins with; its spec and options have been read already."""
    given, default = start.budget, RepairBudget()
    seconds = None
    if given.HasField("wall_time"):
        seconds = given.wall_time.seconds + given.wall_time.nanos / _NANOS
    return RepairStart(
        spec=spec,
        options=options,
        more_sources=tuple(start.more_sources),
        budget=RepairBudget(
            checks=given.checks or default.checks,
            seconds=seconds,
            depth=given.depth or default.depth,
            rounds=given.rounds or default.rounds,
            proposals=given.proposals or default.proposals,
        ),
        tactics=tuple(start.tactics),
        heartbeats=start.heartbeats,
        is_unaided=start.unaided,
    )


def proofs_from_proto(
    proofs: Sequence[pb.LemmaProof], field: str, maximum_bytes: int
) -> dict[str, list[str]]:
    """Proofs by the names of lemmas.

    Raises:
        InvalidSpec: There are too many, or one is too large.
    """
    if len(proofs) > _MOST_PROOFS:
        raise InvalidSpec.of(
            [Violation(field, f"has {len(proofs)} proofs. Send {_MOST_PROOFS} at most.")]
        )
    found: dict[str, list[str]] = {}
    for index, proof in enumerate(proofs):
        if (size := len(proof.source.encode())) > maximum_bytes:
            description = f"has {size} bytes, and a candidate may have {maximum_bytes}."
            raise InvalidSpec.of([Violation(f"{field}[{index}].source", description)])
        found.setdefault(proof.lemma, []).append(proof.source)
    return found


def _options(options: CallOptions | None) -> verifier_pb2.CallOptions | None:
    return None if options is None else wire.options_to_proto(options)


def _duration(seconds: float) -> duration_pb2.Duration:
    whole = int(seconds)
    return duration_pb2.Duration(seconds=whole, nanos=int((seconds - whole) * _NANOS))


# responses --------------------------------------------------------------------------------------


def refined_to_proto(made: Refined) -> pb.RefineResponse:
    """Response of Refine."""
    return pb.RefineResponse(
        source=_text(made.source),
        edits=_edits_to_proto(made.edits),
        diagnostics=[wire.diagnostic_to_proto(one) for one in made.diagnostics],
        check_count=made.check_count,
    )


def refined_from_proto(made: pb.RefineResponse) -> Refined:
    """Response of Refine."""
    return Refined(
        source=made.source,
        edits=_edits_from_proto(made.edits),
        diagnostics=tuple(wire.diagnostic_from_proto(one) for one in made.diagnostics),
        check_count=made.check_count,
    )


def sorrified_to_proto(made: Sorrified) -> pb.SorrifyResponse:
    """Response of Sorrify."""
    return pb.SorrifyResponse(
        source=_text(made.source),
        holes=_holes_to_proto(made.holes),
        edits=_edits_to_proto(made.edits),
        clean=made.is_clean,
        statement_diagnostics=[wire.diagnostic_to_proto(one) for one in made.statement_diagnostics],
        kept_line_count=made.kept_lines,
        line_count=made.total_lines,
        check_count=made.check_count,
    )


def sorrified_from_proto(made: pb.SorrifyResponse) -> Sorrified:
    """Response of Sorrify."""
    return Sorrified(
        source=made.source,
        holes=_holes_from_proto(made.holes),
        edits=_edits_from_proto(made.edits),
        is_clean=made.clean,
        statement_diagnostics=tuple(
            wire.diagnostic_from_proto(one) for one in made.statement_diagnostics
        ),
        kept_lines=made.kept_line_count,
        total_lines=made.line_count,
        check_count=made.check_count,
    )


def solved_to_proto(made: Solved) -> pb.AutoSolveResponse:
    """Response of AutoSolve."""
    return pb.AutoSolveResponse(
        source=_text(made.source),
        holes=_holes_to_proto(made.holes),
        edits=_edits_to_proto(made.edits),
        check_count=made.check_count,
    )


def solved_from_proto(made: pb.AutoSolveResponse) -> Solved:
    """Response of AutoSolve."""
    return Solved(
        source=made.source,
        holes=_holes_from_proto(made.holes),
        edits=_edits_from_proto(made.edits),
        check_count=made.check_count,
    )


def extracted_to_proto(made: Extracted) -> pb.ExtractLemmasResponse:
    """Response of ExtractLemmas."""
    return pb.ExtractLemmasResponse(
        lemmas=[_lemma_to_proto(one) for one in made.lemmas], check_count=made.check_count
    )


def extracted_from_proto(made: pb.ExtractLemmasResponse) -> Extracted:
    """Response of ExtractLemmas."""
    return Extracted(
        lemmas=tuple(_lemma_from_proto(one) for one in made.lemmas), check_count=made.check_count
    )


def assembled_to_proto(made: Assembled) -> pb.AssembleResponse:
    """Response of Assemble."""
    return pb.AssembleResponse(
        source=_text(made.source),
        placed=made.placed,
        edits=_edits_to_proto(made.edits),
        holes=_holes_to_proto(made.holes),
        verdict=None if made.verdict is None else wire.verdict_to_proto(made.verdict),
        check_count=made.check_count,
    )


def assembled_from_proto(made: pb.AssembleResponse) -> Assembled:
    """Response of Assemble."""
    return Assembled(
        source=made.source,
        placed=tuple(made.placed),
        edits=_edits_from_proto(made.edits),
        holes=_holes_from_proto(made.holes),
        verdict=wire.verdict_from_proto(made.verdict) if made.HasField("verdict") else None,
        check_count=made.check_count,
    )


def progress_to_proto(event: RepairProgress) -> pb.RepairResponse:
    """A stage that was passed."""
    return pb.RepairResponse(
        progress=pb.RepairProgress(
            theorem=_text(event.theorem),
            stage=event.stage.value,
            source=_text(event.source),
            edits=_edits_to_proto(event.edits),
            open_hole_count=event.open_holes,
        )
    )


def progress_from_proto(event: pb.RepairProgress) -> RepairProgress | None:
    """A stage that was passed; None for one that only a newer server knows."""
    stage = _stage(event.stage)
    if stage is None:
        return None
    return RepairProgress(
        theorem=event.theorem,
        stage=stage,
        source=event.source,
        edits=_edits_from_proto(event.edits),
        open_holes=event.open_hole_count,
    )


def need_to_proto(prompts: Iterable[LemmaPrompt]) -> pb.RepairResponse:
    """What is wanted."""
    return pb.RepairResponse(
        need=pb.RepairNeed(
            prompts=[
                pb.LemmaPrompt(
                    lemma=_lemma_to_proto(prompt.lemma),
                    feedback=_text(prompt.feedback),
                    near_misses=[_text(one) for one in prompt.near_misses],
                )
                for prompt in prompts
            ]
        )
    )


def need_from_proto(need: pb.RepairNeed) -> list[LemmaPrompt]:
    """What is wanted."""
    return [
        LemmaPrompt(
            lemma=_lemma_from_proto(prompt.lemma),
            feedback=prompt.feedback,
            near_misses=tuple(prompt.near_misses),
        )
        for prompt in need.prompts
    ]


def repaired_to_proto(made: Repaired) -> pb.RepairResponse:
    """The end of a repair."""
    return pb.RepairResponse(
        result=pb.RepairResult(
            ending=_ENDINGS[made.ending],
            source=_text(made.source),
            verdict=None if made.verdict is None else wire.verdict_to_proto(made.verdict),
            edits=_edits_to_proto(made.edits),
            holes=_holes_to_proto(made.holes),
            lemmas=[_lemma_to_proto(one) for one in made.lemmas],
            feedback=_text(made.feedback),
            kept_line_count=made.kept_lines,
            line_count=made.total_lines,
            check_count=made.check_count,
        )
    )


def repaired_from_proto(made: pb.RepairResult) -> Repaired:
    """The end of a repair.

    Raises:
        ExecutorFault: The server ended it in a way that this client does not know.
    """
    endings = {number: ending for ending, number in _ENDINGS.items()}
    if (ending := endings.get(made.ending)) is None:
        raise ExecutorFault(
            f"The server ended a repair with {made.ending}, which this client does not know. "
            "Update the client."
        )
    return Repaired(
        ending=ending,
        source=made.source,
        verdict=wire.verdict_from_proto(made.verdict) if made.HasField("verdict") else None,
        edits=_edits_from_proto(made.edits),
        holes=_holes_from_proto(made.holes),
        lemmas=tuple(_lemma_from_proto(one) for one in made.lemmas),
        feedback=made.feedback,
        kept_lines=made.kept_line_count,
        total_lines=made.line_count,
        check_count=made.check_count,
    )


def _edits_to_proto(edits: Iterable[RepairEdit]) -> list[pb.RepairEdit]:
    return [
        pb.RepairEdit(
            stage=edit.stage.value,
            iteration=edit.iteration,
            line=edit.line,
            rule=edit.rule,
            message_class=edit.message_class,
            before=_text(edit.before),
            after=_text(edit.after),
        )
        for edit in edits
    ]


def _edits_from_proto(edits: Iterable[pb.RepairEdit]) -> tuple[RepairEdit, ...]:
    """The edits; those of stages that only a newer server knows are left out."""
    return tuple(
        RepairEdit(
            stage=stage,
            iteration=edit.iteration,
            line=edit.line,
            rule=edit.rule,
            message_class=edit.message_class,
            before=edit.before,
            after=edit.after,
        )
        for edit in edits
        if (stage := _stage(edit.stage)) is not None
    )


def _stage(name: str) -> RepairStage | None:
    return next((stage for stage in RepairStage if stage.value == name), None)


def _holes_to_proto(holes: Iterable[LeanHole]) -> list[pb.LeanHole]:
    return [_hole_to_proto(hole) for hole in holes]


def _hole_to_proto(hole: LeanHole) -> pb.LeanHole:
    return pb.LeanHole(
        line=hole.line, column=hole.column, goal=_text(hole.goal), tactic=_text(hole.tactic)
    )


def _holes_from_proto(holes: Iterable[pb.LeanHole]) -> tuple[LeanHole, ...]:
    return tuple(_hole_from_proto(hole) for hole in holes)


def _hole_from_proto(hole: pb.LeanHole) -> LeanHole:
    return LeanHole(line=hole.line, column=hole.column, goal=hole.goal, tactic=hole.tactic)


def _lemma_to_proto(lemma: LeanLemma) -> pb.LeanLemma:
    spec = None
    if lemma.spec is not None:
        # A goal that UTF-8 can't say is no problem that anybody could send.
        with contextlib.suppress(InvalidSpec):
            spec = wire.spec_to_proto(lemma.spec)
    return pb.LeanLemma(
        name=_text(lemma.name),
        hole=_hole_to_proto(lemma.hole),
        spec=spec,
        statement_digest=lemma.statement_digest,
    )


def _lemma_from_proto(lemma: pb.LeanLemma) -> LeanLemma:
    return LeanLemma(
        name=lemma.name,
        hole=_hole_from_proto(lemma.hole),
        spec=wire.spec_from_proto(lemma.spec) if lemma.HasField("spec") else None,
        statement_digest=lemma.statement_digest,
    )
