"""The checker of propositional refutations."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pysat.solvers import Glucose4

from sandboxes.logic.rup import TooMuchWork, refutation
from tests.logic.generated import examples

LITERALS = st.integers(1, 5).flatmap(lambda number: st.sampled_from([number, -number]))
CLAUSES = st.lists(LITERALS, min_size=1, max_size=3)


def satisfiable(clauses: Sequence[Sequence[int]]) -> bool:
    return any(
        all(any((literal > 0) is values[abs(literal) - 1] for literal in one) for one in clauses)
        for values in product([False, True], repeat=5)
    )


@pytest.mark.parametrize(
    ("clauses", "steps", "is_refuted"),
    [
        pytest.param([], [], False, id="nothing"),
        pytest.param([[]], [], True, id="empty-clause"),
        pytest.param([[1], [-1]], [], True, id="units"),
        pytest.param([[1, 1]], [], False, id="repeated-literal"),
        pytest.param([[1, -1]], [[1]], False, id="tautology-shows-nothing"),
        pytest.param([[1, 2], [-1, 2], [1, -2], [-1, -2]], [], False, id="needs-a-step"),
        pytest.param([[1, 2], [-1, 2], [1, -2], [-1, -2]], [[2]], True, id="has-its-step"),
        pytest.param([[1, 2], [-1, 2], [1, -2], [-1, -2]], [[2], [7]], True, id="more-than-needed"),
        pytest.param([[1, 2], [-1, 2]], [[1], [-1]], False, id="step-that-does-not-follow"),
        pytest.param([[1, 2]], [[]], False, id="claimed-contradiction"),
        pytest.param([[1, 2]], [[3, -3]], False, id="valid-step-to-nowhere"),
    ],
)
def test_refutations(clauses: list[list[int]], steps: list[list[int]], is_refuted: bool) -> None:
    assert (refutation(clauses, steps) is not None) is is_refuted


@examples(1000)
@given(st.lists(CLAUSES, max_size=30), st.lists(st.lists(LITERALS, max_size=3), max_size=4))
def test_no_steps_refute_what_can_hold(clauses: list[list[int]], steps: list[list[int]]) -> None:
    if refutation(clauses, steps) is not None:
        assert not satisfiable(clauses)


@examples(1000)
@given(st.lists(CLAUSES, min_size=10, max_size=40))
def test_what_a_solver_learns_is_a_refutation_and_so_is_what_it_used(
    clauses: list[list[int]],
) -> None:
    with Glucose4(bootstrap_with=clauses, with_proof=True) as solver:
        if solver.solve():
            return
        lines = [line.split() for line in solver.get_proof() if not line.startswith("d")]
    steps = [[int(part) for part in line[:-1]] for line in lines]
    found = refutation(clauses, steps)
    assert found is not None
    needed = [clauses[index] for index in sorted(found.clauses)]
    assert not satisfiable(needed)
    assert refutation(needed, [steps[index] for index in sorted(found.steps)]) is not None


def test_a_check_looks_at_no_more_clauses_than_it_may() -> None:
    chain = [[1], *([-number, number + 1] for number in range(1, 100)), [-100]]
    assert refutation(chain, work=1000) is not None
    with pytest.raises(TooMuchWork):
        refutation(chain, work=50)
