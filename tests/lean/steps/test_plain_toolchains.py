"""Tactics on a toolchain's own program, for versions that are not loaded as a library."""

from __future__ import annotations

from sandboxes.lean.plain import PlainRuntime
from sandboxes.lean.steps.runner import Finished, Reached
from sandboxes.lean.steps.server_runner import ServerRunner
from tests.lean.conftest import LIMITS
from tests.lean.environments.conftest import toolchain  # noqa: F401 - a fixture of `plain`
from tests.lean.environments.test_plain import plain  # noqa: F401 - a fixture
from tests.lean.steps.conftest import ENDLESS, ENOUGH, LITTLE, SWAP
from verifier_service.model.lean_steps import TacticFailed, TacticStopped


async def test_a_program_takes_steps_as_the_library_does(plain: PlainRuntime) -> None:  # noqa: F811
    steps = ServerRunner(SWAP, plain, LIMITS)
    try:
        root = await steps.open()
        split = await steps.run((), "constructor", ENOUGH)
        wrong = await steps.run((), "exact foo", ENOUGH)
        endless = await steps.run((), ENDLESS, LITTLE)
        last = await steps.run(("constructor", "exact h.2"), "exact h.1", ENOUGH)
    finally:
        await steps.close()
    assert len(root.goals) == 1
    assert isinstance(split.outcome, Reached)
    assert [goal.case for goal in split.outcome.goals] == ["left", "right"]
    assert isinstance(wrong.outcome, TacticFailed)
    assert isinstance(endless.outcome, TacticStopped)
    assert last.outcome == Finished()
