"""The second kernel: takes what is right, and nothing that is forged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from sandboxes.lean.certify import DISAGREEMENT, certify
from sandboxes.lean.declarations import Module, Name, Safety
from sandboxes.lean.export import export
from sandboxes.lean.jailed.kernel import Checker
from sandboxes.lean.jailed.kernel_text import Text
from sandboxes.lean.jailed.verdicts import Declined
from sandboxes.lean.kernels import Opinion, second_opinion
from sandboxes.lean.libraries import Library
from sandboxes.lean.olean import read_module
from sandboxes.lean.runtime import LeanRuntime
from tests.lean.audit.conftest import GOAL, Compile
from tests.lean.audit.forge import Build
from tests.lean.audit.test_certify import HONEST
from tests.lean.audit.test_forged import FALSE, FORGED, LIES, Change, prove
from tests.lean.audit.test_forged import HONEST as LIED_ABOUT
from tests.lean.conftest import LIMITS

INIT: Name = ("Init",)


@pytest.fixture(scope="module")
def library(runtime: LeanRuntime) -> Library:
    return Library(runtime.environment.lean_path)


@pytest.mark.parametrize(("specification", "candidate"), HONEST)
async def test_both_kernels_take_an_honest_proof(
    runtime: LeanRuntime, compiled: Compile, library: Library, specification: str, candidate: str
) -> None:
    certificate = await certify(
        runtime,
        read_module(await compiled(specification)),
        await compiled(candidate),
        GOAL,
        library=library,
        limits=LIMITS,
    )
    assert certificate.holds
    assert certificate.replayed_by == ("lean-kernel", "verifier-kernel")


REACHING = [
    each
    for each in FORGED
    if each.values[1] == "kernel-rejected"
    and each.id not in {"circle", "quotient", "constructor-of-false", "recursor-of-nothing"}
]
"""What the audit leaves to kernels."""


@pytest.mark.parametrize(("change", "code"), REACHING)
async def test_a_forgery_is_not_taken(
    runtime: LeanRuntime, compiled: Compile, library: Library, change: Change, code: str
) -> None:
    module = change(Build(read_module(await compiled(FALSE)))).module()
    opinion = await _opinion(runtime, library, module)
    assert opinion.rejected
    assert not opinion.accepted


TOGETHER = {"constructor-left-out", "together-with-others", "constructor-of-another"}


@pytest.mark.parametrize("lie", [each for each in LIES if each.id not in TOGETHER])
async def test_a_lie_about_an_inductive_type_is_found(
    runtime: LeanRuntime, compiled: Compile, library: Library, lie: Change
) -> None:
    module = lie(Build(read_module(await compiled(LIED_ABOUT)))).module()
    assert (await _opinion(runtime, library, module)).rejected


SOUND = {
    "indexed": "inductive Ev : Nat → Prop | zero : Ev 0 | step (n : Nat) : Ev n → Ev (n + 2)",
    "reflexive": "inductive W | leaf | sup (f : Nat → W)",
    "mutual": "mutual\ninductive A | nil | cons (b : B)\ninductive B | mk (a : A)\nend",
    "structure": "structure S (α : Type u) (p : α → Prop) where\n  value : α\n  proof : p value",
    "large": "inductive Same {α : Sort u} (a : α) : α → Prop | refl : Same a a",
    "small": "inductive Some (α : Type) : Prop | mk (a : α)",
    "empty": "inductive No : Prop",
}


@pytest.mark.parametrize("text", SOUND.values(), ids=SOUND.keys())
async def test_inductive_types_are_checked_by_both(
    runtime: LeanRuntime, compiled: Compile, library: Library, text: str
) -> None:
    module = read_module(await compiled(f"universe u\n{text}\n"))
    names = [one.name for one in module.declarations.values() if one.details is not None]
    opinion = await second_opinion(runtime, [*library.below([INIT]), module], names, limits=LIMITS)
    assert opinion.accepted


async def test_what_it_does_not_know_it_declines(
    runtime: LeanRuntime, compiled: Compile, library: Library
) -> None:
    rose = "set_option genSizeOf false\ninductive Rose | node (children : List Rose)\n"
    text = rose + "theorem goal : True := by sorry\n"
    proof = text.replace("by sorry", "by\n  have := Rose.node []\n  trivial")
    certificate = await certify(
        runtime,
        read_module(await compiled(text)),
        await compiled(proof),
        GOAL,
        library=library,
        limits=LIMITS,
    )
    assert certificate.holds
    assert certificate.replayed_by == ("lean-kernel",)


async def test_where_kernels_disagree_nothing_is_certain(
    runtime: LeanRuntime, compiled: Compile, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No candidate is known on which they do: one that the first one takes is exchanged."""
    change = prove(lambda build: build.constant("True", "intro"))
    wrong = change(Build(read_module(await compiled(FALSE)))).module()

    async def of_another(
        runtime: LeanRuntime, modules: Sequence[Module], *rest: Any, **more: Any
    ) -> Opinion:
        return await second_opinion(runtime, [*modules[:-1], wrong], *rest, **more)

    monkeypatch.setattr("sandboxes.lean.certify.second_opinion", of_another)
    text = "theorem goal : True := by sorry\n"
    certificate = await certify(
        runtime,
        read_module(await compiled(text)),
        await compiled("theorem goal : True := trivial\n"),
        GOAL,
        library=library,
        limits=LIMITS,
    )
    assert certificate.findings == ()
    assert certificate.limit == DISAGREEMENT
    assert not certificate.holds


def test_it_takes_the_whole_library(library: Library) -> None:
    modules = library.below([INIT])
    safe = [
        one.name
        for module in modules
        for one in module.declarations.values()
        if one.safety is Safety.SAFE
    ]
    checker = Checker(steps=10_000_000)
    declined = set()
    for kind, constants in Text(export(modules, safe).text).declared:
        try:
            if kind == "quot":
                checker.add(constants[0])
            elif kind == "inductive":
                checker.check_family(constants)
            else:
                checker.check(constants[0])
        except Declined:
            declined.add(constants[0].name)
            for one in constants:
                checker.constants[one.name] = one
    assert declined == {("Lean", "Syntax")}


async def _opinion(runtime: LeanRuntime, library: Library, module: Module) -> Opinion:
    modules = [*library.below([INIT]), module]
    return await second_opinion(runtime, modules, [GOAL], limits=LIMITS)
