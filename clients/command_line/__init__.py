"""The `verifier` command."""

from __future__ import annotations

import sys

__all__ = ["main"]

_PARTS = ("pydantic", "pydantic_settings", "rich", "structlog", "typer", "grpc_health")


def main() -> None:
    """Runs the command, and ends the process with the code that `exit_codes` says."""
    try:
        from clients.command_line.program import run

        code = run(sys.argv[1:])
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] not in _PARTS:
            raise
        sys.stderr.write(
            f"The command line needs {missing.name}, which is not installed. "
            'Install all that it needs with: pip install "neurosymbolic-verifier[server]"\n'
        )
        sys.exit(2)
    sys.exit(code)
