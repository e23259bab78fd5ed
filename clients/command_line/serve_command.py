"""`verifier serve`: the gRPC service."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from clients.command_line import options
from clients.command_line.exit_codes import ExitCode
from clients.command_line.printing import print_json

__all__ = ["serve"]


def serve(
    address: Annotated[
        str | None,
        typer.Option(
            "--address",
            metavar="HOST:PORT",
            help="Where to listen; port 0 takes a free one. Anything but loopback needs TLS or a "
            "token.",
        ),
    ] = None,
    token_file: Annotated[
        Path | None, typer.Option("--token-file", help="File with the token that calls must carry.")
    ] = None,
    tls_certificate_file: Annotated[
        Path | None, typer.Option("--tls-certificate-file", help="The server's certificates (PEM).")
    ] = None,
    tls_key_file: Annotated[
        Path | None, typer.Option("--tls-key-file", help="The server's key (PEM).")
    ] = None,
    store: Annotated[
        Path | None, typer.Option("--store", help="File that keeps verdicts and verifications.")
    ] = None,
    slots: Annotated[
        int | None, typer.Option("--slots", help="Verifications that run at the same time.")
    ] = None,
    config: options.ConfigOption = None,
    as_json: options.JsonOption = False,
) -> int:
    """Serves until SIGTERM or Ctrl-C, then lets what runs come to its end.

    Its address goes to standard output once it answers; its log goes to standard error. Options
    stand above the environment, and that above the settings' file: see `verifier config show`.
    """
    from verifier_service.application import serve as serve_until_signalled
    from verifier_service.settings import load_settings

    def ready(listening: str) -> None:
        if as_json:
            print_json({"address": listening})
        else:
            sys.stdout.write(f"Listening on {listening}\n")
            sys.stdout.flush()

    loaded = load_settings(
        config,
        {
            "address": address,
            "token_file": token_file,
            "tls_certificate_file": tls_certificate_file,
            "tls_key_file": tls_key_file,
            "store_path": store,
            "slots": slots,
        },
    )
    asyncio.run(serve_until_signalled(loaded.settings, ready=ready))
    return ExitCode.ACCEPTED
