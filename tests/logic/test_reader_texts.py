"""Texts of several formulas: which are premises, which is the goal, and that none is dropped."""

from __future__ import annotations

import pytest

from sandboxes.logic.canonical import statement_key
from sandboxes.logic.printing import printed
from sandboxes.logic.reader import Dialect, ErrorCode, Reading, Role, Source, read
from sandboxes.logic.syntax import predicate, symbols

LOGIC_LM = """\
Predicates:
Perform(x) ::: x performs in shows.
Attend(x) ::: x attends events.
Premises:
∀x (Perform(x) → Attend(x)) ::: If people perform, they attend.
Perform(bonnie) ⊕
Attend(rina)
Conclusion:
Attend(bonnie) ::: Bonnie attends.
"""

PYKE = """\
Predicates:
Green($x, bool) ::: Is x green?
Likes($x, $y) ::: Does x like y?

Facts:
Green(bear, True) ::: The bear is green.

Rules:
Green($x, True) && Likes($x, cat) >>> Green(cat, False)

Query:
Green(cat, False)
"""

LINC = """\
<PREMISES>
TEXT:\tAll dogs bark.
FOL:\tall x. (Dog(x) -> Bark(x))
TEXT:\tRex is a dog.
FOL: Dog(Rex)
</PREMISES>
<CONCLUSION>
TEXT:\tRex barks.
FOL:\tBark(Rex)
</CONCLUSION>
"""

PROVER9 = """\
assign(max_seconds, 10).
formulas(assumptions).
  all x (man(x) -> mortal(x))   # label(law)
    .
  man(socrates).  % he is
end_of_list.

formulas(goals).
  all x man(x) -> mortal(socrates).
end_of_list.
"""

TPTP = """\
% A comment, /* and no other.
fof(law, axiom, ![X]: (man(X) => mortal(X))).
fof('the fact', hypothesis, man(socrates), file('x.p', y), [tag]).
/* fof(no, axiom, $false). */
fof(goal, conjecture, mortal(socrates)).
"""

SMTLIB = """\
(set-logic UF)
(declare-sort Human 0)
(declare-fun mortal (Human) Bool)
(declare-const socrates Human)
(assert (! (forall ((x Human)) (mortal x)) :named law))  ; all of them
(assert (! (mortal socrates) :named goal))
(check-sat)
"""


def _read(text: str, role: Role = Role.FORMALISATION, dialect: Dialect | None = None) -> Reading:
    return read([Source("source", text, role)], dialect)


def _meaning(reading: Reading) -> tuple[list[str], str]:
    assert reading.problem, reading.findings
    goal = reading.problem.goal
    return [printed(one.formula) for one in reading.problem.premises], (
        printed(goal.formula) if goal else ""
    )


@pytest.mark.parametrize(
    ("text", "premises", "goal"),
    [
        pytest.param(
            LOGIC_LM,
            ["∀x (Perform(x) → Attend(x))", "Perform(bonnie) ⊕ Attend(rina)"],
            "Attend(bonnie)",
            id="logic-lm",
        ),
        pytest.param(
            PYKE,
            ["Green(bear)", "∀x ((Green(x) ∧ Likes(x, cat)) → ¬Green(cat))"],
            "¬Green(cat)",
            id="pyke",
        ),
        pytest.param(LINC, ["∀x (Dog(x) → Bark(x))", "Dog(Rex)"], "Bark(Rex)", id="linc"),
        pytest.param(
            PROVER9,
            ["∀x (man(x) → mortal(x))", "man(socrates)"],
            "∀x man(x) → mortal(socrates)",
            id="prover9",
        ),
        pytest.param(
            TPTP, ["∀X (man(X) → mortal(X))", "man(socrates)"], "mortal(socrates)", id="tptp"
        ),
        pytest.param("P(a)\n\n# because\nQ(a)", ["P(a)"], "Q(a)", id="last-line-is-the-goal"),
        pytest.param(
            "!P(a, True) && ~Q(a, False) >>> R(a)", [], "(¬P(a) ∧ Q(a)) → R(a)", id="pyke-denial"
        ),
        pytest.param(
            "formulas(assumptions).\nall x p.\nq. all x. r(x).\nend_of_list.\n"
            "formulas(goals).\nexists x q.\nend_of_list.",
            ["∀x p", "q", "∀x r(x)"],
            "∃x q",
            id="dots-that-end-and-dots-that-do-not",
        ),
        pytest.param("all x p.\nq.", ["∀x p"], "q", id="dots-at-the-ends-of-lines"),
        pytest.param("P(a)\n⊢ Q(a)\n", ["P(a)"], "Q(a)", id="turnstile"),
        pytest.param("**Premises:** P(a)\nConclusion: Q(a)", ["P(a)"], "Q(a)", id="headings"),
    ],
)
def test_texts(text: str, premises: list[str], goal: str) -> None:
    assert _meaning(_read(text)) == (premises, goal)


