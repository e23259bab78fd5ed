"""What an operator sets: one TOML file, environment variables on top, explicit overrides on top.

Nothing here is global: `load_settings` reads the sources once, and the result is passed on.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from pydantic_settings.exceptions import SettingsError

from verifier_service.model import MINIMUM_ISOLATION, Limits

__all__ = [
    "CONFIG_VARIABLE",
    "InvalidSettings",
    "LimitSettings",
    "LoadedSettings",
    "RemoteLeanSettings",
    "Settings",
    "default_store_path",
    "load_settings",
    "setting_paths",
    "usable_cpus",
]

CONFIG_VARIABLE: Final = "VERIFIER_CONFIG"
_PREFIX: Final = "VERIFIER_"
_KIB: Final = 1024
_GIB: Final = 1024**3
_INT32_MAX: Final = 2**31 - 1
_INT64_MAX: Final = 2**63 - 1
_LIKE_A_SETTING: Final = 0.85
"""Similarity from which on an unknown environment variable counts as a slip of the pen."""

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Bytes = Annotated[int, Field(gt=0, le=_INT64_MAX)]
Count = Annotated[int, Field(ge=1, le=_INT32_MAX)]
EnvironmentLabel = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$")]


class InvalidSettings(Exception):
    """The settings can't work; each line of the message names a setting and the way out."""


class LimitSettings(BaseModel):
    """Limits on a candidate."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    wall_seconds: Seconds
    """Wall clock of one run."""
    cpu_seconds: Seconds
    """CPU of all its processes together."""
    memory_bytes: Bytes
    """Memory of all its processes together."""
    max_processes: Count
    """Processes and threads."""
    max_output_bytes: Bytes
    """Output kept per stream."""
    deterministic_steps: Annotated[int, Field(ge=0, le=_INT64_MAX)]
    """Solver rlimit or Lean heartbeats; 0 leaves it to what judges."""

    def limits(self) -> Limits:
        """The same as plain data."""
        return Limits(**self.model_dump())


class DefaultLimitSettings(LimitSettings):
    """Used where a request leaves a limit out."""

    wall_seconds: Seconds = 20.0
    cpu_seconds: Seconds = 10.0
    memory_bytes: Bytes = _GIB
    max_processes: Count = 32
    max_output_bytes: Bytes = 64 * _KIB
    deterministic_steps: Annotated[int, Field(ge=0, le=_INT64_MAX)] = 0


class MaximumLimitSettings(LimitSettings):
    """Requests over these are refused."""

    wall_seconds: Seconds = 600.0
    cpu_seconds: Seconds = 300.0
    memory_bytes: Bytes = 16 * _GIB
    max_processes: Count = 256
    max_output_bytes: Bytes = 16 * _KIB**2
    deterministic_steps: Annotated[int, Field(ge=0, le=_INT64_MAX)] = 10**12


def default_store_path() -> Path:
    """Where verdicts are kept: under the XDG data directory of the user."""
    home = os.environ.get("XDG_DATA_HOME", "")
    base = Path(home) if home.startswith("/") else Path.home() / ".local" / "share"
    return base / "verifier" / "verdicts.sqlite3"


def usable_cpus(cgroup: Path = Path("/sys/fs/cgroup/cpu.max")) -> int:
    """CPUs that this process may use: its affinity, or its container's quota if that is less."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(allowed or 1, _quota(cgroup) or _INT32_MAX))


