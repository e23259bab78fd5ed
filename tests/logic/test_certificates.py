"""Certificates: what holds is shown, and nothing that does not hold ever is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sandboxes.logic.answers import Status
from sandboxes.logic.certificates import (
    Certificate,
    Element,
    GroundAtom,
    GroundEquality,
    GroundTerm,
    Instance,
    Refused,
    Subformula,
    Witness,
    check,
)
from sandboxes.logic.syntax import (
    Atom,
    Conjunction,
    Equality,
    Existential,
    Formula,
    Implication,
    Negation,
    Symbol,
    Truth,
    Universal,
    Variable,
    predicate,
)
from sandboxes.logic.theory import GroundTheory
from tests.logic.generated import (
    FUNCTIONAL,
    A,
    P,
    Q,
    a,
    b,
    clauses_of,
    closed_formulas,
    examples,
    f,
    small_model,
    x,
    y,
)

ALL_MORTAL = Universal((x,), Implication(Atom(P, (x,)), Atom(Q, (x,))))
SYLLOGISM: tuple[Formula, ...] = (ALL_MORTAL, Atom(P, (a,)), Negation(Atom(Q, (a,))))
SHOWN = Certificate(
    formulas=(0, 1, 2),
    terms=(GroundTerm(a.symbol),),
    instances=(Instance(0, 0, (), (0,)),),
)


def is_shown(certificate: Certificate, formulas: Sequence[Formula]) -> bool:
    try:
        check(certificate, formulas)
    except Refused:
        return False
    return True


def test_a_syllogism_is_shown() -> None:
    check(SHOWN, SYLLOGISM)


P_A, Q_A = GroundAtom(P, (0,)), GroundAtom(Q, (0,))
SOME_P = Existential((x,), Atom(P, (x,)))
OTHER_SORT = Symbol(predicate("S").kind, "S", ("planet",))
SOME_PLANET = Existential((Variable("x", "planet"),), Atom(OTHER_SORT, (Variable("x", "planet"),)))
TERM_A = (GroundTerm(a.symbol),)
TERMS_A_B = (GroundTerm(a.symbol), GroundTerm(b.symbol))


@pytest.mark.parametrize(
    ("formulas", "certificate"),
    [
        pytest.param(SYLLOGISM, Certificate(formulas=(0, 1, 2)), id="nothing-shown"),
        pytest.param(SYLLOGISM, replace(SHOWN, formulas=(0, 1)), id="a-formula-less"),
        pytest.param(SYLLOGISM, replace(SHOWN, formulas=(0, 1, 3)), id="a-formula-that-is-none"),
        pytest.param(SYLLOGISM, replace(SHOWN, formulas=(0, 1, -1)), id="a-negative-index"),
        pytest.param(SYLLOGISM[:2], replace(SHOWN, formulas=(0, 1)), id="other-formulas"),
        pytest.param((ALL_MORTAL, Atom(P, (b,)), SYLLOGISM[2]), SHOWN, id="about-another-constant"),
        pytest.param(
            (
                Universal((x,), Implication(Atom(P, (x,)), Atom(Q, (x,)))),
                SYLLOGISM[1],
                Atom(Q, (a,)),
            ),
            SHOWN,
            id="the-conclusion-instead-of-its-denial",
        ),
        pytest.param(
            SYLLOGISM,
            replace(SHOWN, instances=(), propositions=(Q_A,), steps=((1,),)),
            id="a-step-from-nowhere",
        ),
        pytest.param(
            SYLLOGISM, replace(SHOWN, instances=(), steps=((),)), id="the-contradiction-as-a-step"
        ),
        pytest.param(
            SYLLOGISM,
            replace(SHOWN, instances=(), propositions=(P_A, Q_A), lemmas=((-1, 2),)),
            id="a-premise-as-a-lemma",
        ),
        pytest.param(
            SYLLOGISM,
            replace(SHOWN, instances=(), propositions=(Q_A,), lemmas=((1,),)),
            id="the-goal-as-a-lemma",
        ),
        pytest.param(SYLLOGISM, replace(SHOWN, instances=(), lemmas=((),)), id="an-empty-lemma"),
        pytest.param(
            SYLLOGISM,
            replace(SHOWN, instances=(), propositions=(Q_A,), lemmas=((0,),)),
            id="a-literal-that-is-zero",
        ),
        pytest.param(
            SYLLOGISM,
            replace(SHOWN, instances=(), propositions=(Subformula(0, 0, ()),), lemmas=((-1,),)),
            id="a-lemma-about-a-formula",
        ),
        pytest.param(
            (SOME_P, Negation(Atom(P, (a,)))),
            Certificate((0, 1), TERM_A, (Instance(0, 0, (), (0,)),)),
            id="a-constant-as-witness",
        ),
        pytest.param(
            (SOME_P, Existential((x,), Negation(Atom(P, (x,))))),
            Certificate(
                (0, 1),
                (GroundTerm(Witness(0, 0, 0)), GroundTerm(Witness(1, 0, 0))),
                (Instance(0, 0, (), (0,)), Instance(1, 0, (), (0,))),
            ),
            id="one-witness-for-two-formulas",
        ),
        pytest.param(
            (
                Universal((x,), Existential((y,), Negation(Equality(x, y)))),
                Universal((x,), Universal((y,), Implication(Atom(P, (x,)), Equality(x, y)))),
            ),
            Certificate(
                (0, 1),
                (GroundTerm(a.symbol), GroundTerm(Witness(0, 1, 0), (0,))),
                (Instance(0, 0, (), (0,)), Instance(0, 1, (0,), (1,)), Instance(1, 0, (), (0,))),
            ),
            id="a-consistent-pair",
        ),
        pytest.param(
            (Universal((x,), Existential((y,), Negation(Equality(x, y)))),),
            Certificate(
                (0,),
                (GroundTerm(Witness(0, 1, 0), (0,)),),
                (Instance(0, 0, (), (0,)), Instance(0, 1, (0,), (0,))),
            ),
            id="a-witness-of-itself",
        ),
        pytest.param(
            (SOME_P, Negation(SOME_PLANET)),
            Certificate((0, 1), (GroundTerm(Element("planet")),), (Instance(0, 0, (), (0,)),)),
            id="an-element-of-another-sort",
        ),
        pytest.param(
            (Universal((x,), Atom(A)), Negation(Atom(A))),
            Certificate((0, 1), (GroundTerm(Element("planet")),), (Instance(0, 0, (), (0,)),)),
            id="an-element-of-another-sort-for-nothing",
        ),
        pytest.param(
            (*SYLLOGISM, SOME_PLANET),
            replace(
                SHOWN,
                terms=(GroundTerm(a.symbol), GroundTerm(Witness(3, 0, 0))),
                instances=(*SHOWN.instances, Instance(0, 0, (), (1,))),
            ),
            id="a-witness-of-another-sort",
        ),
        pytest.param(
            SYLLOGISM,
            replace(SHOWN, terms=(GroundTerm(f, (0,)),)),
            id="a-term-that-holds-itself",
        ),
        pytest.param(SYLLOGISM, replace(SHOWN, terms=(GroundTerm(P),)), id="a-predicate-as-term"),
        pytest.param(SYLLOGISM, replace(SHOWN, terms=(GroundTerm(f),)), id="too-few-arguments"),
        pytest.param(
            SYLLOGISM, replace(SHOWN, instances=(Instance(0, 0, (), ()),)), id="no-term-for-x"
        ),
        pytest.param(
            SYLLOGISM, replace(SHOWN, instances=(Instance(0, 1, (0,), (0,)),)), id="no-quantifier"
        ),
        pytest.param(
            SYLLOGISM, replace(SHOWN, instances=(Instance(0, 9, (), (0,)),)), id="no-such-node"
        ),
        pytest.param(
            (Atom(P, (x,)), Negation(Atom(P, (a,)))),
            Certificate((0, 1), TERM_A, (Instance(0, 0, (), (0,)),)),
            id="an-open-formula",
        ),
        pytest.param(
            (Atom(P, (a,)), Negation(Atom(P, (b,)))),
            Certificate(
                (0, 1),
                TERMS_A_B,
                (),
                (GroundAtom(P, (0,)), GroundAtom(P, (1,)), GroundEquality(0, 1)),
                ((-1, 2),),
            ),
            id="a-congruence-without-its-equality",
        ),
        pytest.param(
            (Equality(a, b), Truth()),
            Certificate((0,), TERMS_A_B, (), (GroundEquality(0, 1),), ((-1,),)),
            id="a-lemma-that-denies-an-equality",
        ),
        pytest.param(
            (Negation(Equality(a, b)), Truth()),
            Certificate((0,), TERMS_A_B, (), (GroundEquality(0, 1),), ((1,),)),
            id="an-equality-as-a-lemma",
        ),
        pytest.param(
            (Negation(Equality(a, b)), Atom(P, (a,))),
            Certificate(
                (0, 1),
                TERMS_A_B,
                (),
                (GroundEquality(0, 1), GroundAtom(P, (0,))),
                ((1, -2),),
            ),
            id="an-equality-that-follows-from-an-atom",
        ),
        pytest.param(
            SYLLOGISM,
            replace(
                SHOWN,
                terms=(GroundTerm(a.symbol), GroundTerm(Element("planet"))),
                propositions=(GroundEquality(0, 1),),
                lemmas=((1, -1),),
            ),
            id="an-equality-of-two-sorts",
        ),
    ],
)
def test_what_is_not_shown_is_refused(
    formulas: tuple[Formula, ...], certificate: Certificate
) -> None:
    with pytest.raises(Refused):
        check(certificate, formulas)


def refuted(formulas: Sequence[Formula]) -> Certificate:
    answer = GroundTheory(formulas).ask(frozenset(range(len(formulas))))
    assume(answer.status is Status.UNSATISFIABLE)
    assert answer.certificate is not None
    return answer.certificate


FORMULAS = st.one_of(
    st.lists(closed_formulas(FUNCTIONAL), min_size=1, max_size=3), clauses_of(FUNCTIONAL)
)
SEARCHING = examples(400)


@SEARCHING
@given(FORMULAS, FORMULAS)
def test_a_certificate_shows_nothing_about_formulas_that_have_a_model(
    formulas: list[Formula], others: list[Formula]
) -> None:
    """The formulas that it rests on are replaced, one and all, until they can hold together."""
    certificate = refuted(formulas)
    for index in certificate.formulas:
        for other in (*others, Truth(), Negation(formulas[index])):
            changed = [*formulas[:index], other, *formulas[index + 1 :]]
            if is_shown(certificate, changed):
                assert small_model([changed[kept] for kept in certificate.formulas]) is None
        left = tuple(kept for kept in certificate.formulas if kept != index)
        if is_shown(replace(certificate, formulas=left), formulas):
            assert small_model([formulas[kept] for kept in left]) is None


def mutated(part: Any, draw: Callable[[int], int]) -> Any:
    """The certificate, or a part of one, with one number in it that is another."""
    if isinstance(part, int):
        return part + draw(5) - 2
    if isinstance(part, tuple):
        if not part:
            return part
        place = draw(len(part))
        match draw(4):
            case 0:
                return part[:place] + part[place + 1 :]
            case 1:
                return (*part, part[place])
            case _:
                return (*part[:place], mutated(part[place], draw), *part[place + 1 :])
    if isinstance(part, Symbol | str):
        return part
    names = [field.name for field in fields(part)]
    name = names[draw(len(names))]
    return replace(part, **{name: mutated(getattr(part, name), draw)})


@SEARCHING
@given(FORMULAS, st.data())
def test_a_tampered_certificate_shows_nothing_that_is_false(
    formulas: list[Formula], data: st.DataObject
) -> None:
    certificate = refuted(formulas)
    index = data.draw(st.sampled_from(certificate.formulas))
    changed = [*formulas[:index], Truth(), *formulas[index + 1 :]]
    for _ in range(5):
        certificate = mutated(certificate, lambda bound: data.draw(st.integers(0, bound - 1)))
        if is_shown(certificate, changed):
            assert small_model([changed[kept] for kept in certificate.formulas]) is None


def test_a_conjunction_counts_with_all_its_parts() -> None:
    formulas = (Conjunction((Atom(P, (a,)), Atom(Q, (a,)))), Negation(Atom(Q, (a,))))
    check(Certificate((0, 1)), formulas)
