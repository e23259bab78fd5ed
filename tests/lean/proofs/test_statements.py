"""Problems: what they may be, what is wrong with them, and what is odd about them."""

from __future__ import annotations

import asyncio

import pytest

from sandboxes.lean import LeanExecutor
from sandboxes.lean.environments import LeanEnvironment
from tests.lean.proofs.conftest import COMMUTES, Verify, evidence
from verifier_service.model import (
    Assurance,
    InvalidSpec,
    LeanDeclaration,
    LeanTheorem,
    Outcome,
    Range,
)


async def test_an_accepted_proof_says_what_it_rests_on(
    verify: Verify, core: LeanEnvironment
) -> None:
    theorem = LeanTheorem(name="em", statement="(p : Prop) : p ∨ ¬p")

    verdict = await verify("Classical.em p", theorem)

    shown = evidence(verdict)
    assert verdict.outcome is Outcome.ACCEPTED
    assert verdict.assurance is Assurance.REPLAYED
    assert shown.axioms == ("Classical.choice", "Quot.sound", "propext")
    assert shown.declarations == (
        LeanDeclaration(name="em", kind="theorem", axioms=shown.axioms, is_target=True),
    )
    assert shown.toolchain == f"Lean {core.version}, commit {core.commit}"
    assert [one.partition("@sha256:")[0] for one in shown.imports] == ["Init"]
    assert verdict.provenance.usage.cpu_seconds > 0


async def test_a_second_kernel_is_asked_in_an_environment_of_its_own(
    verify: Verify, executor: LeanExecutor
) -> None:
    plain, crossed = executor.environments
    verdict = await verify("by exact Nat.add_comm a b", environment=1)

    assert crossed.name == f"{plain.name}+verifier-kernel"
    assert crossed.digest != plain.digest
    assert (plain.maximum_assurance, crossed.maximum_assurance) == (
        Assurance.REPLAYED,
        Assurance.CROSS_CHECKED,
    )
    assert verdict.assurance is Assurance.CROSS_CHECKED
    assert evidence(verdict).replayed_by == ("lean-kernel", "verifier-kernel")


async def test_imports_of_the_candidate_have_to_be_there(verify: Verify) -> None:
    proof = "theorem goal (a b : Nat) : a + b = b + a := Nat.add_comm a b"

    there, elsewhere = await asyncio.gather(
        verify(f"import Init\nimport Init.Nat\n{proof}"), verify(f"import Init.Other\n{proof}")
    )

    assert there.outcome is Outcome.ACCEPTED
    assert elsewhere.reason == "import-mismatch"
    assert (
        elsewhere.diagnostics[0].message == "It imports `Init.Other`, which the problem does not."
    )


async def test_the_digest_is_that_of_the_statement(verify: Verify) -> None:
    same = LeanTheorem(name="goal", statement="(x y : Nat) : x + y = y + x")
    other = LeanTheorem(name="goal", statement="(x y : Nat) : y + x = x + y")

    first, second, third = await asyncio.gather(
        verify("by sorry"), verify("by sorry", same), verify("by sorry", other)
    )

    assert evidence(first).statement_digest == evidence(second).statement_digest
    assert evidence(first).statement_digest != evidence(third).statement_digest


async def test_a_namespace_that_the_preamble_leaves_open(verify: Verify) -> None:
    theorem = LeanTheorem(
        name="Doubling.twice_eq",
        statement=": twice n = 2 * n",
        preamble="namespace Doubling\nvariable (n : Nat)\ndef twice : Nat := n + n",
    )
    proof = "by\n  unfold twice\n  rw [Nat.two_mul]"

    behind, declared = await asyncio.gather(
        verify(proof, theorem),
        verify(f"theorem twice_eq : twice n = 2 * n := {proof}", theorem),
    )

    assert behind.outcome is declared.outcome is Outcome.ACCEPTED


