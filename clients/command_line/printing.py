"""Writes results: JSON or text on standard output, everything else on standard error."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from clients.command_line import proto_json
from verifier_service.model import ServiceError

__all__ = ["print_error", "print_json", "print_problem"]


def print_json(value: Mapping[str, Any]) -> None:
    """One JSON document on one line of standard output."""
    sys.stdout.write(proto_json.compact(value) + "\n")
    sys.stdout.flush()


def print_error(error: ServiceError, *, as_json: bool) -> None:
    """An error of the service."""
    if as_json:
        print_json({"error": proto_json.error_json(error)})
    else:
        _say(f"{error.reason}: {error}")


def print_problem(text: str, *, as_json: bool, reason: str = "INVALID_INPUT") -> None:
    """Something wrong with the command, its files or its settings."""
    if as_json:
        message = {"code": 3, "message": text, "details": [{"reason": reason}]}
        print_json({"error": message})
    else:
        _say(text)


def _say(text: str) -> None:
    from clients.command_line.rendering import visible

    sys.stderr.write(visible(text) + "\n")
