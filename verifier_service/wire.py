"""Translation between the messages of `verifier_service.v1` and the model; total and lossless.

* `…_to_proto` never fails on what the service itself made: text that UTF-8 can't say (a lone
  surrogate out of a candidate's output) is written with backslash escapes, numbers that don't fit
  their field become the nearest that does. `spec_to_proto` and `options_to_proto`, which carry a
  caller's own words, raise `InvalidSpec` instead of changing one of them.
* `…_from_proto` of requests raises `InvalidSpec` with every violation. Of responses it reads what a
  newer server may send: an unknown assurance becomes the next weaker one that is known.

Times have a resolution of one nanosecond.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Iterable
from typing import Final, Protocol, TypeVar

from google.protobuf import any_pb2, duration_pb2, message, timestamp_pb2

from verifier_service import validation
from verifier_service.google_rpc import error_details_pb2, status_pb2
from verifier_service.model import (
    DOMAIN,
    ERRORS_BY_REASON,
    Assurance,
    CachePolicy,
    CallCase,
    CallCases,
    CallOptions,
    Cancelled,
    Candidate,
    Capabilities,
    Comparison,
    Criterion,
    CriterionUnavailable,
    DeadlineExceeded,
    Diagnostic,
    Entailment,
    EnvironmentInfo,
    Evidence,
    ExecutorFault,
    FalsePositiveEstimate,
    InvalidSpec,
    LeanDeclaration,
    LeanEvidence,
    LeanTheorem,
    Limits,
    LogicCertificate,
    LogicEvidence,
    LogicModel,
    LogicProblem,
    Outcome,
    Output,
    Problem,
    Progress,
    Provenance,
    PytestSuite,
    PythonEvidence,
    PythonTests,
    QueueFull,
    Range,
    RequestedLimits,
    RequestIdReused,
    ResourceUsage,
    ServerRestarted,
    ServerUnreachable,
    ServiceError,
    Severity,
    SolverClaim,
    State,
    StdioCase,
    StdioCases,
    StopRule,
    TestCaseResult,
    TestCode,
    TestForm,
    Timeline,
    Unauthenticated,
    UnknownVerification,
    Verdict,
    VerdictChannel,
    Verification,
    VerificationFilter,
    VerificationSpec,
    Violation,
)
from verifier_service.v1 import problem_pb2, verdict_pb2, verifier_pb2

__all__ = [
    "capabilities_from_proto",
    "capabilities_to_proto",
    "diagnostic_from_proto",
    "diagnostic_to_proto",
    "error_from_status",
    "filter_from_proto",
    "limits_from_proto",
    "limits_to_proto",
    "options_from_proto",
    "options_to_proto",
    "progress_from_proto",
    "progress_to_proto",
    "spec_from_proto",
    "spec_to_proto",
    "status_to_proto",
    "stop_rule_from_proto",
    "stop_rule_to_proto",
    "verdict_from_proto",
    "verdict_to_proto",
    "verification_from_proto",
    "verification_id",
    "verification_name",
    "verification_to_proto",
]

_COLLECTION: Final = "verifications/"
_LONGEST_DURATION_SECONDS: Final = 315_576_000_000
"""About 10 000 years: google.protobuf.Duration's own bound."""
_EARLIEST_TIME, _LATEST_TIME = -62_135_596_800, 253_402_300_799
"""google.protobuf.Timestamp's own bounds, the years 1 and 9999."""
_NANOS: Final = 1_000_000_000
_INT32_MAX: Final = 2**31 - 1
_INT64_MAX: Final = 2**63 - 1
_UINT32_MAX: Final = 2**32 - 1

_Model = TypeVar("_Model", bound=enum.Enum)


class _ProtoEnum(Protocol):
    def Value(self, name: str) -> int: ...  # noqa: N802


def _numbers(
    model: type[_Model], proto: _ProtoEnum, prefix: str, *, zero: str = ""
) -> dict[_Model, int]:
    """The proto's number of each value; the value that goes by UNSPECIFIED is named by `zero`."""
    return {
        value: 0 if value.name == zero else proto.Value(f"{prefix}_{value.name}") for value in model
    }


def _values(numbers: dict[_Model, int]) -> dict[int, _Model]:
    return {number: value for value, number in numbers.items()}


_OUTCOME = _numbers(Outcome, verdict_pb2.Outcome, "OUTCOME")
_OUTCOME_OF = _values(_OUTCOME)
_SEVERITY = _numbers(Severity, verdict_pb2.Diagnostic.Severity, "SEVERITY")
_SEVERITY_OF = _values(_SEVERITY)
_CHANNEL = _numbers(VerdictChannel, verdict_pb2.VerdictChannel, "VERDICT_CHANNEL")
_CHANNEL_OF = _values(_CHANNEL)
_ENTAILMENT = _numbers(Entailment, verdict_pb2.LogicEvidence.Entailment, "ENTAILMENT")
_ENTAILMENT_OF = _values(_ENTAILMENT)
_STATE = _numbers(State, verifier_pb2.Verification.State, "STATE")
_STATE_OF = _values(_STATE)
_COMPARISON = _numbers(
    Comparison, problem_pb2.CallCases.Comparison, "COMPARISON", zero=Comparison.EXACT.name
)
_COMPARISON_OF = _values(_COMPARISON)
_CACHE_POLICY = _numbers(
    CachePolicy, verifier_pb2.CallOptions.CachePolicy, "CACHE_POLICY", zero=CachePolicy.USE.name
)
_CACHE_POLICY_OF = _values(_CACHE_POLICY)


# Text, numbers, times ---------------------------------------------------------------------------


