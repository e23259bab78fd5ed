"""Formulas made at random, and a second opinion on them that shares nothing with the service."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import product
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from sandboxes.logic.evaluator import Interpretation
from sandboxes.logic.syntax import (
    INDIVIDUAL,
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
    Kind,
    Negation,
    Symbol,
    Term,
    Truth,
    Universal,
    Variable,
    closure,
    function,
    predicate,
    symbols,
)


def examples(count: int) -> settings:
    """So many examples, however slow the machine is, and however many of them say nothing."""
    unheeded = [HealthCheck.too_slow, HealthCheck.filter_too_much]
    return settings(max_examples=count, deadline=None, suppress_health_check=unheeded)


P, Q, R, A = predicate("P", 1), predicate("Q", 1), predicate("R", 2), predicate("A")
a, b = Application(function("a")), Application(function("b"))
f = function("f", 1)
x, y, z = Variable("x"), Variable("y"), Variable("z")

PLANET = "planet"
S = Symbol(Kind.PREDICATE, "S", (PLANET,))
ON = Symbol(Kind.PREDICATE, "On", (INDIVIDUAL, PLANET))
home = Symbol(Kind.FUNCTION, "home", (INDIVIDUAL,), PLANET)
u, v = Variable("u", PLANET), Variable("v", PLANET)
mars = Application(Symbol(Kind.FUNCTION, "mars", (), PLANET))

RELATIONAL: st.SearchStrategy[Term] = st.sampled_from([x, y, z, a, b])
FUNCTIONAL: st.SearchStrategy[Term] = st.one_of(
    RELATIONAL, st.sampled_from([Application(f, (term,)) for term in (x, y, a)])
)


def closed_formulas(
    terms: st.SearchStrategy[Term] = RELATIONAL, *, equality: bool = True
) -> st.SearchStrategy[Formula]:
    """Closed formulas; by default without functions, so that all questions can be decided."""
    atoms: list[st.SearchStrategy[Formula]] = [
        st.builds(Atom, st.just(P), st.tuples(terms)),
        st.builds(Atom, st.just(Q), st.tuples(terms)),
        st.builds(Atom, st.just(R), st.tuples(terms, terms)),
        st.just(Atom(A)),
    ]
    if equality:
        atoms.append(st.builds(Equality, terms, terms))
    constants = st.sampled_from([Truth(), Falsehood()])
    return st.recursive(st.one_of(*atoms, *atoms, constants), _larger, max_leaves=6).map(closure)


def sorted_formulas() -> st.SearchStrategy[Formula]:
    """Closed formulas about two sorts, with a function from one to the other."""
    things = st.sampled_from([x, y, a])
    planets = st.one_of(
        st.sampled_from([u, v, mars]), st.builds(Application, st.just(home), st.tuples(things))
    )
    atoms: st.SearchStrategy[Formula] = st.one_of(
        st.builds(Atom, st.just(P), st.tuples(things)),
        st.builds(Atom, st.just(S), st.tuples(planets)),
        st.builds(Atom, st.just(ON), st.tuples(things, planets)),
        st.builds(Equality, things, things),
        st.builds(Equality, planets, planets),
    )
    return st.recursive(atoms, partial(_larger, variables=(x, y, u, v)), max_leaves=5).map(closure)


def _larger(
    parts: st.SearchStrategy[Formula], variables: Sequence[Variable] = (x, y, z)
) -> st.SearchStrategy[Formula]:
    several = st.lists(parts, min_size=2, max_size=3).map(tuple)
    bound = st.lists(st.sampled_from(variables), min_size=1, max_size=2).map(tuple)
    return st.one_of(
        st.builds(Negation, parts),
        st.builds(Conjunction, several),
        st.builds(Disjunction, several),
        st.builds(Implication, parts, parts),
        st.builds(Equivalence, parts, parts),
        st.builds(ExclusiveOr, parts, parts),
        st.builds(Universal, bound, parts),
        st.builds(Existential, bound, parts),
    )


def python(formula: Formula) -> str:
    """The formula as an expression of Python, over the names that `namespace` gives."""
    match formula:
        case Atom(symbol, arguments):
            return f"({_python_row(arguments)} in {symbol.name})"
        case Equality(left, right):
            return f"({_python_term(left)} == {_python_term(right)})"
        case Negation(operand):
            return f"(not {python(operand)})"
        case Conjunction(operands):
            return f"({' and '.join(map(python, operands))})"
        case Disjunction(operands):
            return f"({' or '.join(map(python, operands))})"
        case Implication(left, right):
            return f"({python(left)} <= {python(right)})"
        case Equivalence(left, right):
            return f"({python(left)} == {python(right)})"
        case ExclusiveOr(left, right):
            return f"({python(left)} != {python(right)})"
        case Universal(variables, body):
            return f"all({python(body)} {_python_loops(variables)})"
        case Existential(variables, body):
            return f"any({python(body)} {_python_loops(variables)})"
        case Truth():
            return "True"
        case Falsehood():
            return "False"


def _python_term(term: Term) -> str:
    if isinstance(term, Variable):
        return term.name
    return f"{term.symbol.name}[{_python_row(term.arguments)}]"


def _python_row(row: Sequence[Term]) -> str:
    return f"({''.join(_python_term(term) + ',' for term in row)})"


def _python_loops(variables: Sequence[Variable]) -> str:
    return " ".join(f"for {variable.name} in D[{variable.sort!r}]" for variable in variables)


def namespace(interpretation: Interpretation) -> dict[str, Any]:
    """What the expressions of `python` mean in an interpretation."""
    tables = {symbol.name: table for symbol, table in interpretation.functions.items()}
    extensions = {symbol.name: rows for symbol, rows in interpretation.predicates.items()}
    domains = {sort: range(size) for sort, size in interpretation.sizes.items()}
    return {"D": domains, **tables, **extensions}


def true_in(formulas: Sequence[Formula], interpretation: Interpretation) -> bool:
    """Whether all formulas hold, by Python's own lights."""
    names = namespace(interpretation)
    return all(eval(python(formula), names) for formula in formulas)


