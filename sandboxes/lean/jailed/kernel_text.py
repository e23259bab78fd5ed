"""Declarations as they are read from the text of `sandboxes.lean.export`, for `kernel.py`."""

from __future__ import annotations

import json
from typing import Any

from sandboxes.lean.jailed.levels import ZERO, Level, Name, imax, maximum
from sandboxes.lean.jailed.terms import (
    APPLICATION,
    BOUND,
    CONSTANT,
    LAMBDA,
    LET,
    NATURAL,
    PI,
    PROJECTION,
    SORT,
    TEXT,
    Term,
    head,
    term,
)


class Constant:
    """A declaration that is there."""

    __slots__ = ("details", "height", "kind", "levels", "name", "type", "value")

    def __init__(
        self,
        kind: str,
        name: Name,
        levels: tuple[Name, ...],
        type_: Term,
        value: Term | None = None,
        height: float = -1,
        details: Any = None,
    ) -> None:
        """Takes it as it is."""
        self.kind, self.name, self.levels, self.type = kind, name, levels, type_
        self.value, self.height, self.details = value, height, details


class Text:
    """What a text in the format of lean4export says, line by line."""

    def __init__(self, text: str) -> None:
        """Reads it all."""
        self._names: list[Name] = [()]
        self._levels: list[Level] = [ZERO]
        self._terms: list[Term] = []
        self.declared: list[tuple[str, list[Constant]]] = []
        """Declarations that are made at once, each with what they are."""
        lines = text.split("\n")[1:-1]
        for said in json.loads(f"[{','.join(lines)}]"):  # much faster than line by line
            self._read(said)

    def _read(self, said: dict[str, Any]) -> None:
        if "ie" in said:
            self._terms.append(self._term(said))
        elif "in" in said:
            one = said["str"] if "str" in said else said["num"]
            last = one["str"] if "str" in said else one["i"]
            self._names.append((*self._names[one["pre"]], last))
        elif "il" in said:
            self._levels.append(self._level(said))
        else:
            ((kind, fields),) = said.items()
            made = self._inductive(fields) if kind == "inductive" else [self._plain(kind, fields)]
            self.declared.append((kind, made))

    def _level(self, said: dict[str, Any]) -> Level:
        if "succ" in said:
            return (1, self._levels[said["succ"]])
        if "param" in said:
            return (4, self._names[said["param"]])
        left, right = (self._levels[one] for one in said["max" if "max" in said else "imax"])
        return maximum(left, right) if "max" in said else imax(left, right)

    def _term(self, said: dict[str, Any]) -> Term:
        terms = self._terms
        if "app" in said:
            one = said["app"]
            return term(APPLICATION, terms[one["fn"]], terms[one["arg"]])
        if "const" in said:
            one = said["const"]
            levels = tuple(self._levels[each] for each in one["us"])
            return term(CONSTANT, self._names[one["name"]], levels)
        if "bvar" in said:
            return term(BOUND, said["bvar"])
        if "lam" in said or "forallE" in said:
            tag, one = (LAMBDA, said["lam"]) if "lam" in said else (PI, said["forallE"])
            return term(tag, terms[one["type"]], terms[one["body"]])
        if "sort" in said:
            return term(SORT, self._levels[said["sort"]])
        if "letE" in said:
            one = said["letE"]
            return term(LET, terms[one["type"]], terms[one["value"]], terms[one["body"]])
        if "natVal" in said:
            return term(NATURAL, int(said["natVal"]))
        if "strVal" in said:
            return term(TEXT, said["strVal"])
        one = said["proj"]
        return term(PROJECTION, self._names[one["typeName"]], one["idx"], terms[one["struct"]])

    def _plain(self, kind: str, said: dict[str, Any], /, **details: Any) -> Constant:
        value = said.get("value")
        return Constant(
            kind,
            self._names[said["name"]],
            tuple(self._names[one] for one in said["levelParams"]),
            self._terms[said["type"]],
            None if value is None else self._terms[value],
            _height(said.get("hints")),
            details or None,
        )

    def _inductive(self, fields: dict[str, Any]) -> list[Constant]:
        types = [
            self._plain(
                "inductive",
                one,
                params=one["numParams"],
                indices=one["numIndices"],
                ctors=[self._names[each] for each in one["ctors"]],
                nested=one["numNested"],
                recursive=one["isRec"],
                reflexive=one["isReflexive"],
            )
            for one in fields["types"]
        ]
        constructors = [
            self._plain(
                "constructor",
                one,
                params=one["numParams"],
                fields=one["numFields"],
                index=one["cidx"],
                of=self._names[one["induct"]],
            )
            for one in fields["ctors"]
        ]
        return [*types, *constructors, *map(self._recursor, fields["recs"])]

    def _recursor(self, one: dict[str, Any]) -> Constant:
        rules = {
            self._names[rule["ctor"]]: (rule["nfields"], self._terms[rule["rhs"]])
            for rule in one["rules"]
        }
        major = one["numParams"] + one["numMotives"] + one["numMinors"] + one["numIndices"]
        type_ = self._terms[one["type"]]
        for _ in range(major):
            type_ = type_.b if type_.tag == PI else type_
        of = head(type_.a).a if type_.tag == PI else None
        return self._plain(
            "recursor",
            one,
            params=one["numParams"],
            indices=one["numIndices"],
            motives=one["numMotives"],
            minors=one["numMinors"],
            k=one["k"],
            rules=rules,
            of=of,
        )


def _height(hints: Any) -> float:
    """How eagerly a definition is unfolded."""
    if isinstance(hints, dict):
        return float(hints["regular"])
    return float("inf") if hints == "abbrev" else -1.0
