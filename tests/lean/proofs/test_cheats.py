"""Candidates that try to be accepted without a proof, against the real elaborator and kernel."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from sandboxes.lean import trial
from tests.lean.proofs.conftest import Verify
from verifier_service.model import Diagnostic, LeanTheorem, Outcome, Severity

FOLDER = Path(__file__).parent.parent / "cheats"
CHEATS = {file.stem: file.read_text() for file in sorted(FOLDER.glob("*.lean"))}


def keys_of(source: str) -> Mapping[str, str]:
    """What the first lines of a file say."""
    keys: dict[str, list[str]] = {}
    for line in source.splitlines():
        if line.startswith("--! "):
            key, _, value = line.removeprefix("--! ").partition(":")
            keys.setdefault(key, []).append(value.removeprefix(" "))
    return {key: "\n".join(values) for key, values in keys.items()}


def theorem_of(keys: Mapping[str, str]) -> LeanTheorem:
    return LeanTheorem(
        name=keys.get("name", "goal"),
        statement=keys.get("statement", ": (1 : Nat) = 2"),
        preamble=keys.get("preamble", ""),
        require_clean_file="clean" in keys,
    )


def errors(diagnostics: tuple[Diagnostic, ...]) -> list[Diagnostic]:
    return [one for one in diagnostics if one.severity is Severity.ERROR]


@pytest.mark.parametrize("name", CHEATS)
async def test_a_cheat_is_not_accepted(verify: Verify, name: str) -> None:
    keys = keys_of(CHEATS[name])

    verdict = await verify(CHEATS[name], theorem_of(keys), cpu_seconds=3)

    assert f"{verdict.outcome.name} {verdict.reason}" == keys["expect"], verdict.summary
    assert verdict.outcome is not Outcome.ACCEPTED
    if verdict.outcome is Outcome.REJECTED:
        assert errors(verdict.diagnostics), "a rejection names what is wrong"


@pytest.mark.parametrize("name", [name for name in CHEATS if "unlinted" in keys_of(CHEATS[name])])
async def test_a_cheat_is_not_accepted_where_no_word_is_refused(
    verify: Verify, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "refused", lambda _: ())
    keys = keys_of(CHEATS[name])

    verdict = await verify(CHEATS[name], theorem_of(keys), cpu_seconds=3)

    assert f"{verdict.outcome.name} {verdict.reason}" == keys["unlinted"], verdict.summary


def test_there_is_a_cheat_of_every_kind() -> None:
    tested_elsewhere = {
        22,  # holes in definitions, which problems do not have
        27,  # forged numbers in a compiled file: tests/lean/audit
        31,  # a hijacked output: test_containment.py
        32,  # code that runs while it is elaborated: test_containment.py
        35,  # memory: test_containment.py
        40,  # true for want of cases: test_statements.py
    }

    rows = {int(keys_of(cheat)["row"]) for cheat in CHEATS.values()}

    assert rows | tested_elsewhere == set(range(1, 41))