async def test_axioms_that_the_problem_declares_are_used_where_it_allows_them(
    verify: Verify,
) -> None:
    theorem = LeanTheorem(name="goal", statement=": p", preamble="axiom p : Prop\naxiom holds : p")
    allowing = LeanTheorem(
        name="goal",
        statement=": p",
        preamble="axiom p : Prop\naxiom holds : p",
        allowed_axioms=("p", "holds"),
    )

    assert (await verify("holds", theorem)).reason == "disallowed-axiom"
    assert (await verify("holds", allowing)).outcome is Outcome.ACCEPTED


async def test_a_candidate_can_not_declare_an_allowed_axiom(verify: Verify) -> None:
    theorem = LeanTheorem(name="goal", statement=": False", allowed_axioms=("oracle",))

    verdict = await verify("axiom oracle : False\ntheorem goal : False := oracle", theorem)

    assert verdict.reason == "disallowed-axiom"


async def test_statements_may_be_equal_by_computation(verify: Verify) -> None:
    source = "theorem goal (a : Nat) : a + 2 = a + 2 := rfl"
    statement = "(a : Nat) : a + (1 + 1) = a + 2"
    strict = LeanTheorem(name="goal", statement=statement)
    lenient = LeanTheorem(name="goal", statement=statement, by_computation=True)
    false = LeanTheorem(name="goal", statement="(a : Nat) : a + 1 = a + 2", by_computation=True)

    assert (await verify(source, strict)).reason == "statement-mismatch"
    assert (await verify(source, lenient)).reason == "theorem-proved"
    assert (await verify(source, false)).reason == "statement-mismatch"


async def test_what_is_not_needed_is_a_warning_where_the_file_need_not_be_clean(
    verify: Verify,
) -> None:
    source = (
        "set_option warn.sorry false\ntheorem unused : 1 = 2 := sorry\n"
        "theorem goal (a b : Nat) : a + b = b + a := Nat.add_comm a b"
    )
    clean = LeanTheorem(name=COMMUTES.name, statement=COMMUTES.statement, require_clean_file=True)

    lenient, strict = await asyncio.gather(verify(source), verify(source, clean))

    assert lenient.outcome is Outcome.ACCEPTED
    assert [(one.severity.value, one.code) for one in lenient.diagnostics] == [
        ("warning", "incomplete-proof")
    ]
    assert lenient.diagnostics[0].range == Range(
        start_line=2, start_column=8, end_line=2, end_column=14
    )
    assert (strict.outcome, strict.reason) == (Outcome.REJECTED, "incomplete-proof")


async def test_holes_are_shown_with_their_goals(verify: Verify) -> None:
    verdict = await verify(
        "by\n  induction a with\n  | zero => sorry\n  | succ n ih =>\n    have h : n = n := sorry\n"
        "    admit"
    )

    holes = [one for one in verdict.diagnostics if one.code == "sorry"]
    assert verdict.reason == "incomplete-proof"
    assert [(one.range.start_line, one.goals) for one in holes if one.range] == [
        (3, ("b : Nat\n⊢ 0 + b = b + 0",)),
        (5, ("b n : Nat\nih : n + b = b + n\n⊢ n = n",)),
        (6, ("b n : Nat\nih : n + b = b + n\nh : n = n\n⊢ n + 1 + b = b + (n + 1)",)),
    ]


