"""Certificates made of contradictions among ground clauses."""

from __future__ import annotations

from collections.abc import Sequence

from pysat.solvers import Glucose4

from sandboxes.logic.certificates import (
    Certificate,
    Element,
    GroundAtom,
    GroundEquality,
    GroundTerm,
    Instance,
    Proposition,
    Subformula,
    Witness,
)
from sandboxes.logic.clauses import Definition, Skolem
from sandboxes.logic.grounding import Grounding
from sandboxes.logic.rup import refutation
from sandboxes.logic.syntax import Symbol

__all__ = ["certificate"]


def certificate(
    grounding: Grounding,
    lemmas: Sequence[Sequence[int]],
    formulas: frozenset[int],
    *,
    conflicts: int,
    work: int,
) -> Certificate | None:
    """A certificate that formulas contradict each other, of little more than it needs.

    Args:
        grounding: Ground clauses of these formulas, and perhaps of others.
        lemmas: Clauses over its atoms that hold by equality alone.
        formulas: Indices of the formulas.
        conflicts: Most conflicts to search through.
        work: How much unit propagation to do, as in `rup.refutation`.

    Returns:
        None where the search came to no end, or found that the clauses can hold together.

    Raises:
        TooMuchWork: Unit propagation came to no end.
    """
    chosen = [
        index
        for index, origin in enumerate(grounding.origins)
        if grounding.clauses.clauses[origin.clause].formula in formulas
    ]
    given = [*[grounding.ground[index] for index in chosen], *lemmas]
    steps: list[list[int]] = []
    found = refutation(given, work=work)
    if found is None:
        steps = _recorded(given, conflicts)
        found = refutation(given, steps, work=work)
    if found is None:
        return None
    writer = _Writer(grounding)
    for index in sorted(found.clauses):
        if index < len(chosen):
            writer.add_clause(chosen[index])
        else:
            writer.add_lemma(lemmas[index - len(chosen)])
    for index in sorted(found.steps):
        writer.add_step(steps[index])
    return writer.finished()


def _recorded(clauses: Sequence[Sequence[int]], conflicts: int) -> list[list[int]]:
    """The clauses that a solver learns while it refutes clauses."""
    with Glucose4(bootstrap_with=clauses, with_proof=True) as solver:
        solver.conf_budget(conflicts)
        solver.solve_limited()
        lines = solver.get_proof() or []
    return [[int(part) for part in line.split()[:-1]] for line in lines if not line.startswith("d")]


class _Writer:
    """A certificate in the making."""

    def __init__(self, grounding: Grounding) -> None:
        self._grounding = grounding
        self._formulas: set[int] = set()
        self._numbers: dict[int, int] = {}
        self._terms: list[GroundTerm] = []
        self._instances: dict[Instance, None] = {}
        self._propositions: dict[Proposition, int] = {}
        self._lemmas: list[tuple[int, ...]] = []
        self._steps: list[tuple[int, ...]] = []

    def add_clause(self, index: int) -> None:
        origin = self._grounding.origins[index]
        clause = self._grounding.clauses.clauses[origin.clause]
        if not clause.defining:
            self._formulas.add(clause.formula)
        values = self._grounding.values(origin)
        for part in clause.instances:
            free, bound = (
                tuple([self._term(self._grounding.evaluated(term, values)) for term in terms])
                for terms in (part.free, part.bound)
            )
            self._instances.setdefault(Instance(clause.formula, part.node, free, bound))
        ground = self._grounding.ground[index]
        literals = dict.fromkeys(ground)
        if len(literals) < len(ground):
            # Unit propagation in the formula does not see that two of its parts are one.
            self.add_step(tuple(literals))

    def add_lemma(self, lemma: Sequence[int]) -> None:
        self._lemmas.append(self._clause(lemma))

    def add_step(self, step: Sequence[int]) -> None:
        self._steps.append(self._clause(step))

    def finished(self) -> Certificate:
        return Certificate(
            formulas=tuple(sorted(self._formulas)),
            terms=tuple(self._terms),
            instances=tuple(self._instances),
            propositions=tuple(self._propositions),
            lemmas=tuple(self._lemmas),
            steps=tuple(self._steps),
        )

    def _term(self, number: int) -> int:
        """The place of a term, which is put after its parts. Terms may be deeper than formulas."""
        pending = [number]
        while pending:
            current = pending[-1]
            symbol, parts = self._parts(current)
            missing = [part for part in parts if part not in self._numbers]
            if missing:
                pending.extend(missing)
                continue
            pending.pop()
            if current not in self._numbers:
                self._numbers[current] = len(self._terms)
                arguments = tuple([self._numbers[part] for part in parts])
                self._terms.append(GroundTerm(symbol, arguments))
        return self._numbers[number]

    def _parts(self, number: int) -> tuple[Symbol | Witness | Element, list[int]]:
        """A term as a certificate has it: with witnesses for what Skolem functions choose."""
        symbol, arguments = self._grounding.terms[number]
        if not isinstance(symbol, Skolem):
            return symbol, list(arguments)
        choice = self._grounding.clauses.choices.get(symbol)
        if choice is None:
            return Element(symbol.sort), []
        values = dict(zip(choice.parameters, arguments, strict=True))
        free = [self._grounding.evaluated(term, values) for term in choice.free]
        return Witness(choice.formula, choice.node, choice.index), free

    def _clause(self, clause: Sequence[int]) -> tuple[int, ...]:
        return tuple([self._proposition(literal) for literal in clause])

    def _proposition(self, literal: int) -> int:
        symbol, arguments = self._grounding.atoms[abs(literal)]
        sign = 1 if literal > 0 else -1
        part: Proposition
        if symbol is None:
            part = GroundEquality(*[self._term(argument) for argument in arguments])
        elif isinstance(symbol, Definition):
            meaning = self._grounding.clauses.meanings[symbol]
            values = dict(zip(meaning.parameters, arguments, strict=True))
            free = [self._term(self._grounding.evaluated(term, values)) for term in meaning.free]
            part = Subformula(meaning.formula, meaning.node, tuple(free))
            sign = sign if meaning.positive else -sign
        else:
            part = GroundAtom(symbol, tuple([self._term(argument) for argument in arguments]))
        return sign * self._propositions.setdefault(part, len(self._propositions) + 1)
