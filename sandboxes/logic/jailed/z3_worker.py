"""Z3 on one job: several selections of one list of assertions, each with a limit on its steps.

A selection is a list of indices, or null for all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import z3

from sandboxes.isolation.jailed.begin import begin
from sandboxes.logic.jailed.exchange import answer, read_job
from sandboxes.logic.jailed.tables import tables

_BOOL = "Bool"


def main() -> int:
    """Answers each check as it is done."""
    job = read_job()
    begin()
    assertions = list(z3.parse_smt2_string(job["text"]))
    for number, selected in enumerate(job["checks"]):
        chosen = assertions if selected is None else [assertions[index] for index in selected]
        answer({"check": number, **check(chosen, job)})
    return 0


def check(assertions: Sequence[z3.BoolRef], job: dict[str, Any]) -> dict[str, Any]:
    """One answer: status, steps, and a model where there is one and it is asked for."""
    solver = z3.Solver()
    solver.set("rlimit", job["steps"])
    solver.add(*assertions)
    before = _steps(solver)
    status = solver.check()
    found: dict[str, Any] = {"status": str(status), "steps": max(0, _steps(solver) - before)}
    if status == z3.unknown:
        found["reason"] = solver.reason_unknown()
    elif status == z3.sat and job.get("symbols") is not None:
        found["model"] = model(solver.model(), job["sorts"], job["symbols"])
    elif status == z3.sat:
        found["model_text"] = solver.model().sexpr()
    return found


def _steps(solver: z3.Solver) -> int:
    statistics = solver.statistics()
    return int(statistics.get_key_value("rlimit count")) if len(statistics) else 0


def model(
    found: z3.ModelRef, sorts: Sequence[str], symbols: Sequence[tuple[str, Sequence[str], str]]
) -> dict[str, Any] | None:
    """A model as tables."""
    made: dict[str, Any] = {name: z3.DeclareSort(name) for name in sorts}
    made[_BOOL] = z3.BoolSort()
    declared = {
        name: z3.Function(name, *(made[sort] for sort in [*arguments, value]))
        for name, arguments, value in symbols
    }
    domains = {name: _elements(found, made[name]) for name in sorts}
    numbers = {
        element.decl().name(): number
        for elements in domains.values()
        for number, element in enumerate(elements)
    }

    def value(name: str, arguments: Sequence[z3.ExprRef]) -> int:
        result = found.eval(declared[name](*arguments), model_completion=True)
        if z3.is_bool(result):
            return int(z3.is_true(result))
        return numbers[result.decl().name()]

    return tables(symbols, domains, value)


def _elements(found: z3.ModelRef, sort: z3.SortRef) -> list[z3.ExprRef]:
    universe = found.get_universe(sort)
    if universe is not None and len(universe):
        return list(universe)
    return [found.eval(z3.Const("any", sort), model_completion=True)]