@pytest.mark.parametrize(
    ("theorem", "found"),
    [
        (LeanTheorem(name="t", statement="(n : Nat) (h : n < n) : n = 7"), ("vacuous",)),
        (LeanTheorem(name="t", statement="(p : Prop) (h : p ∧ ¬p) : p → False"), ("vacuous",)),
        (LeanTheorem(name="t", statement="(a b : Nat) : a = b + 7"), ("disproved",)),
        (LeanTheorem(name="t", statement=": 2 + 2 = 5"), ("disproved",)),
        (LeanTheorem(name="t", statement="(p q : Prop) : p ∨ q → p"), ("disproved",)),
        (LeanTheorem(name="t", statement="(a b : Nat) (h : a < b) : a ≤ b"), ()),
        (LeanTheorem(name="t", statement="(p q : Prop) (h : p ∧ q) : q"), ()),
    ],
)
async def test_statements_that_are_odd_are_found_where_that_is_asked(
    verify: Verify, theorem: LeanTheorem, found: tuple[str, ...]
) -> None:
    asked = LeanTheorem(name="t", statement=theorem.statement, probe_statement=True)

    plain, probed = await asyncio.gather(verify("by sorry", theorem), verify("by sorry", asked))

    assert evidence(plain).statement_findings == ()
    assert evidence(probed).statement_findings == found
    assert {one.code for one in probed.diagnostics} >= {f"statement-{one}" for one in found}
    assert plain.outcome is probed.outcome


async def test_a_vacuous_statement_is_accepted_and_flagged(verify: Verify) -> None:
    theorem = LeanTheorem(name="t", statement="(n : Nat) (h : n < n) : n = 7", probe_statement=True)

    verdict = await verify("absurd h (Nat.lt_irrefl n)", theorem)

    assert verdict.outcome is Outcome.ACCEPTED
    assert verdict.diagnostics[0].code == "statement-vacuous"


async def test_what_is_odd_is_odd_about_the_theorem_of_that_full_name(verify: Verify) -> None:
    theorem = LeanTheorem(
        name="A.t",
        statement=": (1 : Nat) = 1",
        preamble="namespace A\ntheorem A.t : False → True := fun _ => trivial",
        probe_statement=True,
    )

    assert evidence(await verify("rfl", theorem)).statement_findings == ()


@pytest.mark.parametrize(
    ("theorem", "field", "words"),
    [
        (LeanTheorem(name="t", statement=": foo.bar 1"), "statement", "Unknown identifier"),
        (LeanTheorem(name="t", statement=": 1 ="), "statement", "unexpected"),
        (LeanTheorem(name="t", statement=": Nat"), "statement", "not a proposition"),
        (LeanTheorem(name="t", statement=": True", preamble="def a := b\n"), "preamble", "line 1"),
        (LeanTheorem(name="t", statement=": True", preamble="import Not.There"), "preamble",
         "imports fail: unknown module prefix 'Not'"),
        (LeanTheorem(name="t", statement=": p", preamble="def p : Prop := sorry"), "statement",
         "rests on `sorry`"),
        (LeanTheorem(name="t", statement=": True := trivial\ntheorem u : 1 = 2"), "statement",
         "more than a signature"),
        (LeanTheorem(whole_file=True, preamble="import Not.There"), "preamble", "imports fail"),
    ],
)  # fmt: skip
async def test_a_broken_problem_is_nobody_elses_fault(
    verify: Verify, theorem: LeanTheorem, field: str, words: str
) -> None:
    with pytest.raises(InvalidSpec, match=words) as caught:
        await verify("by trivial", theorem)

    assert caught.value.violations[0].field == f"problem.lean_theorem.{field}"
    assert "/" not in str(caught.value)


async def test_a_problem_that_runs_into_a_limit_says_nothing_of_the_candidate(
    verify: Verify,
) -> None:
    endless = "theorem a : True := by\n  repeat (have : True := trivial)"
    preamble = f"set_option maxHeartbeats 0\n{endless}"
    theorem = LeanTheorem(name="t", statement=": True", preamble=preamble)

    verdict = await verify("trivial", theorem, cpu_seconds=1)

    assert (verdict.outcome, verdict.reason) == (Outcome.INCONCLUSIVE, "checker-limit")


