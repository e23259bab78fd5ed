"""`verifier show` and `verifier list`: kept verifications."""

from __future__ import annotations

from typing import Annotated

import typer

from clients.command_line import options, proto_json
from clients.command_line.batch_run import AnyVerifier
from clients.command_line.exit_codes import ExitCode, InvalidInput
from clients.command_line.printing import print_json
from clients.command_line.rendering import (
    output_console,
    verification_view,
    verifications_view,
)
from clients.command_line.service import Service, run_async
from verifier_service import wire
from verifier_service.model import Outcome, UnknownVerification, Verification

__all__ = ["list_kept", "show"]

_LOOKED_THROUGH = 1000
"""Verifications in which a prefix is looked for, newest first."""


def show(
    verification_id: Annotated[
        str, typer.Argument(help="Its id, or a prefix that no other recent one has.", metavar="ID")
    ],
    server: options.ServerOption = None,
    token: options.TokenOption = None,
    token_file: options.TokenFileOption = None,
    tls: options.TlsOption = False,
    ca_file: options.CaFileOption = None,
    config: options.ConfigOption = None,
    as_json: options.JsonOption = False,
) -> int:
    """Shows one kept verification."""
    service = Service(
        server=server,
        token=token,
        token_file=token_file,
        tls=tls,
        ca_file=ca_file,
        config=config,
    )
    verification = run_async(_get(service, verification_id))
    if as_json:
        message = wire.verification_to_proto(verification)
        print_json({"verification": proto_json.message_json(message)})
    else:
        output_console().print(verification_view(verification))
    return ExitCode.ACCEPTED


def list_kept(
    limit: Annotated[
        int, typer.Option("-n", "--limit", min=1, max=10_000, help="At most so many.")
    ] = 20,
    problem_id: Annotated[str, typer.Option("--problem-id", help="Only this problem.")] = "",
    session_id: Annotated[str, typer.Option("--session-id", help="Only this session.")] = "",
    outcome: Annotated[Outcome | None, typer.Option("--outcome", help="Only this outcome.")] = None,
    server: options.ServerOption = None,
    token: options.TokenOption = None,
    token_file: options.TokenFileOption = None,
    tls: options.TlsOption = False,
    ca_file: options.CaFileOption = None,
    config: options.ConfigOption = None,
    as_json: options.JsonOption = False,
) -> int:
    """Lists kept verifications, newest first."""
    service = Service(
        server=server,
        token=token,
        token_file=token_file,
        tls=tls,
        ca_file=ca_file,
        config=config,
    )
    kept = run_async(_list(service, limit, problem_id, session_id, outcome))
    if as_json:
        messages = [proto_json.message_json(wire.verification_to_proto(one)) for one in kept]
        print_json({"verifications": messages})
    elif kept:
        output_console().print(verifications_view(kept))
    else:
        output_console().print("No verification is kept that fits.")
    return ExitCode.ACCEPTED


async def _get(service: Service, verification_id: str) -> Verification:
    async with service.open(judges=False) as verifier:
        try:
            return await verifier.get(verification_id)
        except UnknownVerification:
            return await _by_prefix(verifier, verification_id.removeprefix("verifications/"))


async def _by_prefix(verifier: AnyVerifier, prefix: str) -> Verification:
    found: list[Verification] = []
    looked_through = 0
    async for kept in verifier.list(page_size=_LOOKED_THROUGH):
        if kept.verification_id.startswith(prefix):
            found.append(kept)
        looked_through += 1
        if looked_through == _LOOKED_THROUGH:
            break
    match found:
        case [one]:
            return one
        case []:
            raise UnknownVerification(
                f"No verification {prefix!r} is kept, and none of the newest {_LOOKED_THROUGH} "
                "begins so. `verifier list` shows them."
            )
        case _:
            raise InvalidInput(
                f"{len(found)} verifications begin with {prefix!r}, {found[0].verification_id} and "
                f"{found[1].verification_id} among them. Give more of the id."
            )


async def _list(
    service: Service, limit: int, problem_id: str, session_id: str, outcome: Outcome | None
) -> list[Verification]:
    kept: list[Verification] = []
    async with service.open(judges=False) as verifier:
        async for one in verifier.list(
            problem_id=problem_id,
            session_id=session_id,
            outcome=outcome,
            page_size=min(limit, 1000),
        ):
            kept.append(one)
            if len(kept) == limit:
                break
    return kept
