"""Queries of SMT-LIB 2.6 with theories, checked and written anew.

A solver that reads a caller's text reads and writes files for it (`:regular-output-channel`). So
no character of the text goes further than this module, but for numbers and strings in their
places: commands and theory symbols are those of a list, all other names are generated, and a query
declares, asserts and is asked once. Sorts of terms are the solver's to check.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from sandboxes.logic.reader.expressions import Expression, Group, Leaf, expressions, head
from sandboxes.logic.reader.findings import (
    MAX_ERRORS,
    Edit,
    ErrorCode,
    Finding,
    Fix,
    Source,
    finding,
    shown,
)
from sandboxes.logic.reader.limits import MAX_CHARACTERS
from sandboxes.logic.syntax import Span

__all__ = ["Assertion", "Script", "read_script"]

_LOGIC: Final = re.compile(r"[A-Z][A-Z_]{0,31}")
_MAX_INDEX: Final = 65_536


def _words(*lines: str) -> frozenset[str]:
    return frozenset(word for line in lines for word in line.split())


_SORTS: Final = _words(
    "Bool Int Real String RegLan Array Seq RoundingMode Float16 Float32 Float64 Float128"
)
_INDEXED: Final = _words(
    "BitVec FloatingPoint extract zero_extend sign_extend rotate_left rotate_right repeat",
    "divisible int2bv int_to_bv to_fp to_fp_unsigned fp.to_sbv fp.to_ubv re.loop re.^",
    "+oo -oo NaN +zero -zero char is",
)
_BITS: Final = re.compile(r"bv\d+")
_FUNCTIONS: Final = _words(
    # Core, integers, reals, arrays
    "true false not and or xor => = distinct ite + - * / div mod abs <= < >= > to_real to_int",
    "is_int select store",
    # Bit vectors
    "concat bvnot bvneg bvand bvor bvxor bvnand",
    "bvnor bvxnor bvadd bvsub bvmul bvudiv bvurem bvsdiv",
    "bvsrem bvsmod bvshl bvlshr bvashr bvult bvule bvugt bvuge bvslt bvsle bvsgt bvsge bvcomp",
    "bv2nat bv2int ubv_to_int sbv_to_int bvnego",
    "bvuaddo bvsaddo bvumulo bvsmulo bvusubo bvssubo",
    "bvsdivo",
    # Strings and regular expressions
    "str.++ str.len str.< str.<= str.at str.substr str.prefixof str.suffixof str.contains",
    "str.indexof str.replace str.replace_all str.replace_re str.replace_re_all str.is_digit",
    "str.to_code str.from_code str.to_int str.from_int str.to_re str.in_re re.none re.all",
    "re.allchar re.++ re.union re.inter re.* re.+ re.opt re.range re.comp re.diff",
    # Floating point
    "fp fp.abs fp.neg fp.add fp.sub fp.mul",
    "fp.div fp.fma fp.sqrt fp.rem fp.roundToIntegral fp.min",
    "fp.max fp.leq fp.lt fp.geq fp.gt",
    "fp.eq fp.isNormal fp.isSubnormal fp.isZero fp.isInfinite",
    "fp.isNaN fp.isNegative fp.isPositive fp.to_real RNE",
    "RNA RTP RTN RTZ roundNearestTiesToEven",
    "roundNearestTiesToAway roundTowardPositive roundTowardNegative roundTowardZero",
    # Sequences
    "seq.empty seq.unit seq.++ seq.len seq.nth seq.at seq.extract seq.contains",
)
_STRING: Final = re.compile(r"[\x20-\x7e]*")
_BINDERS: Final = frozenset({"forall", "exists"})
_DROPPED: Final = frozenset({"set-info", "exit", "get-model", "get-info", "get-unsat-core"})
_COMMANDS: Final = (
    "set-logic",
    "declare-sort",
    "declare-const",
    "declare-fun",
    "declare-datatype",
    "declare-datatypes",
    "define-sort",
    "define-fun",
    "define-fun-rec",
    "assert",
    "check-sat",
    "get-model",
)


@dataclass(frozen=True, slots=True)
class Assertion:
    """What is asserted: the generated name under which a core names it, the caller's, the place."""

    label: str
    name: str
    span: Span


