"""Test code that calls the candidate: statements, `check(candidate)`, `test*`, `unittest`.

The code runs as it stands, except that each `assert` also notes what it compared. Names that it
does not define itself come from the problem's preamble, run here, or else from the candidate.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import functools
import importlib
import sys
import traceback
import types
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from sandboxes.python_tests.jailed.remote import Interruption, RemoteObject, brief

if TYPE_CHECKING:
    from sandboxes.python_tests.jailed.checker import Judge
    from sandboxes.python_tests.jailed.remote import RemoteCandidate

FILE_NAME = "<tests>"
HOOK = "__verifier__"
IMPORT_NAMES = ("candidate", "solution")
PACKAGE_NAMES = {"np": "numpy", "numpy": "numpy", "pd": "pandas", "pandas": "pandas"}
"""What test code may call a package without importing it, where the environment has it."""
EVALUATING = frozenset(
    (
        *("eval", "exec", "compile", "__import__", "__builtins__", "import_module"),
        *("pickle", "marshal", "shelve", "ctypes", "dill"),
        *("timeit", "runpy", "codeop", "pdb", "doctest", "get_type_hints"),
    )
)
"""Names by which test code may come to run text or bytes that the candidate made."""
_COMPARISONS: dict[type, str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Is: "is",
    ast.IsNot: "is not",
    ast.In: "in",
    ast.NotIn: "not in",
}


class BrokenTests(Exception):
    """The tests can't judge any candidate; it is the problem that has to change."""


def prepare(job: dict[str, Any]) -> Callable[[RemoteCandidate, Judge], None]:
    """The tests of a job of form `code`.

    Raises:
        BrokenTests: The test code or the preamble does not parse.
    """
    tree = parse(job["test"], "The test code")
    asserts = sum(isinstance(node, ast.Assert) for node in ast.walk(tree))
    names = Names(tree)
    evaluates = may_evaluate(tree)
    tree = ast.fix_missing_locations(Instrument(wrap=job["keep_going"]).visit(tree))
    code = compiled(tree, "The test code")
    trusted, owed = preamble_names(job["preamble"], entry_point=job["entry_point"])

    def run(candidate: RemoteCandidate, judge: Judge) -> None:
        judge.known = asserts
        judge.names = names
        judge.shared = evaluates
        candidate.trusted_classes = {
            name: value
            for name, value in trusted.items()
            if isinstance(value, type) and value.__module__ == "preamble"
        }
        tests = Tests(candidate, judge, trusted, owed, names, asserts=asserts)
        tests.run(code, job["entry_point"])

    return run


def parse(source: str, what: str) -> ast.Module:
    """The syntax tree of trusted text."""
    try:
        return ast.parse(source, FILE_NAME)
    except SyntaxError as error:
        raise BrokenTests(f"{what} does not parse: {error.msg}, line {error.lineno}.") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise BrokenTests(f"{what} does not parse: {error}.") from error


def compiled(tree: ast.Module, what: str) -> types.CodeType:
    """The code of trusted text that parses: some mistakes show only here, as `return` outside."""
    try:
        return compile(tree, FILE_NAME, "exec", dont_inherit=True)
    except SyntaxError as error:
        raise BrokenTests(f"{what} does not compile: {error.msg}, line {error.lineno}.") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise BrokenTests(f"{what} does not compile: {error}.") from error


def may_evaluate(tree: ast.Module) -> bool:
    """Whether test code names something that runs text or bytes."""
    found: set[str | None] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.ImportFrom(module=name):
                found.add(name)
            case ast.Attribute(attr=name) if name != "compile":  # of a regular expression
                found.add(name)
            case ast.alias(name=name, asname=other):
                found.update((*name.split("."), other))
    return not found.isdisjoint(EVALUATING)


