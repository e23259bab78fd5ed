"""A vote among samples: what is solved, and when it stops."""

from __future__ import annotations

import pytest

from sandboxes.logic.portfolio import Portfolio
from sandboxes.logic.reader import Role, Source, read
from sandboxes.logic.samples import poll
from sandboxes.logic.syntax import Problem
from tests.logic.conftest import LIMITS
from verifier_service.model import Entailment
from verifier_service.voting import Calibration

ENTAILED, CONTRADICTED = Entailment.ENTAILED, Entailment.CONTRADICTED
INDEPENDENT, UNKNOWN = Entailment.INDEPENDENT, Entailment.UNKNOWN


def sample(text: str) -> Problem | None:
    return read([Source("source", text, Role.FORMALISATION)]).problem


YES = sample("all x. (Man(x) -> Mortal(x))\nMan(socrates)\nMortal(socrates)")
SAME = sample("Human(plato)\n∀y (¬Dies(y) → ¬Human(y))\nDies(plato)")
RENAMED = sample("all z. (M(z) -> D(z))\nM(s)\nD(s)")
NO = sample("all x. (Man(x) -> -Mortal(x))\nMan(socrates)\nMortal(socrates)")
OPEN = sample("Man(socrates)\nMortal(socrates)")
UNREADABLE = sample("all x. (Man(x)")
VACUOUS = sample("P(a)\n-P(a)\nQ(a)")

HERE = Portfolio([])


@pytest.mark.parametrize(
    ("samples", "answer", "asked", "solved"),
    [
        ([YES, RENAMED, RENAMED, NO], ENTAILED, 2, 1),
        ([YES, NO, NO, YES, RENAMED], ENTAILED, 5, 2),
        ([UNREADABLE, VACUOUS, OPEN], INDEPENDENT, 3, 2),
        ([UNREADABLE, UNREADABLE], None, 2, 0),
        ([YES, SAME, NO], ENTAILED, 2, 2),
        ([], None, 0, 0),
    ],
)
async def test_a_majority(
    samples: list[Problem | None], answer: Entailment | None, asked: int, solved: int
) -> None:
    came_out = await poll(HERE, samples, limits=LIMITS)

    assert (came_out.answer, len(came_out.votes), came_out.solved) == (answer, asked, solved)


async def test_a_calibrated_vote_knows_that_a_broken_sample_is_often_open() -> None:
    known = [(ENTAILED, [INDEPENDENT] * 6 + [ENTAILED] * 4)] * 10
    known += [(CONTRADICTED, [INDEPENDENT] * 6 + [CONTRADICTED] * 4)] * 10
    known += [(INDEPENDENT, [INDEPENDENT] * 10)] * 10
    calibration = Calibration.fitted(known)
    samples = [OPEN, YES, OPEN, YES, OPEN]

    plain = await poll(HERE, samples, limits=LIMITS)
    weighed = await poll(HERE, samples, limits=LIMITS, calibration=calibration)

    assert plain.answer is INDEPENDENT
    assert weighed.answer is ENTAILED
    assert weighed.probability is not None
    assert weighed.probability > 0.5


def test_samples_that_are_read_as_they_should_be() -> None:
    assert UNREADABLE is None
    assert all([YES, SAME, RENAMED, NO, OPEN, VACUOUS])
