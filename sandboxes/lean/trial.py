"""The way of one candidate: elaborated in a cell, audited here, taken by the kernel in another."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterator

from sandboxes.lean.audit import SORRY, Code, Finding, axiom_findings, public
from sandboxes.lean.certify import certify, survey
from sandboxes.lean.declarations import (
    CHILDREN,
    CONSTANT,
    Digests,
    Kind,
    Module,
    Name,
    display,
)
from sandboxes.lean.diagnostics import HOLES_SHOWN, holes
from sandboxes.lean.judge import Facts, Proved, is_written, reason
from sandboxes.lean.lexer import lex
from sandboxes.lean.libraries import Library
from sandboxes.lean.lints import refused
from sandboxes.lean.olean import ModuleError, read_module
from sandboxes.lean.runtime import LeanRuntime
from sandboxes.lean.source import (
    normalised,
    prepared,
    stated_theorems,
    theorems_behind_exit,
)
from sandboxes.lean.stated import Stated
from verifier_service.model import LeanTheorem, Limits, ResourceUsage

__all__ = ["Trial"]


class Trial:
    """One candidate for one problem."""

    def __init__(
        self,
        runtime: LeanRuntime,
        theorem: LeanTheorem,
        stated: Stated,
        limits: Limits,
        *,
        second_kernel: Library | None = None,
    ) -> None:
        """Runs nothing yet.

        Args:
            runtime: Where it is to run.
            theorem: The problem.
            stated: The same, compiled alone.
            limits: Of each process.
            second_kernel: The library for a second kernel, where that is to be asked as well.
        """
        self._second_kernel = second_kernel
        self._runtime = runtime
        self._theorem = theorem
        self._stated = stated
        self._limits = limits
        self._used: list[ResourceUsage] = []

    @property
    def usage(self) -> ResourceUsage:
        """What its processes used, one after the other."""
        return ResourceUsage(
            wall_seconds=sum(one.wall_seconds for one in self._used),
            cpu_seconds=sum(one.cpu_seconds for one in self._used),
            peak_memory_bytes=max((one.peak_memory_bytes for one in self._used), default=0),
        )

    async def facts(self, source: str) -> Facts:
        """All that is found out about it.

        Raises:
            SandboxLost: There was no process to be had.
            ExecutorFault: A process of ours did not answer as our own code does.
        """
        facts = await asyncio.to_thread(self._read, source)
        if facts.has_nul or facts.refused or facts.prepared.own_imports:
            return facts
        compiled = await self._runtime.compile(
            facts.prepared.parts, imports=self._header, limits=self._limits, module=True
        )
        ended = compiled.ran.ended
        self._used.append(
            ResourceUsage(
                wall_seconds=ended.wall_seconds,
                cpu_seconds=ended.cpu_seconds,
                peak_memory_bytes=ended.peak_memory_bytes,
            )
        )
        facts = dataclasses.replace(facts, compiled=compiled)
        if compiled.claims_success and compiled.module is not None:
            facts = await self._looked_into(facts, compiled.module)
        if reason(facts) == "incomplete-proof":
            facts = await self._with_holes(facts)
        return facts

    @property
    def _header(self) -> str:
        return self._stated.spec.header

    def _read(self, source: str) -> Facts:
        """What the text alone says."""
        stated = self._stated
        environment = self._runtime.environment
        made = prepared(stated.spec, source)
        foreign = tuple(one for one in made.own_imports if one not in stated.modules)
        return Facts(
            source=source,
            prepared=dataclasses.replace(made, own_imports=foreign),
            target=stated.spec.name,
            refused=tuple(refused(lex(normalised(source)))),
            has_nul="\0" in source,
            replays=self._runtime.replays,
            must_be_clean=self._theorem.require_clean_file,
            statement_digest=stated.digest,
            toolchain=f"Lean {environment.version}, commit {environment.commit}",
            imports=stated.imports,
            statement_findings=stated.findings,
        )

    async def _looked_into(self, facts: Facts, compiled: bytes) -> Facts:
        """Has a compiled module audited, and taken by the kernel."""
        problem = self._stated.module
        if problem is None:
            return facts
        try:
            module = await asyncio.to_thread(read_module, compiled)
            untidy = await asyncio.to_thread(_untidy, problem, module)
            facts = dataclasses.replace(facts, module=module, untidy=untidy)
            if self._theorem.whole_file:
                return await self._surveyed(facts, problem, module, compiled)
            certificate = await certify(
                self._runtime,
                problem,
                compiled,
                self._stated.spec.name,
                imports=self._header,
                allowed_axioms=self._stated.spec.allowed_axioms,
                by_computation=self._theorem.by_computation,
                library=self._second_kernel,
                limits=self._limits,
            )
        except ModuleError as error:
            return dataclasses.replace(facts, unreadable=str(error))
        self._used.append(certificate.usage)
        return dataclasses.replace(
            facts,
            certificate=certificate,
            replayed_by=certificate.replayed_by,
            limit=certificate.limit,
        )

    async def _surveyed(
        self, facts: Facts, problem: Module, module: Module, compiled: bytes
    ) -> Facts:
        """Looks at every theorem of a file but those of the problem's own preamble."""
        stated = stated_theorems(f"{self._stated.spec.preamble}\n{facts.source}")
        found = await survey(
            self._runtime,
            compiled,
            imports=self._header,
            library=self._second_kernel,
            imported=[each.module for each in problem.imports],
            stated=stated,
            limits=self._limits,
        )
        self._used.append(found.usage)
        theorems = list(_not_read(facts.source))
        for one in found.theorems:
            if one.name in problem.declarations:
                continue
            own = {name for name in one.axioms if name in module.declarations}
            findings = axiom_findings(
                problem,
                module,
                one.name,
                header=one.axioms - own,
                own=own,
                allowed=self._stated.spec.allowed_axioms,
            )
            if one.problem:
                findings.append(Finding(code=Code.KERNEL, name=one.name, message=one.problem))
            theorems.append(
                Proved(
                    name=one.name,
                    axioms=one.axioms,
                    findings=tuple(findings),
                    is_stated=display(public(one.name)) in stated or is_written(module, one.name),
                )
            )
        return dataclasses.replace(
            facts,
            theorems=tuple(theorems),
            surveyed=True,
            replayed_by=found.replayed_by,
            limit=found.limit,
        )

    async def _with_holes(self, facts: Facts) -> Facts:
        """The places of `sorry` with their goals, which Lean is asked for once more."""
        *before, last = facts.prepared.parts
        shown = await self._runtime.compile(
            (*before, HOLES_SHOWN, last), imports=self._header, limits=self._limits
        )
        found = await asyncio.to_thread(holes, facts.prepared, facts.source, shown.messages[-1])
        return dataclasses.replace(facts, holes=tuple(found))


