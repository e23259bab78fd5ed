"""Whole proofs again and again, against proofs that are repaired, at equal numbers of samples.

    python -m benchmarks.apollo

The model is a script. It knows the proofs of `tests/lean/repair/proofs.lean` and of what they are
made of, and writes each line wrong with a probability: a name that there is not, a tactic that
there is not, an indentation that is off, a case that is missing. Lemmas that are no part of the
proofs it does not know. Lean, the repairs and the verdicts are real. Theorems that a repair proves
without any model are left out.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from benchmarks.measuring import machine
from clients.local import LocalStepSession, LocalVerifier, local_verifier
from proposer.campaigns.budget import UNLIMITED
from proposer.campaigns.campaign import Campaign, Plan
from proposer.campaigns.record import CampaignRecord
from proposer.models import Chat, Request
from proposer.models.scripted import ScriptedModel
from proposer.problems import Task, task_from_json
from proposer.strategies import make_strategy, options_of
from tests.lean.repair.mutations import Proof, honest_proofs
from verifier_service.model import (
    CallOptions,
    Candidate,
    LeanTheorem,
    Problem,
    Verdict,
    VerificationSpec,
)
from verifier_service.model.lean_repair import Repaired, RepairEnding
from verifier_service.model.lean_steps import TheoremToProve

ARMS: Final[Mapping[str, Mapping[str, str]]] = {
    "resample": {"width": "1"},
    "self-repair": {"width": "1"},
    "apollo, no lemmas": {"width": "1", "lemmas": "0"},
    "apollo": {"width": "1"},
}
_ASKED: Final = re.compile(r"theorem (\S+) (.*?) := by\s+sorry", re.S)
_NAME: Final = re.compile(r"[^\W\d][\w.₀-₉']*")
_TACTICS: Final = ("nlinarith_all", "simp_arith!", "auto", "library_search", "tidy")
_WORDS: Final = frozenset(
    ("by", "at", "with", "fun", "have", "cases", "induction", "show", "using")
)


@dataclass(frozen=True)
class Book:
    """What the model knows: proofs, line by line, by what they prove."""

    proofs: Mapping[str, tuple[str, ...]]

    def proof_of(self, statement: str) -> tuple[str, ...] | None:
        """None where it knows none."""
        return self.proofs.get(_spaced(statement))


async def learn(verifier: LocalVerifier, proofs: Iterable[Proof]) -> Book:
    """Reads proofs: what they prove, and what is left to prove at each of their lines."""
    known: dict[str, tuple[str, ...]] = {}
    for proof in proofs:
        known[_spaced(proof.theorem.statement)] = proof.body
        for cut, rest in _cuts(proof.body):
            spec = VerificationSpec(
                problem=Problem(criterion=proof.theorem),
                candidate=Candidate(source="by\n" + "\n".join(cut)),
            )
            for lemma in (await verifier.repairs.extract_lemmas(spec)).lemmas:
                asked = None if lemma.spec is None else lemma.spec.problem.criterion
                if isinstance(asked, LeanTheorem):
                    known.setdefault(_spaced(asked.statement), rest)
    return Book(known)


async def hard(verifier: LocalVerifier, proofs: Iterable[Proof]) -> list[Proof]:
    """Those of some theorems that a repair does not prove from nothing."""
    left = []
    for proof in proofs:
        spec = VerificationSpec(
            problem=Problem(criterion=proof.theorem), candidate=Candidate(source="by sorry")
        )
        if (await verifier.repairs.repair(spec)).ending is not RepairEnding.PROVED:
            left.append(proof)
    return left


def _cuts(body: Sequence[str]) -> Iterable[tuple[list[str], tuple[str, ...]]]:
    """The proof with a hole from each line to the end of its block, and what stood there."""
    for start, line in enumerate(body):
        depth = _depth(line)
        end = start
        while end < len(body) and _depth(body[end]) >= depth and body[end].strip()[0] not in "·|_":
            end += 1
        if end > start:
            cut = [*body[:start], " " * depth + "sorry", *body[end:]]
            yield cut, tuple("  " + one[depth:] for one in body[start:end])
        stated, separator, term = line.partition(" := ")
        if line.strip().startswith("have ") and separator and term != "by":
            yield (
                [*body[:start], f"{stated} := by sorry", *body[start + 1 :]],
                (f"  exact {term}",),
            )


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip())


def _spaced(text: str) -> str:
    return " ".join(text.split())


@dataclass
class Careless:
    """A model that knows proofs, and seldom writes them down as they are."""

    book: Book
    mistakes: float
    """Probability that a line is wrong."""

    def __call__(self, request: Request) -> str:
        """Answers with the theorem that was asked for last, and a proof of it."""
        assert isinstance(request.prompt, Chat)
        told = [turn.content for turn in request.prompt.messages]
        asked = next(match for text in reversed(told) if (match := _ASKED.search(text)))
        known = self.book.proof_of(asked[2])
        chance = random.Random(request.seed)
        lines = ["  aesop"] if known is None else _spoilt(known, self.mistakes, chance)
        return "\n".join((f"```lean\ntheorem {asked[1]} {asked[2]} := by", *lines, "```"))


def _spoilt(body: Sequence[str], mistakes: float, chance: random.Random) -> list[str]:
    """A proof with a mistake here and there."""
    lines: list[str] = []
    skipped = -1
    for line in body:
        if 0 <= skipped < _depth(line):
            continue
        skipped = -1
        if chance.random() >= mistakes:
            lines.append(line)
            continue
        kind = chance.choice(("name", "tactic", "indentation", "case"))
        if kind == "case" and line.strip()[0] in "·|":
            skipped = _depth(line)
        elif kind == "indentation" and lines:
            lines.append(" " + line)
        elif kind == "tactic" and line.strip()[0] not in "·|_":
            lines.append(" " * _depth(line) + chance.choice(_TACTICS))
        else:
            lines.append(_misnamed(line, chance))
    return lines or [" " * _depth(body[0]) + "done"]


def _misnamed(line: str, chance: random.Random) -> str:
    names = [one for one in _NAME.finditer(line.rstrip()) if one[0] not in _WORDS]
    if not names:
        return line
    name = names[-1]
    other = name[0] + chance.choice(("'", "_self", "_iff", "₀"))
    return line[: name.start()] + other + line[name.end() :]


class Watching:
    """A client that keeps what came of repairs."""

    def __init__(self, verifier: LocalVerifier) -> None:
        self._verifier = verifier
        self.repaired: list[Repaired] = []

    async def verify(
        self,
        spec: VerificationSpec,
        *,
        options: CallOptions | None = None,
        timeout_seconds: float | None = None,
    ) -> Verdict:
        """As the client does it."""
        return await self._verifier.verify(spec, options=options, timeout_seconds=timeout_seconds)

    @property
    def repairs(self) -> Watching:
        """This, for all that is a repair."""
        return self

    def open_session(
        self, asked: TheoremToProve, *, options: CallOptions | None = None
    ) -> AbstractAsyncContextManager[LocalStepSession]:
        """As the client does it."""
        return self._verifier.open_session(asked, options=options)

    async def repair(self, *arguments: Any, **named: Any) -> Repaired:
        """As the client does it, and kept."""
        made = await self._verifier.repairs.repair(*arguments, **named)
        self.repaired.append(made)
        return made

    def __getattr__(self, name: str) -> Any:
        return getattr(self._verifier.repairs, name)


@dataclass(slots=True, kw_only=True)
class Arm:
    """What came of one strategy."""

    solved: list[str] = field(default_factory=list)
    problems: int = 0
    samples: int = 0
    checks: int = 0
    """Texts that Lean was asked about in repairs."""
    kept: int = 0
    """Lines of failed proofs that repairs left as they were."""
    lines: int = 0
    """That they had."""


def lean_task(theorem: LeanTheorem, problem_id: str) -> Task:
    """Asks for a proof."""
    line = {
        "problem": {
            "problemId": problem_id,
            "leanTheorem": {"name": theorem.name, "statement": theorem.statement},
        },
        "statement": f"theorem {theorem.name} {theorem.statement} := by\n  sorry",
    }
    return task_from_json(line, problem_id)


async def work(
    arm: str,
    proofs: Sequence[Proof],
    model: Careless,
    verifier: LocalVerifier,
    *,
    samples: int,
    repeats: int = 1,
) -> Arm:
    """One strategy on all theorems, each several times, with so many samples each time."""
    strategy = make_strategy(arm.partition(",")[0], ARMS[arm])
    tasks = [
        lean_task(proof.theorem, f"{proof.theorem.name}#{number}#{arm}")
        for proof in proofs
        for number in range(repeats)
    ]
    plan = Plan(
        strategy_name=arm,
        strategy_options=options_of(strategy),
        budget=replace(UNLIMITED, samples=samples),
        problems_at_once=2,
    )
    watched = Watching(verifier)
    with CampaignRecord(":memory:") as record:
        await Campaign(
            tasks, strategy, plan, model=ScriptedModel(model), judge=watched, record=record
        ).run()
        standings = record.standings()
        asked = sum(len(list(record.samples(task.problem_id))) for task in tasks)
    odd = {one.state for one in standings} - {"solved", "unsolved"}
    assert not odd, (odd, [one.message for one in standings])
    return Arm(
        solved=[one.problem_id for one in standings if one.state == "solved"],
        problems=len(tasks),
        samples=asked,
        checks=sum(one.check_count for one in watched.repaired),
        kept=sum(one.kept_lines for one in watched.repaired),
        lines=sum(one.total_lines for one in watched.repaired),
    )


async def main(arguments: argparse.Namespace) -> None:
    """Compares, and prints."""
    from verifier_service.settings import Settings

    everything = honest_proofs()
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(store_path=Path(folder) / "verdicts.sqlite3", log_level="warning")
        async with local_verifier(settings) as verifier:
            proofs = await hard(verifier, everything)
            book = await learn(verifier, proofs)
            print(
                f"{len(proofs)} of {len(everything)} theorems need a model; {arguments.repeats} "
                f"times each, {arguments.samples} samples each time; {len(book.proofs)} statements "
                f"known; {machine()}",
                flush=True,
            )
            for mistakes in arguments.mistakes:
                model = Careless(book, mistakes)
                for name in ARMS:
                    arm = await work(
                        name,
                        proofs,
                        model,
                        verifier,
                        samples=arguments.samples,
                        repeats=arguments.repeats,
                    )
                    kept = f"{arm.kept / arm.lines:.0%} of {arm.lines}" if arm.lines else "-"
                    print(
                        f"{mistakes:.2f} {name:18} proved {len(arm.solved):4} of {arm.problems}, "
                        f"{arm.samples:5} samples, {arm.checks:6} checks, lines kept {kept}",
                        flush=True,
                    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--samples", type=int, default=6)
    parser.add_argument("--mistakes", type=float, nargs="+", default=[0.2, 0.4, 0.6])
    asyncio.run(main(parser.parse_args()))
