"""Who may call, and what an address needs before the server starts."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme
from pydantic import SecretStr

from tests.server.calls import failure, verify_request
from tests.server.conftest import Serve, Service
from verifier_service.model import Unauthenticated
from verifier_service.server import CannotListen
from verifier_service.server.listening import check_security, parse_address
from verifier_service.settings import InvalidSettings, Settings
from verifier_service.v1 import verifier_pb2, verifier_pb2_grpc

CAPABILITIES = verifier_pb2.GetCapabilitiesRequest()


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {token}"),)


@pytest.fixture
async def locked(serve: Serve) -> Service:
    return await serve(token=SecretStr("hunter2"))


async def test_the_right_token_is_let_in(locked: Service) -> None:
    assert await locked.stub.GetCapabilities(CAPABILITIES, metadata=bearer("hunter2"))


async def test_the_scheme_may_be_in_any_case(locked: Service) -> None:
    metadata = (("authorization", "bearer hunter2"),)

    assert await locked.stub.GetCapabilities(CAPABILITIES, metadata=metadata)


@pytest.mark.parametrize(
    "metadata",
    [
        pytest.param((), id="missing"),
        pytest.param(bearer("hunter"), id="prefix"),
        pytest.param(bearer("hunter22"), id="longer"),
        pytest.param(bearer(""), id="empty"),
        pytest.param((("authorization", "Basic hunter2"),), id="other-scheme"),
        pytest.param((("authorization", "hunter2"),), id="no-scheme"),
        pytest.param(bearer("no") + bearer("hunter2") + bearer("no"), id="several"),
    ],
)
async def test_anything_else_is_not(locked: Service, metadata: Any) -> None:
    error = await failure(locked.stub.Verify(verify_request("accept"), metadata=metadata))

    assert isinstance(error, Unauthenticated)
    assert "hunter" not in str(error)
    assert locked.executor.began == []


async def test_streams_need_the_token_too(locked: Service) -> None:
    batch = locked.stub.BatchVerify(verifier_pb2.BatchVerifyRequest())

    assert isinstance(await failure(locked.stub.StreamVerify()), Unauthenticated)
    assert isinstance(await failure(batch), Unauthenticated)


async def test_a_large_request_is_not_read_without_the_token(locked: Service) -> None:
    error = await failure(locked.stub.Verify(verify_request("x" * 20 * 1024**2)))

    assert isinstance(error, Unauthenticated)


async def test_reflection_needs_the_token(locked: Service) -> None:
    from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

    stub: Any = reflection_pb2_grpc.ServerReflectionStub(locked.channel)  # type: ignore[arg-type]
    call = stub.ServerReflectionInfo(
        iter([reflection_pb2.ServerReflectionRequest(list_services="")])
    )

    assert isinstance(await failure(call), Unauthenticated)


# Addresses ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "private"),
    [
        ("127.0.0.1:1", True),
        ("127.8.8.8:1", True),
        ("localhost:1", True),
        ("[::1]:1", True),
        ("unix:/run/v.sock", True),
        ("unix:///run/v.sock", True),
        ("0.0.0.0:1", False),
        ("[::]:1", False),
        ("10.0.0.1:1", False),
        ("example.org:1", False),
        ("127.0.0.1.example.org:1", False),
        ("[::ffff:127.0.0.1]:1", False),
    ],
)
def test_only_this_machine_reaches_loopback(text: str, private: bool) -> None:
    assert parse_address(text).private is private


@pytest.mark.parametrize(
    "text",
    ["", "50051", ":50051", "localhost", "a:b", "a:70000", "::1:5", "[::1]", "dns:///a:1", "unix:"],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidSettings, match="address"):
        parse_address(text)


def secured(**settings: Any) -> str:
    chosen = Settings(address="0.0.0.0:0", **settings)
    return check_security(parse_address(chosen.address), chosen)


def test_an_open_address_without_a_lock_is_refused() -> None:
    with pytest.raises(InvalidSettings, match="tls_certificate_file") as refusal:
        secured()

    assert "listen on 127.0.0.1" in str(refusal.value)


def test_a_token_opens_it_with_a_warning() -> None:
    assert "in the clear" in secured(token=SecretStr("hunter2"))


def test_tls_opens_it() -> None:
    assert not secured(tls_certificate_file=Path("c"), tls_key_file=Path("k"))


async def test_a_server_with_an_open_address_does_not_start(serve: Serve) -> None:
    with pytest.raises(InvalidSettings):
        await serve(address="0.0.0.0:0")


async def test_a_taken_port_is_refused(serve: Serve) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotListen, match=f"127.0.0.1:{port}"):
            await serve(address=f"127.0.0.1:{port}")


async def test_a_taken_socket_is_refused(serve: Serve) -> None:
    await serve()

    with pytest.raises(CannotListen, match=r"verifier\.sock"):
        await serve()


async def test_port_0_is_a_free_port(serve: Serve) -> None:
    service = await serve(address="127.0.0.1:0")

    assert int(service.server.address.removeprefix("127.0.0.1:")) > 0
    assert await service.stub.GetCapabilities(CAPABILITIES)


# TLS ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def certificate(authority: trustme.CA, tmp_path: Path) -> dict[str, Any]:
    """Settings of a server that has a certificate."""
    issued = authority.issue_cert("localhost")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    for blob in issued.cert_chain_pems:
        blob.write_to_path(tmp_path / "certificate.pem", append=True)
    return {
        "address": "localhost:0",
        "tls_certificate_file": tmp_path / "certificate.pem",
        "tls_key_file": tmp_path / "key.pem",
    }


async def ask(service: Service, credentials: grpc.ChannelCredentials) -> object:
    async with grpc.aio.secure_channel(service.server.address, credentials) as channel:
        stub = verifier_pb2_grpc.VerifierServiceStub(channel)
        return await stub.GetCapabilities(CAPABILITIES, timeout=5)


async def test_tls(serve: Serve, authority: trustme.CA, certificate: dict[str, Any]) -> None:
    service = await serve(**certificate)

    assert await ask(service, grpc.ssl_channel_credentials(authority.cert_pem.bytes()))


async def test_a_client_without_tls_is_not_let_in(
    serve: Serve, certificate: dict[str, Any]
) -> None:
    service = await serve(**certificate)

    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await service.stub.GetCapabilities(CAPABILITIES, timeout=5)
    assert raised.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_mutual_tls(
    serve: Serve, authority: trustme.CA, certificate: dict[str, Any], tmp_path: Path
) -> None:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    service = await serve(**certificate, tls_client_ca_file=tmp_path / "ca.pem")
    root = authority.cert_pem.bytes()
    own = authority.issue_cert("client@example.org")

    assert await ask(
        service,
        grpc.ssl_channel_credentials(
            root, own.private_key_pem.bytes(), own.cert_chain_pems[0].bytes()
        ),
    )
    with pytest.raises(grpc.aio.AioRpcError):
        await ask(service, grpc.ssl_channel_credentials(root))


@pytest.mark.parametrize("setting", ["tls_certificate_file", "tls_key_file", "tls_client_ca_file"])
@pytest.mark.parametrize("text", [None, "not a PEM file"])
async def test_a_file_that_is_no_pem_is_refused(
    serve: Serve, certificate: dict[str, Any], tmp_path: Path, setting: str, text: str | None
) -> None:
    if text is not None:
        (tmp_path / "broken.pem").write_text(text)

    with pytest.raises(InvalidSettings, match="tls_"):
        await serve(**{**certificate, setting: tmp_path / "broken.pem"})
