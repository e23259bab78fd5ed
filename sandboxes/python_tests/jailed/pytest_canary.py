"""Changes to a test suite after which a correct candidate fails: edits of the tests' own text.

A canary must look like a test. Where a test says `assert f(2) == 4`, its canary says `== 7`: who
does not know the right answer can't tell one from the other. Where there is no literal to change,
the assertion is turned around; where there is no assertion, one that can't hold is added. An edit
is used only where a correct candidate is certain to reach it and to fail: not behind a `return`,
in a branch, or in a loop that may be empty.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import decimal
import fractions
import random
import re
import string
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Change", "Edit", "Suite", "TestFunction", "edited", "mutated"]

TRIES = 60
EVALUATION_ERRORS = (ValueError, TypeError, SyntaxError, MemoryError, RecursionError)
MANY_CHARACTERS = 7
TRUTHS = re.compile(r"\b(?:True|False)\b")
EMPTY = {"[]": "[0]", "()": "(0,)", "{}": "{0: 0}"}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
SCOPES = (*FUNCTIONS, ast.Lambda, ast.ClassDef)
OPPOSITES: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.Lt: ("<", ">="),
    ast.LtE: ("<=", ">"),
    ast.Gt: (">", "<="),
    ast.GtE: (">=", "<"),
    ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"),
    ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
}
METHOD_OPPOSITES = {
    one: other
    for pair in (
        ("assertEqual", "assertNotEqual"),
        ("assertTrue", "assertFalse"),
        ("assertIs", "assertIsNot"),
        ("assertIsNone", "assertIsNotNone"),
        ("assertIn", "assertNotIn"),
        ("assertIsInstance", "assertNotIsInstance"),
        ("assertAlmostEqual", "assertNotAlmostEqual"),
        ("assertGreater", "assertLessEqual"),
        ("assertLess", "assertGreaterEqual"),
        ("assertRegex", "assertNotRegex"),
    )
    for one, other in (pair, pair[::-1])
}
NEAR = {"isclose": 1e-5, "allclose": 1e-5, "assert_allclose": 1e-5}
"""Functions that say whether numbers are near, with more than they tolerate unless told to."""
OWNERS = ("self", "math", "cmath", "np", "numpy", "np.testing", "numpy.testing", "testing")
"""What the functions that compare belong to; of the same name elsewhere, they may do otherwise."""
CONTENTS: dict[str, Callable[[Any], object]] = {
    "array": list,
    "asarray": list,
    "list": list,
    "tuple": list,
    "set": set,
    "frozenset": set,
    "Decimal": decimal.Decimal,
    "Fraction": fractions.Fraction,
}
"""What values are made of from one literal, and what makes two of them differ."""
EQUALITIES = (
    *("assertEqual", "assertListEqual", "assertTupleEqual", "assertSetEqual"),
    *("assertDictEqual", "assertSequenceEqual", "assertMultiLineEqual", "assertCountEqual"),
    *("assert_equal", "assert_array_equal", "array_equal"),
)
TRANSPARENT = (
    *("open", "patch", "object", "dict", "context", "catch_warnings", "localcontext"),
    *("TemporaryDirectory", "NamedTemporaryFile", "redirect_stdout", "redirect_stderr"),
)
"""Context managers that no exception is lost in."""
RAISING = ("raises", "assertRaises", "assertRaisesRegex")
COMMON_ERRORS = ("KeyError", "IndexError", "TypeError", "ValueError", "AttributeError", "OSError")
RARE_ERRORS = ("BufferError", "FloatingPointError", "ZeroDivisionError")


@dataclass(frozen=True, slots=True)
class Edit:
    """Replaces the bytes `start` to `end` of a file's UTF-8 text."""

    path: str
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Change:
    """One way to make a test fail."""

    edits: tuple[Edit, ...]
    argument: str = ""
    """With the name of a parameter of the test, edit k changes row k of its `parametrize` alone."""


Maker = Callable[[random.Random], "Change | None"]
Changer = Callable[[str, random.Random], "str | None"]


