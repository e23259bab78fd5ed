"""The part of `verifier demo` in which a small model on this machine writes the candidates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.text import Text

from clients.command_line.rendering import OUTCOME_STYLES, visible
from clients.command_line.service import Service
from verifier_service.model import Outcome

if TYPE_CHECKING:  # loaded where there is a model
    from proposer.campaigns.campaign import CampaignProgress, Plan
    from proposer.campaigns.record import CampaignRecord, KeptJudgement
    from proposer.problems import Task

__all__ = ["INTRODUCTION", "NoModel", "Proposed", "propose"]

_MODEL: Final = "smollm2-135m"
INTRODUCTION: Final = (
    "A small model on this machine, SmolLM2 with 135 million parameters, writes candidates. Each "
    "is judged as it comes, and the first that is accepted ends its problem."
)
_MOST_SAID: Final = 90
"""Characters of a message that are shown."""


class NoModel(Exception):
    """There is no model to ask; the message says how to get it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """What became of a candidate of the model's."""

    problem_id: str
    kept: KeptJudgement

    @property
    def text(self) -> Text:
        """For people. An accepted candidate is shown, of others what was found."""
        outcome = self.kept.outcome
        style = OUTCOME_STYLES[Outcome[outcome]] if outcome in Outcome.__members__ else ""
        text = Text.assemble((self.problem_id, "bold"), f" {self.kept.place}  ", (outcome, style))
        text.append(f"  {visible(self.kept.reason)}")
        if outcome == Outcome.ACCEPTED.name:
            said = visible(self.kept.candidate or "").strip()
        else:
            said = visible(" ".join(self.kept.message.split()))
            said = said if len(said) <= _MOST_SAID else said[:_MOST_SAID] + " …"
        return text.append("".join(f"\n    {line}" for line in said.split("\n")), "dim")

    @property
    def is_accepted(self) -> bool:
        """Whether it solves its problem."""
        return self.kept.outcome == Outcome.ACCEPTED.name

    def to_json(self) -> dict[str, str | None]:
        """For machines."""
        return {
            "problemId": self.problem_id,
            "candidateId": self.kept.place,
            "outcome": self.kept.outcome,
            "reason": self.kept.reason,
            "candidate": self.kept.candidate,
        }


async def propose(service: Service, show: Callable[[Proposed], None]) -> list[Proposed]:
    """Has the model write candidates until each problem has an accepted one, or the budget ends.

    Args:
        service: Judges them.
        show: Told each as it is judged.

    Raises:
        NoModel: It is not here, or does not answer.
    """
    from proposer.models import ModelError
    from proposer.models.llama import llama_server
    from proposer.models.local_models import ModelMissing, find_model

    try:
        path = find_model(_MODEL)
        from proposer.models.openai_http import OpenAIModel
    except ModelMissing as error:
        raise NoModel(str(error)) from error
    except ModuleNotFoundError as error:
        raise NoModel(
            f'{error.name} is not installed: pip install "neurosymbolic-verifier[proposer,llama]".'
        ) from error
    from proposer.campaigns.campaign import Campaign
    from proposer.campaigns.record import CampaignRecord
    from proposer.problems import read_tasks
    from proposer.strategies import make_strategy

    tasks = read_tasks(Path(str(resources.files("clients").joinpath("demo/problems.jsonl"))))
    try:
        async with llama_server(path) as url, service.open("python_tests") as judge:
            model = OpenAIModel(url)
            with CampaignRecord(":memory:") as record:
                news = _News(record, tasks, show)
                strategy = make_strategy("resample", {"width": "3"})
                campaign = Campaign(
                    tasks,
                    strategy,
                    _plan(),
                    model=model,
                    judge=judge,
                    record=record,
                    listener=news.look,
                )
                try:
                    await campaign.run()
                finally:
                    await model.close()
                return news.all
    except ModelError as error:
        raise NoModel(str(error)) from error


class _News:
    """Judgements of a record, each shown once."""

    def __init__(
        self, record: CampaignRecord, tasks: Sequence[Task], show: Callable[[Proposed], None]
    ) -> None:
        self.all: list[Proposed] = []
        self._record = record
        self._tasks = tasks
        self._show = show

    def look(self, progress: CampaignProgress) -> None:
        """Shows what is new."""
        del progress  # the record says more
        known = {(one.problem_id, one.kept.place) for one in self.all}
        for task in self._tasks:
            for kept in self._record.judgements(task.problem_id):
                if (task.problem_id, kept.place) not in known:
                    self.all.append(Proposed(problem_id=task.problem_id, kept=kept))
                    self._show(self.all[-1])


def _plan() -> Plan:
    from proposer.campaigns.budget import parse_budget
    from proposer.campaigns.campaign import Plan
    from proposer.models import Sampling

    return Plan(
        strategy_name="resample",
        sampling=Sampling(temperature=0.8, max_tokens=96),
        budget=parse_budget("samples=6"),
        total_budget=parse_budget("seconds=60"),
        problems_at_once=1,
    )
