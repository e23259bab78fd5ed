"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "CaFileOption",
    "ConfigOption",
    "JsonOption",
    "ServerOption",
    "TlsOption",
    "TokenFileOption",
    "TokenOption",
]

_SERVER = "Server"

ServerOption = Annotated[
    str | None,
    typer.Option(
        "--server",
        envvar="VERIFIER_SERVER",
        metavar="HOST:PORT",
        help="Ask this server. Without it, the service runs in this process.",
        rich_help_panel=_SERVER,
    ),
]
TokenOption = Annotated[
    str | None,
    typer.Option(
        "--token",
        metavar="TOKEN",
        help="Bearer token for the server. Others can see it in the list of processes: prefer "
        "--token-file.",
        rich_help_panel=_SERVER,
    ),
]
TokenFileOption = Annotated[
    Path | None,
    typer.Option("--token-file", help="File with the token.", rich_help_panel=_SERVER),
]
TlsOption = Annotated[
    bool,
    typer.Option(
        "--tls", help="Encrypt, and trust well-known authorities.", rich_help_panel=_SERVER
    ),
]
CaFileOption = Annotated[
    Path | None,
    typer.Option(
        "--ca-file", help="Encrypt, and trust these authorities (PEM).", rich_help_panel=_SERVER
    ),
]
ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        envvar="VERIFIER_CONFIG",
        help="Settings (TOML) of the service in this process.",
        rich_help_panel=_SERVER,
    ),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Write JSON to standard output, and nothing else there.")
]