def test_smtlib() -> None:
    reading = _read(SMTLIB)
    assert reading.dialect is Dialect.SMTLIB
    assert reading.problem
    assert [one.identifier for one in reading.problem.premises] == ["law"]
    assert reading.problem.goal
    assert printed(reading.problem.goal.formula) == "mortal(socrates)"


def test_what_a_text_says_of_its_symbols_is_kept() -> None:
    glosses = _read(LOGIC_LM).glosses
    assert glosses[predicate("Perform", 1)] == "x performs in shows."
    assert predicate("Likes", 2) in _read(PYKE).glosses


def test_statements_know_where_they_stand() -> None:
    problem = _read(LOGIC_LM).problem
    assert problem
    first = problem.premises[0]
    assert first.identifier == "p1"
    assert first.gloss == "If people perform, they attend."
    assert first.span
    assert LOGIC_LM[first.span.start : first.span.end] == first.text
    law = _read(TPTP).problem
    assert law
    assert [one.identifier for one in law.premises] == ["law", "the fact"]


def test_texts_of_several_dialects_make_one_problem() -> None:
    reading = read(
        [
            Source("premises[0]", "∀x (Dog(x) → Bark(x))"),
            Source("premises[1]", "Dog($x, True) && Big($x, True) >>> Loud($x, True)"),
            Source("premises[2]", "Dog(rex, True)"),
            Source("conclusion", "Bark(rex)", Role.GOAL),
        ]
    )
    assert _meaning(reading) == (
        [
            "∀x (Dog(x) → Bark(x))",
            "∀x ((Dog(x) ∧ Big(x)) → Loud(x))",
            "Dog(rex)",
        ],
        "Bark(rex)",
    )


def test_a_truth_value_is_a_name_where_nothing_else_is_pyke() -> None:
    reading = read(
        [
            Source("premises[0]", "∀x (Answer(x, True) → Right(x))"),
            Source("premises[1]", "Answer(a, True)"),
            Source("conclusion", "Right(a)", Role.GOAL),
        ]
    )
    assert reading.problem
    first, second = reading.problem.premises
    assert predicate("Answer", 2) in symbols(first.formula)
    assert predicate("Answer", 2) in symbols(second.formula)


def test_declarations_hold_for_the_texts_that_follow() -> None:
    reading = read(
        [
            Source("premises[0]", "(declare-sort U 0)(declare-fun p (U) Bool)(declare-const a U)"),
            Source("premises[1]", "(forall ((x U)) (p x))"),
            Source("conclusion", "(p a)", Role.GOAL),
        ]
    )
    assert reading.problem
    assert len(reading.problem.premises) == 1


