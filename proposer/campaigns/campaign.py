"""A campaign: one strategy over a set of problems, with its budget and its record."""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

from clients.pass_rate import PassRate
from proposer.campaigns.budget import UNLIMITED, Account, Amount, Bell, BudgetSpent, Purse
from proposer.campaigns.desk import Answer, Desk, Judge, ModelAccess, Retries
from proposer.campaigns.record import CampaignRecord, Standing
from proposer.models import Model, ModelError, Prices, Sampling
from proposer.problems import InvalidProblems, Task, refuse_duplicates
from proposer.strategies.strategy import Strategy
from verifier_service.model import ServiceError
from verifier_service.validation import CRITERION_NAMES

__all__ = ["Campaign", "CampaignProgress", "Plan"]

_FAILURES_IN_A_ROW: Final = 3
"""Problems that end for want of a model or a service, before the campaign ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a campaign goes about its problems."""

    strategy_name: str
    strategy_options: dict[str, Any] = field(default_factory=dict)
    """All of them, defaults included."""
    sampling: Sampling = field(default_factory=Sampling)
    seed: int = 0
    """Of all seeds of samples."""
    budget: Amount = UNLIMITED
    """Of each problem."""
    total_budget: Amount = UNLIMITED
    """Of all problems together; its seconds are those of one run."""
    prices: Prices = field(default_factory=Prices)
    decoding: int = 64
    """Most requests to the model at a time."""
    in_hand: int = 256
    """Most samples that are decoding, or waiting for or being judged."""
    problems_at_once: int = 64
    retries: Retries = field(default_factory=Retries)

    @property
    def configuration(self) -> dict[str, Any]:
        """What samples depend on: budgets may grow, and machines differ, between two runs."""
        return {
            "strategy": self.strategy_name,
            "options": {key: str(value) for key, value in self.strategy_options.items()},
            "sampling": asdict(self.sampling),
            "seed": self.seed,
        }


@dataclass(slots=True)
class CampaignProgress:
    """How far a campaign is."""

    problems: int = 0
    states: Counter[str] = field(default_factory=Counter)
    """Problems that have ended, by state."""
    under_way: int = 0
    """Problems that are being worked at."""
    spent: Amount = field(default_factory=Amount)

    @property
    def ended(self) -> int:
        """Problems that have ended."""
        return sum(self.states.values())

    @property
    def solved_rate(self) -> PassRate | None:
        """Of the problems that have an end of their own; None where there are none."""
        decided = self.states["solved"] + self.states["unsolved"]
        return PassRate.of(self.states["solved"], decided) if decided else None


