"""What repair makes of honest proofs that were spoilt: `python -m benchmarks.lean_repair`.

Lines of the proofs in `tests/lean/repair/proofs.lean` are dropped, renamed in and swapped. A good
line is one of the honest proof that is still as it was; what comes of a repair is judged as Verify
judges.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
from collections import defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path

from clients.local import LocalVerifier
from tests.lean.repair.mutations import Mutant, mutants
from verifier_service.application import application
from verifier_service.model import Candidate, Outcome, Problem, VerificationSpec
from verifier_service.model.lean_repair import Repaired, RepairEnding
from verifier_service.settings import Settings

CORES = len(os.sched_getaffinity(0))


@dataclass(frozen=True)
class Case:
    """One mutant, and what came of it."""

    kind: str
    theorem: str
    good_lines: int
    survived: int
    ending: str
    holes: int
    edits: int
    checks: int
    seconds: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=240, help="mutants; default 240")
    parser.add_argument("--seed", type=int, default=5, help="of the mutants; default 5")
    parser.add_argument("--json", type=Path, help="write every case to this file")
    chosen = parser.parse_args()
    cases = asyncio.run(_measure(chosen.count, chosen.seed))
    if chosen.json is not None:
        chosen.json.write_text(json.dumps([asdict(case) for case in cases], indent=1))
    print(f"{chosen.count} mutants, seed {chosen.seed}, {CORES} cores, one mutant at a time\n")
    _print(cases)


async def _measure(count: int, seed: int) -> list[Case]:
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(store_path=Path(folder) / "store.sqlite3", slots=CORES)
        async with application(settings, criteria=["lean_theorem"]) as parts:
            verifier = LocalVerifier(parts.engine)
            return [await _case(verifier, mutant) for mutant in mutants(count, seed)]


async def _case(verifier: LocalVerifier, mutant: Mutant) -> Case:
    spec = VerificationSpec(
        problem=Problem(criterion=mutant.proof.theorem), candidate=Candidate(source=mutant.source)
    )
    began = time.perf_counter()
    made = await verifier.repairs.repair(spec)
    seconds = time.perf_counter() - began
    _check(made)
    return Case(
        kind=mutant.kind,
        theorem=mutant.proof.theorem.name,
        good_lines=len(mutant.good),
        survived=mutant.survived(made.source),
        ending=made.ending.value,
        holes=len(made.holes),
        edits=len(made.edits),
        checks=made.check_count,
        seconds=seconds,
    )


def _check(made: Repaired) -> None:
    """Fails unless what is called proved is accepted, and all else says what is left."""
    accepted = made.verdict is not None and made.verdict.outcome is Outcome.ACCEPTED
    assert accepted == (made.ending is RepairEnding.PROVED), made
    assert accepted or made.holes, made


def _print(cases: list[Case]) -> None:
    by_kind: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        by_kind[case.kind].append(case)
    heads = "mutants", "good lines", "survive", "proved", "partial", "checks", "p50"
    print(f"{'spoilt by':18}" + "".join(f"{head:>12}" for head in heads))
    for kind, some in [*sorted(by_kind.items()), ("all", cases)]:
        good, kept = (
            sum(getattr(one, name) for one in some) for name in ("good_lines", "survived")
        )
        proved = sum(one.ending == RepairEnding.PROVED.value for one in some)
        middle = statistics.median(one.seconds for one in some)
        checks = statistics.mean(one.checks for one in some)
        print(
            f"{kind:18}{len(some):12}{good:12}{kept / good:12.1%}{proved:12}"
            f"{len(some) - proved:12}{checks:12.1f}{middle * 1000:9.0f} ms"
        )


if __name__ == "__main__":
    main()
