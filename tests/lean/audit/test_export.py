"""The text for other kernels, read back by the rules that they read it by."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sandboxes.lean.closures import Closures
from sandboxes.lean.declarations import (
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
    Constructor,
    Declaration,
    Digests,
    Inductive,
    Kind,
    Module,
    Name,
    Recursor,
    Rule,
    Safety,
)
from sandboxes.lean.environments import LeanEnvironment
from sandboxes.lean.export import export
from sandboxes.lean.libraries import Library, MissingModule, replay_library
from sandboxes.lean.olean import read_module
from sandboxes.lean.runtime import LeanRuntime
from tests.lean.audit.conftest import Compile
from tests.lean.conftest import LIMITS

FIELDS = {
    "axiom": {"name", "levelParams", "type", "isUnsafe"},
    "def": {"name", "levelParams", "type", "value", "hints", "safety", "all"},
    "opaque": {"name", "levelParams", "type", "value", "isUnsafe", "all"},
    "thm": {"name", "levelParams", "type", "value", "all"},
    "quot": {"name", "levelParams", "type", "kind"},
    "inductive": {"types", "ctors", "recs"},
    "types": {
        *("name", "levelParams", "type", "numParams", "numIndices", "all", "ctors"),
        *("numNested", "isRec", "isUnsafe", "isReflexive"),
    },
    "ctors": {
        "name",
        "levelParams",
        "type",
        "induct",
        "cidx",
        "numParams",
        "numFields",
        "isUnsafe",
    },
    "recs": {
        *("name", "levelParams", "type", "all", "numParams", "numIndices", "numMotives"),
        *("numMinors", "rules", "k", "isUnsafe"),
    },
}
"""As lean4export's `format_ndjson.md` has them."""


class Reader:
    """Reads lines one by one; nothing may be used before it is there, or be there twice."""

    def __init__(self, text: str) -> None:
        self.names: list[Name] = [()]
        self.levels: list[tuple[Any, ...]] = [(0,)]
        self.nodes: list[tuple[Any, ...]] = []
        self.declarations: dict[Name, Declaration] = {}
        first, *rest = text.splitlines()
        self.meta = json.loads(first)["meta"]
        for line in rest:
            said = json.loads(line)
            assert line == json.dumps(said, separators=(",", ":"))
            self.read(said)

    def read(self, said: dict[str, Any]) -> None:
        if "in" in said:
            ((_, (pre, last)),) = (
                (key, each.values()) for key, each in said.items() if key != "in"
            )
            self.place(self.names, (*self.names[pre], last), said["in"])
        elif "il" in said:
            self.place(self.levels, self.level(said), said["il"])
        elif "ie" in said:
            self.place(self.nodes, self.node(said), said["ie"])
        else:
            ((key, fields),) = said.items()
            assert fields.keys() == FIELDS[key]
            if key == "inductive":
                self.inductive(fields)
            else:
                self.declare(key, fields)

    def place(self, table: list[Any], one: Any, number: int) -> None:
        assert number == len(table)
        assert one not in table[-1000:]
        table.append(one)

    def level(self, said: dict[str, Any]) -> tuple[Any, ...]:
        if "succ" in said:
            return (1, self.earlier(self.levels, said["succ"]))
        if "param" in said:
            return (4, self.names[said["param"]])
        key = "max" if "max" in said else "imax"
        return (2 if key == "max" else 3, *[self.earlier(self.levels, one) for one in said[key]])

    def node(self, said: dict[str, Any]) -> tuple[Any, ...]:
        ((key, one),) = ((key, each) for key, each in said.items() if key != "ie")

        def below(*fields: str) -> list[int]:
            return [self.earlier(self.nodes, one[field]) for field in fields]

        match key:
            case "bvar":
                return (BOUND, one)
            case "sort":
                return (SORT, self.earlier(self.levels, one))
            case "const":
                levels = tuple(self.earlier(self.levels, each) for each in one["us"])
                return (CONSTANT, self.names[one["name"]], levels)
            case "app":
                return (APPLICATION, *below("fn", "arg"))
            case "lam" | "forallE":
                assert one.keys() == {"name", "type", "body", "binderInfo"}
                return (LAMBDA if key == "lam" else PI, *below("type", "body"))
            case "letE":
                assert one.keys() == {"name", "type", "value", "body", "nondep"}
                return (LET, *below("type", "value", "body"))
            case "natVal":
                return (NATURAL, int(one))
            case "strVal":
                return (TEXT, one)
        assert key == "proj"
        return (PROJECTION, self.names[one["typeName"]], one["idx"], *below("struct"))

    def earlier(self, table: list[Any], number: int) -> int:
        assert 0 <= number < len(table)
        return number

    def declare(self, key: str, fields: dict[str, Any]) -> None:
        kind = {"axiom": Kind.AXIOM, "def": Kind.DEFINITION, "opaque": Kind.OPAQUE}.get(key)
        kind = kind or {"thm": Kind.THEOREM, "quot": Kind.QUOTIENT}.get(key)
        assert kind is not None or key == "axiom"
        self.add(Kind.AXIOM if kind is None else kind, fields, value=fields.get("value"))

    def add(self, kind: Kind, fields: dict[str, Any], **more: Any) -> None:
        for one in fields["levelParams"]:
            assert (4, self.names[one]) in self.levels
        declared = Declaration(
            kind=kind,
            name=self.names[fields["name"]],
            levels=tuple(self.names[one] for one in fields["levelParams"]),
            type=self.earlier(self.nodes, fields["type"]),
            safety=Safety.UNSAFE if fields.get("isUnsafe") else Safety.SAFE,
            **more,
        )
        assert declared.name not in self.declarations
        self.declarations[declared.name] = declared

    def inductive(self, fields: dict[str, Any]) -> None:
        for one in fields["types"]:
            assert one.keys() == FIELDS["types"]
            details: Any = Inductive(
                parameters=one["numParams"],
                indices=one["numIndices"],
                all=tuple(self.names[each] for each in one["all"]),
                constructors=tuple(self.names[each] for each in one["ctors"]),
                nested=one["numNested"],
                is_recursive=one["isRec"],
                is_reflexive=one["isReflexive"],
            )
            self.add(Kind.INDUCTIVE, one, details=details)
        for one in fields["ctors"]:
            assert one.keys() == FIELDS["ctors"]
            details = Constructor(
                inductive=self.names[one["induct"]],
                index=one["cidx"],
                parameters=one["numParams"],
                fields=one["numFields"],
            )
            self.add(Kind.CONSTRUCTOR, one, details=details)
        for one in fields["recs"]:
            assert one.keys() == FIELDS["recs"]
            details = Recursor(
                all=tuple(self.names[each] for each in one["all"]),
                parameters=one["numParams"],
                indices=one["numIndices"],
                motives=one["numMotives"],
                minors=one["numMinors"],
                rules=tuple(
                    Rule(
                        constructor=self.names[rule["ctor"]],
                        fields=rule["nfields"],
                        right=self.earlier(self.nodes, rule["rhs"]),
                    )
                    for rule in one["rules"]
                ),
                k=one["k"],
            )
            self.add(Kind.RECURSOR, one, details=details)

    def module(self, like: Module) -> Module:
        return Module(
            version=like.version,
            commit=like.commit,
            imports=(),
            uses_module_system=False,
            levels=tuple(self.levels),
            nodes=tuple(self.nodes),
            declarations=self.declarations,
        )


