"""Whether a candidate's module proves what a specification states. Pure: it runs nothing.

The specification is compiled alone, with a `sorry` for the proof; the candidate in a process that
may have made anything of its module. So nothing is taken from the candidate but what the kernel can
check again: which declaration has the theorem's name, what it states, and what it rests on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sandboxes.lean.closures import Closure, Closures, Unsound
from sandboxes.lean.declarations import (
    Declaration,
    Digests,
    Kind,
    Module,
    Name,
    Safety,
    display,
    parse_name,
)

__all__ = [
    "SORRY",
    "STANDARD_AXIOMS",
    "Code",
    "Finding",
    "Inspection",
    "axiom_findings",
    "closure_findings",
    "inspect",
    "public",
    "specification_findings",
    "theorems",
]

SORRY: Final[Name] = ("sorryAx",)
STANDARD_AXIOMS: Final[frozenset[Name]] = frozenset(
    {("propext",), ("Classical", "choice"), ("Quot", "sound")}
)
_NATIVE: Final[frozenset[Name]] = frozenset(
    {("Lean", "ofReduceBool"), ("Lean", "ofReduceNat"), ("Lean", "trustCompiler")}
)
_COMPUTED: Final[frozenset[Name]] = frozenset(
    parse_name(name)
    for name in (
        *("Nat.add", "Nat.sub", "Nat.mul", "Nat.div", "Nat.mod", "Nat.gcd", "Nat.pow", "Nat.log2"),
        *("Nat.beq", "Nat.ble", "Nat.land", "Nat.lor", "Nat.xor"),
        *("Nat.shiftLeft", "Nat.shiftRight", "Lean.reduceBool", "Lean.reduceNat"),
        *("String.ofList", "Char.ofNat"),
    )
)
"""What kernels compute by themselves, whatever is declared under these names."""
_SUGGESTIONS: Final = 3


class Code(StrEnum):
    """What is wrong, by the reason that a verdict gives for it."""

    MISSING = "missing-declaration"
    KIND = "kind-mismatch"
    UNSAFE = "unsafe-declaration"
    STATEMENT = "statement-mismatch"
    DEPENDENCY = "dependency-mismatch"
    IMPORTS = "import-mismatch"
    INCOMPLETE = "incomplete-proof"
    AXIOM = "disallowed-axiom"
    KERNEL = "kernel-rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something for which a candidate can't be accepted."""

    code: Code
    name: Name
    """The declaration that it is about."""
    message: str
    """Sentences for a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What can be said of a candidate without a kernel."""

    findings: tuple[Finding, ...]
    closure: Closure | None
    """Of the theorem, for the kernel; None where there is nothing to check."""
    statement_digest: str
    """`sha256:…` of what the specification states."""
    needs_claim: bool = False
    """Whether the kernel has to say that the statements are equal by computation."""


def specification_findings(specification: Module, theorem: Name) -> list[Finding]:
    """What keeps a specification from being one, whatever the candidate."""
    declared = specification.declarations.get(theorem)
    if declared is None:
        return [_missing(specification, theorem)]
    if declared.kind is not Kind.THEOREM:
        return [_kind(declared)]
    try:
        closure = Closures(specification).of(specification.constants([declared.type]))
    except Unsound as error:
        return [Finding(code=Code.KERNEL, name=error.name, message=str(error))]
    if SORRY in closure.outside:
        return [_incomplete(theorem, "What it states")]
    return []


def inspect(
    specification: Module, candidate: Module, theorem: Name, *, by_computation: bool = False
) -> Inspection:
    """Compares a candidate's module with the specification's.

    Args:
        specification: In which `specification_findings` finds nothing for the theorem.
        candidate: Anything that could be read.
        theorem: Its full name.
        by_computation: Whether statements that differ may be equal by computation, which is left
            to the kernel.
    """
    stated = specification.declarations[theorem]
    ours, theirs = Digests(specification), Digests(candidate)
    digest = ours.statement(stated)
    findings = list(_import_findings(specification, candidate))
    proved = candidate.declarations.get(theorem)
    if proved is None:
        findings.append(_missing(candidate, theorem))
        return Inspection(findings=tuple(findings), closure=None, statement_digest=digest)
    differs = theirs.statement(proved) != digest
    if proved.kind is not Kind.THEOREM:
        findings.append(_kind(proved))
    if differs and not (by_computation and len(proved.levels) == len(stated.levels)):
        findings.append(_statement(proved, stated))
    findings += _dependency_findings(specification, candidate, stated, ours, theirs)
    targets = {theorem}
    if differs and by_computation:
        targets |= specification.constants([stated.type])
    closure: Closure | None = None
    try:
        closure = Closures(candidate).of(targets)
    except Unsound as error:
        findings.append(Finding(code=Code.KERNEL, name=error.name, message=str(error)))
    else:
        findings += closure_findings(closure)
    return Inspection(
        findings=tuple(findings),
        closure=closure,
        statement_digest=digest,
        needs_claim=differs and by_computation,
    )


