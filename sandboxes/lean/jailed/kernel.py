"""A kernel for Lean of our own: a second one beside Lean's, which shares no code with it.

It reads the text of `sandboxes.lean.export`. Its rules are those of Lean 4's type theory: Mario
Carneiro, "The Type Theory of Lean" (2019), with structural eta, projections and literals as in
lean4, `src/kernel/type_checker.cpp`.

The job comes on file descriptor 3, as JSON: the text, how many of its declarations are believed,
and how many steps may be taken. The answer goes to file descriptor 4:

    {"text": "…", "believed": 120, "steps": 1000000}
    {"checked": 3, "digest": "…"} or {"rejected": "why", "name": ["goal"], "digest": "…"}

Where it can't tell, the answer has the reason under "declined".
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from typing import Any, NoReturn

from sandboxes.isolation.jailed.begin import begin
from sandboxes.lean.jailed.inductives import Family
from sandboxes.lean.jailed.kernel_text import Constant, Text
from sandboxes.lean.jailed.levels import ZERO, Level, Name, imax, parameters, same_level
from sandboxes.lean.jailed.library import address_space
from sandboxes.lean.jailed.terms import (
    APPLICATION,
    BOUND,
    CONSTANT,
    FREE,
    LAMBDA,
    LET,
    NATURAL,
    PI,
    PROJECTION,
    SORT,
    TEXT,
    Term,
    abstract,
    apply,
    head,
    instantiate,
    lift,
    spine,
    term,
    with_levels,
)
from sandboxes.lean.jailed.verdicts import Declined, Rejected

_JOB, _SAID = 3, 4
RECURSION = 200_000
MAXIMUM_EXPONENT = 1 << 24


NAT: Name = ("Nat",)
STRING: Name = ("String",)
_ZERO = term(CONSTANT, ("Nat", "zero"), ())
_SUCCESSOR = term(CONSTANT, ("Nat", "succ"), ())
_TRUE = term(CONSTANT, ("Bool", "true"), ())
_FALSE = term(CONSTANT, ("Bool", "false"), ())
PROP = term(SORT, ZERO)


def _gcd(left: int, right: int) -> int:
    while right:
        left, right = right, left % right
    return left


_OPERATIONS: dict[Name, Any] = {
    ("Nat", "add"): lambda x, y: x + y,
    ("Nat", "sub"): lambda x, y: max(0, x - y),
    ("Nat", "mul"): lambda x, y: x * y,
    ("Nat", "div"): lambda x, y: x // y if y else 0,
    ("Nat", "mod"): lambda x, y: x % y if y else x,
    ("Nat", "gcd"): _gcd,
    ("Nat", "pow"): lambda x, y: x**y if y <= MAXIMUM_EXPONENT else None,
    ("Nat", "land"): lambda x, y: x & y,
    ("Nat", "lor"): lambda x, y: x | y,
    ("Nat", "xor"): lambda x, y: x ^ y,
    ("Nat", "shiftLeft"): lambda x, y: x << y if y <= MAXIMUM_EXPONENT else None,
    ("Nat", "shiftRight"): lambda x, y: x >> y,
    ("Nat", "beq"): lambda x, y: x == y,
    ("Nat", "ble"): lambda x, y: x <= y,
}


class Checker:
    """Checks declarations in an environment."""

    def __init__(self, steps: int) -> None:
        """Begins with nothing; gives up after so many steps."""
        self.constants: dict[Name, Constant] = {}
        self._steps = steps
        self._variables = 0
        self._forget()

    def _forget(self) -> None:
        """What was found out of one declaration is of no use to the next: variables differ."""
        self._checked: dict[Term, Term] = {}
        self._inferred: dict[Term, Term] = {}
        self._reduced: dict[Term, Term] = {}
        self._cores: dict[Term, Term] = {}
        self._equal: set[tuple[Term, Term]] = set()
        self._unequal: set[tuple[Term, Term]] = set()
        self._parameters: frozenset[Name] = frozenset()

    def add(self, constant: Constant) -> None:
        """Believes a declaration."""
        if constant.name in self.constants:
            raise Rejected("it is declared already")
        self.constants[constant.name] = constant

    def check(self, constant: Constant) -> None:
        """Checks a declaration, and has it from then on."""
        self._forget()
        self.begin(constant)
        universe = self.sort_of(constant.type)
        if constant.kind == "thm" and not same_level(universe, ZERO):
            raise Rejected("the statement of a theorem is no proposition")
        if constant.value is not None:
            found = self.infer(constant.value)
            if not self.equal(found, constant.type):
                raise Rejected("the value is not of the type that is declared")
        self.add(constant)

    def check_family(self, constants: list[Constant]) -> None:
        """Checks inductive types, and has them from then on."""
        self._forget()
        Family(self, constants).check()

    def begin(self, constant: Constant) -> None:
        """Turns to a declaration, or to the next one of a family."""
        self._parameters = frozenset(constant.levels)
        if len(self._parameters) != len(constant.levels):
            raise Rejected("a universe parameter is declared twice")
        for one in (constant.type, constant.value):
            if one is not None and (one.loose or one.has_free):
                raise Rejected("a variable has no binder")

    def _spend(self) -> None:
        self._steps -= 1
        if self._steps < 0:
            raise Declined("it takes too many steps")

    def fresh(self, type_: Term) -> Term:
        """A variable of a type."""
        self._variables += 1
        return term(FREE, self._variables, type_)

    # Types

    def infer(self, one: Term, *, checking: bool = True) -> Term:
        """The type of an expression; `checking` it all, or taking for granted that it has one."""
        known = self._checked.get(one)
        if known is None and not checking:
            known = self._inferred.get(one)
        if known is None:
            self._spend()
            known = self._infer(one, checking)
            (self._checked if checking else self._inferred)[one] = known
        return known

    def _infer(self, one: Term, checking: bool) -> Term:
        tag = one.tag
        if tag == APPLICATION:
            return self._infer_application(one, checking)
        if tag == CONSTANT:
            return self._infer_constant(one)
        if tag in (LAMBDA, PI):
            return self._infer_binders(one, checking)
        if tag == LET:
            if checking:
                self.sort_of(one.a)
                if not self.equal(self.infer(one.b), one.a):
                    raise Rejected("a local definition is not of its type")
            return self.infer(instantiate(one.c, [one.b]), checking=checking)
        if tag == PROJECTION:
            return self._infer_projection(one, checking)
        if tag == SORT:
            if not parameters(one.a) <= self._parameters:
                raise Rejected("a universe parameter is not declared")
            return term(SORT, (1, one.a))
        if tag == FREE:
            return one.b  # type: ignore[no-any-return]
        if tag == BOUND:
            raise Rejected("a variable has no binder")
        name = NAT if tag == NATURAL else STRING
        return term(CONSTANT, name, ())

    def _infer_constant(self, one: Term) -> Term:
        constant = self.constants.get(one.a)
        if constant is None:
            raise Rejected("a constant is unknown")
        if len(constant.levels) != len(one.b):
            raise Rejected("a constant has a wrong number of universes")
        if not all(parameters(level) <= self._parameters for level in one.b):
            raise Rejected("a universe parameter is not declared")
        return with_levels(constant.type, constant.levels, one.b)

    def _infer_application(self, one: Term, checking: bool) -> Term:
        function, arguments = spine(one)
        type_ = self.infer(function, checking=checking)
        since = 0
        for number, argument in enumerate(arguments):
            if type_.tag != PI:
                type_ = self.function_type(instantiate(type_, arguments[since:number]))
                since = number
            if checking:
                wanted = instantiate(type_.a, arguments[since:number])
                if not self.equal(self.infer(argument), wanted):
                    raise Rejected("an argument is not of the type that the function takes")
            type_ = type_.b
        return instantiate(type_, arguments[since:])

    def _infer_binders(self, one: Term, checking: bool) -> Term:
        tag = one.tag
        variables: list[Term] = []
        universes: list[Level] = []
        while one.tag == tag:
            type_ = instantiate(one.a, variables)
            if checking or tag == PI:
                universes.append(self.sort_of(type_, checking=checking))
            variables.append(self.fresh(type_))
            one = one.b
        body = instantiate(one, variables)
        if tag == PI:
            universe = self.sort_of(body, checking=checking)
            for each in reversed(universes):
                universe = imax(each, universe)
            return term(SORT, universe)
        result = abstract(self.infer(body, checking=checking), variables)
        for number in range(len(variables) - 1, -1, -1):
            type_ = abstract(variables[number].b, variables[:number])
            result = term(PI, type_, result)
        return result

    def _infer_projection(self, one: Term, checking: bool) -> Term:
        type_ = self.whnf(self.infer(one.c, checking=checking))
        structure, arguments = spine(type_)
        constant = self.constants.get(structure.a) if structure.tag == CONSTANT else None
        if constant is None or constant.kind != "inductive" or structure.a != one.a:
            raise Rejected("a projection of something that has no such field")
        details = constant.details
        if len(details["ctors"]) != 1 or len(arguments) != details["params"] + details["indices"]:
            raise Rejected("a projection of something that has no such field")
        constructor = self.constants[details["ctors"][0]]
        found = with_levels(constructor.type, constructor.levels, structure.b)
        for argument in arguments[: details["params"]]:
            found = instantiate(self.function_type(found).b, [argument])
        is_proposition = self._is_proposition(type_)
        for number in range(one.b + 1):
            found = self.whnf(found)
            if found.tag != PI:
                raise Rejected("a projection of something that has no such field")
            if number == one.b:
                break
            if is_proposition and found.b.loose and not self._is_proposition(found.a):
                raise Rejected("a projection out of a proof")
            found = instantiate(found.b, [term(PROJECTION, one.a, number, one.c)])
        if is_proposition and not self._is_proposition(found.a):
            raise Rejected("a projection out of a proof")
        return found.a  # type: ignore[no-any-return]

    def sort_of(self, type_: Term, *, checking: bool = True) -> Level:
        """The universe of a type."""
        sort = self.infer(type_, checking=checking)
        if sort.tag != SORT:
            sort = self.whnf(sort)
        if sort.tag != SORT:
            raise Rejected("something is used as a type that is none")
        return sort.a  # type: ignore[no-any-return]

    def function_type(self, type_: Term) -> Term:
        """The type of something that is applied, as that of a function."""
        if type_.tag != PI:
            type_ = self.whnf(type_)
        if type_.tag != PI:
            raise Rejected("something is applied that is no function")
        return type_

    def _is_proposition(self, type_: Term) -> bool:
        return self.whnf(self.infer(type_, checking=False)) is PROP

    # Computation

    def whnf(self, one: Term) -> Term:
        """An expression computed until its head can't be."""
        if one.tag in (SORT, PI, LAMBDA, NATURAL, TEXT, FREE, BOUND):
            return one
        known = self._reduced.get(one)
        if known is not None:
            return known
        at = one
        while True:
            self._spend()
            at = self.core(at)
            number = self._computed(at)
            if number is not None:
                at = number
                break
            unfolded = self._unfolded(at)
            if unfolded is None:
                break
            at = unfolded
        self._reduced[one] = at
        return at

    def core(self, one: Term) -> Term:
        """An expression computed without unfolding definitions at its head."""
        known = self._cores.get(one)
        if known is not None:
            return known
        at = one
        while True:
            self._spend()
            following = self._core_step(at)
            if following is None:
                break
            at = following
        self._cores[one] = at
        return at

    def _core_step(self, one: Term) -> Term | None:
        tag = one.tag
        if tag == LET:
            return instantiate(one.c, [one.b])
        if tag == PROJECTION:
            return self._projected(one)
        if tag != APPLICATION:
            return None
        function, arguments = spine(one)
        if function.tag == LAMBDA:
            count = 0
            while function.tag == LAMBDA and count < len(arguments):
                function = function.b
                count += 1
            return apply(instantiate(function, arguments[:count]), arguments[count:])
        if function.tag in (LET, PROJECTION):
            reduced = self.core(function)
            return None if reduced is function else apply(reduced, arguments)
        if function.tag == CONSTANT:
            constant = self.constants.get(function.a)
            if constant is not None and constant.kind == "recursor":
                return self._recursed(constant, function.b, arguments)
            if constant is not None and constant.kind == "quot":
                return self._quotient(constant.name[-1], arguments)
        return None

    def _projected(self, one: Term) -> Term | None:
        value = self.whnf(one.c)
        if value.tag == TEXT:
            value = self.whnf(self._text_as_list(value.a))
        constructor, arguments = spine(value)
        if constructor.tag != CONSTANT:
            return None
        constant = self.constants.get(constructor.a)
        if constant is None or constant.kind != "constructor":
            return None
        place = constant.details["params"] + one.b
        return arguments[place] if place < len(arguments) else None

    def _quotient(self, what: Any, arguments: list[Term]) -> Term | None:
        place = {"lift": 5, "ind": 4}.get(what)
        if place is None or len(arguments) <= place:
            return None
        made, parts = spine(self.whnf(arguments[place]))
        if made.tag != CONSTANT or made.a != ("Quot", "mk") or len(parts) != 3:
            return None
        return apply(term(APPLICATION, arguments[3], parts[2]), arguments[place + 1 :])

    def _recursed(
        self, recursor: Constant, levels: tuple[Level, ...], arguments: list[Term]
    ) -> Term | None:
        details = recursor.details
        before = details["params"] + details["motives"] + details["minors"]
        place = before + details["indices"]
        if len(arguments) <= place or len(levels) != len(recursor.levels):
            return None
        major = arguments[place]
        if details["k"]:
            major = self._only_proof(recursor, major) or major
        major = self.whnf(major)
        if major.tag == NATURAL:
            major = self._number_as_constructor(major.a)
        elif major.tag == TEXT:
            major = self.whnf(self._text_as_list(major.a))
        else:
            major = self._expanded(recursor, major)
        constructor, parts = spine(major)
        if constructor.tag != CONSTANT:
            return None
        rule = details["rules"].get(constructor.a)
        if rule is None or len(parts) < rule[0]:
            return None
        fields = parts[len(parts) - rule[0] :]
        right = with_levels(rule[1], recursor.levels, levels)
        return apply(right, [*arguments[:before], *fields, *arguments[place + 1 :]])

    def _family(self, recursor: Constant, type_: Term) -> tuple[Constant, Term, list[Term]] | None:
        """The inductive type of a recursor's argument, if that is what the argument is of."""
        structure, arguments = spine(type_)
        if structure.tag != CONSTANT or structure.a != recursor.details["of"]:
            return None
        return self.constants[structure.a], structure, arguments

    def _only_proof(self, recursor: Constant, major: Term) -> Term | None:
        """The constructor, where a type can have no other proof."""
        type_ = self.whnf(self.infer(major, checking=False))
        found = self._family(recursor, type_)
        if found is None:
            return None
        constant, structure, arguments = found
        (name,) = constant.details["ctors"]
        made = apply(term(CONSTANT, name, structure.b), arguments[: constant.details["params"]])
        return made if self.equal(type_, self.infer(made, checking=False)) else None

    def _expanded(self, recursor: Constant, major: Term) -> Term:
        """A value of a structure as its constructor, applied to its own fields."""
        constant = self.constants.get(recursor.details["of"])
        if constant is None or not self._is_structure(constant):
            return major
        function = head(major)
        if function.tag == CONSTANT and function.a in constant.details["ctors"]:
            return major
        type_ = self.whnf(self.infer(major, checking=False))
        found = self._family(recursor, type_)
        if found is None or self._is_proposition(type_):
            return major
        _, structure, arguments = found
        return self._eta(constant, structure, arguments, major)

    def _eta(self, constant: Constant, structure: Term, arguments: list[Term], value: Term) -> Term:
        (name,) = constant.details["ctors"]
        fields = self.constants[name].details["fields"]
        projections = [term(PROJECTION, constant.name, number, value) for number in range(fields)]
        made = apply(term(CONSTANT, name, structure.b), arguments[: constant.details["params"]])
        return apply(made, projections)

    def _is_structure(self, constant: Constant) -> bool:
        details = constant.details
        return (
            constant.kind == "inductive"
            and len(details["ctors"]) == 1
            and details["indices"] == 0
            and not details["recursive"]
        )

    def _unfolded(self, one: Term) -> Term | None:
        """An expression with the definition at its head unfolded."""
        function = head(one)
        constant = self._definition(function)
        if constant is None or len(constant.levels) != len(function.b):
            return None
        assert constant.value is not None
        value = with_levels(constant.value, constant.levels, function.b)
        return apply(value, spine(one)[1])

    def _definition(self, function: Term) -> Constant | None:
        if function.tag != CONSTANT:
            return None
        constant = self.constants.get(function.a)
        return constant if constant is not None and constant.kind in ("def", "thm") else None

    def _number(self, one: Term) -> int | None:
        """The number that an expression without variables computes to."""
        one = self.whnf(one)
        if one.tag == NATURAL:
            return one.a  # type: ignore[no-any-return]
        return 0 if one is _ZERO else None

    def _computed(self, one: Term) -> Term | None:
        """What arithmetic makes of an expression."""
        if one.tag != APPLICATION or one.has_free:
            return None
        if one.a is _SUCCESSOR:
            number = self._number(one.b)
            return None if number is None else term(NATURAL, number + 1)
        if one.a.tag != APPLICATION or one.a.a.tag != CONSTANT:
            return None
        operation = _OPERATIONS.get(one.a.a.a)
        if operation is None:
            return None
        left = self._number(one.a.b)
        right = None if left is None else self._number(one.b)
        if left is None or right is None:
            return None
        result = operation(left, right)
        if result is None:
            return None
        if result.__class__ is bool:
            return _TRUE if result else _FALSE
        return term(NATURAL, result)

    def _number_as_constructor(self, number: int) -> Term:
        if number == 0:
            return _ZERO
        return term(APPLICATION, _SUCCESSOR, term(NATURAL, number - 1))

    def _text_as_list(self, text: str) -> Term:
        """`String.ofList` of the characters of a literal."""
        character = term(CONSTANT, ("Char",), ())
        made = apply(term(CONSTANT, ("List", "nil"), (ZERO,)), [character])
        cons = apply(term(CONSTANT, ("List", "cons"), (ZERO,)), [character])
        of_number = term(CONSTANT, ("Char", "ofNat"), ())
        for each in reversed(text):
            made = apply(cons, [term(APPLICATION, of_number, term(NATURAL, ord(each))), made])
        return term(APPLICATION, term(CONSTANT, ("String", "ofList"), ()), made)

    # Equality

    def equal(self, left: Term, right: Term) -> bool:
        """Whether two expressions of the same type are equal by computation."""
        if left is right:
            return True
        if (left, right) in self._equal:
            return True
        self._spend()
        if self._equal_anew(left, right):
            self._equal.update(((left, right), (right, left)))
            return True
        return False

    def _at_once(self, left: Term, right: Term) -> bool | None:
        """What can be said of two expressions without computing."""
        if left is right or (left, right) in self._equal:
            return True
        if left.tag == right.tag:
            if left.tag in (LAMBDA, PI):
                return self._equal_binders(left, right)
            if left.tag == SORT:
                return same_level(left.a, right.a)
            if left.tag in (NATURAL, TEXT):
                return bool(left.a == right.a)
        return None

    def _equal_binders(self, left: Term, right: Term) -> bool:
        tag = left.tag
        variables: list[Term] = []
        while left.tag == right.tag == tag:
            type_ = instantiate(left.a, variables)
            if left.a is not right.a and not self.equal(type_, instantiate(right.a, variables)):
                return False
            variables.append(self.fresh(type_))
            left, right = left.b, right.b
        return self.equal(instantiate(left, variables), instantiate(right, variables))

    def _equal_anew(self, left: Term, right: Term) -> bool:
        said = self._at_once(left, right)
        if said is not None:
            return said
        if right is _TRUE and not left.has_free and self.whnf(left) is _TRUE:
            return True
        left, right = self.core(left), self.core(right)
        said = self._at_once(left, right)
        if said is not None:
            return said
        if self._equal_proofs(left, right):
            return True
        decided, left, right = self._unfold_in_turn(left, right)
        if decided is not None:
            return decided
        return self._equal_heads(left, right)

    def _equal_heads(self, left: Term, right: Term) -> bool:
        """Compares what can't be computed any further at its head."""
        if (
            left.tag == right.tag == CONSTANT
            and left.a == right.a
            and self._equal_levels(left.b, right.b)
        ):
            return True
        if (
            left.tag == right.tag == PROJECTION
            and left.b == right.b
            and self.equal(left.c, right.c)
        ):
            return True
        if left.tag == right.tag == APPLICATION and self._equal_applications(left, right):
            return True
        return (
            self._equal_functions(left, right)
            or self._equal_functions(right, left)
            or self._equal_structures(left, right)
            or self._equal_structures(right, left)
            or self._equal_texts(left, right)
            or self._equal_texts(right, left)
            or self._equal_units(left, right)
        )

    def _equal_levels(self, left: tuple[Level, ...], right: tuple[Level, ...]) -> bool:
        return len(left) == len(right) and all(map(same_level, left, right))

    def _equal_applications(self, left: Term, right: Term) -> bool:
        (function, arguments), (other, others) = spine(left), spine(right)
        return (
            len(arguments) == len(others)
            and self.equal(function, other)
            and all(map(self.equal, arguments, others))
        )

    def _equal_proofs(self, left: Term, right: Term) -> bool:
        """Two proofs of the same proposition are equal."""
        type_ = self.infer(left, checking=False)
        return self._is_proposition(type_) and self.equal(type_, self.infer(right, checking=False))

    def _equal_functions(self, left: Term, right: Term) -> bool:
        """A function equals what does the same to a variable."""
        if left.tag != LAMBDA or right.tag == LAMBDA:
            return False
        type_ = self.whnf(self.infer(right, checking=False))
        if type_.tag != PI:
            return False
        applied = term(APPLICATION, lift(right, 1), term(BOUND, 0))
        return self.equal(left, term(LAMBDA, type_.a, applied))

    def _equal_structures(self, left: Term, right: Term) -> bool:
        """A value equals a constructor that is applied to the value's own fields."""
        function, arguments = spine(right)
        constant = self.constants.get(function.a) if function.tag == CONSTANT else None
        if constant is None or constant.kind != "constructor":
            return False
        details = constant.details
        if len(arguments) != details["params"] + details["fields"]:
            return False
        if not self._is_structure(self.constants[details["of"]]):
            return False
        if not self.equal(self.infer(left, checking=False), self.infer(right, checking=False)):
            return False
        return all(
            self.equal(term(PROJECTION, details["of"], number, left), argument)
            for number, argument in enumerate(arguments[details["params"] :])
        )

    def _equal_texts(self, left: Term, right: Term) -> bool:
        if left.tag != TEXT or right.tag != APPLICATION:
            return False
        return right.a is term(CONSTANT, ("String", "ofList"), ()) and self.equal(
            self._text_as_list(left.a), right
        )

    def _equal_units(self, left: Term, right: Term) -> bool:
        """Values of a structure without fields are equal."""
        type_ = self.whnf(self.infer(left, checking=False))
        function = head(type_)
        constant = self.constants.get(function.a) if function.tag == CONSTANT else None
        if constant is None or constant.kind != "inductive" or not self._is_structure(constant):
            return False
        (name,) = constant.details["ctors"]
        if self.constants[name].details["fields"]:
            return False
        return self.equal(type_, self.infer(right, checking=False))

    def _unfold_in_turn(self, left: Term, right: Term) -> tuple[bool | None, Term, Term]:
        """Unfolds definitions on both sides, the one that was made later first."""
        while True:
            self._spend()
            said = self._equal_numbers(left, right)
            if said is not None:
                return said, left, right
            computed = self._computed(left)
            if computed is not None:
                return self.equal(computed, right), left, right
            computed = self._computed(right)
            if computed is not None:
                return self.equal(left, computed), left, right
            one, other = self._definition(head(left)), self._definition(head(right))
            if one is None and other is None:
                return None, left, right
            if other is None or (one is not None and one.height > other.height):
                left = self.core(self._unfolded(left) or self._stuck())
            elif one is None or one.height < other.height:
                right = self.core(self._unfolded(right) or self._stuck())
            else:
                if one is other and self._equal_without_unfolding(left, right):
                    return True, left, right
                left = self.core(self._unfolded(left) or self._stuck())
                right = self.core(self._unfolded(right) or self._stuck())
            said = self._at_once(left, right)
            if said is not None:
                return said, left, right

    def _stuck(self) -> NoReturn:
        raise Rejected("a constant has a wrong number of universes")

    def _equal_without_unfolding(self, left: Term, right: Term) -> bool:
        if left.tag != APPLICATION or right.tag != APPLICATION:
            return left.tag == right.tag and self._equal_levels(left.b, right.b)
        if (left, right) in self._unequal:
            return False
        if self._equal_levels(head(left).b, head(right).b):
            arguments, others = spine(left)[1], spine(right)[1]
            if len(arguments) == len(others) and all(map(self.equal, arguments, others)):
                return True
        self._unequal.add((left, right))
        return False

    def _equal_numbers(self, left: Term, right: Term) -> bool | None:
        """Compares successors with successors."""
        if self._is_zero(left) and self._is_zero(right):
            return True
        one, other = self._before(left), self._before(right)
        if one is None or other is None:
            return None
        return self.equal(one, other)

    def _is_zero(self, one: Term) -> bool:
        return one is _ZERO or (one.tag == NATURAL and one.a == 0)

    def _before(self, one: Term) -> Term | None:
        if one.tag == NATURAL and one.a:
            return term(NATURAL, one.a - 1)
        if one.tag == APPLICATION and one.a is _SUCCESSOR:
            return one.b  # type: ignore[no-any-return]
        return None


