"""A toolchain's own program in jails gives the facts that the loaded library gives."""

from __future__ import annotations

import asyncio
import dataclasses
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from sandboxes.isolation.sandboxes import Sandboxes
from sandboxes.lean.environments import LeanEnvironment, LeanUnavailable
from sandboxes.lean.messages import Message, Position
from sandboxes.lean.plain import PlainRuntime
from sandboxes.lean.runtime import HeaderFailed, LeanRuntime
from sandboxes.lean.toolchains import find_environments, usable_environments
from tests.lean.conftest import LIMITS
from tests.lean.environments.conftest import LEAN, link, program

GOOD = "theorem goal (p q : Prop) (hp : p) (hq : q) : p ∧ q := ⟨hp, hq⟩\n"


def environment_of(toolchain: Path) -> LeanEnvironment:
    _, environment = usable_environments(find_environments({"x": toolchain}, discover=False))
    return environment


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def plain(toolchain: Path) -> AsyncIterator[PlainRuntime]:
    sandboxes = await Sandboxes.create()
    with tempfile.TemporaryDirectory(dir=Path.home()) as folder:  # jails have a /tmp of their own
        visible = shutil.copytree(toolchain, Path(folder) / "lean", copy_function=link)
        for one in (Path(folder), visible):
            one.chmod(0o755)
        yield await PlainRuntime.create(environment_of(visible), sandboxes)
        await sandboxes.close()


def test_a_lean_in_tmp_is_refused(core: LeanEnvironment) -> None:
    hidden = dataclasses.replace(core, binary=Path("/tmp/x/bin/lean"))

    with pytest.raises(LeanUnavailable, match=r"lean4-core needs /tmp/x/bin/lean, and jails have"):
        hidden.check_visible()


@pytest.mark.parametrize(
    "parts",
    [
        (GOOD,),
        ("def two : Nat := 2\n", GOOD + "#print axioms goal\n"),
        ("theorem before : True := trivial\n", "\ntheorem goal : 1 = 2 := by\n  decide\n"),
        ("variable (n : Nat)", "theorem goal : n + 0 = n := by\n  induction n\n"),
        ("theorem goal : 1 = 2 := by sorry\n", "theorem \U0001d538 (p : Prop) : p := missing"),
        ("", "", "#check Nat\n"),
        ("\n-- nothing\n", "/- at /- all -/ -/\n\n", GOOD, "  \n"),
        ("/-! a command -/\n", "/-- of nothing -/\n"),
    ],
)
async def test_it_says_what_the_library_says(
    plain: PlainRuntime, runtime: LeanRuntime, parts: tuple[str, ...]
) -> None:
    one = await plain.compile(parts, limits=LIMITS, module=True)
    other = await runtime.compile(parts, limits=LIMITS, module=True)

    assert one.claims_success == other.claims_success
    assert one.finished
    assert list(map(comparable, one.messages)) == list(map(comparable, other.messages))
    assert (one.module is None) == (other.module is None)


def comparable(messages: tuple[Message, ...]) -> set[Message]:
    """Messages in no order; numbers of metavariables are nobody's."""
    return {dataclasses.replace(one, text=re.sub(r"\?m\.\d+", "?m", one.text)) for one in messages}


async def test_a_part_that_is_not_complete_is_an_error(plain: PlainRuntime) -> None:
    made = await plain.compile(("theorem goal : (", GOOD), limits=LIMITS, module=True)

    assert made.finished
    assert not made.claims_success
    assert made.module is None


async def test_a_module_is_handed_out(plain: PlainRuntime) -> None:
    made = await plain.compile((GOOD,), limits=LIMITS, module=True)

    assert made.claims_success
    assert made.module is not None
    assert made.module.startswith(b"olean")
    assert made.reached == (len(GOOD.encode()),)


async def test_places_are_those_of_the_part(plain: PlainRuntime) -> None:
    parts = ("def two : Nat := 2\n\n", "theorem goal : two = 3 := by\n  rfl\n")
    made = await plain.compile(parts, imports="import Init\n", limits=LIMITS)

    assert made.messages[0] == ()
    assert {one.start for one in made.messages[1]} == {Position(2, 2)}