def _text(text: str) -> str:
    """The text as UTF-8 can say it."""
    if validation.is_unicode(text):
        return text
    return text.encode("utf-8", "backslashreplace").decode()


def _all_text(texts: Iterable[str]) -> list[str]:
    return [_text(text) for text in texts]


def _within(number: int, most: int) -> int:
    return min(max(number, 0), most)


def _duration(seconds: float) -> duration_pb2.Duration:
    """The nearest duration; what is no number at all is none."""
    if not math.isfinite(seconds):
        seconds = math.copysign(_LONGEST_DURATION_SECONDS, seconds) if seconds == seconds else 0.0
    bounded = min(max(seconds, -_LONGEST_DURATION_SECONDS), _LONGEST_DURATION_SECONDS)
    whole, nanos = _split(abs(bounded))
    sign = -1 if bounded < 0 else 1
    return duration_pb2.Duration(seconds=sign * whole, nanos=sign * nanos)


def _seconds(time: duration_pb2.Duration | timestamp_pb2.Timestamp) -> float:
    return (time.seconds * _NANOS + time.nanos) / _NANOS


def _timestamp(seconds: float) -> timestamp_pb2.Timestamp:
    whole, nanos = _split(seconds if math.isfinite(seconds) else 0.0)
    return timestamp_pb2.Timestamp(
        seconds=min(max(whole, _EARLIEST_TIME), _LATEST_TIME), nanos=nanos
    )


def _split(seconds: float) -> tuple[int, int]:
    whole = math.floor(seconds)
    nanos = round((seconds - whole) * _NANOS)
    return (whole + 1, 0) if nanos == _NANOS else (whole, nanos)


# Specs ------------------------------------------------------------------------------------------


def spec_to_proto(spec: VerificationSpec) -> verifier_pb2.VerificationSpec:
    """A caller's spec.

    Raises:
        InvalidSpec: It holds what the contract can't say, such as a lone surrogate, or a limit of
            0, which on the wire means the server's default.
    """
    if violations := _unsayable(spec):
        raise InvalidSpec.of(violations)
    return _spec_to_proto(spec)


def _unsayable(spec: VerificationSpec) -> list[Violation]:
    anything = Limits(
        wall_seconds=_LONGEST_DURATION_SECONDS,
        cpu_seconds=_LONGEST_DURATION_SECONDS,
        memory_bytes=_INT64_MAX,
        max_processes=_INT32_MAX,
        max_output_bytes=_INT64_MAX,
        deterministic_steps=_INT64_MAX,
    )
    return validation.check_spec(spec, maximum_limits=anything, maximum_candidate_bytes=_INT64_MAX)


def _spec_to_proto(spec: VerificationSpec) -> verifier_pb2.VerificationSpec:
    return verifier_pb2.VerificationSpec(
        problem=_problem_to_proto(spec.problem),
        candidate=problem_pb2.Candidate(
            candidate_id=_text(spec.candidate.candidate_id), source=_text(spec.candidate.source)
        ),
        environment=_text(spec.environment),
        limits=_requested_limits_to_proto(spec.limits),
        minimum_assurance=_assurance_to_proto(spec.minimum_assurance),
    )


def _problem_to_proto(problem: Problem) -> problem_pb2.Problem:
    made = problem_pb2.Problem(problem_id=_text(problem.problem_id))
    match problem.criterion:
        case PythonTests() as tests:
            made.python_tests.CopyFrom(_python_tests_to_proto(tests))
        case LeanTheorem() as theorem:
            made.lean_theorem.CopyFrom(
                problem_pb2.LeanTheorem(
                    preamble=_text(theorem.preamble),
                    name=_text(theorem.name),
                    statement=_text(theorem.statement),
                    allowed_axioms=_all_text(theorem.allowed_axioms),
                    require_clean_file=theorem.require_clean_file,
                    whole_file=theorem.whole_file,
                    probe_statement=theorem.probe_statement,
                    by_computation=theorem.by_computation,
                )
            )
        case LogicProblem() as logic:
            made.logic.CopyFrom(_logic_to_proto(logic))
    return made


def _logic_to_proto(logic: LogicProblem) -> problem_pb2.LogicProblem:
    made = problem_pb2.LogicProblem(
        syntax=_text(logic.syntax),
        premises=_all_text(logic.premises),
        conclusion=_text(logic.conclusion),
        reference=_text(logic.reference),
    )
    if logic.expected is not None:
        made.expected = _ENTAILMENT[logic.expected]  # type: ignore[assignment]
    return made


def _python_tests_to_proto(tests: PythonTests) -> problem_pb2.PythonTests:
    made = problem_pb2.PythonTests(preamble=_text(tests.preamble), keep_going=tests.keep_going)
    match tests.form:
        case TestCode() as code:
            made.code.CopyFrom(
                problem_pb2.TestCode(source=_text(code.source), entry_point=_text(code.entry_point))
            )
        case CallCases() as calls:
            made.calls.CopyFrom(_calls_to_proto(calls))
        case StdioCases() as stdio:
            made.stdio.CopyFrom(
                problem_pb2.StdioCases(
                    cases=[
                        problem_pb2.StdioCase(
                            stdin=_text(case.stdin),
                            stdout=_text(case.stdout),
                            name=_text(case.name),
                        )
                        for case in stdio.cases
                    ]
                )
            )
        case PytestSuite() as suite:
            files = {_text(path): _text(text) for path, text in suite.files}
            made.pytest.CopyFrom(problem_pb2.PytestSuite(files=files, module=_text(suite.module)))
    return made