def _not_read(source: str) -> Iterator[Proved]:
    """That a file states theorems where Lean does not read any more."""
    if behind := theorems_behind_exit(source):
        message = f"`{behind[0][:200]}` stands behind `#exit`, so that Lean does not read it."
        finding = Finding(code=Code.MISSING, name=(), message=message)
        yield Proved(name=(), axioms=frozenset(), findings=(finding,), is_stated=False)


def _untidy(problem: Module, candidate: Module) -> tuple[Finding, ...]:
    """What a candidate declares with `sorry` or as an axiom, whether or not it matters."""
    found = []
    ours, theirs = Digests(problem), Digests(candidate)
    unproved = _holding(candidate, SORRY)
    for declaration in candidate.declarations.values():
        is_axiom = declaration.kind is Kind.AXIOM
        if not is_axiom and unproved.isdisjoint(declaration.expressions()):
            continue
        known = problem.declarations.get(declaration.name)
        if known is not None and ours.declaration(known) == theirs.declaration(declaration):
            continue
        shown = display(declaration.name)
        if is_axiom:
            code, message = Code.AXIOM, f"The file declares the axiom `{shown}`."
        else:
            code, message = Code.INCOMPLETE, f"`{shown}` rests on `sorry`."
        found.append(Finding(code=code, name=declaration.name, message=message))
    return tuple(found)


def _holding(module: Module, constant: Name) -> set[int]:
    """The expressions of a module in which a constant occurs, in one pass over all of them."""
    found: set[int] = set()
    for index, node in enumerate(module.nodes):  # subexpressions come first
        is_it = node[0] == CONSTANT and node[1] == constant
        if is_it or any(node[place] in found for place in CHILDREN[node[0]]):
            found.add(index)
    return found
