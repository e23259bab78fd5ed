"""Texts made to cost much, to break the reader, or to reach what lies beyond it.

Each is an error or a formula, at once. The time limit of the suite is what a text that costs
quadratic time would run into: the texts are long enough for that.
"""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandboxes.logic.canonical import canonical
from sandboxes.logic.lints import lint
from sandboxes.logic.printing import printed
from sandboxes.logic.reader import Dialect, ErrorCode, Role, Source, read
from sandboxes.logic.reader.findings import MAX_ERRORS
from sandboxes.logic.reader.script import read_script
from sandboxes.logic.syntax import DEPTH_LIMIT, depth


def _let_bomb(levels: int) -> str:
    text, value = "", "c"
    for level in range(levels):
        text += f"(let ((x{level} (f {value} {value}))) "
        value = f"x{level}"
    declared = "(declare-sort U 0)(declare-fun f (U U) U)(declare-fun p (U) Bool)"
    return f"{declared}(declare-const c U)(assert {text}(p {value}){')' * levels})"


def _macro_bomb(levels: int) -> str:
    lines = ["(declare-sort U 0)(declare-fun f (U U) U)(declare-fun p (U) Bool)(declare-const c U)"]
    lines.append("(define-fun g0 ((x U)) U (f x x))")
    lines += [f"(define-fun g{n} ((x U)) U (g{n - 1} (g{n - 1} x)))" for n in range(1, levels)]
    return "".join(lines) + f"(assert (p (g{levels - 1} c)))"


_HUGE = {ErrorCode.TOO_DEEP, ErrorCode.TOO_LARGE}


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        pytest.param("(" * 10_000 + "P(a)" + ")" * 10_000, _HUGE, id="brackets"),
        pytest.param("-" * 100_000 + "P(a)", _HUGE, id="negations"),
        pytest.param("all x. " * 10_000 + "P(x)", _HUGE, id="quantifiers"),
        pytest.param("all " + "x " * 10_000 + ". P(x)", _HUGE, id="variables"),
        pytest.param("f(" * 10_000 + "a" + ")" * 10_000 + " = a", _HUGE, id="terms"),
        pytest.param("P(" + "a, " * 10_000 + "a)", _HUGE, id="arguments"),
        pytest.param("A -> " * 10_000 + "A", _HUGE, id="arrows"),
        pytest.param("A <-> " * 10_000 + "A", _HUGE, id="double-arrows"),
        pytest.param("A ⊕ " * 10_000 + "A", _HUGE, id="exclusive-ors"),
        pytest.param("A & " * 200_000 + "A", _HUGE, id="conjuncts"),
        pytest.param("x" * 100_000 + "(a)", _HUGE, id="name"),
        pytest.param("P(a)\n" * 100_000, _HUGE, id="statements"),
        pytest.param("P(a) " * 300_000, _HUGE, id="megabytes"),
        pytest.param("fof(a, axiom, " + "(" * 50_000 + "p", _HUGE, id="tptp-brackets"),
        pytest.param("fof(a, axiom, " + "~" * 50_000 + "p).", _HUGE, id="tptp-negations"),
        pytest.param("fof(a, axiom, p(" * 30_000, _HUGE, id="tptp-terms"),
        pytest.param("(assert " * 50_000, _HUGE, id="smtlib-brackets"),
        pytest.param(_let_bomb(60), _HUGE, id="smtlib-lets"),
        pytest.param(_macro_bomb(40), _HUGE, id="smtlib-definitions"),
        pytest.param(
            "(declare-sort U 0)" + "".join(f"(declare-const c{n} U)" for n in range(2_000))
            + "(assert (distinct " + " ".join(f"c{n}" for n in range(2_000)) + "))",
            _HUGE, id="smtlib-distinct",
        ),
        pytest.param("all x. P(y) & " * 20_000, _HUGE, id="quantifiers-with-scopes"),
        pytest.param("(\n" * 100_000, _HUGE | {ErrorCode.UNBALANCED}, id="open-lines"),
        pytest.param('"' * 300_000, _HUGE | {ErrorCode.BAD_CHARACTER}, id="quotes"),
        pytest.param("‘" * 300_000, _HUGE | {ErrorCode.BAD_CHARACTER}, id="opening-quotes"),
        pytest.param("/*" * 200_000 + "fof(a, axiom, p).", _HUGE | {ErrorCode.BAD_CHARACTER},
                     id="comments"),
        pytest.param("formulas(assumptions).\n" * 30_000, {ErrorCode.UNEXPECTED}, id="lists"),
        pytest.param("\n" * 900_000 + "P(", {ErrorCode.UNBALANCED}, id="lines"),
        pytest.param("\ud800" * 1_000, {ErrorCode.BAD_CHARACTER}, id="surrogates"),
        pytest.param("P(a b) & " * 1_000 + "Q", {ErrorCode.SPACE_IN_NAME}, id="errors"),
    ],
)  # fmt: skip
def test_hostile_texts(text: str, codes: set[ErrorCode]) -> None:
    reading = read([Source("source", text)])
    assert reading.problem is None
    assert 0 < len(reading.errors) <= MAX_ERRORS
    assert {found.code for found in reading.errors} <= codes
    assert all(len(found.message) < 400 for found in reading.findings)


@pytest.mark.parametrize("dialect", Dialect)
@given(text=st.text(max_size=80))
@settings(max_examples=150, deadline=None)
def test_any_text_is_a_problem_or_an_error(dialect: Dialect, text: str) -> None:
    reading = read([Source("source", text, Role.FORMALISATION)], dialect)
    assert (reading.problem is None) == bool(reading.errors)


_WORDS = [
    *("∀", "∃", "¬", "⊕", "all", "exists", "x", "y", "P", "Q", "a", "b", "f", "(", ")", "[", "]"),
    *(",", ".", "&", "|", "->", "<->", "=", "!=", "^", "<", "'", '"', ":", "\n", ":::", "%", "#"),
    *("$x", ">>>", "&&", "True", "fof(", "axiom", "![X]:", "~", "=>", ").", "Conclusion:", "FOL:"),
    *("(assert", "(forall", "((x", "U))", "(let", ":named", "goal", "(declare-const", "Bool"),
]
_SHREDS = st.lists(st.sampled_from(_WORDS), max_size=25).map(" ".join)


@pytest.mark.parametrize("dialect", Dialect)
@given(text=_SHREDS)
@settings(max_examples=150, deadline=None)
def test_any_words_are_a_problem_or_an_error(dialect: Dialect, text: str) -> None:
    source = Source("source", text, Role.FORMALISATION)
    reading = read([source], dialect)
    assert (reading.problem is None) == bool(reading.errors)
    read_script(source)
    if reading.problem:
        lint(reading.problem, [source], dialect)
        canonical(reading.problem)


def test_a_formula_at_the_depth_limit_can_be_worked_with() -> None:
    text = "(¬" * (DEPTH_LIMIT // 2 - 2) + "P(f(a))" + ")" * (DEPTH_LIMIT // 2 - 2)
    source = Source("source", text, Role.GOAL)
    problem = read([source]).problem
    assert problem
    assert problem.goal
    nested = "fof(g, conjecture, " + "~ " * (DEPTH_LIMIT - 3) + "p(f(a)))."
    deep = read([Source("source", nested, Role.GOAL)]).problem
    assert deep
    assert deep.goal
    assert depth(deep.goal.formula) == DEPTH_LIMIT
    for one in (problem, deep):
        assert one.goal
        assert pickle.loads(pickle.dumps(one)) == one
        assert canonical(one).key
        assert printed(one.goal.formula)
        lint(one, [source])
