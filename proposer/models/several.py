"""Several servers of one model: each problem stays with one of them, while that one answers."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from proposer.models.model import Completion, Model, ModelUnreachable, Request

__all__ = ["SeveralModels"]


class SeveralModels:
    """Spreads sessions over servers, so that the samples of a problem share a prefix cache.

    A session's order of servers is by rendezvous hashing (D. Thaler and C. Ravishankar, "Using
    Name-Based Mappings to Increase Hit Rates", IEEE/ACM Transactions on Networking 6 (1998)): where
    one does not answer, its sessions alone move, each to its next.
    """

    def __init__(self, models: Sequence[Model]) -> None:
        """Takes the servers, closed with this one.

        Args:
            models: Equal models; at least one.
        """
        if not models:
            raise ValueError("At least one model is needed.")
        self._models = models

    @property
    def name(self) -> str:
        """All their names."""
        return ", ".join(model.name for model in self._models)

    async def complete(self, request: Request) -> Completion:
        """What the first of the session's servers says that answers.

        Raises:
            ModelError: As the one that was asked last.
        """
        order = sorted(self._models, key=lambda model: _weight(request.session, model.name))
        for model in order[:-1]:
            try:
                return await model.complete(request)
            except ModelUnreachable:
                continue
        return await order[-1].complete(request)

    async def close(self) -> None:
        """Closes them."""
        for model in self._models:
            await model.close()


def _weight(session: str, name: str) -> bytes:
    return hashlib.sha256(f"{session}\n{name}".encode("utf-8", "surrogatepass")).digest()
