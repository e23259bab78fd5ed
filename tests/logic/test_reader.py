"""Formulas as people and models write them: what they are read as, and what is said of errors."""

from __future__ import annotations

import pytest

from sandboxes.logic.printing import printed
from sandboxes.logic.reader import (
    Dialect,
    ErrorCode,
    Finding,
    LintCode,
    Reading,
    Role,
    Source,
    applied,
    read,
)
from sandboxes.logic.syntax import Formula, free_variables


def _read(text: str, dialect: Dialect = Dialect.FOL) -> Reading:
    return read([Source("conclusion", text, Role.GOAL)], dialect)


def _formula(text: str, dialect: Dialect = Dialect.FOL) -> Formula:
    reading = _read(text, dialect)
    assert reading.problem, reading.findings
    assert reading.problem.goal
    return reading.problem.goal.formula


def _error(text: str, dialect: Dialect = Dialect.FOL) -> Finding:
    (found,) = _read(text, dialect).errors
    return found


def _repaired(text: str) -> list[str]:
    """What each fix of the one finding makes of a text."""
    source = Source("conclusion", text, Role.GOAL)
    (found,) = read([source]).findings
    return [applied(fix, source).text for fix in found.fixes]


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        pytest.param("all x. (P(x) -> Q(x))", "∀x (P(x) → Q(x))", id="nltk"),
        pytest.param("all x.P(x)", "∀x P(x)", id="dot-without-space"),
        pytest.param("all x y.R(x,y)", "∀x, y R(x, y)", id="nltk-two-variables"),
        pytest.param("all x (P(x) -> Q(x)).", "∀x (P(x) → Q(x))", id="prover9"),
        pytest.param("∀x∀y(R(x,y) ↔ ¬R(y,x))", "∀x ∀y (R(x, y) ↔ ¬R(y, x))", id="unicode"),
        pytest.param("∀x, y: R(x, y)", "∀x, y R(x, y)", id="comma-and-colon"),
        pytest.param("(∃x)(P(x) & Q(x))", "∃x (P(x) ∧ Q(x))", id="bracketed-quantifier"),
        pytest.param(r"\forall x (P(x) \to \neg Q(x))", "∀x (P(x) → ¬Q(x))", id="latex"),
        pytest.param("forall x. P(x) and not Q(a)", "(∀x P(x)) ∧ ¬Q(a)", id="words"),
        pytest.param("P(a) => Q(a) | R(a) & S(a)", "P(a) → (Q(a) ∨ (R(a) ∧ S(a)))", id="binding"),
        pytest.param("P(a) ⊕ Q(a) → R(a)", "(P(a) ⊕ Q(a)) → R(a)", id="exclusive-or-before-arrow"),
        pytest.param("P <-> Q -> R", "P ↔ (Q → R)", id="arrow-before-double-arrow"),
        pytest.param("P(a) <- Q(a)", "Q(a) → P(a)", id="reversed-arrow"),
        pytest.param("-P(a) & Q(a)", "¬P(a) ∧ Q(a)", id="negation-is-tight"),
        pytest.param("all x. P(x) -> Q(a)", "∀x P(x) → Q(a)", id="quantifier-is-tight"),
        pytest.param("¬a = b", "a ≠ b", id="no-term-is-negated"),
        pytest.param("(a) = (b)", "a = b", id="terms-in-brackets"),
        pytest.param("f(g(a), b) != c", "f(g(a), b) ≠ c", id="functions"),
        pytest.param("[P(a) & {Q(b)}]", "P(a) ∧ Q(b)", id="brackets-of-all-kinds"),
        pytest.param("P() & Q", "P ∧ Q", id="propositions"),
        pytest.param("Anti-abortion(mr.smith)", '"Anti-abortion"("mr.smith")', id="folio-names"),
        pytest.param("Grade(john's, a+)", "Grade(“john's”, “a+”)", id="marks-in-names"),
        pytest.param('Title(x1, "New York")', 'Title(x1, "New York")', id="quoted-name"),
        pytest.param("Born(Świątek, 1995)", 'Born(Świątek, "1995")', id="letters-of-all-scripts"),
        pytest.param("$true | $F", "⊤ ∨ ⊥", id="constants"),
    ],
)  # fmt: skip
def test_spellings(text: str, meaning: str) -> None:
    assert _formula(text) == _formula(meaning, Dialect.UNICODE)


def test_what_is_printed_is_what_people_write() -> None:
    text = "∀x ((Dog(x) ∧ ¬(x = rex)) → ∃y (Owns(y, x) ⊕ Likes(y, x)))"
    assert printed(_formula(text)) == (
        "∀x ((Dog(x) ∧ (x ≠ rex)) → ∃y (Owns(y, x) ⊕ Likes(y, x)))".replace("¬(x = rex)", "x ≠ rex")
    )


