"""What is odd about problems that can be read, and that nothing is said of those that are fine."""

from __future__ import annotations

import pytest

from sandboxes.logic.lints import MAX_LINTS, Outcome, lint, lint_outcome
from sandboxes.logic.reader import Finding, LintCode, Role, Source, applied, read


def _lints(premises: list[str], goal: str = "") -> tuple[list[Source], tuple[Finding, ...]]:
    sources = [Source(f"premises[{n}]", text) for n, text in enumerate(premises)]
    if goal:
        sources.append(Source("conclusion", goal, Role.GOAL))
    reading = read(sources)
    assert reading.problem, reading.findings
    return sources, lint(reading.problem, sources, reading.dialect, reading.glosses)


@pytest.mark.parametrize(
    ("premises", "goal", "code"),
    [
        pytest.param(["Loves(a, b)"], "Loves(a)", LintCode.ARITY_CLASH, id="arity"),
        pytest.param(["P(f(a))"], "P(f(a, a))", LintCode.ARITY_CLASH, id="arity-of-a-function"),
        pytest.param(["Summer(june)"], "Likes(june, Summer)", LintCode.OVERLOADED, id="constant"),
        pytest.param(["Rent(a)"], "High(Rent(a))", LintCode.OVERLOADED, id="function"),
        pytest.param(["Student(rina)"], "Studnet(rina)", LintCode.NEAR_DUPLICATE, id="swapped"),
        pytest.param(["Ferrari(a)"], "Ferrrari(a)", LintCode.NEAR_DUPLICATE, id="doubled"),
        pytest.param(["Cat(a)"], "Cats(a)", LintCode.NEAR_DUPLICATE, id="plural"),
        pytest.param(["P(stephencurry)"], "P(stephenCurry)", LintCode.NEAR_DUPLICATE, id="case"),
        pytest.param(["P(new_york)"], "P(newyork)", LintCode.NEAR_DUPLICATE, id="underscore"),
        pytest.param(["P(x)"], "", LintCode.FREE_VARIABLE, id="free-variable"),
        pytest.param(["P(a)"], "Q(a)", LintCode.GOAL_SYMBOL, id="unknown-predicate"),
        pytest.param(["P(a)"], "P(b)", LintCode.GOAL_SYMBOL, id="unknown-constant"),
        pytest.param(["∀y (P(y) ∧ Q(y) → R(y))"], "∀x ((Q(x) ∧ P(x)) → R(x))",
                     LintCode.RESTATED_GOAL, id="restated"),
        pytest.param(["∃x (P(x) → Q(x))"], "", LintCode.EXISTENTIAL_IMPLICATION, id="exists-if"),
        pytest.param(["∀x (P(x) ∧ Q(x))"], "", LintCode.UNIVERSAL_CONJUNCTION, id="all-and"),
        pytest.param(["∀x P(a)"], "", LintCode.UNUSED_VARIABLE, id="unused-variable"),
        pytest.param(["Born(a, 1995)"], "Born(a, 1996)", LintCode.NUMERAL, id="numerals"),
        pytest.param(["P(yuri)"], "", LintCode.PROVER9_VARIABLE, id="yuri"),
        pytest.param(["Mortal(a)"], "M\u043ertal(a)", LintCode.CONFUSABLE, id="cyrillic"),
        pytest.param(["∀x P(\u0445)"], "", LintCode.CONFUSABLE, id="cyrillic-like-a-variable"),
        pytest.param(["P(Paul1)"], "P(PaulI)", LintCode.CONFUSABLE, id="one-and-i"),
        pytest.param(["Modern(a)"], "Modem(a)", LintCode.CONFUSABLE, id="r-and-n"),
        pytest.param(["P(\uff41bc)"], "P(abc)", LintCode.CONFUSABLE, id="wide-letters"),
        pytest.param(["Wor\u0434(a)"], "", LintCode.CONFUSABLE, id="two-scripts"),
        pytest.param(["Predicates:\nP(x) ::: p\nFacts:\nQ(a)"], "",
                     LintCode.UNDECLARED_PREDICATE, id="undeclared"),
    ],
)  # fmt: skip
def test_lints(premises: list[str], goal: str, code: LintCode) -> None:
    _, found = _lints(premises, goal)
    assert code in [one.code for one in found]
    assert all(one.message.isprintable() for one in found)


@pytest.mark.parametrize(
    ("premises", "goal"),
    [
        pytest.param(["∀x (Dog(x) → Barks(x))", "Dog(rex)"], "Barks(rex)", id="plain"),
        pytest.param(["Room(room1) ∧ Room(room2)"], "Room(room1)", id="numbered-names"),
        pytest.param(["Male(a) ∨ Female(a)"], "Male(a)", id="other-words"),
        pytest.param(["P(a)", "Q(a)"], "P(a) ∧ Q(a)", id="goal-is-more-than-a-premise"),
        pytest.param(["Lebt(müller)"], "∃x Lebt(x)", id="letters-with-marks"),
    ],
)
def test_nothing_is_said_of_what_is_fine(premises: list[str], goal: str) -> None:
    assert _lints(premises, goal)[1] == ()


@pytest.mark.parametrize(
    ("premises", "goal", "fixed"),
    [
        pytest.param(["Ferrari(a) ∧ Ferrari(b)"], "Ferrrari(a) ∨ ¬Ferrrari(b) ∨ Ferrrari(a)",
                     ["Ferrrari(a) ∧ Ferrrari(b)"], id="rarer-name"),
        pytest.param(["P(x) → Q(x)"], "", ["∀x (P(x) → Q(x))"], id="free-variable"),
    ],
)  # fmt: skip
def test_fixes(premises: list[str], goal: str, fixed: list[str]) -> None:
    sources, found = _lints(premises, goal)
    (fix,) = [fix for one in found for fix in one.fixes]
    assert [applied(fix, source).text for source in sources][: len(fixed)] == fixed


def test_after_the_answer() -> None:
    sources = [
        Source("premises[0]", "P(a)"),
        Source("premises[1]", "Q(a)"),
        Source("conclusion", "P(a)", Role.GOAL),
    ]
    problem = read(sources).problem
    assert problem
    unused = lint_outcome(problem, sources, Outcome(used=["p1"]))
    assert [(one.code, one.source) for one in unused] == [(LintCode.UNUSED_PREMISE, "premises[1]")]
    inconsistent = lint_outcome(problem, sources, Outcome(used=["p1"], consistent=False))
    assert [one.code for one in inconsistent] == [LintCode.INCONSISTENT_PREMISES]
    vacuous = lint_outcome(problem, sources, Outcome(used=None, goal_alone=True))
    assert [one.code for one in vacuous] == [LintCode.VACUOUS_GOAL]
    assert lint_outcome(problem, sources, Outcome()) == ()


def test_many_names_are_compared_in_time_and_lints_are_bounded() -> None:
    names = [f"predicate{'ab'[n % 2] * (n % 50)}{n:x}" for n in range(5_000)]
    _, found = _lints([" & ".join(f"{name}(a)" for name in names), "∀x ∀y ∀z P(a)\n" * 200])
    assert len(found) == MAX_LINTS
