"""Whatever is asked, the answer is a verdict or an error that says what to do: never a fault."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandboxes.python_tests import PythonTestsExecutor
from verifier_service.engine import Engine, Policy
from verifier_service.model import (
    Assurance,
    CallCase,
    CallCases,
    Candidate,
    ExecutorFault,
    Limits,
    Problem,
    PythonTests,
    RequestedLimits,
    SandboxLost,
    ServiceError,
    StdioCase,
    StdioCases,
    TestCode,
    Verdict,
    VerificationSpec,
)
from verifier_service.store.sqlite import SqliteStore

LIMITS = Limits(
    wall_seconds=2,
    cpu_seconds=1,
    memory_bytes=512 << 20,
    max_processes=8,
    max_output_bytes=1000,
    deterministic_steps=0,
)
MAXIMA = Limits(
    wall_seconds=4,
    cpu_seconds=2,
    memory_bytes=1 << 30,
    max_processes=16,
    max_output_bytes=4000,
    deterministic_steps=0,
)

names = st.sampled_from(
    ["f", "g", "check", "solve", "Solution().f", "", "0", "a.b", "é", "f()", "\0"]
)
fragments = st.sampled_from(
    [
        "def f(x):\n    return x\n",
        "def f(*a): raise ValueError(a)\n",
        "def check(c):\n    assert c(1) == 1\n",
        "assert f(1) == 1\n",
        "import os; os._exit(0)\n",
        "while True: pass\n",
        "class Solution:\n    def f(self, x): return x\n",
        "print('x' * 10**5)\n",
        "(" * 300,
        "\0",
        "\t\n",
        "é = '\\ud800'\n",
        "return\n",
    ]
)
texts = st.lists(fragments | st.text(max_size=20), max_size=4).map("".join)
json_texts = st.sampled_from(
    ["[]", "[1]", '{"x": 1}', "{}", "1", "NaN", "[", '{"$set": [[]]}', '[{"$float": "nan"}]', ""]
) | st.text(max_size=5)
forms = (
    st.builds(TestCode, source=texts, entry_point=names)
    | st.builds(
        CallCases,
        entry_point=names,
        cases=st.lists(
            st.builds(CallCase, arguments_json=json_texts, expected_json=json_texts), max_size=2
        ).map(tuple),
        tolerance=st.floats(),
    )
    | st.builds(
        StdioCases,
        cases=st.lists(st.builds(StdioCase, stdin=texts, stdout=texts), max_size=2).map(tuple),
    )
)
numbers = st.none() | st.floats() | st.integers(-1, 3)
limits = st.builds(
    RequestedLimits,
    wall_seconds=numbers,
    cpu_seconds=numbers,
    memory_bytes=st.none() | st.integers(-1, 1 << 40),
    max_processes=st.none() | st.integers(-1, 20),
    max_output_bytes=st.none() | st.integers(-1, 5000),
)
specs = st.builds(
    VerificationSpec,
    problem=st.builds(
        Problem,
        criterion=st.builds(PythonTests, form=forms, preamble=texts, keep_going=st.booleans()),
        problem_id=st.text(max_size=5),
    ),
    candidate=st.builds(Candidate, source=texts, candidate_id=st.text(max_size=5)),
    environment=st.sampled_from(["", "python3.11", "nowhere", "python3.11@sha256:00", "@", "\n"]),
    limits=limits | st.just(RequestedLimits()),
    minimum_assurance=st.sampled_from(list(Assurance)),
)


class Service:
    """An engine with the real executor and a real store, on a loop of its own."""

    def __init__(self, path: Path) -> None:
        self.loop = asyncio.new_event_loop()
        executor = self.loop.run_until_complete(PythonTestsExecutor.create())
        self.engine = Engine(
            executors=[executor],
            store=SqliteStore.open(path),
            policy=Policy(slots=1, default_limits=LIMITS, maximum_limits=MAXIMA),
        )

    def verify(self, spec: VerificationSpec) -> Verdict:
        return self.loop.run_until_complete(self.engine.verify(spec))

    def close(self) -> None:
        self.loop.run_until_complete(self.engine.close())
        self.loop.close()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    service = Service(tmp_path_factory.mktemp("any") / "store.sqlite3")
    yield service
    service.close()


runnable = st.builds(
    VerificationSpec,
    problem=st.builds(Problem, criterion=st.builds(PythonTests, form=forms, preamble=texts)),
    candidate=st.builds(Candidate, source=texts.filter(bool)),
)


def answer(service: Service, spec: VerificationSpec) -> Verdict | ServiceError:
    try:
        return service.verify(spec)
    except ServiceError as error:
        return error


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(spec=specs | runnable)
def test_every_request_gets_an_answer(service: Service, spec: VerificationSpec) -> None:
    answered = answer(service, spec)

    if isinstance(answered, ServiceError):
        assert not isinstance(answered, (ExecutorFault, SandboxLost)), answered
        assert str(answered)
    else:
        assert answered.reason
        assert answered.summary
        assert answered.provenance.enforced
