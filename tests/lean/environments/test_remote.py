"""Servers of others, played by a real Lean behind what their interfaces are documented to say."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from sandboxes.lean import launcher
from sandboxes.lean.environments import LeanEnvironment
from sandboxes.lean.executor import LeanExecutor
from sandboxes.lean.messages import Position
from sandboxes.lean.remote import RemoteKind, RemoteRuntime
from sandboxes.lean.runtime import HeaderFailed
from tests.lean.conftest import LIMITS
from verifier_service.model import (
    Candidate,
    CriterionUnavailable,
    ExecutorFault,
    LeanTheorem,
    Outcome,
    Problem,
    SandboxLost,
    VerificationSpec,
)

GOOD = "theorem goal (p q : Prop) (hp : p) (hq : q) : p ∧ q := ⟨hp, hq⟩\n"
KINDS: tuple[RemoteKind, ...] = ("kimina", "axle")


@dataclass
class Server:
    """One that answers as it is told."""

    url: str
    lean: Callable[[str], list[dict[str, Any]]]
    asked: list[tuple[str, dict[str, str], dict[str, Any]]] = field(default_factory=list)
    canned: tuple[int, Any] | None = None
    """Instead of what its Lean says: a status, and a body."""

    def answer(self, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        if self.canned is not None:
            return self.canned
        if path == "/api/check":
            return 200, {"results": [self._kimina(one["code"]) for one in body["snippets"]]}
        assert path == "/api/v1/check"
        return 200, self._axle(body["content"])

    def _kimina(self, code: str) -> dict[str, Any]:
        """Its header goes to the REPL by itself, and lines count from behind it."""
        lines = code.splitlines()
        count = 0
        while count < len(lines) and (
            not lines[count].strip() or lines[count].startswith("import ")
        ):
            count += 1
        messages = []
        for one in self.lean("\n".join(lines[:count]) + "\n" + "\n".join(lines[count:])):
            for place in filter(None, (one["pos"], one["endPos"])):
                place["line"] = max(1, place["line"] - count)
            severity = {"information": "info"}.get(one["severity"], one["severity"])
            kept = {key: one[key] for key in ("pos", "endPos", "data")}
            messages.append({"severity": severity, **kept})
        return {"id": "candidate", "time": 0.1, "response": {"env": 1, "messages": messages}}

    def _axle(self, content: str) -> dict[str, Any]:
        said: dict[str, list[str]] = {"errors": [], "warnings": [], "infos": []}
        names = {"error": "errors", "warning": "warnings", "information": "infos"}
        for one in self.lean(content):
            start, end = one["pos"], one["endPos"]
            place = f"-:{start['line']}:{start['column']}"
            place += f"-{end['line']}:{end['column']}" if end else ""
            said[names[one["severity"]]].append(f"{place}: {one['data']}")
        return {
            "okay": not said["errors"],
            "content": content,
            "lean_messages": said,
            "tool_messages": {"errors": [], "warnings": [], "infos": []},
            "failed_declarations": [],
            "timings": {},
        }


@pytest.fixture
def server(core: LeanEnvironment, tmp_path: Path) -> Iterator[Server]:
    def lean(text: str) -> list[dict[str, Any]]:
        source = tmp_path / "snippet.lean"
        source.write_text(text)
        ran = subprocess.run(
            [sys.executable, "-I", "-S", launcher.__file__, str(core.library), "--json", source],
            capture_output=True,
            env={"LEAN_PATH": str(core.lean_path[0])},
        )
        return [json.loads(line) for line in ran.stdout.splitlines()]

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            made.asked.append((self.path, dict(self.headers), body))
            status, answer = made.answer(self.path, body)
            data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made = Server(f"http://127.0.0.1:{http.server_port}/", lean)
    thread = threading.Thread(target=http.serve_forever)
    thread.start()
    yield made
    http.shutdown()
    http.server_close()
    thread.join()


async def remote(server: Server, kind: RemoteKind, token: str | None = None) -> RemoteRuntime:
    return await RemoteRuntime.open("there", kind, server.url, version="4.35.0", token=token)


@pytest.mark.parametrize("kind", KINDS)
async def test_places_and_severities_are_those_of_the_part(
    server: Server, kind: RemoteKind
) -> None:
    runtime = await remote(server, kind)
    parts = ("def two : Nat := 2\n", "\ntheorem goal : two = 3 := by\n  decide\n#check two")
    made = await runtime.compile(parts, imports="import Init\n\n", limits=LIMITS)

    error, information = made.messages[1]
    assert made.messages[0] == ()
    assert (error.severity, error.start) == ("error", Position(3, 2))
    assert (information.severity, information.text) == ("information", "two : Nat")
    assert information.start == Position(4, 0)
    assert made.finished
    assert not made.claims_success


@pytest.mark.parametrize("kind", KINDS)
async def test_holes_have_their_kind(server: Server, kind: RemoteKind) -> None:
    made = await (await remote(server, kind)).compile(
        ("theorem goal : 1 = 2 := by sorry\n",), limits=LIMITS
    )

    assert [one.kind for one in made.messages[0]] == ["hasSorry"]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_header_that_can_t_be_imported_says_why(server: Server, kind: RemoteKind) -> None:
    with pytest.raises(HeaderFailed, match="Missing"):
        await (await remote(server, kind)).compile(
            (GOOD,), imports="import Missing\n", limits=LIMITS
        )


@pytest.mark.parametrize("kind", KINDS)
async def test_a_wrong_proof_is_rejected_and_a_right_one_is_not_accepted(
    server: Server, kind: RemoteKind
) -> None:
    executor = LeanExecutor([await remote(server, kind)])
    theorem = LeanTheorem(name="goal", statement="(n : Nat) : n + 0 = n")

    async def outcome(proof: str) -> tuple[Outcome, str]:
        spec = VerificationSpec(
            problem=Problem(criterion=theorem), candidate=Candidate(source=proof)
        )
        verdict = await executor.verify(
            spec, environment=executor.environments[0], limits=LIMITS, progress=lambda _: None
        )
        return verdict.outcome, verdict.reason

    assert await outcome("Nat.add_zero n") == (Outcome.INCONCLUSIVE, "not-replayed")
    assert (await outcome("Nat.zero_add n"))[0] is Outcome.REJECTED
    assert executor.environments[0].sandbox == "remote"


@pytest.mark.parametrize(
    ("kind", "answer", "ending"),
    [
        pytest.param(
            "kimina",
            {"results": [{"id": "x", "error": "Lean REPL command timed out in 5 seconds"}]},
            "wall-time",
            id="kimina",
        ),
        pytest.param("axle", {"error": "…", "error_type": "LeanTimeout"}, "wall-time", id="axle"),
        pytest.param(
            "axle", {"error": "…", "error_type": "LeanResourceExceeded"}, "memory", id="memory"
        ),
    ],
)
async def test_limits_of_the_server_are_told(
    server: Server, kind: RemoteKind, answer: Any, ending: str
) -> None:
    server.canned = (200, answer)
    made = await (await remote(server, kind)).compile((GOOD,), limits=LIMITS)

    assert made.ran.trouble == ending
    assert not made.claims_success


@pytest.mark.parametrize(
    ("kind", "status", "answer", "error"),
    [
        pytest.param("kimina", 429, {"detail": "No available REPLs"}, SandboxLost, id="busy"),
        pytest.param("kimina", 500, b"oops", SandboxLost, id="failed"),
        pytest.param("kimina", 401, {"detail": "Missing API key"}, ExecutorFault, id="no-token"),
        pytest.param("kimina", 200, b"<html>", ExecutorFault, id="no-json"),
        pytest.param("kimina", 200, {"results": []}, ExecutorFault, id="no-result"),
        pytest.param("kimina", 200, {"results": [{}]}, ExecutorFault, id="empty-result"),
        pytest.param(
            "kimina",
            200,
            {"results": [{"response": {"messages": [{"severity": "error", "data": "x"}]}}]},
            ExecutorFault,
            id="no-place",
        ),
        pytest.param(
            "kimina",
            200,
            {"results": [{"response": {"message": "Unknown environment."}}]},
            SandboxLost,
            id="repl-error",
        ),
        pytest.param("axle", 200, {"user_error": "no such environment"}, ExecutorFault, id="user"),
        pytest.param("axle", 200, {"internal_error": "bug"}, SandboxLost, id="internal"),
        pytest.param("axle", 200, {"error": "queue"}, SandboxLost, id="error"),
        pytest.param("axle", 200, {"okay": True}, ExecutorFault, id="no-messages"),
    ],
)
async def test_trouble_of_the_server_is_no_verdict(
    server: Server, kind: RemoteKind, status: int, answer: Any, error: type[Exception]
) -> None:
    server.canned = (status, answer)

    with pytest.raises(error):
        await (await remote(server, kind)).compile((GOOD,), limits=LIMITS)


async def test_a_server_that_is_not_there_is_no_verdict() -> None:
    runtime = await RemoteRuntime.open("x", "kimina", "http://127.0.0.1:9", version="4.15.0")

    with pytest.raises(SandboxLost, match="can't be reached"):
        await runtime.compile((GOOD,), limits=LIMITS)


async def test_it_is_asked_as_its_interface_says(server: Server) -> None:
    for kind in KINDS:
        await (await remote(server, kind, token="secret")).compile((GOOD,), limits=LIMITS)

    (kimina, kimina_headers, kimina_body), (axle, axle_headers, axle_body) = server.asked
    assert (kimina, axle) == ("/api/check", "/api/v1/check")
    assert kimina_headers["X-Auth-Token"] == "secret"
    assert axle_headers["Authorization"] == "Bearer secret"
    assert (kimina_body["timeout"], axle_body["timeout_seconds"]) == (60, 60)
    assert (axle_body["environment"], axle_body["ignore_imports"]) == ("lean-4.35.0", False)


async def test_what_needs_more_than_texts_is_refused(server: Server) -> None:
    runtime = await remote(server, "kimina")

    with pytest.raises(CriterionUnavailable, match="lean4-there checks whole texts"):
        async with runtime.jails.lease("any"):
            pass
