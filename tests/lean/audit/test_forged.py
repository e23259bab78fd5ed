"""Modules that no Lean wrote: what a candidate makes that writes its own module."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from sandboxes.lean.declarations import (
    APPLICATION,
    CONSTANT,
    LAMBDA,
    NATURAL,
    PI,
    PROJECTION,
    SORT,
    Constructor,
    Import,
    Inductive,
    Kind,
    Recursor,
    Safety,
)
from sandboxes.lean.olean import read_module
from tests.lean.audit.conftest import Certify, Compile, codes
from tests.lean.audit.forge import Build, forged
from tests.lean.conftest import LIMITS

FALSE = "theorem goal : False := by sorry\n"
TRUE = "theorem goal : True := by sorry\n"
HONEST = """
inductive Tree where | leaf | node (l r : Tree)
def Tree.size : Tree → Nat | .leaf => 1 | .node l r => l.size + r.size
structure Pair where
  first : Nat
  second : Nat
theorem Pair.same (p : Pair) : p.first = p.first := rfl
theorem helper : (2 : Nat) ^ 70 = 1180591620717411303424 := by decide
theorem text : "ä" = "ä" := rfl
theorem goal : True := by
  have := Pair.same ⟨1, 2⟩
  have := helper
  have := text
  have : Tree.leaf.size = 1 := rfl
  trivial
