"""The reader of compiled modules: bytes of real ones, and of such that were tampered with."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandboxes.lean.declarations import (
    NATURAL,
    Digests,
    Kind,
    Safety,
    display,
    parse_name,
)
from sandboxes.lean.environments import LeanEnvironment
from sandboxes.lean.olean import (
    LargeModule,
    MalformedModule,
    ModuleError,
    UnknownLayout,
    read_module,
)
from tests.lean.audit.conftest import Compile
from tests.lean.audit.forge import BASE, Build, forged

TEXT = """
inductive Tree (α : Type) where | leaf | node (l : Tree α) (a : α) (r : Tree α)
def Tree.size {α : Type} : Tree α → Nat | .leaf => 0 | .node l _ r => l.size + 1 + r.size
structure Pair (α β : Type) where
  first : α
  second : β
theorem Pair.same.{u} (α : Sort u) (a : α) : a = a := rfl
axiom given : ∀ n : Nat, n = n
opaque hidden : Nat := 3
abbrev short : Nat := 18446744073709551616
unsafe def loop : Nat := loop
theorem text : "ä\\n" = "ä\\n" := rfl
theorem goal (p : Pair Nat Nat) : (let x := p.first; x) = p.first := by
  have h : 340282366920938463463374607431768211456 = 340282366920938463463374607431768211456 := rfl
  rfl
