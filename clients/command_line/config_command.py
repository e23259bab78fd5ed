"""`verifier config`: the settings that would be in force."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import typer
from rich.table import Table

from clients.command_line import options
from clients.command_line.exit_codes import ExitCode
from clients.command_line.printing import print_json
from clients.command_line.rendering import output_console, visible

__all__ = ["app"]

app = typer.Typer(help="Settings of the service.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _config() -> None:
    """Keeps `show` a subcommand while it is the only one."""


@app.command("show")
def show(config: options.ConfigOption = None, as_json: options.JsonOption = False) -> int:
    """Shows every setting, and where its value comes from."""
    from verifier_service.settings import load_settings

    loaded = load_settings(config)
    values = dict(_flat(loaded.settings.model_dump(mode="json")))
    if as_json:
        print_json({"settings": values, "origins": dict(loaded.origins)})
        return ExitCode.ACCEPTED
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("setting", "value", "from"):
        table.add_column(column, overflow="fold")
    for path, value in values.items():
        table.add_row(path, visible(_text(value)), visible(loaded.origins.get(path, "default")))
    output_console().print(table)
    return ExitCode.ACCEPTED


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _text(value: object) -> str:
    if value is None:
        return "(not set)"
    return str(value).lower() if isinstance(value, bool) else str(value)
