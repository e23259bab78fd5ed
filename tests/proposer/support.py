"""Problems and campaigns for tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from proposer.campaigns.campaign import Campaign, CampaignProgress, Plan
from proposer.campaigns.desk import Judge, Retries
from proposer.campaigns.record import CampaignRecord
from proposer.models import Chat, Model, Request
from proposer.problems import Task, task_from_json
from proposer.strategies import make_strategy, options_of

RIGHT = "```python\ndef add(a, b):\n    return a + b\n```"
WRONG = "```python\ndef add(a, b):\n    return a - b\n```"
QUICK = Retries(maximum_attempts=3, initial_seconds=0.001, maximum_seconds=0.001)


def adding(problem_id: str = "add") -> Task:
    """Asks for `add`."""
    return python_task(problem_id, "Write add(a, b).", "assert add(1, 2) == 3")


def python_task(problem_id: str, statement: str, tests: str) -> Task:
    """A problem that test code judges."""
    line = {
        "problem": {"problemId": problem_id, "pythonTests": {"code": {"source": tests}}},
        "statement": statement,
    }
    return task_from_json(line, problem_id)


def campaign(
    tasks: Sequence[Task],
    model: Model,
    judge: Judge,
    record: CampaignRecord,
    *,
    strategy: str = "resample",
    options: Mapping[str, str] | None = None,
    **plan: Any,
) -> Campaign:
    """A campaign with quick retries."""
    made = make_strategy(strategy, options)
    whole = Plan(
        **{
            "strategy_name": strategy,
            "strategy_options": options_of(made),
            "retries": QUICK,
            **plan,
        }
    )
    return Campaign(tasks, made, whole, model=model, judge=judge, record=record)


async def run(*arguments: Any, **options: Any) -> CampaignProgress:
    """Runs a campaign to its end."""
    return await campaign(*arguments, **options).run()


def last_turn(request: Request) -> str:
    """What the model is asked at last."""
    assert isinstance(request.prompt, Chat)
    return request.prompt.messages[-1].content
