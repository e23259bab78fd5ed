"""cvc5 on one job: some SMT-LIB text, under options, with a limit on its steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cvc5

from sandboxes.isolation.jailed.begin import begin
from sandboxes.logic.jailed.exchange import answer, read_job
from sandboxes.logic.jailed.tables import tables


def main() -> int:
    """Answers each check as it is done."""
    job = read_job()
    begin()
    for number, selected in enumerate(job["checks"]):
        text = "\n".join([job["declarations"], *(job["assertions"][one] for one in selected)])
        answer({"check": number, **check(text, job)})
    return 0


def check(text: str, job: dict[str, Any]) -> dict[str, Any]:
    """One answer: status, steps, and the model or the instances that the job asks for."""
    manager = cvc5.TermManager()
    solver = cvc5.Solver(manager)
    for name, value in job["options"].items():
        solver.setOption(name, value)
    solver.setOption("rlimit-per", str(job["steps"]))
    names = cvc5.SymbolManager(manager)
    parser = cvc5.InputParser(solver, names)
    parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, text, "job")
    while not (command := parser.nextCommand()).isNull():
        command.invoke(solver, names)
    result = solver.checkSat()
    found: dict[str, Any] = {"status": "unknown", "steps": _steps(solver)}
    if result.isUnsat():
        found["status"] = "unsat"
        if job.get("instances"):
            found["instances"] = solver.getInstantiations().decode("utf-8")
    elif result.isSat():
        found["status"] = "sat"
        if job.get("symbols") is not None:
            found["model"] = model(manager, solver, names, job["symbols"])
    else:
        found["reason"] = str(result.getUnknownExplanation()).rpartition(".")[2].lower()
    return found


def _steps(solver: cvc5.Solver) -> int:
    return int(solver.getStatistics()["resource::resourceUnitsUsed"]["value"])


def model(
    manager: cvc5.TermManager,
    solver: cvc5.Solver,
    names: cvc5.SymbolManager,
    symbols: Sequence[tuple[str, Sequence[str], str]],
) -> dict[str, Any] | None:
    """A model as tables."""
    declared = {str(term): term for term in names.getDeclaredTerms()}
    domains = {
        str(sort): list(solver.getModelDomainElements(sort)) for sort in names.getDeclaredSorts()
    }
    numbers = {
        element: number for elements in domains.values() for number, element in enumerate(elements)
    }

    def value(name: str, arguments: Sequence[cvc5.Term]) -> int:
        term = declared[name]
        if arguments:
            term = manager.mkTerm(cvc5.Kind.APPLY_UF, term, *arguments)
        result = solver.getValue(term)
        return int(result.getBooleanValue()) if result.isBooleanValue() else numbers[result]

    return tables(symbols, domains, value)
