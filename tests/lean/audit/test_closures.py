"""What is read of a module over and over has an end."""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import ClassVar

import pytest

from sandboxes.lean import closures
from sandboxes.lean.closures import Closures
from sandboxes.lean.declarations import (
    APPLICATION,
    CONSTANT,
    Declaration,
    Digests,
    Kind,
    Module,
    Name,
    Node,
)
from sandboxes.lean.olean import LargeModule

SIZE = 3000


class Watched(Module):
    """Knows how many expressions were looked at."""

    looked_at: ClassVar[list[int]] = []

    def reach(self, roots: Iterable[int], known: Container[int] = ()) -> set[int]:
        reached = super().reach(roots, known)
        self.looked_at.append(len(reached))
        return reached


def entangled() -> Watched:
    """Declarations that each consist of nearly all that the others consist of."""
    nodes: list[Node] = [(CONSTANT, ("f",), ())]
    nodes += [(APPLICATION, index, index) for index in range(SIZE)]
    declarations: dict[Name, Declaration] = {
        (f"t{index}",): Declaration(
            kind=Kind.AXIOM, name=(f"t{index}",), levels=(), type=SIZE - index
        )
        for index in range(SIZE)
    }
    Watched.looked_at.clear()
    return Watched(
        version="",
        commit="",
        imports=(),
        uses_module_system=False,
        levels=(),
        nodes=nodes,
        declarations=declarations,
    )


def test_declarations_that_share_too_much_are_not_gone_through(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = entangled()
    assert Closures(module).of([("t0",)]).outside == {("f",)}

    monkeypatch.setattr(closures, "MAXIMUM_WORK", 100 * SIZE)

    with pytest.raises(LargeModule):
        Closures(module).of(module.declarations)


def test_digests_look_at_each_expression_once() -> None:
    module = entangled()
    digests = Digests(module)

    for declaration in sorted(module.declarations.values(), key=lambda one: one.type):
        digests.statement(declaration)

    assert sum(module.looked_at) <= 2 * SIZE
