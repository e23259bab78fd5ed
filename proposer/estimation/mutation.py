"""How many wrong programs would a test suite accept? Mutants of a reference stand in for them.

DeMillo, Lipton and Sayward, "Hints on Test Data Selection" (1978); the operators are those that
Offutt et al., "An Experimental Determination of Sufficient Mutant Operators" (TOSEM 5, 1996), found
to be enough, and a few for Python. References are parsed here and never run here: their mutants are
candidates like any others.
"""

from __future__ import annotations

import ast
import copy
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from proposer.estimation.counts import Answer, Observation, Truth
from proposer.estimation.judging import BatchVerifier, judged
from proposer.estimation.strengthening import by_suite
from verifier_service.model import (
    Candidate,
    Outcome,
    PythonTests,
    ServiceError,
    Verdict,
    VerificationSpec,
)

__all__ = ["Mutant", "MutationScore", "mutants", "mutation_scores"]

_COMPARISONS: Final[dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]]] = {
    ast.Lt: (ast.LtE, ast.GtE, ast.NotEq),
    ast.LtE: (ast.Lt, ast.Gt, ast.Eq),
    ast.Gt: (ast.GtE, ast.LtE, ast.NotEq),
    ast.GtE: (ast.Gt, ast.Lt, ast.Eq),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
_ARITHMETIC: Final[dict[type[ast.operator], tuple[type[ast.operator], ...]]] = {
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Add, ast.FloorDiv),
    ast.Div: (ast.Mult, ast.FloorDiv),
    ast.FloorDiv: (ast.Mult, ast.Div),
    ast.Mod: (ast.FloorDiv,),
    ast.Pow: (ast.Mult,),
    ast.BitAnd: (ast.BitOr,),
    ast.BitOr: (ast.BitAnd,),
    ast.BitXor: (ast.BitAnd,),
    ast.LShift: (ast.RShift,),
    ast.RShift: (ast.LShift,),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """A program that differs from the reference in one place."""

    source: str
    line: int
    """Of the reference."""
    change: str
    """What was changed into what, in Python: "a < b -> a <= b"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MutationScore:
    """What became of a problem's mutants.

    A mutant that neither the tests nor a larger suite tell from the reference counts as equivalent
    to it, and so as right.
    """

    problem_id: str
    mutant_count: int = 0
    killed_count: int = 0
    """Rejected by the problem's own tests: wrong."""
    wrong_accepted_count: int = 0
    """Accepted by them and rejected by the larger suite: false positives."""
    equivalent_count: int = 0
    """Accepted by both, as far as the larger suite can tell."""
    undecided_count: int = 0
    """One of the two could not tell, or the problem has no larger suite."""
    survivors: tuple[str, ...] = ()
    """The changes of the wrong mutants that were accepted."""
    problem: str = ""
    """Why there is no score, for a person."""

    def observations(self) -> list[Observation]:
        """What the estimators count: mutants as samples of the problem."""
        counted = (
            (Answer.REJECTED, Truth.WRONG, self.killed_count),
            (Answer.ACCEPTED, Truth.WRONG, self.wrong_accepted_count),
            (Answer.ACCEPTED, Truth.RIGHT, self.equivalent_count),
        )
        return [
            Observation(problem=self.problem_id, answer=answer, truth=truth)
            for answer, truth, count in counted
            for _ in range(count)
        ]


def mutants(source: str, count: int, *, preamble: str = "", seed: int = 0) -> list[Mutant]:
    """Different programs, each with one change to the source; a random choice if there are more.

    Args:
        source: The reference: a program, or what makes one together with the preamble.
        count: Mutants at most.
        preamble: Text that is put right before the source, and is not changed.
        seed: Of the choice.

    Raises:
        ValueError: The source is not valid Python.
    """
    try:
        tree, first_line = _parsed(source, preamble)
        original = ast.unparse(tree)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"The reference is no Python that can be read: {error}.") from error
    found: dict[str, Mutant] = {}
    for mutant in _all_mutants(tree):
        if mutant.source != original and mutant.line >= first_line:
            found.setdefault(mutant.source, mutant)
    chosen = list(found.values())
    random.Random(seed).shuffle(chosen)  # noqa: S311  # repeatable, and no secret
    return chosen[:count]


