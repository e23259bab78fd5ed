"""Inputs made from inputs: of the same types, always the same, and none of them a seed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients import decode_value, encode_value, python_calls, python_stdio, python_tests
from proposer.estimation.inputs import generated, mutated, new_inputs, seeds_of
from verifier_service.model import PythonTests, VerificationSpec

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
    | st.binary(max_size=5)
    | st.complex_numbers(allow_nan=False)
)
HASHABLE = st.recursive(SCALARS, lambda inner: st.tuples(inner, inner), max_leaves=4)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=3) | st.just("$set"), inner, max_size=3)
        | st.dictionaries(HASHABLE, inner, max_size=3)
        | st.sets(HASHABLE, max_size=3)
        | st.frozensets(HASHABLE, max_size=3)
    ),
    max_leaves=12,
)


@given(VALUES)
def test_what_is_encoded_is_decoded_again(value: Any) -> None:
    again = decode_value(encode_value(value))

    assert type(again) is type(value)
    assert again == value


@pytest.mark.parametrize("value", [True, 1, 1.0, float("nan"), [True, (1, 1.0)], {"$set": [1]}])
def test_values_that_look_alike_stay_apart(value: Any) -> None:
    assert repr(decode_value(encode_value(value))) == repr(value)


@pytest.mark.parametrize(
    "text", ["{", "NaN", '{"$set": 1}', '{"$new": []}', '{"$set": [[]]}', "[" * 100_000]
)
def test_what_is_no_value_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        decode_value(text)


def criterion_of(spec: VerificationSpec) -> PythonTests:
    assert isinstance(spec.problem.criterion, PythonTests)
    return spec.problem.criterion


@pytest.mark.parametrize(
    ("spec", "function", "seeds"),
    [
        pytest.param(
            python_calls("", "f", [((1, "a"), 0), ((1, "a"), 0), (({1, 2}, ()), 0)]),
            "f",
            [[1, "a"], [{1, 2}, ()]],
            id="cases",
        ),
        pytest.param(
            python_tests(
                "",
                tests="def check(candidate):\n"
                "    assert candidate([1, 2], 'x') == 3\n"
                "    assert abs(candidate([], '') - 1.0) < 1e-6\n"
                "    assert candidate(list(range(3)), 'y') == 1\n",
                entry_point="f",
            ),
            "f",
            [[[1, 2], "x"], [[], ""]],
            id="check",
        ),
        pytest.param(
            python_tests("", tests="assert f(1) == f(2)\nassert g(3)", entry_point="f"),
            "f",
            [[1], [2]],
            id="asserts",
        ),
        pytest.param(python_tests("", tests="assert f(1"), "", [], id="no-python"),
        pytest.param(python_stdio("", [("1", "2")]), "", [], id="program"),
    ],
)
def test_seeds_are_the_calls_that_tests_make(
    spec: VerificationSpec, function: str, seeds: list[Any]
) -> None:
    assert seeds_of(criterion_of(spec)) == (function, seeds)


SEEDS: list[list[Any]] = [
    [[1, 2, 3], "abc", {"a": 1.5}],
    [[], "", {}],
    [[-4], "é", {"b": -2.0, "c": 0.0}],
]


def types(value: Any) -> Any:
    """The types of a value, all the way down, however many parts there are."""
    if isinstance(value, dict):
        return dict, frozenset(types(pair) for pair in value.items())
    if isinstance(value, list | tuple):
        return type(value), frozenset(map(types, value))
    return type(value)


@pytest.mark.parametrize("make", [mutated, generated])
def test_new_inputs_are_of_the_seeds_types(make: Any) -> None:
    made = make(SEEDS, 100)

    assert len(made) > 50
    for numbers, text, table in made:
        assert types(numbers) in (types([1]), types([]))
        assert type(text) is str
        assert types(table) in (types({"a": 1.0}), types({}))


def test_new_inputs_are_different_and_none_is_a_seed() -> None:
    made = [repr(one) for one in new_inputs(SEEDS, 200)]

    assert len(made) == len(set(made)) == 200
    assert not set(made) & set(map(repr, SEEDS))


def test_the_same_seeds_give_the_same_inputs_and_stay_as_they_are() -> None:
    before = repr(SEEDS)

    assert new_inputs(SEEDS, 50) == new_inputs(SEEDS, 50)
    assert new_inputs(SEEDS, 50) != new_inputs(SEEDS, 50, seed=1)
    assert repr(SEEDS) == before


@pytest.mark.parametrize(
    "seeds",
    [
        pytest.param([], id="none"),
        pytest.param([[]], id="no-arguments"),
        pytest.param([[1], [1, 2]], id="different-counts"),
        pytest.param([[None], [b"x"], [object]], id="types-without-a-strategy"),
        pytest.param([[float("nan")], [float("inf")]], id="no-finite-number"),
        pytest.param([[set()], [{}], [[]]], id="empty-containers"),
        pytest.param([[{(1, 2), (3, 4)}], [frozenset({"a"})]], id="sets"),
    ],
)
def test_odd_seeds_break_nothing(seeds: list[list[Any]]) -> None:
    assert len(new_inputs(seeds, 20)) <= 20
