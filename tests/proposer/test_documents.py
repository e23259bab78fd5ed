"""What the documents say of the proposer is what it does."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import re
import shlex
import sys
from pathlib import Path

import pytest

from proposer.models import BrokenAnswer, ModelBusy, ModelRefused, ModelUnreachable
from proposer.prompts import template_names
from proposer.strategies import STRATEGIES
from tests.project.markdown import ROOT, blocks, rows
from tests.proposer.local_models import local_model

PAGE = ROOT / "docs" / "proposer.md"
PROMPTS = ROOT / "docs" / "prompts.md"


def test_every_strategy_is_documented() -> None:
    assert [name for name, _ in rows(PAGE, "strategy")] == list(STRATEGIES)


def test_every_option_is_documented_with_its_default() -> None:
    documented = {
        (strategy.strip().strip("`"), option): default
        for option, default, strategies, _ in rows(PAGE, "option")
        for strategy in strategies.split(",")
    }
    options = {
        (name, field.name): str(field.default)
        for name, kind in STRATEGIES.items()
        for field in dataclasses.fields(kind)
        if field.init
    }

    assert documented == options


def test_every_end_is_documented() -> None:
    documented = {reason for reason, *_ in rows(PAGE, "reason") if reason.startswith("model-")}
    errors = (BrokenAnswer, ModelBusy, ModelRefused, ModelUnreachable)
    reasons = {error.reason.lower().replace("_", "-").removeprefix("model-") for error in errors}

    assert documented == {f"model-{reason}" for reason in reasons}


def test_every_template_is_shown_as_it_is() -> None:
    shown = dict(re.findall(r"^## (\S+)\n\n~~~text\n(.*?)^~~~$", PROMPTS.read_text(), re.M | re.S))
    files = {
        name: (ROOT / "proposer" / "prompts" / f"{name}.txt").read_text()
        for name in template_names()
    }

    assert shown == files


@pytest.mark.parametrize("index", range(2))
async def test_the_code_of_the_page_runs(tmp_path: Path, index: int) -> None:
    code = [block.text for block in blocks(PAGE) if block.language == "python"]
    ended, out = await run(tmp_path, sys.executable, "-W", "error", "-c", code[index])

    assert len(code) == 2
    assert ended == 0, out
    assert ("seed 9" in out) if index == 0 else ("return a + b" in out)


async def test_the_first_campaign_of_the_page_runs(tmp_path: Path) -> None:
    local_model("smollm2-135m")
    (block,) = (block for block in blocks(PAGE) if block.language == "sh")
    cache = os.environ.get("XDG_CACHE_HOME") or f"{Path.home()}/.cache"
    verifier = f"{shlex.quote(sys.executable)} -m clients.command_line"
    script = f'set -e\nverifier() {{ {verifier} "$@"; }}\n{block.text}'
    ended, out = await run(tmp_path, "sh", "-c", script, XDG_CACHE_HOME=cache)

    assert ended == 0, out
    assert "2 of 2 problems ended" in out
    assert (tmp_path / "samples.jsonl").read_text().count("\n") >= 2


async def run(home: Path, *command: str, **environment: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=home,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "PYTHONPATH": str(ROOT),
            **environment,
        },
    )
    out, _ = await process.communicate()
    return process.returncode, out.decode()
