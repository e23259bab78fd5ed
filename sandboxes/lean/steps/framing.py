"""Messages of the Language Server Protocol on a stream of bytes. Pure.

The base protocol of the specification, version 3.17: headers, an empty line, and JSON-RPC 2.0. What
is read comes from a process that runs code of others, so everything about it is bounded.
"""

from __future__ import annotations

import json
from typing import Any, Final

__all__ = ["MAXIMUM_MESSAGE_BYTES", "Decoder", "ProtocolViolation", "encode"]

MAXIMUM_MESSAGE_BYTES: Final = 4 * 1024**2
_MAXIMUM_HEADER_BYTES: Final = 4096
_END_OF_HEADERS: Final = b"\r\n\r\n"
_LENGTH: Final = b"content-length"
_LENGTH_DIGITS: Final = 12


class ProtocolViolation(Exception):
    """The other side does not speak the protocol."""

    def __init__(self, text: str, *, too_long: bool = False) -> None:
        """`too_long` where the message is merely longer than is read."""
        super().__init__(text)
        self.too_long = too_long


def encode(message: dict[str, Any]) -> bytes:
    """A message as it goes over the wire."""
    body = json.dumps({"jsonrpc": "2.0", **message}, ensure_ascii=False).encode()
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


class Decoder:
    """Takes bytes in as they come, and gives messages out as they are complete."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._expected: int | None = None

    def feed(self, data: bytes) -> list[dict[str, Any]]:
        """The messages that are complete with these bytes.

        Raises:
            ProtocolViolation: They are no messages, or too large ones.
        """
        self._buffer += data
        messages = []
        while (message := self._next()) is not None:
            messages.append(message)
        return messages

    def _next(self) -> dict[str, Any] | None:
        if self._expected is None and not self._read_headers():
            return None
        assert self._expected is not None
        if len(self._buffer) < self._expected:
            return None
        body = bytes(self._buffer[: self._expected])
        del self._buffer[: self._expected]
        self._expected = None
        return _parsed(body)

    def _read_headers(self) -> bool:
        """Takes in the headers of the next message; returns whether they are complete."""
        end = self._buffer.find(_END_OF_HEADERS, 0, _MAXIMUM_HEADER_BYTES)
        if end < 0:
            if len(self._buffer) >= _MAXIMUM_HEADER_BYTES:
                raise ProtocolViolation("The headers of a message do not end.")
            return False
        headers = bytes(self._buffer[:end])
        del self._buffer[: end + len(_END_OF_HEADERS)]
        self._expected = _length(headers)
        return True


def _length(headers: bytes) -> int:
    for line in headers.split(b"\r\n"):
        name, _, value = line.partition(b":")
        digits = value.strip()
        if name.strip().lower() == _LENGTH and digits.isdigit():
            if len(digits) > _LENGTH_DIGITS or int(digits) > MAXIMUM_MESSAGE_BYTES:
                raise ProtocolViolation("A message is longer than is read.", too_long=True)
            return int(digits)
    raise ProtocolViolation("A message has no length.")


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        message = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ProtocolViolation("A message is no JSON.") from error
    if not isinstance(message, dict):
        raise ProtocolViolation("A message is no object.")
    return message
