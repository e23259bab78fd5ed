"""Structured logs: one event, its facts, and never a candidate's text.

Every value is shortened and has its control characters escaped, so that no caller can forge a line
or steer a terminal.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Final, Literal, TextIO, cast

import structlog

__all__ = ["configure_logging", "get_logger"]

_LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
_LONGEST_VALUE: Final = 512
_OUR_PACKAGES: Final = ("verifier_service", "sandboxes")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

EventDict = MutableMapping[str, Any]


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger on stdlib's logger of this name; it needs no configuration and changes none."""
    return cast(
        "structlog.stdlib.BoundLogger",
        structlog.wrap_logger(
            logging.getLogger(name),
            processors=[
                structlog.stdlib.filter_by_level,
                structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
            ],
            wrapper_class=structlog.stdlib.BoundLogger,
        ).bind(),
    )


def configure_logging(
    log_format: Literal["auto", "json", "console"], level: str, stream: TextIO | None = None
) -> None:
    """Sends all logs of the process, those of libraries included, to one stream.

    Args:
        log_format: `auto` writes JSON unless the stream is a terminal.
        level: Least that is written; `debug` is for our own packages only.
        stream: Standard error, if left out.
    """
    stream = stream or sys.stderr
    as_text = log_format == "console" or (log_format == "auto" and stream.isatty())
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(colors=stream.isatty(), sort_keys=False)
        if as_text
        else structlog.processors.JSONRenderer()
    )
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                _add_what_is_missing,
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                escape,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(logging.INFO, _LEVELS[level]))
    for package in _OUR_PACKAGES:
        logging.getLogger(package).setLevel(_LEVELS[level])


def _add_what_is_missing(logger: logging.Logger, method: str, event: EventDict) -> EventDict:
    """Adds level, name and time to our own events; other libraries' have them by now."""
    record = event["_record"]
    head: EventDict = {"level": record.levelname.lower(), "logger": record.name}
    structlog.processors.TimeStamper(fmt="iso", utc=True)(logger, method, head)
    return {"timestamp": head.pop("timestamp"), **head, **event}


def escape(_logger: object, _method: str, event: EventDict) -> Mapping[str, Any]:
    """Makes every text of an event safe to print."""
    return {key: _safe(value) for key, value in event.items()}


def _safe(value: object) -> object:
    if isinstance(value, str):
        short = value if len(value) <= _LONGEST_VALUE else value[:_LONGEST_VALUE] + "…"
        return _UNPRINTABLE.sub(lambda found: ascii(found.group())[1:-1], short)
    if isinstance(value, list | tuple):
        return [_safe(item) for item in value]
    return value
