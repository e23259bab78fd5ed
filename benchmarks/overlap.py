"""What overlapping generation and verification gains, by a model and by real campaigns.

A decoder batches continuously: all running sequences advance together, and a step takes longer the
more there are. Verifiers are workers of their own. `sequential` decodes a round, then verifies it,
then begins the next; `overlapped` is the best that a loop can do that verifies each sample as it
ends, repairs it at once, and cancels what a solved problem no longer needs: both are computed from
the same draws, without any campaign. `campaign` runs a real campaign on a simulated decoder and
simulated verifiers, on a clock that jumps to the next event. No accelerator is involved.

    python -m benchmarks.overlap
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import math
import random
import selectors
import time
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from proposer.campaigns.campaign import Campaign, Plan
from proposer.campaigns.record import CampaignRecord
from proposer.models import Completion, FinishReason, Request, Usage
from proposer.problems import Task, task_from_json
from proposer.strategies import make_strategy, options_of
from verifier_service.model import CallOptions, Outcome, Verdict, VerificationSpec

__all__ = ["SCENARIOS", "Measured", "World", "campaign", "overlapped", "sequential"]

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Lengths, latencies and luck, drawn once: equal for every way to go about them.

    Defaults: the order of magnitude of a model of 8 billion parameters on one H100.
    """

    seed: int = 0
    problems: int = 64
    samples: int = 8
    """Fresh ones of a problem."""
    rounds: int = 3
    """Of each: the fresh sample and its repairs."""
    slots: int = 256
    """Sequences that decode together."""
    step_seconds: float = 0.012
    step_seconds_each: float = 0.00007
    """What each running sequence adds to a step."""
    median_tokens: float = 700
    most_tokens: int = 4096
    verify_seconds: float = 0.2
    """Median; both medians are of log-normal distributions."""
    verify_spread: float = 0.8
    workers: int = 64
    chance: float = 0.12
    """Of a fresh sample to be right; a repair's is 1.3 times as much."""

    def step(self, running: int) -> float:
        """Seconds of one decoding step."""
        return self.step_seconds + self.step_seconds_each * running

    def tokens(self, problem: int, sample: int, turn: int) -> int:
        """Length of a sample."""
        drawn = self._draw("tokens", problem, sample, turn).lognormvariate(
            math.log(self.median_tokens), 0.7
        )
        return max(32, min(self.most_tokens, int(drawn)))

    def latency(self, problem: int, sample: int, turn: int) -> float:
        """Seconds that a worker takes to judge a sample."""
        return self._draw("latency", problem, sample, turn).lognormvariate(
            math.log(self.verify_seconds), self.verify_spread
        )

    def right(self, problem: int, sample: int, turn: int) -> bool:
        """Whether a sample is accepted."""
        chance = self.chance * (1.3 if turn else 1.0)
        return self._draw("right", problem, sample, turn).random() < chance

    def _draw(self, *what: object) -> random.Random:
        return random.Random(f"{self.seed} {what}")


