"""The page on syntax names each code and limit, and its examples are read as it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sandboxes.logic.finite_models import read_model
from sandboxes.logic.printing import printed
from sandboxes.logic.reader import Dialect, ErrorCode, LintCode, Role, Source, limits, read
from sandboxes.logic.reader.findings import MAX_ERRORS
from sandboxes.logic.syntax import DEPTH_LIMIT
from sandboxes.logic.truth_tables import read_truth_table

PAGE = (Path(__file__).parents[2] / "docs" / "logic-syntax.md").read_text()


def _section(title: str) -> str:
    return PAGE.split(f"## {title}\n")[1].split("\n## ")[0]


def _codes(title: str) -> list[str]:
    return _codes_in(_section(title))


def _codes_in(text: str) -> list[str]:
    return re.findall(r"^\| `([a-z0-9-]+)` \|", text, re.MULTILINE)


def test_codes_are_documented_in_order() -> None:
    assert _codes("Errors") == sorted(ErrorCode)
    assert _codes("Lints") == sorted(LintCode)
    assert _codes_in(PAGE.split("## Formulas")[0]) == ["syntax", *Dialect]


def test_limits_are_documented() -> None:
    errors = _section("Errors")
    for limit in (
        limits.MAX_CHARACTERS,
        limits.MAX_STATEMENTS,
        limits.MAX_NODES,
        limits.MAX_ARITY,
        limits.MAX_NAME,
        DEPTH_LIMIT,
        MAX_ERRORS,
    ):
        assert re.search(rf"\b{limit}\b", errors)


_EXAMPLES = re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize(("language", "text"), _EXAMPLES, ids=range(len(_EXAMPLES)))
def test_examples(language: str, text: str) -> None:
    if language in ("table", "model"):
        reader = read_truth_table if language == "table" else read_model
        whole, findings = reader(Source(language, text))
        assert whole, findings
        return
    reading = read([Source("source", text, Role.FORMALISATION)], Dialect(language))
    assert reading.problem, reading.findings
    assert reading.problem.goal
    assert printed(reading.problem.goal.formula).lower() == "barks(rex)"
    assert reading.dialect is Dialect(language)


_ROWS = re.findall(r"^\| ([∀∃¬∧∨⊕→↔=]) \| (.*?)(?:;.*)?\|$", _section("Formulas"), re.MULTILINE)


@pytest.mark.parametrize(("sign", "row"), _ROWS)
def test_spellings(sign: str, row: str) -> None:
    """Each spelling in the table means its sign."""
    pattern = "{0} x P(x)" if sign in "∀∃" else "{0} P(a)" if sign == "¬" else "a {0} b"
    expected = _formula(pattern.format(sign))
    for spelling in re.findall(r"`([^`]+)`", row):
        assert _formula(pattern.format(spelling.replace("\\|", "|"))) == expected, spelling


def _formula(text: str) -> object:
    problem = read([Source("source", text, Role.GOAL)]).problem
    assert problem, text
    assert problem.goal
    return problem.goal.formula
