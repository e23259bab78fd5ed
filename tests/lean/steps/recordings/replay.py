"""Answers requests as a tool was recorded to: `replay.py repl|pantograph RECORDING [COUNT_FILE]`.

A request that is not in the recording ends it; the tactic `hang` is never answered. Each
start is counted in COUNT_FILE.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any


def answer(recording: list[dict[str, Any]], request: dict[str, Any]) -> Any:
    if "header" in request:
        return {"env": 0}
    for pair in recording:
        known = pair["request"]
        if known == request or ("cmd" in known and "cmd" in request):
            return pair["answer"]
    sys.exit(1)


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main() -> None:
    tool, recording_path, *count = sys.argv[1:]
    recording = json.loads(Path(recording_path).read_text())
    if count:
        with Path(count[0]).open("a") as file:
            file.write("started\n")
    if tool == "pantograph":
        say("ready.")
    for line in sys.stdin:
        if not line.strip():
            continue
        request = json.loads(line)
        if tool == "pantograph" and request["cmd"] == "goal.tactic":
            request = request["payload"]
        if request.get("tactic") == "hang":
            time.sleep(600)
        if tool == "repl" and request.get("cmd") == "":
            request = {"header": True}
        said = answer(recording, request)
        if tool == "pantograph":
            say(json.dumps(said))
        else:
            say(json.dumps(said, indent=1) + "\n")


if __name__ == "__main__":
    main()