SCENARIOS: Final = {
    "Python tests": {"verify_seconds": 0.2, "verify_spread": 0.8},
    "solvers": {"verify_seconds": 2.0, "verify_spread": 1.0},
    "proofs": {"verify_seconds": 8.0, "verify_spread": 0.8},
    "proofs, few workers": {"verify_seconds": 8.0, "verify_spread": 0.8, "workers": 16},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One way to go about it, in simulated seconds."""

    seconds: float
    busy_seconds: float
    """In which at least one sequence was decoded."""
    decoded_until: float
    """When the last sequence ended."""
    solved: int

    @property
    def idle_share(self) -> float:
        """Of the time until the last sequence ended, that in which none was decoded."""
        return 1 - self.busy_seconds / self.decoded_until


def sequential(world: World) -> Measured:
    """Round by round: decode everything, then verify everything."""
    now = busy = decoded = 0.0
    open_problems = list(range(world.problems))
    for turn in range(world.rounds):
        drawn = [(p, s, turn) for p in open_problems for s in range(world.samples)]
        seconds = _decode(world, [world.tokens(*one) for one in drawn])
        busy += seconds
        decoded = now + seconds
        now = decoded + _verify(world, [world.latency(*one) for one in drawn])
        solved = {p for p, s, _ in drawn if world.right(p, s, turn)}
        open_problems = [p for p in open_problems if p not in solved]
        if not open_problems:
            break
    return Measured(
        seconds=now,
        busy_seconds=busy,
        decoded_until=decoded,
        solved=world.problems - len(open_problems),
    )


def _decode(world: World, lengths: Iterable[int]) -> float:
    waiting, running = list(lengths)[::-1], list[float]()
    seconds = position = 0.0
    while waiting or running:
        while waiting and len(running) < world.slots:
            heapq.heappush(running, position + waiting.pop())
        end = running[0]
        seconds += (end - position) * world.step(len(running))
        position = heapq.heappop(running)
    return seconds


def _verify(world: World, latencies: Iterable[float]) -> float:
    free = [0.0] * world.workers
    for latency in latencies:
        heapq.heapreplace(free, free[0] + latency)
    return max(free)


def overlapped(world: World) -> Measured:
    """Event by event: each sample is verified, repaired and cancelled by itself, at once."""
    now = position = busy = decoded = 0.0
    waiting = [(p, s, 0) for p in range(world.problems) for s in range(world.samples)][::-1]
    running: list[tuple[float, tuple[int, int, int]]] = []
    queue: list[tuple[int, int, int]] = []
    judging: list[tuple[float, tuple[int, int, int]]] = []
    solved: set[int] = set()
    while waiting or running or queue or judging:
        while waiting and len(running) < world.slots:
            one = waiting.pop()
            heapq.heappush(running, (position + world.tokens(*one), one))
        while queue and len(judging) < world.workers:
            one = queue.pop(0)
            heapq.heappush(judging, (now + world.latency(*one), one))
        step = world.step(len(running))
        ends = now + (running[0][0] - position) * step if running else math.inf
        if judging and judging[0][0] < ends:
            then, one = heapq.heappop(judging)
        else:
            then, one = ends, heapq.heappop(running)[1]
            queue.append(one)
            decoded = then
        if running or then == ends:
            busy += then - now
            position += (then - now) / step
        now = then
        if queue and queue[-1] == one:
            continue
        problem, sample, turn = one
        if world.right(*one):
            solved.add(problem)
            running = [item for item in running if item[1][0] != problem]
            heapq.heapify(running)
            judging = [item for item in judging if item[1][0] != problem]
            heapq.heapify(judging)
            waiting = [item for item in waiting if item[0] != problem]
            queue = [item for item in queue if item[0] != problem]
        elif turn + 1 < world.rounds:
            waiting.insert(0, (problem, sample, turn + 1))
    return Measured(seconds=now, busy_seconds=busy, decoded_until=decoded, solved=len(solved))


def campaign(world: World) -> Measured:
    """A real campaign, on simulated seconds."""
    return on_simulated_time(lambda: _campaign(world))


async def _campaign(world: World) -> Measured:
    loop = asyncio.get_running_loop()
    decoder, verifiers = _Decoder(world), _Verifiers(world)
    strategy = make_strategy(
        "self-repair",
        {
            "samples": str(world.samples),
            "rounds": str(world.rounds - 1),
            "width": str(world.samples),
        },
    )
    plan = Plan(
        strategy_name="self-repair",
        strategy_options=options_of(strategy),
        decoding=world.slots,
        in_hand=world.problems * world.samples,
        problems_at_once=world.problems,
    )
    tasks = [_task(str(number)) for number in range(world.problems)]
    with CampaignRecord(":memory:") as record:
        made = Campaign(tasks, strategy, plan, model=decoder, judge=verifiers, record=record)
        decoding = asyncio.create_task(decoder.decode())
        progress = await made.run()
        decoding.cancel()
    return Measured(
        seconds=loop.time(),
        busy_seconds=decoder.busy_seconds,
        decoded_until=decoder.decoded_until,
        solved=progress.states["solved"],
    )


def _task(problem_id: str) -> Task:
    line = {
        "problem": {"problemId": problem_id, "pythonTests": {"code": {"source": "assert True"}}},
        "statement": "Say which sample this is.",
    }
    return task_from_json(line, problem_id)


class _Decoder:
    """Continuous batching; a sample's text says which one it is."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._position = 0.0
        self._running: list[tuple[float, int, asyncio.Future[None]]] = []
        self._changed = asyncio.Event()
        self._fresh: dict[str, int] = {}
        self._count = 0
        self.busy_seconds = 0.0
        self.decoded_until = 0.0

    @property
    def name(self) -> str:
        return "simulated"

    async def complete(self, request: Request) -> Completion:
        which = self._which(request)
        length = self._world.tokens(*which)
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._count += 1
        entry = (self._position + length, self._count, ended)
        heapq.heappush(self._running, entry)
        self._changed.set()
        try:
            await ended
        except asyncio.CancelledError:
            with contextlib.suppress(ValueError):
                self._running.remove(entry)
            heapq.heapify(self._running)
            self._changed.set()
            raise
        text = f"```python\nsample = {which}\n```"
        return Completion(
            text=text,
            finish_reason=FinishReason.STOP,
            usage=Usage(completion_tokens=length),
        )

    async def close(self) -> None:
        pass

    async def decode(self) -> None:
        """Advances all running sequences together, from one change to the next."""
        loop = asyncio.get_running_loop()
        while True:
            self._changed.clear()
            if not self._running:
                await self._changed.wait()
                await asyncio.sleep(0)
                continue
            began, step = loop.time(), self._world.step(len(self._running))
            left = (self._running[0][0] - self._position) * step
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, left)):
                    await self._changed.wait()
            passed = loop.time() - began
            self.busy_seconds += passed
            self._position += passed / step
            while self._running and self._running[0][0] <= self._position + 1e-6:
                heapq.heappop(self._running)[2].set_result(None)
                self.decoded_until = loop.time()

    def _which(self, request: Request) -> tuple[int, int, int]:
        turns = [one for one in request.prompt.messages if one.role == "assistant"]  # type: ignore[union-attr]
        if turns:
            problem, sample, turn = _named(turns[-1].content)
            return problem, sample, turn + 1
        sample = self._fresh.get(request.session, 0)
        self._fresh[request.session] = sample + 1
        return int(request.session), sample, 0


