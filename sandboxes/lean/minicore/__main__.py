"""Writes what is made of the sources and of Lean's library: `Grammar.lean` and `build.json`.

To be run when a source or the package that brings Lean is changed; needs `nm` of binutils.

    python -m sandboxes.lean.minicore
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Final

from sandboxes.lean import launcher
from sandboxes.lean.environments import LIBRARY, PACKAGE, compile_module, installed
from sandboxes.lean.minicore.grammar import grammar

HERE: Final = Path(__file__).parent


def main() -> None:
    """Writes both."""
    library = installed()
    (HERE / "src" / "Init" / "Grammar.lean").write_text(grammar(library))
    described = json.loads((HERE / "build.json").read_text())
    command = [sys.executable, "-I", "-S", launcher.__file__, str(library), "--version"]
    said = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    version, commit = re.findall(r"version (\S+),.* commit ([0-9a-f]+)", said)[0]
    build = {
        "package": f"{PACKAGE}=={metadata.version(PACKAGE)}",
        "version": version,
        "commit": commit,
        "library": _digest(library / LIBRARY),
        "modules": _compiled(library, list(described["modules"])),
    }
    (HERE / "build.json").write_text(json.dumps(build, indent=2) + "\n")


def _compiled(library: Path, modules: list[str]) -> dict[str, str]:
    """The digest of each module, in the order of compilation."""
    with tempfile.TemporaryDirectory() as folder:
        return {
            module: _digest(compile_module(library, Path(folder), module)) for module in modules
        }


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


if __name__ == "__main__":
    main()
