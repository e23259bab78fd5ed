"""Messages on a stream of bytes, from a process that may say anything."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandboxes.lean.steps.framing import (
    MAXIMUM_MESSAGE_BYTES,
    Decoder,
    ProtocolViolation,
    encode,
)

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
MESSAGES = st.lists(st.dictionaries(st.text("abc", min_size=1), TEXTS | st.integers()), max_size=4)


@given(MESSAGES, st.integers(1, 40))
def test_messages_come_out_as_they_went_in(messages: list[dict[str, Any]], piece: int) -> None:
    data = b"".join(map(encode, messages))
    decoder = Decoder()
    heard = [
        message
        for start in range(0, len(data), piece)
        for message in decoder.feed(data[start : start + piece])
    ]
    assert heard == [{"jsonrpc": "2.0", **message} for message in messages]


@pytest.mark.parametrize(
    ("data", "too_long"),
    [
        pytest.param(b"\r\n\r\n", False, id="no-length"),
        pytest.param(b"Content-Length: -1\r\n\r\n", False, id="negative-length"),
        pytest.param(b"Content-Length: x\r\n\r\n", False, id="length-no-number"),
        pytest.param(b"Content-Length: 5\r\n\r\nabcde", False, id="no-json"),
        pytest.param(b"Content-Length: 2\r\n\r\n[]", False, id="no-object"),
        pytest.param(b"Content-Length: 1\r\n\r\n\xff", False, id="no-text"),
        pytest.param(b"x" * 5000, False, id="endless-header"),
        pytest.param(b"Content-Length: 99999999999999999\r\n\r\n", True, id="absurd-length"),
        pytest.param(
            b"Content-Length: %d\r\n\r\n" % (MAXIMUM_MESSAGE_BYTES + 1), True, id="too-long"
        ),
        pytest.param(encode({})[:-2] + b"[" * 10, False, id="cut-json"),
    ],
)
def test_what_is_no_message_is_refused(data: bytes, too_long: bool) -> None:
    with pytest.raises(ProtocolViolation) as refused:
        Decoder().feed(data)
    assert refused.value.too_long is too_long


def test_deep_nesting_is_refused_and_does_not_end_the_service() -> None:
    body = b"[" * 1_000_000
    with pytest.raises(ProtocolViolation):
        Decoder().feed(b"Content-Length: %d\r\n\r\n" % len(body) + body)


@given(st.binary(max_size=300))
def test_any_bytes_are_messages_or_refused(data: bytes) -> None:
    with contextlib.suppress(ProtocolViolation):
        Decoder().feed(data)
