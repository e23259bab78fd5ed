"""Truth tables as evidence: what each row, and all of them together, say about a problem.

A row gives truth values to atoms without variables, `P(a)`, and leaves others open. It is taken for
a part of an interpretation whose things are the constants that occur, each another thing. Such an
interpretation is one of many: a row in which the premises hold and the goal fails shows that the
goal does not follow, while no number of rows in which the goal holds shows that it does, but for
problems without quantifiers and equality whose rows leave no case out.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final, TypeAlias

from sandboxes.logic.evaluator import Interpretation
from sandboxes.logic.reader.findings import ErrorCode, Finding, Role, Source, finding, shown
from sandboxes.logic.reader.limits import MAX_CHARACTERS
from sandboxes.logic.reader.reading import read
from sandboxes.logic.syntax import (
    INDIVIDUAL,
    Application,
    Atom,
    Conjunction,
    Disjunction,
    Equality,
    Equivalence,
    ExclusiveOr,
    Existential,
    Falsehood,
    Formula,
    Implication,
    Kind,
    Negation,
    Problem,
    Span,
    Symbol,
    Term,
    Truth,
    Universal,
    Variable,
    closure,
    subformulas,
    symbols,
)

__all__ = [
    "Row",
    "RowReport",
    "RowStatus",
    "TableReport",
    "TruthTable",
    "judge_table",
    "read_truth_table",
]

MAX_ATOMS: Final = 64
"""Columns that are read."""
MAX_ROWS: Final = 4_096
"""Rows that are read."""
MAX_STEPS: Final = 200_000
"""Formulas that are looked at for one question about one row."""

_TRUE: Final = frozenset({"t", "true", "1", "yes", "⊤"})
_FALSE: Final = frozenset({"f", "false", "0", "no", "⊥"})
_OPEN: Final = frozenset({"", "?", "-", "*", "unknown", "u"})
_RULE: Final = re.compile(r"[\s|:+\-–—=]*")


@dataclass(frozen=True, slots=True)
class Row:
    """A value for each atom of the table; None leaves it open."""

    values: tuple[bool | None, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class TruthTable:
    """Atoms without variables, functions other than constants, or sorts; and rows of values."""

    atoms: tuple[Atom, ...]
    rows: tuple[Row, ...]


class RowStatus(enum.StrEnum):
    """What a row says of a problem, over all ways to complete it."""

    SUPPORTS = "supports"
    """Premises and goal hold in some completion, and the goal fails in none with the premises."""
    REFUTES = "refutes"
    """Premises hold and the goal fails in some completion: the goal does not follow."""
    EXCLUDED = "excluded"
    """No completion satisfies the premises."""
    UNDECIDED = "undecided"
    """More is open than is tried, or the problem is too large."""


@dataclass(frozen=True, slots=True)
class RowReport:
    """What a row says.

    Attributes:
        status: In one word.
        violated: Identifiers of premises that fail in every completion.
        model: With `REFUTES`, an interpretation in which the premises hold and the goal fails;
            with `SUPPORTS`, one in which all hold.
    """

    status: RowStatus
    violated: tuple[str, ...]
    model: Interpretation | None


@dataclass(frozen=True, slots=True)
class TableReport:
    """What a table says.

    Attributes:
        rows: Of each row.
        missing: Values of the table's atoms, in order, of a case in which the premises may hold
            and that no row covers; None if no case is left out, or if that was not tried.
        is_exhaustive: Whether each case was found to be covered or excluded.
        is_proof: Whether the table shows that the goal follows: it is exhaustive and decided, the
            goal fails in no row, and the problem has neither quantifiers nor equality nor atoms
            beyond the table's.
    """

    rows: tuple[RowReport, ...]
    missing: tuple[bool, ...] | None
    is_exhaustive: bool
    is_proof: bool


def read_truth_table(source: Source) -> tuple[TruthTable | None, tuple[Finding, ...]]:
    """Reads a table of which the first line has the atoms, with bars or tabs between columns.

    Values are T or F, true or false, 1 or 0, and `?`, `-` or nothing for what is open. Lines of
    dashes are passed over.
    """
    if len(source.text) > MAX_CHARACTERS:
        message = f"A table has at most {MAX_CHARACTERS} characters."
        return None, (finding(source, Span(0, 0), ErrorCode.TOO_LARGE, message),)
    lines = [
        Span(match.start(), match.end())
        for match in re.finditer(r"[^\n]+", source.text)
        if not _RULE.fullmatch(match.group())
    ]
    if not lines:
        return None, (finding(source, Span(0, 0), ErrorCode.EMPTY, "There is no table here."),)
    if len(lines) > MAX_ROWS + 1:
        message = f"A table has at most {MAX_ROWS} rows."
        return None, (finding(source, lines[-1], ErrorCode.TOO_LARGE, message),)
    atoms, errors = _header(source, lines[0])
    rows: list[Row] = []
    for line in lines[1:]:
        if len(errors) >= 20:
            break
        row, wrong = _row(source, line, len(_cells(source.text, lines[0])))
        errors += wrong
        if row:
            rows.append(row)
    if errors:
        return None, tuple(errors)
    return TruthTable(tuple(atoms), tuple(rows)), ()


def _cells(text: str, line: Span) -> list[Span]:
    """The columns of a line, without the bars at its ends and without spaces around them."""
    separator = "|" if "|" in text[line.start : line.end] else "\t"
    cells = []
    start = line.start
    for part in text[line.start : line.end].split(separator):
        left = start + len(part) - len(part.lstrip())
        cells.append(Span(left, max(left, start + len(part.rstrip()))))
        start += len(part) + 1
    if separator == "|" and cells and cells[0].start == cells[0].end:
        cells = cells[1:]
    if separator == "|" and cells and cells[-1].start == cells[-1].end:
        cells = cells[:-1]
    return cells


def _header(source: Source, line: Span) -> tuple[list[Atom], list[Finding]]:
    atoms: list[Atom] = []
    errors: list[Finding] = []
    cells = _cells(source.text, line)
    if len(cells) > MAX_ATOMS:
        message = f"A table has at most {MAX_ATOMS} columns."
        return [], [finding(source, line, ErrorCode.TOO_LARGE, message)]
    for cell in cells:
        text = source.text[cell.start : cell.end]
        problem = read([Source(source.name, text, Role.GOAL)]).problem
        formula = problem.goal.formula if problem and problem.goal else None
        if not isinstance(formula, Atom) or not _is_ground(formula) or formula in atoms:
            errors.append(
                finding(
                    source,
                    cell,
                    ErrorCode.UNEXPECTED,
                    f"Over a column there is a predicate with constants, such as `P(a)`, each "
                    f"once, and not {shown(text)}.",
                    expected=["P(a)"],
                )
            )
        else:
            atoms.append(formula)
    return atoms, errors


def _is_ground(atom: Atom) -> bool:
    return all(isinstance(t, Application) and not t.arguments for t in atom.arguments)


def _row(source: Source, line: Span, columns: int) -> tuple[Row | None, list[Finding]]:
    cells = _cells(source.text, line)
    if len(cells) != columns:
        message = f"The row has {len(cells)} columns, and the table has {columns}."
        return None, [finding(source, line, ErrorCode.UNEXPECTED, message)]
    values: list[bool | None] = []
    for cell in cells:
        word = source.text[cell.start : cell.end].lower()
        if word not in _TRUE | _FALSE | _OPEN:
            message = f"{shown(word)} is no truth value. Write T, F, or ? for what is open."
            return None, [
                finding(source, cell, ErrorCode.UNEXPECTED, message, expected=["T", "F", "?"])
            ]
        values.append(None if word in _OPEN else word in _TRUE)
    return Row(tuple(values), line), []


def judge_table(problem: Problem, table: TruthTable) -> TableReport:
    """Says what a table shows of a problem.

    Raises:
        ValueError: The problem has no goal, or has sorts or functions other than constants.
    """
    return _Judge(problem, table).table()


_Place: TypeAlias = tuple[Symbol, tuple[int, ...]]
_Values: TypeAlias = dict[_Place, bool]


class _OutOfSteps(Exception):
    """A search has cost what it may cost."""


class _Judge:
    def __init__(self, problem: Problem, table: TruthTable) -> None:
        if problem.goal is None:
            raise ValueError("A table is judged against a goal, and the problem has none.")
        self._premises = [(one.identifier, closure(one.formula)) for one in problem.premises]
        self._goal = closure(problem.goal.formula)
        formulas = [*(formula for _, formula in self._premises), self._goal]
        used: dict[Symbol, None] = {}
        for formula in (*formulas, *table.atoms):
            used.update(dict.fromkeys(symbols(formula)))
        for symbol in used:
            _refuse(symbol)
        self._predicates = [symbol for symbol in used if symbol.kind is Kind.PREDICATE]
        constants = [symbol for symbol in used if symbol.kind is Kind.FUNCTION]
        self._elements = {symbol: element for element, symbol in enumerate(constants)}
        self._things = range(max(1, len(constants)))
        self._columns = [self._place(atom, {}) for atom in table.atoms]
        self._rows = table.rows
        self._steps = MAX_STEPS
        self._asked: _Place | None = None
        parts = [part for formula in formulas for part in subformulas(formula)]
        # Whether what holds depends on the table's atoms alone.
        self._is_propositional = not any(
            isinstance(part, Universal | Existential | Equality)
            or (isinstance(part, Atom) and self._place(part, {}) not in self._columns)
            for part in parts
        )

    def table(self) -> TableReport:
        reports = tuple(self._row(row) for row in self._rows)
        missing: tuple[bool, ...] | None = None
        is_exhaustive = False
        try:
            values = self._found(self._constraints(), {}, self._rows)
        except _OutOfSteps:
            pass
        else:
            is_exhaustive = values is None
            if values is not None:
                missing = tuple(values.get(place, False) for place in self._columns)
        holds_in_all = all(
            report.status in (RowStatus.SUPPORTS, RowStatus.EXCLUDED) for report in reports
        )
        is_proof = is_exhaustive and holds_in_all and self._is_propositional
        return TableReport(reports, missing, is_exhaustive, is_proof)

    def _constraints(self) -> list[Formula]:
        return [formula for _, formula in self._premises]

    def _row(self, row: Row) -> RowReport:
        values = {
            place: value
            for place, value in zip(self._columns, row.values, strict=True)
            if value is not None
        }
        self._steps = MAX_STEPS
        try:
            violated = tuple(
                name for name, formula in self._premises if self._value(formula, values) is False
            )
            denied = self._found([*self._constraints(), Negation(self._goal)], values, ())
            if denied is not None:
                return RowReport(RowStatus.REFUTES, (), self._model(denied))
            held = self._found([*self._constraints(), self._goal], values, ())
        except _OutOfSteps:
            return RowReport(RowStatus.UNDECIDED, (), None)
        if held is None:
            return RowReport(RowStatus.EXCLUDED, violated, None)
        return RowReport(RowStatus.SUPPORTS, (), self._model(held))

    def _found(
        self, constraints: Sequence[Formula], values: _Values, uncovered: Sequence[Row]
    ) -> _Values | None:
        """Values with those given in which all constraints hold and which agree with no row of
        some; None if there are none. Atoms that do not matter are left out.
        """
        self._steps = MAX_STEPS
        pending = [dict(values)]
        while pending:
            current = pending.pop()
            undecided: _Place | None = None
            for formula in constraints:
                self._asked = None
                value = self._value(formula, current)
                if value is False:
                    break
                if value is None:
                    undecided = undecided or self._asked
            else:
                differs = [self._differs(row, current) for row in uncovered]
                if False in differs:
                    continue
                if undecided is None and None in differs:
                    row = uncovered[differs.index(None)]
                    undecided = next(
                        place
                        for place, value in zip(self._columns, row.values, strict=True)
                        if value is not None and place not in current
                    )
                if undecided is None:
                    return current
                pending += [{**current, undecided: True}, {**current, undecided: False}]
        return None

    def _differs(self, row: Row, values: _Values) -> bool | None:
        """Whether values disagree with a row somewhere; None if that is open."""
        self._step(len(self._columns))
        is_open = False
        for place, value in zip(self._columns, row.values, strict=True):
            if value is not None and place in values and values[place] != value:
                return True
            is_open = is_open or (value is not None and place not in values)
        return None if is_open else False

    def _step(self, count: int = 1) -> None:
        self._steps -= count
        if self._steps < 0:
            raise _OutOfSteps

    def _value(
        self, formula: Formula, values: _Values, bound: dict[Variable, int] | None = None
    ) -> bool | None:
        """Kleene's value of a formula: None where it depends on what is open."""
        self._step()
        bound = bound or {}
        match formula:
            case Truth():
                return True
            case Falsehood():
                return False
            case Atom():
                place = self._place(formula, bound)
                if place not in values:
                    self._asked = place
                return values.get(place)
            case Equality(left, right):
                return self._element(left, bound) == self._element(right, bound)
            case Negation(operand):
                return _not(self._value(operand, values, bound))
            case Conjunction(parts):
                return _all(self._value(part, values, bound) for part in parts)
            case Disjunction(parts):
                return _not(_all(_not(self._value(part, values, bound)) for part in parts))
            case Implication(left, right):
                sides = (left, Negation(right))
                return _not(_all(self._value(side, values, bound) for side in sides))
            case Equivalence(left, right) | ExclusiveOr(left, right):
                first = self._value(left, values, bound)
                second = self._value(right, values, bound)
                if first is None or second is None:
                    return None
                return (first == second) is isinstance(formula, Equivalence)
            case Universal(variables, body):
                return _all(
                    self._value(body, values, bound | dict(zip(variables, chosen, strict=True)))
                    for chosen in product(self._things, repeat=len(variables))
                )
            case Existential(variables, body):
                return _not(self._value(Universal(variables, Negation(body)), values, bound))

    def _place(self, atom: Atom, bound: dict[Variable, int]) -> _Place:
        return atom.symbol, tuple(self._element(term, bound) for term in atom.arguments)

    def _element(self, term: Term, bound: dict[Variable, int]) -> int:
        return bound.get(term, -1) if isinstance(term, Variable) else self._elements[term.symbol]

    def _model(self, values: _Values) -> Interpretation:
        """The interpretation of values; what they leave open is false."""
        true = [place for place, value in values.items() if value]
        return Interpretation(
            {INDIVIDUAL: len(self._things)},
            {symbol: {(): element} for symbol, element in self._elements.items()},
            {
                symbol: frozenset(elements for other, elements in true if other == symbol)
                for symbol in self._predicates
            },
        )


def _refuse(symbol: Symbol) -> None:
    if symbol.kind is Kind.FUNCTION and symbol.arity:
        raise ValueError(f"Truth tables are judged without functions, and {symbol.name!r} is one.")
    if {*symbol.argument_sorts, symbol.sort} != {INDIVIDUAL}:
        raise ValueError(f"Truth tables are judged without sorts, and {symbol.name!r} has one.")


def _not(value: bool | None) -> bool | None:
    return None if value is None else not value


def _all(values: Iterable[bool | None]) -> bool | None:
    whole: bool | None = True
    for value in values:
        if value is False:
            return False
        whole = whole if value else None
    return whole