@pytest.mark.parametrize(
    ("text", "role", "code"),
    [
        pytest.param("P(a)\nConclusion:\nQ(a)", Role.PREMISES, ErrorCode.GOAL, id="own-goal"),
        pytest.param("P(a)\n∴ Q(a)", Role.PREMISES, ErrorCode.GOAL, id="own-goal-by-sign"),
        pytest.param(
            "fof(g, conjecture, p). fof(a, axiom, p).", Role.PREMISES, ErrorCode.GOAL,
            id="own-conjecture",
        ),
        pytest.param(
            "(declare-const p Bool)(assert (! p :named goal))", Role.PREMISES, ErrorCode.GOAL,
            id="own-goal-in-smtlib",
        ),
        pytest.param(
            "⊢ P(a)\n⊢ Q(a)", Role.FORMALISATION, ErrorCode.GOAL, id="two-goals"
        ),
        pytest.param("FOL: P(a)\nQ(a)", Role.FORMALISATION, ErrorCode.UNEXPECTED, id="unlabelled"),
        pytest.param(
            "``` P(a)\nQ(a)", Role.FORMALISATION, ErrorCode.BAD_CHARACTER, id="not-a-fence"
        ),
        pytest.param(
            "P(a)\nRex is a dog.\nQ(a)", Role.FORMALISATION, ErrorCode.SPACE_IN_NAME, id="prose"
        ),
        pytest.param(
            "formulas(assumptions).\nP(a)\nend_of_list.", Role.PREMISES, ErrorCode.UNEXPECTED,
            id="no-dot",
        ),
        pytest.param(
            "formulas(assumptions).\nP(a).\n", Role.PREMISES, ErrorCode.UNEXPECTED, id="no-end"
        ),
        pytest.param(
            "formulas(demodulators).\nP(a).\nend_of_list.", Role.PREMISES, ErrorCode.UNSUPPORTED,
            id="other-list",
        ),
        pytest.param(
            "set(prolog_style_variables).\nformulas(goals).\nP(a).\nend_of_list.",
            Role.FORMALISATION, ErrorCode.UNSUPPORTED, id="option-that-changes-the-meaning",
        ),
        pytest.param(
            "P(a).\nformulas(goals).\nQ(a).\nend_of_list.", Role.FORMALISATION,
            ErrorCode.UNSUPPORTED, id="formula-outside-of-lists",
        ),
    ],
)  # fmt: skip
def test_no_formula_is_dropped_and_no_goal_is_brought_along(
    text: str, role: Role, code: ErrorCode
) -> None:
    reading = _read(text, role)
    assert reading.problem is None
    assert reading.errors[0].code is code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        pytest.param("include('/etc/passwd').", ErrorCode.FORBIDDEN, id="include"),
        pytest.param("thf(a, axiom, p).", ErrorCode.UNSUPPORTED, id="higher-order"),
        pytest.param("fof(a, plain, p).", ErrorCode.UNSUPPORTED, id="role"),
        pytest.param("fof(a, axiom, p & q | r).", ErrorCode.UNEXPECTED, id="no-precedence"),
        pytest.param("fof(a, axiom, p => q => r).", ErrorCode.UNEXPECTED, id="no-associativity"),
        pytest.param("fof(a, axiom, p(X)).", ErrorCode.UNDECLARED, id="free-variable"),
        pytest.param("fof(a, axiom, X).", ErrorCode.UNDECLARED, id="free-variable-as-formula"),
        pytest.param("fof(a, axiom, p(1)).", ErrorCode.UNSUPPORTED, id="number"),
        pytest.param('fof(a, axiom, p("x")).', ErrorCode.UNSUPPORTED, id="distinct-object"),
        pytest.param("fof(a, axiom, $less(a, b)).", ErrorCode.UNSUPPORTED, id="defined"),
        pytest.param("fof(a, axiom, p", ErrorCode.UNEXPECTED, id="ends-early"),
        pytest.param("fof(a, axiom, π).", ErrorCode.BAD_CHARACTER, id="letter"),
        pytest.param("tff(a, axiom, ![X: human]: p(X)).", ErrorCode.UNDECLARED, id="sort"),
        pytest.param("tff(a, type, f: $int > $o).", ErrorCode.UNSUPPORTED, id="arithmetic"),
        pytest.param(
            "tff(h, type, h: $tType). tff(a, type, a: h). tff(p, type, p: $i > $o)."
            "tff(x, axiom, p(a)).",
            ErrorCode.SORT,
            id="sort-of-an-argument",
        ),
        pytest.param(
            "tff(h, type, h: $tType). tff(a, type, a: h). tff(b, type, b: $i)."
            "tff(x, axiom, a = b).",
            ErrorCode.SORT,
            id="sort-of-an-equality",
        ),
        pytest.param(
            "tff(a, type, a: $i). tff(b, type, a: $o).", ErrorCode.DUPLICATE, id="declared-twice"
        ),
    ],
)
def test_tptp_errors(text: str, code: ErrorCode) -> None:
    reading = _read(text, dialect=Dialect.TPTP)
    assert reading.problem is None
    assert reading.errors[0].code is code


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        pytest.param("cnf(a, axiom, ( p(X) | ~ q(X,Y) | a != Y )).",
                     "∀X, Y (p(X) ∨ ¬q(X, Y) ∨ (a ≠ Y))", id="clause"),
        pytest.param("fof(a, axiom, p <~> ~ q).", "p ⊕ ¬q", id="exclusive-or"),
        pytest.param("fof(a, axiom, p ~& q).", "¬(p ∧ q)", id="nand"),
        pytest.param("fof(a, axiom, p <= q).", "q → p", id="reversed"),
        pytest.param("fof(a, axiom, 'p' & p).", "p ∧ p", id="quotes-change-nothing"),
        pytest.param("fof(a, axiom, ? [X,Y] : X = Y & p).", "(∃X, Y (X = Y)) ∧ p", id="tight"),
        pytest.param("fof(a, axiom, $true | $false).", "⊤ ∨ ⊥", id="constants"),
    ],
)  # fmt: skip
def test_tptp(text: str, meaning: str) -> None:
    reading = _read(text, Role.PREMISES, Dialect.TPTP)
    expected = _read(meaning, Role.PREMISES, Dialect.UNICODE)
    assert _meaning(reading) == _meaning(expected)


