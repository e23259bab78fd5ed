"""Texts in processes of their own."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest

from sandboxes.lean.messages import Position
from sandboxes.lean.runtime import HeaderFailed, LeanRuntime
from tests.lean.conftest import LIMITS

GOOD = "theorem goal (p q : Prop) (hp : p) (hq : q) : p ∧ q := ⟨hp, hq⟩\n"


async def test_a_proof_is_elaborated_and_its_module_handed_out(runtime: LeanRuntime) -> None:
    made = await runtime.compile((GOOD,), limits=LIMITS, module=True)
    assert made.claims_success
    assert made.messages == ((),)
    assert made.module is not None
    assert made.module.startswith(b"olean")
    assert made.reached == (len(GOOD.encode()),)


async def test_an_error_is_located_in_its_own_part(runtime: LeanRuntime) -> None:
    parts = ("theorem before : True := trivial\n", "\ntheorem goal : (1 : Nat) = 2 := rfl\n")
    made = await runtime.compile(parts, limits=LIMITS, module=True)
    assert not made.claims_success
    assert made.finished
    assert made.module is None
    assert made.messages[0] == ()
    assert {one.start.line for one in made.messages[1]} == {2}
    assert all(one.severity == "error" for one in made.messages[1])


async def test_later_parts_see_what_earlier_ones_open(runtime: LeanRuntime) -> None:
    parts = (
        "namespace Here\ndef two : Nat := 2\nvariable (n : Nat)\n",
        "theorem goal : n + two = two + n := Nat.add_comm _ _\nend Here\n#check @Here.goal\n",
    )
    made = await runtime.compile(parts, limits=LIMITS)
    assert made.claims_success
    (said,) = made.messages[1]
    assert said.text == "Here.goal : ∀ (n : Nat), n + Here.two = Here.two + n"
    assert said.start == Position(3, 0)


async def test_columns_count_code_points(runtime: LeanRuntime) -> None:
    made = await runtime.compile(
        ("theorem \U0001d538 (p\U0001d539 : Prop) : p\U0001d539 := missing\n",), limits=LIMITS
    )
    (said,) = made.messages[0]
    assert said.kind.startswith("lean.unknownIdentifier")
    assert (said.start, said.end) == (Position(1, 30), Position(1, 37))


async def test_texts_never_see_each_other(runtime: LeanRuntime) -> None:
    first = "axiom cheat : False\ninstance : Inhabited Empty := ⟨cheat.elim⟩\n"
    second = "theorem goal : False := cheat\n"
    for _ in range(3):
        made, other = await asyncio.gather(
            runtime.compile((first,), limits=LIMITS), runtime.compile((second,), limits=LIMITS)
        )
        assert made.claims_success
        assert "cheat" in other.messages[0][0].text


async def test_a_header_is_loaded_once_and_kept(runtime: LeanRuntime) -> None:
    made = await runtime.compile((GOOD,), imports="import Init.Logic\n", limits=LIMITS)
    assert made.claims_success


@pytest.mark.parametrize(
    "imports", ["import Missing", "imports Init", "def x := 1", "import Init\n#eval 1", "import"]
)
async def test_a_header_that_can_not_be_loaded_says_why(runtime: LeanRuntime, imports: str) -> None:
    with pytest.raises(HeaderFailed) as raised:
        await runtime.compile((GOOD,), imports=imports, limits=LIMITS)
    assert "Missing" in str(raised.value) or "not a header" in str(raised.value)


async def test_an_endless_tactic_ends_at_its_cpu_limit(runtime: LeanRuntime) -> None:
    endless = "set_option maxHeartbeats 0 in\ntheorem goal : 1 = 2 := by\n  repeat (have := 1)\n"
    parts = ("theorem before : True := by exact trivia\n" + endless,)
    limits = dataclasses.replace(LIMITS, cpu_seconds=1)
    made = await runtime.compile(parts, limits=limits, module=True)
    assert made.ran.trouble == "cpu-time"
    assert not made.finished
    assert made.module is None
    assert [one.start.line for one in made.messages[0]] == [1]
    assert made.reached == (len("theorem before : True := by exact trivia\n"),)
    assert (await runtime.compile((GOOD,), limits=LIMITS)).claims_success


async def test_steps_are_lean_s_own_limit(runtime: LeanRuntime) -> None:
    slow = "theorem goal : 1 = 2 := by\n  repeat (have := 1)\n"
    limits = dataclasses.replace(LIMITS, deterministic_steps=50)
    made = await runtime.compile((slow,), limits=limits)
    assert made.finished
    assert [one.kind for one in made.messages[0]] == ["runtime.maxHeartbeats"]


async def test_deep_recursion_is_nobody_else_s_trouble(runtime: LeanRuntime) -> None:
    deep = (
        "set_option maxRecDepth 100000000 in\ntheorem goal : "
        + "(" * 20_000
        + "True"
        + ")" * 20_000
    )
    made = await runtime.compile((deep,), limits=LIMITS)
    assert not made.claims_success
    assert (await runtime.compile((GOOD,), limits=LIMITS)).claims_success


async def test_a_flood_of_messages_is_ended(runtime: LeanRuntime) -> None:
    flood = "theorem goal : True := by\n" + '  trace "' + "x" * 1_000_000 + '"\n'
    made = await runtime.compile(
        (flood + "  trace_state\n" * 5 + "  trivial\n",) * 1, limits=LIMITS
    )
    assert made.ran.trouble in ("", "output")
    assert (await runtime.compile((GOOD,), limits=LIMITS)).claims_success


async def test_memory_has_a_limit(runtime: LeanRuntime) -> None:
    bomb = """set_option maxRecDepth 1000000
set_option maxHeartbeats 0
def grow : Nat → List Nat → List Nat
  | 0, l => l
  | n + 1, l => grow n (l ++ l)
theorem goal : (grow 40 [1, 2, 3]).length = 0 := by decide +kernel
"""
    limits = dataclasses.replace(LIMITS, memory_bytes=300 << 20)
    made = await runtime.compile((bomb,), limits=limits)
    assert not made.claims_success
    assert made.ran.trouble in ("memory", "cpu-time", "")
    assert (await runtime.compile((GOOD,), limits=LIMITS)).claims_success
