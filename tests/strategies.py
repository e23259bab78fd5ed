"""Hypothesis strategies for the model: everything in it that a service accepts or makes."""

from __future__ import annotations

import string
from typing import TypeVar

from hypothesis import strategies as st

from verifier_service.model import (
    ERRORS_BY_REASON,
    Assurance,
    CachePolicy,
    CallCase,
    CallCases,
    CallOptions,
    Candidate,
    Capabilities,
    Comparison,
    Criterion,
    Diagnostic,
    Entailment,
    EnvironmentInfo,
    Evidence,
    FalsePositiveEstimate,
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
    Range,
    RequestedLimits,
    ResourceUsage,
    ServiceError,
    Severity,
    SolverClaim,
    State,
    StdioCase,
    StdioCases,
    TestCaseResult,
    TestCode,
    TestForm,
    Timeline,
    Verdict,
    VerdictChannel,
    Verification,
    VerificationSpec,
    Violation,
)

_T = TypeVar("_T")

texts = st.text(st.characters(codec="utf-8"), max_size=20)
"""Text that UTF-8 can say, NUL included."""
any_texts = st.text(st.characters(), max_size=20)
"""Any Python string, lone surrogates included."""
names = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), max_size=20)
"""What may be an id."""
seconds = st.integers(0, 10**15).map(lambda nanos: nanos / 10**9)
times = st.integers(0, 4 * 10**9 * 10**3).map(lambda millis: millis / 10**3)
counts = st.integers(0, 2**31 - 1)
sizes = st.integers(0, 2**63 - 1)


def _tuples(items: st.SearchStrategy[_T]) -> st.SearchStrategy[tuple[_T, ...]]:
    return st.lists(items, max_size=3).map(tuple)


def _maybe(items: st.SearchStrategy[float]) -> st.SearchStrategy[float | None]:
    return st.none() | items


test_codes = st.builds(TestCode, source=texts, entry_point=texts)
call_cases = st.builds(
    CallCases,
    entry_point=texts,
    cases=st.lists(
        st.builds(CallCase, arguments_json=texts, expected_json=texts, name=texts), max_size=3
    ).map(tuple),
    tolerance=st.floats(allow_nan=False),
    comparison=st.sampled_from(Comparison),
)
stdio_cases = st.builds(
    StdioCases,
    cases=st.lists(st.builds(StdioCase, stdin=texts, stdout=texts, name=texts), max_size=3).map(
        tuple
    ),
)
pytest_suites = st.builds(
    PytestSuite,
    files=st.dictionaries(texts, texts, max_size=3).map(lambda files: tuple(sorted(files.items()))),
    module=texts,
)
forms: st.SearchStrategy[TestForm] = st.one_of(test_codes, call_cases, stdio_cases, pytest_suites)
python_tests = st.builds(PythonTests, form=forms, preamble=texts, keep_going=st.booleans())
criteria: st.SearchStrategy[Criterion] = st.one_of(
    python_tests,
    st.builds(
        LeanTheorem,
        name=texts,
        statement=texts,
        preamble=texts,
        allowed_axioms=_tuples(texts),
        require_clean_file=st.booleans(),
        whole_file=st.booleans(),
        probe_statement=st.booleans(),
        by_computation=st.booleans(),
    ),
    st.builds(
        LogicProblem,
        syntax=texts,
        premises=_tuples(texts),
        conclusion=texts,
        expected=st.none() | st.sampled_from(Entailment),
        reference=texts,
    ),
)
requested_limits = st.builds(
    RequestedLimits,
    wall_seconds=_maybe(st.integers(1, 10**15).map(lambda nanos: nanos / 10**9)),
    cpu_seconds=_maybe(st.integers(1, 10**15).map(lambda nanos: nanos / 10**9)),
    memory_bytes=st.none() | st.integers(1, 2**63 - 1),
    max_processes=st.none() | st.integers(1, 2**31 - 1),
    max_output_bytes=st.none() | st.integers(1, 2**63 - 1),
    deterministic_steps=st.none() | st.integers(1, 2**63 - 1),
)
environments = st.sampled_from(["", "python3.11", "python3.11@sha256:" + "0f" * 32])
specs = st.builds(
    VerificationSpec,
    problem=st.builds(Problem, criterion=criteria, problem_id=names),
    candidate=st.builds(Candidate, source=texts.filter(bool), candidate_id=names),
    environment=environments,
    limits=requested_limits,
    minimum_assurance=st.sampled_from(Assurance),
)
options = st.builds(
    CallOptions,
    cache_policy=st.sampled_from(CachePolicy),
    priority=st.integers(-(2**31), 2**31 - 1),
    session_id=names,
    max_cases_reported=st.integers(0, 10_000),
)