def interpretations(
    formulas: Sequence[Formula], sizes: Mapping[str, int]
) -> Iterator[Interpretation]:
    """All interpretations of the symbols of formulas with so many elements of each sort."""
    found = tuple(dict.fromkeys(symbol for formula in formulas for symbol in symbols(formula)))
    for tables in product(*[list(_tables(symbol, sizes)) for symbol in found]):
        named = dict(zip(found, tables, strict=True))
        yield Interpretation(
            sizes,
            {symbol: table for symbol, table in named.items() if symbol.kind is Kind.FUNCTION},
            {symbol: table for symbol, table in named.items() if symbol.kind is Kind.PREDICATE},
        )


def _tables(symbol: Symbol, sizes: Mapping[str, int]) -> Iterator[Any]:
    rows = list(product(*[range(sizes[sort]) for sort in symbol.argument_sorts]))
    if symbol.kind is Kind.FUNCTION:
        for values in product(range(sizes[symbol.sort]), repeat=len(rows)):
            yield dict(zip(rows, values, strict=True))
    else:
        for chosen in product((False, True), repeat=len(rows)):
            yield frozenset(row for row, is_in in zip(rows, chosen, strict=True) if is_in)


def small_model(formulas: Sequence[Formula], largest: int = 2) -> Interpretation | None:
    """A model with few elements, if there is one, found by trying all of them."""
    code = compile(" and ".join(map(python, formulas)) or "True", "<formulas>", "eval")
    sorts = (INDIVIDUAL, PLANET) if PLANET in repr(formulas) else (INDIVIDUAL,)
    for row in product(range(1, largest + 1), repeat=len(sorts)):
        sizes = dict(zip(sorts, row, strict=True))
        for interpretation in interpretations(formulas, sizes):
            if eval(code, namespace(interpretation)):
                return interpretation
    return None


def clauses_of(terms: st.SearchStrategy[Term] = FUNCTIONAL) -> st.SearchStrategy[list[Formula]]:
    """Short universal formulas, enough of them that they often contradict each other."""
    atoms: st.SearchStrategy[Formula] = st.one_of(
        st.builds(Atom, st.just(P), st.tuples(terms)),
        st.builds(Atom, st.just(R), st.tuples(terms, terms)),
        st.builds(Equality, terms, terms),
    )
    literals = st.one_of(atoms, st.builds(Negation, atoms))
    several = st.lists(literals, min_size=2, max_size=3).map(tuple)
    clauses = st.one_of(
        literals, st.builds(Disjunction, several), st.builds(Implication, atoms, literals)
    )
    return st.lists(clauses.map(closure), min_size=4, max_size=8)
