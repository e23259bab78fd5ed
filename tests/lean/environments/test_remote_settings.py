"""Servers elsewhere, as an operator names them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from verifier_service.application import built_executors
from verifier_service.settings import InvalidSettings, Settings, load_settings

GOOD: dict[str, Any] = {"kind": "kimina", "url": "http://lean:8000", "version": "4.15.0"}


async def test_they_are_environments_beside_the_default(tmp_path: Path) -> None:
    config = tmp_path / "verifier.toml"
    config.write_text(
        'lean_discovery = false\n[lean_remotes.kimina]\nkind = "kimina"\n'
        'url = "http://lean:8000"\nversion = "4.15.0"\n'
    )
    async with built_executors(load_settings(config).settings, ["lean_theorem"]) as executors:
        offered = [one for executor in executors for one in executor.environments]

    by_name = {one.name: one for one in offered}
    assert offered[0].name == "lean4-core"
    assert by_name["lean4-kimina"].tools == ("lean@4.15.0", "kimina@http://lean:8000")


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "repl"},
        {"url": "lean:8000"},
        {"url": "http://lean:8000/api/check"},
        {"version": "latest"},
        {"password": "x"},
    ],
)
def test_what_can_t_work_is_refused(wrong: dict[str, str], tmp_path: Path) -> None:
    config = tmp_path / "verifier.toml"
    pairs = "\n".join(f'{key} = "{value}"' for key, value in {**GOOD, **wrong}.items())
    config.write_text(f"[lean_remotes.kimina]\n{pairs}\n")

    with pytest.raises(InvalidSettings, match=r"lean_remotes\.kimina\.(kind|url|version|password)"):
        load_settings(config)


@pytest.mark.parametrize(
    ("label", "changed", "told"),
    [
        ("core", {}, r"lean_remotes\.core: There is another lean4-core\. Rename it\."),
        ("x", {"token_file": "/nowhere"}, r"token_file: /nowhere can't be used"),
    ],
)
async def test_what_can_t_be_used_keeps_the_service_from_starting(
    label: str, changed: dict[str, str], told: str
) -> None:
    settings = Settings(lean_discovery=False, lean_remotes={label: {**GOOD, **changed}})  # type: ignore[dict-item]

    with pytest.raises(InvalidSettings, match=told):
        async with built_executors(settings, ["lean_theorem"]):
            pass
