"""Repairs with a real Lean in real jails, and with the engine's own verdicts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from sandboxes.lean.executor import LeanExecutor
from sandboxes.lean.repair.checking import Allowance, Checker
from sandboxes.lean.repair.elaboration import elaboration
from sandboxes.lean.runtime import LeanRuntime
from tests.lean.conftest import LIMITS
from verifier_service.engine import Engine, Policy
from verifier_service.engine.lean_repair import LeanRepairs
from verifier_service.model import Candidate, LeanTheorem, Problem, VerificationSpec
from verifier_service.store.sqlite import SqliteStore

CheckerFor = Callable[..., Checker]


@pytest.fixture
def checker_for(runtime: LeanRuntime) -> CheckerFor:
    """Makes a checker of candidates for a theorem."""

    def make(theorem: LeanTheorem, checks: int = 500) -> Checker:
        return Checker(elaboration(runtime, theorem, LIMITS), Allowance(checks))

    return make


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def engine(
    runtime: LeanRuntime, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Engine]:
    """An engine that judges Lean proofs."""
    store = SqliteStore.open(tmp_path_factory.mktemp("store") / "store.sqlite")
    policy = Policy(slots=2, default_limits=LIMITS, maximum_limits=LIMITS)
    engine = Engine(executors=[LeanExecutor([runtime])], store=store, policy=policy)
    yield engine
    await engine.close()


@pytest.fixture
def repairs(engine: Engine) -> LeanRepairs:
    return LeanRepairs(engine)


def theorem(statement: str, name: str = "goal", preamble: str = "") -> LeanTheorem:
    return LeanTheorem(name=name, statement=statement, preamble=preamble)


def spec(statement: str, source: str, preamble: str = "", **more: str) -> VerificationSpec:
    return VerificationSpec(
        problem=Problem(criterion=theorem(statement, preamble=preamble), **more),
        candidate=Candidate(source=source),
    )


FIVE_DEFECTS = (Path(__file__).parent / "five_defects.lean").read_text()
FIVE_STATEMENT = (
    "(a b c : Nat) (h : a = b) (h2 : b = c) (p q : Prop) (hp : p) (hq : q) : "
    "(a = c ∧ p) ∧ (q ∧ a + 0 = a)"
)