def _calls_to_proto(calls: CallCases) -> problem_pb2.CallCases:
    return problem_pb2.CallCases(
        entry_point=_text(calls.entry_point),
        cases=[
            problem_pb2.CallCase(
                arguments_json=_text(case.arguments_json),
                expected_json=_text(case.expected_json),
                name=_text(case.name),
            )
            for case in calls.cases
        ],
        tolerance=calls.tolerance,
        comparison=_COMPARISON[calls.comparison],  # type: ignore[arg-type]
    )


def _requested_limits_to_proto(limits: RequestedLimits) -> problem_pb2.Limits | None:
    if limits == RequestedLimits():
        return None
    return problem_pb2.Limits(
        wall_time=None if limits.wall_seconds is None else _duration(limits.wall_seconds),
        cpu_time=None if limits.cpu_seconds is None else _duration(limits.cpu_seconds),
        memory_bytes=_within(limits.memory_bytes or 0, _INT64_MAX),
        max_processes=_within(limits.max_processes or 0, _INT32_MAX),
        max_output_bytes=_within(limits.max_output_bytes or 0, _INT64_MAX),
        deterministic_steps=_within(limits.deterministic_steps or 0, _INT64_MAX),
    )


def spec_from_proto(
    spec: verifier_pb2.VerificationSpec,
    *,
    maximum_limits: Limits | None = None,
    maximum_candidate_bytes: int | None = None,
) -> VerificationSpec:
    """A request's spec. The maxima are looked at only where the spec can't be built.

    Raises:
        InvalidSpec: The message says no spec. Names every violation, those that `validation` finds
            in the remaining fields included.
    """
    violations: list[Violation] = []
    criterion = _criterion_from_proto(spec.problem, violations)
    limits = _requested_limits_from_proto(spec.limits, violations)
    assurance = _requested_assurance(spec.minimum_assurance, violations)
    candidate = Candidate(source=spec.candidate.source, candidate_id=spec.candidate.candidate_id)
    if criterion is None or violations:
        violations += validation.check_id("problem.problem_id", spec.problem.problem_id)
        violations += validation.check_candidate(candidate, maximum_bytes=maximum_candidate_bytes)
        if not candidate.source and not isinstance(criterion, LogicProblem):
            violations.append(validation.EMPTY_CANDIDATE)
        violations += validation.check_environment(spec.environment)
        violations += validation.check_limits(limits, maximum=maximum_limits)
        raise InvalidSpec.of(violations)

    return VerificationSpec(
        problem=Problem(criterion=criterion, problem_id=spec.problem.problem_id),
        candidate=candidate,
        environment=spec.environment,
        limits=limits,
        minimum_assurance=assurance,
    )


def _criterion_from_proto(
    problem: problem_pb2.Problem, violations: list[Violation]
) -> Criterion | None:
    match problem.WhichOneof("criterion"):
        case "python_tests":
            return _python_tests_from_proto(problem.python_tests, violations)
        case "lean_theorem":
            theorem = problem.lean_theorem
            return LeanTheorem(
                name=theorem.name,
                statement=theorem.statement,
                preamble=theorem.preamble,
                allowed_axioms=tuple(theorem.allowed_axioms),
                require_clean_file=theorem.require_clean_file,
                whole_file=theorem.whole_file,
                probe_statement=theorem.probe_statement,
                by_computation=theorem.by_computation,
            )
        case "logic":
            return _logic_from_proto(problem.logic, violations)
        case _:
            names = ", ".join(validation.CRITERION_NAMES.values())
            violations.append(
                Violation("problem.criterion", f"is not set. Set one of {names}."),
            )
            return None


def _logic_from_proto(logic: problem_pb2.LogicProblem, violations: list[Violation]) -> LogicProblem:
    if logic.expected and logic.expected not in _ENTAILMENT_OF:
        violations.append(_unknown_value("problem.logic.expected", logic.expected, _ENTAILMENT))
    return LogicProblem(
        syntax=logic.syntax,
        premises=tuple(logic.premises),
        conclusion=logic.conclusion,
        expected=_ENTAILMENT_OF.get(logic.expected),
        reference=logic.reference,
    )


def _python_tests_from_proto(
    tests: problem_pb2.PythonTests, violations: list[Violation]
) -> PythonTests | None:
    form = _form_from_proto(tests, violations)
    if form is None:
        return None
    return PythonTests(form=form, preamble=tests.preamble, keep_going=tests.keep_going)


def _form_from_proto(
    tests: problem_pb2.PythonTests, violations: list[Violation]
) -> TestForm | None:
    match tests.WhichOneof("form"):
        case "code":
            return TestCode(source=tests.code.source, entry_point=tests.code.entry_point)
        case "calls":
            return _calls_from_proto(tests.calls, violations)
        case "stdio":
            return StdioCases(
                cases=tuple(
                    StdioCase(stdin=case.stdin, stdout=case.stdout, name=case.name)
                    for case in tests.stdio.cases
                )
            )
        case "pytest":
            return PytestSuite(
                files=tuple(sorted(tests.pytest.files.items())), module=tests.pytest.module
            )
        case _:
            names = ", ".join(validation.FORM_NAMES.values())
            violations.append(
                Violation("problem.python_tests.form", f"is not set. Set one of {names}.")
            )
            return None


def _calls_from_proto(calls: problem_pb2.CallCases, violations: list[Violation]) -> CallCases:
    if calls.comparison not in _COMPARISON_OF:
        path = "problem.python_tests.calls.comparison"
        violations.append(_unknown_value(path, calls.comparison, _COMPARISON))
    return CallCases(
        entry_point=calls.entry_point,
        cases=tuple(
            CallCase(
                arguments_json=case.arguments_json,
                expected_json=case.expected_json,
                name=case.name,
            )
            for case in calls.cases
        ),
        tolerance=calls.tolerance,
        comparison=_COMPARISON_OF.get(calls.comparison, Comparison.EXACT),
    )


