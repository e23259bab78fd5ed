"""The record of a campaign: one SQLite file, from which it goes on after a crash.

What is written is there when the method returns, whatever happens to this process. A sample is
written before anything is done with it, so that what was paid for is never asked again.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from proposer.models import Completion, Request
from proposer.models.recordings import Recorded

__all__ = ["CampaignRecord", "KeptJudgement", "KeptSample", "RecordError", "Standing"]

_VERSION: Final = 1
_APPLICATION: Final = 0x56505243  # "VPRC"

_TABLES: Final = """
CREATE TABLE campaign (configuration TEXT NOT NULL) STRICT;
CREATE TABLE problems (
  problem_id TEXT PRIMARY KEY,
  place INTEGER NOT NULL,
  task TEXT NOT NULL,
  state TEXT NOT NULL,              -- pending, solved, unsolved or failed
  reason TEXT NOT NULL DEFAULT '',
  message TEXT NOT NULL DEFAULT '',
  answer TEXT NOT NULL DEFAULT '',
  answer_place TEXT NOT NULL DEFAULT '',
  seconds REAL NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE samples (
  problem_id TEXT NOT NULL,
  place TEXT NOT NULL,
  request_digest TEXT NOT NULL,
  request TEXT NOT NULL,
  completion TEXT,                  -- NULL until it is there
  state TEXT NOT NULL,              -- asked, complete, cancelled or failed
  failures TEXT NOT NULL DEFAULT '[]',
  PRIMARY KEY (problem_id, place)
) STRICT;
CREATE TABLE judgements (
  problem_id TEXT NOT NULL,
  place TEXT NOT NULL,
  candidate TEXT,                   -- NULL where the completion holds none
  spec_digest TEXT NOT NULL,
  outcome TEXT NOT NULL,            -- of the verdict, or NO_CANDIDATE, UNUSABLE or ERROR
  reason TEXT NOT NULL,
  message TEXT NOT NULL,
  verdict BLOB,                     -- verifier_service.v1.Verdict
  PRIMARY KEY (problem_id, place)
) STRICT;
CREATE TABLE decisions (
  problem_id TEXT NOT NULL,
  place TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (problem_id, place)
) STRICT;
"""


class RecordError(Exception):
    """A record that can't be opened, or that belongs to another campaign."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a problem stands."""

    problem_id: str
    state: str = "pending"
    """"pending", "solved", "unsolved" or "failed"."""
    reason: str = ""
    """Stable kebab-case code of an end without a solution."""
    message: str = ""
    answer: str = ""
    """The candidate that was accepted, or what else the strategy answers."""
    answer_place: str = ""
    seconds: float = 0.0
    """Wall clock, over all runs of the campaign."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptSample:
    """A sample, as it is kept."""

    place: str
    request_digest: str
    state: str
    completion: Completion | None
    request: Request
    failures: tuple[str, ...]
    """What went wrong in attempts to get it, oldest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptJudgement:
    """What became of a candidate."""

    place: str
    candidate: str | None
    spec_digest: str
    """Of problem and candidate."""
    outcome: str
    reason: str
    message: str
    verdict: bytes | None = None
    """`verifier_service.v1.Verdict`, serialised."""


class CampaignRecord:
    """One campaign's file, or, with the path `:memory:`, a record that is not kept."""

    def __init__(self, path: Path | str) -> None:
        """Opens the file, or makes it.

        Raises:
            RecordError: It can't be opened, is no record, or another campaign uses it.
        """
        self._path = str(path)
        try:
            self._database = sqlite3.connect(self._path, isolation_level=None, timeout=0)
            self._prepare()
        except sqlite3.Error as error:
            raise RecordError(
                f"{self._path} can't be used as the record of a campaign ({error}). If another "
                "campaign uses it, wait for its end; else give another file."
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of the file."""
        self._database.close()

    def begin(self, configuration: dict[str, Any], tasks: dict[str, str]) -> None:
        """Starts a campaign, or goes on with the one that is there.

        Args:
            configuration: All that samples depend on.
            tasks: Problems, as text by id, in order.

        Raises:
            RecordError: The file belongs to another campaign.
        """
        wanted = _json(configuration)
        kept = self._database.execute("SELECT configuration FROM campaign").fetchone()
        if kept is None:
            with self._transaction():
                self._database.execute("INSERT INTO campaign VALUES (?)", (wanted,))
                self._database.executemany(
                    "INSERT INTO problems (place, problem_id, task, state) "
                    "VALUES (?, ?, ?, 'pending')",
                    [(place, *item) for place, item in enumerate(tasks.items())],
                )
            return
        self._refuse_other(json.loads(kept[0]), json.loads(wanted), tasks)

    def standings(self) -> list[Standing]:
        """How each problem stands, in the order of the problems."""
        rows = self._database.execute(
            "SELECT problem_id, state, reason, message, answer, answer_place, seconds "
            "FROM problems ORDER BY place"
        )
        names = [column[0] for column in rows.description]
        return [Standing(**dict(zip(names, row, strict=True))) for row in rows]

    def note_standing(self, standing: Standing) -> None:
        """Writes how a problem stands."""
        self._database.execute(
            "UPDATE problems SET state = ?, reason = ?, message = ?, answer = ?, answer_place = ?, "
            "seconds = ? WHERE problem_id = ?",
            (
                standing.state,
                standing.reason,
                standing.message,
                standing.answer,
                standing.answer_place,
                standing.seconds,
                standing.problem_id,
            ),
        )

    def samples(self, problem_id: str) -> Iterator[KeptSample]:
        """The samples of a problem, in the order in which they were first asked for."""
        rows = self._database.execute(
            "SELECT place, request_digest, state, completion, request, failures FROM samples "
            "WHERE problem_id = ? ORDER BY rowid",
            (problem_id,),
        ).fetchall()
        for place, digest, state, completion, request, failures in rows:
            yield KeptSample(
                place=place,
                request_digest=digest,
                state=state,
                completion=None
                if completion is None
                else Completion.from_json(json.loads(completion)),
                request=Request.from_json(json.loads(request)),
                failures=tuple(json.loads(failures)),
            )

    def note_asked(self, problem_id: str, place: str, request: Request) -> None:
        """Writes that a sample is asked for; keeps the failures of earlier attempts."""
        self._database.execute(
            "INSERT INTO samples (problem_id, place, request_digest, request, state) "
            "VALUES (?, ?, ?, ?, 'asked') ON CONFLICT DO UPDATE SET state = 'asked', "
            "request_digest = excluded.request_digest, request = excluded.request",
            (problem_id, place, request.digest, _json(request.to_json())),
        )

    def note_complete(self, problem_id: str, place: str, completion: Completion) -> None:
        """Writes a completion."""
        self._database.execute(
            "UPDATE samples SET state = 'complete', completion = ? "
            "WHERE problem_id = ? AND place = ?",
            (_json(completion.to_json()), problem_id, place),
        )

    def note_failure(self, problem_id: str, place: str, message: str) -> None:
        """Writes an attempt that failed."""
        self._database.execute(
            "UPDATE samples SET state = 'failed', failures = json_insert(failures, '$[#]', ?) "
            "WHERE problem_id = ? AND place = ?",
            (message, problem_id, place),
        )

    def note_cancelled(self, problem_id: str, place: str) -> None:
        """Writes that a sample is no longer needed."""
        self._database.execute(
            "UPDATE samples SET state = 'cancelled' WHERE problem_id = ? AND place = ?",
            (problem_id, place),
        )

    def judgements(self, problem_id: str) -> Iterator[KeptJudgement]:
        """What became of the candidates of a problem, in order."""
        rows = self._database.execute(
            "SELECT place, candidate, spec_digest, outcome, reason, message, verdict "
            "FROM judgements WHERE problem_id = ? ORDER BY rowid",
            (problem_id,),
        )
        names = [column[0] for column in rows.description]
        for row in rows.fetchall():
            yield KeptJudgement(**dict(zip(names, row, strict=True)))

    def note_judgement(self, problem_id: str, judgement: KeptJudgement) -> None:
        """Writes what became of a candidate."""
        self._database.execute(
            "INSERT OR REPLACE INTO judgements VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                problem_id,
                judgement.place,
                judgement.candidate,
                judgement.spec_digest,
                judgement.outcome,
                judgement.reason,
                judgement.message,
                judgement.verdict,
            ),
        )

    def decisions(self, problem_id: str) -> dict[str, str]:
        """What the strategy decided, by place."""
        rows = self._database.execute(
            "SELECT place, value FROM decisions WHERE problem_id = ?", (problem_id,)
        )
        return dict(rows.fetchall())

    def note_decision(self, problem_id: str, place: str, value: str) -> None:
        """Writes a decision."""
        self._database.execute(
            "INSERT OR REPLACE INTO decisions VALUES (?, ?, ?)", (problem_id, place, value)
        )

    def take_decisions(self, other: CampaignRecord) -> None:
        """Takes over what was decided in another record, for a replay of it."""
        rows = other._database.execute("SELECT problem_id, place, value FROM decisions")
        with self._transaction():
            self._database.executemany("INSERT OR REPLACE INTO decisions VALUES (?, ?, ?)", rows)

    def completions(self) -> Iterator[Recorded]:
        """All completions, in the order in which they were first asked for."""
        rows = self._database.execute(
            "SELECT request_digest, completion FROM samples WHERE completion IS NOT NULL "
            "ORDER BY rowid"
        )
        for digest, completion in rows.fetchall():
            yield Recorded(
                request_digest=digest, completion=Completion.from_json(json.loads(completion))
            )

    def tasks(self) -> dict[str, str]:
        """The problems, as text by id, in order."""
        return dict(self._database.execute("SELECT problem_id, task FROM problems ORDER BY place"))

    def _prepare(self) -> None:
        execute = self._database.execute
        (version,) = execute("PRAGMA user_version").fetchone()
        (application,) = execute("PRAGMA application_id").fetchone()
        is_empty = not execute("SELECT 1 FROM sqlite_master").fetchone()
        if not is_empty and (application, version) != (_APPLICATION, _VERSION):
            raise RecordError(
                f"{self._path} is no record of a campaign of this version. Give another file."
            )
        execute("PRAGMA locking_mode = EXCLUSIVE")
        execute("PRAGMA journal_mode = WAL")
        execute("PRAGMA synchronous = NORMAL")  # survives this process, if not the machine
        if is_empty:
            with self._transaction():
                for statement in _TABLES.split(";"):
                    execute(statement)
                execute(f"PRAGMA application_id = {_APPLICATION}")
                execute(f"PRAGMA user_version = {_VERSION}")

    def _transaction(self) -> _Transaction:
        return _Transaction(self._database)

    def _refuse_other(
        self, kept: dict[str, Any], wanted: dict[str, Any], tasks: dict[str, str]
    ) -> None:
        different = sorted(key for key in kept | wanted if kept.get(key) != wanted.get(key))
        if self.tasks() != tasks:
            different.append("problems")
        if different:
            raise RecordError(
                f"{self._path} is the record of another campaign: {', '.join(different)} differ. "
                "Give another file, or the options of that campaign."
            )


class _Transaction:
    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def __enter__(self) -> None:
        self._database.execute("BEGIN IMMEDIATE")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._database.execute("COMMIT" if kind is None else "ROLLBACK")


def _json(value: Any) -> str:
    # ASCII, since SQLite takes no lone surrogates, and models write them.
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
