"""`verifier check lean`, as a process with the service in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from clients import lean_theorem
from clients.command_line.proto_json import compact, message_json
from tests.clients.test_command_line import Shell
from verifier_service.model import LeanTheorem
from verifier_service.wire import spec_to_proto

STATEMENT = """\
def twice (n : Nat) : Nat := n + n

namespace Doubling
variable (n : Nat)

/-- What is asked. -/
theorem twice_eq : twice n = 2 * n := by
  sorry
"""
PROOF = "by\n  unfold twice\n  rw [Nat.two_mul]\n"


@pytest.fixture
def verifier(tmp_path: Path) -> Shell:
    shell = Shell(tmp_path, None)
    shell.file("statement.lean", STATEMENT)
    return shell


async def test_a_proof_of_the_last_theorem_of_a_file(verifier: Shell) -> None:
    proof = verifier.file("proof.lean", PROOF)
    ended = await verifier("check", "lean", proof, "--theorem", "statement.lean")

    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("ACCEPTED  theorem-proved\n")
    assert "  Doubling.twice_eq  none\n" in ended.out
    assert "replayed: re-checked where the candidate never ran" in ended.out


async def test_holes_and_errors_are_shown_at_their_places(verifier: Shell) -> None:
    hole = verifier.file("hole.lean", "by\n  unfold twice\n  sorry\n")
    wrong = verifier.file("wrong.lean", "by\n  unfold twice\n  rw [Nat.add_comm, foo]\n")
    told = await verifier("check", "lean", hole, "--theorem", "statement.lean")
    failed = await verifier("check", "lean", wrong, "--theorem", "statement.lean")

    assert (told.code, failed.code) == (1, 1)
    assert "REJECTED  incomplete-proof" in told.out
    assert "hole.lean:3:3: error[sorry] This is left unproved.\n  3 |   sorry\n" in told.out
    assert "  goal:\n    n : Nat\n    ⊢ n + n = 2 * n\n" in told.out
    assert "wrong.lean:3:21: error[unknown-identifier] Unknown identifier `foo`" in failed.out


async def test_a_file_of_its_own_and_what_it_rests_on(verifier: Shell) -> None:
    text = "theorem a : 1 = 1 := rfl\ntheorem b (p : Prop) : p ∨ ¬p := Classical.em p\n"
    ended = await verifier("check", "lean", "-", stdin=text.encode())
    nothing = await verifier("check", "lean", "-", stdin=b"def a := 1\n")

    assert ended.code == 0
    assert "  a  none\n  b  Classical.choice, Quot.sound, propext\n" in ended.out
    assert (nothing.code, "nothing-proved" in nothing.out) == (1, True)


async def test_options_are_those_of_the_problem(verifier: Shell) -> None:
    proof = verifier.file("axiom.lean", "axiom extra : True\n" + STATEMENT.split("/--")[1])
    oracle = verifier.file("oracle.lean", "axiom oracle : 1 = 2\ntheorem goal : 1 = 2 := sorry\n")
    clean = await verifier("check", "lean", proof, "--theorem", "statement.lean", "--clean")
    use = verifier.file("use.lean", "oracle\n")
    asked = ("check", "lean", use, "--theorem", oracle)
    strict = await verifier(*asked)
    lenient = await verifier(*asked, "--axiom", "oracle", "--probe", "--json")

    assert clean.code == 1
    assert (strict.code, "disallowed-axiom" in strict.out) == (1, True)
    verdict = json.loads(lenient.out)["verdict"]
    assert lenient.code == 0
    assert verdict["lean"]["statementFindings"] == ["disproved"]
    assert verdict["lean"]["axioms"] == ["oracle"]


async def test_limits_are_inconclusive(verifier: Shell) -> None:
    loop = verifier.file(
        "loop.lean", "theorem a : 1 = 2 := by\n  repeat (have : True := trivial)\n"
    )
    ended = await verifier("check", "lean", loop, "--steps", "100")

    assert ended.code == 3
    assert "INCONCLUSIVE  heartbeats-exceeded" in ended.out
    assert "hint: Make it cheaper, or ask for more by `limits.deterministic_steps`." in ended.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "Give PROOF, or --spec SPEC.json."),
        (("empty.lean", "--theorem", "empty.lean"), "empty.lean: it states no theorem."),
        (("missing.lean",), "missing.lean can't be read"),
        (("-", "--theorem", "-"), "Only one file can be -, standard input."),
        (("empty.lean", "--theorem", "broken.lean"), "problem.lean_theorem.statement"),
    ],
)
async def test_what_is_wrong_is_said(
    verifier: Shell, arguments: tuple[str, ...], said: str
) -> None:
    verifier.file("empty.lean", "-- nothing\n")
    verifier.file("broken.lean", "theorem a : 1 = := sorry\n")
    ended = await verifier("check", "lean", *arguments)

    assert ended.code == 2
    assert said in ended.err


async def test_a_whole_spec(verifier: Shell) -> None:
    spec = lean_theorem(PROOF, name="t", statement=": 1 = 1", problem_id="x")
    file = verifier.file("spec.json", compact(message_json(spec_to_proto(spec))))
    proof = verifier.file("proof.lean", "rfl\n")

    ended = await verifier("check", "lean", proof, "--spec", file)

    assert (ended.code, ended.err) == (0, "")


def test_a_spec_in_one_line() -> None:
    spec = lean_theorem("by simp", name="t", statement=": p", allowed_axioms=["propext"])

    assert spec.problem.criterion == LeanTheorem(
        name="t", statement=": p", allowed_axioms=("propext",)
    )
    assert lean_theorem("x", whole_file=True).problem.criterion == LeanTheorem(whole_file=True)