class Suite:
    """The text of a suite, and the test functions in it."""

    def __init__(self, files: dict[str, str]) -> None:
        self._functions: dict[tuple[str, int], TestFunction] = {}
        for path, source in files.items():
            if not path.endswith(".py"):
                continue
            text = _Text(path, source)
            try:
                tree = ast.parse(source)
            except (SyntaxError, ValueError):
                continue  # a file that is no test, or pytest will say so
            for node in ast.walk(tree):
                if isinstance(node, FUNCTIONS):
                    first = min([node.lineno, *(part.lineno for part in node.decorator_list)])
                    self._functions[path, first] = TestFunction(text, node)

    def function(self, path: str, first_line: int) -> TestFunction | None:
        """The function that begins there, its decorators included."""
        return self._functions.get((path, first_line))


class _Text:
    """A source with the offsets of its nodes."""

    def __init__(self, path: str, source: str) -> None:
        self.path = path
        self.data = source.encode("utf-8")
        self._lines = [0]
        for line in self.data.splitlines(keepends=True):
            self._lines.append(self._lines[-1] + len(line))

    def span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return (
            self._lines[node.lineno - 1] + node.col_offset,
            self._lines[node.end_lineno - 1] + node.end_col_offset,
        )

    def of(self, node: ast.expr) -> str:
        start, end = self.span(node)
        return self.data[start:end].decode("utf-8")

    def indentation(self, node: ast.stmt) -> str:
        start = self._lines[node.lineno - 1]
        return self.data[start : start + node.col_offset].decode("utf-8")

    def replaced(self, node: ast.expr, text: str) -> Edit:
        return Edit(self.path, *self.span(node), text)


