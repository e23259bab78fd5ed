"""The solvers of the portfolio: how each is asked, and how its answer is read.

Each has a limit on its steps, in units of its own that do not depend on the machine; CPU time is
the backstop. A solver that gives up, crashes or is ended claims nothing.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from typing import Any, Final, Protocol

from sandboxes.logic.answers import Status
from sandboxes.logic.clauses import clausify
from sandboxes.logic.solvers.claims import Claim, Inquiry
from sandboxes.logic.solvers.instances import labelled, read_instances
from sandboxes.logic.solvers.models import interpretation, signatures
from sandboxes.logic.solvers.process import Ran, SolverProcesses
from sandboxes.logic.solvers.smtlib import declarations, smtlib
from sandboxes.logic.solvers.tptp import tptp
from sandboxes.logic.solvers.vocabulary import Vocabulary
from sandboxes.logic.syntax import INDIVIDUAL
from verifier_service.model import Limits, ResourceUsage

__all__ = [
    "CVC5_WORKER",
    "PROVER",
    "STEPS_PER_CVC5_UNIT",
    "Z3",
    "Z3_WORKER",
    "Cvc5Instances",
    "Cvc5Models",
    "Eprover",
    "Solver",
    "Spass",
    "claim_of",
    "usage_of",
]

Z3_WORKER: Final = "sandboxes.logic.jailed.z3_worker"
CVC5_WORKER: Final = "sandboxes.logic.jailed.cvc5_worker"
PROVER: Final = "sandboxes.logic.jailed.prover"

STEPS_PER_CVC5_UNIT: Final = 10
"""Z3's units to one of cvc5's: about what takes the same time."""
STEPS_PER_EPROVER_ROUND: Final = 400
"""Z3's units to one clause that E processes."""
STEPS_PER_SPASS_ROUND: Final = 1000
"""Z3's units to one round of SPASS."""
WORDS: Final = 2000
"""Characters of a prover's output that are kept for a person."""

_STATUSES: Final = {"sat": Status.SATISFIABLE, "unsat": Status.UNSATISFIABLE}
_SZS: Final = re.compile(r"^% SZS status (\w+)", re.MULTILINE)
_SZS_STATUSES: Final = {
    "Satisfiable": Status.SATISFIABLE,
    "Unsatisfiable": Status.UNSATISFIABLE,
    "ContradictoryAxioms": Status.UNSATISFIABLE,
}
_PROCESSED: Final = re.compile(r"^% Processed clauses\s*: (\d+)", re.MULTILINE)
_DERIVED: Final = re.compile(r"^SPASS derived (\d+) clauses", re.MULTILINE)


class Solver(Protocol):
    """One way to ask."""

    @property
    def name(self) -> str:
        """As claims name it."""
        ...

    async def ask(
        self, inquiry: Inquiry, questions: Sequence[str], *, steps: int, limits: Limits
    ) -> tuple[list[Claim], ResourceUsage]:
        """Asks some questions.

        Args:
            inquiry: What they are about.
            questions: Which of its questions.
            steps: Limit on each, in Z3's units.
            limits: CPU, memory, processes and wall clock of all together.

        Raises:
            SandboxLost: A sandbox died, not by the solver's doing.
        """
        ...


@dataclasses.dataclass(frozen=True, slots=True)
class Z3:
    """Z3, which decides much and gives finite models."""

    processes: SolverProcesses
    name: str = "z3"

    async def ask(
        self, inquiry: Inquiry, questions: Sequence[str], *, steps: int, limits: Limits
    ) -> tuple[list[Claim], ResourceUsage]:
        """See `Solver`."""
        vocabulary = Vocabulary(inquiry.formulas)
        assertions = [f"(assert {smtlib(one, vocabulary)})" for one in inquiry.formulas]
        job = {
            "text": "\n".join([declarations(vocabulary), *assertions]),
            "checks": [inquiry.questions[question] for question in questions],
            "steps": steps,
            "sorts": list(vocabulary.sorts.values()),
            "symbols": signatures(vocabulary),
        }
        ran = await self.processes.run(Z3_WORKER, job, limits=limits)
        return _claims(self.name, questions, ran, vocabulary), usage_of([ran])


