"""What became of a tactic, from what a server said. Diagnostics are those of Lean 4.35."""

from __future__ import annotations

from typing import Any

import pytest

from sandboxes.lean.steps.document import Document
from sandboxes.lean.steps.framing import ProtocolViolation
from sandboxes.lean.steps.reading import diagnoses_of, goals_of_answer, outcome_of
from sandboxes.lean.steps.runner import Finished, Reached, RunnerOutcome
from verifier_service.model.lean_steps import ProofGivenUp, TacticFailed, TacticFailure

OPENING = "theorem _root_.t (p q : Prop) (hp : p) (hq : q) : p ∧ q\n:= by\n"
LEFT, RIGHT = "case left\n⊢ p", "case right\n⊢ q"


def said(
    message: str, start: tuple[int, int], end: tuple[int, int], severity: int = 1, **more: Any
) -> dict[str, Any]:
    where = [{"line": line, "character": column} for line, column in (start, end)]
    span = {"start": where[0], "end": where[1]}
    return {"severity": severity, "message": message, "range": span, "fullRange": span, **more}


def unsolved(*goals: str) -> dict[str, Any]:
    text = "unsolved goals\n" + "\n\n".join(goals)
    return said(text, (1, 3), (2, 9), leanTags=[1])


ACCOMPLISHED = said("Goals accomplished!", (0, 0), (2, 9), 3, leanTags=[2], isSilent=True)
SORRY = said("declaration uses `sorry`", (0, 15), (0, 16), 2)


def read(tactic: str, diagnostics: list[dict[str, Any]], goals: list[str]) -> RunnerOutcome:
    document = Document(opening=OPENING, tactics=(tactic,))
    return outcome_of(
        document,
        diagnoses_of({"diagnostics": diagnostics}),
        goals_of_answer({"goals": goals}),
    )


def test_goals_that_are_left_make_a_state() -> None:
    outcome = read("constructor", [unsolved(LEFT, RIGHT)], [LEFT, RIGHT])
    assert isinstance(outcome, Reached)
    assert [goal.case for goal in outcome.goals] == ["left", "right"]


def test_what_lean_says_beside_comes_along() -> None:
    hint = said("Try this: exact hp", (2, 2), (2, 8), 3)
    outcome = read("exact?", [unsolved(RIGHT), hint, SORRY], [RIGHT])
    assert isinstance(outcome, Reached)
    assert outcome.messages == ("Try this: exact hp",)


def test_no_goals_and_no_doubts_is_a_proof_to_be_judged() -> None:
    assert read("exact ⟨hp, hq⟩", [ACCOMPLISHED], []) == Finished()


def test_a_proof_by_sorry_is_given_up() -> None:
    assert read("sorry", [SORRY], []) == ProofGivenUp(message="declaration uses `sorry`")


def test_the_words_of_older_versions_are_known_too() -> None:
    older = {**SORRY, "message": "declaration uses 'sorry'"}
    assert isinstance(read("sorry", [older], []), ProofGivenUp)


@pytest.mark.parametrize(
    ("diagnostic", "kind", "place"),
    [
        pytest.param(
            said("Unknown identifier `foo`", (2, 8), (2, 11)),
            TacticFailure.TACTIC,
            (1, 6),
            id="elaborator",
        ),
        pytest.param(
            said("unexpected token", (2, 8), (2, 8)), TacticFailure.SYNTAX, (1, 6), id="parser"
        ),
        pytest.param(
            said("(kernel) declaration has metavariables", (0, 8), (0, 9)),
            TacticFailure.KERNEL,
            (0, 0),
            id="kernel",
        ),
        pytest.param(
            said("unsolved goals\n⊢ p", (2, 2), (2, 8), leanTags=[1]),
            TacticFailure.TACTIC,
            (1, 0),
            id="goals-left-inside",
        ),
    ],
)
def test_an_error_fails_the_tactic(
    diagnostic: dict[str, Any], kind: TacticFailure, place: tuple[int, int]
) -> None:
    outcome = read("exact foo", [unsolved(LEFT), diagnostic], [LEFT])
    assert isinstance(outcome, TacticFailed)
    assert outcome.kind is kind
    assert (outcome.line, outcome.column) == place


@pytest.mark.parametrize(
    ("diagnostics", "goals"),
    [
        pytest.param([unsolved(LEFT)], [], id="goals-elsewhere"),
        pytest.param([ACCOMPLISHED], [LEFT], id="goals-of-another-theorem"),
    ],
)
def test_a_tactic_that_leaves_the_proof_fails(
    diagnostics: list[dict[str, Any]], goals: list[str]
) -> None:
    outcome = read("skip\n\ntheorem u : p := by", diagnostics, goals)
    assert isinstance(outcome, TacticFailed)
    assert outcome.kind is TacticFailure.SYNTAX


@pytest.mark.parametrize(
    "published",
    [
        pytest.param(None, id="nothing"),
        pytest.param({"diagnostics": 5}, id="no-list"),
        pytest.param({"diagnostics": [5]}, id="no-object"),
        pytest.param({"diagnostics": [{"message": 5, "range": {}}]}, id="no-range"),
        pytest.param({"diagnostics": [{**SORRY, "leanTags": ["x"]}]}, id="no-tag"),
    ],
)
def test_nonsense_is_no_diagnostic(published: object) -> None:
    with pytest.raises(ProtocolViolation):
        diagnoses_of(published)


@pytest.mark.parametrize("answer", [5, {}, {"goals": 5}, {"goals": [5]}])
def test_nonsense_is_no_goal(answer: object) -> None:
    with pytest.raises(ProtocolViolation):
        goals_of_answer(answer)
