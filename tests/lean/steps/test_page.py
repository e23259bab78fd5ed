"""The page on step sessions says what the code does."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import io
import json
import sys

from tests.lean.steps.test_service import engine, server, sessions  # noqa: F401 - fixtures
from tests.project.markdown import ROOT, blocks, rows
from verifier_service.model.lean_steps import StateFeatures, StopReason, TacticFailure
from verifier_service.server import VerifierServer

PAGE = ROOT / "docs" / "lean-steps.md"
CODE = [block.text for block in blocks(PAGE) if block.language == "python"]


async def test_the_search_of_the_page_finds_a_proof(server: VerifierServer) -> None:  # noqa: F811
    code = compile(CODE[0].replace("127.0.0.1:50051", server.address), str(PAGE), "exec")
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        await asyncio.to_thread(exec, code, {})
    assert said.getvalue().startswith("by\n  constructor\n  exact h.2\n")


def test_the_code_for_other_tools_imports_what_there_is() -> None:
    (imports, function) = CODE[1].split("\n\n\n")
    exec(imports, {})
    ast.parse(function)


def test_every_feature_and_reason_is_named() -> None:
    assert [name for name, _ in rows(PAGE, "feature")] == [
        name
        for name in ("goal_count", "case_tags", "size", "depth", "changed", "digest", "same_as")
        if name in StateFeatures.__slots__
    ]
    text = PAGE.read_text()
    for value in (*StopReason, *TacticFailure):
        assert f"`{value.name}`" in text


async def test_the_benchmark_of_the_page_measures() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.lean_steps", "--steps=2", "--stops=1", "--json"),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    figures = json.loads(out)
    assert process.returncode == 0
    assert all(value > 0 for name, value in figures.items() if "kept" not in name)
    assert "step, of a fresh process" in figures
