"""Specifications and candidates, compiled by the real Lean."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection

import pytest

from sandboxes.lean.audit import STANDARD_AXIOMS, specification_findings
from sandboxes.lean.certify import Certificate, certify
from sandboxes.lean.declarations import Module, Name
from sandboxes.lean.olean import read_module
from sandboxes.lean.runtime import LeanRuntime
from tests.lean.conftest import LIMITS
from verifier_service.model import Limits

Compile = Callable[[str], Awaitable[bytes]]
Certify = Callable[..., Awaitable[Certificate]]
GOAL: Name = ("goal",)


@pytest.fixture
def compiled(runtime: LeanRuntime) -> Compile:
    """The module of a text that Lean takes."""

    async def compile_one(text: str, *, imports: str = "") -> bytes:
        made = await runtime.compile((text,), imports=imports, limits=LIMITS, module=True)
        assert made.module is not None, made.messages
        return made.module

    return compile_one


@pytest.fixture
def certified(runtime: LeanRuntime, compiled: Compile) -> Certify:
    """What is certain of a candidate for a specification."""

    async def certify_one(
        specification: str,
        candidate: str | bytes,
        *,
        theorem: Name = GOAL,
        allowed: Collection[Name] = STANDARD_AXIOMS,
        by_computation: bool = False,
        limits: Limits = LIMITS,
    ) -> Certificate:
        stated: Module = read_module(await compiled(specification))
        assert specification_findings(stated, theorem) == []
        module = candidate if isinstance(candidate, bytes) else await compiled(candidate)
        return await certify(
            runtime,
            stated,
            module,
            theorem,
            allowed_axioms=allowed,
            by_computation=by_computation,
            limits=limits,
        )

    return certify_one


def codes(certificate: Certificate) -> list[str]:
    return [str(finding.code) for finding in certificate.findings]
