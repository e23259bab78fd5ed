"""Files of verdicts: what they say, and what is wrong with those that can't be used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from proposer.estimation.counts import Answer, Counts, Truth
from proposer.estimation.plans import acceptances, read_numbers, write_numbers
from proposer.estimation.records import (
    UnusableRecords,
    observations,
    read_records,
    read_truths,
    require_one_source,
    require_same_candidates,
    trusting_rejections,
    with_truth,
)

ENVIRONMENT = "python3.11@sha256:ab"


def line(
    problem: str,
    candidate: str,
    outcome: str,
    *,
    suite: str = "weak",
    environment: str = ENVIRONMENT,
    evidence: str = "python",
) -> dict[str, Any]:
    """What `verifier batch` writes of one candidate."""
    return {
        "problemId": problem,
        "candidateId": candidate,
        "verdict": {
            "outcome": f"OUTCOME_{outcome}",
            evidence: {},
            "provenance": {
                "verificationDigest": f"sha256:{suite}-{problem}-{candidate}",
                "environment": environment,
            },
        },
    }


def truth(problem: str, candidate: str, word: str) -> dict[str, Any]:
    return {"problemId": problem, "candidateId": candidate, "truth": word}


def write(path: Path, *lines: dict[str, Any] | str) -> Path:
    texts = [one if isinstance(one, str) else json.dumps(one) for one in lines]
    path.write_text("".join(f"{text}\n" for text in texts))
    return path


ERROR = {"problemId": "p", "candidateId": "e", "error": {"code": 14, "message": "gone"}}
WEAK = (
    line("p", "a", "ACCEPTED"),
    line("p", "b", "ACCEPTED"),
    line("p", "c", "REJECTED"),
    line("p", "d", "INCONCLUSIVE"),
    ERROR,
)


def test_verdicts_become_answers_and_errors_are_inconclusive(tmp_path: Path) -> None:
    records = read_records(write(tmp_path / "weak.jsonl", *WEAK))

    assert [record.answer for record in records] == [
        Answer.ACCEPTED,
        Answer.ACCEPTED,
        Answer.REJECTED,
        Answer.INCONCLUSIVE,
        Answer.INCONCLUSIVE,
    ]
    assert require_one_source(records, tmp_path) == ("python_tests", ENVIRONMENT)


def test_a_stronger_verifiers_verdicts_are_truth_and_its_doubts_are_none(tmp_path: Path) -> None:
    weak = write(tmp_path / "weak.jsonl", *WEAK)
    strong = write(
        tmp_path / "strong.jsonl",
        line("p", "a", "ACCEPTED", suite="strong"),
        line("p", "b", "INCONCLUSIVE", suite="strong"),
        line("p", "c", "REJECTED", suite="strong"),
    )
    records = with_truth(read_records(weak), read_truths(strong), names=(weak, strong))

    assert [record.truth for record in records] == [
        Truth.RIGHT,
        Truth.UNKNOWN,
        Truth.WRONG,
        Truth.UNKNOWN,
        Truth.UNKNOWN,
    ]
    assert [record.asked for record in records] == [True, True, True, False, False]


def test_a_person_may_say_what_is_true(tmp_path: Path) -> None:
    weak = write(tmp_path / "weak.jsonl", *WEAK)
    said = write(tmp_path / "audits.jsonl", truth("p", "a", "wrong"), truth("p", "b", "right"))
    records = with_truth(read_records(weak), read_truths(said), names=(weak, said))
    counts = Counts.of(observations(records))

    assert (counts.false_positives.sum(), counts.true_positives.sum()) == (1, 1)


@pytest.mark.parametrize(
    ("more", "answer"),
    [
        pytest.param({"judgement": {"outcome": "NO_CANDIDATE"}}, Answer.REJECTED, id="no-code"),
        pytest.param({"judgement": {"outcome": "UNUSABLE"}}, Answer.REJECTED, id="unusable"),
        pytest.param({"judgement": {"outcome": "ERROR"}}, Answer.INCONCLUSIVE, id="error"),
        pytest.param({"sample": {"state": "failed"}}, Answer.INCONCLUSIVE, id="no-sample"),
        pytest.param({"judgement": {"outcome": "ACCEPTED"}}, Answer.INCONCLUSIVE, id="word-alone"),
    ],
)
def test_exports_of_campaigns_are_read(tmp_path: Path, more: Any, answer: Answer) -> None:
    path = write(tmp_path / "export.jsonl", {"problemId": "p", "candidateId": "a"} | more)

    assert [record.answer for record in read_records(path)] == [answer]


def test_trusted_rejections_are_wrong_unless_known_to_be_right(tmp_path: Path) -> None:
    weak = write(tmp_path / "weak.jsonl", *WEAK, line("p", "f", "REJECTED"))
    said = write(tmp_path / "audits.jsonl", truth("p", "f", "right"))
    records = with_truth(read_records(weak), read_truths(said), names=(weak, said))
    truths = {record.candidate: record.truth for record in trusting_rejections(records)}

    assert truths["c"] is Truth.WRONG
    assert truths["f"] is Truth.RIGHT
    assert truths["a"] is truths["d"] is truths["e"] is Truth.UNKNOWN


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        pytest.param([], "has no lines. Give it what `verifier batch` wrote", id="empty"),
        pytest.param(["[1]"], "line 1, is no line that `verifier batch` writes", id="list"),
        pytest.param(["{"], "line 1, is no JSON", id="not-json"),
        pytest.param(["[" * 100_000], "line 1, is no JSON", id="too-deep"),
        pytest.param([{"problemId": "p", "candidateId": "a"}], "needs problemId", id="bare"),
        pytest.param(
            [{"problemId": 7, "candidateId": "a", "verdict": {}}], "is no line", id="id-a-number"
        ),
        pytest.param([line("p", "a", "SURE")], "is no line", id="unknown-outcome"),
        pytest.param(
            [{"problemId": "p", "candidateId": "a", "verdict": {"outcome": 1}}],
            "is no line",
            id="outcome-a-number",
        ),
        pytest.param([line("", "a", "ACCEPTED")], "has no problemId", id="no-problem"),
        pytest.param(
            [line("p", "a", "ACCEPTED"), line("p", "a", "REJECTED")],
            "line 2, is about candidate 'a' of problem 'p', and so is line 1",
            id="duplicate",
        ),
        pytest.param([truth("p", "a", "right")], "has a truth and no verdict", id="truth-alone"),
        pytest.param([truth("p", "a", "maybe")], 'truth is none of "right"', id="unknown-truth"),
    ],
)
def test_verdicts_that_can_not_be_used_say_why(tmp_path: Path, lines: list[Any], said: str) -> None:
    path = write(tmp_path / "weak.jsonl", *lines)

    with pytest.raises(UnusableRecords, match=said):
        read_records(path)


def test_a_file_that_is_cut_off_says_how_to_go_on(tmp_path: Path) -> None:
    path = write(tmp_path / "weak.jsonl", *WEAK)
    path.write_bytes(path.read_bytes()[:-20])

    with pytest.raises(UnusableRecords, match=r"line 5, is cut off.*Run the same `verifier batch`"):
        read_records(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnusableRecords, match=r"none\.jsonl can't be read: No such file"):
        read_records(tmp_path / "none.jsonl")


@pytest.mark.parametrize(
    ("strong", "said"),
    [
        pytest.param([line("p", "a", "ACCEPTED")], "is the same verification", id="itself"),
        pytest.param([truth("q", "a", "right")], "about other problems", id="other-problems"),
        pytest.param(
            [truth("p", "a", "right"), truth("p", "z", "right")],
            r"1 of 2 lines of .* does not have; the first is line 2, candidate 'z'",
            id="other-candidates",
        ),
    ],
)
def test_truth_that_is_none_is_refused(tmp_path: Path, strong: list[Any], said: str) -> None:
    weak, other = write(tmp_path / "weak.jsonl", *WEAK), write(tmp_path / "strong.jsonl", *strong)

    with pytest.raises(UnusableRecords, match=said):
        with_truth(read_records(weak), read_truths(other), names=(weak, other))


def test_truth_has_to_name_its_candidate(tmp_path: Path) -> None:
    path = write(tmp_path / "strong.jsonl", truth("p", "", "right"))

    with pytest.raises(UnusableRecords, match="has no candidateId"):
        read_truths(path)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        pytest.param(
            line("p", "z", "ACCEPTED", environment="python3.12@sha256:cd"),
            r"mixes 2 environments: 'python3.11@sha256:ab' and, on line 6, 'python3.12",
            id="environments",
        ),
        pytest.param(
            line("p", "z", "ACCEPTED", evidence="logic"),
            "mixes 2 kinds of problem: 'python_tests' and, on line 6, 'logic'",
            id="kinds",
        ),
    ],
)
def test_mixed_files_are_told_apart(tmp_path: Path, other: dict[str, Any], said: str) -> None:
    path = write(tmp_path / "weak.jsonl", *WEAK, other)

    with pytest.raises(UnusableRecords, match=said):
        require_one_source(read_records(path), path)


def test_two_suites_need_the_same_candidates(tmp_path: Path) -> None:
    first = write(tmp_path / "a.jsonl", line("p", "a", "ACCEPTED"))
    second = write(tmp_path / "b.jsonl", line("p", "b", "ACCEPTED"))

    with pytest.raises(UnusableRecords, match="2 are in one alone, for instance 'a' of problem"):
        require_same_candidates(read_records(first), read_records(second), names=(first, second))


def test_a_plan_is_read_as_it_was_written(tmp_path: Path) -> None:
    plan = {("p", "a"): 0.25, ("p", "b"): 1.0}
    write_numbers(tmp_path / "plan.jsonl", plan, "chance")

    assert read_numbers(tmp_path / "plan.jsonl", "chance") == plan


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param([{"problemId": "p", "candidateId": "a", "chance": 2}], id="no-chance"),
        pytest.param([{"problemId": "p", "candidateId": "a", "chance": "1"}], id="a-text"),
        pytest.param([{"problemId": "p", "candidateId": "a", "suspicion": 1}], id="other-kind"),
        pytest.param([{"problemId": "p", "candidateId": "a", "chance": 1}] * 2, id="twice"),
    ],
)
def test_plans_that_can_not_be_used_say_so(tmp_path: Path, lines: list[Any]) -> None:
    with pytest.raises(UnusableRecords, match=r"line \d"):
        read_numbers(write(tmp_path / "plan.jsonl", *lines), "chance")


def test_an_audit_that_the_plan_could_not_draw_is_refused(tmp_path: Path) -> None:
    weak = write(tmp_path / "weak.jsonl", *WEAK)
    said = write(tmp_path / "audits.jsonl", truth("p", "a", "right"))
    records = with_truth(read_records(weak), read_truths(said), names=(weak, said))

    with pytest.raises(UnusableRecords, match="'a' of problem 'p' was audited and the plan"):
        acceptances(records, chances={("p", "b"): 0.5})