TEXT_OF_ALL = """
inductive Tree (α : Type) where | leaf | node (l : Tree α) (a : α) (r : Tree α)
theorem Tree.some (t : Tree Nat) : t = t ∨ False := Or.inl rfl
theorem classical (p : Prop) : p ∨ ¬p := Classical.em p
theorem large : (2 : Nat) ^ 70 = 1180591620717411303424 := by decide
theorem text : "ä\\n" = "ä\\n" := rfl
theorem goal : True := by
  have := Tree.some .leaf
  have := classical True
  have := large
  have := text
  trivial
"""


@pytest.fixture(scope="module")
def library() -> Library:
    return Library(LeanEnvironment.core().lean_path)


async def test_what_is_written_is_all_that_a_theorem_rests_on(
    library: Library, compiled: Compile
) -> None:
    module = read_module(await compiled(TEXT_OF_ALL))
    modules = [*library.below(each.module for each in module.imports), module]
    reader = Reader(export(modules, [("goal",)]).text)
    assert reader.meta["format"] == {"version": "3.1.0"}
    again = reader.module(module)
    after = Digests(again)
    for one in again.declarations.values():
        (home,) = (each for each in modules if one.name in each.declarations)
        before = Digests(home).declaration(home.declarations[one.name])
        assert after.declaration(one) == before
    assert Closures(again).of([("goal",)]).outside == frozenset()
    assert {("goal",), ("Tree", "rec"), ("propext",), ("Quot", "lift"), ("String", "ofList")} <= (
        again.declarations.keys()
    )


def test_modules_are_found_with_all_that_they_import(library: Library) -> None:
    modules = library.below([("Init",)])
    names = library.imported([("Init",)])
    assert names[0] == ("Init", "Base")
    assert names[-1] == ("Init",)
    assert len(modules) == len(names) == len(set(names)) == 9
    assert [module.imports for module in modules] == [library.imports_of(name) for name in names]


@pytest.mark.parametrize("name", [("Missing",), ("..", "Init"), ("Init/Base",), ("Init", 0), ("",)])
def test_a_module_that_is_not_there(library: Library, name: Name) -> None:
    with pytest.raises(MissingModule, match="is in none of the library's folders"):
        library.imported([name])


async def test_the_kernel_takes_the_whole_library_from_nothing(
    runtime: LeanRuntime, library: Library
) -> None:
    replayed = await replay_library(runtime, library, [("Init",)], limits=LIMITS)
    assert replayed.rejected == {}
    assert replayed.limit == ""
    assert replayed.accepted
