"""Wrong candidates that try to be accepted. None of them may ever be.

The corpus is `sandboxes/conformance/forgeries.py`, which others can put to their own verifiers.
"""

from __future__ import annotations

import pytest

from sandboxes.conformance import FORGERIES, ExecutorJudge, Forgery, State, put
from sandboxes.python_tests import PythonTestsExecutor
from tests.python_tests.conftest import Verify, evidence
from verifier_service.model import Outcome, TestCode, VerdictChannel


@pytest.mark.parametrize("forgery", FORGERIES.values(), ids=FORGERIES.keys())
async def test_forgery(forgery: Forgery, executor: PythonTestsExecutor) -> None:
    (finding,) = [finding async for finding in put([forgery], ExecutorJudge(executor))]

    assert finding.state is State.PASSED, f"{finding.got}; expected {finding.expected}"


async def test_tests_that_evaluate_text_do_not_count_as_separated(verify: Verify) -> None:
    verdict = await verify(
        "def solve(x): return str(2 * x)", TestCode(source="assert eval(solve(2)) == 4")
    )

    assert verdict.outcome is Outcome.ACCEPTED
    assert evidence(verdict).channel is VerdictChannel.SHARED