async def mutation_scores(
    verifier: BatchVerifier,
    references: Sequence[VerificationSpec],
    suites: Mapping[str, PythonTests],
    *,
    mutant_count: int = 40,
    seed: int = 0,
) -> list[MutationScore]:
    """What the tests of each problem say of mutants of its reference.

    Args:
        verifier: Runs everything.
        references: One spec for each problem: its tests, and the reference as the candidate.
        suites: Larger suites by problem, which tell wrong mutants from equivalent ones.
        mutant_count: Mutants of each problem, at most.
        seed: Of the choice among more mutants.
    """
    made: list[tuple[VerificationSpec, list[Mutant]]] = []
    failed: dict[str, MutationScore] = {}
    for spec in references:
        try:
            made.append((spec, _mutants_of(spec, mutant_count, seed)))
        except ValueError as error:
            name = spec.problem.problem_id
            failed[name] = MutationScore(problem_id=name, problem=str(error))
    specs = [_with_source(spec, one) for spec, ones in made for one in ones]
    answers = iter(await _answers(verifier, specs))
    by_problem = [(spec, [(one, next(answers)) for one in ones]) for spec, ones in made]
    strengthen = by_suite(suites)
    survivors = [
        asked
        for reference, ones in by_problem
        for one, answer in ones
        if answer is Answer.ACCEPTED
        if (asked := strengthen(_with_source(reference, one))) is not None
    ]
    strong = iter(await _answers(verifier, survivors))
    scored = {
        spec.problem.problem_id: _score(
            spec.problem.problem_id,
            ones,
            strong if spec.problem.problem_id in suites else iter(()),
        )
        for spec, ones in by_problem
    }
    scored |= failed
    return [scored[spec.problem.problem_id] for spec in references]


def _mutants_of(spec: VerificationSpec, count: int, seed: int) -> list[Mutant]:
    tests = spec.problem.criterion
    preamble = tests.preamble if isinstance(tests, PythonTests) else ""
    return mutants(spec.candidate.source, count, preamble=preamble, seed=seed)


def _parsed(source: str, preamble: str) -> tuple[ast.Module, int]:
    """The program, and the first line of it that is the source's own."""
    try:
        return ast.parse(source), 1
    except SyntaxError:
        return ast.parse(preamble + source), preamble.count("\n") + 1


def _score(
    problem_id: str, ones: Sequence[tuple[Mutant, Answer]], strong: Iterator[Answer]
) -> MutationScore:
    killed = sum(answer is Answer.REJECTED for _, answer in ones)
    accepted = [one for one, answer in ones if answer is Answer.ACCEPTED]
    told = [(one, next(strong, Answer.INCONCLUSIVE)) for one in accepted]
    wrong = [one for one, answer in told if answer is Answer.REJECTED]
    equivalent = sum(answer is Answer.ACCEPTED for _, answer in told)
    return MutationScore(
        problem_id=problem_id,
        mutant_count=len(ones),
        killed_count=killed,
        wrong_accepted_count=len(wrong),
        equivalent_count=equivalent,
        undecided_count=len(ones) - killed - len(wrong) - equivalent,
        survivors=tuple(f"line {one.line}: {one.change}" for one in wrong),
    )


async def _answers(verifier: BatchVerifier, specs: Sequence[VerificationSpec]) -> list[Answer]:
    return [_answer(result) for result in await judged(verifier, specs)]


def _answer(result: Verdict | ServiceError) -> Answer:
    if isinstance(result, ServiceError):
        return Answer.INCONCLUSIVE
    match result.outcome:
        case Outcome.ACCEPTED:
            return Answer.ACCEPTED
        case Outcome.REJECTED:
            return Answer.REJECTED
        case Outcome.INCONCLUSIVE:
            return Answer.INCONCLUSIVE


