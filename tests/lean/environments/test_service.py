"""Leans of a machine as environments of the service, several side by side."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.lean.environments.conftest import LEAN, compile_module, link, program
from verifier_service.application import Application, application, built_executors
from verifier_service.model import (
    Assurance,
    Candidate,
    InvalidSpec,
    LeanTheorem,
    Outcome,
    Problem,
    Verdict,
    VerificationSpec,
)
from verifier_service.settings import InvalidSettings, Settings

OLD = LEAN.replace(
    "path = [",
    'if sys.argv[1:] == ["--version"]:\n'
    '    print("Lean (version 4.20.0, x86_64-unknown-linux-gnu, commit 77cfc4d1a4ee, Release)")\n'
    "    sys.exit()\npath = [",
)
"""A program that calls itself an older version."""


@pytest.fixture(scope="module")
def home(toolchain: Path) -> Iterator[Path]:
    """A folder that jails can see: a toolchain, one that calls itself older, and a project."""
    with tempfile.TemporaryDirectory(dir=Path.home()) as name:
        folder = Path(name)
        folder.chmod(0o755)
        for version in ("v4.35.0", "v4.20.0"):
            prefix = folder / "elan" / "toolchains" / f"leanprover--lean4---{version}"
            shutil.copytree(toolchain, prefix, copy_function=link)
            prefix.chmod(0o755)
        (prefix / "bin" / "lean").unlink()
        program(prefix / "bin" / "lean", OLD)
        project(folder / "proofs", toolchain)
        yield folder


def project(root: Path, toolchain: Path) -> None:
    modules = root / ".lake/build/lib/lean"
    modules.mkdir(parents=True)
    (root / "lakefile.toml").write_text('name = "proofs"\n')
    (root / "lean-toolchain").write_text("leanprover/lean4:v4.35.0\n")
    text = "def double (n : Nat) : Nat := n + n\ntheorem double_zero : double 0 = 0 := rfl"
    compile_module(toolchain, modules / "Doubles.olean", text)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def service(
    home: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Application]:
    settings = Settings(
        store_path=tmp_path_factory.mktemp("store") / "verdicts.sqlite3",
        lean_environments={"doubles": home / "proofs"},
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ELAN_HOME", str(home / "elan"))
        async with application(settings, criteria=["lean_theorem"]) as made:
            yield made


async def verify(
    service: Application, environment: str, theorem: LeanTheorem, proof: str
) -> Verdict:
    spec = VerificationSpec(
        problem=Problem(criterion=theorem),
        candidate=Candidate(source=proof),
        environment=environment,
    )
    return await service.engine.verify(spec)


LOCAL = LeanTheorem(
    preamble="import Doubles\n", name="goal", statement=": double 2 = 4 ∧ double 0 = 0"
)
PLAIN = LeanTheorem(name="goal", statement="(n : Nat) : n + 0 = n")


async def test_all_are_offered_the_bundled_one_first(service: Application) -> None:
    offered = [one.name for one in service.engine.capabilities().environments]

    leans = [name for name in offered if "+" not in name]  # the others have further kernels
    assert offered[0] == "lean4-core"
    assert leans == ["lean4-core", "lean4-doubles", "lean4-4.20.0", "lean4-4.35.0"]


async def test_a_proof_over_a_project_is_taken_by_its_kernel(service: Application) -> None:
    verdict = await verify(service, "lean4-doubles", LOCAL, "⟨rfl, double_zero⟩")

    assert (verdict.outcome, verdict.reason) == (Outcome.ACCEPTED, "theorem-proved")
    assert verdict.assurance is Assurance.REPLAYED
    assert verdict.provenance is not None
    assert verdict.provenance.environment.startswith("lean4-doubles@sha256:")
    assert "lean@4.35.0" in verdict.provenance.tools


async def test_a_wrong_proof_over_a_project_is_rejected(service: Application) -> None:
    verdict = await verify(service, "lean4-doubles", LOCAL, "⟨double_zero, rfl⟩")

    assert verdict.outcome is Outcome.REJECTED
    assert verdict.diagnostics


async def test_a_project_is_imported_in_its_own_environment_alone(service: Application) -> None:
    with pytest.raises(InvalidSpec, match="Doubles"):
        await verify(service, "lean4-core", LOCAL, "⟨rfl, double_zero⟩")


@pytest.mark.parametrize("environment", ["lean4-core", "lean4-4.35.0"])
async def test_versions_stand_side_by_side(service: Application, environment: str) -> None:
    verdict = await verify(service, environment, PLAIN, "Nat.add_zero n")

    assert verdict.outcome is Outcome.ACCEPTED
    assert verdict.provenance is not None
    assert verdict.provenance.environment.startswith(f"{environment}@")


async def test_a_version_whose_kernel_can_t_be_asked_rejects_and_never_accepts(
    service: Application,
) -> None:
    right = await verify(service, "lean4-4.20.0", PLAIN, "Nat.add_zero n")
    wrong = await verify(service, "lean4-4.20.0", PLAIN, "Nat.zero_add n")

    assert (right.outcome, right.reason) == (Outcome.INCONCLUSIVE, "not-replayed")
    assert wrong.outcome is Outcome.REJECTED
    assert right.provenance is not None
    assert "lean@4.20.0" in right.provenance.tools


async def test_a_lean_that_was_named_and_can_t_be_used_keeps_the_service_from_starting(
    tmp_path: Path,
) -> None:
    settings = Settings(lean_environments={"x": tmp_path / "nowhere"}, lean_discovery=False)

    with pytest.raises(InvalidSettings, match=r"lean_environments\.x: .*nowhere does not exist"):
        async with built_executors(settings, ["lean_theorem"]):
            pass


async def test_jails_see_a_library_wherever_it_is(toolchain: Path) -> None:
    settings = Settings(lean_environments={"x": toolchain}, lean_discovery=False)

    async with built_executors(settings, ["lean_theorem"]) as (executor,):
        assert "lean4-x" in [one.name for one in executor.environments]


async def test_one_that_was_found_and_can_t_be_used_is_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "toolchains" / "leanprover--lean4---v4.9.0").mkdir(parents=True)
    monkeypatch.setenv("ELAN_HOME", str(tmp_path))

    async with built_executors(Settings(), ["lean_theorem"]) as (executor,):
        assert executor.environments[0].name == "lean4-core"

    assert "leanprover--lean4---v4.9.0 is no lake project" in caplog.text
