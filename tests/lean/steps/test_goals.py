"""Goals as Lean prints them."""

from __future__ import annotations

import pytest

from sandboxes.lean.steps.goals import digest_of, features, goal_of, goals_of


def test_a_goal_knows_its_case() -> None:
    assert goal_of("case inl.h\np : Prop\n⊢ p").case == "inl.h"
    assert goal_of("p : Prop\n⊢ p").case == ""


@pytest.mark.parametrize(
    ("text", "count"),
    [
        pytest.param("", 0, id="none"),
        pytest.param("⊢ True", 1, id="one"),
        pytest.param("case a\n⊢ True\n\ncase b\n⊢ False", 2, id="with-cases"),
        pytest.param("p : Prop\n⊢ p\n\nq : Prop\nh : q\n⊢ q", 2, id="without-cases"),
    ],
)
def test_goals_that_are_printed_together_are_told_apart(text: str, count: int) -> None:
    goals = goals_of(text)
    assert len(goals) == count
    assert "\n\n".join(goal.text for goal in goals) == text


def test_the_numbers_of_metavariables_do_not_count_but_their_order_does() -> None:
    one = [goal_of("⊢ ?m.12 = ?m.13")]
    assert digest_of(one) == digest_of([goal_of("⊢ ?m.120 = ?m.7")])
    assert digest_of(one) != digest_of([goal_of("⊢ ?m.12 = ?m.12")])
    assert digest_of(one) != digest_of([goal_of("⊢ ?m.12 = ?m.13"), goal_of("⊢ True")])


def test_features_of_a_state() -> None:
    goals = goals_of("case left\n⊢ p\n\ncase right\n⊢ q")
    found = features(goals, depth=3, digest_before=digest_of(goals))
    assert (found.goal_count, found.case_tags, found.depth) == (2, ("left", "right"), 3)
    assert found.size == len("case left\n⊢ p") + len("case right\n⊢ q")
    assert not found.changed
    assert features(goals, depth=1).changed
