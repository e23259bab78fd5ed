"""Has Lean's kernel check declarations again, in a process that the candidate was never in."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sandboxes.lean.closures import Closure, Group, Unsound
from sandboxes.lean.declarations import (
    CHILDREN,
    CONSTANT,
    NATURAL,
    PARAMETER,
    PROJECTION,
    SORT,
    Constructor,
    Declaration,
    Inductive,
    Kind,
    Module,
    Name,
    Recursor,
    Safety,
    levels_below,
)
from sandboxes.lean.runtime import REPLAY, LeanRuntime, Ran
from verifier_service.model import ExecutorFault, Limits

__all__ = ["CLAIM", "Job", "Replayed", "encode", "replay"]


_KINDS = {
    Kind.AXIOM: "axiom",
    Kind.DEFINITION: "definition",
    Kind.THEOREM: "theorem",
    Kind.OPAQUE: "opaque",
}
CLAIM: Final[Name] = ("_verifier", "claim")
"""Under this the kernel is asked whether one statement follows from another by computation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What the kernel is to check."""

    said: Mapping[str, Any]
    """For `sandboxes.lean.jailed.replay`."""
    digest: str
    """SHA-256 of it, by which an answer is known to be the one to this job."""
    items: tuple[Name, ...]
    """The first name of each item."""
    groups: int
    """Groups of constants whose axioms it asks for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What the kernel made of a job."""

    rejected: Mapping[Name, str]
    """Items that it does not take, with its reason; whatever rests on them is not taken either."""
    limit: str
    """What kept it from an answer: "steps", "memory", "recursion", or an ending of the process'
    own, as in `Ran.trouble`. Empty where nothing did."""
    axioms: tuple[frozenset[Name], ...]
    """Axioms of the header below each group of constants."""
    ran: Ran

    @property
    def accepted(self) -> bool:
        """Whether the kernel takes all of it."""
        return not self.rejected and not self.limit


async def replay(runtime: LeanRuntime, job: Job, *, imports: str = "", limits: Limits) -> Replayed:
    """Has the kernel check a job, in a fresh process that has loaded the header.

    Cancelling ends the process before the cancellation comes out.

    Raises:
        HeaderFailed: The header can't be imported.
        SandboxLost: The process ended before it had begun, or its jail was lost.
        ExecutorFault: It did not answer as our own code does.
    """
    ran = await runtime.run(REPLAY, job.said, imports=imports, limits=limits, file=False)
    rejected: dict[Name, str] = {}
    limit = ran.trouble
    axioms: tuple[frozenset[Name], ...] = ()
    for line in ran.lines:
        if "rejected" in line:
            rejected[job.items[line["item"]]] = line["rejected"]
        elif "limit" in line:
            limit = limit or line["limit"]
    if not limit:
        end = ran.lines[-1].get("end", {}) if ran.lines and ran.complete else {}
        if end.get("digest") != job.digest or len(end["axioms"]) != job.groups:
            raise ExecutorFault(f"The kernel's process said something else: {ran.words[:500]}")
        axioms = tuple(frozenset(tuple(name) for name in group) for group in end["axioms"])
    return Replayed(rejected=rejected, limit=limit, axioms=axioms, ran=ran)


def encode(
    *parts: tuple[Module, Closure],
    axioms_of: Sequence[Iterable[Name]] = (),
    claim: tuple[Module, Declaration] | None = None,
    on_header: bool = True,
) -> Job:
    """Writes declarations for the kernel.

    Args:
        parts: What to check, in this order.
        axioms_of: Groups of constants of the header; asks which axioms each group rests on.
        claim: A statement of another module; asks whether the constant of the same name proves it,
            up to computation.
        on_header: Whether the header is believed; otherwise the kernel begins with nothing.

    Raises:
        Unsound: A declaration is unsafe, or nothing that a module may declare.
    """
    tables = _Tables()
    items: list[dict[str, Any]] = []
    names: list[Name] = []
    for module, closure in parts:
        writer = _Writer(tables, module)
        for group in closure.groups:
            items.append(writer.item(group, may_add_quotients=not on_header))
            names.append(group[0].name)
    if claim is not None:
        items.append(_Writer(tables, claim[0]).claim(claim[1]))
        names.append(CLAIM)
    said = {
        "on_header": on_header,
        "axioms_of": [
            [tables.name(name) for name in sorted(group, key=str)] for group in axioms_of
        ],
        "items": items,
        **tables.said(),
    }
    return Job(
        said=said,
        digest=hashlib.sha256(json.dumps(said).encode("ascii")).hexdigest(),
        items=tuple(names),
        groups=len(axioms_of),
    )


class _Tables:
    """Names, universes and expressions of a job, each once."""

    def __init__(self) -> None:
        self._names: dict[Name, int] = {(): 0}
        self._said_names: list[Any] = []
        self.levels: dict[Any, int] = {}
        self.expressions: dict[Any, int] = {}

    def name(self, name: Name) -> int:
        known = self._names
        if name not in known:
            for size in range(1, len(name) + 1):
                if name[:size] not in known:
                    self._said_names.append([known[name[: size - 1]], name[size - 1]])
                    known[name[:size]] = len(known)
        return known[name]

    def said(self) -> dict[str, Any]:
        return {
            "names": self._said_names,
            "levels": list(self.levels),
            "expressions": list(self.expressions),
        }


class _Writer:
    """Writes declarations of a module into tables."""

    def __init__(self, tables: _Tables, module: Module) -> None:
        self._tables = tables
        self._module = module
        self._levels: dict[int, int] = {}
        self._expressions: dict[int, int] = {}

    def item(self, group: Group, *, may_add_quotients: bool) -> dict[str, Any]:
        first = group[0]
        for one in group:
            if one.safety is not Safety.SAFE:
                raise Unsound(one.name, f"is {one.safety.name.lower()}")
        if first.kind is Kind.QUOTIENT and may_add_quotients:
            return {"kind": "quotient"}
        if isinstance(first.details, Inductive):
            return self._inductive(group, first.details.parameters)
        if first.kind not in _KINDS:
            raise Unsound(first.name, "is nothing that a module may declare")
        said = {"kind": _KINDS[first.kind], **self._basics(first)}
        if first.value is not None:
            said["value"] = self._expression(first.value)
        if first.kind is Kind.DEFINITION:
            said["height"] = first.height
        return said

    def claim(self, declaration: Declaration) -> dict[str, Any]:
        """That this statement is proved by whatever the name stands for."""
        levels = tuple(self._parameter(name) for name in declaration.levels)
        proof = (CONSTANT, self._tables.name(declaration.name), levels)
        expressions = self._tables.expressions
        said = {"kind": "theorem", **self._basics(declaration)}
        said["name"] = self._tables.name(CLAIM)
        said["value"] = expressions.setdefault(proof, len(expressions))
        return said

    def _inductive(self, group: Group, parameters: int) -> dict[str, Any]:
        types = []
        by_name = {one.name: one for one in group}
        for one in group:
            if isinstance(one.details, Inductive):
                constructors = [by_name[name] for name in one.details.constructors]
                types.append(
                    {
                        **self._basics(one),
                        "constructors": [
                            [self._tables.name(each.name), self._expression(each.type)]
                            for each in constructors
                        ],
                    }
                )
        return {
            "kind": "inductive",
            "levels": self._names(group[0].levels),
            "parameters": parameters,
            "types": types,
            "said": [{**self._basics(one), **self._details(one)} for one in group],
        }

    def _details(self, declaration: Declaration) -> dict[str, Any]:
        details = declaration.details
        if isinstance(details, Inductive):
            return {
                **dataclasses.asdict(details),
                "kind": "inductive",
                "all": self._names(details.all),
                "constructors": self._names(details.constructors),
            }
        if isinstance(details, Constructor):
            return {
                **dataclasses.asdict(details),
                "kind": "constructor",
                "inductive": self._tables.name(details.inductive),
            }
        assert isinstance(details, Recursor)
        return {
            **dataclasses.asdict(details),
            "kind": "recursor",
            "all": self._names(details.all),
            "rules": [
                [self._tables.name(rule.constructor), rule.fields, self._expression(rule.right)]
                for rule in details.rules
            ],
        }

    def _basics(self, declaration: Declaration) -> dict[str, Any]:
        return {
            "name": self._tables.name(declaration.name),
            "levels": self._names(declaration.levels),
            "type": self._expression(declaration.type),
        }

    def _names(self, names: Iterable[Name]) -> list[int]:
        return [self._tables.name(name) for name in names]

    def _parameter(self, name: Name) -> int:
        levels = self._tables.levels
        return levels.setdefault((PARAMETER, self._tables.name(name)), len(levels))

    def _level(self, root: int) -> int:
        done = self._levels
        if root not in done:
            levels = self._module.levels
            for index in sorted(levels_below(levels, [root])):
                tag, *rest = levels[index]
                if tag == PARAMETER:
                    done[index] = self._parameter(rest[0])
                    continue
                level = (tag, *(done[below] for below in rest))
                done[index] = self._tables.levels.setdefault(level, len(self._tables.levels))
        return done[root]

    def _expression(self, root: int) -> int:
        done = self._expressions
        if root not in done:
            known = self._tables.expressions
            for index in sorted(self._module.reach([root], done)):
                done[index] = known.setdefault(self._node(self._module.nodes[index]), len(known))
        return done[root]

    def _node(self, node: tuple[Any, ...]) -> tuple[Any, ...]:
        tag = node[0]
        if tag == CONSTANT:
            return (tag, self._tables.name(node[1]), tuple([self._level(each) for each in node[2]]))
        if tag == SORT:
            return (tag, self._level(node[1]))
        if tag == NATURAL:
            return (tag, f"{node[1]:x}")
        if tag == PROJECTION:
            return (tag, self._tables.name(node[1]), node[2], self._expressions[node[3]])
        if CHILDREN[tag]:
            return (tag, *[self._expressions[child] for child in node[1:]])
        return node