@dataclasses.dataclass(frozen=True, slots=True)
class Cvc5Models:
    """cvc5's search for finite models (A. Reynolds et al., "Finite model finding in SMT", 2013)."""

    processes: SolverProcesses
    name: str = "cvc5"

    async def ask(
        self, inquiry: Inquiry, questions: Sequence[str], *, steps: int, limits: Limits
    ) -> tuple[list[Claim], ResourceUsage]:
        """See `Solver`."""
        vocabulary = Vocabulary(inquiry.formulas)
        job = {
            "declarations": f"(set-logic UF)\n{declarations(vocabulary)}",
            "assertions": [f"(assert {smtlib(one, vocabulary)})" for one in inquiry.formulas],
            "checks": [inquiry.questions[question] for question in questions],
            "steps": max(1, steps // STEPS_PER_CVC5_UNIT),
            "symbols": signatures(vocabulary),
            "options": {"finite-model-find": "true", "produce-models": "true"},
        }
        ran = await self.processes.run(CVC5_WORKER, job, limits=limits)
        return _claims(self.name, questions, ran, vocabulary), usage_of([ran])


@dataclasses.dataclass(frozen=True, slots=True)
class Cvc5Instances:
    """cvc5's enumeration of instances, which it tells: the makings of a certificate."""

    processes: SolverProcesses
    name: str = "cvc5"

    async def ask(
        self, inquiry: Inquiry, questions: Sequence[str], *, steps: int, limits: Limits
    ) -> tuple[list[Claim], ResourceUsage]:
        """See `Solver`."""
        clauses = clausify(inquiry.formulas).clauses
        claims, runs = [], []
        for question in questions:
            chosen = inquiry.questions[question]
            selected = [
                (index, clause) for index, clause in enumerate(clauses) if clause.formula in chosen
            ]
            vocabulary = Vocabulary(clause.as_formula() for _, clause in selected)
            job = {
                "declarations": f"(set-logic UF)\n{declarations(vocabulary)}",
                "assertions": [labelled(clause, index, vocabulary) for index, clause in selected],
                "checks": [list(range(len(selected)))],
                "steps": max(1, steps // STEPS_PER_CVC5_UNIT),
                "instances": True,
                "options": {
                    "enum-inst": "true",
                    "full-saturate-quant": "true",
                    # So that what is instantiated is what was asserted.
                    "miniscope-quant": "off",
                    "macros-quant": "false",
                    "var-elim-quant": "false",
                    "print-inst-full": "true",
                },
            }
            ran = await self.processes.run(CVC5_WORKER, job, limits=_each(limits, questions))
            runs.append(ran)
            (claim,) = _claims(self.name, [question], ran, vocabulary)
            found = ran.answers[0].get("instances", "") if ran.answers else ""
            instances = read_instances(found, clauses, vocabulary)
            claims.append(dataclasses.replace(claim, instances=instances))
        return claims, usage_of(runs)


@dataclasses.dataclass(frozen=True, slots=True)
class Eprover:
    """E, a saturating prover for first-order logic with equality."""

    processes: SolverProcesses
    name: str = "eprover"

    async def ask(
        self, inquiry: Inquiry, questions: Sequence[str], *, steps: int, limits: Limits
    ) -> tuple[list[Claim], ResourceUsage]:
        """See `Solver`."""
        claims, runs = [], []
        for question in questions:
            formulas = inquiry.selected(question)
            rounds = max(1, steps // STEPS_PER_EPROVER_ROUND)
            job: dict[str, Any] = {
                "prover": "E",
                "arguments": [
                    "--auto",
                    "--definitional-cnf=1",
                    "--tstp-format",
                    f"--processed-clauses-limit={rounds}",
                    "--print-statistics",
                    "-",
                ],
                "input": tptp(formulas, Vocabulary(formulas)),
            }
            ran = await self.processes.run(PROVER, job, limits=_each(limits, questions))
            runs.append(ran)
            claims.append(_from_eprover(question, ran))
        return claims, usage_of(runs)


def _from_eprover(question: str, ran: Ran) -> Claim:
    said = _SZS.findall(ran.output)
    status = _SZS_STATUSES.get(said[0]) if len(said) == 1 and ran.complete else None
    if status is Status.SATISFIABLE and "% No SInE strategy applied" not in ran.output:
        status = None  # it may have left formulas out
    steps = _PROCESSED.search(ran.output)
    return Claim(
        solver="eprover",
        question=question,
        status=status or Status.UNDECIDED,
        saturated=status is Status.SATISFIABLE,
        reason="" if status else ran.trouble or "gave-up",
        steps=int(steps.group(1)) if steps else 0,
        words=ran.output[-WORDS:],
    )


@dataclasses.dataclass(frozen=True, slots=True)
class Spass:
    """SPASS, a saturating prover that tells some formulas with infinite models only."""

    processes: SolverProcesses
    name: str = "spass"

    async def ask(
        self, inquiry: Inquiry, questions: Sequence[str], *, steps: int, limits: Limits
    ) -> tuple[list[Claim], ResourceUsage]:
        """See `Solver`. It reads formulas of one sort; others it claims nothing about."""
        claims, runs = [], []
        for question in questions:
            formulas = inquiry.selected(question)
            vocabulary = Vocabulary(formulas)
            if set(vocabulary.sorts) - {INDIVIDUAL}:
                continue
            job: dict[str, Any] = {
                "prover": "SPASS",
                "arguments": [
                    "-TPTP",
                    "-Stdin",
                    "-PGiven=0",
                    "-PProblem=0",
                    f"-Loops={max(1, steps // STEPS_PER_SPASS_ROUND)}",
                ],
                "input": tptp(formulas, vocabulary),
            }
            ran = await self.processes.run(PROVER, job, limits=_each(limits, questions))
            runs.append(ran)
            claims.append(_from_spass(question, ran))
        return claims, usage_of(runs)


def _from_spass(question: str, ran: Ran) -> Claim:
    proof = "SPASS beiseite: Proof found." in ran.output
    completion = "SPASS beiseite: Completion found." in ran.output
    status = Status.UNDECIDED
    if proof is not completion and ran.complete:
        status = Status.UNSATISFIABLE if proof else Status.SATISFIABLE
    steps = _DERIVED.search(ran.output)
    return Claim(
        solver="spass",
        question=question,
        status=status,
        saturated=status is Status.SATISFIABLE,
        reason="" if status is not Status.UNDECIDED else ran.trouble or "gave-up",
        steps=int(steps.group(1)) if steps else 0,
        words=ran.output[-WORDS:],
    )


def claim_of(solver: str, question: str, answer: dict[str, Any], ran: Ran) -> Claim:
    """The answer of a worker as a claim; an empty one where the worker did not come to it."""
    status = _STATUSES.get(answer.get("status", ""), Status.UNDECIDED)
    undecided = status is Status.UNDECIDED
    return Claim(
        solver=solver,
        question=question,
        status=status,
        reason=(ran.trouble or "gave-up") if undecided else "",
        steps=answer.get("steps", 0),
        words=answer.get("reason", ran.errors[-WORDS:]),
    )


def _claims(solver: str, questions: Sequence[str], ran: Ran, vocabulary: Vocabulary) -> list[Claim]:
    """The answers of a worker as claims: one for each question, whether or not it was reached."""
    by_number = {answer["check"]: answer for answer in ran.answers}
    claims = []
    for number, question in enumerate(questions):
        answer = by_number.get(number, {})
        tables = answer.get("model")
        model = interpretation(tables, vocabulary) if tables else None
        claims.append(dataclasses.replace(claim_of(solver, question, answer, ran), model=model))
    return claims


def _each(limits: Limits, questions: Sequence[str]) -> Limits:
    """The limits of one run of several."""
    return dataclasses.replace(limits, cpu_seconds=limits.cpu_seconds / len(questions))


def usage_of(runs: Sequence[Ran]) -> ResourceUsage:
    """What runs used together."""
    return ResourceUsage(
        wall_seconds=sum(ran.ended.wall_seconds for ran in runs),
        cpu_seconds=sum(ran.ended.cpu_seconds for ran in runs),
        peak_memory_bytes=max((ran.ended.peak_memory_bytes for ran in runs), default=0),
    )
