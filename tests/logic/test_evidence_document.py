"""`docs/logic-evidence.md` says what the code does."""

from __future__ import annotations

import contextlib
import dataclasses
import io

from sandboxes.logic.theory import Effort
from tests.project.markdown import ROOT, blocks, rows

PAGE = ROOT / "docs" / "logic-evidence.md"


def test_the_examples_print_what_the_page_shows() -> None:
    examples = blocks(PAGE)
    names: dict[str, object] = {}
    for code, expected in zip(examples[::2], examples[1::2], strict=True):
        assert (code.language, expected.language) == ("python", "text")
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(code.text, names)
        assert printed.getvalue() == expected.text


def test_the_effort_is_what_the_page_says() -> None:
    documented = {name: int(default) for name, default, *_ in rows(PAGE, "effort")}
    assert documented == dataclasses.asdict(Effort())