"""

Change = Callable[[Build], Build]


def prove(value: Callable[[Build], int], statement: str = "False") -> Change:
    """`theorem goal : False`, with this for a proof."""

    def changed(build: Build) -> Build:
        type_ = build.constant(statement)
        return build.declare(Kind.THEOREM, "goal", type=type_, value=value(build))

    return changed


def helped(kind: Kind, *name: str | int, **fields: object) -> Change:
    """`theorem goal : False := helper`, with a helper that says it proves `False`."""

    def changed(build: Build) -> Build:
        values = {"value": build.constant("True", "intro")} if "value" in fields else {}
        build.declare(kind, *name, **{**fields, "type": build.constant("False"), **values})
        return prove(lambda build: build.constant(*name))(build)

    return changed


def circular(build: Build) -> Build:
    build.declare(
        Kind.THEOREM, "helper", type=build.constant("False"), value=build.constant("goal")
    )
    return prove(lambda build: build.constant("helper"))(build)


def negative(build: Build) -> Build:
    """`inductive Bad | mk (f : Bad → False)`, from which `False` follows."""
    bad, false = build.constant("Bad"), build.constant("False")
    type_ = build.node(PI, build.node(PI, bad, false), bad)
    one = build.level(1, 0)
    build.declare(
        Kind.INDUCTIVE,
        "Bad",
        type=build.node(SORT, one),
        details=Inductive(
            parameters=0,
            indices=0,
            all=(("Bad",),),
            constructors=(("Bad", "mk"),),
            nested=0,
            is_recursive=True,
            is_reflexive=True,
        ),
    )
    build.declare(
        Kind.CONSTRUCTOR,
        "Bad",
        "mk",
        type=type_,
        details=Constructor(inductive=("Bad",), index=0, parameters=0, fields=1),
    )
    return prove(lambda build: build.node(PROJECTION, ("Bad",), 0, build.constant("Bad", "mk")))(
        build
    )


def constructor_of_false(build: Build) -> Build:
    details = Constructor(inductive=("False",), index=0, parameters=0, fields=0)
    build.declare(Kind.CONSTRUCTOR, "False", "mk", type=build.constant("False"), details=details)
    return prove(lambda build: build.constant("False", "mk"))(build)


def recursor_alone(build: Build) -> Build:
    details = Recursor(
        all=(("False",),), parameters=0, indices=0, motives=0, minors=0, rules=(), k=False
    )
    build.declare(Kind.RECURSOR, "False", "more", type=build.constant("False"), details=details)
    return prove(lambda build: build.constant("False", "more"))(build)


FORGED = [
    pytest.param(prove(lambda b: b.constant("True", "intro")), "kernel-rejected", id="wrong-type"),
    pytest.param(prove(lambda b: b.constant("goal")), "kernel-rejected", id="proves-itself"),
    pytest.param(circular, "kernel-rejected", id="circle"),
    pytest.param(prove(lambda b: b.constant("missing")), "kernel-rejected", id="unknown-constant"),
    pytest.param(
        helped(Kind.THEOREM, "helper", value=None), "kernel-rejected", id="theorem-of-wrong-type"
    ),
    pytest.param(
        helped(Kind.OPAQUE, "helper", value=None), "kernel-rejected", id="opaque-of-wrong-type"
    ),
    pytest.param(
        helped(Kind.DEFINITION, "helper", value=None),
        "kernel-rejected",
        id="definition-of-wrong-type",
    ),
    pytest.param(
        helped(Kind.THEOREM, "True", "intro", value=None),
        "kernel-rejected",
        id="constant-of-the-header-replaced",
    ),
    pytest.param(helped(Kind.AXIOM, "propext"), "disallowed-axiom", id="axiom-replaced"),
    pytest.param(helped(Kind.AXIOM, "Quot.sound"), "disallowed-axiom", id="dots-within-a-part"),
    pytest.param(helped(Kind.AXIOM, "propext", 0), "disallowed-axiom", id="number-after-a-name"),
    pytest.param(helped(Kind.AXIOM, "propext\n"), "disallowed-axiom", id="line-end-in-a-name"),
    pytest.param(helped(Kind.AXIOM, "propext\0"), "disallowed-axiom", id="nul-in-a-name"),
    pytest.param(helped(Kind.AXIOM, "", "propext"), "disallowed-axiom", id="empty-part"),
    pytest.param(
        helped(Kind.AXIOM, "_private", "Init", 0, "propext"), "disallowed-axiom", id="private-axiom"
    ),
    pytest.param(
        helped(Kind.AXIOM, "goal", "_native", "native_decide", "ax_1"),
        "disallowed-axiom",
        id="axiom-of-native-decide",
    ),
    pytest.param(
        helped(Kind.OPAQUE, "helper", value=None, safety=Safety.UNSAFE),
        "unsafe-declaration",
        id="unsafe-opaque",
    ),
    pytest.param(
        helped(Kind.DEFINITION, "helper", value=None, safety=Safety.PARTIAL),
        "unsafe-declaration",
        id="partial-definition",
    ),
    pytest.param(
        helped(Kind.AXIOM, "helper", safety=Safety.UNSAFE), "disallowed-axiom", id="unsafe-axiom"
    ),
    pytest.param(helped(Kind.QUOTIENT, "Quot", "wrong"), "kernel-rejected", id="quotient"),
    pytest.param(negative, "kernel-rejected", id="negative-inductive"),
    pytest.param(constructor_of_false, "kernel-rejected", id="constructor-of-false"),
    pytest.param(recursor_alone, "kernel-rejected", id="recursor-of-nothing"),
    pytest.param(
        prove(lambda b: b.node(PROJECTION, ("True",), 0, b.constant("True", "intro"))),
        "kernel-rejected",
        id="projection-of-nothing",
    ),
    pytest.param(
        prove(lambda b: b.node(APPLICATION, b.node(NATURAL, 2), b.node(NATURAL, 2))),
        "kernel-rejected",
        id="application-of-a-number",
    ),
    pytest.param(
        lambda b: b.declare(
            Kind.THEOREM,
            "goal",
            "x",
            type=b.constant("True"),
            value=b.constant("True", "intro"),
        ).remove("goal"),
        "missing-declaration",
        id="name-that-goes-on",
    ),
]


@pytest.mark.parametrize(("change", "code"), FORGED)
async def test_a_forged_module_proves_nothing(
    certified: Certify, compiled: Compile, change: Change, code: str
) -> None:
    module = change(Build(read_module(await compiled(FALSE)))).module()
    certificate = await certified(FALSE, forged(module))
    assert code in codes(certificate)
    assert not certificate.holds
    assert certificate.replayed_by == ()


def _tree(build: Build, **changes: object) -> Build:
    details = build.module().declarations["Tree",].details
    assert isinstance(details, Inductive)
    return build.change("Tree", details=dataclasses.replace(details, **changes))  # type: ignore[arg-type]


def _recursor(build: Build, **changes: object) -> Build:
    details = build.module().declarations["Tree", "rec"].details
    assert isinstance(details, Recursor)
    return build.change("Tree", "rec", details=dataclasses.replace(details, **changes))  # type: ignore[arg-type]


def _constructor(build: Build, **changes: object) -> Build:
    details = build.module().declarations["Tree", "node"].details
    assert isinstance(details, Constructor)
    return build.change("Tree", "node", details=dataclasses.replace(details, **changes))  # type: ignore[arg-type]


def _rules_swapped(build: Build) -> Build:
    details = build.module().declarations["Tree", "rec"].details
    assert isinstance(details, Recursor)
    leaf, node = details.rules
    return _recursor(build, rules=(dataclasses.replace(leaf, right=node.right), node))


LIES = [
    pytest.param(lambda b: _tree(b, parameters=1), id="parameters"),
    pytest.param(lambda b: _tree(b, indices=1), id="indices"),
    pytest.param(lambda b: _tree(b, nested=1), id="nested"),
    pytest.param(lambda b: _tree(b, is_recursive=False), id="not-recursive"),
    pytest.param(lambda b: _tree(b, is_reflexive=True), id="reflexive"),
    pytest.param(lambda b: _tree(b, constructors=(("Tree", "leaf"),)), id="constructor-left-out"),
    pytest.param(lambda b: _tree(b, all=(("Pair",), ("Tree",))), id="together-with-others"),
    pytest.param(lambda b: _constructor(b, index=0), id="index-of-a-constructor"),
    pytest.param(lambda b: _constructor(b, fields=1), id="fields-of-a-constructor"),
    pytest.param(lambda b: _constructor(b, inductive=("Pair",)), id="constructor-of-another"),
    pytest.param(
        lambda b: b.change("Tree", "leaf", type=b.constant("Nat")), id="type-of-a-constructor"
    ),
    pytest.param(lambda b: _recursor(b, k=True), id="k"),
    pytest.param(lambda b: _recursor(b, minors=1), id="minors"),
    pytest.param(lambda b: _recursor(b, rules=()), id="rules-left-out"),
    pytest.param(_rules_swapped, id="rules-swapped"),
    pytest.param(
        lambda b: b.change("Tree", "rec", type=b.constant("False")), id="type-of-the-recursor"
    ),
    pytest.param(lambda b: b.change("Tree", "rec", levels=()), id="universes-of-the-recursor"),
]


@pytest.mark.parametrize("lie", LIES)
async def test_what_the_kernel_makes_of_a_type_is_what_the_module_says(
    certified: Certify, compiled: Compile, lie: Change
) -> None:
    module = lie(Build(read_module(await compiled(HONEST)))).module()
    certificate = await certified(TRUE, forged(module))
    assert codes(certificate) == ["kernel-rejected"]


@pytest.mark.parametrize("figures", [0, 1, 0x5555555555555555, (1 << 64) - 1])
async def test_figures_beside_objects_mean_nothing(
    certified: Certify, compiled: Compile, figures: int
) -> None:
    module = read_module(await compiled(HONEST))
    assert (await certified(TRUE, forged(module, figures=figures))).holds


@pytest.mark.parametrize(
    "imports",
    [
        pytest.param((), id="none"),
        pytest.param((Import(module=("Init", "Base")),), id="others"),
        pytest.param((Import(module=("Init",)), Import(module=("Cheat",))), id="more"),
    ],
)
async def test_imports_are_those_of_the_problem(
    certified: Certify, compiled: Compile, imports: tuple[Import, ...]
) -> None:
    module = dataclasses.replace(read_module(await compiled(HONEST)), imports=imports)
    assert codes(await certified(TRUE, forged(module))) == ["import-mismatch"]


async def test_a_module_that_keeps_proofs_back_is_refused(
    certified: Certify, compiled: Compile
) -> None:
    module = dataclasses.replace(read_module(await compiled(HONEST)), uses_module_system=True)
    assert codes(await certified(TRUE, forged(module))) == ["import-mismatch"]


async def test_a_claim_can_not_be_made_by_the_candidate(
    certified: Certify, compiled: Compile
) -> None:
    build = Build(read_module(await compiled(TRUE)))
    type_, proof = build.constant("True"), build.constant("True", "intro")
    build.declare(Kind.THEOREM, "_verifier", "claim", type=type_, value=proof)
    build.declare(Kind.THEOREM, "goal", type=type_, value=build.constant("_verifier", "claim"))
    certificate = await certified(FALSE, forged(build.module()), by_computation=True)
    assert codes(certificate) == ["statement-mismatch"]


async def test_a_proof_too_deep_for_the_kernel_is_no_rejection(
    certified: Certify, compiled: Compile
) -> None:
    build = Build(read_module(await compiled(TRUE)))
    value = build.constant("True", "intro")
    identity = build.node(LAMBDA, build.constant("True"), build.node(0, 0))
    for _ in range(200_000):
        value = build.node(APPLICATION, identity, value)
    build.declare(Kind.THEOREM, "goal", type=build.constant("True"), value=value)
    certificate = await certified(TRUE, forged(build.module()))
    assert certificate.findings == ()
    assert certificate.limit in {"recursion", "crashed"}
    assert not certificate.holds


async def test_a_proof_that_is_large_only_when_written_out_is_read_at_once(
    certified: Certify, compiled: Compile
) -> None:
    build = Build(read_module(await compiled(TRUE)))
    both = build.constant("And")
    true = build.constant("True")
    type_, value = true, build.constant("True", "intro")
    for _ in range(100):
        pair = build.node(
            APPLICATION, build.node(APPLICATION, build.constant("And", "intro"), type_), type_
        )
        value = build.node(APPLICATION, build.node(APPLICATION, pair, value), value)
        type_ = build.node(APPLICATION, build.node(APPLICATION, both, type_), type_)
    build.declare(Kind.THEOREM, "helper", type=type_, value=value)
    body = build.node(LAMBDA, type_, build.constant("True", "intro"))
    proof = build.node(APPLICATION, body, build.constant("helper"))
    build.declare(Kind.THEOREM, "goal", type=true, value=proof)
    assert (await certified(TRUE, forged(build.module()))).holds


SLOW = """
def iterate (f : Nat → Nat) : Nat → Nat → Nat
  | 0, n => n
  | m + 1, n => f (iterate f m n)
def ackermann : Nat → Nat → Nat
  | 0 => fun n => n + 1
  | m + 1 => fun n => iterate (ackermann m) (n + 1) 1
theorem helper : ackermann 3 12 = 32765 := by sorry
theorem goal : True := by
  have := helper
  trivial
"""


async def test_a_proof_too_long_for_the_kernel_is_no_rejection(
    certified: Certify, compiled: Compile
) -> None:
    build = Build(read_module(await compiled(SLOW)))
    module = build.module()
    function, _ = module.nodes[module.declarations["helper",].type][1:]
    function, left = module.nodes[function][1:]
    (_, name, levels), nat = (module.nodes[each] for each in module.nodes[function][1:])
    refl = build.node(CONSTANT, (*name, "refl"), levels)
    proof = build.node(APPLICATION, build.node(APPLICATION, refl, build.node(*nat)), left)
    build.change("helper", value=proof)
    limits = dataclasses.replace(LIMITS, cpu_seconds=1)
    certificate = await certified(TRUE, forged(build.module()), limits=limits)
    assert certificate.findings == ()
    assert certificate.limit in {"cpu-time", "recursion", "crashed", "memory"}
    assert not certificate.holds
