"""Structured logs."""

from __future__ import annotations

import io
import json
import logging

import pytest

from verifier_service.server.logs import configure_logging, get_logger

LOG = get_logger("verifier_service.test")


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


def test_json_unless_it_is_a_terminal(stream: io.StringIO) -> None:
    configure_logging("auto", "info", stream)
    LOG.info("call", seconds=0.5, places=["a\n"])

    event = json.loads(stream.getvalue())
    assert (event["event"], event["seconds"], event["places"]) == ("call", 0.5, ["a\\n"])
    assert (event["level"], event["logger"]) == ("info", "verifier_service.test")
    assert event["timestamp"].endswith("Z")


@pytest.mark.parametrize("log_format", ["json", "console"])
@pytest.mark.parametrize("text", ["a\nb", "\x1b[2J", "\x9b2J", "\u2028", "\ud800", "\0"])
def test_no_text_can_forge_a_line(stream: io.StringIO, log_format: str, text: str) -> None:
    configure_logging(log_format, "info", stream)  # type: ignore[arg-type]
    LOG.info("call", session=text)

    assert text not in stream.getvalue()
    assert stream.getvalue().count("\n") == 1
    assert ascii(text)[1:-1].split("\\")[1][:3] in stream.getvalue()


def test_long_text_is_shortened(stream: io.StringIO) -> None:
    configure_logging("json", "info", stream)
    LOG.info("call", session="s" * 10_000)

    assert len(stream.getvalue()) < 1000


def test_less_than_the_level_is_not_written(stream: io.StringIO) -> None:
    configure_logging("json", "warning", stream)
    LOG.info("call")

    assert stream.getvalue() == ""


def test_debug_is_for_our_own_packages(stream: io.StringIO) -> None:
    configure_logging("json", "debug", stream)
    logging.getLogger("asyncio").debug("noise")
    LOG.debug("submission")

    assert json.loads(stream.getvalue())["event"] == "submission"


def test_logs_of_libraries_look_the_same(stream: io.StringIO) -> None:
    configure_logging("json", "info", stream)
    logging.getLogger("asyncio").warning("Task %s took %d s", "a\nb", 3)

    event = json.loads(stream.getvalue())
    assert (event["event"], event["logger"]) == ("Task a\\nb took 3 s", "asyncio")
