"""Connections, retries and specs, without a channel."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients import (
    Connection,
    RetryPolicy,
    encode_value,
    logic,
    python_calls,
    python_stdio,
    python_tests,
)
from clients.faults import error_of
from verifier_service import wire
from verifier_service.model import (
    CallCase,
    CallCases,
    CreditExceeded,
    Entailment,
    ExecutorFault,
    InvalidSpec,
    PythonTests,
    QueueFull,
    SandboxLost,
    ServerUnreachable,
    ServiceError,
    ShuttingDown,
    Unauthenticated,
)


@pytest.mark.parametrize(
    ("target", "address"),
    [
        ("verifier.example:443", "dns:///verifier.example:443"),
        ("localhost:50051", "dns:///localhost:50051"),
        ("127.0.0.1:50051", "127.0.0.1:50051"),
        ("[::1]:50051", "[::1]:50051"),
        ("unix:/run/verifier.sock", "unix:/run/verifier.sock"),
        ("dns:///verifier:1", "dns:///verifier:1"),
    ],
)
def test_host_names_are_resolved_to_all_their_addresses(target: str, address: str) -> None:
    connection = Connection(target=target)
    balanced = any(name == "grpc.service_config" for name, _ in connection.options)

    assert connection.address == address
    assert balanced == (address != target)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"target": " "}, "host:port"),
        ({"target": "a:1", "cert_file": "c.pem"}, "key_file"),
        ({"target": "a:1", "token": "naïve"}, "ASCII"),
    ],
)
def test_connections_that_cannot_work_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Connection(**arguments)


@pytest.mark.parametrize("error", [SandboxLost("."), ShuttingDown("."), ServerUnreachable(".")])
def test_trouble_that_may_pass_is_tried_again_a_few_times(error: ServiceError) -> None:
    attempts = RetryPolicy(maximum_attempts=3).attempts(None)
    delays = [attempts.delay_after(error) for _ in range(3)]

    assert [delay is None for delay in delays] == [False, False, True]


def test_a_server_that_was_there_is_given_time_to_start_again() -> None:
    attempts = RetryPolicy(maximum_attempts=1 + 1, reconnect_attempts=6).attempts(None)
    attempts.succeeded()
    delays = [attempts.delay_after(ServerUnreachable(".")) for _ in range(6)]

    assert [delay is None for delay in delays] == [False] * 5 + [True]


@pytest.mark.parametrize(
    "error", [InvalidSpec("."), CreditExceeded("."), ExecutorFault("."), Unauthenticated(".")]
)
def test_nothing_else_is_tried_again(error: ServiceError) -> None:
    assert RetryPolicy().attempts(None).delay_after(error) is None


@given(st.floats(0.0, 1000.0))
def test_no_retry_comes_before_the_server_asked_for_it(seconds: float) -> None:
    error = QueueFull(".", retry_after_seconds=seconds)
    delay = RetryPolicy().attempts(None).delay_after(error)

    assert delay is not None
    assert seconds <= delay <= 1.25 * max(seconds, 0.001)


def test_no_retry_would_outlive_the_deadline() -> None:
    attempts = RetryPolicy(initial_seconds=10.0, maximum_seconds=10.0).attempts(1.0)

    assert attempts.delay_after(SandboxLost(".")) is None


class BareFailure(grpc.RpcError):
    """A status as gRPC itself, or a proxy, makes one: without details."""

    def __init__(self, code: grpc.StatusCode) -> None:
        self._code = code

    def code(self) -> grpc.StatusCode:
        return self._code

    def details(self) -> str:
        return "words"

    def trailing_metadata(self) -> Any:
        return (("grpc-status-details-bin", b"\xff\xff not a status"),)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.UNAVAILABLE, ServerUnreachable),
        (grpc.StatusCode.UNAUTHENTICATED, Unauthenticated),
        (grpc.StatusCode.PERMISSION_DENIED, Unauthenticated),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, QueueFull),
        (grpc.StatusCode.UNKNOWN, ExecutorFault),
        (grpc.StatusCode.INTERNAL, ServerUnreachable),
        (grpc.StatusCode.DATA_LOSS, ExecutorFault),
    ],
)
def test_a_status_without_details_is_read_by_its_code(
    code: grpc.StatusCode, kind: type[ServiceError]
) -> None:
    assert type(error_of(BareFailure(code), "here:1")) is kind


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([1, 2.5, None, True, "ü"], '[1, 2.5, null, true, "ü"]'),
        ((1, (2,)), '{"$tuple": [1, {"$tuple": [2]}]}'),
        ({1}, '{"$set": [1]}'),
        (frozenset({"a"}), '{"$frozenset": ["a"]}'),
        ({"a": (1,)}, '{"a": {"$tuple": [1]}}'),
        ({1: "a"}, '{"$dict": [[1, "a"]]}'),
        ({"$tuple": 1}, '{"$dict": [["$tuple", 1]]}'),
        (float("nan"), '{"$float": "nan"}'),
        (float("-inf"), '{"$float": "-inf"}'),
        (1 + 2j, '{"$complex": [1.0, 2.0]}'),
        (b"\x00", '{"$bytes": "AA=="}'),
    ],
)
def test_values_become_the_json_of_the_contract(value: object, text: str) -> None:
    assert encode_value(value) == text


@pytest.mark.parametrize("value", [object(), [range(3)], {"a": lambda: 0}, True.__class__])
def test_what_cannot_be_compared_cannot_be_sent(value: object) -> None:
    with pytest.raises(TypeError, match="test code"):
        encode_value(value)


def test_calls_take_positional_and_named_arguments() -> None:
    spec = python_calls("def f(a, b): ...", "f", [((1, 2), 3), ({"a": 1, "b": (2,)}, [3])])
    form = spec.problem.criterion.form if isinstance(spec.problem.criterion, PythonTests) else None

    assert isinstance(form, CallCases)
    assert form.cases == (
        CallCase(arguments_json="[1, 2]", expected_json="3"),
        CallCase(arguments_json='{"a": 1, "b": {"$tuple": [2]}}', expected_json="[3]"),
    )
    assert json.loads(form.cases[1].arguments_json)["b"] == {"$tuple": [2]}


def test_text_is_not_mistaken_for_a_list_of_arguments() -> None:
    with pytest.raises(TypeError, match="sequence"):
        python_calls("", "f", [("abc", 1)])


@pytest.mark.parametrize(
    "spec",
    [
        python_tests("x = 1", tests="assert x", preamble="import re\n", problem_id="p"),
        python_calls("x", "f", [([1], 2)], tolerance=0.5, keep_going=True),
        python_stdio("print(input())", [("a\n", "a\n")], candidate_id="c"),
        logic("Q(a)", premises=["P(a)"], expected=Entailment.INDEPENDENT, problem_id="p"),
        logic(conclusion="P(a)", reference="P(b)", syntax="fol"),
    ],
    ids=["tests", "calls", "stdio", "logic", "logic-reference"],
)
def test_specs_in_one_line_survive_the_wire(spec: Any) -> None:
    assert wire.spec_from_proto(wire.spec_to_proto(spec)) == spec


IMPORT_CLIENTS = """
import sys
import importlib.abc

ALLOWED = {"clients", "verifier_service", "grpc", "google", "typing_extensions", "_cython"}
SERVER_PARTS = ("verifier_service.engine", "verifier_service.server", "verifier_service.settings",
                "verifier_service.application", "verifier_service.store", "clients.local",
                "clients.command_line")

class Blocked(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top in ALLOWED and not name.startswith((*SERVER_PARTS, "google.rpc")):
            return None
        if top in sys.stdlib_module_names:
            return None
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocked())
import clients
clients.Verifier("127.0.0.1:1").close()
clients.AsyncVerifier("127.0.0.1:1")
"""


def test_the_client_needs_grpcio_and_protobuf_only() -> None:
    subprocess.run([sys.executable, "-W", "error", "-c", IMPORT_CLIENTS], check=True, timeout=60)
