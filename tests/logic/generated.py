"""Formulas made at random, and a second opinion on them that shares nothing with the service."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

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

P, Q, R, A = predicate("P", 1), predicate("Q", 1), predicate("R", 2), predicate("A")
a, b = Application(function("a")), Application(function("b"))
f = function("f", 1)
x, y, z = Variable("x"), Variable("y"), Variable("z")

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


def _larger(parts: st.SearchStrategy[Formula]) -> st.SearchStrategy[Formula]:
    several = st.lists(parts, min_size=2, max_size=3).map(tuple)
    bound = st.lists(st.sampled_from([x, y, z]), min_size=1, max_size=2).map(tuple)
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
    return " ".join(f"for {variable.name} in D" for variable in variables)


def namespace(interpretation: Interpretation) -> dict[str, Any]:
    """What the expressions of `python` mean in an interpretation."""
    tables = {symbol.name: table for symbol, table in interpretation.functions.items()}
    extensions = {symbol.name: rows for symbol, rows in interpretation.predicates.items()}
    return {"D": range(interpretation.sizes.get(INDIVIDUAL, 1)), **tables, **extensions}


def true_in(formulas: Sequence[Formula], interpretation: Interpretation) -> bool:
    """Whether all formulas hold, by Python's own lights."""
    names = namespace(interpretation)
    return all(eval(python(formula), names) for formula in formulas)


def interpretations(formulas: Sequence[Formula], size: int) -> Iterator[Interpretation]:
    """All interpretations of the symbols of formulas with so many elements."""
    found = tuple(dict.fromkeys(symbol for formula in formulas for symbol in symbols(formula)))
    for tables in product(*[list(_tables(symbol, size)) for symbol in found]):
        named = dict(zip(found, tables, strict=True))
        yield Interpretation(
            {INDIVIDUAL: size},
            {symbol: table for symbol, table in named.items() if symbol.kind is Kind.FUNCTION},
            {symbol: table for symbol, table in named.items() if symbol.kind is Kind.PREDICATE},
        )


def _tables(symbol: Symbol, size: int) -> Iterator[Any]:
    rows = list(product(range(size), repeat=symbol.arity))
    if symbol.kind is Kind.FUNCTION:
        for values in product(range(size), repeat=len(rows)):
            yield dict(zip(rows, values, strict=True))
    else:
        for chosen in product((False, True), repeat=len(rows)):
            yield frozenset(row for row, is_in in zip(rows, chosen, strict=True) if is_in)


def small_model(formulas: Sequence[Formula], largest: int = 2) -> Interpretation | None:
    """A model with few elements, if there is one, found by trying all of them."""
    code = compile(" and ".join(map(python, formulas)) or "True", "<formulas>", "eval")
    for size in range(1, largest + 1):
        for interpretation in interpretations(formulas, size):
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
