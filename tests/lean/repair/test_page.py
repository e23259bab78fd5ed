"""The page on repair says what the code does."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import io
import re
from pathlib import Path

from sandboxes.lean import repair
from sandboxes.lean.repair import tactics
from sandboxes.lean.repair.refine import RULES
from sandboxes.lean.repair.tactics import PORTFOLIO
from tests.lean.repair.test_service import engine_and_server  # noqa: F401 - fixture
from tests.project.markdown import ROOT, blocks, rows
from verifier_service.engine import Engine
from verifier_service.model.lean_repair import RepairEnding, RepairStage, SorrifyMode

PAGE = ROOT / "docs" / "lean-repair.md"


async def test_the_loop_of_the_page_proves_its_theorem(
    engine_and_server: tuple[Engine, str],  # noqa: F811
) -> None:
    (code,) = [block.text for block in blocks(PAGE) if block.language == "python"]
    said = io.StringIO()
    compiled = compile(code.replace("127.0.0.1:50051", engine_and_server[1]), str(PAGE), "exec")
    with contextlib.redirect_stdout(said):
        await asyncio.to_thread(exec, compiled, {})
    (_, shown) = [block.text for block in blocks(PAGE) if block.language == "text"]
    assert said.getvalue() == shown


def _rules_of_the_code() -> set[str]:
    """Every rule that some module of the package logs a change by."""
    found = set(RULES)
    modules = set(Path(repair.__file__).parent.glob("*.py")) - {Path(tactics.__file__)}
    for module in modules:
        for node in ast.walk(ast.parse(module.read_text())):
            values: list[ast.expr] = []
            if isinstance(node, ast.Tuple) and len(node.elts) == 3:
                values = node.elts[:1]
            elif isinstance(node, ast.Call):
                values = [word.value for word in node.keywords if word.arg == "rule"]
                if isinstance(node.func, ast.Name) and node.func.id in ("Alternative", "log"):
                    values += node.args[:2]
            for value in values:
                for one in ast.walk(value):
                    if isinstance(one, ast.Constant) and isinstance(one.value, str):
                        found |= set(re.findall(r"^[a-z]+(?:-[a-z]+)*$", one.value))
    return found


def test_every_rule_is_documented() -> None:
    documented = {
        rule: stage
        for names, stage, _ in rows(PAGE, "rule")
        for rule in names.replace("`", "").split(", ")
    }
    assert set(documented) == _rules_of_the_code()
    assert set(documented.values()) == {stage.value for stage in RepairStage}


def test_every_ending_and_mode_is_documented() -> None:
    endings = [name for name, _ in rows(PAGE, "ending")]
    assert sorted(endings) == sorted(ending.name for ending in RepairEnding)
    assert [name for name, _ in rows(PAGE, "mode")] == [mode.name for mode in SorrifyMode]


def test_every_tactic_is_named_in_its_order() -> None:
    text = PAGE.read_text()
    section = text[text.index("## Tactics") : text.index("Those of Mathlib")]
    assert re.findall(r"`([^`]+)`", section) == list(PORTFOLIO)
