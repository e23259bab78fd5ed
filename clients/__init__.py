"""Clients of the verification service; they need grpcio and protobuf only.

`Verifier` and `AsyncVerifier` speak to a server. `clients.local.LocalVerifier` runs the service in
its own process, and needs the `server` extra.
"""

from __future__ import annotations

from clients.asynchronous import AsyncStream, AsyncVerifier
from clients.connection import Connection
from clients.results import BatchItem, StreamItem
from clients.retries import RetryPolicy
from clients.specs import (
    CommonDetails,
    SpecDetails,
    decode_value,
    encode_value,
    lean_theorem,
    logic,
    python_calls,
    python_pytest,
    python_stdio,
    python_tests,
)
from clients.steps import AsyncStepSession, StepSession
from clients.synchronous import Stream, Verifier

__all__ = [
    "AsyncStepSession",
    "AsyncStream",
    "AsyncVerifier",
    "BatchItem",
    "CommonDetails",
    "Connection",
    "RetryPolicy",
    "SpecDetails",
    "StepSession",
    "Stream",
    "StreamItem",
    "Verifier",
    "decode_value",
    "encode_value",
    "lean_theorem",
    "logic",
    "python_calls",
    "python_pytest",
    "python_stdio",
    "python_tests",
]
