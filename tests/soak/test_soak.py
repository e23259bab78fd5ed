"""Thousands of verifications through one stream, with random cancels and a server that is killed.

`make test` runs some hundreds. All of it: `SOAK_COUNT=10000 python -m pytest tests/soak`.
`SOAK_SEED` repeats the choices of a run; when things happen is up to the machine.
"""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final

import pytest

from clients import AsyncStream, AsyncVerifier, StreamItem
from tests.soak.candidates import ENDLESS, KINDS, Kind, slow
from tests.soak.machine import Machine, Process, adopting_orphans, eventually, orphans
from tests.soak.served import name_of
from tests.soak.service import Resources, Server, running
from verifier_service.model import (
    CallOptions,
    Cancelled,
    Outcome,
    Progress,
    State,
    Verdict,
    Verification,
    VerificationSpec,
)

COUNT: Final = int(os.environ.get("SOAK_COUNT", "300"))
SEED: Final = int(os.environ.get("SOAK_SEED", "0")) or random.SystemRandom().randrange(1, 10**9)
WAVES: Final = max(5, COUNT // 1000)
"""After each, all is answered for a moment, and the server's resources are looked at."""
KILLS: Final = 1 + COUNT // 5000
NODE_SIZE: Final = 6
ENDLESS_SHARE: Final = 0.08
EQUAL_SHARE: Final = 0.12
CANCELLED_TICKETS: Final = 0.04
CANCELLED_NODES: Final = 0.06
LONG_RUNNING: Final = 6
"""Verifications that outlive their call, begun before each kill."""
ASKED_AGAIN: Final = 500
KEPT_FILES: Final = {"home", "journal", "log", "store.sqlite3", "store.sqlite3.lock"}
GIVEN_FILES: Final = {"temporary", "working"}
MOST_MEBIBYTES: Final = 48
MOST_THREADS: Final = 8
MOST_DESCRIPTORS: Final = 48
"""Two warm jails more or less."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300 + COUNT)]


@dataclass
class Submission:
    """A ticket, and what is known of it."""

    kind: Kind
    spec: VerificationSpec
    cancelled: bool = False
    running: asyncio.Event = field(default_factory=asyncio.Event)
    items: list[StreamItem] = field(default_factory=list)
    life: int = 0
    """The server, counted from 0, that its answer came from."""

    @property
    def conclusive(self) -> Verdict | None:
        """Its verdict, if that is one to be kept."""
        verdict = self.items[0].verdict if self.items else None
        return None if verdict is None or verdict.outcome is Outcome.INCONCLUSIVE else verdict

    @property
    def as_expected(self) -> bool:
        (item,) = self.items
        if item.verdict is None:
            return self.cancelled and isinstance(item.error, Cancelled)
        return item.verdict.reason in self.kind.reasons


@dataclass
class Soaked:
    """What was seen."""

    server: Server
    submissions: dict[str, Submission] = field(default_factory=dict)
    servers: list[int] = field(default_factory=list)
    """Pids of the server, one for each life."""
    resources: list[list[Resources]] = field(default_factory=list)
    """By life, after each wave."""
    survivors: list[Process] = field(default_factory=list)
    """Processes that outlived a killed server."""
    idle: list[Process] = field(default_factory=list)
    """Jailed processes that were there although all was answered."""
    asked_again: dict[str, Verdict] = field(default_factory=dict)
    long_running: list[Verification] = field(default_factory=list)
    exit_code: int | None = None
    left: list[str] = field(default_factory=list)
    """What was there at the end, and not before."""


@pytest.fixture(scope="module")
def soaked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Soaked]:
    """All of it, once; the tests look at what came of it."""
    sys.stdout.write(f"SOAK_SEED={SEED} SOAK_COUNT={COUNT}\n")  # shown where a test fails
    with adopting_orphans():
        before = Machine.look()
        with running(tmp_path_factory.mktemp("soak"), drain_seconds=10) as server:
            soak = Soak(server, before)
            asyncio.run(soak.run())
        yield soak.seen


class Soak:
    """Drives one server through all its lives."""

    def __init__(self, server: Server, before: Machine) -> None:
        self.seen = Soaked(server)
        self._server = server
        self._before = before
        self._random = random.Random(SEED)
        self._number = 0
        self._cancelling: set[asyncio.Task[None]] = set()
        self._started: list[str] = []
        self._answered = asyncio.Event()
        self._begin_life()

    async def run(self) -> None:
        async with AsyncVerifier(self._server.address) as verifier:
            async with (
                verifier.stream(progress=self._hear) as session,
                asyncio.TaskGroup() as others,
            ):
                others.create_task(self._read(session))
                deadly = self._random.sample(range(1, WAVES - 2), KILLS)
                for wave in range(WAVES):
                    await self._wave(verifier, session, deadly=wave in deadly)
                session.finish()
            await self._ask_again(verifier)
            await self._see_long_running_ones_end(verifier)
        self.seen.exit_code = await self._server.terminate()
        self.seen.left += await eventually(self._left)

    def _begin_life(self) -> None:
        self.seen.servers.append(self._server.pid)
        self.seen.resources.append([])

    async def _wave(self, verifier: AsyncVerifier, session: AsyncStream, *, deadly: bool) -> None:
        tickets = [self._new_ticket() for _ in range(COUNT // WAVES)]
        submissions = [self.seen.submissions[ticket] for ticket in tickets]
        async with asyncio.TaskGroup() as others:
            if deadly:
                others.create_task(self._kill_amid(verifier, submissions))
            for ticket in tickets:
                await session.submit(self.seen.submissions[ticket].spec, ticket=ticket)
                self._perhaps_cancel(session, ticket)
        await self._until(lambda: all(submission.items for submission in submissions))
        self.seen.idle += await eventually(self._server.jailed)
        self.seen.resources[-1].append(self._server.resources())

    # What is submitted --------------------------------------------------------------------------

    def _new_ticket(self) -> str:
        self._number += 1
        ticket = f"node-{self._number // NODE_SIZE}/{self._number}"
        self.seen.submissions[ticket] = self._new_submission()
        return ticket

    def _new_submission(self) -> Submission:
        if self._random.random() < ENDLESS_SHARE:
            return self._of_kind(ENDLESS)
        former = [one for one in self.seen.submissions.values() if one.kind.reasons]
        if former and self._random.random() < EQUAL_SHARE:
            equal = self._random.choice(self._random.choice([former, former[-30:]]))
            return Submission(equal.kind, equal.spec)
        return self._of_kind(KINDS)

    def _of_kind(self, kinds: tuple[Kind, ...]) -> Submission:
        (kind,) = self._random.choices(kinds, [kind.weight for kind in kinds])
        return Submission(kind, kind.candidate(self._number))

    # What is taken back -------------------------------------------------------------------------

    def _perhaps_cancel(self, session: AsyncStream, ticket: str) -> None:
        if not self.seen.submissions[ticket].kind.reasons:
            self._cancel_soon(session, ticket, ticket, within_seconds=0.4)
        elif self._random.random() < CANCELLED_TICKETS:
            self._cancel_soon(session, ticket, ticket, within_seconds=0.1)
        elif self._random.random() < CANCELLED_NODES / NODE_SIZE:
            node = f"{ticket.partition('/')[0]}/*"
            self._cancel_soon(session, node, ticket, within_seconds=0.1)

    def _cancel_soon(
        self, session: AsyncStream, pattern: str, begun: str, *, within_seconds: float
    ) -> None:
        delay = self._random.uniform(0, within_seconds)
        task = asyncio.create_task(self._cancel(session, pattern, begun, delay))
        self._cancelling.add(task)
        task.add_done_callback(self._cancelling.discard)

    async def _cancel(self, session: AsyncStream, pattern: str, begun: str, delay: float) -> None:
        """Cancels at any moment of a run, or, where nothing is heard of one, before it."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.seen.submissions[begun].running.wait(), 15)
        await asyncio.sleep(delay)
        for ticket, submission in self.seen.submissions.items():
            if fnmatchcase(ticket, pattern) and not submission.items:
                submission.cancelled = True
        await session.cancel(pattern)

    # What is heard ------------------------------------------------------------------------------

    def _hear(self, ticket: str, progress: Progress) -> None:
        if progress.state is State.RUNNING:
            self.seen.submissions[ticket].running.set()

    async def _read(self, session: AsyncStream) -> None:
        async for item in session:
            submission = self.seen.submissions[item.ticket]
            submission.items.append(item)
            submission.life = len(self.seen.servers) - 1
            self._answered.set()

    async def _until(self, true: Callable[[], bool]) -> None:
        """Waits for answers until this holds."""
        while not true():
            self._answered.clear()
            await self._answered.wait()

    async def _ask_again(self, verifier: AsyncVerifier) -> None:
        """Asks once more for what was answered, whichever server answered it."""
        answered = [ticket for ticket, one in self.seen.submissions.items() if one.conclusive]
        chosen = self._random.sample(answered, min(len(answered), ASKED_AGAIN))
        async with verifier.stream() as session:
            for ticket in chosen:
                await session.submit(self.seen.submissions[ticket].spec, ticket=ticket)
            session.finish()
            async for item in session:
                self.seen.asked_again[item.ticket] = item.unwrap()

    # What happens to the server -----------------------------------------------------------------

    async def _kill_amid(self, verifier: AsyncVerifier, submissions: list[Submission]) -> None:
        """Kills the server at a random moment of a wave, and starts it again."""
        await self._start_long_running_ones(verifier)
        answers = self._random.randrange(len(submissions) // 2)
        await self._until(lambda: sum(bool(one.items) for one in submissions) >= answers)
        self._server.kill()
        self.seen.survivors += await eventually(lambda: orphans(self._before))
        await asyncio.to_thread(self._server.start)
        self._begin_life()

    async def _start_long_running_ones(self, verifier: AsyncVerifier) -> None:
        options = CallOptions(session_id="long-running")
        for index in range(LONG_RUNNING):
            self._number += 1
            spec = slow(self._number, seconds=index / 2)
            started = await verifier.start(spec, options=options, request_id=str(uuid.uuid4()))
            self._started.append(started.verification_id)

    async def _see_long_running_ones_end(self, verifier: AsyncVerifier) -> None:
        for name in self._started:
            *_, last = [event async for event in verifier.watch(name)]
            assert isinstance(last, Verification)
            self.seen.long_running.append(last)

    def _left(self) -> list[str]:
        orphans(self._before)
        return Machine.look().left_since(self._before)


# What must come of it -------------------------------------------------------------------------


def test_every_ticket_has_exactly_one_answer(soaked: Soaked) -> None:
    assert len(soaked.submissions) >= COUNT - WAVES
    assert [t for t, one in soaked.submissions.items() if len(one.items) != 1] == []


def test_every_candidate_gets_its_own_verdict_or_was_taken_back(soaked: Soaked) -> None:
    assert [one for one in soaked.submissions.values() if not one.as_expected] == []


def test_answers_came_from_every_server_and_many_were_taken_back(soaked: Soaked) -> None:
    lives = {one.life for one in soaked.submissions.values()}
    taken_back = [one for one in soaked.submissions.values() if one.items[0].error]

    assert lives == set(range(KILLS + 1))
    assert len(taken_back) > COUNT * ENDLESS_SHARE / 2


def test_what_was_answered_once_is_answered_from_the_cache(soaked: Soaked) -> None:
    assert len(soaked.asked_again) > min(ASKED_AGAIN, COUNT // 2) * 0.9
    for ticket, again in soaked.asked_again.items():
        first = soaked.submissions[ticket].conclusive
        assert first is not None
        assert again.provenance.from_cache
        assert (again.outcome, again.reason) == (first.outcome, first.reason)
        assert again.provenance.timeline == first.provenance.timeline  # of one and the same run


def test_nothing_is_run_again_once_it_has_its_verdict(soaked: Soaked) -> None:
    answered_in: dict[str, int] = {}
    for one in soaked.submissions.values():
        if one.conclusive:
            name = name_of(one.spec)
            answered_in[name] = min(one.life, answered_in.get(name, one.life))
    judged: set[tuple[int, str]] = set()
    again = []
    for entry in soaked.server.journal():
        life = soaked.servers.index(entry.server)
        known = answered_in.get(entry.candidate, life) < life
        if entry.event == "began" and (known or (life, entry.candidate) in judged):
            again.append(entry)
        elif entry.event == "verdict":
            judged.add((life, entry.candidate))

    assert again == []


def test_the_store_holds_each_verdict_once(soaked: Soaked) -> None:
    answered = {
        one.conclusive.provenance.verification_digest
        for one in soaked.submissions.values()
        if one.conclusive
    }
    with sqlite3.connect(soaked.server.store) as store:
        rows = [
            digest
            for (digest,) in store.execute(
                "SELECT digest FROM verifications WHERE state = 'succeeded' "
                "AND request_id IS NULL AND outcome != 'inconclusive'"
            )
        ]
        verdicts = {digest for (digest,) in store.execute("SELECT digest FROM verdicts")}
        unfinished = list(store.execute("SELECT id FROM verifications WHERE over = 0"))
    store.close()

    assert len(rows) == len(set(rows))
    assert answered <= set(rows) <= verdicts
    assert unfinished == []


def test_long_running_verifications_outlive_the_server(soaked: Soaked) -> None:
    assert len(soaked.long_running) == LONG_RUNNING * KILLS
    for one in soaked.long_running:
        assert one.state in (State.SUCCEEDED, State.FAILED)
        assert (one.state is State.FAILED) == (one.error is not None)
        assert one.verdict is None or one.verdict.reason == "tests-passed"


def test_no_process_outlives_a_killed_server(soaked: Soaked) -> None:
    assert soaked.survivors == []


def test_no_jailed_process_is_there_when_all_is_answered(soaked: Soaked) -> None:
    assert soaked.idle == []


def test_the_server_does_not_grow(soaked: Soaked) -> None:
    for life in soaked.resources:
        grown = {
            name: getattr(life[-1], name) - getattr(life[0], name)
            for name in Resources.__dataclass_fields__
        }
        assert grown["descriptors"] <= MOST_DESCRIPTORS, life
        assert grown["threads"] <= MOST_THREADS, life
        assert grown["resident_mebibytes"] <= MOST_MEBIBYTES, life


def test_it_ends_cleanly_and_complains_about_nothing(soaked: Soaked) -> None:
    assert soaked.exit_code == 0
    assert soaked.server.complaints() == []


def test_nothing_is_left_behind(soaked: Soaked) -> None:
    assert soaked.left == []
    assert soaked.server.files() == KEPT_FILES | GIVEN_FILES
