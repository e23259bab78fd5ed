"""Tree search over step sessions: the model proposes tactics, Lean says where they lead.

Best-first, as H. Xin et al., "BFS-Prover" (2025), by what is likely; and from several points of
view at a time, as Z. Liang et al., "MPS-Prover: Advancing Stepwise Theorem Proving by
Multi-Perspective Search and Data Curation" (2025), so that a search that is stuck by one measure
goes on by another. Where to think long is a parameter, after Q. Xi et al., "EconProver" (2025).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Final

from proposer.campaigns.desk import Answer, Desk, Sample
from proposer.extraction import lean_tactics
from proposer.models import Chat
from proposer.prompts import load_template
from proposer.strategies.lean import (
    Places,
    Session,
    lean_service,
    paid,
    settled,
    theorem_of,
    theorem_text,
)
from verifier_service.model import InvalidSpec, LeanTheorem, Outcome, QueueFull, RequestedLimits
from verifier_service.model.lean_steps import (
    ProofFinished,
    StepResult,
    TacticFailed,
    TacticState,
    TheoremToProve,
)

__all__ = ["PERSPECTIVES", "TreeSearch"]

_MOST_GOALS: Final = 6000
"""Characters of goals in a prompt; the first goal is what a tactic works at."""
_MOST_FAILURES: Final = 5
_MOST_SAID: Final = 500
"""Characters of what Lean says of one of them."""
_ROOM_SECONDS: Final = 1.0
"""Wait for room for one more session, where the service does not say how long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeSearch:
    """A search for a proof, tactic by tactic."""

    criterion: ClassVar = LeanTheorem

    expansions: int = 0
    """Most states that the model is asked about; 0 leaves it to the budget."""
    branches: int = 2
    """Samples for each state, of up to five tactics each."""
    perspectives: str = "likely,effective,goals,size"
    """What a state is chosen by: one state by each in every round."""
    thinking: str = "stuck"
    """Where the model may think before it answers: "never"; "stuck", once more at a state where
    its tactics led nowhere new; "always"."""
    short_tokens: int = 128
    """Most tokens of an answer without thinking; of the others, the campaign's."""
    tactics: str = "rfl;assumption;trivial;simp_all;omega;decide"
    """Tried at every state before the model is asked; `;` stands between them."""
    seconds: float = 5.0
    """CPU of each tactic."""

    def __post_init__(self) -> None:
        if not self.views or not set(self.views) <= set(PERSPECTIVES):
            raise ValueError(f"perspectives are some of {', '.join(PERSPECTIVES)}.")
        if self.thinking not in ("never", "stuck", "always"):
            raise ValueError("thinking is never, stuck or always.")
        if self.branches < 1 or self.short_tokens < 1 or not 0 < self.seconds < 1e6:
            raise ValueError("branches, short_tokens and seconds are more than 0.")

    @property
    def views(self) -> Sequence[str]:
        """The perspectives, each once."""
        return tuple(dict.fromkeys(filter(None, map(str.strip, self.perspectives.split(",")))))

    async def solve(self, desk: Desk) -> Answer | None:
        """Searches until a proof is accepted or no state is left."""
        theorem = theorem_of(desk.task.spec)
        assert theorem is not None
        asked = TheoremToProve(
            theorem=theorem,
            environment=desk.task.spec.environment,
            problem_id=desk.task.problem_id,
        )
        async with _session(desk, asked) as session:
            search = _Search(self, desk, theorem, session)
            return await search.run()


@dataclass(slots=True, kw_only=True)
class _Node:
    """A state of the proof."""

    number: int
    state: TacticState
    logprob: float = 0.0
    """Of the answers that led here."""
    tokens: int = 0
    head: str = ""
    """First word of the last tactic."""


@dataclass(slots=True)
class _Heads:
    """How often tactics that begin with a word led to a new state."""

    tried: Counter[str] = field(default_factory=Counter)
    worked: Counter[str] = field(default_factory=Counter)

    def rate(self, head: str) -> float:
        return (self.worked[head] + 1) / (self.tried[head] + 2)


_Rank = Callable[[_Node, _Heads], tuple[float, ...]]

PERSPECTIVES: Final[Mapping[str, _Rank]] = {
    "likely": lambda node, _: (-node.logprob / max(1, node.tokens),),
    "effective": lambda node, heads: (-heads.rate(node.head), node.state.features.goal_count),
    "goals": lambda node, _: (node.state.features.goal_count, node.state.features.size),
    "size": lambda node, _: (node.state.features.size,),
    "depth": lambda node, _: (-node.state.features.depth,),
}
"""By name, what the best state has least of: the model's surprise per token on the way to it, where
the server gives log-probabilities; a last tactic of a kind that seldom works here; goals; text; and
distance from the end of the longest way."""


