"""Formulas that hypothesis makes up for tests of reading and printing."""

from __future__ import annotations

from hypothesis import strategies as st

from sandboxes.logic.syntax import (
    Application,
    Atom,
    Conjunction,
    Disjunction,
    Equality,
    Equivalence,
    ExclusiveOr,
    Existential,
    Falsehood,
    Formula,
    Implication,
    Negation,
    Problem,
    Statement,
    Symbol,
    Term,
    Truth,
    Universal,
    Variable,
    closure,
    function,
    predicate,
)

__all__ = ["formulas", "names", "problems", "sorted_formulas"]

# Plain names, names that some dialect takes for something else, and names that need quotes.
names = st.sampled_from(
    [
        "P",
        "Q",
        "likes",
        "x",
        "yuri",
        "all",
        "not",
        "Dog",
        "a1",
        "π",
        "mr.smith",
        "New York",
        "v'",
        "true",
    ]
)
_VARIABLES = [Variable(name) for name in ("x", "y", "z", "x1", "w")]


@st.composite
def _terms(draw: st.DrawFn, depth: int = 2) -> Term:
    if draw(st.booleans()):
        return draw(st.sampled_from(_VARIABLES))
    arity = draw(st.integers(0, 2)) if depth else 0
    arguments = tuple(draw(_terms(depth - 1)) for _ in range(arity))
    return Application(function("f" + draw(names), arity), arguments)


@st.composite
def _leaves(draw: st.DrawFn, constants: bool) -> Formula:
    kind = draw(st.integers(0, 9))
    if kind == 0 and constants:
        return Truth() if draw(st.booleans()) else Falsehood()
    if kind <= 2:
        return Equality(draw(_terms()), draw(_terms()))
    arguments = tuple(draw(st.lists(_terms(), max_size=3)))
    return Atom(predicate(draw(names), len(arguments)), arguments)


def formulas(
    *, constants: bool = True, exclusive: bool = True, block: int = 3
) -> st.SearchStrategy[Formula]:
    """Closed formulas.

    Args:
        constants: Whether ⊤ and ⊥ may occur.
        exclusive: Whether ⊕ may occur.
        block: Most variables of one quantifier.
    """

    def larger(inner: st.SearchStrategy[Formula]) -> st.SearchStrategy[Formula]:
        several = st.lists(inner, min_size=2, max_size=3).map(tuple)
        variables = st.lists(
            st.sampled_from(_VARIABLES), min_size=1, max_size=block, unique=True
        ).map(tuple)
        kinds: list[st.SearchStrategy[Formula]] = [
            st.builds(Negation, inner),
            st.builds(Conjunction, several),
            st.builds(Disjunction, several),
            st.builds(Implication, inner, inner),
            st.builds(Equivalence, inner, inner),
            st.builds(Universal, variables, inner),
            st.builds(Existential, variables, inner),
        ]
        if exclusive:
            kinds.append(st.builds(ExclusiveOr, inner, inner))
        return st.one_of(kinds)

    # One quantifier for a variable, so that dialects with one variable to a quantifier agree.
    def closed(formula: Formula) -> Formula:
        whole = closure(formula)
        if block > 1 or whole is formula or not isinstance(whole, Universal):
            return whole
        for variable in reversed(whole.variables):
            formula = Universal((variable,), formula)
        return formula

    return st.recursive(_leaves(constants), larger, max_leaves=8).map(closed)


_SORTS = ("human", "Old Dog")
_SYMBOLS = {
    "P": Symbol(predicate("P").kind, "P", ("human",)),
    "R": Symbol(predicate("R").kind, "R", ("human", "Old Dog")),
    "f": Symbol(function("f").kind, "f", ("Old Dog",), "human"),
    "c": Symbol(function("c").kind, "c", (), "human"),
    "d": Symbol(function("d").kind, "d", (), "Old Dog"),
}


@st.composite
def sorted_formulas(draw: st.DrawFn, depth: int = 3) -> Formula:
    """Closed formulas with two sorts."""
    human, dog = Variable("x", "human"), Variable("y", "Old Dog")

    def term(sort: str) -> Term:
        if sort == "Old Dog":
            return dog if draw(st.booleans()) else Application(_SYMBOLS["d"])
        if draw(st.booleans()):
            return human
        applied = Application(_SYMBOLS["f"], (term("Old Dog"),))
        return applied if draw(st.booleans()) else Application(_SYMBOLS["c"])

    def formula(level: int) -> Formula:
        kind = draw(st.integers(0, 6 if level else 2))
        match kind:
            case 0:
                return Atom(_SYMBOLS["P"], (term("human"),))
            case 1:
                return Atom(_SYMBOLS["R"], (term("human"), term("Old Dog")))
            case 2:
                return Equality(term("human"), term("human"))
            case 3:
                return Universal((human,), formula(level - 1))
            case 4:
                return Existential((dog, human), formula(level - 1))
            case 5:
                return Implication(formula(level - 1), formula(level - 1))
            case _:
                return Negation(formula(level - 1))

    return closure(formula(depth))


def problems(of: st.SearchStrategy[Formula]) -> st.SearchStrategy[Problem]:
    """Problems with up to three premises and a goal."""
    return st.builds(
        lambda premises, goal: Problem(
            tuple(Statement(f"p{n}", formula) for n, formula in enumerate(premises, 1)),
            Statement("goal", goal),
        ),
        st.lists(of, max_size=3),
        of,
    )
