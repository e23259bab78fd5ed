"""Inductive types for the kernel of our own: whether they are sound, and what recursors they have.

Rules: Mario Carneiro, "The Type Theory of Lean" (2019), 2.6, with mutual types. Types that occur
within others of their own constructors' arguments (nested ones) are declined.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandboxes.lean.jailed.kernel_text import Constant
from sandboxes.lean.jailed.levels import (
    ZERO,
    Level,
    Name,
    at_most,
    is_never_zero,
    same_level,
)
from sandboxes.lean.jailed.terms import (
    CONSTANT,
    LAMBDA,
    PI,
    PROJECTION,
    SORT,
    Term,
    abstract,
    apply,
    instantiate,
    parts,
    spine,
    term,
)
from sandboxes.lean.jailed.verdicts import Declined, Rejected

if TYPE_CHECKING:
    from sandboxes.lean.jailed.kernel import Checker


class _Field:
    """An argument of a constructor."""

    def __init__(self, variable: Term, below: list[Term], of: int, indices: list[Term]) -> None:
        """A recursive one: after the arguments `below`, it is of type number `of`."""
        self.variable, self.below, self.of, self.indices = variable, below, of, indices


class _Made:
    """A constructor, taken apart."""

    def __init__(self, constant: Constant) -> None:
        """Nothing is known of it yet."""
        self.constant = constant
        self.fields: list[Term] = []
        self.recursive: list[_Field] = []
        self.of = 0
        self.indices: list[Term] = []


class Family:
    """Types that are declared together."""

    def __init__(self, checker: Checker, constants: list[Constant]) -> None:
        """What is to be checked: types, their constructors and their recursors."""
        self._checker = checker
        self._types = [one for one in constants if one.kind == "inductive"]
        self._recursors = [one for one in constants if one.kind == "recursor"]
        self._constructors = [one for one in constants if one.kind == "constructor"]
        self._names = {one.name: number for number, one in enumerate(self._types)}
        self._count = self._types[0].details["params"]
        self._levels: tuple[Level, ...] = tuple((4, name) for name in self._types[0].levels)
        self._parameters: list[Term] = []
        self._indices: list[list[Term]] = []
        self._universe: Level = ZERO
        self._made: list[_Made] = []

    def check(self) -> None:
        """Checks it all, and has it from then on."""
        for number, one in enumerate(self._types):
            self._check_type(number, one)
        for one in self._types:
            self._checker.add(one)
        self._check_names()
        for one in self._constructors:
            self._made.append(self._check_constructor(one))
        is_recursive = any(each.recursive for each in self._made)
        is_reflexive = any(field.below for each in self._made for field in each.recursive)
        for one in self._types:
            _require(one.details["recursive"] == is_recursive, "whether it is recursive")
            _require(one.details["reflexive"] == is_reflexive, "whether it is reflexive")
            _require(one.details["nested"] == 0, "whether it is nested")
        for one in self._constructors:
            self._checker.add(one)
        self._check_recursors()

    # Types

    def _check_type(self, number: int, one: Constant) -> None:
        checker = self._checker
        first = self._types[0]
        _require(one.levels == first.levels, "types of a family have the same universes")
        _require(one.details["params"] == self._count, "types of a family have the same parameters")
        checker.begin(one)
        checker.sort_of(one.type)
        at, parameters = one.type, list[Term]()
        for place in range(self._count):
            at = checker.function_type(at)
            if number:
                parameter = self._parameters[place]
                _require(
                    checker.equal(at.a, parameter.b), "types of a family have the same parameters"
                )
            else:
                parameter = checker.fresh(at.a)
                self._parameters.append(parameter)
            parameters.append(parameter)
            at = instantiate(at.b, [parameter])
        indices: list[Term] = []
        at = checker.whnf(at)
        while at.tag == PI:
            indices.append(checker.fresh(at.a))
            at = checker.whnf(instantiate(at.b, [indices[-1]]))
        _require(at.tag == SORT, "the type of an inductive type is a universe")
        _require(len(indices) == one.details["indices"], "a wrong number of indices")
        if number:
            _require(same_level(at.a, self._universe), "types of a family are of one universe")
        self._universe = at.a
        self._indices.append(indices)

    def _check_names(self) -> None:
        listed = [name for one in self._types for name in one.details["ctors"]]
        _require(listed == [one.name for one in self._constructors], "other constructors")
        for one in self._types:
            for place, name in enumerate(one.details["ctors"]):
                made = self._constructors[listed.index(name)]
                of = made.details
                _require(of["of"] == one.name and of["index"] == place, "a constructor's place")
                _require(of["params"] == self._count, "a constructor's parameters")
                _require(made.levels == one.levels, "a constructor's universes")

    # Constructors

    def _check_constructor(self, one: Constant) -> _Made:
        checker = self._checker
        checker.begin(one)
        checker.sort_of(one.type)
        made = _Made(one)
        at = one.type
        for parameter in self._parameters:
            at = checker.function_type(at)
            _require(checker.equal(at.a, parameter.b), "a constructor's parameters")
            at = instantiate(at.b, [parameter])
        while at.tag == PI:
            universe = checker.sort_of(at.a)
            if not same_level(self._universe, ZERO):
                _require(at_most(universe, self._universe), "the universe of a field is too large")
            field = checker.fresh(at.a)
            made.fields.append(field)
            recursive = self._recursive(field)
            if recursive is not None:
                made.recursive.append(recursive)
            at = instantiate(at.b, [field])
        result = self._occurrence(at)
        _require(result is not None, "a constructor makes something else")
        assert result is not None
        made.of, made.indices = result
        _require(self._types[made.of].name == one.details["of"], "a constructor makes another type")
        _require(len(made.fields) == one.details["fields"], "a wrong number of fields")
        return made

    def _recursive(self, field: Term) -> _Field | None:
        """How a field has the types that are declared, if it does."""
        checker = self._checker
        at = checker.whnf(field.b)
        if not self._occurs(at):
            return None
        below: list[Term] = []
        while at.tag == PI:
            _require(not self._occurs(at.a), "a type occurs to the left of an arrow")
            below.append(checker.fresh(at.a))
            at = checker.whnf(instantiate(at.b, [below[-1]]))
        found = self._occurrence(at)
        if found is None:
            raise Declined("it does not check nested inductive types")
        return _Field(field, below, *found)

    def _occurrence(self, one: Term) -> tuple[int, list[Term]] | None:
        """Which of the types it is, and with which indices."""
        function, arguments = spine(one)
        if function.tag != CONSTANT or function.a not in self._names:
            return None
        number = self._names[function.a]
        indices = arguments[self._count :]
        if (
            function.b != self._levels
            or len(indices) != len(self._indices[number])
            or not all(map(self._checker.equal, arguments[: self._count], self._parameters))
            or any(map(self._occurs, indices))
        ):
            return None
        return number, indices

    def _occurs(self, one: Term) -> bool:
        """Whether one of the types occurs in an expression."""
        seen: set[Term] = set()
        waiting = [one]
        while waiting:
            at = waiting.pop()
            if at in seen:
                continue
            seen.add(at)
            if at.tag in (CONSTANT, PROJECTION) and at.a in self._names:
                return True
            waiting += parts(at)
        return False

    # Recursors

    def _check_recursors(self) -> None:
        names = [(*one.name, "rec") for one in self._types]
        _require(
            sorted(map(str, names)) == sorted(str(one.name) for one in self._recursors),
            "other recursors",
        )
        recursors = [next(one for one in self._recursors if one.name == name) for name in names]
        levels = recursors[0].levels
        is_large = self._eliminates_into_all()
        own = self._types[0].levels
        _require(levels == (*levels[:is_large], *own), "universes of a recursor")
        _require(len(levels) == len(own) + is_large, "universes of a recursor")
        universe: Level = (4, levels[0]) if is_large else ZERO
        _require(not is_large or levels[0] not in own, "universes of a recursor")
        for one in recursors:
            _require(one.levels == levels, "universes of a recursor")
            self._checker.add(one)
        self._checker.begin(recursors[0])
        motives = [self._motive(number, universe) for number in range(len(self._types))]
        minors = [self._minor(made, motives) for made in self._made]
        for number, one in enumerate(recursors):
            self._check_recursor(number, one, motives, minors)
        for number, one in enumerate(recursors):
            self._check_rules(number, one, recursors, motives, minors)

    def _eliminates_into_all(self) -> bool:
        """Whether the types have functions into every universe, not into propositions alone."""
        if is_never_zero(self._universe):
            return True
        if len(self._types) > 1 or len(self._made) > 1:
            return False
        if not self._made:
            return True
        (made,) = self._made
        return all(
            field in made.indices or same_level(self._checker.sort_of(field.b), ZERO)
            for field in made.fields
        )

    def _type(self, number: int, indices: list[Term]) -> Term:
        constant = term(CONSTANT, self._types[number].name, self._levels)
        return apply(constant, [*self._parameters, *indices])

    def _motive(self, number: int, universe: Level) -> Term:
        indices = self._indices[number]
        major = self._checker.fresh(self._type(number, indices))
        return self._checker.fresh(closed(PI, [*indices, major], term(SORT, universe)))

    def _minor(self, made: _Made, motives: list[Term]) -> Term:
        hypotheses = [
            self._checker.fresh(
                closed(
                    PI,
                    each.below,
                    apply(motives[each.of], [*each.indices, apply(each.variable, each.below)]),
                )
            )
            for each in made.recursive
        ]
        constructor = term(CONSTANT, made.constant.name, self._levels)
        value = apply(constructor, [*self._parameters, *made.fields])
        result = apply(motives[made.of], [*made.indices, value])
        return self._checker.fresh(closed(PI, [*made.fields, *hypotheses], result))

    def _check_recursor(
        self, number: int, one: Constant, motives: list[Term], minors: list[Term]
    ) -> None:
        indices = self._indices[number]
        major = self._checker.fresh(self._type(number, indices))
        binders = [*self._parameters, *motives, *minors, *indices, major]
        type_ = closed(PI, binders, apply(motives[number], [*indices, major]))
        if one.type is not type_:
            self._checker.sort_of(one.type)
            _require(self._checker.equal(one.type, type_), "the type of a recursor")
        details = one.details
        said = (details["params"], details["motives"], details["minors"], details["indices"])
        _require(
            said == (self._count, len(motives), len(minors), len(indices)), "numbers of a recursor"
        )
        is_k = (
            same_level(self._universe, ZERO)
            and len(self._types) == len(self._made) == 1
            and not self._made[0].fields
        )
        _require(details["k"] == is_k, "whether a recursor needs its argument")
        _require(details["of"] == self._types[number].name, "what a recursor is of")

    def _check_rules(
        self,
        number: int,
        one: Constant,
        recursors: list[Constant],
        motives: list[Term],
        minors: list[Term],
    ) -> None:
        levels: tuple[Level, ...] = tuple((4, name) for name in one.levels)
        before = [*self._parameters, *motives, *minors]
        rules: dict[Name, Any] = one.details["rules"]
        mine = [made for made in self._made if made.of == number]
        _require(list(rules) == [made.constant.name for made in mine], "rules of a recursor")
        for made in mine:
            recursed = [
                closed(
                    LAMBDA,
                    each.below,
                    apply(
                        term(CONSTANT, recursors[each.of].name, levels),
                        [*before, *each.indices, apply(each.variable, each.below)],
                    ),
                )
                for each in made.recursive
            ]
            minor = minors[self._made.index(made)]
            right = closed(LAMBDA, [*before, *made.fields], apply(minor, [*made.fields, *recursed]))
            fields, said = rules[made.constant.name]
            _require(fields == len(made.fields), "rules of a recursor")
            if said is not right:
                self._checker.infer(said)
                _require(self._checker.equal(said, right), "rules of a recursor")


def closed(tag: int, variables: list[Term], body: Term) -> Term:
    """A function, or the type of one, over variables."""
    body = abstract(body, variables)
    for number in range(len(variables) - 1, -1, -1):
        body = term(tag, abstract(variables[number].b, variables[:number]), body)
    return body


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise Rejected(f"an inductive type is not what it says: {what}")
