"""The suite's data are what the documents say."""

from __future__ import annotations

import re
from collections import Counter

from sandboxes.conformance import ATTEMPTS, FORGERIES, JUDGING, every_check
from sandboxes.conformance.behaviours import BEHAVIOURS
from sandboxes.python_tests.judge import INCONCLUSIVE
from tests.project.markdown import ROOT, rows
from verifier_service.model import Outcome

PAGE = ROOT / "docs" / "conformance.md"


def test_names_are_unique() -> None:
    names = Counter(check.name for check in every_check())

    assert [name for name, count in names.items() if count > 1] == []


def test_every_layer_is_documented() -> None:
    documented = {name for name, _ in rows(ROOT / "docs" / "threat-model.md", "layer")}
    used = {layer for check in every_check() for layer in check.layers}

    assert used - documented - JUDGING.keys() == set()


def test_the_layers_beside_the_sandboxs_own_are_documented() -> None:
    assert [name for name, _ in rows(PAGE, "also")] == [*JUDGING]


def test_behaviours_end_for_reasons_that_exist() -> None:
    outcomes = {reason: outcome for reason, outcome, *_ in rows(ROOT / "docs/reasons.md", "reason")}

    for behaviour in BEHAVIOURS:
        assert {outcomes[reason] for reason in behaviour.reasons} == {behaviour.outcome.name}
        assert behaviour.reasons.isdisjoint(INCONCLUSIVE)


def test_the_documented_numbers_are_those_of_the_suite() -> None:
    groups = Counter(check.name.partition("/")[0] for check in every_check())
    documented = {name: int(count) for name, count, _ in rows(PAGE, "group")}

    assert documented == {**groups, "forgeries": len(FORGERIES)}


def test_the_corpus_has_honest_candidates_too() -> None:
    accepted = [one.name for one in FORGERIES.values() if one.outcome is Outcome.ACCEPTED]

    assert len(accepted) >= 6
    assert all(name.startswith("honest/") for name in accepted)


def test_a_service_can_run_the_self_test_without_the_command_line() -> None:
    package = (ROOT / "sandboxes" / "conformance" / "__init__.py").read_text()

    assert not re.search(r"\b(rich|typer|grpc)\b", package)
    assert len(ATTEMPTS) > 90