async def test_a_file_of_its_own_has_to_prove_all_that_it_states(verify: Verify) -> None:
    good = "theorem a : 1 = 1 := rfl\ntheorem b (p : Prop) : p ∨ ¬p := Classical.em p\n"
    bad = good + "theorem c : 1 = 2 := sorry\n"
    axiom = "axiom magic : 1 = 2\ntheorem c : 1 = 2 := magic\n"
    own = LeanTheorem(whole_file=True)

    proved, sorry, cheat, empty, types = await asyncio.gather(
        *(verify(one, own) for one in (good, bad, axiom, "-- nothing", "inductive T where | a"))
    )

    assert proved.reason == "file-proved"
    assert [(one.name, one.axioms) for one in evidence(proved).declarations if one.is_target] == [
        ("a", ()),
        ("b", ("Classical.choice", "Quot.sound", "propext")),
    ]
    assert sorry.reason == "incomplete-proof"
    assert cheat.reason == "disallowed-axiom"
    assert empty.reason == types.reason == "nothing-proved"


async def test_a_file_can_not_declare_what_it_is_allowed_to_use(verify: Verify) -> None:
    source = "axiom oracle : False\ntheorem a : False := oracle\n"
    declared = LeanTheorem(
        whole_file=True, preamble="axiom oracle : False", allowed_axioms=("oracle",)
    )

    cheat = await verify(source, LeanTheorem(whole_file=True, allowed_axioms=("oracle",)))
    honest = await verify("theorem a : False := oracle\n", declared)
    repeated = await verify(source, declared)

    assert cheat.reason == "disallowed-axiom"
    assert honest.reason == repeated.reason == "file-proved"


async def test_a_clean_file_proves_again_what_the_problem_has_proved(verify: Verify) -> None:
    theorem = LeanTheorem(
        name="goal",
        statement="(a b : Nat) : a + b = b + a",
        preamble="theorem helper : (1 : Nat) = 1 := rfl",
        require_clean_file=True,
    )
    proof = "theorem goal (a b : Nat) : a + b = b + a := Nat.add_comm a b"

    repeated, spoilt = await asyncio.gather(
        verify(f"import Init\n{theorem.preamble}\n{proof}", theorem),
        verify(f"import Init\ntheorem helper : (1 : Nat) = 1 := sorry\n{proof}", theorem),
    )

    assert repeated.outcome is Outcome.ACCEPTED
    assert spoilt.reason == "incomplete-proof"


async def test_much_that_is_untidy_is_told_in_part(verify: Verify) -> None:
    untidy = "".join(f"theorem t{number} : True := sorry\n" for number in range(300))

    verdict = await verify(
        f"set_option warn.sorry false\n{untidy}"
        "theorem goal (a b : Nat) : a + b = b + a := Nat.add_comm a b"
    )

    assert verdict.outcome is Outcome.ACCEPTED
    assert [one.code for one in verdict.diagnostics] == ["incomplete-proof"] * 100
    assert all(one.range is not None for one in verdict.diagnostics)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("have : True := sorry\n  " * 300, "incomplete-proof"),
        ("unsafe " * 300, "forbidden-syntax"),
        ("".join(f"import A{number}\n" for number in range(300)), "import-mismatch"),
    ],
)
async def test_what_is_wrong_in_many_places_is_told_in_part(
    verify: Verify, source: str, reason: str
) -> None:
    verdict = await verify(source if "import" in source else f"by\n  {source}sorry")

    assert verdict.reason == reason
    assert 100 <= len(verdict.diagnostics) <= 101


async def test_goals_are_shown_behind_a_byte_order_mark(verify: Verify) -> None:
    verdict = await verify("\ufeffby sorry")

    assert [one.goals for one in verdict.diagnostics if one.code == "sorry"] == [
        ("a b : Nat\n⊢ a + b = b + a",)
    ]


async def test_many_candidates_for_a_new_problem_compile_it_once(verify: Verify) -> None:
    theorem = LeanTheorem(name="fresh", statement="(a : Nat) : a + 0 = a")

    verdicts = await asyncio.gather(*(verify("rfl", theorem) for _ in range(6)))

    assert {one.reason for one in verdicts} == {"theorem-proved"}