"""


@pytest_asyncio.fixture(loop_scope="session")
async def module(compiled: Compile) -> bytes:
    return await compiled(TEXT)


def core_modules() -> Iterator[Path]:
    for folder in LeanEnvironment.core().lean_path:
        yield from sorted(folder.rglob("*.olean"))


async def test_a_module_says_what_it_declares(module: bytes) -> None:
    read = read_module(module)
    declared = read.declarations
    kinds = {display(name): one.kind for name, one in declared.items()}
    assert read.version == "4.35.0"
    assert {each.module for each in read.imports} == {("Init",)}
    assert not read.uses_module_system
    assert kinds["goal"] is Kind.THEOREM
    assert kinds["given"] is Kind.AXIOM
    assert kinds["hidden"] is Kind.OPAQUE
    assert kinds["short"] is Kind.DEFINITION
    assert kinds["Tree"] is Kind.INDUCTIVE
    assert kinds["Tree.node"] is Kind.CONSTRUCTOR
    assert kinds["Tree.rec"] is Kind.RECURSOR
    assert declared["loop",].safety is Safety.UNSAFE
    assert declared["Pair", "same"].levels == (("u",),)
    assert (NATURAL, 1 << 128) in read.nodes
    assert (NATURAL, 1 << 64) in read.nodes


@pytest.mark.parametrize("path", list(core_modules()), ids=lambda path: path.stem)
def test_what_is_read_is_all_there_is(path: Path) -> None:
    read = read_module(path.read_bytes())
    again = read_module(forged(read))
    assert again.imports == read.imports
    assert list(again.declarations) == list(read.declarations)
    before, after = Digests(read), Digests(again)
    for one, other in zip(read.declarations.values(), again.declarations.values(), strict=True):
        assert before.declaration(one) == after.declaration(other)
        assert one.height == other.height


def _patched(module: bytes, at: int, form: str, value: int) -> bytes:
    data = bytearray(module)
    struct.pack_into(form, data, at, value)
    return bytes(data)


def _with_number(module: bytes, limbs: tuple[int, ...], size: int | None = None) -> bytes:
    """A module whose number of two limbs is written in another way."""
    begin = module.index(struct.pack("<iiQ", 3, 3, 0)[:8]) - 8
    data = bytearray(module)
    struct.pack_into(f"<{len(limbs)}Q", data, begin + 24, *limbs)
    if size is not None:
        struct.pack_into("<i", data, begin + 12, size)
    return bytes(data)


@pytest.mark.parametrize(
    ("limbs", "size"),
    [
        pytest.param((1, 0, 0), None, id="zeros-in-front"),
        pytest.param((5,), 1, id="small-enough-for-a-pointer"),
        pytest.param((1 << 63,), -1, id="negative"),
        pytest.param((1,), 0, id="no-limbs"),
        pytest.param((1,), 1 << 30, id="longer-than-the-file"),
    ],
)
async def test_a_number_has_one_form(module: bytes, limbs: tuple[int, ...], size: int) -> None:
    with pytest.raises(MalformedModule, match=r"not in its form|cut off"):
        read_module(_with_number(module, limbs, size))


async def test_a_number_elsewhere_is_refused(module: bytes) -> None:
    begin = module.index(struct.pack("<iiQ", 3, 3, 0)[:8])
    with pytest.raises(MalformedModule, match="a number is not in its form"):
        read_module(_patched(module, begin + 8, "<Q", BASE))


@pytest.mark.parametrize(
    ("at", "form", "value"),
    [
        pytest.param(0, "<B", 0, id="marker"),
        pytest.param(80, "<Q", 1, id="base-not-aligned"),
        pytest.param(80, "<Q", 0, id="base-elsewhere"),
        pytest.param(88, "<Q", 0, id="root-before-the-file"),
        pytest.param(88, "<Q", (1 << 64) - 8, id="root-behind-the-file"),
        pytest.param(88, "<Q", 1, id="root-no-pointer"),
    ],
)
async def test_a_header_that_is_wrong(module: bytes, at: int, form: str, value: int) -> None:
    with pytest.raises(MalformedModule):
        read_module(_patched(module, at, form, value))


@pytest.mark.parametrize(
    ("at", "form", "value"),
    [
        pytest.param(5, "<B", 1, id="format"),
        pytest.param(6, "<B", 0, id="numbers-of-another-library"),
        pytest.param(9, "<B", ord("4"), id="version"),
    ],
)
async def test_the_layout_of_another_lean_is_not_guessed(
    module: bytes, at: int, form: str, value: int
) -> None:
    with pytest.raises(UnknownLayout, match=r"4\.35\.0"):
        read_module(_patched(module, at, form, value))


@pytest.mark.parametrize("size", [0, 1, 87, 95, 96, 200])
async def test_a_file_that_is_cut_off(module: bytes, size: int) -> None:
    with pytest.raises(MalformedModule):
        read_module(module[:size])


async def test_a_file_that_is_too_large(module: bytes) -> None:
    with pytest.raises(LargeModule, match="bytes"):
        read_module(module, maximum_bytes=len(module) - 1)


async def test_variables_need_binders(module: bytes) -> None:
    build = Build(read_module(module))
    build.declare(Kind.AXIOM, "open", type=build.node(0, 0))
    with pytest.raises(MalformedModule, match="no binder"):
        read_module(forged(build.module()))


@pytest.mark.parametrize("tag", [1, 2])
async def test_variables_of_proofs_under_way_are_refused(module: bytes, tag: int) -> None:
    """Free variables and metavariables: no kernel looks for them everywhere."""
    build = Build(read_module(module))
    build.declare(Kind.AXIOM, "open", type=build.constant("Hole"))
    data = forged(build.module())
    name = data.index(b"Hole\0")
    constant = struct.pack("<iHBB", 0, 32, 2, 4)
    at = data.index(constant, name)
    changed = data[:at] + struct.pack("<iHBB", 0, 24, 1, tag) + data[at + 8 :]
    with pytest.raises(MalformedModule):
        read_module(changed)


async def test_a_name_is_declared_once(module: bytes) -> None:
    build = Build(read_module(module))
    build.declare(Kind.AXIOM, "first", type=build.constant("True"))
    build.declare(Kind.AXIOM, "third", type=build.constant("True"))
    data = forged(build.module())
    with pytest.raises(MalformedModule, match="twice"):
        read_module(data.replace(b"third\0", b"first\0"))


async def test_pointers_lead_backwards(module: bytes) -> None:
    read = read_module(module)
    data = forged(read)
    application = struct.pack("<iHBB", 0, 32, 2, 5)
    at = data.rindex(application)
    for target in (at, at + 8, at + 4, len(data), len(data) - 8):
        with pytest.raises(MalformedModule, match="leads nowhere"):
            read_module(_patched(data, at + 8, "<Q", BASE + target))


async def test_a_name_of_very_many_parts_is_refused(module: bytes) -> None:
    """Its beginnings together are longer than the file by far."""
    build = Build(read_module(module))
    build.declare(Kind.AXIOM, *["n"] * 5_000, type=build.constant("True"))
    with pytest.raises(MalformedModule, match="entangled"):
        read_module(forged(build.module()))


@pytest.fixture(scope="module")
def sample() -> bytes:
    """A module that is nothing but what is read of it."""
    path = next(path for path in core_modules() if path.stem == "Nat")
    return forged(read_module(path.read_bytes()))


class TestTamperedWith:
    """Whatever is done to a module, reading it ends with what it declares or with an error."""

    @settings(
        max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(data=st.data())
    def test_bytes_changed(self, sample: bytes, data: st.DataObject) -> None:
        changed = bytearray(sample)
        for _ in range(data.draw(st.integers(1, 8))):
            at = data.draw(st.integers(0, len(sample) - 1))
            changed[at] = data.draw(st.integers(0, 255))
        self._read(bytes(changed))

    @settings(
        max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(data=st.data())
    def test_words_changed(self, sample: bytes, data: st.DataObject) -> None:
        words = list(struct.unpack(f"<{len(sample) // 8}Q", sample))
        for _ in range(data.draw(st.integers(1, 4))):
            at = data.draw(st.integers(10, len(words) - 1))
            words[at] = data.draw(
                st.one_of(
                    st.integers(0, len(words)).map(lambda word: BASE + 8 * word),
                    st.sampled_from(words),
                    st.integers(0, (1 << 64) - 1),
                )
            )
        self._read(struct.pack(f"<{len(words)}Q", *words))

    @settings(
        max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(size=st.integers(0, 1 << 18))
    def test_cut_off(self, sample: bytes, size: int) -> None:
        self._read(sample[:size])

    def _read(self, data: bytes) -> None:
        with contextlib.suppress(ModuleError):
            read = read_module(data)
            assert all(display(name) for name in read.declarations)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Nat.add_comm", ("Nat", "add_comm")),
        ("goal", ("goal",)),
        ("«a b».c", ("a b", "c")),
        ("x.«1»", ("x", "1")),
        ("h'.₁", ("h'", "₁")),
    ],
)
def test_names_are_read_by_their_parts(text: str, name: tuple[str, ...]) -> None:
    assert parse_name(text) == name


@pytest.mark.parametrize("text", ["", ".", "a.", ".a", "a..b", "a b", "1", "a.1", "«a", "«»"])
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="full name"):
        parse_name(text)


def test_names_are_shown_without_doubt() -> None:
    names = [("a", "b"), ("a.b",), ("a\nb",), ("a", "1"), ("a", 1), ("«a",), ("",), ()]
    assert len({display(name) for name in names}) == len(names)
    assert all(display(name).isprintable() for name in names)
    assert len(display(("n" * 1000, *"n" * 1000))) <= 201
