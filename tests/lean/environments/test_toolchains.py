"""Which Leans a machine has: found, or not found and why."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from sandboxes.lean.environments import LeanEnvironment, LeanUnavailable
from sandboxes.lean.toolchains import Found, find_environments, usable_environments
from tests.lean.environments.conftest import compile_module, program

Install = Callable[[str], Path]


@pytest.fixture(autouse=True)
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without any Lean; its working directory."""
    (tmp_path / "here").mkdir()
    (tmp_path / "bin").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("ELAN_HOME", str(tmp_path / "elan"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.defpath}")
    return tmp_path / "here"


def found_at(place: str, found: tuple[Found, ...]) -> Found:
    (one,) = [one for one in found if place in one.place]
    return one


def names(found: tuple[Found, ...]) -> list[str]:
    return [one.name for one in usable_environments(found)]


def test_a_bare_machine_has_lean4_core_and_says_what_is_not_there(tmp_path: Path) -> None:
    found = find_environments()

    assert names(found) == ["lean4-core"]
    assert "no toolchain in" in found_at("elan", found).reason
    assert found_at("PATH", found).reason == "There is no `lean` on it."


def test_toolchains_of_elan_are_named_by_their_versions(install: Install) -> None:
    install("leanprover--lean4---v4.35.0")
    install("leanprover--lean4---nightly-2026-01-31")
    install("mine")

    environments = usable_environments(find_environments())

    assert [one.name for one in environments] == [
        "lean4-core",
        "lean4-nightly-2026-01-31",
        "lean4-4.35.0",
        "lean4-mine",
    ]
    assert {one.version for one in environments} == {"4.35.0"}
    assert len({one.commit for one in environments}) == 1


def test_a_toolchain_is_run_directly(install: Install, core: LeanEnvironment) -> None:
    prefix = install("leanprover--lean4---v4.35.0")

    _, environment = usable_environments(find_environments())

    assert environment.binary == prefix / "bin" / "lean"
    assert environment.library == prefix / "lib" / "lean"
    assert environment.lean_path == (prefix / "lib" / "lean",)
    assert environment.commit == core.commit
    assert environment.tools == ("lean@4.35.0",)


def test_its_digest_is_that_of_its_programs(install: Install) -> None:
    prefix = install("leanprover--lean4---v4.35.0")
    install("leanprover--lean4---v4.36.0")
    _, one, same = usable_environments(find_environments())

    binary = prefix / "bin" / "lean"
    text = binary.read_text()
    binary.unlink()
    program(binary, text + "# patched\n")
    _, other, _ = usable_environments(find_environments())

    assert one.digest == same.digest != other.digest


def test_one_that_fails_is_told_with_its_own_words(install: Install) -> None:
    binary = install("leanprover--lean4---v4.35.0") / "bin" / "lean"
    binary.unlink()
    program(binary, "#!/bin/sh\necho \"thread 'main' panicked\" >&2; exit 101\n")

    found = find_environments()

    assert names(found) == ["lean4-core"]
    reason = found_at("v4.35.0", found).reason
    assert reason.endswith("failed with exit code 101: thread 'main' panicked")


def test_one_that_says_something_else_is_none(install: Install) -> None:
    binary = install("leanprover--lean4---v4.35.0") / "bin" / "lean"
    binary.unlink()
    program(binary, "#!/bin/sh\necho Lean is sleeping\n")

    reason = found_at("v4.35.0", find_environments()).reason

    assert reason.endswith("says 'Lean is sleeping' instead of Lean's version.")


def test_one_without_modules_is_none(install: Install) -> None:
    prefix = install("leanprover--lean4---v4.35.0")
    (prefix / "lib" / "lean" / "Init.olean").unlink()

    assert "has no compiled library" in found_at("v4.35.0", find_environments()).reason


# PATH


def test_lean_on_the_path(toolchain: Path, tmp_path: Path) -> None:
    (tmp_path / "bin" / "lean").symlink_to(toolchain / "bin" / "lean")

    _, environment = usable_environments(find_environments())

    assert environment.name == "lean4-4.35.0"
    assert environment.lean_path == (toolchain / "lib" / "lean",)


def test_a_wrapper_on_the_path_is_asked_for_its_prefix(toolchain: Path, tmp_path: Path) -> None:
    program(tmp_path / "bin" / "lean", f'#!/bin/sh\nexec {toolchain}/bin/lean "$@"\n')

    _, environment = usable_environments(find_environments())

    assert environment.lean_path == (toolchain / "lib" / "lean",)


def test_elans_own_lean_is_left_alone(tmp_path: Path) -> None:
    started = tmp_path / "started"
    program(tmp_path / "bin" / "elan", f"#!/bin/sh\ntouch {started}\nexit 1\n")
    (tmp_path / "bin" / "lean").symlink_to("elan")

    found = find_environments()

    assert found_at("PATH", found).environment is None
    assert "only chooses a toolchain" in found_at("PATH", found).reason
    assert not started.exists()


def test_what_was_found_already_is_not_offered_twice(install: Install, tmp_path: Path) -> None:
    prefix = install("leanprover--lean4---v4.35.0")
    (tmp_path / "bin" / "lean").symlink_to(prefix / "bin" / "lean")

    found = find_environments()

    assert names(found) == ["lean4-core", "lean4-4.35.0"]
    reason = "It is the same as the elan toolchain leanprover--lean4---v4.35.0."
    assert found_at("PATH", found).reason == reason


# Lake projects


def test_a_lake_project_in_the_working_directory(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    monkeypatch.setenv("VERIFIER_TOKEN", "secret")
    monkeypatch.setenv("LEAN_PATH", "/elsewhere")

    found = find_environments()
    environment = found_at("lake project", found).environment

    assert names(found) == ["lean4-core", "lean4-proofs", "lean4-4.35.0"]
    assert environment is not None
    assert environment.lean_path[:2] == (
        project / ".lake/packages/dep/.lake/build/lib/lean",
        project / ".lake/build/lib/lean",
    )
    assert environment.tools == ("lean@4.35.0", "dep@84ca33e94067")


def test_what_it_requires_can_be_imported(project: Path) -> None:
    found = find_environments({"mine": project}, discover=False)
    _, environment = usable_environments(found)
    source = project / "test.lean"
    source.write_text("import Proofs\nimport Dep\ntheorem t : two = 2 ∧ True := ⟨rfl, dep⟩\n")

    assert environment.binary is not None
    ran = subprocess.run(
        [environment.binary, source], env={"LEAN_PATH": ":".join(map(str, environment.lean_path))}
    )

    assert ran.returncode == 0


def test_a_project_built_anew_is_another_environment(project: Path, toolchain: Path) -> None:
    def digest() -> str:
        (_, environment) = usable_environments(find_environments({"x": project}, discover=False))
        return environment.digest

    module = project / ".lake/build/lib/lean/Proofs.olean"
    before, again = digest(), digest()
    compile_module(toolchain, module, "def two : Nat := 3")
    changed = digest()
    module.with_name("Proofs.olean.hash").write_text("2d2a9f3c1f8b7e60")
    hashed = digest()

    assert before == again
    assert len({before, changed, hashed}) == 3


def test_a_hash_older_than_its_module_is_not_believed(project: Path, toolchain: Path) -> None:
    def digest() -> str:
        (_, environment) = usable_environments(find_environments({"x": project}, discover=False))
        return environment.digest

    module = project / ".lake/build/lib/lean/Proofs.olean"
    kept = module.with_name("Proofs.olean.hash")
    kept.write_text("2d2a9f3c1f8b7e60")
    before = digest()
    compile_module(toolchain, module, "def two : Nat := 3")
    os.utime(kept, (0, 0))

    assert digest() != before


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        pytest.param(
            "rm -r .lake/build .lake/packages", "is not built. Run `lake build`", id="unbuilt"
        ),
        pytest.param("rm lean-toolchain", "has no file `lean-toolchain`", id="no-toolchain-file"),
        pytest.param(
            "echo leanprover/lean4:v4.9.0 > lean-toolchain",
            "Install it: `elan toolchain install leanprover/lean4:v4.9.0`",
            id="toolchain-not-installed",
        ),
        pytest.param("rm lakefile.toml", "is no lake project", id="no-lakefile"),
        pytest.param(
            "rm -r ../elan/toolchains/*/bin/lake", "can't be started: No such", id="no-lake"
        ),
    ],
)
def test_a_project_that_can_t_be_used_says_why(project: Path, spoil: str, told: str) -> None:
    subprocess.run(["sh", "-c", spoil], cwd=project, check=True)

    with pytest.raises(LeanUnavailable) as unavailable:
        usable_environments(find_environments({"mine": project}))

    assert str(unavailable.value).startswith("lean_environments.mine: ")
    assert told in str(unavailable.value)


