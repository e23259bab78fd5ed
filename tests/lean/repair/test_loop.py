"""The whole loop, with the engine's own verdicts: what is called proved is accepted."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from sandboxes.lean.repair.feedback import MAXIMUM_BYTES, feedback, shortened
from sandboxes.lean.repair.loop import LemmaStore
from tests.lean.repair.conftest import FIVE_DEFECTS, FIVE_STATEMENT, spec
from verifier_service.engine import Engine
from verifier_service.engine.lean_repair import LeanRepairs
from verifier_service.model import (
    Assurance,
    CallOptions,
    Candidate,
    DeadlineExceeded,
    InvalidSpec,
    LeanTheorem,
    LogicProblem,
    Outcome,
    Problem,
    VerificationSpec,
)
from verifier_service.model.lean_repair import (
    MAXIMUM_EDIT_BYTES,
    LemmaPrompt,
    RepairBudget,
    RepairEnding,
    RepairProgress,
    RepairStage,
)

MIDDLE = "(a b c : Nat) (h : a ≤ b) (h2 : b ≤ c) : a ≤ c ∧ 0 + a = a"
MIDDLE_PROOF = "by\n  constructor\n  · exact missing h\n  · simp"


async def test_five_defects_are_repaired_and_the_proof_is_accepted(repairs: LeanRepairs) -> None:
    stages: list[RepairProgress] = []
    made = await repairs.repair(spec(FIVE_STATEMENT, FIVE_DEFECTS), listener=stages.append)
    assert made.ending is RepairEnding.PROVED
    assert made.verdict is not None
    assert made.verdict.outcome is Outcome.ACCEPTED
    assert made.verdict.assurance is Assurance.REPLAYED
    assert (made.kept_lines, made.total_lines) == (9, 13)
    assert made.holes == ()
    assert [one.stage for one in stages] == [
        RepairStage.EXTRACT,
        RepairStage.REFINE,
        RepairStage.SORRIFY,
        RepairStage.SOLVE,
    ]


async def test_what_is_left_is_reported_with_its_goals(repairs: LeanRepairs) -> None:
    made = await repairs.repair(spec(MIDDLE, MIDDLE_PROOF), tactics=["assumption"])
    assert made.ending is RepairEnding.PARTIAL
    assert made.verdict is None
    assert [hole.goal.rpartition("\n")[2] for hole in made.holes] == ["⊢ a ≤ c"]
    (lemma,) = made.lemmas
    assert lemma.spec is not None
    assert isinstance(lemma.spec.problem.criterion, LeanTheorem)
    assert "missing" in made.feedback
    assert len(made.feedback.encode()) <= MAXIMUM_BYTES


async def test_a_lemma_is_a_problem_that_can_be_judged(
    repairs: LeanRepairs, engine: Engine
) -> None:
    made = await repairs.repair(spec(MIDDLE, MIDDLE_PROOF), tactics=["assumption"])
    asked = made.lemmas[0].spec
    assert asked is not None
    proof = Candidate(source="by\n  exact Nat.le_trans h h2")
    verdict = await engine.verify(
        VerificationSpec(problem=asked.problem, candidate=proof, limits=asked.limits)
    )
    assert verdict.outcome is Outcome.ACCEPTED


async def test_proposals_close_what_tactics_did_not(repairs: LeanRepairs) -> None:
    asked: list[LemmaPrompt] = []

    async def propose(prompts: Sequence[LemmaPrompt]) -> Mapping[str, Sequence[str]]:
        asked.extend(prompts)
        proof = "by exact Nat.le_trans h wrong" if len(asked) == 1 else "Nat.le_trans h h2"
        return {prompt.lemma.name: [proof] for prompt in prompts}

    budget = RepairBudget(depth=1)
    made = await repairs.repair(
        spec(MIDDLE, "by\n  constructor\n  · sorry\n  · rfl"),
        tactics=["simp"],
        budget=budget,
        propose=propose,
    )
    assert made.ending is RepairEnding.PROVED
    assert "Left to prove (1):" in asked[0].feedback


async def test_failed_proposals_are_shown_with_what_lean_said(repairs: LeanRepairs) -> None:
    misses: list[tuple[str, ...]] = []

    async def propose(prompts: Sequence[LemmaPrompt]) -> Mapping[str, Sequence[str]]:
        misses.extend(prompt.near_misses for prompt in prompts)
        return {prompt.lemma.name: ["by exact nonsense_at_all"] for prompt in prompts}

    made = await repairs.repair(
        spec("(p : Prop) : p", "by sorry"), budget=RepairBudget(depth=1, rounds=2), propose=propose
    )
    assert made.ending is RepairEnding.PARTIAL
    assert misses[0] == ()
    assert "nonsense_at_all" in misses[1][0]
    assert "Unknown identifier" in misses[1][0]


async def test_a_lemma_of_a_session_is_asked_for_once(repairs: LeanRepairs) -> None:
    asked: list[str] = []

    async def propose(prompts: Sequence[LemmaPrompt]) -> Mapping[str, Sequence[str]]:
        asked.extend(prompt.lemma.name for prompt in prompts)
        return {prompt.lemma.name: ["Nat.le_trans h h2"] for prompt in prompts}

    candidate = spec(MIDDLE, "by\n  constructor\n  · sorry\n  · rfl")
    for session, count in (("one", 1), ("one", 1), ("other", 2), ("", 3)):
        made = await repairs.repair(
            candidate, CallOptions(session_id=session), tactics=["simp"], propose=propose
        )
        assert made.ending is RepairEnding.PROVED
        assert len(asked) == count


async def test_equal_lemmas_of_one_proof_are_asked_for_once(repairs: LeanRepairs) -> None:
    asked: list[str] = []

    async def propose(prompts: Sequence[LemmaPrompt]) -> Mapping[str, Sequence[str]]:
        asked.extend(prompt.lemma.name for prompt in prompts)
        return {prompt.lemma.name: ["Nat.le_trans h h2"] for prompt in prompts}

    made = await repairs.repair(
        spec("(a b c : Nat) (h : a ≤ b) (h2 : b ≤ c) : a ≤ c ∧ a ≤ c", "⟨by sorry, by sorry⟩"),
        tactics=["rfl"],
        propose=propose,
    )
    assert made.ending is RepairEnding.PROVED
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("source", "ending"),
    [
        pytest.param(
            "set_option warn.sorry false\ntheorem goal (p : Prop) : p := by exact sorryAx _ true",
            RepairEnding.NOT_ACCEPTED,
            id="silent-sorry",
        ),
        pytest.param(
            "axiom cheat : ∀ p : Prop, p\ntheorem goal (p : Prop) : p := cheat p",
            RepairEnding.NOT_ACCEPTED,
            id="axiom",
        ),
        pytest.param(
            "set_option debug.skipKernelTC true\n"
            'theorem goal (p : Prop) : p := by\n  trace "VS 0 0"\n  sorry',
            RepairEnding.PARTIAL,
            id="forged-trace",
        ),
        pytest.param(
            "theorem goal (p : Prop) : p → p := by\n  exact id",
            RepairEnding.PARTIAL,
            id="another-statement",
        ),
        pytest.param(
            "theorem other : True := trivial\n-- theorem goal (p : Prop) : p := by trivial",
            RepairEnding.PARTIAL,
            id="goal-in-a-comment",
        ),
        pytest.param(
            "macro_rules | `(tactic| sorry) => `(tactic| trivial)\n"
            "theorem goal (p : Prop) : p := by\n  sorry",
            RepairEnding.PARTIAL,
            id="redefined-sorry",
        ),
        pytest.param(
            "namespace Inner\ntheorem goal (p : Prop) (h : p) : p := h\nend Inner",
            RepairEnding.PARTIAL,
            id="in-a-namespace",
        ),
        pytest.param(
            "variable (h : False)\ninclude h\ntheorem goal (p : Prop) : p := h.elim",
            RepairEnding.NOT_ACCEPTED,
            id="smuggled-hypothesis",
        ),
    ],
)
async def test_no_cheat_is_ever_called_proved(
    repairs: LeanRepairs, source: str, ending: RepairEnding
) -> None:
    made = await repairs.repair(spec("(p : Prop) : p", source))
    assert made.ending is not RepairEnding.PROVED
    assert made.ending is ending
    assert made.verdict is None or made.verdict.outcome is not Outcome.ACCEPTED


async def test_cheats_proposed_for_a_lemma_are_not_taken(repairs: LeanRepairs) -> None:
    async def propose(prompts: Sequence[LemmaPrompt]) -> Mapping[str, Sequence[str]]:
        cheats = [
            "by exact sorryAx _ true",
            "axiom cheat : ∀ p : Prop, p\ntheorem goal_lemma_1 (p : Prop) : p := cheat p",
        ]
        return {prompt.lemma.name: cheats for prompt in prompts}

    made = await repairs.repair(
        spec("(p : Prop) : p", "by sorry"), budget=RepairBudget(depth=1, rounds=1), propose=propose
    )
    assert made.ending is RepairEnding.PARTIAL
    assert len(made.holes) == 1


async def test_a_broken_statement_is_said_to_be_broken(repairs: LeanRepairs) -> None:
    made = await repairs.repair(spec("(n : Nat) : Missing n", "by simp"))
    assert made.ending is RepairEnding.STATEMENT_BROKEN
    assert made.verdict is None


async def test_the_candidate_that_comes_furthest_is_gone_on_with(repairs: LeanRepairs) -> None:
    made = await repairs.repair(
        spec(MIDDLE, "by\n  nonsense"),
        more_sources=["by\n  constructor\n  · exact Nat.le_trans h h2\n  · exact wrong"],
        tactics=["contradiction"],
    )
    assert "Nat.le_trans h h2" in made.source
    assert len(made.holes) == 1


async def test_a_spent_budget_keeps_what_was_found(repairs: LeanRepairs) -> None:
    made = await repairs.repair(spec(FIVE_STATEMENT, FIVE_DEFECTS), budget=RepairBudget(checks=8))
    assert made.ending is RepairEnding.BUDGET_SPENT
    assert made.verdict is None
    assert made.check_count <= 8
    assert FIVE_STATEMENT in made.source


async def test_long_lines_are_cut_in_what_is_told_of_them(repairs: LeanRepairs) -> None:
    made = await repairs.sorrify(spec("(p : Prop) : p", f"by\n  exact missing -- {'x' * 9000}"))
    assert made.is_clean
    assert all(len(edit.before.encode()) <= MAXIMUM_EDIT_BYTES for edit in made.edits)


async def test_a_deadline_ends_it(repairs: LeanRepairs) -> None:
    with pytest.raises(DeadlineExceeded):
        await repairs.repair(spec(FIVE_STATEMENT, FIVE_DEFECTS), deadline=0.0)


async def test_cancelling_leaves_nothing_running(repairs: LeanRepairs, engine: Engine) -> None:
    began = asyncio.Event()
    running = asyncio.create_task(
        repairs.repair(spec(FIVE_STATEMENT, FIVE_DEFECTS), listener=lambda _: began.set())
    )
    await began.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (engine.stats().running, engine.stats().queued) == (0, 0)


@pytest.mark.parametrize(
    ("field", "problem", "more"),
    [
        pytest.param(
            "spec.problem", LogicProblem(premises=("p",), conclusion="p"), {}, id="not-lean"
        ),
        pytest.param("spec.problem", LeanTheorem(whole_file=True), {}, id="no-theorem"),
        pytest.param(
            "tactics[0]",
            LeanTheorem(name="goal", statement=": True"),
            {"tactics": ["simp\nsorry"]},
            id="two-lines-of-tactics",
        ),
        pytest.param(
            "budget.depth",
            LeanTheorem(name="goal", statement=": True"),
            {"budget": RepairBudget(depth=99)},
            id="too-deep",
        ),
        pytest.param(
            "budget.checks",
            LeanTheorem(name="goal", statement=": True"),
            {"budget": RepairBudget(checks=0)},
            id="no-checks",
        ),
        pytest.param(
            "more_sources",
            LeanTheorem(name="goal", statement=": True"),
            {"more_sources": ["x"] * 65},
            id="too-many",
        ),
    ],
)
async def test_what_makes_no_sense_is_refused_by_name(
    repairs: LeanRepairs, field: str, problem: LeanTheorem | LogicProblem, more: dict[str, object]
) -> None:
    asked = VerificationSpec(
        problem=Problem(criterion=problem), candidate=Candidate(source="trivial")
    )
    with pytest.raises(InvalidSpec) as refused:
        await repairs.repair(asked, **more)  # type: ignore[arg-type]
    assert [one.field for one in refused.value.violations] == [field]


async def test_proofs_of_lemmas_that_are_not_there_are_refused(repairs: LeanRepairs) -> None:
    with pytest.raises(InvalidSpec, match="goal_lemma_1"):
        await repairs.assemble(spec("(p : Prop) (h : p) : p", "by sorry"), {"other": "h"})


async def test_a_header_that_is_not_there_is_the_problems_fault(repairs: LeanRepairs) -> None:
    with pytest.raises(InvalidSpec, match="preamble"):
        await repairs.sorrify(spec(": True", "trivial", preamble="import Nowhere.AtAll\n"))


def test_a_store_forgets_what_was_not_used_for_longest() -> None:
    store = LemmaStore(maximum=2)
    store.put("a", "1")
    store.put("b", "2")
    assert store.get("a") == "1"
    store.put("c", "3")
    assert (store.get("a"), store.get("b"), store.get("c")) == ("1", None, "3")


def test_a_shortened_text_is_whole_characters_within_its_bytes() -> None:
    text = shortened("⟨α, β⟩" * 100, 50)
    assert len(text.encode()) <= 50
    assert text.endswith("…")


def test_feedback_is_bounded_whatever_lean_says() -> None:
    from sandboxes.lean.messages import Message, Position
    from sandboxes.lean.repair.draft import Draft, Line

    draft = Draft(tuple(Line("∀" * 5000) for _ in range(9)), 0, 1, 9)
    errors = [
        Message(severity="error", kind="", text="⊢" * 9999, start=Position(line, 0))
        for line in range(1, 9)
    ]
    said = feedback(draft, errors, ["x\n" * 3000] * 50, 1000)
    assert 100 < len(said.encode()) <= 1000
