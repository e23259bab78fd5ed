"""From the bytes of a candidate's module to what is certain about it."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from sandboxes.lean.audit import (
    SORRY,
    STANDARD_AXIOMS,
    Code,
    Finding,
    axiom_findings,
    closure_findings,
    inspect,
    theorems,
)
from sandboxes.lean.closures import Closure, Closures, Unsound
from sandboxes.lean.declarations import Digests, Module, Name, display
from sandboxes.lean.kernels import second_opinion
from sandboxes.lean.libraries import Library
from sandboxes.lean.olean import LargeModule, read_module
from sandboxes.lean.replay import CLAIM, Replayed, encode, replay
from sandboxes.lean.runtime import LeanRuntime, Ran
from verifier_service.model import Limits, ResourceUsage

__all__ = ["DISAGREEMENT", "KERNEL", "Certificate", "Survey", "Surveyed", "certify", "survey"]

KERNEL: Final = "lean-kernel"
"""By this name a verdict says that Lean's own kernel checked a proof again."""


_SHOWN: Final = 500
"""Characters of what a kernel says that people get to see."""
MAXIMUM_THEOREMS: Final = 1000
"""Of a file that is surveyed."""
DISAGREEMENT: Final = "kernels-disagree"
"""What kept a proof from being certain where one kernel takes it and another does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What is certain about a candidate."""

    findings: tuple[Finding, ...]
    """Why it can't be accepted."""
    limit: str
    """What kept the kernel from an answer, as in `Replayed`, or that another kernel has a different
    one; empty where nothing did."""
    axioms: frozenset[Name]
    """That the theorem rests on; if there are findings, as far as they were looked for."""
    statement_digest: str
    """`sha256:…` of what the specification states."""
    replayed_by: tuple[str, ...]
    """Kernels that took the proof."""
    usage: ResourceUsage

    @property
    def holds(self) -> bool:
        """Whether the theorem is proved."""
        return bool(self.replayed_by) and not self.findings and not self.limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Surveyed:
    """A theorem of a file, and what it is worth."""

    name: Name
    axioms: frozenset[Name]
    statement_digest: str
    problem: str
    """Why the kernel does not take it; empty if it does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """The theorems of a file."""

    theorems: tuple[Surveyed, ...]
    limit: str
    """As in `Certificate`; then nothing is certain of any of them."""
    replayed_by: tuple[str, ...]
    """Kernels that took all of those without a problem."""
    usage: ResourceUsage


async def certify(
    runtime: LeanRuntime,
    specification: Module,
    module: bytes,
    theorem: Name,
    *,
    imports: str = "",
    allowed_axioms: Collection[Name] = STANDARD_AXIOMS,
    by_computation: bool = False,
    library: Library | None = None,
    limits: Limits,
) -> Certificate:
    """Audits a candidate's module, and has the kernel check what is left to check.

    Args:
        runtime: Where the kernel runs.
        specification: The problem compiled alone; `specification_findings` finds nothing in it.
        module: The bytes of the candidate's `.olean`, whoever wrote them.
        theorem: Full name of the theorem.
        imports: The header of both.
        allowed_axioms: Those that a proof may use.
        by_computation: Whether the statement may differ from the problem's, as long as the kernel
            computes that it is the same.
        library: Of the header; if it is given, a second kernel is asked for its opinion.
        limits: Of a kernel's process.

    Raises:
        ModuleError: The module can't be read: of another Lean, forged, or beyond all bounds.
        HeaderFailed: The header can't be imported.
        SandboxLost: There is no process to be had for the kernel.
        ExecutorFault: It did not answer as our own code does.
    """
    candidate = await asyncio.to_thread(read_module, module)
    found = await asyncio.to_thread(
        inspect, specification, candidate, theorem, by_computation=by_computation
    )

    def judged(header: Collection[Name]) -> tuple[Finding, ...]:
        own = found.closure.axioms if found.closure else ()
        return (
            *found.findings,
            *axiom_findings(
                specification, candidate, theorem, header=header, own=own, allowed=allowed_axioms
            ),
        )

    closure = found.closure
    known = closure.outside & {SORRY, *STANDARD_AXIOMS} if closure else frozenset[Name]()
    findings = judged(known & {SORRY})
    if closure is None or findings:
        return Certificate(
            findings=findings,
            limit="",
            axioms=known | (closure.axioms if closure else frozenset()),
            statement_digest=found.statement_digest,
            replayed_by=(),
            usage=ResourceUsage(),
        )
    claim = (specification, specification.declarations[theorem]) if found.needs_claim else None
    job = await asyncio.to_thread(
        encode, (candidate, closure), axioms_of=(closure.outside,), claim=claim
    )
    replayed = await replay(runtime, job, imports=imports, limits=limits)
    below = replayed.axioms[0] if replayed.axioms else known
    findings = (*judged(below), *_kernel_findings(replayed, theorem))
    limit = replayed.limit
    kernels = [KERNEL] if replayed.accepted else []
    ran = [replayed.ran]
    if library is not None and kernels and not findings:
        modules = await asyncio.to_thread(
            library.below, [each.module for each in specification.imports]
        )
        opinion = await second_opinion(
            runtime, [*modules, candidate], [theorem], imports=imports, limits=limits
        )
        limit = DISAGREEMENT if opinion.rejected else ""
        kernels += [opinion.kernel] if opinion.accepted else []
        ran.append(opinion.ran)
    return Certificate(
        findings=findings,
        limit=limit,
        axioms=below | closure.axioms,
        statement_digest=found.statement_digest,
        replayed_by=tuple(kernels),
        usage=_usage(*ran),
    )


async def survey(
    runtime: LeanRuntime,
    module: bytes,
    *,
    imports: str = "",
    library: Library | None = None,
    imported: Collection[Name] = (("Init",),),
    stated: Collection[str] = (),
    limits: Limits,
) -> Survey:
    """Says which theorems a file proves, and what each of them rests on.

    Args:
        runtime: As for `certify`.
        module: As for `certify`.
        imports: As for `certify`.
        library: As for `certify`; a second kernel is asked about what the first one takes.
        imported: The modules that `imports` names, for the second kernel.
        stated: Full names of theorems of the file that may look like auxiliary ones of Lean's.
        limits: As for `certify`.

    Raises:
        ModuleError: As for `certify`.
        HeaderFailed: As for `certify`.
        SandboxLost: As for `certify`.
        ExecutorFault: As for `certify`.
    """
    candidate = await asyncio.to_thread(read_module, module)
    names = theorems(candidate, stated)
    if len(names) > MAXIMUM_THEOREMS:
        raise LargeModule(f"The file has more than {MAXIMUM_THEOREMS} theorems; take some away.")
    closures, problems = await asyncio.to_thread(_closures, candidate, names)
    whole = Closures(candidate).of(closures)
    job = await asyncio.to_thread(
        encode, (candidate, whole), axioms_of=[each.outside for each in closures.values()]
    )
    replayed = await replay(runtime, job, imports=imports, limits=limits)
    header = dict(zip(closures, replayed.axioms, strict=False))
    digests = Digests(candidate)
    surveyed = []
    for name in names:
        closure = closures.get(name)
        problem = problems.get(name, "")
        if closure is not None:
            problem = _first_rejected(replayed.rejected, closure)
        surveyed.append(
            Surveyed(
                name=name,
                axioms=header.get(name, frozenset()) | (closure.axioms if closure else set()),
                statement_digest=digests.statement(candidate.declarations[name]),
                problem=problem,
            )
        )
    limit, kernels, ran = replayed.limit, [KERNEL], [replayed.ran]
    taken = [one.name for one in surveyed if not one.problem]
    if library is not None and taken and not limit:
        modules = await asyncio.to_thread(library.below, imported)
        opinion = await second_opinion(
            runtime, [*modules, candidate], taken, imports=imports, limits=limits
        )
        limit = DISAGREEMENT if opinion.rejected else ""
        kernels += [opinion.kernel] if opinion.accepted else []
        ran.append(opinion.ran)
    return Survey(
        theorems=tuple(surveyed),
        limit=limit,
        replayed_by=() if replayed.limit else tuple(kernels),
        usage=_usage(*ran),
    )


def _closures(module: Module, names: Iterable[Name]) -> tuple[dict[Name, Closure], dict[Name, str]]:
    """Of each theorem that a kernel may be asked about; why not, of the others."""
    closures: dict[Name, Closure] = {}
    problems: dict[Name, str] = {}
    every = Closures(module)
    for name in names:
        try:
            closure = every.of([name])
        except Unsound as error:
            problems[name] = str(error)
            continue
        findings = list(closure_findings(closure))
        if findings:
            problems[name] = findings[0].message
        else:
            closures[name] = closure
    return closures, problems


def _first_rejected(rejected: Mapping[Name, str], closure: Closure) -> str:
    for group in closure.groups:
        if group[0].name in rejected:
            return _refusal(group[0].name, rejected[group[0].name])
    return ""


def _kernel_findings(replayed: Replayed, theorem: Name) -> list[Finding]:
    """The first rejection: what comes after it may only rest on it."""
    for name, why in replayed.rejected.items():
        if name == CLAIM:
            message = f"The statement of `{display(theorem)}` does not follow by computation."
            return [Finding(code=Code.STATEMENT, name=theorem, message=message)]
        return [Finding(code=Code.KERNEL, name=name, message=_refusal(name, why))]
    return []


def _refusal(name: Name, why: str) -> str:
    return f"The kernel does not take `{display(name)}`: {why[:_SHOWN]}."


def _usage(*runs: Ran) -> ResourceUsage:
    ends = [run.ended for run in runs]
    return ResourceUsage(
        wall_seconds=sum(end.wall_seconds for end in ends),
        cpu_seconds=sum(end.cpu_seconds for end in ends),
        peak_memory_bytes=max(end.peak_memory_bytes for end in ends),
    )
