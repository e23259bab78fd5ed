"""docs/estimation.md says what the functions do."""

from __future__ import annotations

import contextlib
import io
import re

from proposer.estimation import definitions, power_law
from tests.project.markdown import ROOT, blocks, rows

PAGE = ROOT / "docs" / "estimation.md"


def test_the_example_prints_what_the_page_says() -> None:
    example, printed = blocks(PAGE)
    said = io.StringIO()

    with contextlib.redirect_stdout(said):
        exec(example.text, {})

    assert said.getvalue() == printed.text


def test_every_quantity_of_the_page_is_a_function_and_the_other_way_round() -> None:
    named = {re.split(r"[`(.]", cells[1].strip("`"))[0] for cells in rows(PAGE, "quantity")}
    quantities = set(definitions.__all__) - {
        "BestOf",
        "Prices",
        "Quantity",
        "largest_k",
        "missing_bounds",
    }

    assert named - {"power_law"} == quantities
    assert "power_law" in power_law.__all__


def test_every_function_that_the_page_names_exists() -> None:
    modules = ("audits", "capture_recapture", "definitions", "hierarchy", "intervals", "power_law",
               "selection", "sequences", "stopping", "counts", "ratios")  # fmt: skip
    text = "\n".join((ROOT / "proposer/estimation" / f"{name}.py").read_text() for name in modules)
    mentioned = re.findall(r"`(?:[a-z_]+\.)?(\w+)(?:\(…\)(?:\.\w+)?)?`", PAGE.read_text())
    others = {"estimation", "confseq", "numpy", "scipy", *modules}
    missing = [
        name
        for name in mentioned
        if name not in others and not re.search(rf"\b(def|class) {name}\b", text)
    ]

    assert missing == []