@pytest.mark.parametrize(
    ("text", "dialect", "free"),
    [
        pytest.param("P(x) & Q(bob)", Dialect.NLTK, ["x"], id="lone-letter"),
        pytest.param("P(a) & Q(x1)", Dialect.UNICODE, ["x1"], id="letter-and-digit"),
        pytest.param("P(yuri) & Q(bob)", Dialect.NLTK, [], id="yuri-is-a-name"),
        pytest.param("P(yuri) & Q(bob)", Dialect.PROVER9, ["yuri"], id="yuri-in-prover9"),
        pytest.param("P(yuri) & Q(bob)", Dialect.STRICT, ["yuri"], id="yuri-as-linc-has-it"),
        pytest.param('P("x")', Dialect.NLTK, [], id="quoted-names-are-constants"),
        pytest.param("exists dog. P(dog)", Dialect.NLTK, [], id="bound-whatever-its-name"),
    ],
)
def test_free_variables(text: str, dialect: Dialect, free: list[str]) -> None:
    assert [variable.name for variable in free_variables(_formula(text, dialect))] == free


def test_nltk_has_arrows_to_the_left_and_says_so() -> None:
    reading = _read("P -> Q -> R", Dialect.NLTK)
    assert reading.problem
    assert reading.problem.goal
    assert reading.problem.goal.formula == _formula("(P -> Q) -> R")
    assert _formula("P → Q → R", Dialect.UNICODE) == _formula("P → (Q → R)")
    assert _repaired("P → Q → R") == ["(P → Q) → R", "P → (Q → R)"]
    (found,) = reading.findings
    assert found.code is LintCode.CHAINED_IMPLICATION


@pytest.mark.parametrize(
    ("text", "code", "column", "fixed"),
    [
        pytest.param("all x. (P(x)", ErrorCode.UNBALANCED, 8, "all x. (P(x))", id="not-closed"),
        pytest.param("P(a))", ErrorCode.UNBALANCED, 5, "P(a)", id="not-opened"),
        pytest.param("(P(a]", ErrorCode.UNBALANCED, 5, None, id="other-bracket"),
        pytest.param("P(White Cat)", ErrorCode.SPACE_IN_NAME, 3, "P(WhiteCat)", id="space"),
        pytest.param("∀x ∀y P(x y)", ErrorCode.SPACE_IN_NAME, 9, "∀x ∀y P(x, y)", id="comma"),
        pytest.param("P(a,)", ErrorCode.UNEXPECTED, 5, "P(a)", id="comma-too-many"),
        pytest.param("no x. P(x)", ErrorCode.UNKNOWN_QUANTIFIER, 1, "¬∃ x. P(x)", id="no"),
        pytest.param("most x. P(x)", ErrorCode.UNKNOWN_QUANTIFIER, 1, None, id="most"),
        pytest.param("P(a & b)", ErrorCode.FORMULA_AS_TERM, 5, None, id="and-in-arguments"),
        pytest.param("P(¬a)", ErrorCode.FORMULA_AS_TERM, 3, None, id="not-in-arguments"),
        pytest.param("P(a) = (Q(a) & R(a))", ErrorCode.EQUALITY_OF_FORMULAS, 8,
                     "P(a) ↔ (Q(a) & R(a))", id="equal-formulas"),
        pytest.param("P(a) Q(a)", ErrorCode.MISSING_OPERATOR, 6, None, id="no-operator"),
        pytest.param("∀x x", ErrorCode.TERM_AS_FORMULA, 4, None, id="variable-as-formula"),
        pytest.param("∀x (P(x-1))", ErrorCode.ARITHMETIC, 7, None, id="arithmetic-on-variables"),
        pytest.param("∀P P(a)", ErrorCode.SECOND_ORDER, 4, None, id="quantified-predicate"),
        pytest.param("∀ (P(a))", ErrorCode.UNEXPECTED, 3, None, id="nothing-quantified"),
        pytest.param("P(a) &", ErrorCode.UNEXPECTED, 7, None, id="ends-early"),
        pytest.param("P(\u202ea)", ErrorCode.BAD_CHARACTER, 3, None, id="bidirectional-control"),
        pytest.param("P(a\x00)", ErrorCode.BAD_CHARACTER, 4, None, id="nul"),
        pytest.param("P(\ud800)", ErrorCode.BAD_CHARACTER, 3, None, id="lone-surrogate"),
        pytest.param("P(a\u200b)", ErrorCode.BAD_CHARACTER, 4, None, id="zero-width-space"),
        pytest.param('P("a\u200b")', ErrorCode.BAD_CHARACTER, 5, None, id="zero-width-in-quotes"),
        pytest.param('P("a\u202eb")', ErrorCode.BAD_CHARACTER, 5, None, id="control-in-quotes"),
        pytest.param("P(a\u3164)", ErrorCode.BAD_CHARACTER, 4, None, id="letter-without-shape"),
        pytest.param("# nothing", ErrorCode.EMPTY, 1, None, id="comment-only"),
        pytest.param(" \n ", ErrorCode.EMPTY, 1, None, id="blank"),
        pytest.param("P(a)\nQ(a)", ErrorCode.GOAL, 1, None, id="two-goals"),
    ],
)  # fmt: skip
def test_errors(text: str, code: ErrorCode, column: int, fixed: str | None) -> None:
    found = _error(text)
    assert found.code is code
    assert found.column == column
    assert found.message.isprintable()
    if fixed is None:
        return
    assert _repaired(text)[0] == fixed
    assert _read(fixed).problem


