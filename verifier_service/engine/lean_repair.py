"""Repairs of Lean proofs, by the engine's own executors, slots and verdicts."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from verifier_service.engine.faults import faults
from verifier_service.engine.job import Job
from verifier_service.model import (
    CachePolicy,
    CallOptions,
    Candidate,
    CriterionUnavailable,
    DeadlineExceeded,
    Diagnostic,
    EnvironmentInfo,
    InvalidSpec,
    LeanTheorem,
    Problem,
    Range,
    SandboxLost,
    Severity,
    Verdict,
    VerificationSpec,
    Violation,
)
from verifier_service.model.lean_repair import (
    MAXIMUM_SOURCES,
    MAXIMUM_TACTICS,
    Assembled,
    Extracted,
    LeanHole,
    LemmaProposer,
    Refined,
    RepairBudget,
    Repaired,
    RepairListener,
    Solved,
    Sorrified,
    SorrifyMode,
)

if TYPE_CHECKING:
    from sandboxes.lean.messages import Message
    from sandboxes.lean.repair.checking import Allowance, Check, Checked, Checker
    from sandboxes.lean.repair.draft import Draft
    from sandboxes.lean.repair.loop import LemmaStore
    from sandboxes.lean.runtime import LeanRuntime
    from verifier_service.engine.engine import Engine

__all__ = ["LeanRepairs"]

_CHECKS: Final = 2000
"""That one call other than Repair may make."""
_SESSIONS: Final = 256
"""Sessions whose proved lemmas are remembered."""
_ATTEMPTS: Final = 2
"""Runs of one check while its sandbox gets lost."""
_NO_OPTIONS: Final = CallOptions()
_NO_PROOF: Final = Candidate(source="by sorry")
"""Stands for a candidate that is still to come."""


class _LeanExecutor(Protocol):
    def runtime(self, environment: EnvironmentInfo) -> LeanRuntime: ...


class LeanRepairs:
    """Repairs proofs with what an engine has; lives on its loop, and has nothing to close."""

    def __init__(self, engine: Engine) -> None:
        """Repairs nothing yet."""
        self._engine = engine
        self._stores: OrderedDict[str, LemmaStore] = OrderedDict()

    async def refine(
        self,
        spec: VerificationSpec,
        options: CallOptions = _NO_OPTIONS,
        *,
        deadline: float | None = None,
    ) -> Refined:
        """Mends the syntax of a candidate.

        Args:
            spec: With the candidate.
            options: How to serve it.
            deadline: In seconds of `time.monotonic`.

        Raises:
            ServiceError: It could not be done.
        """
        from sandboxes.lean.repair.extract import extract
        from sandboxes.lean.repair.refine import refine

        async with _before(deadline):
            call = self._call(spec, options)
            extracted = extract(call.theorem, spec.candidate.source)
            made = await refine(extracted.draft, call.checker)
            return Refined(
                source=made.draft.source,
                edits=(*extracted.edits, *made.edits),
                diagnostics=_diagnostics(made.checked.messages),
                check_count=call.allowance.used,
            )

    async def sorrify(
        self,
        spec: VerificationSpec,
        options: CallOptions = _NO_OPTIONS,
        *,
        mode: SorrifyMode = SorrifyMode.MINIMAL,
        correct: bool = False,
        deadline: float | None = None,
    ) -> Sorrified:
        """Puts holes where a candidate fails.

        Args:
            spec: With the candidate.
            options: How to serve it.
            mode: How.
            correct: Try other names, tactics and another order before a hole; for MINIMAL.
            deadline: In seconds of `time.monotonic`.

        Raises:
            ServiceError: It could not be done.
        """
        from sandboxes.lean.repair.correct import corrections
        from sandboxes.lean.repair.extract import extract
        from sandboxes.lean.repair.sorrify import sorrify

        async with _before(deadline):
            call = self._call(spec, options)
            extracted = extract(call.theorem, spec.candidate.source)
            suggest = partial(corrections, names=await call.names()) if correct else None
            made = await sorrify(extracted.draft, call.checker, mode, suggest=suggest)
            return Sorrified(
                source=made.draft.source,
                holes=await _holes(made.draft, call.checker) if made.is_clean else (),
                edits=(*extracted.edits, *made.edits),
                is_clean=made.is_clean,
                statement_diagnostics=_diagnostics(made.statement_errors),
                kept_lines=made.draft.kept,
                total_lines=extracted.draft.kept,
                check_count=call.allowance.used,
            )

    async def auto_solve(
        self,
        spec: VerificationSpec,
        options: CallOptions = _NO_OPTIONS,
        *,
        tactics: Sequence[str] = (),
        heartbeats: int = 0,
        deadline: float | None = None,
    ) -> Solved:
        """Closes the holes of a candidate that a tactic closes.

        Args:
            spec: With the candidate.
            options: How to serve it.
            tactics: What to try, in this order; none are the usual ones.
            heartbeats: Lean's limit on each, in thousands; 0 is the environment's own.
            deadline: In seconds of `time.monotonic`.

        Raises:
            ServiceError: It could not be done.
        """
        from sandboxes.lean.repair.extract import extract
        from sandboxes.lean.repair.solve import auto_solve, known_tactics
        from sandboxes.lean.repair.tactics import PORTFOLIO

        _check_tactics("tactics", tactics, heartbeats)
        async with _before(deadline):
            call = self._call(spec, options)
            extracted = extract(call.theorem, spec.candidate.source)
            known = await known_tactics(call.checker, tactics or PORTFOLIO)
            made = await auto_solve(extracted.draft, call.checker, known, heartbeats=heartbeats)
            return Solved(
                source=made.draft.source,
                holes=made.reports,
                edits=(*extracted.edits, *made.edits),
                check_count=call.allowance.used,
            )

    async def extract_lemmas(
        self,
        spec: VerificationSpec,
        options: CallOptions = _NO_OPTIONS,
        *,
        deadline: float | None = None,
    ) -> Extracted:
        """States what the holes of a candidate ask for.

        Args:
            spec: With the candidate.
            options: How to serve it.
            deadline: In seconds of `time.monotonic`.

        Raises:
            ServiceError: It could not be done.
        """
        from sandboxes.lean.repair.extract import extract
        from sandboxes.lean.repair.lemmas import extract_lemmas, lean_lemma

        async with _before(deadline):
            call = self._call(spec, options)
            draft = extract(call.theorem, spec.candidate.source).draft
            found = await extract_lemmas(draft, call.checker, call.theorem)
            return Extracted(
                lemmas=tuple(lean_lemma(one, call.spec_of) for one in found),
                check_count=call.allowance.used,
            )

    async def assemble(
        self,
        spec: VerificationSpec,
        proofs: Mapping[str, str],
        options: CallOptions = _NO_OPTIONS,
        *,
        deadline: float | None = None,
    ) -> Assembled:
        """Puts proofs of lemmas into a candidate, and judges it where no hole is left.

        Args:
            spec: With the candidate that the lemmas were extracted from.
            proofs: By the names of lemmas.
            options: How to serve it, the verdict included.
            deadline: In seconds of `time.monotonic`.

        Raises:
            ServiceError: It could not be done.
        """
        from sandboxes.lean.repair.assemble import assemble
        from sandboxes.lean.repair.checking import BudgetSpent, failures
        from sandboxes.lean.repair.extract import extract
        from sandboxes.lean.repair.lemmas import extract_lemmas

        async with _before(deadline):
            call = self._call(spec, options)
            extracted = extract(call.theorem, spec.candidate.source)
            lemmas = await extract_lemmas(extracted.draft, call.checker, call.theorem)
            _check_names(proofs, [lemma.name for lemma in lemmas])
            made = await assemble(extracted.draft, lemmas, proofs, call.checker)
            source = made.draft.source
            left = await _holes(made.draft, call.checker)
            verdict = None
            try:
                checked = await call.checker(source)
                if checked.completed and not failures(checked.messages) and not left:
                    verdict = await call.certify(call.theorem, source)
            except BudgetSpent:
                pass
            return Assembled(
                source=source,
                placed=made.placed,
                edits=(*extracted.edits, *made.edits),
                holes=left,
                verdict=verdict,
                check_count=call.allowance.used,
            )

    async def repair(
        self,
        spec: VerificationSpec,
        options: CallOptions = _NO_OPTIONS,
        *,
        more_sources: Sequence[str] = (),
        budget: RepairBudget | None = None,
        tactics: Sequence[str] = (),
        heartbeats: int = 0,
        propose: LemmaProposer | None = None,
        listener: RepairListener | None = None,
        deadline: float | None = None,
    ) -> Repaired:
        """Repairs candidates, all of it, in a loop.

        Args:
            spec: With the first candidate.
            options: How to serve it, verdicts included. Lemmas that were proved in the same session
                are not asked for again.
            more_sources: More candidates; the one that comes furthest is gone on with.
            budget: How much it may take.
            tactics: As for `auto_solve`.
            heartbeats: As for `auto_solve`.
            propose: Gets proofs of lemmas; without it, nothing is asked for.
            listener: Told of every stage.
            deadline: In seconds of `time.monotonic`.

        Raises:
            ServiceError: It could not be done.
        """
        from sandboxes.lean.repair.loop import Repair, Tools
        from sandboxes.lean.repair.tactics import PORTFOLIO

        chosen = budget or RepairBudget()
        _check_tactics("tactics", tactics, heartbeats)
        _check_budget(chosen)
        if len(more_sources) > MAXIMUM_SOURCES:
            raise _invalid("more_sources", f"has {len(more_sources)}. Send {MAXIMUM_SOURCES}.")
        async with _before(deadline):
            call = self._call(spec, options)
            most = self._engine.capabilities().maximum_candidate_bytes
            for index, source in enumerate(more_sources):
                if (size := len(source.encode(errors="surrogatepass"))) > most:
                    description = f"has {size} bytes, and a candidate may have {most}."
                    raise _invalid(f"more_sources[{index}]", description)
            work = Repair(
                Tools(
                    check=call.check,
                    certify=call.certify,
                    spec_of=call.spec_of,
                    tactics=tactics or PORTFOLIO,
                    names=await call.names(),
                    heartbeats=heartbeats,
                ),
                chosen,
                ask=propose,
                listener=listener,
                store=self._store(options.session_id),
            )
            return await work.run(call.theorem, [spec.candidate.source, *more_sources])

    def _call(self, spec: VerificationSpec, options: CallOptions) -> _Call:
        theorem = spec.problem.criterion
        if not isinstance(theorem, LeanTheorem) or theorem.whole_file:
            raise _invalid(
                "spec.problem", "states no theorem. Set lean_theorem, without `whole_file`."
            )
        job = self._engine.resolve(spec)
        runtime = getattr(job.executor, "runtime", None)
        if runtime is None:
            raise CriterionUnavailable(
                f"spec.problem: the environment {job.environment.name} does not repair proofs."
            )
        return _Call(self._engine, job, options, theorem)

    def _store(self, session_id: str) -> LemmaStore:
        """What is known to a session; calls without one share nothing."""
        from sandboxes.lean.repair.loop import LemmaStore

        if not session_id:
            return LemmaStore()
        store = self._stores.setdefault(session_id, LemmaStore())
        self._stores.move_to_end(session_id)
        if len(self._stores) > _SESSIONS:
            self._stores.popitem(last=False)
        return store


class _Call:
    """One call: its theorem, its checks, and how it judges."""

    def __init__(
        self, engine: Engine, job: Job, options: CallOptions, theorem: LeanTheorem
    ) -> None:
        from sandboxes.lean.repair.checking import Allowance, Checker

        self._engine = engine
        self._job = job
        self._options = options
        self.theorem = theorem
        executor: _LeanExecutor = job.executor  # type: ignore[assignment]
        self._runtime = executor.runtime(job.environment)
        # As many checks at a time as there are slots: more would only wait.
        self._places = asyncio.Semaphore(engine.capabilities().slot_count)
        self.allowance: Allowance = Allowance(_CHECKS)
        self.checker: Checker = Checker(self.check(theorem), self.allowance)

    async def names(self) -> tuple[str, ...]:
        """What the library declares."""
        from sandboxes.lean.repair.names import library_names

        return await asyncio.to_thread(library_names, self._runtime.environment)

    def check(self, theorem: LeanTheorem) -> Check:
        """Elaborates candidates for a theorem, each in a slot."""
        from sandboxes.lean.repair.elaboration import elaboration

        elaborate = elaboration(self._runtime, theorem, self._job.limits)

        async def in_slot(source: str) -> Checked:
            async with self._places:
                return await self._engine.aside(lambda: _tried(elaborate, source), self._options)

        return in_slot

    async def certify(self, theorem: LeanTheorem, source: str) -> Verdict:
        """Judges a candidate as Verify does."""
        asked = self.spec_of(theorem)
        spec = replace(asked, candidate=replace(asked.candidate, source=source))
        options = self._options
        if options.cache_policy is CachePolicy.ONLY:
            options = replace(options, cache_policy=CachePolicy.USE)
        return await self._engine.verify(spec, options, patient=True)

    def spec_of(self, theorem: LeanTheorem) -> VerificationSpec:
        """A theorem to be judged like the one of the call; only that one keeps its name."""
        spec = self._job.spec
        if theorem == self.theorem:
            return spec
        return replace(spec, problem=Problem(criterion=theorem), candidate=_NO_PROOF)


async def _tried(elaborate: Check, source: str) -> Checked:
    """What Lean says, asked once more where a sandbox was lost on the way."""
    from sandboxes.lean.runtime import HeaderFailed

    with faults("The repair of Lean proofs"):
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return await elaborate(source)
            except HeaderFailed as error:
                raise _invalid(
                    "problem.lean_theorem.preamble", f"can't be imported: {error}"
                ) from None
            except SandboxLost:
                if attempt == _ATTEMPTS:
                    raise
    raise AssertionError


async def _holes(draft: Draft, checker: Checker) -> tuple[LeanHole, ...]:
    """The holes of a draft with their goals."""
    from sandboxes.lean.repair.solve import auto_solve

    return (await auto_solve(draft, checker, ())).reports


def _diagnostics(messages: Sequence[Message]) -> tuple[Diagnostic, ...]:
    """The errors among messages, as findings."""
    from sandboxes.lean.diagnostics import code_of
    from sandboxes.lean.repair.checking import failures

    return tuple(
        Diagnostic(
            severity=Severity.ERROR,
            code=code_of(one),
            message=one.text,
            range=Range(
                start_line=one.start.line,
                start_column=one.start.column,
                end_line=one.end.line if one.end else 0,
                end_column=one.end.column if one.end else 0,
            )
            if one.start.line
            else None,
        )
        for one in failures(messages)
    )


def _check_tactics(field: str, tactics: Sequence[str], heartbeats: int) -> None:
    if len(tactics) > MAXIMUM_TACTICS:
        raise _invalid(field, f"has {len(tactics)}. Send {MAXIMUM_TACTICS} at most.")
    for index, tactic in enumerate(tactics):
        if not tactic.strip() or "\n" in tactic or len(tactic) > _TACTIC_CHARACTERS:
            text = f"must be one line with a tactic of at most {_TACTIC_CHARACTERS} characters."
            raise _invalid(f"{field}[{index}]", text)
    if heartbeats < 0:
        raise _invalid("heartbeats", f"is {heartbeats}. Send 0 or more.")


_TACTIC_CHARACTERS: Final = 1000
_RANGES: Final = {
    "checks": (1, 20_000),
    "depth": (0, 8),
    "rounds": (0, 64),
    "proposals": (0, 10_000),
}


def _check_budget(budget: RepairBudget) -> None:
    for name, (least, most) in _RANGES.items():
        value = getattr(budget, name)
        if not least <= value <= most:
            raise _invalid(f"budget.{name}", f"is {value}. Send {least} to {most}.")
    if budget.seconds is not None and not budget.seconds > 0:
        raise _invalid("budget.wall_time", "must be more than nothing.")


def _check_names(proofs: Mapping[str, str], known: Sequence[str]) -> None:
    for index, name in enumerate(proofs):
        if name not in known:
            offered = ", ".join(known) or "none"
            raise _invalid(f"proofs[{index}].lemma", f"is no lemma of it. There are: {offered}.")


def _invalid(field: str, description: str) -> InvalidSpec:
    return InvalidSpec.of([Violation(field, description)])


@asynccontextmanager
async def _before(deadline: float | None) -> AsyncIterator[None]:
    """Ends what is inside when the deadline passes.

    Raises:
        DeadlineExceeded: It did.
    """
    try:
        async with asyncio.timeout(
            None if deadline is None else deadline - time.monotonic()
        ) as scope:
            yield
    except TimeoutError:
        if not scope.expired():
            raise
        raise DeadlineExceeded(
            "The call's deadline passed before the repair was over. Allow it more time, or give it "
            "a budget with less `wall_time` to keep what is found."
        ) from None
