"""Files that are to prove all that they state, and hide that they do not."""

from __future__ import annotations

import pytest

from sandboxes.lean.source import stated_theorems, theorems_behind_exit
from tests.lean.proofs.conftest import Verify, evidence
from verifier_service.model import Assurance, LeanTheorem, Outcome

WHOLE = LeanTheorem(whole_file=True)
HONEST = "theorem a : True := trivial\n"


@pytest.mark.parametrize(
    ("hidden", "reason"),
    [
        pytest.param(
            "private theorem b : 1 = 2 := sorry", "incomplete-proof", id="private-theorem"
        ),
        pytest.param("theorem _b : 1 = 2 := sorry", "incomplete-proof", id="name-like-auxiliary"),
        pytest.param(
            "theorem b._proof_1 : 1 = 2 := sorry", "incomplete-proof", id="name-of-an-auxiliary"
        ),
        pytest.param(
            "private theorem b._proof_1 : 1 = 2 := sorry",
            "incomplete-proof",
            id="private-name-of-an-auxiliary",
        ),
        pytest.param(
            "axiom x : 1 = 2\nnamespace _n\ntheorem b : 1 = 2 := x\nend _n",
            "disallowed-axiom",
            id="namespace-like-auxiliary",
        ),
        pytest.param("#exit\ntheorem b : 1 = 2 := sorry", "missing-declaration", id="behind-exit"),
    ],
)
async def test_a_theorem_can_not_be_hidden(verify: Verify, hidden: str, reason: str) -> None:
    verdict = await verify(f"{HONEST}set_option warn.sorry false\n{hidden}\n", WHOLE)

    assert (verdict.outcome, verdict.reason) == (Outcome.REJECTED, reason)


async def test_a_private_theorem_counts(verify: Verify) -> None:
    verdict = await verify("private theorem a : True := trivial\n", WHOLE)

    assert verdict.reason == "file-proved"


async def test_the_second_kernel_is_asked_about_files_too(verify: Verify) -> None:
    verdict = await verify(HONEST, WHOLE, environment=1)

    assert verdict.assurance is Assurance.CROSS_CHECKED
    assert evidence(verdict).replayed_by == ("lean-kernel", "verifier-kernel")


async def test_too_many_theorems_are_no_fault_of_the_service(verify: Verify) -> None:
    many = "".join(f"theorem t{number} : True := trivial\n" for number in range(1001))

    verdict = await verify(many, WHOLE)

    assert (verdict.outcome, verdict.reason) == (Outcome.INCONCLUSIVE, "unreadable-module")
    assert "more than 1000 theorems" in verdict.summary


def test_what_stands_behind_exit() -> None:
    assert theorems_behind_exit("theorem a : p := q\n-- #exit\ntheorem b : p := q") == []
    assert theorems_behind_exit("#exit\nnamespace N\ntheorem a : p := q") == ["N.a"]


def test_names_without_bounds_are_not_made() -> None:
    nested = "namespace abcdefgh\n" * 5000 + "".join(f"theorem b{i}\n" for i in range(5000))

    assert stated_theorems(nested) == frozenset()
    assert stated_theorems(f"{nested}theorem _root_.c") == {"c"}