def preamble_names(preamble: str, *, entry_point: str) -> tuple[dict[str, Any], set[str]]:
    """What the preamble defines by itself, and the names that it owes to the candidate.

    The candidate has no say in the former. The latter are what it is to write: the entry point,
    and functions and classes that the preamble leaves with an empty body. A preamble that is no
    complete program, because the candidate continues it mid-statement, counts with the statement
    closed by `pass`.
    """
    owed = {entry_point.partition(".")[0].removesuffix("()")} - {""}
    tree = _parse_preamble(preamble)
    if tree is None:
        return {}, owed
    owed |= {
        node.name
        for node in tree.body
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
        and _left_open(node)
    }
    module = types.ModuleType("preamble")
    sys.modules["preamble"] = module
    try:
        exec(compile(tree, "<preamble>", "exec", dont_inherit=True), module.__dict__)  # noqa: S102
    except Exception as error:
        raise BrokenTests(f"The preamble raised {type(error).__name__}: {error}") from error
    own = {
        name: value
        for name, value in module.__dict__.items()
        if not (name.startswith("__") and name.endswith("__"))
    }
    return {n: v for n, v in own.items() if n not in owed}, owed


def _parse_preamble(preamble: str) -> ast.Module | None:
    last = preamble.rstrip().rpartition("\n")[2]
    indent = " " * (len(last) - len(last.lstrip()))
    for closing in ("", f"\n{indent}pass\n", f"\n{indent}    pass\n"):
        try:
            return ast.parse(preamble + closing)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
    return None


def _left_open(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
    """Whether a definition has nothing in it but a docstring, `pass`, `...` or a refusal."""
    body = [
        statement
        for statement in node.body
        if not isinstance(statement, ast.Pass)
        and not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant))
        and not (isinstance(statement, ast.Raise) and "NotImplemented" in ast.dump(statement))
    ]
    if isinstance(node, ast.ClassDef):
        methods = [
            part for part in body if isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef))
        ]
        return not body or any(map(_left_open, methods))
    return not body


