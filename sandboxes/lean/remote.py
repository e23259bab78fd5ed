"""Leans behind HTTP: servers of Kimina's kind, and AXLE.

Texts are elaborated there, in the server's own isolation. What it says can make a candidate fail;
that a candidate is right it can't vouch for, since it runs candidates in the process that answers.

Sources: kimina-lean-server, `server/routers/check.py` and `client/kimina_client/models.py` (2.0);
axiom-lean-engine, `axle/client.py` and `docs/tools/check.md` (1.9).
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final, Literal, Protocol, Self

from sandboxes.isolation.interpreter import Interpreter
from sandboxes.isolation.jail import Exit, Isolation, Jail
from sandboxes.isolation.pool import JailPool
from sandboxes.lean.environments import LeanEnvironment, LeanUnavailable
from sandboxes.lean.messages import Message
from sandboxes.lean.plain import by_part, whole_lines
from sandboxes.lean.runtime import Compilation, HeaderFailed, LeanRuntime, Ran
from verifier_service.model import CriterionUnavailable, ExecutorFault, Limits, SandboxLost

__all__ = ["RemoteKind", "RemoteRuntime"]

RemoteKind = Literal["kimina", "axle"]
_MARK: Final = "-- The header ends here.\n"
"""The first line behind the header, whatever the server makes of that."""
_WAITING_SECONDS: Final = 60.0
"""For a queue and the way there, beyond the candidate's own time."""
_RETRIED: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_LOCATED: Final = re.compile(r"-?:?(\d+):(\d+)(?:-(\d+):(\d+))?: (?:\w+: )?(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """What a server said of a text, in lines as `lean --json` has them."""

    lines: tuple[dict[str, Any], ...] = ()
    stopped_for: str | None = None
    """"wall-time" or "memory", where a limit of the server's ended it."""


class _Protocol(Protocol):
    """How one kind of server is spoken to."""

    path: str

    def request(self, text: str, limits: Limits) -> Mapping[str, Any]:
        """What to ask."""
        ...

    def answer(self, said: Mapping[str, Any]) -> _Answer:
        """What was answered. What is malformed raises one of LookupError, TypeError, ValueError."""
        ...


class _Kimina:
    """`POST /api/check`; columns are code points, lines begin behind the header."""

    path = "/api/check"

    def request(self, text: str, limits: Limits) -> Mapping[str, Any]:
        snippet = {"id": "candidate", "code": text}
        return {"snippets": [snippet], "timeout": max(1, round(limits.wall_seconds))}

    def answer(self, said: Mapping[str, Any]) -> _Answer:
        (result,) = said["results"]
        if error := result.get("error"):
            if "timed out" in error:  # it has no other sign
                return _Answer(stopped_for="wall-time")
            raise SandboxLost(f"The Lean server could not check: {error}")
        response = result["response"]
        if "message" in response:
            raise SandboxLost(f"The Lean server's REPL failed: {response['message']}")
        return _Answer(lines=tuple(map(self._line, response.get("messages") or ())))

    def _line(self, message: Mapping[str, Any]) -> dict[str, Any]:
        severity = message["severity"]
        return {
            **message,
            "severity": severity if severity in ("error", "warning") else "information",
            "kind": _kind_of(message["data"]),
        }


class _Axle:
    """`POST /api/v1/check`; messages are texts that begin with their places."""

    path = "/api/v1/check"

    def __init__(self, environment: str) -> None:
        self._environment = environment

    def request(self, text: str, limits: Limits) -> Mapping[str, Any]:
        return {
            "content": text,
            "environment": self._environment,
            "ignore_imports": False,
            "timeout_seconds": limits.wall_seconds,
        }

    def answer(self, said: Mapping[str, Any]) -> _Answer:
        if said.get("error_type") == "LeanTimeout":
            return _Answer(stopped_for="wall-time")
        if said.get("error_type") == "LeanResourceExceeded":
            return _Answer(stopped_for="memory")
        if wrong := said.get("user_error"):
            raise ExecutorFault(f"AXLE does not take what it is asked: {wrong}")
        if wrong := said.get("internal_error") or said.get("error"):
            raise SandboxLost(f"AXLE could not check: {wrong}")
        before = said["content"].partition(_MARK.strip())[0].count("\n")
        named = {"errors": "error", "warnings": "warning", "infos": "information"}
        return _Answer(
            lines=tuple(
                _axle_line(text, severity, before)
                for name, severity in named.items()
                for text in said["lean_messages"][name]
            )
        )


def _axle_line(text: str, severity: str, before: int) -> dict[str, Any]:
    match = _LOCATED.fullmatch(text)
    if match is None:
        return _line(severity, text, (1, 0), None)
    numbers = [int(one) if one else None for one in match.groups()[:4]]
    line, column, end_line, end_column = numbers
    assert line is not None
    assert column is not None
    end = None if end_line is None or end_column is None else (end_line - before, end_column)
    return _line(severity, match[5], (line - before, column), end)


def _line(
    severity: str, text: str, start: tuple[int, int], end: tuple[int, int] | None
) -> dict[str, Any]:
    return {
        "severity": severity,
        "kind": _kind_of(text),
        "data": text,
        "pos": {"line": max(0, start[0]), "column": start[1]},
        "endPos": end and {"line": max(0, end[0]), "column": end[1]},
    }


def _kind_of(text: str) -> str:
    """Lean's name for what a message is about, which these servers leave out."""
    if text.startswith("declaration uses"):
        return "hasSorry"
    if text.startswith("unsolved goals"):
        return "Tactic.unsolvedGoals"
    if "maximum number of heartbeats" in text:
        return "runtime.maxHeartbeats"
    if "maximum recursion depth" in text:
        return "runtime.maxRecDepth"
    return "[anonymous]"


class _NoJails:
    """A backend without jails: what is elsewhere has its own."""

    def __init__(self, name: str) -> None:
        self.isolation = Isolation(backend="remote", enforced=())
        self._name = name

    def open(self, *modules: str) -> Jail:
        del modules
        raise CriterionUnavailable(
            f"{self._name} checks whole texts, and does nothing else. Name another environment."
        )

    def close(self) -> None:
        pass


class RemoteRuntime(LeanRuntime):
    """Has texts elaborated by a server."""

    replays: ClassVar[bool] = False

    def __init__(
        self,
        environment: LeanEnvironment,
        interpreter: Interpreter,
        jails: JailPool,
        *,
        url: str,
        protocol: _Protocol,
        token: str | None,
    ) -> None:
        """Made by `open`."""
        super().__init__(environment, interpreter, jails)
        self._url = url.rstrip("/") + protocol.path
        self._protocol = protocol
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        if token is not None and isinstance(protocol, _Kimina):
            self._headers["X-Auth-Token"] = token
        self._good_headers: set[str] = set()

    @classmethod
    async def open(
        cls, label: str, kind: RemoteKind, url: str, *, version: str, token: str | None = None
    ) -> Self:
        """Asks nothing yet.

        Args:
            label: Its environment is named `lean4-LABEL`.
            kind: How it is spoken to.
            url: Without the path of the interface: `http://lean:8000`.
            version: Of its Lean, as the operator says, such as `4.15.0`; AXLE is asked for it.
            token: Credential, where it wants one.

        Raises:
            LeanUnavailable: The package that speaks HTTP is not installed.
        """
        try:
            import httpx2  # noqa: F401 - to know that it is there
        except ImportError as error:
            raise LeanUnavailable(
                "Servers are spoken to by httpx2. Install it: "
                "`pip install 'neurosymbolic-verifier[lean-remote]'`."
            ) from error
        identity = json.dumps([kind, url, version])
        environment = LeanEnvironment(
            name=f"lean4-{label}",
            version=version,
            commit="",
            library=None,
            binary=None,
            lean_path=(),
            digest=f"sha256:{hashlib.sha256(identity.encode()).hexdigest()}",
            tools=(f"lean@{version}", f"{kind}@{url}"),
        )
        return cls(
            environment,
            await asyncio.to_thread(Interpreter.running),
            JailPool(_NoJails(environment.name)),
            url=url,
            protocol=_Kimina() if kind == "kimina" else _Axle(f"lean-{version}"),
            token=token,
        )

    async def compile(
        self, parts: tuple[str, ...], *, imports: str = "", limits: Limits, module: bool = False
    ) -> Compilation:
        """Elaborates texts; see `LeanRuntime.compile`. A module that is asked for is empty.

        Raises:
            HeaderFailed: The header can't be imported there.
            SandboxLost: The server can't be reached, is busy, or failed.
            ExecutorFault: It refuses what it is asked, or answers something else.
        """
        if imports and imports not in self._good_headers:
            tried = await self._elaborate(("",), imports, limits)
            errors = [one for part in tried.messages for one in part if one.severity == "error"]
            if errors or not tried.finished:
                why = errors[0].text if errors else f"it ended for {tried.ran.trouble}."
                raise HeaderFailed(why)
            self._good_headers.add(imports)
        made = await self._elaborate(parts, imports, limits)
        return replace(made, module=b"" if module and made.claims_success else None)

    async def _elaborate(self, parts: tuple[str, ...], imports: str, limits: Limits) -> Compilation:
        steps = limits.deterministic_steps
        options = f"set_option maxHeartbeats {steps}\n" if steps else ""
        texts = [_MARK + options, *map(whole_lines, parts)]
        began = time.monotonic()
        said = await self._asked(whole_lines(imports) + "".join(texts), limits)
        try:
            answer = self._protocol.answer(said)
            for line in answer.lines:
                Message.read(line)
        except (LookupError, TypeError, ValueError) as error:
            raise ExecutorFault(
                f"{self._url} answered what can't be understood: {error!r}"
            ) from error
        ran = Ran(
            lines=answer.lines,
            complete=True,
            file=b"",
            words="",
            ended=Exit(code=0, wall_seconds=time.monotonic() - began),
            stopped_for=answer.stopped_for,
        )
        finished = answer.stopped_for is None
        return Compilation(
            messages=by_part(answer.lines, texts),
            reached=tuple(len(part.encode()) if finished else 0 for part in parts),
            finished=finished,
            module=None,
            ran=ran,
        )

    async def _asked(self, text: str, limits: Limits) -> Mapping[str, Any]:
        import httpx2

        timeout = limits.wall_seconds + _WAITING_SECONDS
        try:
            async with httpx2.AsyncClient(timeout=timeout, headers=self._headers) as client:
                answered = await client.post(self._url, json=self._protocol.request(text, limits))
        except httpx2.HTTPError as error:
            raise SandboxLost(f"{self._url} can't be reached: {error!r}.") from error
        if answered.status_code in _RETRIED:
            raise SandboxLost(f"{self._url} answered {answered.status_code}: it is busy or failed.")
        with contextlib.suppress(ValueError):
            said = answered.json()
            if answered.is_success and isinstance(said, dict):
                return said
        raise ExecutorFault(f"{self._url} answered {answered.status_code}: {answered.text[:500]!r}")
