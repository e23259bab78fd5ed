"""Honest proofs with one or more lines dropped, renamed in, swapped or moved."""

from __future__ import annotations

import difflib
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from verifier_service.model import LeanTheorem

KINDS = ("drop", "rename", "reorder", "rename-and-drop")
_PROOFS = Path(__file__).parent / "proofs.lean"
_WORD = re.compile(r"[^\W\d][\w'.₀-₉]*")
_KEYWORDS = frozenset(("by", "at", "with", "fun"))


@dataclass(frozen=True)
class Proof:
    """One honest proof."""

    theorem: LeanTheorem
    body: tuple[str, ...]


@dataclass(frozen=True)
class Mutant:
    """A proof that somebody spoilt."""

    proof: Proof
    kind: str
    body: tuple[str, ...]
    good: tuple[str, ...]
    """The lines of the honest proof that are still as they were, and in order."""

    @property
    def source(self) -> str:
        return "by\n" + "\n".join(self.body) + "\n"

    def survived(self, repaired: str) -> int:
        """How many of the good lines a repaired text still has, in order."""
        old = [line.strip() for line in self.good]
        new = [line.strip() for line in repaired.split("\n")]
        matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
        return sum(block.size for block in matcher.get_matching_blocks())


def honest_proofs() -> list[Proof]:
    """All proofs of `proofs.lean`."""
    found = []
    for text in _PROOFS.read_text().strip().split("\n\n"):
        head, *body = text.strip("\n").split("\n")
        name, statement = head.removeprefix("theorem ").removesuffix(" := by").split(" ", 1)
        found.append(Proof(LeanTheorem(name=name, statement=statement), tuple(body)))
    return found


def mutants(count: int, seed: int = 5) -> list[Mutant]:
    """So many mutants, all different, the same ones for the same seed."""
    chance = random.Random(seed)
    proofs = honest_proofs()
    found: dict[tuple[str, ...], Mutant] = {}
    while len(found) < count:
        proof = chance.choice(proofs)
        for mutant in _mutants_of(proof, chance.choice(KINDS), chance):
            if mutant.body != proof.body:
                found.setdefault((proof.theorem.name, *mutant.body), mutant)
    return list(found.values())


def _mutants_of(proof: Proof, kind: str, chance: random.Random) -> Iterator[Mutant]:
    lines = list(proof.body)
    good = set(range(len(lines)))
    for step in kind.replace("drop-two", "drop-and-drop").split("-and-"):
        place = chance.choice(sorted(good))
        if step == "drop":
            lines[place] = ""
            good.discard(place)
        elif step == "rename":
            names = [m for m in _WORD.finditer(lines[place]) if m[0] not in _KEYWORDS]
            if not names:
                return
            name = chance.choice(names)
            other = chance.choice((name[0] + "x", name[0] + "'", "foo", name[0][::-1]))
            lines[place] = lines[place][: name.start()] + other + lines[place][name.end() :]
            good.discard(place)
        elif step == "reorder":
            if place + 1 not in good:
                return
            lines[place], lines[place + 1] = lines[place + 1], lines[place]
            good -= {place, place + 1}
        elif step == "indent":
            lines[place] = chance.choice((" ", "   ")) + lines[place]
            good.discard(place)
    body = tuple(line for line in lines if line)
    if body:
        kept = tuple(proof.body[place] for place in sorted(good))
        yield Mutant(proof=proof, kind=kind, body=body, good=kept)