class Instrument(ast.NodeTransformer):
    """Has every `assert` note what it compared, before it passes or raises as ever.

    With `wrap`, a failing assertion of the module, of `check` or of a test function does not keep
    the ones after it from running.
    """

    def __init__(self, *, wrap: bool) -> None:
        self._wrap = wrap

    def visit_Module(self, node: ast.Module) -> ast.AST:
        """Wraps the assertions of the module."""
        return self._visit_body(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Wraps the assertions of `check` and of test functions."""
        if node.name == "check" or node.name.startswith("test"):
            return self._visit_body(node)
        return self.generic_visit(node)

    def _visit_body(self, node: ast.Module | ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        if self._wrap:
            node.body = [self._wrapped(statement) for statement in node.body]
        return node

    def _wrapped(self, statement: ast.stmt) -> ast.stmt:
        if not hasattr(statement, "is_assertion"):
            return statement
        guard = ast.withitem(_hook_call("case", [ast.Constant(statement.lineno)]), None)
        wrapped = ast.With(items=[guard], body=[statement])
        return ast.copy_location(wrapped, statement)

    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        """Turns `assert TEST, MESSAGE` into a call of the hook, and the raise it stands for."""
        self.generic_visit(node)
        test = node.test
        if (
            isinstance(test, ast.Compare)
            and len(test.ops) == 1
            and type(test.ops[0]) in _COMPARISONS
        ):
            noted = _hook_call(
                "compare",
                [test.left, ast.Constant(_COMPARISONS[type(test.ops[0])]), test.comparators[0]],
            )
        else:
            noted = _hook_call("note", [test])
        holds = _hook_call("holds", [ast.Constant(node.lineno), noted])
        error = ast.Call(
            func=ast.Name("AssertionError", ast.Load()),
            args=[node.msg] if node.msg else [],
            keywords=[],
        )
        replacement = ast.If(
            test=ast.UnaryOp(ast.Not(), holds), body=[ast.Raise(exc=error, cause=None)], orelse=[]
        )
        replacement.is_assertion = True  # type: ignore[attr-defined]
        return ast.copy_location(replacement, node)


def _hook_call(method: str, args: list[ast.expr]) -> ast.Call:
    function = ast.Attribute(ast.Name(HOOK, ast.Load()), method, ast.Load())
    return ast.Call(func=function, args=args, keywords=[])


class Hook:
    """What instrumented asserts call."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._last = ""
        self._seen: dict[int, int] = {}
        self.held = 0

    def compare(self, left: Any, operator: str, right: Any) -> Any:
        """The result of a comparison, noted."""
        self._last = f"got {brief(left)}, wanted {operator} {brief(right)}"
        match operator:
            case "==":
                return left == right
            case "!=":
                return left != right
            case "<":
                return left < right
            case "<=":
                return left <= right
            case ">":
                return left > right
            case ">=":
                return left >= right
            case "is":
                return left is right
            case "is not":
                return left is not right
            case "in":
                return left in right
        return left not in right

    def note(self, value: Any) -> Any:
        """A value that is to be true, noted."""
        self._last = f"got {brief(value)}"
        return value

    def holds(self, line: int, value: Any) -> bool:
        """Whether an assertion holds; a case that passed if so."""
        if not value:
            return False
        count = self._seen[line] = self._seen.get(line, 0) + 1
        self.held += 1
        self._judge.forget_call()
        self._judge.passed(f"line {line}" if count == 1 else f"line {line} ({count})")
        return True

    @contextlib.contextmanager
    def case(self, line: int) -> Iterator[None]:
        """Judges an assertion by itself, so that the next one runs whatever comes of it."""
        try:
            yield
        except Interruption:
            raise
        except BaseException as error:  # noqa: BLE001 - judged as if it had ended the tests
            self._judge.outcome_of(f"line {line}", functools.partial(_raise, error))

    def take_last(self) -> str:
        """What the assertion that failed had noted."""
        last, self._last = self._last, ""
        return last


def _raise(error: BaseException) -> None:
    raise error


_hooks: list[Hook] = []


class Unwritten:
    """Stands where the candidate was to define something, and did not."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, *_: object, **__: object) -> None:
        """Says that there is nothing to call."""
        raise NameError(f"name {self._name!r} is not defined", name=self._name)


class Tests:
    """One run of the tests."""

    def __init__(
        self,
        candidate: RemoteCandidate,
        judge: Judge,
        trusted: dict[str, Any],
        owed: set[str],
        names: Names,
        *,
        asserts: int,
    ) -> None:
        self._candidate = candidate
        self._judge = judge
        self._trusted = trusted
        self._owed = owed
        self._names = names
        self._asserts = asserts
        self._hook = Hook(judge)
        _hooks[:] = [self._hook]

    def run(self, code: types.CodeType, entry_point: str) -> None:
        """Runs statements, then what they define."""
        own = self._define(code, self._space())
        units = 0
        for name, body, asserts_itself in self._parts(own, entry_point):
            if self._judge.stopped:
                return
            held = self._hook.held
            passed = self._judge.outcome_of(name, body)
            if passed and self._hook.held == held and (asserts_itself or not self._asserts):
                self._judge.passed(name)
                units += 1
        self._demand_something(units)

    def _demand_something(self, units: int) -> None:
        """Tests that came to nothing accept nothing."""
        if self._judge.reason or (self._candidate.used and (self._hook.held or units)):
            return
        if self._candidate.used and self._asserts:
            self._judge.failed("tests", "nothing-tested", "No assertion of the tests was reached.")
            return
        raise BrokenTests(
            "The test code calls nothing of the candidate's, or asserts nothing. Give it assert "
            "statements, `check(candidate)` with an entry point, or test functions."
        )

    def _space(self) -> dict[str, Any]:
        """The namespace of the test code.

        Names of builtins and of the standard library's modules keep their meaning whatever the
        candidate calls its own (else `math.isclose` could be the candidate's opinion), except for
        what it is to write, by the problem's word. Where it does not, the builtin of the same name
        must not do the work for it.
        """
        known = {*self._trusted, *vars(builtins), HOOK} - self._owed
        # What Python itself gives a module, `__builtins__` above all, is never the candidate's.
        wanted = {name for name in self._names.read - known if not name.startswith("__")}
        packages = {n: m for n, m in PACKAGE_NAMES.items() if n in wanted and m in sys.modules}
        modules = (wanted & sys.stdlib_module_names) - self._owed
        found = self._candidate.names(wanted - modules - (packages.keys() - self._owed))
        self._offer_as_modules(found)
        self._judge.helpers = sorted(set(found) - self._names.bound - self._owed)
        missing = modules - self._names.bound
        return {
            "__name__": "tests",
            "__builtins__": builtins,
            HOOK: self._hook,
            **{name: Unwritten(name) for name in self._owed & set(vars(builtins))},
            **{name: importlib.import_module(name) for name in missing},
            **{name: sys.modules[module] for name, module in packages.items()},
            **found,
            **self._trusted,
        }

    def _offer_as_modules(self, found: dict[str, Any]) -> None:
        """Lets the tests import the candidate."""
        for name in IMPORT_NAMES:
            module = types.ModuleType(name)
            module.__getattr__ = self._attribute  # type: ignore[method-assign]
            vars(module).update(found)
            sys.modules[name] = module

    def _attribute(self, name: str) -> Any:
        """A name of the candidate's, for tests that import it."""
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            return self._candidate.resolve(name)
        except NameError as error:
            raise AttributeError(name) from error

    def _define(self, code: types.CodeType, space: dict[str, Any]) -> dict[str, Any]:
        """Runs the statements; returns the names that they defined."""
        before = dict(space)
        self._judge.outcome_of("tests", lambda: exec(code, space))  # noqa: S102
        if self._judge.stopped:
            return {}
        return {n: v for n, v in space.items() if n not in before or before[n] is not v}

    def _parts(
        self, own: dict[str, Any], entry_point: str
    ) -> Iterator[tuple[str, Callable[[], object], bool]]:
        """Name, body, and whether it asserts in other ways than by `assert`."""
        check = own.get("check")
        if callable(check) and entry_point and not isinstance(check, RemoteObject):
            yield "check", lambda: check(self._candidate.resolve(entry_point)), False
        for name, value in own.items():
            if isinstance(value, types.FunctionType) and name.startswith("test"):
                yield name, _test_function(name, value), False
            elif isinstance(value, type) and "unittest" in sys.modules:
                from sandboxes.python_tests.jailed.test_classes import test_methods

                yield from test_methods(value)


def _test_function(name: str, function: types.FunctionType) -> Callable[[], object]:
    import inspect

    needed = [
        parameter.name
        for parameter in inspect.signature(function).parameters.values()
        if parameter.default is parameter.empty and parameter.kind not in (2, 4)
    ]
    if needed:
        raise BrokenTests(
            f"{name} needs arguments ({', '.join(needed)}), as pytest fixtures do; such tests "
            "belong into the form `pytest`."
        )
    return function


class Names:
    """Names in test code: those that are read, and those that are given a meaning, anywhere."""

    def __init__(self, tree: ast.Module) -> None:
        read: set[str] = set()
        bound: set[str] = set()
        self.on_line: dict[int, set[str]] = {}
        for node in ast.walk(tree):
            match node:
                case ast.Name(id=name, ctx=ast.Load()):
                    read.add(name)
                    self.on_line.setdefault(node.lineno, set()).add(name)
                case ast.Name(id=name) | ast.arg(arg=name):
                    bound.add(name)
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                    bound.add(name)
                case ast.ClassDef(name=name):
                    bound.add(name)
                case ast.alias(name=name, asname=other):
                    bound.add(other or name.partition(".")[0])
        self.read, self.bound = frozenset(read), frozenset(bound)


def failing_line(error: BaseException) -> int | None:
    """The innermost line of the test code that an exception went through."""
    return places[-1][1] if (places := _places(error)) else None


def over_the_candidate(error: BaseException, names: Names) -> bool:
    """Whether the line of the test code that raised an exception uses the candidate's objects."""
    if not (places := _places(error)):
        return False
    frame, line = places[-1]
    return any(
        isinstance(frame.f_locals.get(name, frame.f_globals.get(name)), RemoteObject)
        for name in names.on_line.get(line, ())
    )


def _places(error: BaseException) -> list[tuple[types.FrameType, int]]:
    return [
        (frame, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if frame.f_code.co_filename == FILE_NAME
    ]


def explain(error: AssertionError, last_call: str) -> str:
    """What an assertion found, for a person."""
    noted = _hooks[0].take_last() if _hooks else ""
    said = ", ".join(brief(argument, 300) for argument in error.args)
    call = f"{last_call}: " if last_call else ""
    return f"{call}{noted or said or 'assertion failed'}" + (f" ({said})" if noted and said else "")
