"""`verifier propose`: asks a model for candidates, judges them, and asks again."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from clients.command_line import options
from clients.command_line.exit_codes import ExitCode, InvalidInput
from clients.command_line.printing import print_json
from clients.command_line.rendering import duration_text, error_console
from clients.command_line.service import Service, run_async
from verifier_service.model import ServiceError

if TYPE_CHECKING:  # loaded by the command
    from rich.console import Console

    from proposer.campaigns.campaign import CampaignProgress, Plan
    from proposer.campaigns.record import CampaignRecord
    from proposer.models import Model, Prices
    from proposer.problems import Task
    from proposer.strategies import Strategy

__all__ = ["propose"]

_SECONDS_BETWEEN_LINES: Final = 10.0
_MOST_TROUBLES: Final = 5
"""Different ones that are printed; the record has all."""


def propose(
    problems: Annotated[
        Path, typer.Option("--problems", help="Problems in JSON Lines.", metavar="FILE")
    ],
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            metavar="URL|NAME",
            help="Address of a server with OpenAI's API, such as http://host:8000/v1; several for "
            "several servers. Or a small model that this machine runs itself: smollm2-135m, "
            "qwen2.5-coder-0.5b.",
        ),
    ] = None,
    strategy: Annotated[
        str, typer.Option("--strategy", help="What to ask for next.", metavar="NAME")
    ] = "resample",
    option: Annotated[
        list[str] | None,
        typer.Option(
            "--option", help="Option of the strategy; may be repeated.", metavar="KEY=VALUE"
        ),
    ] = None,
    budget: Annotated[
        str,
        typer.Option(
            "--budget",
            metavar="UNIT=N,…",
            help="Of each problem, in samples, tokens, seconds, verifier_seconds, money.",
        ),
    ] = "samples=10",
    total_budget: Annotated[
        str,
        typer.Option("--total-budget", metavar="UNIT=N,…", help="Of all problems together."),
    ] = "",
    record: Annotated[
        Path | None,
        typer.Option(
            "--record",
            metavar="FILE",
            help="Where the campaign is kept, and goes on from. PROBLEMS.STRATEGY.campaign if left "
            "out.",
        ),
    ] = None,
    export: Annotated[
        Path | None,
        typer.Option("--export", metavar="FILE", help="Write every sample as JSON Lines."),
    ] = None,
    replay: Annotated[
        Path | None,
        typer.Option(
            "--replay", metavar="RECORD", help="Take samples from this record; ask no model."
        ),
    ] = None,
    temperature: Annotated[
        float,
        typer.Option("--temperature", metavar="N", min=0.0, help="0 takes what is likeliest."),
    ] = 0.8,
    top_p: Annotated[
        float,
        typer.Option(
            "--top-p", metavar="N", min=0.0, max=1.0, help="Draw from the likeliest so much."
        ),
    ] = 1.0,
    max_tokens: Annotated[
        int, typer.Option("--max-tokens", metavar="N", min=1, help="Most tokens of one sample.")
    ] = 1024,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Of all samples.")] = 0,
    in_flight: Annotated[
        int,
        typer.Option("--in-flight", metavar="N", min=1, help="Most samples that decode at a time."),
    ] = 64,
    model_name: Annotated[
        str,
        typer.Option("--model-name", help="As the server names it; its first one if left out."),
    ] = "",
    api_key_file: Annotated[
        Path | None, typer.Option("--api-key-file", help="File with the key of the model's server.")
    ] = None,
    prices: Annotated[
        str,
        typer.Option(
            "--prices", metavar="PROMPT,COMPLETION", help="What a million tokens of each cost."
        ),
    ] = "0,0",
    server: options.ServerOption = None,
    token: options.TokenOption = None,
    token_file: options.TokenFileOption = None,
    tls: options.TlsOption = False,
    ca_file: options.CaFileOption = None,
    config: options.ConfigOption = None,
    as_json: options.JsonOption = False,
) -> int:
    """Runs a campaign: a strategy asks a model for candidates, and the service judges them.

    The same command goes on where an earlier run ended, and asks for no sample twice. Exit codes:
    0 every problem has its end, 2 wrong usage, 4 the model or the service was missing.
    """
    from proposer.campaigns.budget import parse_budget
    from proposer.campaigns.campaign import Plan
    from proposer.campaigns.record import RecordError
    from proposer.models import ModelError, Sampling
    from proposer.models.local_models import ModelMissing
    from proposer.problems import InvalidProblems, read_tasks
    from proposer.strategies import InvalidOption, make_strategy, options_of

    try:
        tasks = read_tasks(problems)
        made = make_strategy(strategy, _pairs(option or []))
        plan = Plan(
            strategy_name=strategy,
            strategy_options=options_of(made),
            sampling=Sampling(temperature=temperature, top_p=top_p, max_tokens=max_tokens),
            seed=seed,
            budget=parse_budget(budget),
            total_budget=parse_budget(total_budget),
            prices=_prices(prices),
            decoding=in_flight,
        )
    except (InvalidProblems, InvalidOption, ValueError) as error:
        raise InvalidInput(str(error)) from error
    service = Service(
        server=server,
        token=token,
        token_file=token_file,
        tls=tls,
        ca_file=ca_file,
        config=config,
    )
    source = _Source(
        addresses=tuple(model or ()),
        name=model_name,
        key=_key(api_key_file),
        replay=replay,
    )
    kept = record or problems.with_suffix(f".{strategy}.campaign")
    try:
        progress, seconds, troubles = run_async(
            _run(service, source, tasks, made, plan, kept, export)
        )
    except (RecordError, ModelMissing, InvalidProblems) as error:
        raise InvalidInput(str(error)) from error
    except ModelError as error:
        raise ServiceError(f"{error} The same command goes on from {kept}.") from error
    if as_json:
        print_json(_summary(progress, seconds, kept))
    for trouble in troubles:
        error_console().print(trouble, soft_wrap=True, markup=False)
    error_console().print(_told(progress, seconds, kept), soft_wrap=True, markup=False)
    return ExitCode.SERVICE_ERROR if progress.states["failed"] else ExitCode.ACCEPTED


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """Where completions come from."""

    addresses: tuple[str, ...]
    name: str
    key: str
    replay: Path | None

    @contextlib.asynccontextmanager
    async def open(self, plan: Plan, record: CampaignRecord) -> AsyncIterator[Model]:
        """The model, for as long as the block runs."""
        from proposer.campaigns.record import CampaignRecord
        from proposer.models.recordings import ReplayingModel
        from proposer.models.several import SeveralModels

        if self.replay is not None:
            if self.addresses:
                raise InvalidInput("Give --model or --replay, not both.")
            if not self.replay.is_file():
                raise InvalidInput(f"{self.replay} is not there.")
            with CampaignRecord(self.replay) as recorded:
                record.take_decisions(recorded)
                yield ReplayingModel(recorded.completions())
            return
        if not self.addresses:
            raise InvalidInput(_WHICH_MODEL)
        async with contextlib.AsyncExitStack() as stack:
            urls = [await _url(one, stack) for one in self.addresses]
            models = [self._model(url, plan) for url in urls]
            model = models[0] if len(models) == 1 else SeveralModels(models)
            stack.push_async_callback(model.close)
            yield model

    def _model(self, url: str, plan: Plan) -> Model:
        try:
            from proposer.models.openai_http import OpenAIModel
        except ModuleNotFoundError as error:
            raise InvalidInput(
                f"{error.name} is not installed. Install what campaigns need: "
                'pip install "neurosymbolic-verifier[proposer]".'
            ) from error
        return OpenAIModel(url, model=self.name, api_key=self.key, prices=plan.prices)


_WHICH_MODEL: Final = (
    "Which model? Give --model URL, the address of a server with OpenAI's API (`vllm serve MODEL` "
    "starts one at http://localhost:8000/v1), or --model smollm2-135m, which this machine can run "
    "itself."
)


async def _url(address: str, stack: contextlib.AsyncExitStack) -> str:
    from proposer.models.llama import llama_server
    from proposer.models.local_models import LOCAL_MODELS, find_model

    if address in LOCAL_MODELS:
        return await stack.enter_async_context(llama_server(find_model(address)))
    if address.startswith(("http://", "https://")):
        return address
    raise InvalidInput(
        f"--model {address} is neither an address, http://… or https://…, nor one of "
        f"{', '.join(LOCAL_MODELS)}."
    )


async def _run(
    service: Service,
    source: _Source,
    tasks: Sequence[Task],
    strategy: Strategy,
    plan: Plan,
    path: Path,
    export: Path | None,
) -> tuple[CampaignProgress, float, list[str]]:
    """Runs the campaign; says how it went, how long it took, and what kept problems from an end."""
    from proposer.campaigns.campaign import Campaign
    from proposer.campaigns.export import export_lines
    from proposer.campaigns.record import CampaignRecord

    began = time.monotonic()
    with CampaignRecord(path) as record, _Line(error_console()) as line:
        async with source.open(plan, record) as model, service.open(*_criteria(tasks)) as judge:
            campaign = Campaign(
                tasks, strategy, plan, model=model, judge=judge, record=record, listener=line.show
            )
            progress = await campaign.run()
        if export is not None:
            with export.open("w", encoding="utf-8") as file:
                file.writelines(export_lines(record))
        failed = [one for one in record.standings() if one.state == "failed"]
    troubles = {one.message: f"{one.problem_id}: {one.message}" for one in failed[::-1]}
    return progress, time.monotonic() - began, list(troubles.values())[:_MOST_TROUBLES]


def _criteria(tasks: Sequence[Task]) -> set[str]:
    from verifier_service.validation import CRITERION_NAMES

    return {CRITERION_NAMES[type(task.spec.problem.criterion)] for task in tasks}


class _Line:
    """How a campaign gets on: a line that changes on a terminal, else one every ten seconds."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status = console.status("Opening.") if console.is_terminal else None
        self._shown = time.monotonic()

    def __enter__(self) -> _Line:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._status is not None:
            self._status.stop()

    def show(self, progress: CampaignProgress) -> None:
        """Shows how far it is, though not too often."""
        if self._status is not None:
            self._status.update(_standing(progress))
        elif time.monotonic() - self._shown >= _SECONDS_BETWEEN_LINES:
            self._shown = time.monotonic()
            self._console.print(_standing(progress), soft_wrap=True)


