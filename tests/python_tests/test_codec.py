"""Values that cross, and bytes that must not."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandboxes.python_tests.jailed import calls, literal
from sandboxes.python_tests.jailed.codec import (
    CodecError,
    Decoder,
    Encoder,
    TooLarge,
    Uncarriable,
    pack,
    unpack,
)

scalars: st.SearchStrategy[Any] = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=2**70)
    | st.floats()
    | st.complex_numbers()
    | st.text(st.characters())
    | st.binary()
)
# In a set or as a key, NaN is only equal to itself: what crossed would not be found again.
hashable = st.recursive(
    scalars.filter(lambda value: value == value),
    lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3),
    max_leaves=5,
)
values: st.SearchStrategy[Any] = st.recursive(
    scalars | hashable,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(hashable, inner, max_size=3)
        | st.sets(hashable, max_size=3)
    ),
    max_leaves=12,
)


def refuse(value: object) -> list[Any]:
    raise Uncarriable(type(value).__name__)


def crossed(value: object) -> Any:
    frame = unpack(pack(Encoder(refuse).graph(value))[4:])
    return Decoder(frame["nodes"], {}).value(frame["root"])


def same(a: Any, b: Any) -> bool:
    return type(a) is type(b) and repr(a) == repr(b)


@given(value=values)
def test_every_value_crosses_as_it_is(value: Any) -> None:
    assert same(crossed(value), value) or calls.agree(
        value, crossed(value), tolerance=0, exact=True
    )


@pytest.mark.parametrize("text", ["\ud83d\ude00", "\ud800", "a\udfffb", "\x00", "😀"])
def test_strings_keep_every_code_point(text: str) -> None:
    assert [ord(c) for c in crossed(text)] == [ord(c) for c in text]


def test_shared_parts_and_cycles_survive() -> None:
    inner: list[Any] = [1]
    outer = {"a": inner, "b": (inner, inner)}
    inner.append(outer)

    back = crossed(outer)

    assert back["a"] is back["b"][0] is back["b"][1]
    assert back["a"][1] is back


def test_depth_is_no_recursion() -> None:
    deep: list[Any] = []
    for _ in range(50_000):
        deep = [deep]

    back = crossed(deep)

    depth = 0
    while back:
        (back,) = back
        depth += 1
    assert depth == 50_000


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("x" * (17 << 20), id="string"),
        pytest.param([0] * (17 << 20), id="list"),
        pytest.param(["x" * (1 << 20)] * 17, id="sum"),
    ],
)
def test_what_is_too_large_is_refused_before_it_costs(value: object) -> None:
    with pytest.raises(TooLarge):
        Encoder(refuse).graph(value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=2), inner, max_size=2)
    ),
    max_leaves=10,
)
TAGS = [
    "l",
    "t",
    "d",
    "s",
    "f",
    "I",
    "F",
    "S",
    "b",
    "B",
    "C",
    "r",
    "y",
    "x",
    "n",
    "o",
    "h",
    "k",
    "?",
]
hostile_nodes = st.lists(
    st.tuples(
        st.sampled_from(TAGS), st.lists(json_values | st.integers(-3, 5).map(lambda i: [i]))
    ).map(lambda node: [node[0], *node[1]])
    | json_values,
    max_size=6,
)


@given(nodes=hostile_nodes | json_values, root=json_values | st.integers(-3, 7).map(lambda i: [i]))
def test_hostile_frames_are_refused_or_plain_data(nodes: Any, root: Any) -> None:
    try:
        value = Decoder(nodes, {}).value(root)
    except CodecError:
        return
    json.dumps(repr(value))


@given(data=st.binary(max_size=200))
def test_hostile_bytes_are_no_frame(data: bytes) -> None:
    try:
        frame = unpack(data)
    except CodecError:
        return
    assert isinstance(frame, dict)


@pytest.mark.parametrize("data", [b"[" * 100_000, b"1" * 10_000, b'{"a":NaN}', b"\xff", b"{}x"])
def test_odd_json_is_no_frame(data: bytes) -> None:
    with pytest.raises(CodecError):
        unpack(data)


@given(value=values)
def test_literals_say_every_value(value: Any) -> None:
    try:
        text = literal.dumps(value)
    except ValueError:  # a complex number with a part that JSON can't say
        return
    back = literal.loads(text)
    assert same(back, value) or calls.agree(value, back, tolerance=0, exact=True)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("NaN", id="bare-nan"),
        pytest.param("[" * 100_000, id="deep"),
        pytest.param('{"$tuple": 1}', id="tuple-of-no-array"),
        pytest.param('{"$set": [[1]]}', id="unhashable"),
        pytest.param('{"$eval": "1"}', id="unknown-escape"),
        pytest.param('{"$bytes": "é"}', id="no-base64"),
        pytest.param("1" * 5000, id="long-integer"),
    ],
)
def test_broken_literals_say_what_is_wrong(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        literal.loads(text)


@pytest.mark.parametrize(
    ("expected", "result", "tolerance", "exact", "agrees"),
    [
        pytest.param(1, True, 0, True, False, id="bool-for-int"),
        pytest.param(1, True, 0, False, True, id="bool-equals-int"),
        pytest.param(0.3, 0.1 + 0.2, 0, True, False, id="rounding-exact"),
        pytest.param(0.3, 0.1 + 0.2, 1e-9, True, True, id="rounding-tolerated"),
        pytest.param(10**400, 1e300, 1e-9, False, False, id="huge-int"),
        pytest.param(math.inf, math.inf, 0, True, True, id="infinity"),
        pytest.param(math.inf, 1e308, 0.5, True, False, id="infinity-is-not-near"),
        pytest.param([1, [2]], [1, [2]], 0, True, True, id="nested"),
        pytest.param([1, 2], [1], 0, True, False, id="shorter"),
        pytest.param([1], [1, 2], 0, True, False, id="longer"),
        pytest.param((1,), [1], 0, False, False, id="list-for-tuple"),
        pytest.param({1: 2}, {True: 2}, 0, True, False, id="key-type"),
        pytest.param({"a": 0.1}, {"a": 0.1 + 1e-12}, 1e-9, True, True, id="tolerance-inside"),
        pytest.param({1, 2}, {1, 3}, 0, True, False, id="sets"),
        pytest.param(None, None, 0, True, True, id="none"),
        pytest.param("", None, 0, False, False, id="none-for-text"),
    ],
)
def test_agreement(expected: Any, result: Any, tolerance: float, exact: bool, agrees: bool) -> None:
    assert calls.agree(expected, result, tolerance=tolerance, exact=exact) is agrees
