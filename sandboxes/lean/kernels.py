"""Second opinions: what kernels other than Lean's own say of what that has taken."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from sandboxes.lean.declarations import Module, Name
from sandboxes.lean.export import export
from sandboxes.lean.runtime import KERNEL, LeanRuntime, Ran
from verifier_service.model import ExecutorFault, Limits

__all__ = ["OWN_KERNEL", "Opinion", "second_opinion"]

OWN_KERNEL: Final = "verifier-kernel"
"""By this name a verdict says that the service's own kernel checked a proof."""
STEPS: Final = 2_000_000
"""Several times what any declaration of `lean4-core` takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """What a kernel says of a proof: that it takes it, that it does not, or nothing."""

    kernel: str
    rejected: str = ""
    """Why it does not take it."""
    declined: str = ""
    """Why it can't tell."""
    ran: Ran

    @property
    def accepted(self) -> bool:
        """Whether it takes the proof."""
        return not self.rejected and not self.declined


async def second_opinion(
    runtime: LeanRuntime,
    modules: Sequence[Module],
    targets: Iterable[Name],
    *,
    imports: str = "",
    limits: Limits,
) -> Opinion:
    """Asks the service's own kernel about declarations of a module, in a fresh process.

    It checks all of the module's declarations that the targets rest on. What is imported it
    believes: that is the library, which no candidate has a part in.

    Args:
        runtime: Where processes come from.
        modules: The library's, each after what it imports, and the candidate's as the last one.
        targets: What is to be checked.
        imports: The header, for a jail that is warm.
        limits: Of the process.

    Raises:
        HeaderFailed: The header can't be imported.
        SandboxLost: There is no process to be had.
        ExecutorFault: It did not answer as our own code does.
    """
    made = await asyncio.to_thread(export, modules, targets)
    job = {"text": made.text, "believed": made.imported, "steps": STEPS}
    ran = await runtime.run(KERNEL, job, imports=imports, limits=limits, file=False)
    if ran.trouble:
        return Opinion(kernel=OWN_KERNEL, ran=ran, declined=f"It was ended: {ran.trouble}.")
    said = ran.lines[0] if ran.lines and ran.complete else {}
    if said.get("digest") != made.digest:
        raise ExecutorFault(f"The second kernel's process said something else: {ran.words[:500]}")
    if said.get("checked") == made.own:
        return Opinion(kernel=OWN_KERNEL, ran=ran)
    if "rejected" in said:
        return Opinion(kernel=OWN_KERNEL, ran=ran, rejected=f"{said['name']}: {said['rejected']}")
    return Opinion(kernel=OWN_KERNEL, ran=ran, declined=str(said.get("declined", said)))
