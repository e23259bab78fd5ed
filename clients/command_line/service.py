"""Which service a command speaks to: a server, or one in its own process."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from clients import AsyncVerifier
from clients.command_line.batch_run import AnyVerifier
from clients.command_line.exit_codes import InvalidInput

if TYPE_CHECKING:
    from verifier_service.settings import LoadedSettings, Settings

__all__ = ["Interrupted", "Service", "Terminated", "run_async"]

_T = TypeVar("_T")


class Interrupted(Exception):
    """Ctrl-C came. Not KeyboardInterrupt, which typer would take for its own."""


class Terminated(Exception):
    """SIGTERM came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A server's address and credentials, or the settings of a service in this process."""

    server: str | None = None
    token: str | None = None
    token_file: Path | None = None
    tls: bool = False
    ca_file: Path | None = None
    config: Path | None = None

    @contextlib.asynccontextmanager
    async def open(self, *criteria: str, judges: bool = True) -> AsyncIterator[AnyVerifier]:
        """Opens the service, and ends it, and all that it runs, with the block.

        Args:
            criteria: Kinds of problem that will be asked about; all if none is named.
            judges: False for commands that only look at what is kept, and need no sandbox.
        """
        if self.server is not None:
            async with self._client(self.server) as client:
                yield client
            return
        self._refuse_server_options()
        from clients.local import LocalVerifier
        from verifier_service.application import application

        settings = self.settings().settings
        _log_to_standard_error(settings)
        async with application(settings, None if judges else (), criteria or None) as parts:
            yield LocalVerifier(parts.engine, steps=parts.steps)

    def settings(self) -> LoadedSettings:
        """Settings of the service in this process.

        Raises:
            InvalidSettings: They can't work.
        """
        from verifier_service.settings import load_settings  # what a client has no need of

        return load_settings(self.config)

    def _client(self, server: str) -> AsyncVerifier:
        try:
            return AsyncVerifier(
                server, token=self._bearer_token(), tls=self.tls, ca_file=self.ca_file
            )
        except (ValueError, OSError) as error:
            raise InvalidInput(f"The server can't be reached so: {error}") from error

    def _bearer_token(self) -> str | None:
        if self.token_file is None:
            return self.token
        if self.token is not None:
            raise InvalidInput("Give --token or --token-file, not both.")
        try:
            return self.token_file.read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInput(f"The token file can't be read: {error}") from error

    def _refuse_server_options(self) -> None:
        if self.token is not None or self.token_file or self.tls or self.ca_file:
            raise InvalidInput(
                "--token, --token-file, --tls and --ca-file need --server HOST:PORT."
            )


def run_async(work: Coroutine[object, object, _T]) -> _T:
    """Runs a command's work; Ctrl-C and SIGTERM cancel it, so that it leaves nothing running.

    Raises:
        Interrupted: Ctrl-C ended it.
        Terminated: SIGTERM ended it.
    """
    try:
        return asyncio.run(_terminable(work))
    except KeyboardInterrupt:
        raise Interrupted from None


async def _terminable(work: Coroutine[object, object, _T]) -> _T:
    loop, task = asyncio.get_running_loop(), asyncio.ensure_future(work)
    terminated = False

    def terminate() -> None:
        nonlocal terminated
        terminated = True
        task.cancel()

    loop.add_signal_handler(signal.SIGTERM, terminate)
    try:
        return await task
    except asyncio.CancelledError:
        if terminated:
            raise Terminated from None
        raise
    finally:
        loop.remove_signal_handler(signal.SIGTERM)


def _log_to_standard_error(settings: Settings) -> None:
    from verifier_service.server import configure_logging

    quiet = "warning" if settings.log_level == "info" else settings.log_level
    configure_logging(settings.log_format, quiet)