class Campaign:
    """Runs a plan, and goes on with it where its record ends."""

    def __init__(
        self,
        tasks: Sequence[Task],
        strategy: Strategy,
        plan: Plan,
        *,
        model: Model,
        judge: Judge,
        record: CampaignRecord,
        listener: Callable[[CampaignProgress], None] | None = None,
    ) -> None:
        """Opens the campaign in its record.

        Args:
            tasks: Its problems.
            strategy: What to ask for.
            plan: How to go about it.
            model: Stays the caller's to close.
            judge: A client of the service; stays the caller's to close.
            record: Stays the caller's to close.
            listener: Told how far it is whenever that changes; must return at once.

        Raises:
            RecordError: The record is another campaign's.
            InvalidProblems: Two problems have one id, or one is of a kind that the strategy does
                not work at.
        """
        refuse_duplicates(tasks, "The campaign")
        _refuse_others(tasks, strategy, plan.strategy_name)
        self._tasks = tasks
        self._strategy = strategy
        self._plan = plan
        self._judge = judge
        self._record = record
        self._listener = listener
        self._access = ModelAccess(
            model,
            decoding=plan.decoding,
            in_hand=max(plan.in_hand, plan.decoding),
            retries=plan.retries,
            prices=plan.prices,
        )
        self._account = Account(plan.total_budget, "campaign's")
        self._bell = Bell()
        self._failures_in_a_row = 0
        self.progress = CampaignProgress(problems=len(tasks))
        record.begin(
            plan.configuration,
            {task.problem_id: json.dumps(task.source, sort_keys=True) for task in tasks},
        )

    async def run(self) -> CampaignProgress:
        """Works at every problem that has no end yet.

        What ended for want of budget, of a model or of a service is tried again, with what is
        recorded of it.

        Raises:
            ModelError, ServiceError: Neither would be had for several problems in a row; what is
                recorded stays, and the rest is pending.
        """
        kept = {standing.problem_id: standing for standing in self._record.standings()}
        open_tasks = []
        for task in self._tasks:
            standing = kept[task.problem_id]
            if standing.state == "pending" or standing.reason.startswith(_AGAIN):
                open_tasks.append((task, standing))
            else:
                self._desk(task, UNLIMITED)  # pays what the record holds
                self.progress.states[standing.state] += 1
        room = asyncio.Semaphore(self._plan.problems_at_once)
        try:
            async with (
                asyncio.timeout(_finite(self._plan.total_budget.seconds)) as scope,
                asyncio.TaskGroup() as group,
            ):
                for task, standing in open_tasks:
                    group.create_task(self._work(task, standing, room))
        except TimeoutError:
            if not scope.expired():
                raise
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None
        return self.progress

    async def _work(self, task: Task, standing: Standing, room: asyncio.Semaphore) -> None:
        async with room:
            self.progress.under_way += 1
            began = time.monotonic()
            try:
                ended = await self._end(task, standing)
            finally:
                self.progress.under_way -= 1
            seconds = standing.seconds + time.monotonic() - began
            self._record.note_standing(replace(ended, seconds=seconds))
            self.progress.states[ended.state] += 1
            self._changed()

    async def _end(self, task: Task, standing: Standing) -> Standing:
        """How the problem ends."""
        blank = Standing(problem_id=task.problem_id)
        left = _finite(self._plan.budget.seconds - standing.seconds)
        try:
            async with asyncio.timeout(left) as scope:
                answer = await self._strategy.solve(self._desk(task, self._plan.budget))
        except BudgetSpent as spent:
            return replace(blank, state="unsolved", reason="budget-spent", message=str(spent))
        except TimeoutError:
            if not scope.expired():
                raise
            told = "The problem's budget of seconds is spent."
            return replace(blank, state="unsolved", reason="budget-spent", message=told)
        except (ModelError, ServiceError) as error:
            self._failures_in_a_row += 1
            if self._failures_in_a_row >= _FAILURES_IN_A_ROW:
                self._record.note_standing(_failed(blank, error))
                raise
            return _failed(blank, error)
        self._failures_in_a_row = 0
        return _answered(blank, answer)

    def _desk(self, task: Task, budget: Amount) -> Desk:
        purse = Purse(Account(budget, "problem's"), self._account, bell=self._bell)
        return Desk(
            task,
            record=self._record,
            access=self._access,
            judge=self._judge,
            purse=purse,
            sampling=self._plan.sampling,
            seed=self._plan.seed,
            changed=self._changed,
        )

    def _changed(self) -> None:
        self.progress.spent = self._account.spent
        if self._listener is not None:
            self._listener(self.progress)


def _refuse_others(tasks: Sequence[Task], strategy: Strategy, name: str) -> None:
    """Raises InvalidProblems where a problem is not of the one kind that a strategy works at."""
    kind = getattr(strategy, "criterion", None)
    for task in tasks:
        if kind is not None and not isinstance(task.spec.problem.criterion, kind):
            raise InvalidProblems(
                f"The strategy {name} does not work at the problem {task.problem_id[:100]!r}: it "
                f"works at problems with a {CRITERION_NAMES[kind]}. Give others to another "
                "strategy, such as resample."
            )


_AGAIN: Final = ("budget-spent", "model-", "service-")
"""How the reasons begin of ends that more budget or a new day can change."""


def _answered(blank: Standing, answer: Answer | None) -> Standing:
    if answer is None:
        told = "The strategy has tried what it had to try."
        return replace(blank, state="unsolved", reason="strategy-ended", message=told)
    state = "solved" if answer.accepted else "answered"
    return replace(blank, state=state, answer=answer.text, answer_place=answer.place)


def _failed(blank: Standing, error: ModelError | ServiceError) -> Standing:
    whose = "model" if isinstance(error, ModelError) else "service"
    name = error.reason.lower().replace("_", "-").removeprefix("model-")
    return replace(blank, state="failed", reason=f"{whose}-{name}", message=str(error))


def _finite(seconds: float) -> float | None:
    return max(0.0, seconds) if math.isfinite(seconds) else None
