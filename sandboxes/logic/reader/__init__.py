"""One reader for the languages that people and models write logic in."""

from __future__ import annotations

from sandboxes.logic.reader.dialects import Dialect
from sandboxes.logic.reader.findings import (
    Edit,
    ErrorCode,
    Finding,
    Fix,
    LintCode,
    Role,
    Source,
    applied,
)
from sandboxes.logic.reader.reading import Reading, read

__all__ = [
    "Dialect",
    "Edit",
    "ErrorCode",
    "Finding",
    "Fix",
    "LintCode",
    "Reading",
    "Role",
    "Source",
    "applied",
    "read",
]
