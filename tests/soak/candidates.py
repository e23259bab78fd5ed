"""Candidates of every kind that a search comes up with, and what becomes of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from clients import python_calls, python_stdio, python_tests
from verifier_service.model import RequestedLimits, VerificationSpec

__all__ = ["ENDLESS", "KINDS", "Kind", "slow"]

Make = Callable[[str], VerificationSpec]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of candidate."""

    source: str
    weight: int
    """How common it is."""
    reasons: frozenset[str]
    """Reasons that its verdict may have; none where it never gets one by itself."""
    make: Make

    def candidate(self, number: int) -> VerificationSpec:
        """One that differs from all others."""
        return self.make(f"# candidate {number}\n{self.source}")


def _kind(source: str, *reasons: str, weight: int, make: Make | None = None) -> Kind:
    chosen = _code if make is None else make
    return Kind(source=source, weight=weight, reasons=frozenset(reasons), make=chosen)


def _code(source: str, **limits: float) -> VerificationSpec:
    requested = RequestedLimits(**limits)  # type: ignore[arg-type]  # those that are floats
    return python_tests(source, tests="assert f(1) == 2\nassert f(2) == 3", limits=requested)


def _little_cpu(source: str) -> VerificationSpec:
    return _code(source, cpu_seconds=0.2)


def _little_time(source: str) -> VerificationSpec:
    return _code(source, wall_seconds=0.3)


def _calls(source: str) -> VerificationSpec:
    return python_calls(source, "f", [((1,), 2), ((2,), 3)])


def _program(source: str) -> VerificationSpec:
    return python_stdio(source, [("1\n", "2\n"), ("2\n", "3\n")])


_RIGHT: Final = "def f(x): return x + 1"
_ANSWER: Final = "print(int(input()) + 1)"
_DAEMON: Final = (
    "import os, time\n"
    "if os.fork() == 0:\n"
    "    os.setsid()\n"
    "    if os.fork() == 0:\n"
    "        time.sleep(1000)\n"
    "    os._exit(0)\n"
)

KINDS: Final = (
    _kind(_RIGHT, "tests-passed", weight=24),
    _kind(_RIGHT, "tests-passed", weight=6, make=_calls),
    _kind(_ANSWER, "tests-passed", weight=6, make=_program),
    _kind("def f(x): return x - 1", "wrong-answer", weight=12),
    _kind("def f(x): return x - 1", "wrong-answer", weight=3, make=_calls),
    _kind("print(0)", "wrong-answer", weight=3, make=_program),
    _kind("def f(x): return undefined", "exception-raised", weight=6),
    _kind("def f(x) return x", "syntax-error", weight=3),
    _kind("import os\ndef f(x): os.kill(os.getpid(), 11)", "crashed", weight=5),
    _kind("import os\ndef f(x): os._exit(0)", "ended-early", weight=3),
    _kind("raise SystemExit(0)", "ended-early", weight=3),
    _kind(_DAEMON + _RIGHT, "tests-passed", weight=6),
    _kind(_DAEMON + _ANSWER, "tests-passed", weight=3, make=_program),
    _kind(f"open('/tmp/left', 'w').write('x' * 10**6)\n{_RIGHT}", "tests-passed", weight=3),
    _kind(f"print('x' * 10**6)\n{_RIGHT}", "tests-passed", weight=3),
    _kind("while True: pass", "cpu-time-exceeded", weight=1, make=_little_cpu),
    _kind("import time\ntime.sleep(99)", "wall-time-exceeded", weight=1, make=_little_time),
)

ENDLESS: Final = (
    _kind("import time\ntime.sleep(1000)", weight=3),
    _kind("import time\ndef f(x): time.sleep(1000)", weight=3),
    _kind(f"{_DAEMON}while True: pass", weight=1),
    _kind("import time\ntime.sleep(1000)", weight=1, make=_program),
)
"""Those that go on until they are taken back."""


def slow(number: int, seconds: float) -> VerificationSpec:
    """A right one that takes its time."""
    return _code(f"# slow candidate {number}\nimport time\ntime.sleep({seconds})\n{_RIGHT}")
