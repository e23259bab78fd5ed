"""docs/errors.md says what the code does."""

from __future__ import annotations

from pathlib import Path

from verifier_service.model import ERRORS_BY_REASON, errors

DOCUMENT = Path(__file__).parent.parent / "docs" / "errors.md"


def documented() -> list[list[str]]:
    rows = [line for line in DOCUMENT.read_text().splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def test_every_reason_is_documented_with_its_code() -> None:
    in_the_document = [(reason.strip("`"), code.strip("`")) for reason, code, *_ in documented()]

    assert in_the_document == [(e.reason, e.code.name) for e in ERRORS_BY_REASON.values()]


def test_every_reason_says_what_it_means_who_retries_and_what_to_do() -> None:
    for _, _, meaning, who, what_to_do in documented():
        assert meaning.endswith(".")
        assert who
        assert what_to_do.endswith(".")


def test_the_tree_in_the_module_names_every_error_with_its_code() -> None:
    tree = errors.__doc__ or ""

    for error in ERRORS_BY_REASON.values():
        assert f"x {error.__name__:<21} {error.code.name}" in tree
