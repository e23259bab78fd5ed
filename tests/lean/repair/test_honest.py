"""Honest proofs come through a repair as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandboxes.lean.repair.checking import failures
from sandboxes.lean.repair.extract import extract
from sandboxes.lean.source import split_at_last_theorem
from tests.lean.repair.conftest import CheckerFor

FOLDER = Path(__file__).parent.parent / "honest"
HONEST = {file.stem: file.read_text() for file in sorted(FOLDER.glob("*.lean"))}


@pytest.mark.parametrize("name", HONEST)
async def test_an_honest_proof_is_what_it_was(checker_for: CheckerFor, name: str) -> None:
    source = HONEST[name]
    theorem = split_at_last_theorem(source)
    behind = source[source.index(theorem.statement) + len(theorem.statement) :]
    checker = checker_for(theorem)
    for candidate in (source, behind):
        made = extract(theorem, candidate)
        assert made.edits == ()
        assert failures((await checker(made.draft.source)).messages) == []