async def test_a_header_that_can_not_be_imported_says_why(plain: PlainRuntime) -> None:
    with pytest.raises(HeaderFailed, match="Missing"):
        await plain.compile((GOOD,), imports="import Missing\n", limits=LIMITS)


async def test_an_endless_tactic_ends_at_its_limit(plain: PlainRuntime) -> None:
    endless = "set_option maxHeartbeats 0 in\ntheorem goal : 1 = 2 := by\n  repeat (have := 1)\n"
    made = await plain.compile(
        (endless,), limits=dataclasses.replace(LIMITS, cpu_seconds=1), module=True
    )

    assert made.ran.trouble == "cpu-time"
    assert not made.finished
    assert made.module is None


async def test_steps_are_lean_s_own_limit(plain: PlainRuntime) -> None:
    slow = "theorem goal : 1 = 2 := by\n  repeat (have := 1)\n"
    made = await plain.compile((slow,), limits=dataclasses.replace(LIMITS, deterministic_steps=50))

    assert made.finished
    assert [one.kind for one in made.messages[0]] == ["runtime.maxHeartbeats"]


async def test_a_program_that_is_ended_by_a_signal_has_not_finished(plain: PlainRuntime) -> None:
    deep = "theorem goal : " + "(" * 200_000 + "True" + ")" * 200_000 + " := trivial\n"
    made = await plain.compile((f"set_option maxRecDepth 100000000 in\n{deep}",), limits=LIMITS)

    assert not made.claims_success
    assert (await plain.compile((GOOD,), limits=LIMITS)).claims_success


@pytest.fixture
def odd(toolchain: Path) -> Iterator[Callable[[str], LeanEnvironment]]:
    """Makes toolchains whose program does something else when it is to elaborate a file."""
    with tempfile.TemporaryDirectory(dir=Path.home()) as folder:
        Path(folder).chmod(0o755)
        prefix = shutil.copytree(toolchain, Path(folder) / "lean", copy_function=link)
        prefix.chmod(0o755)
        binary = prefix / "bin" / "lean"

        def made(does: str) -> LeanEnvironment:
            binary.unlink()
            program(binary, LEAN.replace("path = ", f'if "--json" in sys.argv: {does}\npath = '))
            return environment_of(prefix)

        yield made


@pytest.mark.parametrize(
    ("does", "told"),
    [
        pytest.param("sys.exit(1)", "can't compile an empty file in a jail: Exit", id="silent"),
        pytest.param(
            "sys.exit('Help!')", "can't compile an empty file in a jail: Help!", id="words"
        ),
        pytest.param("os.abort()", "signal=6", id="abort"),
        pytest.param("sys.exit()", "in a jail: Exit(code=0", id="no-module"),
        pytest.param(
            "print(os.listdir('/proc'), os.mkdir('/proc/x'))", "Read-only file", id="writes-to-proc"
        ),
        pytest.param(
            "sys.exit(os.readlink(f'/proc/{os.getpid()}/exe'))", "/bin/lean", id="finds-itself"
        ),
        pytest.param("os.unlink(modules + '/Init.olean')", "Read-only file", id="spoils-modules"),
        pytest.param("sys.exit(open('/proc/self/maps'))", "No such file", id="sees-no-process"),
    ],
)
async def test_a_program_that_can_t_elaborate_is_refused(
    odd: Callable[[str], LeanEnvironment], does: str, told: str
) -> None:
    environment, sandboxes = odd(does), await Sandboxes.create()
    try:
        with pytest.raises(LeanUnavailable) as unavailable:
            await PlainRuntime.create(environment, sandboxes)
    finally:
        await sandboxes.close()

    assert told in str(unavailable.value)


async def test_texts_never_see_each_other(plain: PlainRuntime) -> None:
    first, second = "axiom cheat : False\n", "theorem goal : False := cheat\n"
    made, other = await asyncio.gather(
        plain.compile((first,), limits=LIMITS), plain.compile((second,), limits=LIMITS)
    )

    assert made.claims_success
    assert "cheat" in other.messages[0][0].text
