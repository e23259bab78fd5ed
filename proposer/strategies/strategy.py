"""What a strategy owes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from proposer.campaigns.desk import Answer, Desk

__all__ = ["Strategy"]


class Strategy(Protocol):
    """Decides what to ask next, given the verdicts so far.

    One strategy works at all problems of a campaign, many of them at a time; `solve` is called
    once for each. It names a place in every call of its desk, the same one whenever it is run with
    the same record, and takes every random choice by `Desk.decide`: so a campaign goes on after a
    crash, and can be replayed. Its options are the fields of its dataclass. One that works at a
    single kind of problem names it in a class variable, `criterion`; a campaign refuses others.
    """

    async def solve(self, desk: Desk) -> Answer | None:
        """Works at one problem.

        It is cancelled where time is up, and must leave nothing running then.

        Returns:
            None where it has nothing left to try.

        Raises:
            BudgetSpent: The budget ended it.
            ModelError, ServiceError: There is no model or no service.
        """
        ...