def _with_source(spec: VerificationSpec, mutant: Mutant) -> VerificationSpec:
    return replace(spec, candidate=Candidate(source=mutant.source))


# Changes ----------------------------------------------------------------------------------------


def _all_mutants(tree: ast.Module) -> Iterator[Mutant]:
    """Every change in every place, the places in the order of the text."""
    documentation = _documentation(tree)
    for place, node in enumerate(ast.walk(tree)):
        if id(node) in documentation:
            continue
        for changed in _changes(node):
            copied = copy.deepcopy(tree)
            _Replace(list(ast.walk(copied))[place], changed).visit(copied)
            ast.fix_missing_locations(copied)
            yield Mutant(
                source=ast.unparse(copied),
                line=getattr(node, "lineno", 0),
                change=f"{_text(node)} -> {_text(changed)}",
            )


class _Replace(ast.NodeTransformer):
    """Puts one node in the place of another."""

    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self._old, self._new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        if node is self._old:
            return copy.deepcopy(self._new)
        return self.generic_visit(node)


def _documentation(tree: ast.Module) -> set[int]:
    """Docstrings: statements that are nothing but a constant."""
    return {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        for part in (node, node.value)
    }


def _changes(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.Compare():
            yield from _compared_otherwise(node)
        case ast.BinOp():
            for operator in _ARITHMETIC.get(type(node.op), ()):
                yield ast.BinOp(left=node.left, op=operator(), right=node.right)
        case ast.AugAssign():
            for operator in _ARITHMETIC.get(type(node.op), ()):
                yield ast.AugAssign(target=node.target, op=operator(), value=node.value)
            yield ast.Pass()
        case ast.BoolOp():
            other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
            yield ast.BoolOp(op=other, values=node.values)
            yield from node.values
        case ast.UnaryOp(op=ast.Not() | ast.USub()):
            yield node.operand
        case ast.If() | ast.While():
            denied = ast.UnaryOp(op=ast.Not(), operand=node.test)
            yield type(node)(test=denied, body=node.body, orelse=node.orelse)
        case ast.IfExp():
            yield node.body
            yield node.orelse
        case ast.Constant():
            yield from _other_constants(node)
        case ast.Slice():
            yield from _other_slices(node)
        case ast.Break():
            yield ast.Continue()
        case ast.Continue():
            yield ast.Break()
        case ast.Return(value=ast.expr()):
            yield ast.Return(value=ast.Constant(value=None))
        case ast.Assign() | ast.Expr():
            yield ast.Pass()
        case ast.Call(func=ast.Name(id="min" | "max" as name)):
            other_name = ast.Name(id="max" if name == "min" else "min", ctx=ast.Load())
            yield ast.Call(func=other_name, args=node.args, keywords=node.keywords)
        case ast.Call(func=ast.Name(id="sorted" | "abs" | "set" | "list"), args=[one]):
            yield one


def _compared_otherwise(node: ast.Compare) -> Iterator[ast.Compare]:
    for index, operator in enumerate(node.ops):
        for other in _COMPARISONS[type(operator)]:
            operators = [*node.ops[:index], other(), *node.ops[index + 1 :]]
            yield ast.Compare(left=node.left, ops=operators, comparators=node.comparators)


def _other_constants(node: ast.Constant) -> Iterator[ast.Constant]:
    match node.value:
        case bool(value):
            yield ast.Constant(value=not value)
        case int(number) | float(number):
            for other in dict.fromkeys((number + 1, number - 1, 0)):
                yield ast.Constant(value=other)
        case str(text):
            yield ast.Constant(value="" if text else "x")


def _other_slices(node: ast.Slice) -> Iterator[ast.Slice]:
    if node.lower is not None:
        yield ast.Slice(lower=None, upper=node.upper, step=node.step)
    if node.upper is not None:
        yield ast.Slice(lower=node.lower, upper=None, step=node.step)
    if node.step is not None:
        yield ast.Slice(lower=node.lower, upper=node.upper, step=None)


def _text(node: ast.AST) -> str:
    words = " ".join(ast.unparse(node).split())
    return words if len(words) <= 60 else words[:60] + "…"