def _named(text: str) -> tuple[int, int, int]:
    numbers = text.partition("(")[2].partition(")")[0].split(",")
    problem, sample, turn = map(int, numbers)
    return problem, sample, turn


class _Verifiers:
    """Workers that judge by luck."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._free = asyncio.Semaphore(world.workers)

    async def verify(
        self,
        spec: VerificationSpec,
        *,
        options: CallOptions | None = None,
        timeout_seconds: float | None = None,
    ) -> Verdict:
        del options, timeout_seconds
        which = _named(spec.candidate.source)
        async with self._free:
            await asyncio.sleep(self._world.latency(*which))
        right = self._world.right(*which)
        return Verdict(
            outcome=Outcome.ACCEPTED if right else Outcome.REJECTED, reason="luck", summary="Luck."
        )


class _JumpingSelector(selectors.DefaultSelector):
    """Lets no time pass: where the loop would wait, its clock jumps."""

    now = 0.0

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise RuntimeError("nothing will ever happen any more")
            self.now += max(0.0, timeout)
        return ready


def on_simulated_time(work: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
    """Runs work on an event loop whose clock begins at 0 and jumps from event to event."""
    selector = _JumpingSelector()
    loop = asyncio.SelectorEventLoop(selector)
    loop.time = lambda: selector.now  # type: ignore[method-assign]
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(work())


def main() -> None:
    """Prints the gain in each scenario."""
    print(f"{'':20} {'sequential':>10} {'overlapped':>16} {'campaign':>16}  of the gain   idle")
    for name, options in SCENARIOS.items():
        began = time.perf_counter()
        worlds = [World(seed=seed, **options) for seed in range(3)]  # type: ignore[arg-type]
        first, best, real = (
            [way(world) for world in worlds] for way in (sequential, overlapped, campaign)
        )
        seconds = [sum(one.seconds for one in ways) / len(ways) for ways in (first, best, real)]
        gains = [seconds[0] / one for one in seconds]
        idle = max(one.idle_share for one in real)
        print(
            f"{name:20} {seconds[0]:8.0f} s {seconds[1]:6.0f} s ({gains[1]:.2f}x) "
            f"{seconds[2]:6.0f} s ({gains[2]:.2f}x)  {gains[2] / gains[1]:10.0%} {idle:6.1%}"
            f"   ({time.perf_counter() - began:.1f} s)"
        )


if __name__ == "__main__":
    main()