ranges = st.builds(
    Range,
    start_line=counts,
    start_column=counts,
    end_line=counts,
    end_column=counts,
    path=texts,
)
diagnostics = st.builds(
    Diagnostic,
    severity=st.sampled_from(Severity),
    code=texts,
    message=texts,
    range=st.none() | ranges,
    goals=_tuples(texts),
    hints=_tuples(texts),
)
case_results = st.builds(
    TestCaseResult,
    name=texts,
    outcome=st.sampled_from(Outcome),
    reason=texts,
    wall_seconds=seconds,
    message=texts,
)
outputs = st.builds(
    Output, head=st.binary(max_size=9), tail=st.binary(max_size=9), size_bytes=sizes
)
evidences: st.SearchStrategy[Evidence | None] = st.one_of(
    st.none(),
    st.builds(
        PythonEvidence,
        cases=st.lists(case_results, max_size=3).map(tuple),
        passed_count=counts,
        total_count=counts,
        stdout=outputs,
        stderr=outputs,
        channel=st.sampled_from(VerdictChannel),
    ),
    st.builds(
        LeanEvidence,
        axioms=_tuples(texts),
        uses_sorry=st.booleans(),
        statement_digest=texts,
        replayed_by=_tuples(texts),
        declarations=_tuples(
            st.builds(
                LeanDeclaration,
                name=texts,
                kind=texts,
                axioms=_tuples(texts),
                is_target=st.booleans(),
            )
        ),
        toolchain=texts,
        imports=_tuples(texts),
        statement_findings=_tuples(texts),
    ),
    st.builds(
        LogicEvidence,
        entailment=st.sampled_from(Entailment),
        model_smtlib=texts,
        unsat_core=_tuples(texts),
        models=_tuples(st.builds(LogicModel, question=texts, text=texts, checked=st.booleans())),
        certificates=_tuples(
            st.builds(
                LogicCertificate,
                question=texts,
                text=texts,
                instance_count=st.integers(0, 2**32 - 1),
                step_count=st.integers(0, 2**32 - 1),
            )
        ),
        claims=_tuples(
            st.builds(
                SolverClaim,
                solver=texts,
                question=texts,
                status=texts,
                reason=texts,
                step_count=st.integers(0, 2**63 - 1),
                words=texts,
            )
        ),
        open_questions=_tuples(texts),
    ),
)
timelines = st.builds(
    Timeline, create_time=times, start_time=times, execute_time=times, end_time=times
)
provenances = st.builds(
    Provenance,
    verification_digest=texts,
    tools=_tuples(texts),
    environment=texts,
    sandbox=texts,
    worker=texts,
    from_cache=st.booleans(),
    timeline=st.none() | timelines,
    usage=st.builds(
        ResourceUsage,
        wall_seconds=seconds,
        cpu_seconds=seconds,
        peak_memory_bytes=sizes,
        deterministic_steps=sizes,
    ),
    enforced=_tuples(texts),
    attempt_count=counts,
)
rates = st.floats(0, 1)
estimates = st.builds(
    FalsePositiveEstimate,
    rate=rates,
    lower=rates,
    upper=rates,
    method=texts,
    sample_count=sizes,
    problem_count=sizes,
    problem_set=texts,
    estimate_time=st.none() | times,
)
verdicts = st.builds(
    Verdict,
    outcome=st.sampled_from(Outcome),
    reason=texts,
    summary=texts,
    assurance=st.sampled_from(Assurance),
    diagnostics=st.lists(diagnostics, max_size=3).map(tuple),
    evidence=evidences,
    provenance=provenances,
    false_positive=st.none() | estimates,
)


@st.composite
def errors(draw: st.DrawFn) -> ServiceError:
    """Any error of the tree, with any of what it may carry."""
    kind = ERRORS_BY_REASON[draw(st.sampled_from(sorted(ERRORS_BY_REASON)))]
    error = kind(
        draw(texts),
        retry_after_seconds=draw(_maybe(seconds)),
        violations=tuple(draw(st.lists(st.builds(Violation, texts, texts), max_size=3))),
    )
    error.facts = draw(st.dictionaries(texts, texts, max_size=3))
    return error


progress = st.builds(
    Progress,
    state=st.sampled_from(State),
    queue_position=counts,
    finished_case=st.none() | case_results,
    diagnostic=st.none() | diagnostics,
)
verification_ids = st.text(string.ascii_letters + string.digits + "-", min_size=1, max_size=40)
verifications = st.builds(
    Verification,
    verification_id=verification_ids,
    spec=specs,
    state=st.sampled_from(State),
    create_time=times,
    end_time=_maybe(times),
    session_id=names,
    verdict=st.none() | verdicts,
)
limits = st.builds(
    Limits,
    wall_seconds=seconds,
    cpu_seconds=seconds,
    memory_bytes=sizes,
    max_processes=counts,
    max_output_bytes=sizes,
    deterministic_steps=sizes,
)
capabilities = st.builds(
    Capabilities,
    environments=st.lists(
        st.builds(
            EnvironmentInfo,
            name=texts,
            digest=texts,
            criteria=_tuples(texts),
            maximum_assurance=st.sampled_from(Assurance),
            sandbox=texts,
            enforced=_tuples(texts),
            tools=_tuples(texts),
        ),
        max_size=2,
    ).map(tuple),
    default_limits=limits,
    maximum_limits=limits,
    maximum_candidate_bytes=sizes,
    maximum_batch_size=counts,
    slot_count=counts,
    version=texts,
)