def _quota(cgroup: Path) -> int | None:
    try:
        quota, period = cgroup.read_text().split()
        return max(1, int(quota) // int(period))
    except (OSError, ValueError):  # no cgroup v2, or "max": no quota
        return None


class RemoteLeanSettings(BaseModel):
    """A server that elaborates Lean elsewhere."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["kimina", "axle"]
    """How it is spoken to."""
    url: Annotated[str, Field(pattern=r"^https?://[^/\s]+/?$")]
    """Without the path of its interface: `http://lean:8000`."""
    version: Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+(-rc\d+)?$")]
    """Of its Lean."""
    token_file: Path | None = None
    """File with its credential, where it wants one."""

    def token(self) -> str | None:
        """Its credential.

        Raises:
            InvalidSettings: The file can't be read, or holds none.
        """
        return None if self.token_file is None else _token_in(self.token_file.expanduser())


class Settings(BaseSettings):
    """All settings. Built directly, it reads nothing but its arguments."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX,
        env_nested_delimiter="__",
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    address: str = "127.0.0.1:50051"
    """Where to listen: `HOST:PORT` (port 0 picks a free one) or `unix:PATH`. Anything but loopback
    or a unix socket needs TLS or a token."""
    tls_certificate_file: Path | None = None
    """PEM file with the server's certificate chain."""
    tls_key_file: Path | None = None
    """PEM file with its private key."""
    tls_client_ca_file: Path | None = None
    """PEM file with the authorities whose clients are let in; requires client certificates."""
    token: SecretStr | None = None
    """Bearer token that every call must carry, but health checks."""
    token_file: Path | None = None
    """File that holds the token, instead of `token`."""
    reflection: bool = True
    """Whether tools may ask the server for its contract."""

    store_path: Path = Field(default_factory=default_store_path)
    """SQLite file of verdicts and verifications."""
    keep_verifications: Annotated[int, Field(ge=0)] = 1_000_000
    """Finished verifications, and verdicts, that stay in the store."""

    calibrations: Path | None = None
    """File of `verifier estimate calibrate`: how often acceptances were found to be wrong, for the
    verdicts that it fits. Read when the service starts."""

    slots: Count = Field(default_factory=usable_cpus)
    """Verifications that run at the same time; by default, the CPUs that may be used."""
    max_queued: Annotated[int, Field(ge=0, le=_INT32_MAX)] = 1024
    """Calls that may wait for a slot before more are refused."""
    max_concurrent_calls: Count = 1000
    """Calls, of any kind, that may be open at a time."""
    max_call_seconds: Seconds = 1800.0
    """Longest that one unary call may take, its time in the queue included."""
    drain_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 30.0
    """How long a stopping server waits for what is running."""
    stream_credit: Annotated[int, Field(ge=1, le=65536)] = 256
    """Candidates that one stream may have in flight."""
    maximum_step_sessions: Count = 8
    """Step sessions of Lean that may be open at a time; each keeps a process of Lean's."""
    step_idle_seconds: Seconds = 300.0
    """A step session is closed after this long without a call."""
    maximum_batch_size: Count = 1000
    """Specs in one batch."""
    maximum_candidate_bytes: Annotated[int, Field(ge=1, le=16 * _KIB**2)] = 1024 * _KIB
    """Bytes of one candidate."""

    sandbox: Literal["bubblewrap", "docker", "gvisor"] = "bubblewrap"
    """What keeps candidates in: namespaces made by bubblewrap, Docker containers, or Docker
    containers with gVisor's kernel (docs/docker.md)."""
    minimum_isolation: tuple[str, ...] = MINIMUM_ISOLATION
    """What the sandbox has to enforce, by the names of docs/threat-model.md; where it does not, the
    service does not start."""
    docker_images: dict[EnvironmentLabel, str] = {}
    """For containers: the image of each environment, by the name in `python_environments`, `logic`,
    or `python` for the plain one."""
    cgroup: str | None = None
    """Control group below which those of candidates are made, `/verifier` for example; by default
    the service's own."""
    python_environments: dict[EnvironmentLabel, tuple[str, ...]] = {}
    """Environments with packages: a name that is put behind `python3.11-`, and the packages that
    candidates and tests may import there, such as `numpy>=2`. They have to be installed beside the
    service; what they depend on comes along."""

    lean_environments: dict[EnvironmentLabel, Path] = {}
    """Leans beside `lean4-core`: a name that is put behind `lean4-`, and a lake project, a
    toolchain's folder, or an executable `lean`."""
    lean_discovery: bool = True
    """Whether to offer the Leans that are found on this machine as well."""
    lean_remotes: dict[EnvironmentLabel, RemoteLeanSettings] = {}
    """Servers that elaborate Lean elsewhere: a name that is put behind `lean4-`, and where."""
    lean_cache: Path | None = None
    """Folder for the compiled library of `lean4-core`; by default `verifier/lean` in the user's
    cache directory."""

    default_limits: DefaultLimitSettings = DefaultLimitSettings()
    """Used where a request leaves a limit out."""
    maximum_limits: MaximumLimitSettings = MaximumLimitSettings()
    """Requests over these are refused."""

    log_format: Literal["auto", "json", "console"] = "auto"
    """`auto` writes JSON unless the log goes to a terminal."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least that is logged; `debug` logs every candidate of a stream, never its text."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Takes arguments alone: `load_settings` reads the other sources, once."""
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)

    @field_validator("store_path", "token_file", "calibrations", "lean_cache", mode="after")
    @classmethod
    def _expand(cls, path: Path | None) -> Path | None:
        return None if path is None else path.expanduser()

    @field_validator("token")
    @classmethod
    def _check_token(cls, token: SecretStr | None) -> SecretStr | None:
        if token is not None:
            _checked_token(token.get_secret_value())
        return token

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if self.token is not None and self.token_file is not None:
            raise ValueError("Both token and token_file are set. Keep one of them.")
        if (self.tls_certificate_file is None) != (self.tls_key_file is None):
            raise ValueError("TLS needs tls_certificate_file and tls_key_file. Set both.")
        if self.tls_client_ca_file is not None and self.tls_certificate_file is None:
            raise ValueError(
                "tls_client_ca_file is set without a certificate for the server. Set "
                "tls_certificate_file and tls_key_file too."
            )
        for name, default in self.default_limits.model_dump().items():
            if default > (most := getattr(self.maximum_limits, name)):
                raise ValueError(
                    f"default_limits.{name} ({default}) is above maximum_limits.{name} ({most}). "
                    "Lower the one or raise the other."
                )
        return self

    def bearer_token(self) -> str | None:
        """The token that calls must carry, read from its file if need be.

        Raises:
            InvalidSettings: The file can't be read, or holds no token.
        """
        if self.token is not None:
            return self.token.get_secret_value()
        return None if self.token_file is None else _token_in(self.token_file)