@dataclass(frozen=True, slots=True)
class Script:
    """A query that can be handed to a solver.

    Attributes:
        logic: As the text sets it, or "".
        commands: Declarations, definitions and assertions, each on a line, without the question.
        assertions: In order; each is named in `commands`.
        names: For each generated name of a sort, a function or a constant, the caller's.
        constants: Generated names of those constants that are declared, in order.
    """

    logic: str
    commands: tuple[str, ...]
    assertions: tuple[Assertion, ...]
    names: dict[str, str]
    constants: tuple[str, ...]


class _Stop(Exception):
    def __init__(self, found: Finding) -> None:
        super().__init__()
        self.found = found


def read_script(source: Source) -> tuple[Script | None, tuple[Finding, ...]]:
    """Reads a query; None with errors."""
    if len(source.text) > MAX_CHARACTERS:
        message = f"A query has at most {MAX_CHARACTERS} characters. Shorten it."
        return None, (finding(source, Span(0, 0), ErrorCode.TOO_LARGE, message),)
    found, broken = expressions(source)
    errors = [broken] if broken else []
    reader = _Reader(source)
    for expression in found:
        try:
            reader.command(expression)
        except _Stop as stop:
            errors.append(stop.found)
        if len(errors) == MAX_ERRORS:
            break
    if not reader.assertions and not errors:
        message = "There is no assertion in the text, and so nothing to ask."
        errors.append(finding(source, Span(0, 0), ErrorCode.EMPTY, message))
    if errors:
        return None, tuple(errors)
    return reader.script(), ()


