"""Problems, each compiled alone, once for all of its candidates."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from weakref import WeakValueDictionary

from sandboxes.lean.audit import SORRY, specification_findings
from sandboxes.lean.declarations import Digests, Module, display
from sandboxes.lean.diagnostics import primary
from sandboxes.lean.environments import LeanEnvironment
from sandboxes.lean.judge import StatementFinding
from sandboxes.lean.libraries import Library, MissingModule
from sandboxes.lean.messages import Message
from sandboxes.lean.olean import ModuleError, read_module
from sandboxes.lean.probes import probe
from sandboxes.lean.runtime import Compilation, HeaderFailed, LeanRuntime
from sandboxes.lean.source import Specification, specification
from verifier_service.model import ExecutorFault, InvalidSpec, LeanTheorem, Limits, Violation

__all__ = ["Stated", "StatedProblems", "Stopped"]

MOST_KEPT: Final = 256
_FIELD: Final = "problem.lean_theorem"


class Stopped(Exception):
    """A limit, which the message names, ended what states a problem: nothing was found out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """A problem that Lean takes."""

    spec: Specification
    module: Module | None
    """What it was compiled to; None where this Lean's modules are not looked into."""
    digest: str = ""
    """Of the statement; empty where there is none."""
    imports: tuple[str, ...] = ()
    """Modules with the digests of their files."""
    modules: frozenset[str] = frozenset()
    """All that its imports bring along, themselves included."""
    findings: tuple[StatementFinding, ...] = ()


_Key = tuple[str, LeanTheorem]


class StatedProblems:
    """The problems that were asked about last."""

    def __init__(self) -> None:
        self._kept: OrderedDict[_Key, Stated] = OrderedDict()
        self._locks: WeakValueDictionary[_Key, asyncio.Lock] = WeakValueDictionary()

    async def of(
        self, runtime: LeanRuntime, library: Library, theorem: LeanTheorem, limits: Limits
    ) -> Stated:
        """A problem that has no violations, compiled alone.

        Args:
            runtime: Where it is compiled.
            library: Of the same Lean.
            theorem: The problem.
            limits: Of each process.

        Raises:
            InvalidSpec: Lean does not take it, or its imports are not there.
            Stopped: A limit ended that.
            SandboxLost: There was no process to be had.
            ExecutorFault: Lean's own library can't be loaded.
        """
        key = (runtime.environment.name, theorem)
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:  # many candidates for a new problem come at the same time
            if key not in self._kept:
                self._kept[key] = await _stated(runtime, library, theorem, limits)
                if len(self._kept) > MOST_KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(key)
            return self._kept[key]


async def _stated(
    runtime: LeanRuntime, library: Library, theorem: LeanTheorem, limits: Limits
) -> Stated:
    spec = await asyncio.to_thread(specification, theorem)
    compiled = await _compiled(runtime, spec, limits)
    _check(compiled)
    findings: tuple[StatementFinding, ...] = ()
    if theorem.probe_statement and spec.head:
        findings = await probe(runtime, spec, theorem.name, limits)
    if not runtime.replays:
        return Stated(spec=spec, module=None, imports=spec.imports, findings=findings)
    assert compiled.module is not None
    module, digest = await asyncio.to_thread(_read, spec, compiled.module)
    imports = await asyncio.to_thread(_imports, runtime.environment, module)
    modules = await asyncio.to_thread(_modules, library, module)
    return Stated(
        spec=spec,
        module=module,
        digest=digest,
        imports=imports,
        modules=modules,
        findings=findings,
    )


async def _compiled(runtime: LeanRuntime, spec: Specification, limits: Limits) -> Compilation:
    try:
        return await runtime.compile(spec.parts, imports=spec.header, limits=limits, module=True)
    except HeaderFailed as error:
        if not spec.imports:
            raise ExecutorFault(f"Lean's own library can't be loaded: {error}") from error
        why = str(error).partition("\n")[0]
        raise _broken("preamble", f"can't be used, since its imports fail: {why}") from error


def _check(compiled: Compilation) -> None:
    """Refuses a problem that Lean does not take."""
    for field, messages in zip(("preamble", "statement"), compiled.messages, strict=False):
        error = primary(messages)
        if error is None:
            continue
        if error.kind.startswith("runtime."):
            line, _, _ = error.text.partition("\n")
            raise Stopped(f"{line}, in the problem's own text")
        raise _broken(field, f"is not taken by Lean: {_words(field, error)}")
    if compiled.ran.trouble == "overloaded":
        raise Stopped("overloaded")
    if not compiled.claims_success or compiled.module is None:
        ended = compiled.ran.trouble or "its process ended early"
        raise Stopped(f"{ended}, while Lean read the problem's own text")


def _words(field: str, error: Message) -> str:
    where = f"line {error.start.line}: " if field == "preamble" else ""
    return f"{where}{error.text[:2000]}"


def _read(spec: Specification, compiled: bytes) -> tuple[Module, str]:
    """What a problem was compiled to, and the digest of its statement."""
    try:
        module = read_module(compiled)
        wrong = specification_findings(module, spec.name) if spec.head else []
    except ModuleError as error:
        raise ExecutorFault(f"What Lean compiled the problem to can't be read: {error}") from error
    if not spec.head:
        return module, ""
    if wrong:
        raise _broken("statement", f"states nothing that could be proved: {wrong[0].message}")
    stated = module.declarations[spec.name]
    assert stated.value is not None  # of a theorem
    if SORRY not in module.constants([stated.value]):
        raise _broken("statement", "is more than a signature: it has a proof. Leave out `:= …`.")
    return module, Digests(module).statement(stated)


def _broken(field: str, description: str) -> InvalidSpec:
    return InvalidSpec.of([Violation(f"{_FIELD}.{field}", description)])


def _imports(environment: LeanEnvironment, module: Module) -> tuple[str, ...]:
    """What a module imports, each with the digest of its compiled file."""
    shown: dict[str, None] = {}
    for one in module.imports:
        *folders, last = map(str, one.module)
        paths = (Path(root, *folders, f"{last}.olean") for root in environment.lean_path)
        file = next(filter(Path.is_file, paths), None)
        digest = "" if file is None else f"@sha256:{_digest_of(file)}"
        shown[f"{display(one.module)}{digest}"] = None
    return tuple(shown)


def _modules(library: Library, module: Module) -> frozenset[str]:
    """Names of what a module imports, with all that this imports; none where one can't be read."""
    try:
        return frozenset(map(display, library.imported([one.module for one in module.imports])))
    except (MissingModule, ModuleError, OSError):
        return frozenset()


def _digest_of(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
