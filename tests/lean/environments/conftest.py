"""Folders laid out like those of elan and lake, around the Lean of `lean4-core`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sandboxes.lean import launcher
from sandboxes.lean.environments import LeanEnvironment

PYTHON = Path(sys.executable).resolve()
LEAN = f"""#!{PYTHON} -IS
import os, sys
prefix = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
sys.path.insert(0, prefix + "/bin")
import launcher
modules = prefix + "/lib/lean"
if sys.argv[1:] == ["--print-prefix"]:
    print(prefix)
    sys.exit()
path = [one for one in os.environ.get("LEAN_PATH", "").split(":") if one]
os.environ["LEAN_PATH"] = ":".join([*path, modules])
os._exit(launcher.main(modules, sys.argv[1:]) & 255)
"""
LAKE = """#!/bin/sh
[ "$*" = "env printenv LEAN_PATH" ] || exit 2
[ -z "$VERIFIER_TOKEN" ] || exit 3
[ -z "$LEAN_PATH" ] || exit 4
prefix=$(dirname "$0")/..
echo "./.lake/packages/dep/.lake/build/lib/lean:$PWD/.lake/build/lib/lean:$prefix/lib/lean"
"""


def link(source: str, target: str) -> None:
    """The same file in another place, without a copy where that can be had."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.fixture(scope="session")
def toolchain(tmp_path_factory: pytest.TempPathFactory, core: LeanEnvironment) -> Path:
    """A toolchain's folder: `bin/lean`, `bin/lake`, and `lib/lean` with libraries and modules."""
    prefix = tmp_path_factory.mktemp("toolchain")
    program(prefix / "bin" / "lean", LEAN)
    program(prefix / "bin" / "lake", LAKE)
    shutil.copy(launcher.__file__, prefix / "bin" / "launcher.py")
    shutil.copytree(core.lean_path[0], prefix / "lib" / "lean", copy_function=link)
    assert core.library is not None
    for name in launcher.LIBRARIES:
        link(str(core.library / name), str(prefix / "lib" / "lean" / name))
    return prefix


@pytest.fixture
def install(
    toolchain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Path]:
    """Puts a toolchain where elan keeps those that it has installed."""
    monkeypatch.setenv("ELAN_HOME", str(tmp_path / "elan"))

    def install_one(name: str) -> Path:
        return Path(
            shutil.copytree(toolchain, tmp_path / "elan" / "toolchains" / name, copy_function=link)
        )

    return install_one


@pytest.fixture
def project(install: Callable[[str], Path], tmp_path: Path) -> Path:
    """A lake project with a dependency, both built."""
    prefix = install("leanprover--lean4---v4.35.0")
    root = tmp_path / "proofs"
    own, dep = root / ".lake/build/lib/lean", root / ".lake/packages/dep/.lake/build/lib/lean"
    for folder in (own, dep):
        folder.mkdir(parents=True)
    (root / "lakefile.toml").write_text('name = "proofs"\n')
    (root / "lean-toolchain").write_text("leanprover/lean4:v4.35.0\n")
    (root / "lake-manifest.json").write_text(
        '{"version": "1.1.0", "packages": [{"type": "git", "name": "dep", '
        '"rev": "84ca33e940678954dc146f732f447ddc8984cf39"}]}'
    )
    compile_module(prefix, dep / "Dep.olean", "theorem dep : True := trivial")
    compile_module(prefix, own / "Proofs.olean", "import Dep\ndef two : Nat := 2", path=dep)
    return root


def compile_module(prefix: Path, module: Path, text: str, path: Path | None = None) -> None:
    source = module.with_suffix(".lean")
    source.write_text(text + "\n")
    subprocess.run(
        [prefix / "bin" / "lean", "-R", source.parent, "-o", module, source],
        check=True,
        env={"LEAN_PATH": str(path or "")},
    )
    source.unlink()
