"""The benchmark on published samples says what is in its data, on data of which that is known."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import false_positives
from benchmarks.false_positives import (
    Reference,
    accepted_samples,
    correlations,
    observed_rates,
    predicted,
    tables,
)


def sample(task: int, model: str, weak: str, strong: str, solution: str = "") -> dict[str, Any]:
    return {
        "task_id": f"HumanEval/{task}",
        "model": model,
        "config": "c",
        "temp": None,
        "round": 0,
        "solution": solution or f"{model} {weak} {strong}",
        "weak": weak,
        "strong": strong,
    }


def of_model(model: str, right: int, false: int, wrong: int) -> list[dict[str, Any]]:
    """So many samples of each kind for each of 20 problems."""
    verdicts = [("pass", "pass")] * right + [("pass", "fail")] * false + [("fail", "fail")] * wrong
    return [sample(task, model, weak, strong) for task in range(20) for weak, strong in verdicts]


def write(path: Path, samples: list[dict[str, Any]]) -> None:
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(one) + "\n" for one in samples)


def test_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models = {"strong": (9, 1, 0), "middling": (6, 2, 2), "weak": (3, 3, 4)}
    samples = [one for name, kinds in models.items() for one in of_model(name, *kinds)]
    samples += [sample(0, "weak", "pass", "timeout"), sample(0, "weak", "timeout", "skipped")]
    for name in ("humaneval", "mbpp"):
        write(tmp_path / f"samples_{name}.jsonl.gz", samples)
    known = [Reference("middling", "c", 0.8, 0.6, 0.25, 0.1, 0.4)]
    monkeypatch.setattr(false_positives, "REFERENCES", known)
    made = tables(tmp_path)
    (middling,) = made["models"]
    found = made["humaneval"]

    assert middling["weak"] == pytest.approx(0.8)
    assert middling["falseDiscoveries"][0] == pytest.approx(0.25)
    assert middling["ceiling"][0] == pytest.approx(0.75)
    assert middling["agrees"]
    assert (found["acceptances"], found["falsePositives"]) == (480, 120)
    assert found["configurations"] == 3
    assert found["correlation"][0] < -0.99
    assert found["slope"][0] == pytest.approx(-2 / 3, abs=0.02)


def test_wrong_solutions_count_once_and_undecided_ones_not_at_all() -> None:
    samples = [
        sample(0, "a", "pass", "fail", "x"),
        sample(0, "b", "pass", "fail", "x"),
        sample(0, "b", "fail", "fail", "y"),
        sample(0, "b", "pass", "pass", "z"),
        sample(0, "b", "pass", "timeout", "w"),
    ]

    assert observed_rates(samples) == {"HumanEval/0": (1, 2)}


def test_accepted_solutions_count_once_and_disputed_ones_not_at_all() -> None:
    samples = [
        sample(0, "a", "pass", "fail", "x"),
        sample(0, "b", "pass", "fail", "x"),
        sample(0, "b", "pass", "pass", "z"),
        sample(0, "a", "pass", "pass", "torn"),
        sample(0, "b", "pass", "fail", "torn"),
        sample(0, "b", "fail", "fail", "y"),
        sample(0, "b", "pass", "timeout", "w"),
    ]
    found = {(one.solution, one.wrong) for one in accepted_samples(samples)}

    assert found == {("x", True), ("z", False)}


def test_what_foretells_is_told_from_what_does_not() -> None:
    chance = np.random.default_rng(1)
    known = chance.uniform(size=80)
    follows = 0.5 * known + chance.normal(scale=0.05, size=80)
    idle = chance.uniform(size=80)

    assert correlations(known, follows)["spearman"][1] > 0.8
    assert (
        correlations(idle, follows)["spearman"][1] < 0 < correlations(idle, follows)["spearman"][2]
    )
    assert predicted(known, follows)["withMutants"] < predicted(known, follows)["meanAlone"] / 2
    assert predicted(idle, follows)["withMutants"] > predicted(idle, follows)["meanAlone"] * 0.9