def axiom_findings(
    specification: Module,
    candidate: Module,
    theorem: Name,
    *,
    header: Collection[Name],
    own: Collection[Name],
    allowed: Collection[Name],
) -> list[Finding]:
    """What is wrong with the axioms that a theorem rests on.

    Args:
        specification: As for `inspect`.
        candidate: As for `inspect`.
        theorem: As for `inspect`.
        header: Axioms below it that the header declares, as the kernel's process says.
        own: Those that the candidate's module declares.
        allowed: Those that a proof may use. One that is not of the header has to be of the
            specification, and the same there.
    """
    findings = []
    ours, theirs = Digests(specification), Digests(candidate)
    for axiom in sorted({*header, *own}, key=str):
        declared = candidate.declarations.get(axiom) if axiom in own else None
        known = specification.declarations.get(axiom)
        is_ours = declared is None or (
            known is not None and ours.declaration(known) == theirs.declaration(declared)
        )
        if axiom == SORRY:
            findings.append(_incomplete(theorem, "The proof"))
        elif axiom not in allowed or not is_ours:
            findings.append(
                Finding(code=Code.AXIOM, name=axiom, message=_axiom_message(axiom, is_ours))
            )
    return findings


def theorems(module: Module, stated: Collection[str] = ()) -> list[Name]:
    """The theorems of a module that somebody wrote down, in the order of the file's table.

    Args:
        module: A module.
        stated: Full names of theorems that somebody wrote down, whatever they look like.
    """
    return [
        declaration.name
        for declaration in module.declarations.values()
        if declaration.kind is Kind.THEOREM
        and (_is_written(declaration.name) or display(public(declaration.name)) in stated)
    ]


def public(name: Name) -> Name:
    """A name as it is written, also where the declaration is private to its module."""
    if name[:1] == ("_private",) and 0 in name:
        return name[name.index(0) + 1 :]
    return name


def _is_written(name: Name) -> bool:
    """Whether a name is no auxiliary one of Lean's own making."""
    return not any(isinstance(part, int) or part.startswith("_") for part in public(name))


def _import_findings(specification: Module, candidate: Module) -> Iterator[Finding]:
    if candidate.uses_module_system and not specification.uses_module_system:
        yield _imports("The file begins with `module`, so that its proofs are kept back")
    if candidate.imports != specification.imports:
        names = ", ".join(sorted({f"`{display(each.module)}`" for each in candidate.imports}))
        yield _imports(f"The module imports {names or 'nothing'}")


def _imports(why: str) -> Finding:
    return Finding(
        code=Code.IMPORTS,
        name=(),
        message=f"{why}. Leave the header to the problem: a proof has none of its own.",
    )


def _missing(module: Module, theorem: Name) -> Finding:
    alike = [name for name in module.declarations if name and name[-1:] == theorem[-1:]]
    shown = ", ".join(f"`{display(name)}`" for name in alike[:_SUGGESTIONS])
    there_is = f" There is {shown}, which is another one." if shown else ""
    return Finding(
        code=Code.MISSING,
        name=theorem,
        message=f"Nothing is declared under the name `{display(theorem)}`.{there_is}",
    )


def _kind(declared: Declaration) -> Finding:
    kind = declared.kind.name.lower()
    article = "an" if kind[0] in "aeio" else "a"
    return Finding(
        code=Code.KIND,
        name=declared.name,
        message=f"`{display(declared.name)}` is {article} {kind}, not a theorem.",
    )


def _statement(proved: Declaration, stated: Declaration) -> Finding:
    where = "universe parameters" if proved.levels != stated.levels else "statement"
    return Finding(
        code=Code.STATEMENT,
        name=proved.name,
        message=f"The {where} of `{display(proved.name)}` is not that of the problem, once "
        "notation, instances and implicit arguments are resolved.",
    )


def _incomplete(theorem: Name, what: str) -> Finding:
    return Finding(
        code=Code.INCOMPLETE,
        name=theorem,
        message=f"{what} of `{display(theorem)}` rests on `sorry`.",
    )


def _axiom_message(axiom: Name, is_ours: bool) -> str:
    if axiom in _NATIVE or "_native" in axiom:
        return (
            f"The proof rests on `{display(axiom)}`: on what compiled code computes "
            "(`native_decide`, `bv_decide`), not on the kernel."
        )
    if not is_ours:
        return f"The proof rests on the axiom `{display(axiom)}`, which the candidate declares."
    return f"The proof rests on the axiom `{display(axiom)}`, which the problem does not allow."


def _dependency_findings(
    specification: Module, candidate: Module, stated: Declaration, ours: Digests, theirs: Digests
) -> Iterator[Finding]:
    """Whether all that the statement speaks of is the same in both modules."""
    needed = Closures(specification).of(specification.constants([stated.type]))
    for declaration in needed.declarations():
        found = candidate.declarations.get(declaration.name)
        if found is None or (
            theirs.declaration(found, proof=False) != ours.declaration(declaration, proof=False)
        ):
            yield _dependency(declaration.name, "is not what the problem defines")
    for name in sorted(needed.outside & candidate.declarations.keys(), key=str):
        yield _dependency(name, "is declared anew, although it is imported")


def _dependency(name: Name, what: str) -> Finding:
    return Finding(
        code=Code.DEPENDENCY,
        name=name,
        message=f"`{display(name)}`, of which the statement speaks, {what}.",
    )


def closure_findings(closure: Closure) -> Iterator[Finding]:
    """What in a closure the kernel need not even be asked about."""
    for declaration in closure.declarations():
        shown = f"The proof rests on `{display(declaration.name)}`"
        if declaration.safety is not Safety.SAFE:
            word = declaration.safety.name.lower()
            message = f"{shown}, which is {word}."
            yield Finding(code=Code.UNSAFE, name=declaration.name, message=message)
        elif declaration.kind is Kind.QUOTIENT or declaration.name in _COMPUTED:
            message = f"{shown}, which no module but Lean's own may declare."
            yield Finding(code=Code.KERNEL, name=declaration.name, message=message)