def _requested_limits_from_proto(
    limits: problem_pb2.Limits, violations: list[Violation]
) -> RequestedLimits:
    return RequestedLimits(
        wall_seconds=_requested_seconds("wall_time", limits, violations),
        cpu_seconds=_requested_seconds("cpu_time", limits, violations),
        memory_bytes=limits.memory_bytes or None,
        max_processes=limits.max_processes or None,
        max_output_bytes=limits.max_output_bytes or None,
        deterministic_steps=limits.deterministic_steps or None,
    )


def _requested_seconds(
    field: str, limits: problem_pb2.Limits, violations: list[Violation]
) -> float | None:
    if not limits.HasField(field):  # type: ignore[arg-type]
        return None
    duration: duration_pb2.Duration = getattr(limits, field)
    if _is_duration(duration):
        return _seconds(duration)
    violations.append(
        Violation(
            f"limits.{field}",
            f"is no duration ({duration.seconds} seconds and {duration.nanos} nanos). Keep the "
            "nanos below a second and of the seconds' sign, and the whole below 10 000 years.",
        )
    )
    return None


def _is_duration(duration: duration_pb2.Duration) -> bool:
    return (
        abs(duration.seconds) <= _LONGEST_DURATION_SECONDS
        and abs(duration.nanos) < _NANOS
        and duration.seconds * duration.nanos >= 0
    )


def _requested_assurance(number: int, violations: list[Violation]) -> Assurance:
    try:
        return Assurance(number)
    except ValueError:
        numbers = {value: value.value for value in Assurance}
        violations.append(_unknown_value("minimum_assurance", number, numbers))
        return Assurance.UNSPECIFIED


def _unknown_value(path: str, number: int, known: dict[_Model, int]) -> Violation:
    offered = ", ".join(f"{value.name} ({known[value]})" for value in known)
    return Violation(path, f"has the unknown value {number}. Set one of {offered}.")


# Options ----------------------------------------------------------------------------------------


def options_to_proto(options: CallOptions) -> verifier_pb2.CallOptions:
    """A call's options.

    Raises:
        InvalidSpec: They hold what the contract can't say.
    """
    if violations := validation.check_options(options):
        raise InvalidSpec.of(violations)
    return verifier_pb2.CallOptions(
        cache_policy=_CACHE_POLICY[options.cache_policy],  # type: ignore[arg-type]
        priority=options.priority,
        session_id=options.session_id,
        max_cases_reported=options.max_cases_reported,
    )


def options_from_proto(options: verifier_pb2.CallOptions) -> CallOptions:
    """A request's options.

    Raises:
        InvalidSpec: A value is unknown; the violations of the other fields are named with it.
    """
    policy = _CACHE_POLICY_OF.get(options.cache_policy)
    made = CallOptions(
        cache_policy=policy or CachePolicy.USE,
        priority=options.priority,
        session_id=options.session_id,
        max_cases_reported=options.max_cases_reported,
    )
    if policy is None:
        unknown = _unknown_value("options.cache_policy", options.cache_policy, _CACHE_POLICY)
        raise InvalidSpec.of([unknown, *validation.check_options(made)])
    return made


def stop_rule_to_proto(rule: StopRule) -> verifier_pb2.StopRule:
    """When to end a batch.

    Raises:
        InvalidSpec: A count is negative, or does not fit 32 bits.
    """
    _check_stop_rule(rule)
    return verifier_pb2.StopRule(
        accepted_count=rule.accepted_count, rejected_count=rule.rejected_count
    )


def stop_rule_from_proto(rule: verifier_pb2.StopRule) -> StopRule:
    """When to end a batch.

    Raises:
        InvalidSpec: A count is negative.
    """
    made = StopRule(accepted_count=rule.accepted_count, rejected_count=rule.rejected_count)
    _check_stop_rule(made)
    return made


def _check_stop_rule(rule: StopRule) -> None:
    counts = {"accepted_count": rule.accepted_count, "rejected_count": rule.rejected_count}
    if violations := [
        Violation(f"stop_rule.{name}", f"is {count}. Set 0 for never, or a small count.")
        for name, count in counts.items()
        if not 0 <= count <= _INT32_MAX
    ]:
        raise InvalidSpec.of(violations)


# Verdicts ---------------------------------------------------------------------------------------


def verdict_to_proto(verdict: Verdict) -> verdict_pb2.Verdict:
    """A verdict as callers get it."""
    made = verdict_pb2.Verdict(
        outcome=_OUTCOME[verdict.outcome],  # type: ignore[arg-type]
        assurance=_assurance_to_proto(verdict.assurance),
        reason=_text(verdict.reason),
        summary=_text(verdict.summary),
        diagnostics=[diagnostic_to_proto(finding) for finding in verdict.diagnostics],
        provenance=_provenance_to_proto(verdict.provenance),
    )
    match verdict.evidence:
        case PythonEvidence() as python:
            made.python.CopyFrom(_python_evidence_to_proto(python))
        case LeanEvidence() as lean:
            made.lean.CopyFrom(_lean_evidence_to_proto(lean))
        case LogicEvidence() as logic:
            made.logic.CopyFrom(
                verdict_pb2.LogicEvidence(
                    entailment=_ENTAILMENT[logic.entailment],  # type: ignore[arg-type]
                    model_smtlib=_text(logic.model_smtlib),
                    unsat_core=_all_text(logic.unsat_core),
                    models=map(_logic_model_to_proto, logic.models),
                    certificates=map(_logic_certificate_to_proto, logic.certificates),
                    claims=map(_claim_to_proto, logic.claims),
                    open_questions=_all_text(logic.open_questions),
                )
            )
    if (estimate := verdict.false_positive) is not None:
        made.false_positive.CopyFrom(
            verdict_pb2.FalsePositiveEstimate(
                rate=estimate.rate,
                lower=estimate.lower,
                upper=estimate.upper,
                method=_text(estimate.method),
                sample_count=_within(estimate.sample_count, _INT64_MAX),
                problem_count=_within(estimate.problem_count, _INT64_MAX),
                problem_set=_text(estimate.problem_set),
                estimate_time=None
                if (when := estimate.estimate_time) is None
                else _timestamp(when),
            )
        )
    return made


