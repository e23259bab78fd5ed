"""LINC's reading of a text: what NLTK 3.10 and Prover9 2009-11A were seen to make of it."""

from __future__ import annotations

import pytest

from sandboxes.logic import syntax as s
from sandboxes.logic.printing import printed_term
from sandboxes.logic.reader import Dialect, ErrorCode, Reading, Role, Source, read
from sandboxes.logic.theory import decide
from verifier_service.model import Entailment


def _read(premises: list[str], goal: str) -> Reading:
    return read(
        [
            *(Source(f"premises[{n}]", text) for n, text in enumerate(premises)),
            Source("conclusion", goal, Role.GOAL),
        ],
        Dialect.STRICT,
    )


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        pytest.param("all x. P(x) -> Q(x)", "∀x P(x) → Q(x)", id="quantifier-is-tight"),
        pytest.param("A -> B -> C", "(A → B) → C", id="arrows-to-the-left"),
        pytest.param("A <-> B -> C", "A ↔ (B → C)", id="arrow-before-double-arrow"),
        pytest.param("A & B | C & D", "(A ∧ B) ∨ (C ∧ D)", id="and-before-or"),
        pytest.param("A & B & C", "(A ∧ B) ∧ C", id="and-to-the-left"),
        pytest.param("A ^ B", "A ∧ B", id="caret-is-and"),
        pytest.param("not A and B", "¬A ∧ B", id="words"),
        pytest.param("all x y.R(x,y)", "∀x ∀y R(x, y)", id="two-variables"),
        pytest.param("exists x.((x)=A)", "∃x (x = A)", id="equality"),
        pytest.param("exists x.(x = A)", "∃x (x_ = _A)", id="linc-rewrites-equations"),
        pytest.param("P(yuri)", "P(yuri)", id="yuri-is-a-variable"),
        pytest.param("all x. -x = A", "∀x (¬x = A)", id="negated-term"),
        pytest.param("P(New York, 7-Eleven)", "P(New_York, Seven_Eleven)", id="linc-rewrites"),
        pytest.param("P(Pappy's)", "P(Pappys)", id="linc-drops-quotes"),
        pytest.param("Knows(A, Likes(B))", "Knows(A, Likes(B))", id="nested-names-are-functions"),
        pytest.param('P("A b")', 'P("A_b")', id="quoted"),
        pytest.param("P(x, [A, B])", "P(x, $cons(A, $cons(B, $nil)))", id="list"),
    ],
)
def test_readings(text: str, meaning: str) -> None:
    reading = _read([], text)
    assert reading.problem, reading.findings
    assert reading.problem.goal
    assert _written(reading.problem.goal.formula) == meaning


def _written(formula: s.Formula) -> str:
    """The formula without regard to what needs quotes."""

    def term(node: s.Term) -> str:
        if isinstance(node, s.Application) and node.symbol.name == "-":
            return f"¬{term(node.arguments[0])}"
        return printed_term(node)

    match formula:
        case s.Atom(symbol, arguments):
            listed = ", ".join(map(term, arguments))
            return f"{symbol.name}({listed})" if arguments else symbol.name
        case s.Equality(left, right):
            return f"{term(left)} = {term(right)}"
        case s.Universal((variable,), body):
            return f"∀{variable.name} {_bracketed(body)}"
        case s.Existential((variable,), body):
            return f"∃{variable.name} {_bracketed(body)}"
        case s.Negation(operand):
            return f"¬{_bracketed(operand)}"
        case s.Conjunction((left, right)):
            return f"{_bracketed(left)} ∧ {_bracketed(right)}"
        case s.Disjunction((left, right)):
            return f"{_bracketed(left)} ∨ {_bracketed(right)}"
        case s.Implication(left, right):
            return f"{_bracketed(left)} → {_bracketed(right)}"
        case s.Equivalence(left, right):
            return f"{_bracketed(left)} ↔ {_bracketed(right)}"
        case _:
            raise AssertionError(formula)


def _bracketed(formula: s.Formula) -> str:
    text = _written(formula)
    tight = s.Atom | s.Negation | s.Universal | s.Existential
    return text if isinstance(formula, tight) else f"({text})"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        pytest.param("∀x P(x)", ErrorCode.UNEXPECTED, id="unicode"),
        pytest.param("¬P(A)", ErrorCode.BAD_NAME, id="unicode-negation-is-a-letter"),
        pytest.param("P(Świątek)", ErrorCode.BAD_NAME, id="letters-of-ascii"),
        pytest.param("all dog. P(dog)", ErrorCode.UNEXPECTED, id="long-variable"),
        pytest.param("all x, y. R(x, y)", ErrorCode.UNEXPECTED, id="comma-between-variables"),
        pytest.param("P((x & y))", ErrorCode.FORMULA_AS_TERM, id="formula-as-term"),
        pytest.param("x(A)", ErrorCode.BAD_NAME, id="variable-as-predicate"),
        pytest.param("x", ErrorCode.TERM_AS_FORMULA, id="variable-as-formula"),
        pytest.param("P(A", ErrorCode.UNEXPECTED, id="not-closed"),
        pytest.param("P(A) Q(A)", ErrorCode.UNEXPECTED, id="no-operator"),
        pytest.param("P(A) > 3", ErrorCode.UNEXPECTED, id="comparison"),
        pytest.param("(" * 300 + "A" + ")" * 300, ErrorCode.TOO_DEEP, id="too-deep"),
        pytest.param("A & " * 300 + "A", ErrorCode.TOO_DEEP, id="too-long"),
    ],
)
def test_refusals(text: str, code: ErrorCode) -> None:
    reading = _read([], text)
    assert [found.code for found in reading.errors] == [code]


@pytest.mark.parametrize(
    ("premise", "goal"),
    [
        pytest.param("Manager(A)", "Job(A, Manager)", id="predicate-and-constant"),
        pytest.param("Rent(A, B)", "P(Rent(A))", id="predicate-and-function"),
        pytest.param("Deposit(A)", "Deposit(A, B)", id="two-arities"),
        pytest.param("P(F(A))", "P(F(A, B))", id="two-arities-of-a-function"),
    ],
)
def test_a_name_has_one_use(premise: str, goal: str) -> None:
    assert [found.code for found in _read([premise], goal).errors] == [ErrorCode.CLASH]
    assert read(
        [Source("premises[0]", premise), Source("conclusion", goal, Role.GOAL)], Dialect.FOL
    ).problem


@pytest.mark.parametrize(
    ("premise", "entailment"),
    [
        pytest.param("P(A)", Entailment.INDEPENDENT, id="one-thing"),
        pytest.param("all x. P(x)", Entailment.ENTAILED, id="everything"),
        pytest.param("-P(A)", Entailment.INDEPENDENT, id="one-thing-not"),
        pytest.param("all x. -P(x)", Entailment.CONTRADICTED, id="nothing"),
    ],
)
def test_an_open_goal_follows_for_all_values_and_fails_for_all_values(
    premise: str, entailment: Entailment
) -> None:
    """As LINC asks Prover9: for `P(x)`, and for `-(P(x))`, each closed by itself."""
    problem = _read([premise], "P(x)").problem
    assert problem
    assert decide(problem).entailment is entailment


def test_an_open_goal_read_with_tolerance_fails_where_it_fails_for_one() -> None:
    sources = [Source("premises[0]", "-P(A)"), Source("conclusion", "P(x)", Role.GOAL)]
    problem = read(sources, Dialect.NLTK).problem
    assert problem
    assert decide(problem).entailment is Entailment.CONTRADICTED