@dataclass(slots=True)
class TestFunction:
    """A test, and how it can be made to fail."""

    __test__ = False

    _text: _Text
    _node: ast.FunctionDef | ast.AsyncFunctionDef
    _makers: list[list[Maker]] = field(default_factory=list)

    def changes(self, count: int, chance: random.Random) -> list[Change | None]:
        """This many changes, as different from each other as can be had."""
        found: dict[Change | None, None] = {}
        for _ in range(3 * count):
            if len(found) < count:
                found[self.change(chance)] = None
        return [*found, *chance.choices([*found], k=count - len(found))]

    def change(self, chance: random.Random) -> Change | None:
        """One change after which it fails, of the least conspicuous kind there is; None if none."""
        if not self._makers:
            self._makers = [[], [], []]
            self._find(list(reached(self._node.body)))
        for makers in self._makers:
            for make in chance.sample(makers, len(makers)):
                if change := make(chance):
                    return change
        return None

    def _find(self, statements: Sequence[ast.stmt]) -> None:
        changed, opposite, added = self._makers
        for statement in statements:
            match statement:
                case ast.Assert(test=test):
                    changed += self._other_value(test)
                    opposite.append(self._turned_around(test))
                case ast.Expr(value=ast.Call(func=ast.Attribute(attr=name)) as call):
                    changed += self._other_agreement(call) + self._other_error(call)
                    if name in METHOD_OPPOSITES and _owner(call.func) == "self":
                        opposite.append(self._other_method(call, name))
                case ast.With(items=[ast.withitem(context_expr=ast.Call() as call)]):
                    changed += self._other_error(call)
        if not any(leaves(statement) for statement in self._node.body):
            added.append(self._refusal())

    def _other_value(self, test: ast.expr) -> list[Maker]:
        """Other literals in an assertion of equality, exact or near."""
        match test:
            case ast.Compare(left=left, ops=[ast.Eq()], comparators=[right]):
                return self._unequal(left, right)
            case ast.Compare(left=ast.Constant(value=str()) as part, ops=[ast.In()]):
                return [self._literal(part, change=scrambled)]
            case ast.Compare(ops=[ast.In()], comparators=[ast.Tuple() | ast.List() | ast.Set()]):
                return [self._literal(test.comparators[0], change=with_others)]
            case ast.Compare(ops=[ast.Is()], comparators=[ast.Constant(value=bool())]):
                return [self._literal(test.comparators[0])]
            case ast.Compare(
                left=ast.Call(
                    func=ast.Name(id="abs"),
                    args=[ast.BinOp(left=one, op=ast.Sub(), right=other)],
                ),
                ops=[ast.Lt() | ast.LtE()],
                comparators=[ast.Constant(value=float() | int() as tolerance)],
            ):
                parts = [part for part in (one, other) if _number(part) is not None]
                return [self._literal(part, beyond=3 * tolerance) for part in parts]
            case ast.Call(func=ast.Attribute(value=ast.Compare() as compared, attr="all")):
                return self._other_value(compared)
            case ast.Call():
                return self._other_agreement(test)
        return []

    def _other_agreement(self, call: ast.Call) -> list[Maker]:
        """Other literals in the two arguments of a function that compares them."""
        name, owner = _name(call.func), _owner(call.func)
        if name in EQUALITIES and owner in OWNERS and len(call.args) > 1:
            return self._unequal(*call.args[:2])
        if name in NEAR and owner in OWNERS and len(call.args) == 2:
            return self._near(call.args, call, default=NEAR[name])
        return []

    def _unequal(self, left: ast.expr, right: ast.expr) -> list[Maker]:
        near = [
            part
            for part in (left, right)
            if isinstance(part, ast.Call) and _name(part.func) == "approx"
        ]
        if near:
            return [
                one
                for part in near
                if self._is_of_pytest(part.func) and len(part.args) == 1
                for one in self._near(part.args, part, default=1e-6)
            ]
        makers = []
        for part in (left, right):
            makers.append(self._literal(_content(part), meaning=_meaning(part)))
            if isinstance(part, ast.Name):
                makers += self._row_values(part.id) + self._assigned_value(part.id)
                makers += self._looped_value(part.id)
        return makers

    def _near(self, parts: Sequence[ast.expr], call: ast.Call, *, default: float) -> list[Maker]:
        """Other numbers, further off than the call tolerates."""
        relative, absolute = default, 1e-9
        for keyword in call.keywords:
            number = _number(keyword.value)
            if number is None or keyword.arg not in ("rel", "abs", "rel_tol", "abs_tol"):
                return []
            if keyword.arg.startswith("rel"):
                relative = number
            else:
                absolute = number
        found = []
        for part in map(_content, parts):
            if numbers := _numbers(part):
                beyond = 3 * max(max(map(abs, numbers)) * relative, absolute)
                found.append(self._literal(part, beyond=beyond))
        return found

    def _literal(
        self,
        node: ast.expr,
        *,
        beyond: float = 0.0,
        meaning: Callable[[Any], object] | None = None,
        change: Changer | None = None,
    ) -> Maker:
        def make(chance: random.Random) -> Change | None:
            text = self._text.of(node)
            if change is not None:
                other = change(text, chance)
            else:
                other = mutated(text, chance, beyond=beyond, meaning=meaning or _itself)
            return None if other is None else Change((self._text.replaced(node, other),))

        return make

    def _row_values(self, name: str) -> list[Maker]:
        """Other expected values, where a parameter that is used once holds them."""
        used = [part for part in ast.walk(self._node) if isinstance(part, ast.Name)]
        if sum(part.id == name for part in used) != 1:
            return []
        cells = [
            found
            for decorator in self._node.decorator_list
            if (found := _cells(decorator, name)) is not None
        ]
        if len(cells) != 1 or not cells[0]:
            return []

        def make(chance: random.Random) -> Change | None:
            others = [(cell, mutated(self._text.of(cell), chance)) for cell in cells[0]]
            edits = tuple(self._text.replaced(cell, new) for cell, new in others if new is not None)
            return Change(edits, name) if len(edits) == len(others) else None

        return [make]

    def _assigned_value(self, name: str) -> list[Maker]:
        """Another expected value, where a variable that is set and read once holds it."""
        used = [part for part in ast.walk(self._node) if isinstance(part, ast.Name)]
        set_to = [
            statement.value
            for statement in reached(self._node.body)
            if isinstance(statement, ast.Assign)
            and [_name(target) for target in statement.targets] == [name]
        ]
        if sum(part.id == name for part in used) != 2 or len(set_to) != 1:
            return []
        return [self._literal(_content(set_to[0]), meaning=_meaning(set_to[0]))]

    def _looped_value(self, name: str) -> list[Maker]:
        """Another expected value in one of the tuples that a loop goes through."""
        makers: list[Maker] = []
        for loop in reached(self._node.body):
            match loop:
                case ast.For(
                    target=ast.Tuple(elts=targets), iter=ast.List(elts=rows) | ast.Tuple(elts=rows)
                ) if name in map(_name, targets):
                    column = [*map(_name, targets)].index(name)
                    makers += [
                        self._literal(row.elts[column])
                        for row in rows
                        if isinstance(row, ast.Tuple) and len(row.elts) == len(targets)
                    ]
        read = [
            part
            for part in ast.walk(self._node)
            if isinstance(part, ast.Name) and part.id == name and isinstance(part.ctx, ast.Load)
        ]
        return makers if len(read) == 1 else []

    def _other_error(self, call: ast.Call) -> list[Maker]:
        """Another type of exception than the one that has to be raised."""
        own = _owner(call.func) == "self" or self._is_of_pytest(call.func)
        if _name(call.func) not in RAISING or not own or not call.args:
            return []
        expected = call.args[0]

        def make(chance: random.Random) -> Change | None:
            if (other := _unrelated_error(expected, chance)) is None:
                return None
            return Change((self._text.replaced(expected, other),))

        return [make]

    def _is_of_pytest(self, function: ast.expr) -> bool:
        imported = isinstance(function, ast.Name) and b"from pytest import" in self._text.data
        return imported or _owner(function) == "pytest"

    def _turned_around(self, test: ast.expr) -> Maker:
        text = self._text.of(test)
        if isinstance(test, ast.Compare) and len(test.ops) == 1:
            said, opposite = OPPOSITES[type(test.ops[0])]
            right = test.comparators[0]
            start, end = self._text.span(test.left)[1], self._text.span(right)[0]
            between = self._text.data[start:end].decode("utf-8")
            if between.count(said) == 1 and between.strip() == said:
                edit = Edit(self._text.path, start, end, between.replace(said, opposite))
                return _always(Change((edit,)))
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            return _always(Change((self._text.replaced(test, self._text.of(test.operand)),)))
        return _always(Change((self._text.replaced(test, f"not ({text})"),)))

    def _other_method(self, call: ast.Call, name: str) -> Maker:
        end = self._text.span(call.func)[1]
        edit = Edit(self._text.path, end - len(name), end, METHOD_OPPOSITES[name])
        return _always(Change((edit,)))

    def _refusal(self) -> Maker:
        """An assertion that can't hold, as the last thing that the test does."""
        last = self._node.body[-1]
        end = self._text.span(last)[1]
        if hasattr(last, "body") or isinstance(last, ast.Match):
            text = f"\n{self._text.indentation(self._node.body[0])}assert False"
        else:
            text = "; assert False"
        return _always(Change((Edit(self._text.path, end, end, text),)))