_DECLARED = (
    "(declare-sort U 0)(declare-fun p (U) Bool)(declare-fun q () Bool)(declare-fun r (U U) Bool)"
    "(declare-const a U)(declare-const b U)(declare-const c U)(declare-fun f (U) U)"
)


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        pytest.param("(=> q q (p a))", "q → (q → p(a))", id="arrows-to-the-right"),
        pytest.param("(xor q q q)", "(q ⊕ q) ⊕ q", id="exclusive-or-to-the-left"),
        pytest.param("(= a b c)", "(a = b) ∧ (b = c)", id="chain"),
        pytest.param("(= q (p a))", "q ↔ p(a)", id="equal-formulas"),
        pytest.param("(distinct a b c)", "(a ≠ b) ∧ (a ≠ c) ∧ (b ≠ c)", id="distinct"),
        pytest.param("(ite q (p a) (p b))", "(q → p(a)) ∧ (¬q → p(b))", id="cases"),
        pytest.param("(let ((x a) (y q)) (and y (p x)))", "q ∧ p(a)", id="let"),
        pytest.param("(let ((a b)) (let ((b a)) (p b)))", "p(b)", id="let-at-once"),
        pytest.param("(|p| |a|)", "p(a)", id="bars"),
        pytest.param("(! (p a) :pattern ((p a)))", "p(a)", id="pattern"),
    ],
)
def test_smtlib_terms(text: str, meaning: str) -> None:
    reading = _read(f"{_DECLARED}(assert {text})", Role.PREMISES)
    assert reading.problem, reading.findings
    assert printed(reading.problem.premises[0].formula) == _printed_again(meaning)


def _printed_again(text: str) -> str:
    (premises, _) = _meaning(_read(text, Role.PREMISES, Dialect.UNICODE))
    return premises[0]


def test_definitions_and_lets_capture_nothing() -> None:
    text = (
        "(define-fun some-r ((x U)) Bool (exists ((y U)) (r x y)))"
        "(assert (forall ((y U)) (some-r y)))"
        "(assert (forall ((x U)) (let ((z x)) (exists ((x U)) (r z x)))))"
    )
    problem = _read(_DECLARED + text, Role.PREMISES).problem
    assert problem
    first, second = problem.premises
    assert statement_key(first.formula) == statement_key(second.formula)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        pytest.param('(set-option :regular-output-channel "/tmp/x")', ErrorCode.FORBIDDEN,
                     id="option"),
        pytest.param('(echo "x")', ErrorCode.FORBIDDEN, id="echo"),
        pytest.param("(push 1)", ErrorCode.UNSUPPORTED, id="push"),
        pytest.param("(declare-const n Int)", ErrorCode.UNSUPPORTED, id="theory"),
        pytest.param("(assert (> a b))", ErrorCode.UNDECLARED, id="undeclared"),
        pytest.param("(assert (p q))", ErrorCode.FORMULA_AS_TERM, id="formula-as-term"),
        pytest.param("(assert a)", ErrorCode.TERM_AS_FORMULA, id="term-as-formula"),
        pytest.param("(assert (p a b))", ErrorCode.SORT, id="arity"),
        pytest.param("(assert (= a q))", ErrorCode.SORT, id="equality-of-two-sorts"),
        pytest.param("(assert (forall ((x Bool)) x))", ErrorCode.SECOND_ORDER, id="truth-values"),
        pytest.param("(declare-fun p () Bool)", ErrorCode.DUPLICATE, id="declared-twice"),
        pytest.param("(assert (p a)", ErrorCode.UNBALANCED, id="not-closed"),
        pytest.param("(assert q))", ErrorCode.UNBALANCED, id="not-opened"),
        pytest.param("(check-sat)(assert q)", ErrorCode.UNSUPPORTED, id="asked-before"),
    ],
)  # fmt: skip
def test_smtlib_errors(text: str, code: ErrorCode) -> None:
    reading = _read(_DECLARED + text, Role.PREMISES)
    assert reading.problem is None
    assert reading.errors[0].code is code


@pytest.mark.parametrize(
    ("line", "code"),
    [
        pytest.param("Green($x, True) >>>", ErrorCode.UNEXPECTED, id="no-conclusion"),
        pytest.param("Green(a, True) || Red(a, True)", ErrorCode.UNEXPECTED, id="or"),
        pytest.param("$x(a, True)", ErrorCode.UNEXPECTED, id="variable-as-predicate"),
        pytest.param("Green(bald eagle, True)", ErrorCode.SPACE_IN_NAME, id="space"),
        pytest.param("Green", ErrorCode.UNEXPECTED, id="no-arguments"),
    ],
)
def test_pyke_errors(line: str, code: ErrorCode) -> None:
    reading = _read(line, Role.PREMISES, Dialect.PYKE)
    assert reading.problem is None
    assert reading.errors[0].code is code
