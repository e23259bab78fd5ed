"""Settings and their sources."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from verifier_service.application import built_executors
from verifier_service.settings import (
    InvalidSettings,
    Settings,
    default_store_path,
    load_settings,
    setting_paths,
    usable_cpus,
)

DOCUMENT = Path(__file__).parent.parent / "docs" / "configuration.md"


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("VERIFIER_"):
            monkeypatch.delenv(name)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "verifier.toml"


def test_defaults_are_consistent() -> None:
    settings = Settings()

    assert settings.address == "127.0.0.1:50051"
    assert settings.slots == usable_cpus()
    assert settings.default_limits.limits().deterministic_steps == 0


def test_the_later_source_wins(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config.write_text("slots = 2\nmax_queued = 2\nstream_credit = 2\n")
    monkeypatch.setenv("VERIFIER_MAX_QUEUED", "3")
    monkeypatch.setenv("VERIFIER_STREAM_CREDIT", "3")

    loaded = load_settings(config, {"stream_credit": 4, "drain_seconds": None})

    settings = loaded.settings
    assert (settings.slots, settings.max_queued, settings.stream_credit) == (2, 3, 4)
    assert [loaded.origins[name] for name in ("slots", "max_queued", "stream_credit")] == [
        str(config),
        "VERIFIER_MAX_QUEUED",
        "command line",
    ]
    assert loaded.origins["drain_seconds"] == "default"


def test_tables_merge_across_sources(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config.write_text("[default_limits]\nwall_seconds = 5\n")
    monkeypatch.setenv("VERIFIER_DEFAULT_LIMITS__CPU_SECONDS", "3")

    loaded = load_settings(config, {"default_limits.max_processes": 7})

    limits = loaded.settings.default_limits
    assert (limits.wall_seconds, limits.cpu_seconds, limits.max_processes) == (5.0, 3.0, 7)
    assert loaded.origins["default_limits.cpu_seconds"] == "VERIFIER_DEFAULT_LIMITS__CPU_SECONDS"


def test_the_environment_names_the_file(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config.write_text("slots = 9")
    monkeypatch.setenv("VERIFIER_CONFIG", str(config))

    assert load_settings().settings.slots == 9


def test_made_directly_they_read_no_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VERIFIER_SLOTS", "77")

    assert Settings(slots=3).slots == 3
    assert Settings().slots == usable_cpus()


def test_every_setting_has_an_origin() -> None:
    assert set(load_settings().origins) == set(setting_paths())


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param('adress = "x"', "Did you mean address?", id="unknown"),
        pytest.param("[default_limits]\nwall = 1", "default_limits.wall", id="unknown-in-a-table"),
        pytest.param("slots = 0", "slots", id="zero"),
        pytest.param("slots = ", "can't be read", id="no-toml"),
        pytest.param('slots = "many"', "valid integer", id="text"),
        pytest.param("default_limits = 3", "default_limits", id="no-table"),
        pytest.param(
            "[default_limits]\nwall_seconds = 700",
            "default_limits.wall_seconds (700.0) is above maximum_limits.wall_seconds (600.0)",
            id="default-above-maximum",
        ),
        pytest.param("drain_seconds = inf", "drain_seconds", id="infinite"),
        pytest.param('tls_key_file = "k"', "Set both", id="key-without-certificate"),
        pytest.param('tls_client_ca_file = "k"', "tls_certificate_file", id="ca-without-tls"),
        pytest.param('token = "a"\ntoken_file = "b"', "Keep one", id="two-tokens"),
        pytest.param('token = "a\\nb"', "printable ASCII", id="token-with-a-newline"),
        pytest.param('token = ""', "one or more", id="empty-token"),
        pytest.param('[python_environments]\nx = "y"', "It is no list", id="packages-no-list"),
    ],
)
def test_a_file_that_can_t_work_is_refused(config: Path, text: str, says: str) -> None:
    config.write_text(text)

    with pytest.raises(InvalidSettings) as failure:
        load_settings(config)

    assert says in str(failure.value)


def test_environments_come_from_a_table_or_a_variable(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.write_text('[python_environments]\nnumpy = ["numpy>=2"]\n')
    from_file = load_settings(config).settings.python_environments
    monkeypatch.setenv("VERIFIER_PYTHON_ENVIRONMENTS", '{"science": ["scipy", "pandas"]}')
    loaded = load_settings()

    assert from_file == {"numpy": ("numpy>=2",)}
    assert loaded.settings.python_environments == {"science": ("scipy", "pandas")}
    assert loaded.origins["python_environments.science"] == "VERIFIER_PYTHON_ENVIRONMENTS"


@pytest.mark.parametrize("label", ["", "a b", "../x", "-x"])
def test_an_environment_has_a_name(label: str) -> None:
    with pytest.raises(ValidationError):
        Settings(python_environments={label: ("numpy",)})


async def test_a_package_that_is_not_there_keeps_the_service_from_starting() -> None:
    with pytest.raises(InvalidSettings, match=r"python_environments: .*pip install 'no-such'"):
        async with built_executors(Settings(python_environments={"x": ("no-such",)})):
            pass


def test_a_missing_file_is_refused(config: Path) -> None:
    with pytest.raises(InvalidSettings, match="No such file"):
        load_settings(config)


def test_a_misspelt_variable_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VERIFIER_SLOT", "3")

    with pytest.raises(InvalidSettings, match="Did you mean VERIFIER_SLOTS"):
        load_settings()


def test_variables_of_others_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VERIFIER_PORT_50051_TCP_ADDR", "10.0.0.1")  # as Kubernetes sets them

    assert load_settings().settings.address == "127.0.0.1:50051"


def test_an_error_names_its_source_but_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VERIFIER_TOKEN", "hunter 2")

    with pytest.raises(InvalidSettings, match=r"token \(from VERIFIER_TOKEN\)") as failure:
        load_settings()

    assert "hunter" not in str(failure.value)


def test_a_token_is_not_shown() -> None:
    assert "hunter2" not in repr(Settings(token=SecretStr("hunter2")))


def test_a_token_comes_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("hunter2\n")

    assert Settings(token_file=tmp_path / "token").bearer_token() == "hunter2"


@pytest.mark.parametrize("text", [None, "", "two words"])
def test_a_token_file_without_a_token_is_refused(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "token").write_text(text)

    with pytest.raises(InvalidSettings, match="token_file"):
        Settings(token_file=tmp_path / "token").bearer_token()


def test_settings_don_t_change() -> None:
    with pytest.raises(ValidationError):
        Settings().slots = 3


def test_the_store_lies_in_the_data_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/data")

    assert default_store_path() == Path("/data/verifier/verdicts.sqlite3")


@pytest.mark.parametrize(
    ("quota", "cpus"),
    [("100000 100000", 1), ("50000 100000", 1), ("max 100000", None), ("?", None)],
)
def test_a_container_s_quota_counts(tmp_path: Path, quota: str, cpus: int | None) -> None:
    (tmp_path / "cpu.max").write_text(quota)

    assert usable_cpus(tmp_path / "cpu.max") == (cpus or usable_cpus(tmp_path / "none"))


def test_all_settings_are_documented_and_nothing_else() -> None:
    rows = [line for line in DOCUMENT.read_text().splitlines() if line.startswith("| `")]
    documented = [row.split("`")[1] for row in rows]

    assert documented == setting_paths()


def test_the_documented_defaults_are_those_of_the_code() -> None:
    settings = Settings()
    for path, documented in _documented_defaults():
        value: object = settings
        for part in path.split("."):
            value = getattr(value, part)
        shown = str(value).lower() if isinstance(value, bool) else str(value)
        assert documented == ("none" if value is None else f"`{shown}`"), path


def _documented_defaults() -> Iterator[tuple[str, str]]:
    computed = "store_path", "slots", "minimum_isolation"
    for line in DOCUMENT.read_text().splitlines():
        if line.startswith("| `") and (path := line.split("`")[1]) not in computed:
            yield path, line.split("|")[2].strip()