def _assurance_to_proto(assurance: Assurance) -> verdict_pb2.Assurance.ValueType:
    return assurance.value  # type: ignore[return-value]


def diagnostic_to_proto(finding: Diagnostic) -> verdict_pb2.Diagnostic:
    """A finding."""
    return verdict_pb2.Diagnostic(
        severity=_SEVERITY[finding.severity],  # type: ignore[arg-type]
        code=_text(finding.code),
        message=_text(finding.message),
        range=None if finding.range is None else _range_to_proto(finding.range),
        goals=_all_text(finding.goals),
        hints=_all_text(finding.hints),
    )


def _range_to_proto(where: Range) -> verdict_pb2.Range:
    return verdict_pb2.Range(
        path=_text(where.path),
        start_line=_within(where.start_line, _UINT32_MAX),
        start_column=_within(where.start_column, _UINT32_MAX),
        end_line=_within(where.end_line, _UINT32_MAX),
        end_column=_within(where.end_column, _UINT32_MAX),
    )


def _python_evidence_to_proto(evidence: PythonEvidence) -> verdict_pb2.PythonEvidence:
    return verdict_pb2.PythonEvidence(
        cases=[_case_to_proto(case) for case in evidence.cases],
        passed_count=_within(evidence.passed_count, _UINT32_MAX),
        total_count=_within(evidence.total_count, _UINT32_MAX),
        stdout=_output_to_proto(evidence.stdout),
        stderr=_output_to_proto(evidence.stderr),
        channel=_CHANNEL[evidence.channel],  # type: ignore[arg-type]
    )


def _lean_evidence_to_proto(evidence: LeanEvidence) -> verdict_pb2.LeanEvidence:
    return verdict_pb2.LeanEvidence(
        axioms=_all_text(evidence.axioms),
        uses_sorry=evidence.uses_sorry,
        statement_digest=_text(evidence.statement_digest),
        replayed_by=_all_text(evidence.replayed_by),
        declarations=[
            verdict_pb2.LeanDeclaration(
                name=_text(one.name),
                kind=_text(one.kind),
                axioms=_all_text(one.axioms),
                is_target=one.is_target,
            )
            for one in evidence.declarations
        ],
        toolchain=_text(evidence.toolchain),
        imports=_all_text(evidence.imports),
        statement_findings=_all_text(evidence.statement_findings),
    )


def _case_to_proto(case: TestCaseResult) -> verdict_pb2.TestCaseResult:
    return verdict_pb2.TestCaseResult(
        name=_text(case.name),
        outcome=_OUTCOME[case.outcome],  # type: ignore[arg-type]
        reason=_text(case.reason),
        wall_time=_duration(case.wall_seconds),
        message=_text(case.message),
    )


def _output_to_proto(output: Output) -> verdict_pb2.Output:
    return verdict_pb2.Output(
        head=output.head, tail=output.tail, size_bytes=_within(output.size_bytes, _INT64_MAX)
    )


def _provenance_to_proto(provenance: Provenance) -> verdict_pb2.Provenance:
    usage, timeline = provenance.usage, provenance.timeline
    return verdict_pb2.Provenance(
        verification_digest=_text(provenance.verification_digest),
        tools=_all_text(provenance.tools),
        environment=_text(provenance.environment),
        sandbox=_text(provenance.sandbox),
        worker=_text(provenance.worker),
        from_cache=provenance.from_cache,
        timeline=None if timeline is None else _timeline_to_proto(timeline),
        usage=verdict_pb2.ResourceUsage(
            wall_time=_duration(usage.wall_seconds),
            cpu_time=_duration(usage.cpu_seconds),
            peak_memory_bytes=_within(usage.peak_memory_bytes, _INT64_MAX),
            deterministic_steps=_within(usage.deterministic_steps, _INT64_MAX),
        ),
        enforced=_all_text(provenance.enforced),
        attempt_count=_within(provenance.attempt_count, _INT32_MAX),
    )


def _timeline_to_proto(timeline: Timeline) -> verdict_pb2.Timeline:
    return verdict_pb2.Timeline(
        create_time=_timestamp(timeline.create_time),
        start_time=_timestamp(timeline.start_time),
        execute_time=_timestamp(timeline.execute_time),
        end_time=_timestamp(timeline.end_time),
    )


def verdict_from_proto(verdict: verdict_pb2.Verdict) -> Verdict:
    """A verdict as the server sent it.

    Raises:
        ExecutorFault: It has no outcome. Such a message is never read as a verdict.
    """
    return Verdict(
        outcome=_outcome_from_proto(verdict.outcome),
        reason=verdict.reason,
        summary=verdict.summary,
        assurance=_assurance_from_proto(verdict.assurance),
        diagnostics=tuple(diagnostic_from_proto(finding) for finding in verdict.diagnostics),
        evidence=_evidence_from_proto(verdict),
        provenance=_provenance_from_proto(verdict.provenance),
        false_positive=_estimate_from_proto(verdict),
    )


def _outcome_from_proto(number: int) -> Outcome:
    outcome = _OUTCOME_OF.get(number)
    if outcome is None:
        raise ExecutorFault(
            f"The server sent a verdict with the outcome {number}, which is none of the three. "
            "Report it as a bug of the server."
        )
    return outcome


