"""Files that the commands of `verifier estimate` read, beside verdicts."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from clients.command_line.batch_lines import LineSplitter, parse_line
from clients.command_line.exit_codes import InvalidInput
from verifier_service.model import Criterion, VerificationSpec

if TYPE_CHECKING:  # needs the extra `estimation`
    from proposer.estimation.records import Record

__all__ = ["criteria_of", "estimation", "read_specs", "read_verdicts", "references_of"]

_CHUNK = 1 << 16


@contextlib.contextmanager
def estimation() -> Iterator[None]:
    """For what needs the extra `estimation`, and says by a `ValueError` of its own what is wrong.

    Raises:
        InvalidInput: The extra is not installed, or a file can't be used.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise InvalidInput(
            f"This command needs {error.name}, which is not installed: pip install "
            '"neurosymbolic-verifier[server,estimation]".'
        ) from error
    except ValueError as error:
        if not type(error).__module__.startswith("proposer."):
            raise
        raise InvalidInput(str(error)) from error  # UnusableRecords, NotEstimable


def read_verdicts(
    verdicts: Path, truth: Path | None, *, trust_rejections: bool = False
) -> list[Record]:
    """Verdicts of a file, with the truth of another where there is one.

    Raises:
        InvalidInput: As `estimation`.
    """
    with estimation():
        from proposer.estimation.records import (
            read_records,
            read_truths,
            trusting_rejections,
            with_truth,
        )

        records = read_records(verdicts)
        if truth is not None:
            records = with_truth(records, read_truths(truth), names=(verdicts, truth))
        return trusting_rejections(records) if trust_rejections else records


def read_specs(path: Path) -> list[VerificationSpec]:
    """The specs of a file, a line each, as for `verifier batch`; all have a problem id.

    Raises:
        InvalidInput: The file can't be read, or a line is no spec.
    """
    splitter = LineSplitter()
    specs = []
    try:
        with path.open("rb") as file:
            chunks = iter(lambda: file.read(_CHUNK), b"")
            lines = [line for chunk in chunks for line in splitter.feed(chunk)]
    except OSError as error:
        raise InvalidInput(f"{path} can't be read: {error.strerror}.") from error
    for line in [*lines, *splitter.end()]:
        if line.text is not None and not line.text.strip():
            continue
        entry = parse_line(line)
        if entry.spec is None:
            raise InvalidInput(f"{path}, line {line.number}: {entry.error}")
        if not entry.problem_id:
            raise InvalidInput(
                f"{path}, line {line.number} has no problemId. Give every problem an id."
            )
        specs.append(entry.spec)
    if not specs:
        raise InvalidInput(f"{path} has no lines. A VerificationSpec a line is needed.")
    return specs


def criteria_of(specs: list[VerificationSpec], path: Path) -> dict[str, Criterion]:
    """What each problem asks for.

    Raises:
        InvalidInput: Specs of one problem ask for different things.
    """
    criteria: dict[str, Criterion] = {}
    for spec in specs:
        problem = spec.problem
        if criteria.setdefault(problem.problem_id, problem.criterion) != problem.criterion:
            raise InvalidInput(
                f"{path} has several tests for the problem {problem.problem_id[:80]!r}. Give each "
                "its own problemId."
            )
    return criteria


def references_of(path: Path) -> list[VerificationSpec]:
    """Specs whose candidates are reference solutions, one for each problem.

    Raises:
        InvalidInput: As `read_specs`; or a problem has two references.
    """
    references: dict[str, VerificationSpec] = {}
    for spec in read_specs(path):
        name = spec.problem.problem_id
        if references.setdefault(name, spec) is not spec:
            raise InvalidInput(
                f"{path} has two references for the problem {name[:80]!r}. Keep one of them."
            )
    return list(references.values())
