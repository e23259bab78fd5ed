"""The sandbox of this machine passes all checks; the whole list by the command, some of it here."""

from __future__ import annotations

import pytest

from sandboxes.conformance import Check, State, Subject, every_check, self_test
from tests.conformance.conftest import found

CHECKS = {check.name: check for check in every_check(runs=25)}


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS.keys())
async def test_check(check: Check, subject: Subject) -> None:
    finding = await found(check, subject)

    assert finding.state is State.PASSED, f"{finding.got}; expected {finding.expected}"


async def test_the_self_test_finds_nothing(subject: Subject) -> None:
    findings = await self_test(subject.backend)

    assert [one for one in findings if one.state is not State.PASSED] == []
    assert len(findings) == 20
