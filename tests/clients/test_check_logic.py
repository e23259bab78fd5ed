"""`verifier check logic`, as a process with the service in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.clients.test_command_line import Shell

SYLLOGISM = "all x. (Man(x) -> Mortal(x))\nMan(socrates)\nMortal({name})\n"


@pytest.fixture
def verifier(tmp_path: Path) -> Shell:
    return Shell(tmp_path, None)


async def test_an_argument_is_shown_with_what_it_rests_on(verifier: Shell) -> None:
    file = verifier.file("syllogism.fol", SYLLOGISM.format(name="socrates"))
    ended = await verifier("check", "logic", file)

    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("ACCEPTED  answer-found  (entailed)")
    assert "It rests on:\n  all x. (Man(x) -> Mortal(x))\n  Man(socrates)" in ended.out
    assert "p1, for x = socrates: Man(socrates) → Mortal(socrates)" in ended.out
    assert "cross-checked" in ended.out
    assert "grounding" not in ended.out


async def test_a_countermodel_is_shown_in_words(verifier: Shell) -> None:
    text = SYLLOGISM.format(name="plato").encode()
    ended = await verifier("check", "logic", "-", "--explain", stdin=text)

    assert ended.code == 0
    assert "(independent)" in ended.out
    assert "A case in which the premises hold and the conclusion fails:" in ended.out
    assert "All premises hold, and the conclusion fails." in ended.out
    assert "grounding" in ended.out


@pytest.mark.parametrize(
    ("expect", "code", "said"),
    [
        ("entailed", 0, "answer-as-expected"),
        ("contradicted", 1, "other-answer"),
        ("inconsistent-premises", 1, "other-answer"),
    ],
)
async def test_an_expected_answer_decides(
    verifier: Shell, expect: str, code: int, said: str
) -> None:
    file = verifier.file("syllogism.fol", SYLLOGISM.format(name="socrates"))
    ended = await verifier("check", "logic", file, "--expect", expect)

    assert ended.code == code
    assert said in ended.out


async def test_trusted_premises_and_a_conclusion_of_somebodys(verifier: Shell) -> None:
    premises = verifier.file("premises.fol", "all x. (Man(x) -> Mortal(x))\nMan(socrates)")
    own = verifier.file("own.fol", "Mortal(socrates)")
    begged = await verifier(
        "check", "logic", own, "--conclusion", "Mortal(socrates)", "--expect", "entailed"
    )
    drawn = await verifier("check", "logic", own, "--premises", premises, "--expect", "entailed")

    assert (begged.code, "conclusion-assumed" in begged.out) == (3, True)
    assert (drawn.code, "answer-as-expected" in drawn.out) == (0, True)


async def test_a_reference_decides(verifier: Shell) -> None:
    file = verifier.file("own.fol", "exists x. (Q(x) & P(x))")
    same = await verifier("check", "logic", file, "--reference", "exists x. (P(x) & Q(x))")
    other = await verifier("check", "logic", file, "--reference", "exists x. (P(x) | Q(x))")

    assert (same.code, "formula-equivalent" in same.out) == (0, True)
    assert (other.code, "not-equivalent" in other.out) == (1, True)
    assert "A case in which the formula and the reference disagree:" in other.out


async def test_the_name_of_a_file_tells_its_language(verifier: Shell) -> None:
    file = verifier.file("problem.p", "fof(a, axiom, p).\nfof(g, conjecture, p | q).\n")
    ended = await verifier("check", "logic", file, "--json")

    assert ended.code == 0
    assert ended.json["verdict"]["logic"]["entailment"] == "ENTAILMENT_ENTAILED"
    assert ended.json["verdict"]["assurance"] == "ASSURANCE_CROSS_CHECKED"


async def test_what_can_not_be_read_is_quoted(verifier: Shell) -> None:
    file = verifier.file("broken.fol", "P(a)\nall x. (P(x) -> Q(x)\n")
    ended = await verifier("check", "logic", file)

    assert ended.code == 1
    assert "broken.fol:2:8: error[unbalanced]" in ended.out


async def test_a_whole_spec(verifier: Shell) -> None:
    logic = {"premises": ["P(a)"], "conclusion": "P(a) | Q(a)", "expected": "ENTAILMENT_ENTAILED"}
    spec = verifier.file("spec.json", json.dumps({"problem": {"logic": logic}, "candidate": {}}))
    ended = await verifier("check", "logic", "--spec", spec)

    assert (ended.code, "answer-as-expected" in ended.out) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Give PROBLEM"),
        (["missing.fol"], "missing.fol can't be read"),
        (["-", "--syntax", "prolog"], "problem.logic.syntax"),
        (["-", "--expect", "perhaps"], "perhaps"),
        (["-", "--spec", "x.json", "--syntax", "fol"], "leave out"),
    ],
)
async def test_wrong_usage(verifier: Shell, arguments: list[str], said: str) -> None:
    ended = await verifier("check", "logic", *arguments, stdin=b"P(a)")

    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err