@dataclass(slots=True)
class _Reader:
    source: Source
    logic: str = ""
    lines: list[str] = field(default_factory=list)
    assertions: list[Assertion] = field(default_factory=list)
    sorts: dict[str, str] = field(default_factory=dict)
    functions: dict[str, str] = field(default_factory=dict)
    constants: list[str] = field(default_factory=list)
    variables: int = 0
    is_asked: bool = False

    def script(self) -> Script:
        names = {made: name for name, made in (*self.sorts.items(), *self.functions.items())}
        return Script(
            self.logic, tuple(self.lines), tuple(self.assertions), names, tuple(self.constants)
        )

    def stop(
        self,
        code: ErrorCode,
        where: Expression,
        message: str,
        *expected: str,
        fixes: Iterable[Fix] = (),
    ) -> _Stop:
        return _Stop(
            finding(self.source, where.span, code, message, expected=expected, fixes=fixes)
        )

    def command(self, expression: Expression) -> None:
        name = head(expression)
        handlers: dict[str, Callable[[Group], None]] = {
            "set-logic": self.set_logic,
            "declare-sort": self.declare_sort,
            "declare-const": self.declare,
            "declare-fun": self.declare,
            "declare-datatype": self.declare_datatype,
            "declare-datatypes": self.declare_datatypes,
            "define-sort": self.define_sort,
            "define-fun": self.define,
            "define-fun-rec": self.define,
            "assert": self.assertion,
        }
        if name == "check-sat":
            self.is_asked = True
            return
        if name in _DROPPED:
            return
        if name not in handlers or not isinstance(expression, Group):
            raise self.refused(expression, name)
        if self.is_asked:
            raise self.stop(
                ErrorCode.UNSUPPORTED,
                expression,
                "There is more after the question. Ask once, at the end.",
                "check-sat",
            )
        handlers[name](expression)

    def refused(self, expression: Expression, name: str) -> _Stop:
        what = f"The command {shown(name)}" if name else "This"
        removal = Fix("Remove it.", (Edit(self.source.name, expression.span, ""),))
        return self.stop(
            ErrorCode.FORBIDDEN,
            expression,
            f"{what} is not among the commands of a query: it declares, asserts and asks once, and "
            "sets no options.",
            *_COMMANDS,
            fixes=[removal],
        )

    def parts(self, group: Group, count: int) -> tuple[Expression, ...]:
        if len(group.items) != count:
            raise self.stop(
                ErrorCode.UNEXPECTED,
                group,
                f"{shown(head(group))} takes {count - 1} parts, and here are "
                f"{len(group.items) - 1}.",
            )
        return group.items

    def items(self, expression: Expression) -> tuple[Expression, ...]:
        if isinstance(expression, Leaf):
            raise self.stop(ErrorCode.UNEXPECTED, expression, "A list is expected here.", "(")
        return expression.items

    def pair(self, expression: Expression) -> tuple[Expression, Expression]:
        items = self.items(expression)
        if len(items) != 2:
            raise self.stop(ErrorCode.UNEXPECTED, expression, "A pair is expected here.", "(x y)")
        return items[0], items[1]

    def word(self, expression: Expression) -> str:
        if not isinstance(expression, Leaf) or expression.kind != "symbol":
            raise self.stop(ErrorCode.UNEXPECTED, expression, "A name is expected here.", "a name")
        return expression.text

    # Names

    def new_sort(self, expression: Expression) -> str:
        name = self.word(expression)
        if name in self.sorts or name in _SORTS:
            raise self.duplicate(expression, name)
        return self.sorts.setdefault(name, f"S{len(self.sorts)}")

    def new_function(self, expression: Expression) -> str:
        name = self.word(expression)
        if name in self.functions or name in _FUNCTIONS or name in _RESERVED:
            raise self.duplicate(expression, name)
        return self.functions.setdefault(name, f"f{len(self.functions)}")

    def duplicate(self, expression: Expression, name: str) -> _Stop:
        return self.stop(
            ErrorCode.DUPLICATE,
            expression,
            f"The name {shown(name)} has a meaning already. Use another.",
        )

    def new_variable(self) -> str:
        self.variables += 1
        return f"v{self.variables}"

    # Commands

    def set_logic(self, group: Group) -> None:
        logic = self.word(self.parts(group, 2)[1])
        if not _LOGIC.fullmatch(logic) or self.logic:
            raise self.stop(
                ErrorCode.UNEXPECTED, group, "The name of one logic is expected.", "ALL", "QF_UFLIA"
            )
        self.logic = logic

    def declare_sort(self, group: Group) -> None:
        _, name, arity = self.parts(group, 3)
        number = self.number(arity)
        self.lines.append(f"(declare-sort {self.new_sort(name)} {number})")

    def number(self, expression: Expression) -> str:
        if (
            not isinstance(expression, Leaf)
            or expression.kind != "numeral"
            or len(expression.text) > 6
            or int(expression.text) > _MAX_INDEX
        ):
            raise self.stop(
                ErrorCode.UNEXPECTED, expression, f"A number up to {_MAX_INDEX} is expected here."
            )
        return expression.text

    def declare(self, group: Group) -> None:
        if head(group) == "declare-const":
            _, name, result = self.parts(group, 3)
            arguments: tuple[Expression, ...] = ()
        else:
            _, name, listed, result = self.parts(group, 4)
            arguments = self.items(listed)
        sorts = " ".join(self.sort(argument, {}) for argument in arguments)
        sort = self.sort(result, {})
        made = self.new_function(name)
        if not arguments:
            self.constants.append(made)
        self.lines.append(f"(declare-fun {made} ({sorts}) {sort})")

    def declare_datatype(self, group: Group) -> None:
        _, name, constructors = self.parts(group, 3)
        made = self.new_sort(name)
        self.lines.append(f"(declare-datatypes (({made} 0)) ({self.constructors(constructors)}))")

    def declare_datatypes(self, group: Group) -> None:
        _, listed, bodies = self.parts(group, 3)
        made = []
        for item in self.items(listed):
            name, arity = self.pair(item)
            if self.number(arity) != "0":
                raise self.stop(
                    ErrorCode.UNSUPPORTED, arity, "Datatypes with parameters are not read.", "0"
                )
            made.append(f"({self.new_sort(name)} 0)")
        inner = " ".join(self.constructors(body) for body in self.items(bodies))
        self.lines.append(f"(declare-datatypes ({' '.join(made)}) ({inner}))")

    def constructors(self, expression: Expression) -> str:
        if head(expression) == "par":
            raise self.stop(
                ErrorCode.UNSUPPORTED, expression, "Datatypes with parameters are not read."
            )
        return f"({' '.join(self.constructor(item) for item in self.items(expression))})"

    def constructor(self, expression: Expression) -> str:
        if isinstance(expression, Leaf):
            return f"({self.new_function(expression)})"
        if not expression.items:
            raise self.stop(ErrorCode.UNEXPECTED, expression, "A constructor is expected here.")
        parts = [self.new_function(expression.items[0])]
        for item in expression.items[1:]:
            name, sort = self.pair(item)
            parts.append(f"({self.new_function(name)} {self.sort(sort, {})})")
        return f"({' '.join(parts)})"

    def define_sort(self, group: Group) -> None:
        _, name, listed, body = self.parts(group, 4)
        parameters = {self.word(item): self.new_variable() for item in self.items(listed)}
        text = self.sort(body, parameters)
        self.lines.append(
            f"(define-sort {self.new_sort(name)} ({' '.join(parameters.values())}) {text})"
        )

    def define(self, group: Group) -> None:
        command, name, listed, result, body = self.parts(group, 5)
        local: dict[str, str] = {}
        parameters = self.bound(listed, {}, local)
        sort = self.sort(result, {})
        if head(group) == "define-fun-rec":
            made = self.new_function(name)
            text = self.term(body, local)
        else:
            text = self.term(body, local)
            made = self.new_function(name)
        self.lines.append(f"({self.word(command)} {made} ({parameters}) {sort} {text})")

    def assertion(self, group: Group) -> None:
        body = self.parts(group, 2)[1]
        name = ""
        if head(body) == "!" and isinstance(body, Group):
            for key, value in zip(body.items[2::2], body.items[3::2], strict=False):
                if isinstance(key, Leaf) and key.text == ":named":
                    name = self.word(value)
        label = f"a{len(self.assertions)}"
        self.lines.append(f"(assert (! {self.term(body, {})} :named {label}))")
        self.assertions.append(Assertion(label, name, body.span))

    # Sorts and terms

    def sort(self, expression: Expression, parameters: dict[str, str]) -> str:
        if isinstance(expression, Leaf):
            name = self.word(expression)
            known = parameters.get(name) or self.sorts.get(name)
            if known is None and name not in _SORTS:
                raise self.stop(
                    ErrorCode.UNDECLARED, expression, f"There is no sort {shown(name)}."
                )
            return known or name
        if head(expression) == "_":
            return self.indexed(expression)
        if not expression.items:
            raise self.stop(ErrorCode.UNEXPECTED, expression, "A sort is expected here.")
        return f"({' '.join(self.sort(item, parameters) for item in expression.items)})"

    def indexed(self, group: Group) -> str:
        if len(group.items) < 3:
            raise self.stop(ErrorCode.UNEXPECTED, group, "An index is expected here.", "(_ f 1)")
        name = self.word(group.items[1])
        if name not in _INDEXED and not _BITS.fullmatch(name):
            raise self.stop(
                ErrorCode.UNDECLARED, group, f"There is no symbol {shown(name)} with an index."
            )
        if name == "is" and len(group.items) == 3:
            return f"(_ is {self.declared(group.items[2])})"
        indices = [
            item.text
            if isinstance(item, Leaf) and item.kind == "hexadecimal" and name == "char"
            else self.number(item)
            for item in group.items[2:]
        ]
        return f"(_ {name} {' '.join(indices)})"

    def declared(self, expression: Expression) -> str:
        name = self.word(expression)
        if name not in self.functions:
            raise self.undeclared(expression, name)
        return self.functions[name]

    def undeclared(self, expression: Expression, name: str) -> _Stop:
        return self.stop(
            ErrorCode.UNDECLARED,
            expression,
            f"There is no {shown(name)}: it is neither declared before nor one of the symbols of "
            "theories that are read.",
        )

    def bound(self, listed: Expression, outer: dict[str, str], into: dict[str, str]) -> str:
        """The variables `((x S) …)` under generated names, which are added to a scope."""
        written = []
        into.update(outer)
        for item in self.items(listed):
            name, sort = self.pair(item)
            made = self.new_variable()
            written.append(f"({made} {self.sort(sort, {})})")
            into[self.word(name)] = made
        return " ".join(written)

    def term(self, expression: Expression, local: dict[str, str]) -> str:
        if isinstance(expression, Leaf):
            return self.leaf(expression, local)
        name = head(expression)
        match name:
            case "!":
                return self.annotated(expression, local)
            case "let":
                return self.let(expression, local)
            case "match":
                return self.matched(expression, local)
            case "_":
                return self.indexed(expression)
            case "as":
                _, value, sort = self.parts(expression, 3)
                text = "const" if _head_leaf(value) == "const" else self.term(value, local)
                return f"(as {text} {self.sort(sort, {})})"
            case _ if name in _BINDERS:
                _, listed, body = self.parts(expression, 3)
                inner: dict[str, str] = {}
                variables = self.bound(listed, local, inner)
                return f"({name} ({variables}) {self.term(body, inner)})"
        if not expression.items:
            raise self.stop(ErrorCode.UNEXPECTED, expression, "A term is expected here.")
        return f"({' '.join([self.term(item, local) for item in expression.items])})"

    def leaf(self, leaf: Leaf, local: dict[str, str]) -> str:
        if leaf.kind == "keyword":
            raise self.stop(ErrorCode.UNEXPECTED, leaf, "A term is expected here.")
        if leaf.kind == "string" and not _STRING.fullmatch(leaf.text):
            raise self.stop(
                ErrorCode.BAD_CHARACTER,
                leaf,
                "Strings have printable characters of ASCII. Write others as \\u{1f600}.",
            )
        if leaf.kind != "symbol":
            return leaf.text
        known = local.get(leaf.text) or self.functions.get(leaf.text)
        if known is None and leaf.text not in _FUNCTIONS:
            raise self.undeclared(leaf, leaf.text)
        return known or leaf.text

    def annotated(self, group: Group, local: dict[str, str]) -> str:
        """The term, with its patterns; names of terms and other notes stay here."""
        if len(group.items) < 2:
            raise self.stop(ErrorCode.UNEXPECTED, group, "A term is expected after `!`.", "a term")
        text = self.term(group.items[1], local)
        patterns = []
        for key, value in zip(group.items[2::2], group.items[3::2], strict=False):
            if not isinstance(key, Leaf) or key.text not in _NOTES:
                raise self.stop(
                    ErrorCode.FORBIDDEN, key, "Of annotations those are read:", *sorted(_NOTES)
                )
            if key.text == ":pattern":
                inner = " ".join(self.term(item, local) for item in self.items(value))
                patterns.append(f":pattern ({inner})")
        return f"(! {text} {' '.join(patterns)})" if patterns else text

    def let(self, group: Group, local: dict[str, str]) -> str:
        _, listed, body = self.parts(group, 3)
        inner = dict(local)
        written = []
        for item in self.items(listed):
            name, value = self.pair(item)
            made = self.new_variable()
            written.append(f"({made} {self.term(value, local)})")
            inner[self.word(name)] = made
        return f"(let ({' '.join(written)}) {self.term(body, inner)})"

    def matched(self, group: Group, local: dict[str, str]) -> str:
        _, value, listed = self.parts(group, 3)
        cases = " ".join(self.case(item, local) for item in self.items(listed))
        return f"(match {self.term(value, local)} ({cases}))"

    def case(self, expression: Expression, local: dict[str, str]) -> str:
        pattern, body = self.pair(expression)
        inner = dict(local)

        def variable(item: Expression) -> str:
            made = self.new_variable()
            inner[self.word(item)] = made
            return made

        if isinstance(pattern, Leaf):
            known = self.functions.get(self.word(pattern))
            return f"({known or variable(pattern)} {self.term(body, inner)})"
        if not pattern.items:
            raise self.stop(ErrorCode.UNEXPECTED, pattern, "A pattern is expected here.")
        parts = [self.declared(pattern.items[0]), *map(variable, pattern.items[1:])]
        return f"(({' '.join(parts)}) {self.term(body, inner)})"


def _head_leaf(expression: Expression) -> str:
    """The text of a symbol, or "" of anything else."""
    if isinstance(expression, Leaf) and expression.kind == "symbol":
        return expression.text
    return ""


_NOTES: Final = frozenset({":named", ":pattern", ":qid", ":weight", ":skolemid"})
_RESERVED: Final = frozenset({"let", "forall", "exists", "match", "!", "_", "as", "par"})
