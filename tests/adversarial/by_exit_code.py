"""An adapter for a verifier that believes exit codes, as many do. It is forged by design."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

CALL = "\nif 'check' in globals(): check({})\nimport unittest\n"
UNITTEST = "if 'unittest.TestCase' in TESTS: unittest.main()\n"


def accepts(candidate: str, tests: dict[str, Any]) -> bool | None:
    if tests["form"] != "code":
        return None
    call = CALL.format(tests["entry_point"] or "None")
    program = f"{candidate}\n{tests['source']}\n{call}TESTS = {tests['source']!r}\n{UNITTEST}"
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-c", program], capture_output=True, timeout=5, check=False
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def main() -> None:
    for line in sys.stdin:
        case = json.loads(line)
        accepted = accepts(case["candidate"], case["tests"])
        answer = {"unsupported": True} if accepted is None else {"accepted": accepted}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