def _token_in(file: Path) -> str:
    try:
        return _checked_token(file.read_text().strip())
    except (OSError, ValueError) as error:
        raise InvalidSettings(f"token_file: {file} can't be used: {_reason(error)}") from error


def _checked_token(token: str) -> str:
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise ValueError("A token is one or more printable ASCII characters without spaces.")
    return token


def _reason(error: Exception) -> str:
    return (error.strerror or str(error)) + "." if isinstance(error, OSError) else str(error)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedSettings:
    """Settings, and where each came from."""

    settings: Settings
    origins: Mapping[str, str]
    """By path, `default_limits.wall_seconds`: "default", a file's path, an environment variable's
    name, or "command line"."""


def load_settings(
    config: Path | None = None, overrides: Mapping[str, Any] | None = None
) -> LoadedSettings:
    """Reads all sources; the later of these wins: defaults, file, environment, overrides.

    Args:
        config: TOML file; without it, the one that `VERIFIER_CONFIG` names, if any.
        overrides: By path, such as `address` or `default_limits.wall_seconds`. None is no value.

    Raises:
        InvalidSettings: A source can't be read, holds an unknown key, or a value that can't work.
    """
    if config is None and (named := os.environ.get(CONFIG_VARIABLE)):
        config = Path(named)
    layers = [
        _file_layer(config),
        _environment_layer(),
        {path: (value, "command line") for path, value in (overrides or {}).items()},
    ]
    chosen: dict[str, tuple[Any, str]] = {}
    for layer in layers:
        chosen |= {path: pair for path, pair in layer.items() if pair[0] is not None}
    origins = dict.fromkeys(setting_paths(), "default")
    origins |= {path: origin for path, (_, origin) in chosen.items()}
    try:
        settings = Settings(**_nested({path: value for path, (value, _) in chosen.items()}))
    except ValidationError as error:
        raise InvalidSettings(_explain(error, origins)) from None
    return LoadedSettings(settings=settings, origins=origins)


def setting_paths() -> list[str]:
    """The path of every setting: `address`, `default_limits.wall_seconds`."""
    return list(_paths(Settings, ""))


def _paths(model: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, LimitSettings):
            yield from _paths(kind, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def _file_layer(config: Path | None) -> dict[str, tuple[Any, str]]:
    if config is None:
        return {}
    try:
        values = tomllib.loads(config.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidSettings(f"The file {config} can't be read: {_reason(error)}") from error
    return {path: (value, str(config)) for path, value in _flat(values)}


def _environment_layer() -> dict[str, tuple[Any, str]]:
    _refuse_misspelt_variables()
    try:
        values = EnvSettingsSource(Settings)()
    except SettingsError as error:
        raise InvalidSettings(f"The environment can't be read: {error}.") from error
    return {path: (value, _variable_in_use(path)) for path, value in _flat(values)}


def _variable(path: str) -> str:
    return _PREFIX + path.upper().replace(".", "__")


def _variable_in_use(path: str) -> str:
    """The variable that a setting came from: its own, or that of a table that holds it."""
    tables = [path.rsplit(".", count)[0] for count in range(path.count(".") + 1)]
    return next(filter(os.environ.__contains__, map(_variable, tables)), _variable(path))


def _refuse_misspelt_variables() -> None:
    """Refuses what is nearly a setting. Other tools have variables with our prefix as well.

    Raises:
        InvalidSettings: A variable is nearly one of ours.
    """
    known = {_variable(path) for path in setting_paths()} | {CONFIG_VARIABLE}
    known |= {_variable(path).partition("__")[0] for path in setting_paths()}
    problems = []
    for name in sorted(os.environ):
        if name.startswith(_PREFIX) and name.upper() not in known:
            meant = difflib.get_close_matches(name, known, n=1, cutoff=_LIKE_A_SETTING)
            problems += [f"{name}: There is no such setting. Did you mean {m}?" for m in meant]
    if problems:
        raise InvalidSettings("\n".join(problems))


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for path, value in flat.items():
        *tables, name = path.split(".")
        table = nested
        for part in tables:
            inner = table.setdefault(part, {})
            if not isinstance(inner, dict):
                raise InvalidSettings(f"{path}: {part} is set to a value. Make it a table.")
            table = inner
        table[name] = value
    return nested


def _explain(error: ValidationError, origins: Mapping[str, str]) -> str:
    lines = []
    for problem in error.errors(include_input=False, include_url=False):
        path = ".".join(str(part) for part in problem["loc"])
        origin = origins.get(path)
        where = f"{path} (from {origin})" if origin else path
        lines.append(
            ": ".join(filter(None, (where, _advice(path, problem["type"], problem["msg"]))))
        )
    return "\n".join(lines)


def _advice(path: str, kind: str, text: str) -> str:
    if kind == "tuple_type":
        return 'It is no list. Write one, such as ["numpy>=2"].'
    if kind != "extra_forbidden":
        return text.removeprefix("Value error, ").rstrip(".") + "."
    meant = difflib.get_close_matches(path, setting_paths(), n=1)
    hint = f" Did you mean {meant[0]}?" if meant else ""
    return f"There is no such setting.{hint}"