def _assurance_from_proto(number: int) -> Assurance:
    """The strongest known level that is no stronger than this one."""
    return max((known for known in Assurance if known <= number), default=Assurance.UNSPECIFIED)


def diagnostic_from_proto(finding: verdict_pb2.Diagnostic) -> Diagnostic:
    """A finding; what a newer server means by an unknown severity is context."""
    return Diagnostic(
        severity=_SEVERITY_OF.get(finding.severity, Severity.INFO),
        code=finding.code,
        message=finding.message,
        range=_range_from_proto(finding.range) if finding.HasField("range") else None,
        goals=tuple(finding.goals),
        hints=tuple(finding.hints),
    )


def _range_from_proto(where: verdict_pb2.Range) -> Range:
    return Range(
        path=where.path,
        start_line=where.start_line,
        start_column=where.start_column,
        end_line=where.end_line,
        end_column=where.end_column,
    )


def _evidence_from_proto(verdict: verdict_pb2.Verdict) -> Evidence | None:
    match verdict.WhichOneof("evidence"):
        case "python":
            return _python_evidence_from_proto(verdict.python)
        case "lean":
            return _lean_evidence_from_proto(verdict.lean)
        case "logic":
            return _logic_evidence_from_proto(verdict.logic)
        case _:
            return None


def _logic_model_to_proto(model: LogicModel) -> verdict_pb2.LogicModel:
    return verdict_pb2.LogicModel(
        question=_text(model.question), text=_text(model.text), checked=model.checked
    )


def _logic_certificate_to_proto(certificate: LogicCertificate) -> verdict_pb2.LogicCertificate:
    return verdict_pb2.LogicCertificate(
        question=_text(certificate.question),
        text=_text(certificate.text),
        instance_count=certificate.instance_count,
        step_count=certificate.step_count,
    )


def _claim_to_proto(claim: SolverClaim) -> verdict_pb2.SolverClaim:
    return verdict_pb2.SolverClaim(
        solver=_text(claim.solver),
        question=_text(claim.question),
        status=_text(claim.status),
        reason=_text(claim.reason),
        step_count=claim.step_count,
        words=_text(claim.words),
    )


def _logic_evidence_from_proto(evidence: verdict_pb2.LogicEvidence) -> LogicEvidence:
    return LogicEvidence(
        entailment=_ENTAILMENT_OF.get(evidence.entailment, Entailment.UNKNOWN),
        model_smtlib=evidence.model_smtlib,
        unsat_core=tuple(evidence.unsat_core),
        models=tuple(
            LogicModel(question=one.question, text=one.text, checked=one.checked)
            for one in evidence.models
        ),
        certificates=tuple(
            LogicCertificate(
                question=one.question,
                text=one.text,
                instance_count=one.instance_count,
                step_count=one.step_count,
            )
            for one in evidence.certificates
        ),
        claims=tuple(
            SolverClaim(
                solver=one.solver,
                question=one.question,
                status=one.status,
                reason=one.reason,
                step_count=one.step_count,
                words=one.words,
            )
            for one in evidence.claims
        ),
        open_questions=tuple(evidence.open_questions),
    )


def _python_evidence_from_proto(evidence: verdict_pb2.PythonEvidence) -> PythonEvidence:
    return PythonEvidence(
        cases=tuple(_case_from_proto(case) for case in evidence.cases),
        passed_count=evidence.passed_count,
        total_count=evidence.total_count,
        stdout=_output_from_proto(evidence.stdout),
        stderr=_output_from_proto(evidence.stderr),
        channel=_CHANNEL_OF.get(evidence.channel, VerdictChannel.SHARED),
    )


def _lean_evidence_from_proto(evidence: verdict_pb2.LeanEvidence) -> LeanEvidence:
    return LeanEvidence(
        axioms=tuple(evidence.axioms),
        uses_sorry=evidence.uses_sorry,
        statement_digest=evidence.statement_digest,
        replayed_by=tuple(evidence.replayed_by),
        declarations=tuple(
            LeanDeclaration(
                name=one.name,
                kind=one.kind,
                axioms=tuple(one.axioms),
                is_target=one.is_target,
            )
            for one in evidence.declarations
        ),
        toolchain=evidence.toolchain,
        imports=tuple(evidence.imports),
        statement_findings=tuple(evidence.statement_findings),
    )


def _case_from_proto(case: verdict_pb2.TestCaseResult) -> TestCaseResult:
    return TestCaseResult(
        name=case.name,
        outcome=_outcome_from_proto(case.outcome),
        reason=case.reason,
        wall_seconds=_seconds(case.wall_time),
        message=case.message,
    )


def _output_from_proto(output: verdict_pb2.Output) -> Output:
    return Output(head=output.head, tail=output.tail, size_bytes=output.size_bytes)


def _provenance_from_proto(provenance: verdict_pb2.Provenance) -> Provenance:
    usage = provenance.usage
    return Provenance(
        verification_digest=provenance.verification_digest,
        tools=tuple(provenance.tools),
        environment=provenance.environment,
        sandbox=provenance.sandbox,
        worker=provenance.worker,
        from_cache=provenance.from_cache,
        timeline=_timeline_from_proto(provenance),
        usage=ResourceUsage(
            wall_seconds=_seconds(usage.wall_time),
            cpu_seconds=_seconds(usage.cpu_time),
            peak_memory_bytes=usage.peak_memory_bytes,
            deterministic_steps=usage.deterministic_steps,
        ),
        enforced=tuple(provenance.enforced),
        attempt_count=provenance.attempt_count,
    )


