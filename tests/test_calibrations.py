"""The file of calibrations: what is written is read again, and what can't be used says why."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from verifier_service.application import application
from verifier_service.calibrations import UnusableCalibrations, add_calibration, read_calibrations
from verifier_service.engine.calibration import Calibration
from verifier_service.model import FalsePositiveEstimate
from verifier_service.settings import InvalidSettings, Settings

MADE = Calibration(
    estimate=FalsePositiveEstimate(
        rate=0.1,
        lower=0.05,
        upper=0.2,
        method="held-out-tests",
        sample_count=200,
        problem_count=40,
        problem_set="HumanEval/*",
        estimate_time=1_700_000_000.0,
    ),
    criterion="python_tests",
    environment="python3.11@sha256:" + "ab" * 32,
    sessions="qwen-*",
    tests={"HumanEval/0": "sha256:00"},
)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "calibrations.json"
    other = replace(MADE, sessions="*", tests={})
    add_calibration(path, MADE)
    add_calibration(path, other)

    assert read_calibrations(path) == (MADE, other)
    assert [entry.name for entry in tmp_path.iterdir()] == ["calibrations.json"]


def test_a_newer_one_takes_the_place_of_the_older(tmp_path: Path) -> None:
    path = tmp_path / "calibrations.json"
    newer = replace(MADE, estimate=replace(MADE.estimate, rate=0.11, estimate_time=1.8e9))
    add_calibration(path, MADE)
    add_calibration(path, newer)

    assert read_calibrations(path) == (newer,)


def test_a_file_of_something_else_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "notes.json"
    path.write_text('{"important": true}')

    with pytest.raises(UnusableCalibrations, match="is no file of calibrations"):
        add_calibration(path, MADE)
    assert path.read_text() == '{"important": true}'


def entry(**changes: Any) -> str:
    whole = {
        "problemSet": "a/*",
        "criterion": "python_tests",
        "environment": "python3.11",
        "rate": 0.1,
        "lower": 0.0,
        "upper": 0.2,
        "method": "held-out-tests",
        "samples": 10,
        "problems": 2,
        "time": "2026-11-22T00:00:00Z",
    }
    kept = {name: value for name, value in (whole | changes).items() if value is not ...}
    return json.dumps({"calibrations": [kept]})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("{", "Invalid JSON", id="torn"),
        pytest.param("[]", "Input should be an object", id="list"),
        pytest.param(entry(rate=...), r"calibrations\.0\.rate: Field required", id="no-rate"),
        pytest.param(entry(rate=1.5, upper=1.6), r"calibrations\.0\.rate", id="rate-above-one"),
        pytest.param(entry(rate=0.3), "not in this order", id="rate-outside"),
        pytest.param(entry(lower="NaN"), r"calibrations\.0\.lower", id="not-a-number"),
        pytest.param(entry(problemSet=""), r"calibrations\.0\.problemSet", id="no-problems"),
        pytest.param(entry(criterion="chess"), r"calibrations\.0\.criterion", id="unknown-kind"),
        pytest.param(entry(time="2026-11-22"), r"calibrations\.0\.time", id="date-alone"),
        pytest.param(entry(rates=1), r"calibrations\.0\.rates: Extra", id="misspelt"),
        pytest.param(entry(samples=-1), r"calibrations\.0\.samples", id="negative"),
    ],
)
def test_what_can_not_be_used_says_where_and_why(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "calibrations.json"
    path.write_text(text)

    with pytest.raises(UnusableCalibrations, match=said):
        read_calibrations(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnusableCalibrations, match=r"none\.json can't be read: No such file"):
        read_calibrations(tmp_path / "none.json")


def test_a_service_does_not_start_with_a_broken_file(tmp_path: Path) -> None:
    broken = tmp_path / "calibrations.json"
    broken.write_text("{")
    settings = Settings(calibrations=broken, store_path=tmp_path / "store.db")

    async def start() -> None:
        async with application(settings, ()):
            pass

    with pytest.raises(InvalidSettings, match="calibrations: "):
        asyncio.run(start())