@pytest.mark.parametrize(
    ("text", "dialect"),
    [
        pytest.param("fof(a, conjecture, 'p\u200b').", Dialect.TPTP, id="tptp"),
        pytest.param("(declare-const |p\u3164| Bool)(assert |p|)", Dialect.SMTLIB, id="smtlib"),
        pytest.param("P(a\u3164, True)", Dialect.PYKE, id="pyke"),
    ],
)
def test_names_have_no_letters_that_nobody_sees(text: str, dialect: Dialect) -> None:
    assert _error(text, dialect).code is ErrorCode.BAD_CHARACTER


def test_errors_have_lines() -> None:
    reading = read([Source("source", "P(a)\nQ(a) & )\n  R(b c)", Role.PREMISES)])
    assert [(found.line, found.column) for found in reading.errors] == [(2, 8), (3, 5)]


def test_all_errors_of_a_formula_are_told_at_once() -> None:
    reading = _read("P(a & b) | Q(New York) & (R(a) S(b)) & T(¬a)")
    assert [(found.code, found.column) for found in reading.errors] == [
        (ErrorCode.FORMULA_AS_TERM, 5),
        (ErrorCode.SPACE_IN_NAME, 14),
        (ErrorCode.MISSING_OPERATOR, 32),
        (ErrorCode.FORMULA_AS_TERM, 42),
    ]


def test_a_bracket_is_repaired_in_each_way_that_gives_another_formula() -> None:
    assert _repaired("∀x (P(x) → Q(x)) ∧ R(a))") == [
        "∀x (P(x) → Q(x)) ∧ R(a)",
        "∀x (P(x) → Q(x) ∧ R(a))",
        "∀x ((P(x) → Q(x)) ∧ R(a))",
    ]


def test_repairs_that_leave_a_variable_free_give_way_to_those_that_do_not() -> None:
    for text in _repaired("∀x (P(x)) → Q(x))"):
        assert not free_variables(_formula(text))


def test_a_repair_is_never_made() -> None:
    assert _read("all x. (P(x) -> Q(x)").problem is None


@pytest.mark.parametrize(
    ("text", "code", "fixed"),
    [
        pytest.param("P(a) ^ Q(a)", LintCode.CARET, ["P(a) ∧ Q(a)", "P(a) ⊕ Q(a)"], id="caret"),
        pytest.param("all x. P(x) -> Q(x)", LintCode.SCOPE, ["all x. (P(x) -> Q(x))"], id="scope"),
        pytest.param("P(a) ∧ Q(a) ⊕ R(a)", LintCode.MIXED_OPERATORS, [], id="mixed"),
        pytest.param("Age(a) < Age(b)", LintCode.COMPARISON, [], id="comparison"),
        pytest.param("∀x (P(x) ∧ ∃x Q(x))", LintCode.SHADOWED, [], id="shadowed"),
    ],
)
def test_lints_of_spelling(text: str, code: LintCode, fixed: list[str]) -> None:
    reading = _read(text)
    assert reading.problem
    assert [found.code for found in reading.findings] == [code]
    assert _repaired(text) == fixed


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("∀x (P(x) → Q(x)) ∧ R(a)", id="scope-ends-before"),
        pytest.param("(∀x P(x)) ∧ ∃x Q(x)", id="bound-again"),
        pytest.param("(P(a) ∧ Q(a)) ⊕ R(a)", id="brackets-are-there"),
        pytest.param("P(a) ⊕ Q(a)", id="nothing-mixed"),
        pytest.param("P → Q", id="one-arrow"),
    ],
)
def test_clear_texts_have_no_lints(text: str) -> None:
    assert _read(text).findings == ()
