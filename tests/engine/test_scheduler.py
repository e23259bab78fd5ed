"""Slots, priorities, fair shares, and honest refusals."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verifier_service.engine.scheduler import Scheduler, Ticket
from verifier_service.model import QueueFull


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def scheduler_of(slots: int = 1, max_queued: int = 100) -> tuple[Scheduler, Clock]:
    clock = Clock()
    return Scheduler(slots=slots, max_queued=max_queued, clock=clock), clock


def served(scheduler: Scheduler, first: Ticket, tickets: list[Ticket]) -> list[int]:
    """The order in which tickets get the only slot, which the first one holds."""
    order = []
    holding = first
    while scheduler.queued:
        scheduler.leave(holding)
        (index,) = (i for i, t in enumerate(tickets) if t.granted.done() and i not in order)
        order.append(index)
        holding = tickets[index]
    scheduler.leave(holding)
    scheduler.close()
    return order


async def test_no_more_run_than_there_are_slots() -> None:
    scheduler, _ = scheduler_of(slots=2)
    tickets = [scheduler.enter() for _ in range(3)]

    assert [ticket.granted.done() for ticket in tickets] == [True, True, False]
    scheduler.leave(tickets[0])
    assert tickets[2].granted.done()
    assert (scheduler.running, scheduler.queued) == (2, 0)


@pytest.mark.parametrize(
    ("entries", "order"),
    [
        pytest.param([("", 0), ("", 0), ("", 0)], [0, 1, 2], id="first-come"),
        pytest.param([("", 5), ("", 0), ("", -5)], [2, 1, 0], id="lower-priority-sooner"),
        pytest.param(
            [("a", 0), ("a", 0), ("a", 0), ("b", 0)], [0, 3, 1, 2], id="sessions-take-turns"
        ),
        pytest.param(
            [("a", 0), ("a", 0), ("b", 0), ("b", 0), ("c", 0)], [0, 2, 4, 1, 3], id="three-sessions"
        ),
        pytest.param(
            [("a", 0), ("a", 0), ("a", -1), ("b", 0)], [2, 0, 3, 1], id="priority-before-turns"
        ),
    ],
)
async def test_order(entries: list[tuple[str, int]], order: list[int]) -> None:
    scheduler, _ = scheduler_of()
    first = scheduler.enter(session_id="before")
    tickets = [scheduler.enter(session_id=session, priority=prio) for session, prio in entries]

    assert served(scheduler, first, tickets) == order


async def test_what_a_session_takes_back_costs_it_nothing() -> None:
    scheduler, _ = scheduler_of()
    first = scheduler.enter(session_id="other")
    taken_back = [scheduler.enter(session_id="a") for _ in range(50)]
    kept = scheduler.enter(session_id="a")
    others = [scheduler.enter(session_id="b") for _ in range(3)]
    for ticket in taken_back:
        scheduler.leave(ticket)

    assert served(scheduler, first, [kept, *others]) == [0, 1, 2, 3]


async def test_a_newcomer_does_not_wait_for_what_others_were_served_before_it() -> None:
    scheduler, _ = scheduler_of()
    for _ in range(10):
        scheduler.leave(scheduler.enter(session_id="old"))
    first = scheduler.enter(session_id="old")
    tickets = [scheduler.enter(session_id=name) for name in ("old", "old", "new")]

    assert served(scheduler, first, tickets) == [0, 2, 1]


async def test_a_newcomer_takes_turns_with_those_who_were_there() -> None:
    scheduler, _ = scheduler_of()
    holding = scheduler.enter(session_id="old")
    old = [scheduler.enter(session_id="old") for _ in range(6)]
    for ticket in old[:3]:
        scheduler.leave(holding)
        holding = ticket
    tickets = [*old[3:], *(scheduler.enter(session_id="new") for _ in range(3))]

    assert served(scheduler, holding, tickets) == [0, 3, 1, 4, 2, 5]


async def test_a_promoted_ticket_goes_sooner() -> None:
    scheduler, _ = scheduler_of()
    first = scheduler.enter()
    tickets = [scheduler.enter() for _ in range(3)]
    scheduler.promote(tickets[2], -1)
    scheduler.promote(tickets[2], 7)  # less urgent: no effect

    assert served(scheduler, first, tickets) == [2, 0, 1]


async def test_leaving_twice_gives_one_slot_back() -> None:
    scheduler, _ = scheduler_of()
    ticket = scheduler.enter()
    scheduler.leave(ticket)
    scheduler.leave(ticket)

    assert scheduler.running == 0


async def test_a_slot_granted_to_a_cancelled_owner_comes_back() -> None:
    scheduler, _ = scheduler_of()
    first, waiting, last = scheduler.enter(), scheduler.enter(), scheduler.enter()
    waiting.granted.cancel()
    scheduler.leave(first)
    scheduler.leave(waiting)

    assert last.granted.done()
    scheduler.leave(last)
    assert (scheduler.running, scheduler.queued) == (0, 0)


async def test_a_full_queue_gives_each_caller_a_time_of_its_own() -> None:
    scheduler, clock = scheduler_of(slots=1, max_queued=1)
    run = scheduler.enter()
    clock.now += 2.0
    scheduler.leave(run)
    tickets = [scheduler.enter(), scheduler.enter()]

    times = []
    for _ in range(3):
        with pytest.raises(QueueFull, match=r"All 1 slots are taken.*") as refused:
            scheduler.enter()
        times.append(refused.value.retry_after_seconds)

    assert times == [pytest.approx(2.0), pytest.approx(4.0), pytest.approx(6.0)]
    assert scheduler.enter(patient=True).position == 2
    assert len(tickets) == 2
    scheduler.close()


async def test_what_would_miss_its_deadline_is_refused_at_once() -> None:
    scheduler, clock = scheduler_of(slots=1)
    run = scheduler.enter()
    clock.now += 2.0
    scheduler.leave(run)
    scheduler.enter(deadline=clock.now + 0.1)  # a slot is free: it may try
    scheduler.enter(deadline=clock.now + 4.5)  # waits 2, runs 2

    with pytest.raises(QueueFull, match="too long for the call's deadline") as refused:
        scheduler.enter(deadline=clock.now + 4.5)

    assert refused.value.retry_after_seconds == pytest.approx(1.5)
    assert refused.value.facts["expected_wait_seconds"] == "4.000"
    scheduler.enter(deadline=clock.now + 4.5, priority=-1)  # goes before the one that waits
    scheduler.enter(deadline=clock.now + 0.5, patient=True)
    scheduler.close()


async def test_places_are_announced_when_they_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("verifier_service.engine.scheduler._ANNOUNCEMENT_SECONDS", 0.0)
    scheduler, _ = scheduler_of()
    tickets = [scheduler.enter() for _ in range(4)]
    heard: list[tuple[int, int]] = []
    for index, ticket in enumerate(tickets):
        scheduler.listen(ticket, _into(heard, index))

    assert [ticket.position for ticket in tickets] == [0, 1, 2, 3]
    scheduler.leave(tickets[1])
    await asyncio.sleep(0.01)

    assert heard == [(2, 1), (3, 2)]
    scheduler.close()


def _into(heard: list[tuple[int, int]], index: int) -> Callable[[int], None]:
    return lambda position: heard.append((index, position))


actions = st.lists(
    st.one_of(
        st.tuples(st.just("enter"), st.integers(0, 3), st.integers(-1, 1)),
        st.tuples(st.just("leave"), st.integers(0, 30), st.just(0)),
        st.tuples(st.just("promote"), st.integers(0, 30), st.integers(-2, 1)),
        st.tuples(st.just("cancel"), st.integers(0, 30), st.just(0)),
    ),
    max_size=60,
)


@given(actions, st.integers(1, 3))
@settings(deadline=None)
def test_whatever_happens_slots_are_used_and_nothing_is_left(
    happening: list[tuple[str, int, int]], slots: int
) -> None:
    async def run() -> None:
        scheduler, _ = scheduler_of(slots=slots)
        tickets: list[Ticket] = []
        for action, which, priority in happening:
            _do(scheduler, tickets, action, which, priority)
            assert scheduler.running <= slots
            assert scheduler.queued == 0 or scheduler.running == slots
        for ticket in tickets:
            scheduler.leave(ticket)
        assert (scheduler.running, scheduler.queued, scheduler._levels) == (0, 0, {})
        scheduler.close()

    asyncio.run(run())


def _do(
    scheduler: Scheduler, tickets: list[Ticket], action: str, which: int, priority: int
) -> None:
    if action == "enter":
        tickets.append(scheduler.enter(session_id=f"s{which}", priority=priority))
    elif which < len(tickets):
        if action == "leave":
            scheduler.leave(tickets[which])
        elif action == "cancel":
            tickets[which].granted.cancel()
        else:
            scheduler.promote(tickets[which], priority)


entries = st.lists(st.tuples(st.sampled_from("abc"), st.integers(-1, 1)), max_size=20)


@given(entries)
@settings(deadline=None)
def test_places_told_are_the_order_served(entered: list[tuple[str, int]]) -> None:
    async def run() -> None:
        scheduler, _ = scheduler_of()
        first = scheduler.enter()
        tickets = [scheduler.enter(session_id=name, priority=prio) for name, prio in entered]
        scheduler._announce()
        told = sorted(range(len(tickets)), key=lambda index: tickets[index].position)
        assert served(scheduler, first, tickets) == told

    asyncio.run(run())
