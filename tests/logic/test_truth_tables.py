"""Truth tables: what rows show of a goal, and what they cannot show."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandboxes.logic.evaluator import holds
from sandboxes.logic.reader import Role, Source, read
from sandboxes.logic.syntax import (
    Application,
    Atom,
    Formula,
    Negation,
    Problem,
    Span,
    Statement,
    Universal,
    Variable,
    function,
    predicate,
)
from sandboxes.logic.truth_tables import (
    Row,
    RowStatus,
    TableReport,
    TruthTable,
    judge_table,
    read_truth_table,
)
from tests.logic.generated import closed_formulas


def _table(text: str) -> TruthTable:
    table, findings = read_truth_table(Source("table", text))
    assert table, findings
    return table


def _problem(*texts: str) -> Problem:
    *premises, goal = texts
    problem = read(
        [
            *(Source(f"premises[{n}]", text) for n, text in enumerate(premises)),
            Source("conclusion", goal, Role.GOAL),
        ]
    ).problem
    assert problem
    return problem


def _report(table: str, *texts: str) -> TableReport:
    return judge_table(_problem(*texts), _table(table))


MARKDOWN = """\
| Dog(rex) | Barks(rex) |
|----------|:----------:|
| T        | True       |
| F        | ?          |
"""


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(MARKDOWN, id="markdown"),
        pytest.param("Dog(rex)\tBarks(rex)\n1\tyes\n0\tunknown\n", id="tabs"),
        pytest.param("Dog(rex) | Barks(rex)\nt|t\nf|-", id="bars"),
    ],
)
def test_tables_are_read(text: str) -> None:
    table = _table(text)
    assert [atom.symbol.name for atom in table.atoms] == ["Dog", "Barks"]
    assert [row.values for row in table.rows] == [(True, True), (False, None)]


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        pytest.param("P(a) | Q(a)\nT", 2, 1, id="columns"),
        pytest.param("P(a) | Q(a)\nT | maybe", 2, 5, id="value"),
        pytest.param("P(x) | Q(a)\nT | T", 1, 1, id="variable"),
        pytest.param("P(a) & Q(a)\nT", 1, 1, id="formula"),
        pytest.param("P(a) | P(a)\nT | T", 1, 8, id="column-twice"),
        pytest.param("P(f(a))\nT", 1, 1, id="function"),
        pytest.param("", 1, 1, id="nothing"),
        pytest.param("P(a)" + " " * 1_000_000, 1, 1, id="characters"),
        pytest.param("P(a)\n" + "T\n" * 5_000, 5_001, 1, id="rows"),
        pytest.param("|".join(f"P{n}(a)" for n in range(65)), 1, 1, id="many-columns"),
    ],
)
def test_errors_of_tables(text: str, line: int, column: int) -> None:
    table, (found, *_) = read_truth_table(Source("table", text))
    assert table is None
    assert (found.line, found.column) == (line, column)


LAW = "∀x (Dog(x) → Barks(x))"


@pytest.mark.parametrize(
    ("row", "status", "violated"),
    [
        pytest.param("T | T", RowStatus.SUPPORTS, (), id="goal-holds"),
        pytest.param("T | F", RowStatus.EXCLUDED, ("p1",), id="law-fails"),
        pytest.param("F | T", RowStatus.EXCLUDED, ("p2",), id="fact-fails"),
        pytest.param("? | T", RowStatus.SUPPORTS, (), id="open-fact"),
        pytest.param("? | ?", RowStatus.SUPPORTS, (), id="all-open"),
        pytest.param("? | F", RowStatus.EXCLUDED, (), id="either-premise-fails"),
    ],
)
def test_rows(row: str, status: RowStatus, violated: tuple[str, ...]) -> None:
    (report,) = _report(f"Dog(rex) | Barks(rex)\n{row}", LAW, "Dog(rex)", "Barks(rex)").rows
    assert report.status is status
    assert report.violated == violated


def test_a_row_can_show_that_the_goal_does_not_follow() -> None:
    problem = _problem(LAW, "Dog(rex)", "Barks(tom)")
    (report,) = judge_table(problem, _table("Dog(rex) | Barks(rex)\nT | T")).rows
    assert report.status is RowStatus.REFUTES
    assert report.model
    assert all(holds(one.formula, report.model) for one in problem.premises)
    assert holds(problem.denial(), report.model)


def test_rows_that_leave_no_case_out_are_a_proof_without_quantifiers() -> None:
    report = _report("P | Q\nT | T\nF | T\n", "P | Q", "P -> Q", "Q")
    assert report.is_exhaustive
    assert report.is_proof


@pytest.mark.parametrize(
    ("table", "texts"),
    [
        pytest.param("P | Q\nT | T", ["P | Q", "Q | P"], id="case-left-out"),
        pytest.param("P(a)\nT", ["P(a)", "∀x P(x)"], id="quantifier-over-named-things-only"),
        pytest.param("P(a) | P(b)\nT | T\nF|F", ["P(a) <-> P(b)", "P(a) -> a = b"], id="equality"),
        pytest.param("P\nT", ["P", "P -> Q"], id="atom-beyond-the-table"),
        pytest.param("P | Q\nT | ?", ["P", "Q"], id="goal-open"),
        pytest.param("P | Q\nT | T\nT | F", ["P", "Q"], id="goal-fails-in-a-row"),
        pytest.param("P | Q", ["P & -P | Q", "P"], id="no-rows"),
    ],
)
def test_what_is_no_proof(table: str, texts: list[str]) -> None:
    assert not _report(table, *texts).is_proof


def test_the_case_that_is_left_out_is_told() -> None:
    report = _report("P | Q\nT | T", "P | Q", "Q")
    assert not report.is_exhaustive
    assert report.missing in ((True, False), (False, True))


def test_too_much_is_undecided() -> None:
    variables = tuple(Variable(f"x{n}") for n in range(12))
    a, b = (Application(function(name)) for name in "ab")
    atom = Atom(predicate("P", 12), variables)
    deep = Universal(variables, Negation(Negation(atom)))
    problem = Problem((Statement("p1", deep),), Statement("goal", Atom(predicate("Q", 2), (a, b))))
    report = judge_table(problem, TruthTable((), (Row((), Span(0, 0)),)))
    assert [row.status for row in report.rows] == [RowStatus.UNDECIDED]
    assert not report.is_proof
    assert not judge_table(problem, TruthTable((), ())).is_exhaustive


def test_problems_that_tables_do_not_fit_are_refused() -> None:
    table = _table("P(a)\nT")
    with pytest.raises(ValueError, match="has none"):
        judge_table(Problem(()), table)
    with pytest.raises(ValueError, match="'f'"):
        judge_table(_problem("P(f(a))", "P(a)"), table)


_LETTERS = [Atom(predicate(name)) for name in ("A", "B", "C")]


@given(
    st.lists(closed_formulas(equality=False), max_size=2),
    closed_formulas(equality=False),
    st.lists(st.tuples(*[st.sampled_from([True, False, None])] * 3), max_size=5),
)
@settings(max_examples=300, deadline=None)
def test_models_and_proofs_hold_by_the_evaluator(
    premises: list[Formula], goal: Formula, rows: list[tuple[bool | None, ...]]
) -> None:
    problem = Problem(
        tuple(Statement(f"p{n}", formula) for n, formula in enumerate(premises)),
        Statement("goal", goal),
    )
    table = TruthTable(tuple(_LETTERS), tuple(Row(values, Span(0, 0)) for values in rows))
    try:
        report = judge_table(problem, table)
    except ValueError:
        return
    for row in report.rows:
        if row.model:
            assert all(holds(formula, row.model) for formula in premises)
            assert holds(goal, row.model) == (row.status is RowStatus.SUPPORTS)


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_a_proof_by_table_is_a_proof(data: st.DataObject) -> None:
    """Against all valuations of three letters, by Python's own operators."""
    letters = st.sampled_from(["A", "B", "C"])
    inner = st.recursive(
        letters,
        lambda part: st.one_of(
            part.map("-({})".format),
            st.tuples(part, st.sampled_from(["&", "|", "->"]), part).map(
                "(({0[0]}) {0[1]} ({0[2]}))".format
            ),
        ),
        max_leaves=5,
    )
    texts = data.draw(st.lists(inner, min_size=1, max_size=3))
    rows = data.draw(st.lists(st.tuples(*[st.sampled_from("TF?")] * 3), max_size=8))
    table = "A | B | C\n" + "\n".join(" | ".join(row) for row in rows)
    if not _report(table, *texts).is_proof:
        return
    *premises, goal = texts
    for values in product([False, True], repeat=3):
        names = dict(zip("ABC", values, strict=True))
        if all(_python(text, names) for text in premises):
            assert _python(goal, names)


def _python(text: str, names: dict[str, bool]) -> bool:
    spelled = text.replace("->", "<=").replace("-", " not ").replace("&", " and ")
    return bool(eval(spelled.replace("|", " or "), {}, names))