def _timeline_from_proto(provenance: verdict_pb2.Provenance) -> Timeline | None:
    if not provenance.HasField("timeline"):
        return None
    timeline = provenance.timeline
    return Timeline(
        create_time=_seconds(timeline.create_time),
        start_time=_seconds(timeline.start_time),
        execute_time=_seconds(timeline.execute_time),
        end_time=_seconds(timeline.end_time),
    )


def _estimate_from_proto(verdict: verdict_pb2.Verdict) -> FalsePositiveEstimate | None:
    if not verdict.HasField("false_positive"):
        return None
    estimate = verdict.false_positive
    return FalsePositiveEstimate(
        rate=estimate.rate,
        lower=estimate.lower,
        upper=estimate.upper,
        method=estimate.method,
        sample_count=estimate.sample_count,
        problem_count=estimate.problem_count,
        problem_set=estimate.problem_set,
        estimate_time=(
            _seconds(estimate.estimate_time) if estimate.HasField("estimate_time") else None
        ),
    )


# Verifications ----------------------------------------------------------------------------------


def verification_name(verification_id: str) -> str:
    """The resource name of a verification."""
    return f"{_COLLECTION}{_text(verification_id)}"


def verification_id(name: str) -> str:
    """The id in a resource name.

    Raises:
        InvalidSpec: It is not the name of a verification.
    """
    last = name.removeprefix(_COLLECTION)
    if not name.startswith(_COLLECTION) or not last or "/" in last:
        raise InvalidSpec.of(
            [
                Violation(
                    "name",
                    "is not the name of a verification. Write it as `verifications/{id}`, as "
                    "StartVerification and ListVerifications return it.",
                )
            ]
        )
    if violations := validation.check_id("name", last):
        raise InvalidSpec.of(violations)
    return last


def verification_to_proto(verification: Verification) -> verifier_pb2.Verification:
    """A verification as callers get it."""
    made = verifier_pb2.Verification(
        name=verification_name(verification.verification_id),
        spec=_spec_to_proto(verification.spec),
        state=_STATE[verification.state],  # type: ignore[arg-type]
        create_time=_timestamp(verification.create_time),
        session_id=_text(verification.session_id),
    )
    if verification.end_time is not None:
        made.end_time.CopyFrom(_timestamp(verification.end_time))
    if verification.verdict is not None:
        made.verdict.CopyFrom(verdict_to_proto(verification.verdict))
    if verification.error is not None:
        made.error.CopyFrom(status_to_proto(verification.error))
    return made


def verification_from_proto(verification: verifier_pb2.Verification) -> Verification:
    """A verification as the server sent it.

    Raises:
        ServiceError: It is no verification: no state, no criterion, no outcome.
    """
    made = verification
    return Verification(
        verification_id=verification_id(made.name),
        spec=spec_from_proto(made.spec),
        state=_state_from_proto(made.state),
        create_time=_seconds(made.create_time),
        end_time=_seconds(made.end_time) if made.HasField("end_time") else None,
        session_id=made.session_id,
        verdict=verdict_from_proto(made.verdict) if made.HasField("verdict") else None,
        error=error_from_status(made.error) if made.HasField("error") else None,
    )


def _state_from_proto(number: int) -> State:
    state = _STATE_OF.get(number)
    if state is None:
        raise ExecutorFault(
            f"The server sent the state {number}, which this client does not know. "
            "Update the client to the server's version."
        )
    return state


def progress_to_proto(progress: Progress) -> verifier_pb2.Progress:
    """Something on the way, as callers get it."""
    case, finding = progress.finished_case, progress.diagnostic
    return verifier_pb2.Progress(
        state=_STATE[progress.state],  # type: ignore[arg-type]
        queue_position=_within(progress.queue_position, _INT32_MAX),
        finished_case=None if case is None else _case_to_proto(case),
        diagnostic=None if finding is None else diagnostic_to_proto(finding),
    )


def progress_from_proto(progress: verifier_pb2.Progress) -> Progress:
    """Something on the way, as the server sent it.

    Raises:
        ExecutorFault: It has no state.
    """
    case = progress.finished_case if progress.HasField("finished_case") else None
    finding = progress.diagnostic if progress.HasField("diagnostic") else None
    return Progress(
        state=_state_from_proto(progress.state),
        queue_position=progress.queue_position,
        finished_case=None if case is None else _case_from_proto(case),
        diagnostic=None if finding is None else diagnostic_from_proto(finding),
    )


def filter_from_proto(request: verifier_pb2.ListVerificationsRequest) -> VerificationFilter:
    """Which verifications a request lists.

    Raises:
        InvalidSpec: The outcome is unknown.
    """
    if request.outcome and request.outcome not in _OUTCOME_OF:
        raise InvalidSpec.of([_unknown_value("outcome", request.outcome, _OUTCOME)])
    return VerificationFilter(
        problem_id=request.problem_id,
        session_id=request.session_id,
        outcome=_OUTCOME_OF.get(request.outcome),
    )


# Capabilities -----------------------------------------------------------------------------------


def limits_to_proto(limits: Limits) -> problem_pb2.Limits:
    """Limits in force."""
    return problem_pb2.Limits(
        wall_time=_duration(limits.wall_seconds),
        cpu_time=_duration(limits.cpu_seconds),
        memory_bytes=_within(limits.memory_bytes, _INT64_MAX),
        max_processes=_within(limits.max_processes, _INT32_MAX),
        max_output_bytes=_within(limits.max_output_bytes, _INT64_MAX),
        deterministic_steps=_within(limits.deterministic_steps, _INT64_MAX),
    )