def _standing(progress: CampaignProgress) -> str:
    states = progress.states
    ended = ", ".join(f"{count} {state}" for state, count in sorted(states.items())) or "none"
    spent = progress.spent
    return (
        f"{progress.ended} of {progress.problems} problems ended ({ended}), {progress.under_way} "
        f"under way; {spent.samples:.0f} samples, {spent.tokens:.0f} tokens, "
        f"{spent.verifier_seconds:.1f} s of verifying"
    )


def _told(progress: CampaignProgress, seconds: float, path: Path) -> str:
    text = f"{_standing(progress)}, in {duration_text(seconds)}."
    if (rate := progress.solved_rate) is not None:
        text += f" Solved: {rate.rate:.1%} [{rate.lower:.1%}, {rate.upper:.1%}]."
    if progress.spent.money:
        text += f" Cost: {progress.spent.money:.4f}."
    return f"{text} Kept in {path}."


def _summary(progress: CampaignProgress, seconds: float, path: Path) -> dict[str, Any]:
    summary: dict[str, Any] = {
        "problems": progress.problems,
        "states": dict(progress.states),
        "samples": int(progress.spent.samples),
        "tokens": int(progress.spent.tokens),
        "verifierSeconds": round(progress.spent.verifier_seconds, 3),
        "money": progress.spent.money,
        "seconds": round(seconds, 3),
        "record": str(path),
    }
    if (rate := progress.solved_rate) is not None:
        summary["solvedRate"] = {"rate": rate.rate, "lower": rate.lower, "upper": rate.upper}
    return {"summary": summary}


def _pairs(texts: Sequence[str]) -> Mapping[str, str]:
    pairs: dict[str, str] = {}
    for text in texts:
        key, separator, value = text.partition("=")
        if not separator or key in pairs:
            raise InvalidInput(f"--option {text}: write each option once, as KEY=VALUE.")
        pairs[key] = value
    return pairs


def _prices(text: str) -> Prices:
    from proposer.models import Prices

    try:
        prompt, completion = (float(part) for part in text.split(","))
    except ValueError:
        prompt = completion = -1.0
    if not 0 <= prompt < 1e9 or not 0 <= completion < 1e9:
        raise InvalidInput(f"--prices {text}: two prices are needed, such as 0.5,1.5.")
    return Prices(prompt=prompt, completion=completion)


def _key(path: Path | None) -> str:
    if path is None:
        return os.environ.get("OPENAI_API_KEY", "")
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"The key's file can't be read: {error}") from error
