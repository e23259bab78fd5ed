"""The service's own decision procedure: ground clauses, a SAT solver, and evidence for all it says.

It is complete for the Bernays–Schönfinkel class with equality, where clauses have no functions,
and then as fast as anything is. Beyond that it tries terms of growing depth for contradictions
and domains of growing size for models, up to an effort that is counted in steps of its own, so
that the same question gets the same answer on every machine.

Nothing that it says is taken on trust: a contradiction comes as a certificate that passed
`certificates.check`, a model as an interpretation in which the formulas were evaluated.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice, product

from pysat.solvers import Minisat22

from sandboxes.logic import congruence
from sandboxes.logic.answers import Answer, Answers, Status, hypotheses
from sandboxes.logic.certificates import Refused, check
from sandboxes.logic.clauses import clausify
from sandboxes.logic.countermodels import herbrand, search, signature_of
from sandboxes.logic.evaluator import Interpretation, Silent, TooManySteps, holds
from sandboxes.logic.grounding import Grounding, TooManyInstances
from sandboxes.logic.refutations import certificate
from sandboxes.logic.rup import TooMuchWork
from sandboxes.logic.syntax import Formula, Problem, Term

__all__ = ["Effort", "GroundTheory", "Unsound", "confirm", "decide", "decide_all"]

ROUNDS = 10
"""Most times that new terms are put for variables."""

LEMMAS = 100
"""Most corrections that the laws of equality make to one model."""

QUICK = 20_000
"""How far `GroundTheory.status` goes through finite domains, weighed as in `Effort.search`."""

READABLE = 4
"""A model with more elements gives way to one with fewer, if that is easily found."""

MIXED_SORTS = 3
"""Up to so many sorts may differ in size in a search for models."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How far to go, in steps that do not depend on the machine.

    Attributes:
        instances: Instances of clauses for terms, each weighed by the size of its clause.
        search: The same for elements of finite domains, over all sizes tried.
        domain_size: Most elements of a sort in a finite domain.
        conflicts: Conflicts of the SAT solver, for each set of ground clauses and for each domain.
        propagations: Clauses looked at to make a certificate.
        equality: Terms, atoms and equalities looked at to keep the laws of equality, for each set
            of ground clauses.
        evaluations: Formulas visited to check one model.
    """

    instances: int = 200_000
    search: int = 200_000
    domain_size: int = 8
    conflicts: int = 20_000
    propagations: int = 500_000
    equality: int = 1_000_000
    evaluations: int = 300_000


class Unsound(RuntimeError):
    """Evidence that the procedure made did not pass its check: a fault of the service."""


class GroundTheory:
    """Closed formulas, any selection of which can be asked about; a `Theory`.

    Args:
        formulas: What can be asked about.
        effort: How far to go.
        instances: Clauses of `clausify(formulas)`, by index, and ground terms for their
            variables, as another engine tells them: then no others are tried.

    Raises:
        ValueError: A formula is not closed, or the instances are of other clauses.
    """

    def __init__(
        self,
        formulas: Sequence[Formula],
        effort: Effort | None = None,
        instances: Iterable[tuple[int, Sequence[Term]]] | None = None,
    ) -> None:
        self._formulas = tuple(formulas)
        self._effort = effort or Effort()
        self._signature = signature_of(self._formulas)
        self._grounding = Grounding(clausify(self._formulas), reserved=len(self._formulas))
        self._solver = Minisat22()
        self._added = 0
        self._lemmas: list[list[int]] = []
        self._instances = self._effort.instances
        self._rounds = 0
        self._obstacle = ""
        """What keeps more ground clauses from being made."""
        self._steps = 0
        if instances is not None:
            self._take(instances)

    def ask(self, selection: frozenset[int]) -> Answer:
        """Whether the formulas with these indices can hold together, with checked evidence.

        Raises:
            Unsound: What was found did not pass its check.
        """
        before = self._steps
        finding = self._find(selection)
        if finding.core is not None:
            answer = self._unsatisfiable(finding.core)
        elif finding.model is not None:
            answer = self._satisfiable(selection, finding.model)
        else:
            answer = Answer(status=Status.UNDECIDED, reason=finding.reason)
        return replace(answer, steps=self._steps - before)

    def status(self, selection: frozenset[int]) -> Status:
        """The same without evidence and with less effort: it may leave open what `ask` settles."""
        if not self._rounds:
            self._extend()
        finding = self._solved(selection)
        if finding.core is not None:
            return Status.UNSATISFIABLE
        model = finding.model
        if model is None:
            work = min(self._effort.search, QUICK)
            model, _ = self._searched(selection, self._domains(READABLE), work)
        return Status.UNDECIDED if model is None else Status.SATISFIABLE

    # Evidence

    def _unsatisfiable(self, core: frozenset[int]) -> Answer:
        undecided = Answer(status=Status.UNDECIDED, reason="certificate-too-long")
        try:
            found = certificate(
                self._grounding,
                self._lemmas,
                core,
                conflicts=self._effort.conflicts,
                work=self._effort.propagations,
            )
            if found is None:
                return undecided
            check(found, self._formulas)
        except TooMuchWork:
            return undecided
        except Refused as refused:
            raise Unsound(f"A certificate was refused: {refused}") from refused
        return Answer(status=Status.UNSATISFIABLE, certificate=found, core=found.formulas)

    def _satisfiable(self, selection: frozenset[int], model: Interpretation) -> Answer:
        chosen = [self._formulas[index] for index in sorted(selection)]
        answer = confirm(chosen, model, self._effort)
        if answer.reason == "model-refused":
            raise Unsound("Formulas do not hold in what was found as their model.")
        return answer

    # Search

    def _take(self, instances: Iterable[tuple[int, Sequence[Term]]]) -> None:
        for index, clause in enumerate(self._grounding.clauses.clauses):
            if not clause.variables:
                self._grounding.add(index, ())
        for index, terms in instances:
            self._grounding.add(index, terms)
        self._rounds = 1
        self._obstacle = "instances-hold-together"

    def _find(self, selection: frozenset[int]) -> _Finding:
        if not self._rounds:
            self._extend()
        domains = self._domains(self._effort.domain_size)
        work = self._effort.search
        reason = ""
        while True:
            finding = self._solved(selection)
            if finding.core is not None:
                return finding
            if finding.model is not None:
                if max(finding.model.sizes.values(), default=0) > READABLE:
                    small, _ = self._searched(selection, self._domains(READABLE), work)
                    return _Finding(model=small or finding.model)
                return finding
            reason = reason or finding.reason
            extended = self._extend()
            model, work = self._searched(selection, islice(domains, 2 if extended else None), work)
            if model is not None:
                return _Finding(model=model)
            if not extended:
                return _Finding(reason=reason or self._obstacle)

    def _searched(
        self, selection: frozenset[int], domains: Iterable[dict[str, int]], work: int
    ) -> tuple[Interpretation | None, int]:
        """Looks through finite domains; returns a model, if one is found, and the work left."""
        for sizes in domains:
            if work <= 0:
                break
            found = search(
                self._grounding.clauses,
                selection,
                sizes,
                self._signature,
                work=work,
                conflicts=self._effort.conflicts,
            )
            self._steps += found.work
            work -= found.work
            if found.interpretation is not None:
                return found.interpretation, work
        return None, work

    def _extend(self) -> bool:
        """Puts more terms for variables, if there are more and the effort allows for it."""
        if self._obstacle or self._grounding.complete:
            return False
        if self._rounds == ROUNDS:
            self._obstacle = "terms-too-deep"
            return False
        try:
            work = self._grounding.extend(self._instances)
        except TooManyInstances:
            self._obstacle = "too-many-instances"
            return False
        self._instances -= work
        self._steps += work
        self._rounds += 1
        return True

    def _solved(self, selection: frozenset[int]) -> _Finding:
        """What the ground clauses tell: a core, a model where they are complete, or nothing."""
        assumptions = [index + 1 for index in sorted(selection)]
        last = self._conflicts() + self._effort.conflicts
        equality = self._effort.equality
        while equality > 0:
            self._hand_over()
            self._solver.conf_budget(max(1, last - self._conflicts()))
            verdict = self._solver.solve_limited(assumptions=assumptions)
            if verdict is None:
                return _Finding(reason="too-many-conflicts")
            if not verdict:
                core = self._solver.get_core() or []
                return _Finding(core=frozenset(variable - 1 for variable in core))
            model = [0, *self._solver.get_model()]
            model.extend(-variable for variable in range(len(model), len(self._grounding.atoms)))
            classes = congruence.classes(self._grounding, model)
            broken = list(islice(congruence.lemmas(self._grounding, model, classes), LEMMAS))
            if not broken:
                if not self._grounding.complete:
                    return _Finding()
                return _Finding(model=herbrand(self._grounding, model, classes, self._signature))
            self._lemmas.extend(broken)
            for lemma in broken:
                self._solver.add_clause(lemma)
            equality -= len(self._grounding.atoms) + len(self._grounding.terms) + classes.visited
        return _Finding(reason="too-many-lemmas")

    def _conflicts(self) -> int:
        """The conflicts of the solver so far."""
        count: int = self._solver.accum_stats()["conflicts"]
        return count

    def _hand_over(self) -> None:
        """Gives the solver the ground clauses that it lacks.

        A clause holds where its formula is selected; one that defines a predicate always does.
        """
        ground, origins = self._grounding.ground, self._grounding.origins
        clauses = self._grounding.clauses.clauses
        for number in range(self._added, len(ground)):
            source = clauses[origins[number].clause]
            guard = [] if source.defining else [-(source.formula + 1)]
            self._solver.add_clause(ground[number] + guard)
        self._added = len(ground)

    def _domains(self, most: int) -> Iterator[dict[str, int]]:
        """Sizes of sorts to try, small ones first."""
        sorts = self._signature.sorts
        for largest in range(1, most + 1):
            if len(sorts) > MIXED_SORTS:
                yield dict.fromkeys(sorts, largest)
                continue
            for sizes in product(range(1, largest + 1), repeat=len(sorts)):
                if max(sizes, default=largest) == largest:
                    yield dict(zip(sorts, sizes, strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Finding:
    """Formulas that contradict each other, or a model that is yet to be checked, or neither."""

    core: frozenset[int] | None = None
    model: Interpretation | None = None
    reason: str = ""


def decide(problem: Problem, effort: Effort | None = None) -> Answers:
    """Answers the three questions about a problem with a goal.

    Certificates and cores speak of `answers.hypotheses(problem)`.

    Raises:
        ValueError: The problem has no goal.
        Unsound: What was found did not pass its check.
    """
    if problem.goal is None:
        raise ValueError("A problem without a goal leaves nothing to decide.")
    *premises, goal, denial = hypotheses(problem)
    return decide_all(premises, [(goal, denial)], effort)[0]


def decide_all(
    premises: Sequence[Formula],
    goals: Sequence[tuple[Formula, Formula]],
    effort: Effort | None = None,
) -> list[Answers]:
    """Answers the three questions for each of many goals on the same premises.

    Args:
        premises: Closed formulas.
        goals: Each with its denial, both closed.
        effort: How far to go for each question.

    Returns:
        One for each goal. Certificates and cores speak of the premises and, after them, of each
        goal and its denial in turn.

    Raises:
        ValueError: A formula is not closed.
        Unsound: What was found did not pass its check.
    """
    count = len(premises)
    shared = frozenset(range(count))
    theory = GroundTheory([*premises, *(formula for pair in goals for formula in pair)], effort)
    asked = [
        (theory.ask(shared | {index}), theory.ask(shared | {index + 1}))
        for index in range(count, count + 2 * len(goals), 2)
    ]
    alone = _alone(theory, shared, [answer for pair in asked for answer in pair])
    return [Answers(premises=alone, affirmed=affirmed, denied=denied) for affirmed, denied in asked]


def _alone(theory: GroundTheory, premises: frozenset[int], others: Sequence[Answer]) -> Answer:
    """The answer about premises alone, which answers about more formulas may hold already."""
    for answer in others:
        if answer.status is Status.SATISFIABLE:
            return replace(answer, steps=0)
        if answer.status is Status.UNSATISFIABLE and premises.issuperset(answer.core):
            return replace(answer, steps=0)
    return theory.ask(premises)


def confirm(
    formulas: Sequence[Formula], model: Interpretation, effort: Effort | None = None
) -> Answer:
    """Tells whether closed formulas hold in an interpretation, which may come from anywhere.

    Returns:
        Satisfiable; or undecided with the reason "model-refused" where one does not hold,
        "model-incomplete" where it says too little, or "model-too-large".
    """
    steps = (effort or Effort()).evaluations
    try:
        if all(holds(formula, model, steps=steps) for formula in formulas):
            return Answer(status=Status.SATISFIABLE, model=model)
        reason = "model-refused"
    except TooManySteps:
        reason = "model-too-large"
    except Silent:
        reason = "model-incomplete"
    return Answer(status=Status.UNDECIDED, reason=reason)
