"""The file of calibrations: what `verifier estimate calibrate` writes and the service reads.

`{"calibrations": [{"problemSet": "HumanEval/*", "criterion": "python_tests", "environment":
"python3.11@sha256:…", "rate": 0.08, "lower": 0.05, "upper": 0.14, "method": "held-out-tests",
"samples": 512, "problems": 82, "time": "2026-11-22T08:00:00+00:00"}]}`, where an entry may have
`sessions` and `tests` too; `Calibration` says what they mean.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import tempfile
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from verifier_service.engine.calibration import Calibration
from verifier_service.model import FalsePositiveEstimate

__all__ = ["UnusableCalibrations", "add_calibration", "read_calibrations"]

_Fraction = Annotated[float, Field(ge=0, le=1)]
_Pattern = Annotated[str, Field(min_length=1, max_length=512)]
_Count = Annotated[int, Field(ge=0, lt=2**63)]


class UnusableCalibrations(Exception):
    """The file of calibrations can't be used; the message names the place in it."""


class _Entry(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, alias_generator=to_camel, validate_by_name=True
    )

    problem_set: _Pattern
    criterion: Literal["python_tests", "lean_theorem", "logic"]
    environment: _Pattern
    sessions: _Pattern = "*"
    rate: _Fraction
    lower: _Fraction
    upper: _Fraction
    method: _Pattern
    samples: _Count
    problems: _Count
    time: AwareDatetime
    tests: dict[str, str] = {}

    @model_validator(mode="after")
    def _check_interval(self) -> Self:
        if not self.lower <= self.rate <= self.upper:
            raise ValueError("lower, rate and upper are not in this order")
        return self

    def calibration(self) -> Calibration:
        return Calibration(
            estimate=FalsePositiveEstimate(
                rate=self.rate,
                lower=self.lower,
                upper=self.upper,
                method=self.method,
                sample_count=self.samples,
                problem_count=self.problems,
                problem_set=self.problem_set,
                estimate_time=self.time.timestamp(),
            ),
            criterion=self.criterion,
            environment=self.environment,
            sessions=self.sessions,
            tests=self.tests,
        )

    @classmethod
    def of(cls, made: Calibration) -> Self:
        estimate = made.estimate
        return cls.model_validate(
            {
                "problem_set": estimate.problem_set,
                "criterion": made.criterion,
                "environment": made.environment,
                "sessions": made.sessions,
                "rate": estimate.rate,
                "lower": estimate.lower,
                "upper": estimate.upper,
                "method": estimate.method,
                "samples": estimate.sample_count,
                "problems": estimate.problem_count,
                "time": datetime.datetime.fromtimestamp(
                    estimate.estimate_time or 0.0, tz=datetime.UTC
                ),
                "tests": dict(made.tests),
            }
        )


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    calibrations: list[_Entry]


def read_calibrations(path: Path) -> tuple[Calibration, ...]:
    """What a file holds.

    Raises:
        UnusableCalibrations: It can't be read, or is no file of calibrations.
    """
    return tuple(entry.calibration() for entry in _read(path).calibrations)


def add_calibration(path: Path, made: Calibration) -> None:
    """Writes one into a file, in place of that for the same verdicts; makes the file if need be.

    The file is replaced as a whole, so that no reader ever sees half of it.

    Raises:
        UnusableCalibrations: The file holds something else, or can't be written.
    """
    entry = _entry(made)
    kept = _read(path).calibrations if path.exists() else []
    others = [one for one in kept if _holds_for(one) != _holds_for(entry)]
    text = _File(calibrations=[*others, entry]).model_dump_json(by_alias=True, indent=2)
    try:
        _replace(path, text + "\n")
    except OSError as error:
        raise UnusableCalibrations(f"{path} can't be written: {error.strerror}.") from error


def _holds_for(entry: _Entry) -> tuple[str, str, str, str]:
    return entry.problem_set, entry.sessions, entry.criterion, entry.environment


def _entry(made: Calibration) -> _Entry:
    try:
        return _Entry.of(made)
    except ValidationError as error:
        raise UnusableCalibrations(f"This is no calibration: {_explained(error)}") from None


def _read(path: Path) -> _File:
    try:
        return _File.model_validate_json(path.read_bytes())
    except OSError as error:
        raise UnusableCalibrations(f"{path} can't be read: {error.strerror}.") from error
    except ValidationError as error:
        raise UnusableCalibrations(
            f"{path} is no file of calibrations: {_explained(error)} `verifier estimate calibrate` "
            "writes such files."
        ) from None


def _explained(error: ValidationError) -> str:
    problems = error.errors(include_url=False, include_input=False)
    first = problems[0]
    where = ".".join(map(str, first["loc"]))
    text = first["msg"].removeprefix("Value error, ").rstrip(".")
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{where}: {text}{more}." if where else f"{text}{more}."


def _replace(path: Path, text: str) -> None:
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False
    ) as file:
        try:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
            mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
            os.chmod(file.name, mode)
            os.replace(file.name, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(file.name)
            raise