def limits_from_proto(limits: problem_pb2.Limits) -> Limits:
    """Limits in force."""
    return Limits(
        wall_seconds=_seconds(limits.wall_time),
        cpu_seconds=_seconds(limits.cpu_time),
        memory_bytes=limits.memory_bytes,
        max_processes=limits.max_processes,
        max_output_bytes=limits.max_output_bytes,
        deterministic_steps=limits.deterministic_steps,
    )


def capabilities_to_proto(capabilities: Capabilities) -> verifier_pb2.GetCapabilitiesResponse:
    """What a service can do."""
    return verifier_pb2.GetCapabilitiesResponse(
        environments=[_environment_to_proto(offered) for offered in capabilities.environments],
        default_limits=limits_to_proto(capabilities.default_limits),
        maximum_limits=limits_to_proto(capabilities.maximum_limits),
        version=_text(capabilities.version),
        maximum_batch_size=_within(capabilities.maximum_batch_size, _INT32_MAX),
        maximum_candidate_bytes=_within(capabilities.maximum_candidate_bytes, _INT64_MAX),
        slot_count=_within(capabilities.slot_count, _INT32_MAX),
    )


def _environment_to_proto(offered: EnvironmentInfo) -> verifier_pb2.Environment:
    return verifier_pb2.Environment(
        name=_text(offered.name),
        digest=_text(offered.digest),
        criteria=_all_text(offered.criteria),
        maximum_assurance=_assurance_to_proto(offered.maximum_assurance),
        sandbox=_text(offered.sandbox),
        enforced=_all_text(offered.enforced),
        tools=_all_text(offered.tools),
    )


def capabilities_from_proto(response: verifier_pb2.GetCapabilitiesResponse) -> Capabilities:
    """What a service can do."""
    return Capabilities(
        environments=tuple(_environment_from_proto(offered) for offered in response.environments),
        default_limits=limits_from_proto(response.default_limits),
        maximum_limits=limits_from_proto(response.maximum_limits),
        version=response.version,
        maximum_batch_size=response.maximum_batch_size,
        maximum_candidate_bytes=response.maximum_candidate_bytes,
        slot_count=response.slot_count,
    )


def _environment_from_proto(offered: verifier_pb2.Environment) -> EnvironmentInfo:
    return EnvironmentInfo(
        name=offered.name,
        digest=offered.digest,
        criteria=tuple(offered.criteria),
        maximum_assurance=_assurance_from_proto(offered.maximum_assurance),
        sandbox=offered.sandbox,
        enforced=tuple(offered.enforced),
        tools=tuple(offered.tools),
    )


# Errors -----------------------------------------------------------------------------------------

_ERROR_BY_CODE: Final[dict[int, type[ServiceError]]] = {
    error.code: error
    for error in (
        Cancelled,
        InvalidSpec,
        DeadlineExceeded,
        UnknownVerification,
        RequestIdReused,
        QueueFull,
        CriterionUnavailable,
        ServerRestarted,
        ExecutorFault,
        ServerUnreachable,
        Unauthenticated,
    )
}
"""What a status is read as when its reason is none of ours."""
_ErrorMessage = TypeVar("_ErrorMessage", bound=message.Message)


def status_to_proto(error: ServiceError) -> status_pb2.Status:
    """An error as callers get it, on a call or on one item of a batch or stream."""
    facts = {_text(str(key)): _text(str(value)) for key, value in error.facts.items()}
    details: list[message.Message] = [
        error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=facts)
    ]
    if error.retry_after_seconds is not None:
        delay = _duration(max(0.0, error.retry_after_seconds))
        details.append(error_details_pb2.RetryInfo(retry_delay=delay))
    if error.violations:
        details.append(
            error_details_pb2.BadRequest(
                field_violations=[
                    error_details_pb2.BadRequest.FieldViolation(
                        field=_text(violation.field), description=_text(violation.description)
                    )
                    for violation in error.violations
                ]
            )
        )
    return status_pb2.Status(
        code=error.code.value, message=_text(str(error)), details=[_pack(d) for d in details]
    )


def _pack(detail: message.Message) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(detail)
    return packed


def error_from_status(status: status_pb2.Status) -> ServiceError:
    """The error that a status says.

    A status with another domain, or a reason that this client does not know, is read by its code,
    and its facts keep what it said: `status_reason`, `status_domain` and `status_code`.
    """
    info = _detail(status, error_details_pb2.ErrorInfo)
    facts = {} if info is None else dict(info.metadata)
    known = None if info is None or info.domain != DOMAIN else ERRORS_BY_REASON.get(info.reason)
    if known is None:
        facts["status_code"] = str(status.code)
        if info is not None:
            facts |= {"status_reason": info.reason, "status_domain": info.domain}
    error = (known or _ERROR_BY_CODE.get(status.code, ExecutorFault))(
        status.message,
        retry_after_seconds=_retry_after_seconds(status),
        violations=_violations(status),
    )
    error.facts = facts
    return error


def _retry_after_seconds(status: status_pb2.Status) -> float | None:
    retry = _detail(status, error_details_pb2.RetryInfo)
    return None if retry is None else _seconds(retry.retry_delay)


def _violations(status: status_pb2.Status) -> tuple[Violation, ...]:
    bad = _detail(status, error_details_pb2.BadRequest)
    found = () if bad is None else bad.field_violations
    return tuple(Violation(one.field, one.description) for one in found)


def _detail(status: status_pb2.Status, kind: type[_ErrorMessage]) -> _ErrorMessage | None:
    """The first detail of this kind; one that can't be read counts as missing."""
    for packed in status.details:
        if packed.type_url.rpartition("/")[2] == kind.DESCRIPTOR.full_name:
            detail = kind()
            try:
                packed.Unpack(detail)
            except message.DecodeError:
                return None
            return detail
    return None