def _always(change: Change) -> Maker:
    return lambda _: change


def reached(body: Sequence[ast.stmt], *, looped: bool = False) -> Iterator[ast.stmt]:
    """Statements that are certain to run when the whole body does."""
    for statement in body:
        if leaves(statement, looped=looped):
            return
        yield statement
        if isinstance(statement, ast.For) and _is_not_empty(statement.iter):
            yield from reached(statement.body, looped=True)
        elif isinstance(statement, ast.With) and all(map(_lets_errors_out, statement.items)):
            yield from reached(statement.body, looped=looped)


def leaves(node: ast.AST, *, looped: bool = False) -> bool:
    """Whether code may end the function, or with `looped` the round of its loop, before its end."""
    if isinstance(node, (ast.Return, ast.Yield, ast.YieldFrom)):
        return True
    if isinstance(node, (ast.Break, ast.Continue)):
        return looped
    if isinstance(node, SCOPES):
        return False
    inner = looped and not isinstance(node, (ast.For, ast.AsyncFor, ast.While))
    return any(leaves(child, looped=inner) for child in ast.iter_child_nodes(node))


def _lets_errors_out(item: ast.withitem) -> bool:
    call = item.context_expr
    return isinstance(call, ast.Call) and _name(call.func) in TRANSPARENT


