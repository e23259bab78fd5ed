"""Steps as a tree."""

from __future__ import annotations

from sandboxes.lean.repair.draft import Draft, Line
from sandboxes.lean.repair.outline import outline
from sandboxes.lean.repair.steps import append_hole, cut, delete, replace_step, swap_with_next

TEXT = """\
theorem goal : P := by
  have h : a = b := by
    simp
  induction n with
  | zero => rfl
  | succ k ih =>
    rw [ih]
    -- · not a step
  · constructor
    · exact h
  simp [a,
    b]
"""


def _draft() -> Draft:
    lines = tuple(Line(text, index) for index, text in enumerate(TEXT.rstrip("\n").split("\n")))
    return Draft(lines, 0, 1, len(lines))


def _index(line: int, column: int) -> int:
    found = outline(_draft()).at(line, column)
    assert found is not None
    return found


def test_steps_are_where_their_columns_say() -> None:
    tree = outline(_draft())
    assert [(node.start, node.column, node.end) for node in tree.nodes if node.parent < 0] == [
        (1, 2, 3),
        (3, 2, 7),
        (8, 2, 10),
        (10, 2, 12),
    ]


def test_a_bullet_and_its_first_step_are_two_nodes_on_one_line() -> None:
    tree = outline(_draft())
    inner = tree.nodes[_index(8, 4)]
    assert (inner.column, inner.body) == (4, 0)
    assert tree.nodes[inner.parent].body == 4


def test_a_case_belongs_to_the_step_above_it_at_the_same_column() -> None:
    tree = outline(_draft())
    zero = tree.nodes[_index(4, 2)]
    assert tree.nodes[zero.parent].start == 3


def _lines(draft: Draft | None) -> list[str]:
    assert draft is not None
    return [line.text for line in draft.lines]


def test_a_cut_keeps_what_a_step_states() -> None:
    assert _lines(cut(_draft(), _index(1, 2)))[1:3] == [
        "  have h : a = b := by sorry",
        "  induction n with",
    ]


def test_a_hole_keeps_bullets_and_cases() -> None:
    assert _lines(replace_step(_draft(), _index(8, 4)))[8] == "  · sorry"
    assert _lines(replace_step(_draft(), _index(4, 2)))[4] == "  | zero => sorry"


def test_a_step_that_is_deleted_leaves_its_siblings_with_their_bullet() -> None:
    changed = _lines(delete(_draft(), _index(8, 4)))
    assert changed[8] == "  · · exact h"
    assert _lines(delete(_draft(), _index(10, 2)))[-1] == "    · exact h"


def test_a_hole_is_appended_at_the_column_of_the_steps_below() -> None:
    assert _lines(append_hole(_draft(), _index(5, 2)))[7] == "    sorry"
    assert _lines(append_hole(_draft(), _index(1, 2)))[3] == "    sorry"


def test_steps_swap_with_all_that_belongs_to_them() -> None:
    assert _lines(swap_with_next(_draft(), _index(8, 2)))[8:] == [
        "  simp [a,",
        "    b]",
        "  · constructor",
        "    · exact h",
    ]


def test_lines_that_are_as_they_were_are_counted_without_the_statement() -> None:
    draft = _draft()
    assert draft.kept == 10
    assert replace_step(draft, _index(1, 2)).kept == 8
