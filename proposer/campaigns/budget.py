"""What a campaign may spend, and what it has spent, in the same units for every strategy."""

from __future__ import annotations

import asyncio
import dataclasses
import math
from dataclasses import dataclass

__all__ = [
    "UNITS",
    "UNLIMITED",
    "Account",
    "Amount",
    "Bell",
    "BudgetSpent",
    "Purse",
    "parse_budget",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """So much of each unit: a cost, or, with infinite parts, a budget."""

    samples: float = 0
    """Completions."""
    tokens: float = 0
    """Generated tokens. Prompts are recorded beside them, and cost money and time."""
    seconds: float = 0
    """Wall clock."""
    verifier_seconds: float = 0
    """Wall clock of the runs that judged candidates; a kept verdict takes none."""
    money: float = 0
    """In the currency of the prices."""

    def __add__(self, other: Amount) -> Amount:
        return Amount(**{unit: getattr(self, unit) + getattr(other, unit) for unit in UNITS})

    def __sub__(self, other: Amount) -> Amount:
        return Amount(**{unit: getattr(self, unit) - getattr(other, unit) for unit in UNITS})

    def excess_over(self, budget: Amount) -> str | None:
        """The first unit of which this is more than the budget; None where there is none."""
        return next((unit for unit in UNITS if getattr(self, unit) > getattr(budget, unit)), None)


UNITS = tuple(field.name for field in dataclasses.fields(Amount))
UNLIMITED = Amount(**dict.fromkeys(UNITS, math.inf))


class BudgetSpent(Exception):
    """What is left does not pay for one more sample."""

    def __init__(self, unit: str, of: str) -> None:
        """Says which unit is spent, and of whose budget."""
        super().__init__(f"The {of} budget of {unit} is spent.")
        self.unit = unit


@dataclass(slots=True)
class Account:
    """What may be spent, what was, and what is set aside for samples under way."""

    budget: Amount
    of: str
    """Whose, for messages."""
    spent: Amount = Amount()
    reserved: Amount = Amount()


class Purse:
    """Pays from several accounts at once: a problem's, and the campaign's.

    A sample is started only if the most that it can cost is there, beside the most that all the
    samples under way can cost: a budget is never exceeded in samples and tokens. Seconds and
    verifier seconds are looked at before each sample.
    """

    def __init__(self, *accounts: Account, bell: Bell) -> None:
        """Makes a purse.

        Args:
            accounts: All of them pay for everything.
            bell: Shared by all purses that share an account.
        """
        self._accounts = accounts
        self._bell = bell

    async def reserve(self, most: Amount) -> None:
        """Sets aside the most that a sample can cost.

        Where only what is under way stands in between, it waits for that.

        Raises:
            BudgetSpent: It is not there.
        """
        while True:
            for account in self._accounts:
                if unit := (account.spent + most).excess_over(account.budget):
                    raise BudgetSpent(unit, account.of)
            if all(
                (one.spent + one.reserved + most).excess_over(one.budget) is None
                for one in self._accounts
            ):
                break
            await self._bell.wait()
        for account in self._accounts:
            account.reserved += most

    def settle(self, most: Amount, cost: Amount) -> None:
        """Gives back what was set aside, and pays what the sample did cost."""
        for account in self._accounts:
            account.reserved -= most
        self.pay(cost)

    def pay(self, cost: Amount) -> None:
        """Pays what was not set aside."""
        for account in self._accounts:
            account.spent += cost
        self._bell.ring()


class Bell:
    """Wakes all that wait at the moment when it rings."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    async def wait(self) -> None:
        """Waits for the next ring."""
        await self._rung.wait()

    def ring(self) -> None:
        """Wakes them."""
        self._rung.set()
        self._rung = asyncio.Event()


def parse_budget(text: str) -> Amount:
    """A budget in words: `samples=10,tokens=20000`; units that it leaves out are not limited.

    Raises:
        ValueError: It is none; says what is wrong.
    """
    given: dict[str, float] = {}
    for part in text.split(",") if text.strip() else ():
        unit, separator, number = part.strip().partition("=")
        unit = unit.strip().replace("-", "_")
        if unit not in UNITS or not separator:
            raise ValueError(f"{part.strip()!r} is no budget. Write {' or '.join(_EXAMPLES)}.")
        if unit in given:
            raise ValueError(f"The budget of {unit} is given twice.")
        given[unit] = _positive(unit, number)
    return dataclasses.replace(UNLIMITED, **given)


_EXAMPLES = ("samples=10", "tokens=20000", "seconds=600", "verifier_seconds=300", "money=1.5")


def _positive(unit: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise ValueError(f"{unit}={text.strip()} is no budget: a number above 0 is needed.")
    return number
