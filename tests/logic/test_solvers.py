"""What solvers are told, what they answer, and what of it is believed."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandboxes.logic.answers import Status
from sandboxes.logic.clauses import clausify
from sandboxes.logic.evidence import MODEL_REFUSED, assess
from sandboxes.logic.jailed.prover import SPASS
from sandboxes.logic.solvers.claims import Claim, Inquiry
from sandboxes.logic.solvers.engines import (
    PROVER,
    Z3,
    Cvc5Instances,
    Cvc5Models,
    Eprover,
    Solver,
    Spass,
)
from sandboxes.logic.solvers.instances import read_instances
from sandboxes.logic.solvers.models import interpretation
from sandboxes.logic.solvers.process import SolverProcesses
from sandboxes.logic.solvers.sexpressions import sexpressions
from sandboxes.logic.solvers.smtlib import declarations, smtlib
from sandboxes.logic.solvers.tptp import tptp
from sandboxes.logic.solvers.vocabulary import Vocabulary
from sandboxes.logic.syntax import (
    Application,
    Atom,
    Conjunction,
    Equality,
    Existential,
    Formula,
    Implication,
    Kind,
    Negation,
    Symbol,
    Universal,
    Variable,
    function,
    predicate,
)
from tests.logic.conftest import LIMITS
from tests.logic.generated import FUNCTIONAL, closed_formulas, small_model, true_in

ALL = "all"
STEPS = 100_000
HOSTILE = (
    "include('/etc/passwd')",
    ') (set-option :regular-output-channel "x") (assert (and true',
    "p0",
    "f0",
    "X0",
    "$true",
    "a'b|c\\d\n.",
    "Ж\u202e",
)


def inquiry(*formulas: Formula) -> Inquiry:
    return Inquiry(formulas=formulas, questions={ALL: tuple(range(len(formulas)))})


@given(st.lists(st.sampled_from(HOSTILE), min_size=1, max_size=6))
def test_no_name_of_a_callers_reaches_a_solver(names: list[str]) -> None:
    x = Variable(names[0], names[-1])
    atoms = [Atom(Symbol(Kind.PREDICATE, name, (names[-1],)), (x,)) for name in names]
    constants = [Application(Symbol(Kind.FUNCTION, name, (), names[-1])) for name in names]
    equal = [Equality(one, other) for one in constants for other in constants]
    formula: Formula = Universal((x,), Conjunction((*atoms, *equal, *equal)))
    vocabulary = Vocabulary([formula])

    smt = declarations(vocabulary) + smtlib(formula, vocabulary)
    first_order = tptp([formula], vocabulary)

    word = r"s\d+|p\d+|f\d+|x\d+|declare-sort|declare-fun|forall|and|Bool|0|="
    assert re.sub(rf"({word})(?=[\s()]|$)|[\s()]", "", smt) == ""
    word = r"fof|tff|axiom|[as]\d+|t_[spf]\d+|type|\$tType|\$o|[spfX]\d+"
    assert re.sub(rf"\b({word})\b|\$tType|\$o|[\s()\[\],.!:&=>*]", "", first_order) == ""


def test_symbols_that_differ_in_anything_get_names_that_differ() -> None:
    same = [predicate("p0"), predicate("p0", 1), predicate("p1"), function("p0"), function("f0")]
    constant = Application(function("p0"))
    formulas: list[Formula] = [
        Atom(predicate("p0")),
        Atom(predicate("p0", 1), (constant,)),
        Atom(predicate("p1")),
        Equality(constant, Application(function("f0"))),
    ]

    vocabulary = Vocabulary(formulas)

    assert set(vocabulary.names) == set(same)
    assert len(set(vocabulary.names.values())) == len(same)


def test_a_variable_that_is_bound_twice_keeps_both_meanings() -> None:
    x, y = Variable("x"), Variable("y")
    p = predicate("P", 2)
    formula = Universal((x, y), Existential((x,), Atom(p, (x, y))))

    assert smtlib(formula, Vocabulary([formula])) == (
        "(forall ((x0 s0) (x1 s0)) (exists ((x2 s0)) (p0 x2 x1)))"
    )


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(formulas=st.lists(closed_formulas(FUNCTIONAL), min_size=1, max_size=4))
async def test_solvers_agree_with_each_other_and_with_brute_force(
    processes: SolverProcesses, formulas: list[Formula]
) -> None:
    asked = inquiry(*formulas)
    solvers: list[Solver] = [
        Z3(processes), Cvc5Models(processes), Cvc5Instances(processes), Eprover(processes)
    ]  # fmt: skip
    claims = [
        claim
        for solver in solvers
        for claim in (await solver.ask(asked, [ALL], steps=STEPS, limits=LIMITS))[0]
    ]
    answers = [assess(claim, asked) for claim in claims]
    said = {answer.status for answer in answers} - {Status.UNDECIDED}

    assert MODEL_REFUSED not in {answer.reason for answer in answers}
    assert len(said) <= 1
    if said == {Status.UNSATISFIABLE}:
        assert small_model(formulas) is None
    for answer in answers:
        assert answer.model is None or true_in(formulas, answer.model)


@pytest.mark.skipif(not Path(SPASS).is_file(), reason="SPASS is not installed")
async def test_spass_tells_infinite_models(processes: SolverProcesses) -> None:
    x, y, z = Variable("x"), Variable("y"), Variable("z")
    less = predicate("L", 2)

    def below(one: Variable, other: Variable) -> Atom:
        return Atom(less, (one, other))

    asked = inquiry(
        Universal((x,), Negation(below(x, x))),
        Universal((x,), Existential((y,), below(x, y))),
        Universal(
            (x, y, z), Implication(Conjunction((below(x, y), below(y, z))), below(x, z))
        ),
    )  # fmt: skip
    ((claim,), _) = await Spass(processes).ask(asked, [ALL], steps=STEPS, limits=LIMITS)

    answer = assess(claim, asked)
    assert (answer.status, answer.model) == (Status.SATISFIABLE, None)


@pytest.mark.parametrize("made", [Z3, Cvc5Models, Cvc5Instances, Eprover])
async def test_an_ended_solver_claims_nothing(
    processes: SolverProcesses, made: type[Z3 | Cvc5Models | Cvc5Instances | Eprover]
) -> None:
    x, y, z = Variable("x"), Variable("y"), Variable("z")
    m, e = function("m", 2), Application(function("e"))

    def times(one: Variable | Application, other: Variable | Application) -> Application:
        return Application(m, (one, other))

    asked = inquiry(
        Universal((x, y, z), Equality(times(times(x, y), z), times(x, times(y, z)))),
        Universal((x,), Equality(times(e, x), x)),
        Existential((x, y), Negation(Equality(times(x, y), times(y, x)))),
        Universal((x,), Equality(times(x, times(x, times(x, times(x, x)))), e)),
    )
    limits = dataclasses.replace(LIMITS, cpu_seconds=0.3)

    ((claim,), _) = await made(processes).ask(asked, [ALL], steps=10**12, limits=limits)

    assert (claim.status, claim.reason) == (Status.UNDECIDED, "cpu-time-exceeded")


async def test_the_same_steps_give_the_same_answer(processes: SolverProcesses) -> None:
    x, y, z = Variable("x"), Variable("y"), Variable("z")
    m = function("m", 2)

    def times(one: Variable | Application, other: Variable | Application) -> Application:
        return Application(m, (one, other))

    asked = inquiry(
        Universal((x, y, z), Equality(times(times(x, y), z), times(x, times(y, z)))),
        Existential((x, y), Negation(Equality(times(x, y), times(y, x)))),
        Universal((x, y), Existential((z,), Equality(times(x, z), y))),
    )
    for solver in (Z3(processes), Cvc5Models(processes), Eprover(processes)):
        runs = [(await solver.ask(asked, [ALL], steps=20_000, limits=LIMITS))[0] for _ in range(3)]
        assert runs[0] == runs[1] == runs[2], solver.name


def test_a_model_of_the_wrong_shape_is_no_interpretation() -> None:
    vocabulary = Vocabulary([Atom(predicate("P", 1), (Application(function("a")),))])
    tables = {"sizes": {"s0": 2}, "tables": {"p0": [1, 0], "f0": [1]}}

    made = interpretation(tables, vocabulary)

    assert made.predicates == {predicate("P", 1): {(0,)}}
    for wrong in (
        {},
        {"sizes": {}, "tables": tables["tables"]},
        {"sizes": {"s0": 2}, "tables": {"p0": [1], "f0": [1]}},
        {"sizes": {"s0": 2}, "tables": {"p0": [1, 0]}},
        {"sizes": {"s0": "many"}, "tables": tables["tables"]},
    ):
        with pytest.raises(ValueError):  # noqa: PT011 - of several kinds
            interpretation(wrong, vocabulary)


@pytest.mark.parametrize(
    ("values", "counts"),
    [
        pytest.param([1, 0], True, id="a-model"),
        pytest.param([0, 0], False, id="no-model"),
        pytest.param([1, 1], False, id="no-model-either"),
    ],
)
def test_a_model_counts_only_where_the_formulas_hold(values: list[int], counts: bool) -> None:
    x, p = Variable("x"), predicate("P", 1)
    formulas = [
        Existential((x,), Atom(p, (x,))),
        Existential((x,), Negation(Atom(p, (x,)))),
    ]
    tables = {"sizes": {"s0": 2}, "tables": {"p0": values}}
    claim = Claim(
        solver="z3",
        question=ALL,
        status=Status.SATISFIABLE,
        model=interpretation(tables, Vocabulary(formulas)),
    )

    answer = assess(claim, inquiry(*formulas))

    assert (answer.status is Status.SATISFIABLE) is counts
    assert (answer.reason == MODEL_REFUSED) is not counts


def test_a_claim_of_models_without_one_decides_nothing() -> None:
    claim = Claim(solver="z3", question=ALL, status=Status.SATISFIABLE)

    assert assess(claim, inquiry(Atom(predicate("A")))).reason == "model-missing"


def test_instances_that_contradict_nothing_make_no_certificate() -> None:
    x, p = Variable("x"), predicate("P", 1)
    formula = Universal((x,), Atom(p, (x,)))
    clauses = clausify([formula]).clauses
    vocabulary = Vocabulary(clause.as_formula() for clause in clauses)
    instances = read_instances("(instantiations c0 ( foreign ) )", clauses, vocabulary)
    claim = Claim(solver="cvc5", question=ALL, status=Status.UNSATISFIABLE, instances=instances)

    answer = assess(claim, inquiry(formula))

    assert len(instances) == 1
    assert (answer.status, answer.certificate) == (Status.UNSATISFIABLE, None)


@pytest.mark.parametrize(
    "said",
    [
        "(instantiations c9 ( f0 ) )",
        "(instantiations other ( f0 ) )",
        "(instantiations c0 ( f0 f0 ) )",
        "(instantiations c0 f0 )",
        "(skolem c0 ( f0 ) )",
        "",
    ],
)
def test_what_is_no_instance_of_a_clause_is_left_out(said: str) -> None:
    x, p = Variable("x"), predicate("P", 1)
    clauses = clausify([Universal((x,), Atom(p, (x,)))]).clauses

    assert read_instances(said, clauses, Vocabulary([])) == []


@pytest.mark.parametrize("text", ["(", ")", "(a))", "((a)"])
def test_brackets_that_do_not_match_are_told(text: str) -> None:
    with pytest.raises(ValueError, match="bracket"):
        sexpressions(text)


async def test_a_prover_sees_nothing_of_the_host(
    processes: SolverProcesses, tmp_path_factory: pytest.TempPathFactory
) -> None:
    secret = tmp_path_factory.mktemp("host") / "axioms.p"
    secret.write_text("fof(secret, axiom, $false).")
    job = {
        "prover": "E",
        "arguments": ["--auto", "--tstp-format", "-"],
        "input": f"include('{secret}'). fof(a, axiom, p).",
    }

    ran = await processes.run(PROVER, job, limits=LIMITS)

    assert "Unsatisfiable" not in ran.output