# What an operator names


def test_folders_and_executables_can_be_named(toolchain: Path) -> None:
    configured = {"folder": toolchain, "program": toolchain / "bin" / "lean"}

    environments = usable_environments(find_environments(configured, discover=False))

    assert [one.name for one in environments] == ["lean4-core", "lean4-folder", "lean4-program"]
    assert environments[1].digest == environments[2].digest


def test_what_is_named_comes_before_what_is_found(install: Install) -> None:
    named = install("leanprover--lean4---v4.36.0")
    install("leanprover--lean4---v4.35.0")

    found = find_environments({"4.35.0": named})

    assert names(found) == ["lean4-core", "lean4-4.35.0"]
    assert (
        "The name lean4-4.35.0 is taken by lean_environments.4.35.0."
        in found_at("---v4.35.0", found).reason
    )


def test_without_discovery_nothing_else_is_looked_at(install: Install) -> None:
    install("leanprover--lean4---v4.35.0")

    assert len(find_environments(discover=False)) == 1


def test_what_is_named_and_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LeanUnavailable, match=r"^lean_environments\.x: .* does not exist\.$"):
        usable_environments(find_environments({"x": tmp_path / "nowhere"}))


def test_the_name_of_lean4_core_can_t_be_taken(toolchain: Path) -> None:
    with pytest.raises(LeanUnavailable, match=r"lean_environments\.core: The name lean4-core is"):
        usable_environments(find_environments({"core": toolchain}))
