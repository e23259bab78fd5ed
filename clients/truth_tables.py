"""What a truth table says of formulas, row by row. Needs no service: nothing is solved.

A table is evidence of its author's, not of a solver's: that its rows are all there are is what the
author says.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from sandboxes.logic.reader import Role, Source, read
from sandboxes.logic.truth_tables import RowStatus, judge_table, read_truth_table
from verifier_service.model import Entailment

__all__ = ["MAX_ROWS", "table_answer"]

MAX_ROWS: Final = 32
"""Rows of a table that is looked at. Each costs a bounded search."""


def table_answer(formulas: str, table: str) -> Entailment:
    """What follows if a table has all cases that there are.

    Each row is completed in all ways in which the premises hold. ENTAILED: the conclusion holds in
    all of them. CONTRADICTED: it fails in all. INDEPENDENT: it holds in some, and fails in others.

    Args:
        formulas: Premises and conclusion, the conclusion last, one a line.
        table: Atoms without variables in its first line, `|` or tabs between columns; T, F or ?.

    Returns:
        UNKNOWN where one of them can't be read, where they don't fit each other, where there are no
        rows or more than `MAX_ROWS`, where a row needs too long a search, or where the premises
        hold in no completion of some row: then formulas and table say different things.
    """
    problem = read([Source("formulas", formulas, Role.FORMALISATION)]).problem
    read_table, _ = read_truth_table(Source("table", table))
    if problem is None or problem.goal is None or read_table is None:
        return Entailment.UNKNOWN
    if not 0 < len(read_table.rows) <= MAX_ROWS:
        return Entailment.UNKNOWN
    try:
        holds = [row.status for row in judge_table(problem, read_table).rows]
        denied = replace(problem, goal=replace(problem.goal, formula=problem.denial()))
        fails = [row.status for row in judge_table(denied, read_table).rows]
    except ValueError:  # sorts, or functions other than constants
        return Entailment.UNKNOWN
    if {RowStatus.EXCLUDED, RowStatus.UNDECIDED} & {*holds, *fails}:
        return Entailment.UNKNOWN
    if all(status is RowStatus.SUPPORTS for status in holds):
        return Entailment.ENTAILED
    if all(status is RowStatus.SUPPORTS for status in fails):
        return Entailment.CONTRADICTED
    return Entailment.INDEPENDENT