def _is_not_empty(node: ast.expr) -> bool:
    try:
        return bool(ast.literal_eval(node))
    except EVALUATION_ERRORS:
        return isinstance(node, (ast.List, ast.Tuple)) and any(
            not isinstance(part, ast.Starred) for part in node.elts
        )


def _name(function: ast.expr) -> str:
    match function:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _owner(function: ast.expr) -> str:
    """What a function is an attribute of: "self", "np", "np.testing"; else nothing."""
    return ast.unparse(function.value) if isinstance(function, ast.Attribute) else ""


def _content(node: ast.expr) -> ast.expr:
    """The literal that a value such as `array([1, 2])` is made from."""
    match node:
        case ast.Call(func=function, args=[content], keywords=[]) if _name(function) in CONTENTS:
            return content
    return node


def _meaning(node: ast.expr) -> Callable[[Any], object]:
    """What a literal stands for where it is the content of `node`."""
    return CONTENTS.get(_name(node.func), _itself) if isinstance(node, ast.Call) else _itself


def _itself(value: object) -> object:
    return value


def _number(node: ast.expr) -> float | None:
    numbers = _numbers(node)
    return numbers[0] if len(numbers) == 1 else None


def _numbers(node: ast.expr) -> list[float]:
    """The numbers of a number, or of a list of numbers; none where it is something else."""
    try:
        return _all_numbers(ast.literal_eval(node))
    except EVALUATION_ERRORS:
        return []


def _all_numbers(value: object) -> list[float]:
    if type(value) in (list, tuple):
        return [number for part in value for number in _all_numbers(part)]  # type: ignore[attr-defined]
    if type(value) in (int, float):
        return [value]  # type: ignore[list-item]
    raise ValueError("not a number")


def _cells(decorator: ast.expr, name: str) -> list[ast.expr] | None:
    """The values of one parameter, row by row, as `@pytest.mark.parametrize` has them."""
    match decorator:
        case ast.Call(
            func=ast.Attribute(attr="parametrize"),
            args=[names, ast.List(elts=rows) | ast.Tuple(elts=rows)],
            keywords=keywords,
        ) if "indirect" not in [keyword.arg for keyword in keywords]:
            pass
        case _:
            return None
    try:
        said = ast.literal_eval(names)
    except ValueError:
        return None
    arguments = [part.strip() for part in said.split(",")] if isinstance(said, str) else [*said]
    if name not in arguments:
        return None
    found = []
    for row in rows:
        match row:
            case ast.Call(func=function, args=[*values]) if _name(function) == "param":
                pass
            case ast.Tuple(elts=values) | ast.List(elts=values) if len(arguments) > 1:
                pass
            case _ if len(arguments) == 1:
                values = [row]
            case _:
                return []
        if len(values) != len(arguments):
            return []
        found.append(values[arguments.index(name)])
    return found


def _unrelated_error(expected: ast.expr, chance: random.Random) -> str | None:
    """The name of a builtin exception that the expected one neither is nor derives from."""
    known = getattr(builtins, expected.id, None) if isinstance(expected, ast.Name) else None
    if not isinstance(known, type) or not issubclass(known, BaseException):
        return chance.choice(RARE_ERRORS[:2])
    others = [
        name
        for name in (*COMMON_ERRORS, *RARE_ERRORS)
        if not issubclass(kind := getattr(builtins, name), known) and not issubclass(known, kind)
    ]
    return chance.choice(others) if others else None


