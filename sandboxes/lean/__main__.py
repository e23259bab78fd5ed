"""Compiles the library of `lean4-core` into its cache, for images and for machines to be warm.

python -m sandboxes.lean [CACHE]
"""

from __future__ import annotations

import sys
from pathlib import Path

from sandboxes.lean.environments import LeanEnvironment, LeanUnavailable


def main(arguments: list[str]) -> int:
    """Says where it is; exit code 1 if it can't be had."""
    try:
        core = LeanEnvironment.core(Path(arguments[0]) if arguments else None)
    except LeanUnavailable as error:
        print(error, file=sys.stderr)  # noqa: T201 - a command
        return 1
    print(f"{core.name}, Lean {core.version}, is in {core.lean_path[0]}.")  # noqa: T201 - a command
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
