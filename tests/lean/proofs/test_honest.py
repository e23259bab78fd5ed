"""Honest proofs, each as a whole file and as what stands behind the statement."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandboxes.lean.source import split_at_last_theorem
from tests.lean.proofs.conftest import Verify, evidence
from verifier_service.model import Assurance, LeanTheorem, Outcome

FOLDER = Path(__file__).parent.parent / "honest"
HONEST = {file.stem: file.read_text() for file in sorted(FOLDER.glob("*.lean"))}


@pytest.mark.parametrize("name", HONEST)
async def test_an_honest_proof_is_accepted_in_every_form(verify: Verify, name: str) -> None:
    source = HONEST[name]
    theorem = split_at_last_theorem(source)
    behind = source[source.index(theorem.statement) + len(theorem.statement) :]

    for candidate in (source, behind):
        verdict = await verify(candidate, theorem)

        assert verdict.outcome is Outcome.ACCEPTED, (candidate, verdict)
        assert verdict.assurance is Assurance.REPLAYED
        assert evidence(verdict).replayed_by == ("lean-kernel",)
        assert not evidence(verdict).uses_sorry


@pytest.mark.parametrize("name", HONEST)
async def test_an_honest_file_proves_its_own_theorems(verify: Verify, name: str) -> None:
    verdict = await verify(HONEST[name], LeanTheorem(whole_file=True))

    assert verdict.reason == "file-proved", verdict
    stated = {one.name for one in evidence(verdict).declarations if one.is_target}
    assert split_at_last_theorem(HONEST[name]).name in stated


def test_there_are_enough_of_them() -> None:
    own = [text for name, text in HONEST.items() if not name.startswith("minicore_")]
    lengths = [len(text.splitlines()) for text in own]

    assert len(HONEST) - len(own) == 16
    assert len(own) >= 60
    assert min(lengths) == 1
    assert max(lengths) >= 190
