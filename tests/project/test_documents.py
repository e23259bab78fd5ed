"""What the documents say is what the code does."""

from __future__ import annotations

import itertools
import os
import re
from pathlib import Path
from unittest.mock import create_autospec

import pytest

from sandboxes.isolation.bubblewrap import BubblewrapBackend
from sandboxes.isolation.cgroups import CgroupSlots
from sandboxes.isolation.docker import DockerBackend
from sandboxes.isolation.interpreter import Interpreter
from sandboxes.lean import judge as lean_judge
from sandboxes.lean import lints
from sandboxes.logic import judge as logic_judge
from sandboxes.python_tests.jailed import test_code as jailed_test_code
from sandboxes.python_tests.judge import INCONCLUSIVE, SUMMARIES
from tests.project.markdown import PAGES, ROOT, rows
from verifier_service.model import MINIMUM_ISOLATION, Assurance

DOCS = ROOT / "docs"


def outcome_of(reason: str) -> str:
    if reason == "tests-passed":
        return "ACCEPTED"
    return "INCONCLUSIVE" if reason in INCONCLUSIVE else "REJECTED"


def test_every_reason_is_documented_with_its_outcome() -> None:
    documented = {reason: outcome for reason, outcome, *_ in rows(DOCS / "reasons.md", "reason")}

    assert documented == {reason: outcome_of(reason) for reason in ["tests-passed", *SUMMARIES]}


def test_every_reason_of_logic_is_documented_with_its_outcome() -> None:
    table = rows(DOCS / "reasons.md", "logic reason")
    documented = {reason: outcome for reason, outcome, *_ in table}
    reasons = [*logic_judge.ACCEPTING, *logic_judge.SUMMARIES]

    assert documented == {reason: logic_judge.outcome(reason).name for reason in reasons}


def test_every_reason_of_lean_is_documented_with_its_outcome() -> None:
    table = rows(DOCS / "reasons.md", "lean reason")
    documented = {reason: outcome for reason, outcome, *_ in table}

    assert documented == {
        reason: lean_judge.outcome(reason).name for reason in lean_judge.SUMMARIES
    }


def test_every_word_that_lean_proofs_may_not_use_is_documented() -> None:
    documented = {word for word, *_ in rows(DOCS / "lean.md", "word")}
    attributes = {f"@[{attribute}]" for attribute in lints.FORBIDDEN_ATTRIBUTES}
    others = {"prelude", "module", "open private", "set_option debug.…"}

    assert documented == {*lints.FORBIDDEN_WORDS, *attributes, *others}


@pytest.mark.parametrize("kind", ["reason", "logic reason", "lean reason"])
def test_every_reason_says_what_it_means_and_what_to_do(kind: str) -> None:
    for reason, _, meaning, what_to_do in rows(DOCS / "reasons.md", kind):
        assert meaning.endswith("."), reason
        assert what_to_do.endswith("."), reason


def test_every_level_of_assurance_is_documented() -> None:
    documented = [(name, int(n)) for name, n, *_ in rows(DOCS / "assurance.md", "level")]

    assert documented == [(level.name, level.value) for level in Assurance]


def test_every_layer_of_isolation_is_documented(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = create_autospec(CgroupSlots, enforced=("memory-exact", "processes-exact"))
    enforced: set[str] = set()
    for user, slots in itertools.product((0, 1000), (None, counted)):
        monkeypatch.setattr(os, "geteuid", lambda user=user: user)
        backend = BubblewrapBackend(Path("bwrap"), Interpreter.running(), slots)
        enforced |= set(backend.isolation.enforced)
    contained = DockerBackend.__new__(DockerBackend)
    contained._runtime, contained._in_gvisor = "runsc", True
    contained._cell_filter, contained._sees_processes = "", True
    enforced |= set(contained.isolation.enforced)
    documented = [layer for layer, _ in rows(DOCS / "threat-model.md", "layer")]
    documented += [layer for layer, _ in rows(DOCS / "docker.md", "layer of containers")]

    assert set(documented) == enforced | {"seccomp"}
    assert set(MINIMUM_ISOLATION) <= set(documented)
    assert len(documented) == len(set(documented))


def test_the_names_that_make_a_channel_shared_are_documented() -> None:
    text = (DOCS / "how-a-verdict-is-made.md").read_text()
    (sentence,) = re.findall(r"Test code that uses (.*?) runs in the checker", text, re.DOTALL)

    assert set(re.findall(r"`(\w+)`", sentence)) == jailed_test_code.EVALUATING


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text()):
        if not target.startswith("https://"):
            assert (page.parent / target.partition("#")[0]).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_are_named_exist(page: Path) -> None:
    named = re.findall(
        r"`((?:tests|benchmarks|sandboxes|proto|docs|scripts)/[\w/.-]+)`", page.read_text()
    )

    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_index_lists_every_page() -> None:
    index = (DOCS / "README.md").read_text()

    assert [page.name for page in DOCS.glob("*.md") if f"({page.name})" not in index] == [
        "README.md"
    ]
