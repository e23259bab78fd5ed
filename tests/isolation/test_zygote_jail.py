"""What a jail said before it ended is heard, whatever is sent to it meanwhile."""

from __future__ import annotations

import json
import socket

import pytest

from sandboxes.isolation.jail import ProcessLimits
from sandboxes.isolation.zygote_jail import ZygoteJail
from verifier_service.model import SandboxLost

LIMITS = ProcessLimits(cpu_seconds=2, memory_bytes=1 << 29, processes=8)


class Nobody:
    """Keeps a jail whose other end is this test."""

    def first_process(self) -> int:
        return 0

    def last_words(self) -> str:
        return ""

    async def end(self) -> None:
        pass


async def test_a_run_that_is_ended_as_its_jail_ends_has_ended_as_it_did() -> None:
    ours, zygote = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    jail = ZygoteJail(ours, Nobody())
    run = jail.start("any", fds={}, limits=LIMITS)
    number = json.loads(zygote.recv(65536))["id"]
    run.kill()  # an order that the zygote does not read any more
    zygote.send(json.dumps({"event": "exit", "id": number, "code": 0, "spent": True}).encode())
    zygote.close()
    run.kill()

    assert (await run.ended).code == 0
    assert not jail.reusable
    await jail.close()


async def test_a_run_in_a_jail_that_is_gone_is_lost() -> None:
    ours, zygote = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    jail = ZygoteJail(ours, Nobody())
    zygote.close()

    with pytest.raises(SandboxLost, match="first process ended"):
        await jail.start("any", fds={}, limits=LIMITS).ended
    await jail.close()
