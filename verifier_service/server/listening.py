"""Where the server listens, and what it takes to be let in."""

from __future__ import annotations

import ipaddress
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import grpc

from verifier_service.settings import InvalidSettings, Settings

__all__ = ["Address", "CannotListen", "check_security", "parse_address", "server_credentials"]

_FORM: Final = "Write it as `HOST:PORT`, `[IPV6]:PORT` or `unix:PATH`."


class CannotListen(Exception):
    """The address is taken, or not one of this machine's."""


@dataclass(frozen=True, slots=True)
class Address:
    """A place to listen: a host and port, or the path of a unix socket."""

    text: str
    """As grpc takes it."""
    host: str = ""
    port: int = 0
    path: str = ""

    @property
    def private(self) -> bool:
        """Whether only this machine can reach it."""
        if self.path or self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:  # a name, which may resolve to anything
            return False

    def with_port(self, port: int) -> str:
        """The address as it was bound."""
        if self.path:
            return self.text
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{port}"


def parse_address(text: str) -> Address:
    """Reads the setting `address`.

    Raises:
        InvalidSettings: It is no address.
    """
    if text.startswith("unix:"):
        path = text.removeprefix("unix:").removeprefix("//")
        if not path:
            raise InvalidSettings(f"address: {text!r} names no file. {_FORM}")
        return Address(text=f"unix:{path}", path=path)
    host, colon, port = text.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    bracketed = host != bare
    if not colon or not bare or (":" in bare) != bracketed or "/" in bare:
        raise InvalidSettings(f"address: {text!r} is no address. {_FORM}")
    if not (port.isascii() and port.isdigit() and int(port) < 2**16):
        raise InvalidSettings(f"address: {text!r} has no port from 0 to 65535. {_FORM}")
    return Address(text=text, host=bare, port=int(port))


def check_security(address: Address, settings: Settings) -> str:
    """Refuses to serve the world without a lock.

    Returns:
        A warning, or an empty text.

    Raises:
        InvalidSettings: The address can be reached from outside, by anyone.
    """
    has_tls = settings.tls_certificate_file is not None
    has_token = settings.token is not None or settings.token_file is not None
    if address.private or has_tls:
        return ""
    if not has_token:
        raise InvalidSettings(
            f"address: {address.text} can be reached from other machines, and nothing says who "
            "may call. Set tls_certificate_file and tls_key_file, set token or token_file, or "
            "listen on 127.0.0.1."
        )
    return (
        f"The token crosses the network in the clear, as {address.text} can be reached from other "
        "machines. Set tls_certificate_file and tls_key_file."
    )


def server_credentials(settings: Settings) -> grpc.ServerCredentials | None:
    """The server's certificate, and whose clients it lets in; None without TLS.

    Raises:
        InvalidSettings: A file can't be read, or does not hold what it must.
    """
    certificate, key = settings.tls_certificate_file, settings.tls_key_file
    if certificate is None or key is None:
        return None
    chain = _pem("tls_certificate_file", certificate), _pem("tls_key_file", key)
    _check_pair(certificate, key)
    authorities = None
    if (ca := settings.tls_client_ca_file) is not None:
        authorities = _pem("tls_client_ca_file", ca)
        _check_authorities(ca)
    return grpc.ssl_server_credentials(
        [(chain[1], chain[0])],
        root_certificates=authorities,
        require_client_auth=authorities is not None,
    )


def _pem(setting: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidSettings(f"{setting}: {path} can't be read: {error.strerror}.") from error


def _check_pair(certificate: Path, key: Path) -> None:
    """Grpc itself says no more than that it could not bind."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except (ssl.SSLError, ValueError) as error:
        raise InvalidSettings(
            f"tls_certificate_file: {certificate} and {key} are no PEM certificate and its "
            f"unencrypted key ({error}). Set both to files that belong together."
        ) from error


def _check_authorities(ca: Path) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(ca)
    except ssl.SSLError as error:
        raise InvalidSettings(
            f"tls_client_ca_file: {ca} holds no PEM certificate ({error}). Set another file."
        ) from error


def bind(server: grpc.aio.Server, address: Address, settings: Settings) -> str:
    """Binds a server.

    Returns:
        The address with the port that it got.

    Raises:
        CannotListen: The address is taken, or not one of this machine's.
    """
    credentials = server_credentials(settings)
    _refuse_taken_socket(address)
    try:
        if credentials is None:
            port = server.add_insecure_port(address.text)
        else:
            port = server.add_secure_port(address.text, credentials)
    except RuntimeError as error:
        raise _cannot_listen(address) from error
    return address.with_port(port)


def _refuse_taken_socket(address: Address) -> None:
    """Grpc takes a unix socket away from the server that listens on it."""
    if not address.path:
        return
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(address.path)
        except OSError:
            return
    raise _cannot_listen(address)


def _cannot_listen(address: Address) -> CannotListen:
    return CannotListen(
        f"Can't listen on {address.text}: another process does, or the address is not this "
        "machine's. Stop the other process, or set another address."
    )
