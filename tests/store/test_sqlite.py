"""The store on a real file."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import strategies
from tests.engine.support import ACCEPTED, INCONCLUSIVE, REJECTED, spec
from verifier_service.model import (
    InvalidSpec,
    LogicProblem,
    QueueFull,
    State,
    Verdict,
    Verification,
    VerificationFilter,
)
from verifier_service.store import StoreError
from verifier_service.store import sqlite as sqlite_module
from verifier_service.store.opening import migrations
from verifier_service.store.sqlite import SqliteStore

EVERYTHING = VerificationFilter()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    opened = SqliteStore.open(tmp_path / "store.db")
    yield opened
    await opened.close()


def verification(
    name: str, state: State = State.SUCCEEDED, verdict: Verdict | None = ACCEPTED
) -> Verification:
    return Verification(
        verification_id=name,
        spec=spec(problem_id=f"problem-{name[-1]}"),
        state=state,
        create_time=1.5,
        end_time=2.5 if state.over else None,
        session_id="session",
        verdict=verdict if state is State.SUCCEEDED else None,
    )


async def record(store: SqliteStore, one: Verification, **rest: object) -> None:
    keep = one.verdict is not None
    await store.record(one, digest=f"digest-{one.verification_id}", keep_verdict=keep, **rest)  # type: ignore[arg-type]


def rows(path: Path, table: str) -> int:
    connection = sqlite3.connect(path)
    try:
        (count,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    finally:
        connection.close()
    return int(count)


async def test_what_was_recorded_is_found(store: SqliteStore) -> None:
    one = verification("1")
    await store.record(one, digest="d", keep_verdict=True, request_id="r")

    assert await store.verification("1") == one
    assert await store.by_request_id("r") == (one, "d")
    assert await store.verdict("d") == ACCEPTED


async def test_what_was_not_is_not(store: SqliteStore) -> None:
    await store.record(verification("1"), digest="d", keep_verdict=False)

    assert await store.verification("2") is None
    assert await store.by_request_id("") is None
    assert await store.verdict("d") is None
    assert await store.unfinished() == []


@given(one=strategies.verifications, error=strategies.errors())
@settings(max_examples=50, deadline=None)
def test_anything_that_the_model_says_comes_back(
    one: Verification, error: QueueFull, tmp_path_factory: pytest.TempPathFactory
) -> None:
    async def run() -> None:
        store = SqliteStore.open(tmp_path_factory.mktemp("store") / "store.db")
        try:
            await store.record(
                replace(one, error=error), digest="d", keep_verdict=one.verdict is not None
            )
            found = await store.verification(one.verification_id)
            assert found is not None
            assert replace(found, error=None) == one
            assert found.error is not None
            assert (type(found.error), str(found.error)) == (type(error), str(error))
            assert await store.verdict("d") == one.verdict
        finally:
            await store.close()

    asyncio.run(run())


async def test_what_is_over_never_changes(store: SqliteStore) -> None:
    ended = verification("1")
    await record(store, replace(ended, state=State.RUNNING, verdict=None, end_time=None))
    await record(store, ended)
    await record(store, replace(ended, state=State.CANCELLED, verdict=None))

    assert await store.verification("1") == ended


async def test_unfinished_ones_come_oldest_first_with_their_beginnings(store: SqliteStore) -> None:
    queued, running = verification("2", State.QUEUED), verification("1", State.RUNNING)
    for one in (queued, verification("3"), running, running):
        await record(store, one)

    assert await store.unfinished() == [(running, 2), (queued, 0)]


async def test_a_refreshed_verdict_replaces_the_kept_one(store: SqliteStore) -> None:
    await store.record(verification("1"), digest="d", keep_verdict=True)
    await store.record(verification("2", verdict=REJECTED), digest="d", keep_verdict=True)

    assert await store.verdict("d") == REJECTED


async def test_an_empty_digest_leaves_the_kept_one(store: SqliteStore) -> None:
    queued = verification("1", State.QUEUED)
    await store.record(queued, digest="d", keep_verdict=False, request_id="r")
    failed = replace(queued, state=State.FAILED, end_time=3.0)
    await store.record(failed, digest="", keep_verdict=False)

    assert await store.by_request_id("r") == (failed, "d")


def with_a_problem_of_its_own(one: Verification) -> Verification:
    problem = replace(one.spec.problem, criterion=LogicProblem(conclusion=one.verification_id))
    return replace(one, spec=replace(one.spec, problem=problem))


async def test_one_bad_write_leaves_its_neighbours_alone(
    store: SqliteStore, tmp_path: Path
) -> None:
    writes = [
        store.record(
            with_a_problem_of_its_own(verification(name)),
            digest="d",
            keep_verdict=False,
            request_id=request_id,
        )
        for name, request_id in [("1", "r"), ("2", "r"), ("3", "")]
    ]
    results = await asyncio.gather(*writes, return_exceptions=True)

    assert [type(result) for result in results] == [type(None), StoreError, type(None)]
    assert await store.verification("2") is None
    assert await store.verification("3") is not None
    assert rows(tmp_path / "store.db", "problems") == 2


async def test_many_candidates_share_one_stored_problem(store: SqliteStore, tmp_path: Path) -> None:
    for name in "123":
        await record(store, verification(name))

    assert rows(tmp_path / "store.db", "problems") == 1


@pytest.mark.parametrize(
    ("which", "found"),
    [
        pytest.param(EVERYTHING, "54321", id="all"),
        pytest.param(VerificationFilter(problem_id="problem-2"), "2", id="by-problem"),
        pytest.param(VerificationFilter(session_id="session"), "54321", id="by-session"),
        pytest.param(VerificationFilter(session_id="other"), "", id="by-unknown-session"),
        pytest.param(VerificationFilter(outcome=REJECTED.outcome), "3", id="by-outcome"),
        pytest.param(
            VerificationFilter(problem_id="problem-3", outcome=ACCEPTED.outcome), "", id="by-two"
        ),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 5, 100])
async def test_pages_list_the_newest_first(
    store: SqliteStore, which: VerificationFilter, found: str, size: int
) -> None:
    for name in "12345":
        await record(store, verification(name, verdict=REJECTED if name == "3" else ACCEPTED))

    names, token = "", ""
    while True:
        page = await store.page(which, size=size, token=token)
        assert len(page.verifications) <= size
        names += "".join(one.verification_id for one in page.verifications)
        if not (token := page.next_page_token):
            break
    assert names == found


async def test_a_page_ends_before_it_gets_too_large(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_module, "_PAGE_BYTES", 1)
    for name in "12":
        await record(store, verification(name))
    page = await store.page(EVERYTHING, size=10, token="")

    assert [one.verification_id for one in page.verifications] == ["2"]
    assert page.next_page_token


@given(st.text(st.characters(), min_size=1))
@settings(deadline=None)
def test_a_token_that_is_not_ours_is_refused(token: str) -> None:
    with pytest.raises(InvalidSpec) as refused:
        sqlite_module._opened_token(token, EVERYTHING)

    assert refused.value.violations[0].field == "page_token"


async def test_a_token_of_another_listing_is_refused(store: SqliteStore) -> None:
    for name in "12":
        await record(store, verification(name))
    page = await store.page(EVERYTHING, size=1, token="")

    with pytest.raises(InvalidSpec, match="belongs to another listing"):
        await store.page(
            VerificationFilter(session_id="session"), size=1, token=page.next_page_token
        )


async def test_pruning_keeps_the_newest_and_the_unfinished(
    store: SqliteStore, tmp_path: Path
) -> None:
    await record(store, verification("0", State.QUEUED))
    await record(store, with_a_problem_of_its_own(verification("1")))
    for name in "2345":
        await record(store, verification(name))
    await store.prune(2)

    page = await store.page(EVERYTHING, size=10, token="")
    assert [one.verification_id for one in page.verifications] == ["5", "4", "0"]
    assert rows(tmp_path / "store.db", "problems") == 1


async def test_pruning_keeps_verdicts_that_are_used(store: SqliteStore) -> None:
    for name in "123":
        await record(store, verification(name))
    await store.verdict("digest-1")
    await store.prune(2)

    kept = [await store.verdict(f"digest-{name}") for name in "123"]
    assert kept == [ACCEPTED, None, ACCEPTED]


async def test_two_stores_may_share_a_file(store: SqliteStore, tmp_path: Path) -> None:
    other = SqliteStore.open(tmp_path / "store.db")
    await asyncio.gather(
        *(
            record(one, verification(f"{i}-{j}"))
            for i, one in enumerate((store, other))
            for j in range(50)
        )
    )
    page = await other.page(EVERYTHING, size=1000, token="")
    await other.close()

    assert len(page.verifications) == 100


async def test_a_second_server_is_kept_out(tmp_path: Path) -> None:
    first = SqliteStore.open(tmp_path / "store.db", exclusive=True)
    with pytest.raises(
        StoreError, match=r"in use by another server \(process \d+\).*store.db.lock"
    ):
        SqliteStore.open(tmp_path / "store.db", exclusive=True)
    beside = SqliteStore.open(tmp_path / "store.db")
    await beside.close()
    await first.close()

    after = SqliteStore.open(tmp_path / "store.db", exclusive=True)
    await after.close()


async def test_a_closed_store_says_so(tmp_path: Path) -> None:
    store = SqliteStore.open(tmp_path / "store.db")
    await store.close()
    await store.close()

    with pytest.raises(StoreError, match="is closed"):
        await record(store, verification("1"))
    with pytest.raises(StoreError, match="is closed"):
        await store.verdict("d")


async def test_closing_writes_what_is_pending(tmp_path: Path) -> None:
    store = SqliteStore.open(tmp_path / "store.db")
    writes = [asyncio.ensure_future(record(store, verification(str(i)))) for i in range(100)]
    await asyncio.sleep(0)
    await store.close()
    await asyncio.gather(*writes)

    assert rows(tmp_path / "store.db", "verifications") == 100


def foreign_database(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE theirs (x)")
    connection.close()


def newer_version(path: Path) -> None:
    asyncio.run(SqliteStore.open(path).close())
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        pytest.param(lambda path: path.write_text("notes\n" * 500), "not an SQLite", id="text"),
        pytest.param(foreign_database, "database of another program", id="foreign"),
        pytest.param(newer_version, "has version 99.*Upgrade", id="newer"),
        pytest.param(lambda path: path.mkdir(), "Choose a path", id="directory"),
    ],
)
def test_a_file_that_is_no_store_of_ours_is_refused(
    tmp_path: Path, prepare: object, message: str
) -> None:
    path = tmp_path / "store.db"
    prepare(path)  # type: ignore[operator]

    with pytest.raises(StoreError, match=message):
        SqliteStore.open(path, exclusive=True)
    with pytest.raises(StoreError, match=message):  # the lock was let go
        SqliteStore.open(path, exclusive=True)


def test_a_path_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(StoreError, match="Choose a path"):
        SqliteStore.open(tmp_path / "file" / "store.db")


async def test_missing_directories_are_made(tmp_path: Path) -> None:
    store = SqliteStore.open(tmp_path / "a" / "b" / "store.db")
    await store.close()


async def test_a_damaged_row_is_an_error_and_no_verdict(store: SqliteStore, tmp_path: Path) -> None:
    await store.record(verification("1"), digest="d", keep_verdict=True)
    connection = sqlite3.connect(tmp_path / "store.db")
    connection.execute("UPDATE verdicts SET verdict = x''")  # reads as a message without outcome
    connection.commit()
    connection.close()

    with pytest.raises(StoreError, match="a verdict that can't be read"):
        await store.verdict("d")


async def test_an_inconclusive_verdict_is_kept_with_its_verification(store: SqliteStore) -> None:
    one = verification("1", verdict=INCONCLUSIVE)
    await store.record(one, digest="d", keep_verdict=False)

    assert await store.verification("1") == one
    assert await store.verdict("d") is None


def test_every_version_has_its_script() -> None:
    assert len(migrations()) == 1


OPENER = """
import asyncio, sys
from verifier_service.store.sqlite import SqliteStore
asyncio.run(SqliteStore.open(sys.argv[1]).close())
"""


def test_processes_may_create_the_file_at_the_same_time(tmp_path: Path) -> None:
    path = str(tmp_path / "store.db")
    openers = [subprocess.Popen([sys.executable, "-c", OPENER, path]) for _ in range(3)]

    assert [opener.wait() for opener in openers] == [0, 0, 0]


WRITER = """
import asyncio, itertools, sys
from tests.store.test_sqlite import verification
from verifier_service.store.sqlite import SqliteStore

async def write(store, names):
    for name in names:
        await store.record(verification(name), digest=name, keep_verdict=True)
        sys.stdout.write(name + "\\n")
        sys.stdout.flush()

async def main():
    store = SqliteStore.open(sys.argv[1])
    names = (f"{i:06}" for i in itertools.count())
    await asyncio.gather(*(write(store, names) for _ in range(20)))

asyncio.run(main())
"""


def acknowledged_before_the_kill(path: Path) -> list[str]:
    """What a process said was written, up to its violent end."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        acknowledged = [writer.stdout.readline().strip() for _ in range(300)]
        writer.send_signal(signal.SIGKILL)
        return acknowledged + writer.stdout.read().splitlines()


async def test_nothing_acknowledged_is_lost_when_the_writer_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    acknowledged = await asyncio.to_thread(acknowledged_before_the_kill, path)

    store = SqliteStore.open(path)
    try:
        assert len(acknowledged) >= 300
        for name in acknowledged:
            assert await store.verification(name) == verification(name)
            assert await store.verdict(name) == ACCEPTED
    finally:
        await store.close()