class _Search:
    """One search, in one session."""

    def __init__(
        self, options: TreeSearch, desk: Desk, theorem: LeanTheorem, session: Session
    ) -> None:
        self._options = options
        self._desk = desk
        self._theorem = theorem_text(theorem)
        self._session = session
        self._limits = RequestedLimits(cpu_seconds=options.seconds)
        self._places = Places("step")
        self._heads = _Heads()
        self._seen = {session.root.features.digest}
        self._open = [_Node(number=0, state=session.root)]
        self._made = 1
        self._proofs = 0

    async def run(self) -> Answer | None:
        """A proof that was accepted; None where no state is left to go on from."""
        left = self._options.expansions or None
        while self._open and left != 0:
            chosen = self._choose(left)
            left = None if left is None else left - len(chosen)
            for node in chosen:
                free = [one for one in map(str.strip, self._options.tactics.split(";")) if one]
                answer, _ = await self._try(node, free)
                if answer is not None:
                    return answer
            if (answer := await self._expand(chosen)) is not None:
                return answer
        return None

    def _choose(self, most: int | None) -> list[_Node]:
        """The best state from each point of view; they are open no longer."""
        chosen: list[_Node] = []
        for view in self._options.views[:most]:
            if self._open:
                rank = PERSPECTIVES[view]
                best = min(self._open, key=lambda node: (rank(node, self._heads), node.number))
                self._open.remove(best)
                chosen.append(best)
        return chosen

    async def _expand(self, chosen: Sequence[_Node]) -> Answer | None:
        """Asks the model about states, and tries what it says."""
        is_long = self._options.thinking == "always"
        asked = [(node, self._prompt(node, (), is_long=is_long)) for node in chosen]
        drawn, spent = await settled(
            self._ask(node, prompt, is_long=is_long)
            for node, prompt in asked
            for _ in range(self._options.branches)
        )
        stuck = []
        for node in chosen:
            samples = [sample for one, sample in drawn if one is node]
            answer, failures = await self._try_samples(node, samples)
            if answer is not None:
                return answer
            if failures is not None:
                stuck.append((node, failures))
        if spent is not None:
            raise spent
        return await self._think(stuck) if self._options.thinking == "stuck" else None

    async def _think(self, stuck: Sequence[tuple[_Node, Sequence[str]]]) -> Answer | None:
        """Asks once more about states where nothing led anywhere, and lets the model think."""
        drawn, spent = await settled(
            self._ask(node, self._prompt(node, failures, is_long=True), is_long=True)
            for node, failures in stuck
        )
        for node, sample in drawn:
            answer, _ = await self._try_samples(node, [sample])
            if answer is not None:
                return answer
        if spent is not None:
            raise spent
        return None

    def _prompt(self, node: _Node, failures: Sequence[str], *, is_long: bool) -> Chat:
        goals = "\n\n".join(goal.text for goal in node.state.goals)[:_MOST_GOALS]
        if not is_long:
            return load_template("lean/tactic.1").filled(theorem=self._theorem, goals=goals)
        tried = "\n\n".join(failures[:_MOST_FAILURES]) or "Nothing."
        return load_template("lean/thoughts.1").filled(
            theorem=self._theorem, goals=goals, tried=tried
        )

    async def _ask(self, node: _Node, prompt: Chat, *, is_long: bool) -> tuple[_Node, Sample]:
        sampling = replace(self._desk.sampling, logprobs="likely" in self._options.views)
        if not is_long:
            most = min(sampling.max_tokens, self._options.short_tokens)
            sampling = replace(sampling, max_tokens=most)
        return node, await self._desk.ask(self._places.next(prompt), prompt, sampling)

    async def _try_samples(
        self, node: _Node, samples: Sequence[Sample]
    ) -> tuple[Answer | None, Sequence[str] | None]:
        """A proof, if there is one; and what failed, where nothing led to a new state."""
        tactics: dict[str, Sample] = {}
        for sample in samples:
            for tactic in lean_tactics(sample.completion.text):
                tactics.setdefault(tactic, sample)
        made = self._made
        answer, failures = await self._try(node, list(tactics), tactics)
        return answer, failures if self._made == made else None

    async def _try(
        self, node: _Node, tactics: Sequence[str], said: Mapping[str, Sample] | None = None
    ) -> tuple[Answer | None, list[str]]:
        """Runs tactics on a state: an accepted proof, and what failed, with Lean's words."""
        failures: list[str] = []
        for tactic in tactics:
            # One a call: what makes one of them unusable, or take long, is no other one's trouble.
            work = self._session.step(node.state.state_id, [tactic], limits=self._limits)
            try:
                (result,) = await paid(self._desk, work)
            except InvalidSpec as error:
                if any(not one.field.startswith("tactics") for one in error.violations):
                    raise
                continue
            self._note(node, tactic, result, (said or {}).get(tactic))
            match result.outcome:
                case ProofFinished(proof=proof):
                    if (answer := await self._judged(proof)) is not None:
                        return answer, failures
                case TacticFailed(message=message):
                    failures.append(f"{tactic}\n{message[:_MOST_SAID]}")
        return None, failures

    def _note(self, node: _Node, tactic: str, result: StepResult, said: Sample | None) -> None:
        """Keeps a state that was not seen before."""
        head = tactic.split()[0]
        self._heads.tried[head] += 1
        state = result.outcome
        if not isinstance(state, TacticState) or state.features.digest in self._seen:
            return
        self._heads.worked[head] += 1
        self._seen.add(state.features.digest)
        tokens = () if said is None else said.completion.tokens
        self._open.append(
            _Node(
                number=self._made,
                state=state,
                logprob=node.logprob + sum(token.logprob for token in tokens),
                tokens=node.tokens + len(tokens),
                head=head,
            )
        )
        self._made += 1

    async def _judged(self, proof: str) -> Answer | None:
        place = f"proof/{self._proofs}"
        self._proofs += 1
        verdict = await self._desk.judge(place, proof)
        if verdict is not None and verdict.outcome is Outcome.ACCEPTED:
            return Answer(text=proof, place=place)
        return None


@contextlib.asynccontextmanager
async def _session(desk: Desk, asked: TheoremToProve) -> AsyncIterator[Session]:
    """A session, once the service has room for it."""
    service = lean_service(desk)
    async with contextlib.AsyncExitStack() as stack:
        while True:
            try:
                session = await stack.enter_async_context(service.open_session(asked))
                break
            except QueueFull as full:
                await asyncio.sleep(full.retry_after_seconds or _ROOM_SECONDS)
        yield session
