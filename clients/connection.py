"""Where a server is and how to reach it. Pure, but for reading certificates."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import grpc

from clients.retries import RetryPolicy
from verifier_service.model import InvalidSpec, Violation

__all__ = ["DEFAULT_MESSAGE_BYTES", "DEFAULT_TIMEOUT_SECONDS", "Connection", "Metadata", "Options"]

DEFAULT_MESSAGE_BYTES: Final = 16 * 1024**2
DEFAULT_TIMEOUT_SECONDS: Final = 600.0

_SPREADING: Final[Mapping[str, object]] = {"round_robin": {}}
_STICKING: Final[Mapping[str, object]] = {"pick_first": {"shuffleAddressList": True}}

Metadata = tuple[tuple[str, str | bytes], ...]
Options = Sequence[tuple[str, str | int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """How to reach a server."""

    target: str
    """`host:port`, `unix:/path`, or any other target that gRPC knows."""
    token: str | None = field(default=None, repr=False)
    """Bearer token. Give one to servers across a network over TLS only."""
    tls: bool = False
    """Encrypt, and trust the certificates that gRPC brings; any file below implies it."""
    ca_file: str | Path | None = None
    """PEM with the authorities to trust in place of those."""
    cert_file: str | Path | None = None
    """PEM chain that proves who we are; needs `key_file`."""
    key_file: str | Path | None = None
    timeout_seconds: float | None = DEFAULT_TIMEOUT_SECONDS
    """Deadline of calls that name none; None waits for ever."""
    maximum_message_bytes: int = DEFAULT_MESSAGE_BYTES
    retries: RetryPolicy = field(default_factory=RetryPolicy)

    def __post_init__(self) -> None:
        """Refuses what can't work."""
        if not self.target.strip():
            raise ValueError("target is empty: give the server's address as host:port.")
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file belong together: give both or neither.")
        if self.token is not None and not self.token.isascii():
            raise ValueError("token holds characters that a header can't carry: use ASCII.")

    @property
    def address(self) -> str:
        """The target as gRPC takes it: host names are resolved to all their addresses."""
        return f"dns:///{self.target}" if self._names_a_host() else self.target

    @property
    def options(self) -> Options:
        """Channel options; calls are spread over all servers behind a name."""
        return self._options(_SPREADING)

    @property
    def session_options(self) -> Options:
        """Channel options where all calls have to reach the same server, whichever it is."""
        return self._options(_STICKING)

    def _options(self, balancing: Mapping[str, object]) -> Options:
        common: list[tuple[str, str | int]] = [
            ("grpc.max_send_message_length", self.maximum_message_bytes),
            ("grpc.max_receive_message_length", self.maximum_message_bytes),
            ("grpc.enable_retries", 0),  # our own loop knows RetryInfo
            # gRPC's own waits between tries to connect grow to two minutes, past all of ours.
            ("grpc.initial_reconnect_backoff_ms", 200),
            ("grpc.min_reconnect_backoff_ms", 1_000),
            ("grpc.max_reconnect_backoff_ms", 2_000),
            # A stream may be silent for long, and must notice that the other side is gone.
            ("grpc.keepalive_time_ms", 60_000),
            ("grpc.keepalive_timeout_ms", 20_000),
        ]
        if self._names_a_host():
            config = json.dumps({"loadBalancingConfig": [balancing]})
            common.append(("grpc.service_config", config))
        if _host_of(self.target) == "localhost":
            common.append(("grpc.enable_http_proxy", 0))
        return common

    @property
    def metadata(self) -> Metadata:
        """What every call carries."""
        return () if self.token is None else (("authorization", f"Bearer {self.token}"),)

    def credentials(self) -> grpc.ChannelCredentials | None:
        """TLS credentials, or None for plain text.

        Raises:
            OSError: A certificate's file can't be read.
        """
        files = (self.ca_file, self.cert_file, self.key_file)
        if not self.tls and all(file is None for file in files):
            return None
        ca, cert, key = (None if file is None else Path(file).read_bytes() for file in files)
        return grpc.ssl_channel_credentials(ca, key, cert)

    def timeout(self, timeout_seconds: float | None) -> float | None:
        """The call's own timeout, else the default one."""
        return self.timeout_seconds if timeout_seconds is None else timeout_seconds

    def check_size(self, byte_size: int) -> None:
        """Refuses a message that the server would not take, before it is sent.

        Raises:
            InvalidSpec: It is too large.
        """
        if byte_size > self.maximum_message_bytes:
            text = (
                f"the request has {byte_size} bytes, and a message may have "
                f"{self.maximum_message_bytes}. Send fewer or smaller specs in one call."
            )
            raise InvalidSpec.of([Violation("request", text)])

    def _names_a_host(self) -> bool:
        host = _host_of(self.target)
        return host is not None and not _is_address(host)


def _host_of(target: str) -> str | None:
    """The host in `host:port`; None where the target names its own scheme."""
    if "://" in target or target.startswith(("unix:", "unix-abstract:", "ipv4:", "ipv6:", "dns:")):
        return None
    host, _, port = target.rpartition(":")
    return host.strip("[]") if host and port.isdigit() else target.strip("[]")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
