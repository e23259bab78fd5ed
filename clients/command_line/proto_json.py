"""The proto3 JSON mapping of the contract's messages: what files and `--json` hold."""

from __future__ import annotations

import json
import re
from typing import Any, TypeVar

from google.protobuf import json_format
from google.protobuf.message import Message

from verifier_service import wire
from verifier_service.model import ServiceError, Verdict, VerificationSpec
from verifier_service.v1 import verifier_pb2

__all__ = [
    "compact",
    "error_json",
    "message_json",
    "parse_message",
    "spec_from_json",
    "verdict_json",
]

_OBJECT = re.compile(r"\s*\{")
_M = TypeVar("_M", bound=Message)


def message_json(message: Message) -> dict[str, Any]:
    """A message as JSON; zero counts and empty strings are left out, as proto3 JSON does."""
    return json_format.MessageToDict(message)


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    """A verdict as JSON."""
    return message_json(wire.verdict_to_proto(verdict))


def error_json(error: ServiceError) -> dict[str, Any]:
    """An error as `google.rpc.Status` in JSON."""
    return message_json(wire.status_to_proto(error))


def compact(value: object) -> str:
    """One line of JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def parse_message(text: str | bytes, message: _M) -> _M:
    """Reads a message, strictly: unknown fields, duplicate keys and wrong types are refused.

    Raises:
        ValueError: It is no JSON, or not that of this message; says what is wrong and where.
    """
    try:
        decoded = text.decode("utf-8", errors="strict") if isinstance(text, bytes) else text
        if not _OBJECT.match(decoded):  # an empty list would pass for an empty message
            raise ValueError("an object, { … }, is needed.")
        json_format.Parse(decoded, message)
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8: byte {error.start} can't be decoded.") from None
    except RecursionError:
        raise ValueError("nested too deeply to be read.") from None
    except (json_format.ParseError, ValueError, TypeError) as error:
        raise ValueError(_in_short(str(error))) from None
    return message


def spec_from_json(text: str | bytes) -> VerificationSpec:
    """Reads one `VerificationSpec`.

    Raises:
        ValueError: As `parse_message`.
        InvalidSpec: It is one, and breaks the rules of the contract.
    """
    return wire.spec_from_proto(parse_message(text, verifier_pb2.VerificationSpec()))


def _in_short(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= 300 else words[:300] + " …"
