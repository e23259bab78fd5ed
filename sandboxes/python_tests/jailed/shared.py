"""Runs the tests in the candidate's own interpreter, for what can't be taken apart.

A candidate in this process could forge anything that is reported here. The supervisor so asks for
the same tests several times: as they are, and with expectations that no correct candidate meets. A
candidate that passes those as well is not being tested.
"""

from __future__ import annotations

import ast
import os
import unittest

from sandboxes.isolation.jailed.begin import begin
from sandboxes.python_tests.jailed.candidate import describe_exception, load
from sandboxes.python_tests.jailed.codec import read_job
from sandboxes.python_tests.jailed.test_code import FILE_NAME

JOB_FD = 3
REPORT_FD = 4


def main() -> int:
    """Loads the candidate, runs the tests in its namespace, and writes one line."""
    job = read_job(JOB_FD)
    write, nonce = os.write, job.pop("nonce")
    # What a candidate finds of the job in this frame must not tell it which run this is.
    code = compile(perturbed(ast.parse(job.pop("test")), job.pop("canary")), FILE_NAME, "exec")
    begin()
    try:
        module = load(job["preamble"] + job["source"])
        space = module.__dict__
        before = dict(space)
        exec(code, space)  # noqa: S102
        own = {n: v for n, v in space.items() if n not in before or before[n] is not v}
        run_parts(own, space, job["entry_point"])
    except BaseException as error:  # noqa: BLE001 - any of them is a failure
        described = describe_exception(error)
        message = f"{described['type']}: {described['message']}"
        write(REPORT_FD, f"{nonce} failed {message[:1000]!a}\n".encode())
        return 0
    write(REPORT_FD, f"{nonce} passed ''\n".encode())
    return 0


def run_parts(own: dict[str, object], space: dict[str, object], entry_point: str) -> None:
    """Runs `check`, test functions and test classes, as the checker does."""
    check = own.get("check")
    if callable(check) and entry_point:
        check(space[entry_point])
    for name, value in own.items():
        if callable(value) and name.startswith("test"):
            value()
        elif isinstance(value, type) and issubclass(value, unittest.TestCase):
            result = unittest.TestResult()
            unittest.defaultTestLoader.loadTestsFromTestCase(value).run(result)
            if not result.wasSuccessful() or not result.testsRun:
                raise AssertionError(str((result.failures + result.errors)[:1])[:1000])


def perturbed(tree: ast.Module, canary: str) -> ast.Module:
    """The tests with other expectations: "none", "constants" or "false"."""
    if canary == "constants":
        tree = Perturb().visit(tree)
    if canary != "none":
        tree = Doubt(always=canary == "false").visit(tree)
    return ast.fix_missing_locations(tree)


class Perturb(ast.NodeTransformer):
    """Changes every constant that an assertion or an equality compares with."""

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        """Changes what stands on the right."""
        node.comparators = [other_than(part) for part in node.comparators]
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Changes the second argument of unittest's assertions."""
        self.generic_visit(node)
        if isinstance(node.func, ast.Attribute) and node.func.attr.startswith("assert"):
            node.args[1:2] = [other_than(part) for part in node.args[1:2]]
        return node


def other_than(node: ast.expr) -> ast.expr:
    """An expression that equals nothing: a fresh object, which only a liar equals."""
    return ast.copy_location(
        ast.Call(func=ast.Name("object", ast.Load()), args=[], keywords=[]), node
    )


class Doubt(ast.NodeTransformer):
    """Turns assertions of truth around where no comparison could be changed."""

    def __init__(self, *, always: bool) -> None:
        self._always = always

    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        """Makes it one that no correct candidate passes."""
        if self._always:
            # The candidate is still called: what it does then is what is watched.
            node.test = ast.BoolOp(ast.And(), [ast.Tuple([node.test], ast.Load()), ast.Constant(0)])
        elif not any(isinstance(part, ast.Compare) for part in ast.walk(node.test)):
            node.test = ast.UnaryOp(ast.Not(), node.test)
        return node
