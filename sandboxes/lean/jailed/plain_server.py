"""Serves one document with a toolchain's own program, `lean --worker`; see `server.py`."""

from __future__ import annotations

import json
import os

from sandboxes.isolation.jailed.begin import begin
from sandboxes.lean.jailed.server import DOCUMENT, OPTIONS

application = ""
reserved_bytes = 0
_path = ""


def warm(argument: str) -> None:
    """Takes, as JSON, the path of `lean`, its module folders, and its address space."""
    global application, reserved_bytes, _path
    told = json.loads(argument)
    application, _path, reserved_bytes = told["application"], told["path"], told["reserved_bytes"]


def main() -> int:
    """Becomes the program."""
    if not os.access(application, os.X_OK):
        raise PermissionError(f"{application} can't be run by the users of jails.")
    begin()
    command = [application, "--worker", *OPTIONS, DOCUMENT]
    os.execve(application, command, {"LEAN_PATH": _path})  # noqa: S606
