"""The program: its commands, and how each of them ends."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from clients.command_line import (
    batch_command,
    check_command,
    config_command,
    demo_command,
    doctor_command,
    estimate_commands,
    kept_commands,
    lean_commands,
    logic_commands,
    propose_commands,
    repair_commands,
    report_command,
    serve_command,
    step_commands,
)
from clients.command_line.exit_codes import ExitCode, InvalidInput, exit_code_of_error
from clients.command_line.printing import print_error, print_problem
from clients.command_line.service import Interrupted, Terminated
from verifier_service import __version__
from verifier_service.model import ServiceError

__all__ = ["app", "run"]

app = typer.Typer(
    name="verifier",
    help="Judges candidates for problems: verdicts that can't be forged.",
    epilog="Exit codes: 0 accepted or done, 1 rejected, 2 wrong usage or input, 3 inconclusive, "
    "4 service error.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"verifier {__version__}\n")
        raise typer.Exit


@app.callback()
def _program(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    del version


app.command("serve")(serve_command.serve)
check_command.app.command("lean")(lean_commands.check_lean)
app.add_typer(check_command.app, name="check")
app.add_typer(logic_commands.app, name="logic")
app.add_typer(repair_commands.app, name="repair")
app.add_typer(step_commands.app, name="step")
app.command("batch")(batch_command.batch)
app.command("propose")(propose_commands.propose)
app.add_typer(estimate_commands.app, name="estimate")
app.command("report")(report_command.report)
app.command("show")(kept_commands.show)
app.command("list")(kept_commands.list_kept)
app.command("doctor")(doctor_command.doctor)
app.command("demo")(demo_command.demo)
app.add_typer(config_command.app, name="config")


def run(arguments: Sequence[str]) -> int:
    """Runs one command.

    Returns:
        The exit code; `exit_codes` says what each means.
    """
    as_json = "--json" in arguments
    try:
        return _run(arguments)
    except (KeyboardInterrupt, Interrupted, typer.Abort):
        print_problem("Interrupted.", as_json=as_json, reason="INTERRUPTED")
        return ExitCode.INTERRUPTED
    except Terminated:
        print_problem("Terminated.", as_json=as_json, reason="TERMINATED")
        return ExitCode.TERMINATED
    except BrokenPipeError:
        _discard_output()
        return ExitCode.SERVICE_ERROR
    except ServiceError as error:
        print_error(error, as_json=as_json)
        return exit_code_of_error(error)
    except InvalidInput as error:
        print_problem(str(error), as_json=as_json)
        return ExitCode.USAGE
    except Exception as error:  # noqa: BLE001  # raised again where there is nothing to say
        return _explain(error, as_json)


def _run(arguments: Sequence[str]) -> int:
    command = typer.main.get_command(app)
    code = command.main(args=list(arguments), prog_name="verifier", standalone_mode=False)
    return code if isinstance(code, int) else ExitCode.ACCEPTED


def _explain(error: Exception, as_json: bool) -> int:
    """Ends with a sentence where the error is one that people can mend; else raises it."""
    show = getattr(error, "show", None)  # typer's own, whose classes move between its versions
    if show is not None:
        if as_json:
            text = getattr(error, "format_message", error.__str__)()
            print_problem(text, as_json=True, reason="USAGE")
        else:
            show()
        return ExitCode.USAGE
    # Here, so that only a command that fails pays for loading the service.
    from verifier_service.server.listening import CannotListen
    from verifier_service.settings import InvalidSettings
    from verifier_service.store import StoreError

    if isinstance(error, InvalidSettings):
        print_problem(str(error), as_json=as_json, reason="INVALID_SETTINGS")
        return ExitCode.USAGE
    if isinstance(error, StoreError | CannotListen):
        print_problem(str(error), as_json=as_json, reason="CANNOT_START")
        return ExitCode.SERVICE_ERROR
    raise error


def _discard_output() -> None:
    """Keeps the interpreter from complaining, as it exits, about a reader that went away."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
