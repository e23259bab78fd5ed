"""What docker/ and the documents hold is what the code says."""

from __future__ import annotations

import json

import pytest

from sandboxes.isolation import seccomp
from sandboxes.isolation.docker_image import SETTINGS
from sandboxes.isolation.docker_seccomp import jail_profile, server_profile
from tests.project.markdown import ROOT


def test_the_server_s_profile_is_the_one_that_is_made() -> None:
    kept = json.loads((ROOT / "docker" / "seccomp-server.json").read_text())

    assert kept == server_profile()


def test_workers_of_either_making_start_alike() -> None:
    last_stage = (ROOT / "docker" / "worker.Dockerfile").read_text().partition("FROM scratch\n")[2]

    assert [line for line in last_stage.splitlines() if not line.startswith("COPY")] == list(
        SETTINGS
    )


@pytest.mark.parametrize(
    "name", ["bpf", "io_uring_setup", "ptrace", "unshare", "umount2", "keyctl"]
)
def test_jails_are_denied_what_their_filter_denies(name: str) -> None:
    assert name in seccomp.denied_calls()
    assert name in jail_profile()["syscalls"][0]["names"]


@pytest.mark.parametrize("name", ["clone", "mount", "socketpair", "connect"])
def test_jails_may_make_cells_and_meet(name: str) -> None:
    assert name not in jail_profile()["syscalls"][0]["names"]


def test_sockets_of_a_jail_are_of_this_machine() -> None:
    (rule,) = [one for one in jail_profile()["syscalls"] if "socket" in one["names"]]

    assert rule["action"] == "SCMP_ACT_ERRNO"
    assert rule["args"] == [{"index": 0, "value": 1, "op": "SCMP_CMP_NE"}]