def judged(text: str, believed: int, steps: int) -> dict[str, Any]:
    """What is to be said of a text."""
    checker = Checker(steps)
    checked = 0
    for number, (kind, constants) in enumerate(Text(text).declared):
        try:
            if number < believed:
                for constant in constants:
                    checker.add(constant)
            elif kind == "quot":
                raise Declined("it does not check quotients")
            elif kind == "inductive":
                checker.check_family(constants)
                checked += 1
            else:
                checker.check(constants[0])
                checked += 1
        except (Rejected, Declined, RecursionError) as why:
            key = "rejected" if isinstance(why, Rejected) else "declined"
            return {key: str(why), "name": list(constants[0].name)}
    return {"checked": checked}


reserved_bytes = 0
"""Address space that is taken before a run begins."""


def warm() -> None:
    """Sees how large the process is that others are forked from."""
    global reserved_bytes
    reserved_bytes = address_space()


def main() -> int:
    """Does one job."""
    with os.fdopen(_JOB, "rb") as file:
        data = file.read()
    begin()
    sys.setrecursionlimit(RECURSION)
    sys.set_int_max_str_digits(0)
    job = json.loads(data)
    answer = judged(job["text"], job["believed"], job["steps"])
    answer["digest"] = hashlib.sha256(job["text"].encode("ascii")).hexdigest()
    os.write(_SAID, json.dumps(answer).encode("ascii") + b"\n")
    return 0