def mutated(
    text: str,
    chance: random.Random,
    *,
    beyond: float = 0.0,
    meaning: Callable[[Any], object] = _itself,
) -> str | None:
    """A literal of the same type and another value; None where `text` is no literal.

    Args:
        text: Source of an expression.
        chance: Where the choice comes from.
        beyond: Numbers differ by more than this.
        meaning: What the values are turned into before they are compared.
    """
    try:
        value = ast.literal_eval(text)
    except EVALUATION_ERRORS:
        return None
    if value is None or value is Ellipsis:
        return None
    for _ in range(TRIES):
        other = _with_another_character(text, chance)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                found = ast.literal_eval(other)
        except (*EVALUATION_ERRORS, Warning):
            continue
        if type(found) is type(value) and found != value and _differ(found, value, beyond):
            with contextlib.suppress(TypeError, ValueError, ArithmeticError):
                if meaning(found) != meaning(value):
                    return other
    return None


def scrambled(text: str, chance: random.Random) -> str | None:
    """Another text, so unlike this one that what holds the one does not hold the other."""
    other = "".join(_of_its_kind(character, chance) for character in text)
    changed = sum(a != b for a, b in zip(text, other, strict=True))
    try:
        return other if changed >= MANY_CHARACTERS and ast.literal_eval(other) else None
    except EVALUATION_ERRORS:
        return None


def with_others(text: str, chance: random.Random) -> str | None:
    """A collection of values none of which is in this one."""
    try:
        values = list(ast.literal_eval(text))
    except EVALUATION_ERRORS:
        return None
    found: list[str] = []
    for value in values:
        tried = (mutated(repr(value), chance) for _ in range(TRIES))
        other = next((one for one in tried if one and ast.literal_eval(one) not in values), None)
        if other is None:
            return None
        found.append(other)
    opening, closing = text[0], text[-1]
    return f"{opening}{', '.join(found)}{',' * (len(found) == 1)}{closing}"


def _differ(one: object, other: object, beyond: float) -> bool:
    if not beyond:
        return True
    ours, theirs = _all_numbers(one), _all_numbers(other)
    return len(ours) == len(theirs) and any(
        abs(a - b) > beyond for a, b in zip(ours, theirs, strict=True)
    )


def _with_another_character(text: str, chance: random.Random) -> str:
    """The text with a digit or letter changed or added, an empty one filled, a truth denied."""
    if text in EMPTY:
        return EMPTY[text]
    places = [k for k, character in enumerate(text) if character.isalnum()]
    if not places:
        return text[:-1] + chance.choice(string.ascii_lowercase) + text[-1]
    k = chance.choice(places)
    for truth in TRUTHS.finditer(text):
        if truth.start() <= k < truth.end():
            other = "False" if truth.group() == "True" else "True"
            return text[: truth.start()] + other + text[truth.end() :]
    after = chance.choice((k, k + 1)) if text.isdigit() else k + 1
    return text[:k] + _of_its_kind(text[k], chance) + text[after:]


def _of_its_kind(character: str, chance: random.Random) -> str:
    """Some digit for a digit, some letter for a letter; anything else as it is."""
    for kind in (string.digits, string.ascii_lowercase, string.ascii_uppercase):
        if character in kind:
            return chance.choice(kind)
    return chance.choice(string.ascii_lowercase) if character.isalpha() else character


def edited(files: dict[str, str], edits: Sequence[Edit]) -> dict[str, str]:
    """The files with edits made; none of them overlap."""
    made = {path: text.encode("utf-8") for path, text in files.items()}
    for edit in sorted(edits, key=lambda edit: edit.start, reverse=True):
        data = made[edit.path]
        made[edit.path] = data[: edit.start] + edit.text.encode("utf-8") + data[edit.end :]
    return {path: data.decode("utf-8") for path, data in made.items()}
