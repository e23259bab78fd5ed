"""Candidates and tests that use packages: numpy's values cross between them as data."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from sandboxes.python_tests import PythonTestsExecutor
from sandboxes.python_tests.jailed.calls import agree
from sandboxes.python_tests.jailed.codec import (
    ARRAY_TYPES,
    CodecError,
    Decoder,
    Encoder,
    TooLarge,
    Uncarriable,
)
from sandboxes.python_tests.jailed.remote import RemoteObject
from tests.python_tests.conftest import LIMITS, evidence
from tests.python_tests.test_pytest_suite import suite
from verifier_service.model import (
    CallCase,
    CallCases,
    Candidate,
    Comparison,
    InvalidSpec,
    Outcome,
    Problem,
    Progress,
    PythonTests,
    TestCode,
    TestForm,
    Verdict,
    VerdictChannel,
    VerificationSpec,
)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def with_numpy() -> AsyncIterator[PythonTestsExecutor]:
    executor = await PythonTestsExecutor.create({"numpy": ["numpy>=2"]})
    yield executor
    await executor.close()


def tell_nobody(_: Progress) -> None:
    """Takes no note of progress."""


async def judged(executor: PythonTestsExecutor, source: str, form: TestForm) -> Verdict:
    spec = VerificationSpec(
        problem=Problem(criterion=PythonTests(form=form)), candidate=Candidate(source=source)
    )
    return await executor.verify(
        spec, environment=executor.environments[1], limits=LIMITS, progress=tell_nobody
    )


def code(*lines: str) -> TestCode:
    return TestCode(source="\n".join(lines), entry_point="f")


async def test_an_environment_says_what_it_has(with_numpy: PythonTestsExecutor) -> None:
    plain, numpy = with_numpy.environments

    assert numpy.name == f"{plain.name}-numpy"
    assert [tool.partition("@")[0] for tool in numpy.tools] == ["python", "numpy"]
    assert numpy.digest != plain.digest


NP = "import numpy as np\n"


@pytest.mark.parametrize(
    ("source", "form"),
    [
        pytest.param(
            NP + "def f(xs): return np.array(xs) * 2",
            code("assert (f([1, 2]) == np.array([2, 4])).all()"),
            id="array",
        ),
        pytest.param(
            NP + "def f(xs): return np.mean(xs)",
            code("import numpy", "assert f(np.array([1.0, 2.0])) == 1.5"),
            id="scalar",
        ),
        pytest.param(
            NP + "def f(n): return {'eye': np.eye(n, dtype=np.int8), 'z': [np.zeros((0, n))]}",
            code(
                "r = f(2)",
                "assert r['eye'].dtype == np.int8 and r['eye'].tolist() == [[1, 0], [0, 1]]",
                "assert r['z'][0].shape == (0, 2)",
            ),
            id="arrays-inside",
        ),
        pytest.param(
            NP + "def f(a): a[a < 0] = 0",
            code(
                "a = np.array([[1, -2], [-3, 4]])", "f(a)", "assert a.tolist() == [[1, 0], [0, 4]]"
            ),
            id="changed-in-place",
        ),
        pytest.param(
            NP + "def f(a): return np.linalg.inv(a)",
            code(
                "got = f([[2.0, 0], [0, 4]])",
                "np.testing.assert_allclose(got, [[0.5, 0], [0, 0.25]])",
                "assert got.shape == (2, 2)",
            ),
            id="testing",
        ),
        pytest.param(
            NP + "def f(a): return np.fft.fft(a)",
            code("assert np.allclose(f([1, 0, 0, 0]), np.ones(4) + 0j)"),
            id="complex",
        ),
        pytest.param(
            NP + "def f(xs): return np.cumsum(xs)",
            CallCases(
                entry_point="f",
                cases=(CallCase(arguments_json="[[1, 2]]", expected_json="[1, 3]"),),
                comparison=Comparison.EQUAL,
            ),
            id="calls",
        ),
    ],
)
async def test_a_right_candidate_is_accepted_apart(
    with_numpy: PythonTestsExecutor, source: str, form: TestForm
) -> None:
    verdict = await judged(with_numpy, source, form)

    assert verdict.outcome is Outcome.ACCEPTED, verdict
    assert evidence(verdict).channel is VerdictChannel.SEPARATED


async def test_a_suite_may_use_packages(with_numpy: PythonTestsExecutor) -> None:
    tests = suite(
        {
            "test_np.py": "import numpy as np\nfrom solution import f\n"
            "def test_f(): np.testing.assert_array_equal(f([1, 2]), np.array([2, 4]))\n"
        }
    )
    right = await judged(with_numpy, NP + "def f(xs): return np.array(xs) * 2", tests)
    wrong = await judged(with_numpy, NP + "def f(xs): return np.array(xs)", tests)

    assert (right.outcome, wrong.reason) == (Outcome.ACCEPTED, "wrong-answer")


async def test_the_plain_environment_has_no_package(with_numpy: PythonTestsExecutor) -> None:
    spec = VerificationSpec(
        problem=Problem(criterion=PythonTests(form=code(NP, "assert f([1]) == [1]"))),
        candidate=Candidate(source="def f(x): return x"),
    )
    with pytest.raises(InvalidSpec, match="lacks: ModuleNotFoundError"):
        await with_numpy.verify(
            spec,
            environment=with_numpy.environments[0],
            limits=LIMITS,
            progress=tell_nobody,
        )


EXPECTED = code(
    "expected = np.array([2.0, 4.0])",
    "got = f([1, 2])",
    "assert np.array_equal(got, expected)",
    "assert got.shape == (2,)",
    "assert np.allclose(got - expected, 0)",
    "assert got.dtype == np.float64",
)
MIMIC = """
import numpy as np
class Mimic:
    shape, dtype, ndim, size = (2,), np.float64, 1, 2
    def __eq__(self, other): return True
    def __sub__(self, other): return 0
    def __len__(self): return 2
"""
FORGERIES = {
    "lying-array": NP
    + "class A(np.ndarray):\n    def __eq__(s, o): return np.array(True)\n"
    + "    def __sub__(s, o): return np.zeros(2)\n"
    + "def f(xs): return np.zeros(2).view(A)",
    "array-function": MIMIC
    + "Mimic.__array_function__ = lambda *a: True\nMimic.__array_ufunc__ = lambda *a, **k: True\n"
    + "def f(xs): return Mimic()",
    "memory-of-the-checker": MIMIC
    + "Mimic.__array_interface__ = {'version': 3, 'shape': (2,), 'typestr': '<f8',"
    + " 'data': (id(Mimic), False)}\ndef f(xs): return Mimic()",
    "array-method": MIMIC
    + "Mimic.__array__ = lambda *a, **k: np.array([9.0, 9.0])\ndef f(xs): return Mimic()",
    "objects-in-an-array": MIMIC + "def f(xs): return np.array([Mimic(), Mimic()], dtype=object)",
    "patched-numpy": NP
    + "np.array_equal = lambda *a: True\nnp.allclose = lambda *a: True\ndef f(xs): return xs",
    "its-own-np": "class np:\n    array = staticmethod(lambda x: x)\n"
    "    array_equal = staticmethod(lambda *a: True)\n    allclose = array_equal\n"
    "    float64 = None\ndef f(xs): return xs",
    "no-elements": NP + "def f(xs): return np.array([])",
    "not-a-number": NP + "def f(xs): return np.array([np.nan, np.nan])",
    "masked": NP + "def f(xs): return np.ma.masked_all(2)",
    "scalar-of-ones": NP + "def f(xs): return np.float64(2)",
    "record": NP + "def f(xs): return np.zeros(2, dtype=[('a', float)])",
}


@pytest.mark.parametrize("attack", FORGERIES.values(), ids=FORGERIES.keys())
async def test_no_forgery_is_accepted(with_numpy: PythonTestsExecutor, attack: str) -> None:
    verdict = await judged(with_numpy, attack, EXPECTED)

    assert verdict.outcome is not Outcome.ACCEPTED, verdict


async def test_too_large_an_array_is_the_candidate_s_failure(
    with_numpy: PythonTestsExecutor,
) -> None:
    verdict = await judged(with_numpy, NP + "def f(xs): return np.zeros(10**7)", EXPECTED)

    assert verdict.reason == "result-too-large"


def refuse(value: object) -> list[Any]:
    raise Uncarriable(type(value).__name__)


@given(st.data(), st.sampled_from(sorted(ARRAY_TYPES)))
def test_arrays_come_back_as_they_were(data: st.DataObject, kind: str) -> None:
    try:
        dtype = np.dtype(kind)
    except TypeError:
        return  # "|" is for single bytes only
    shape = data.draw(st.lists(st.integers(0, 3), max_size=4))
    content = data.draw(st.binary(min_size=0, max_size=16)) + bytes(range(16))
    array = np.resize(np.frombuffer(content[:16], dtype=np.uint8), np.prod(shape, dtype=int) * 16)
    sent = array.view(dtype)[: int(np.prod(shape))].reshape(shape)
    if dtype.kind == "b":
        sent = np.asarray(sent.view(np.uint8) % 2 == 1)
    graph = Encoder(refuse).graph(sent)
    got = Decoder(graph["nodes"], {}).value(graph["root"])

    assert isinstance(got, np.ndarray)
    assert (got.dtype, got.shape, got.tobytes()) == (sent.dtype, sent.shape, sent.tobytes())


@pytest.mark.parametrize(
    "node",
    [
        pytest.param(["a", "|O", [1], "AAAAAAAAAAA="], id="objects"),
        pytest.param(["a", "<f8", [2], "AAAAAAAAAAA="], id="too-short"),
        pytest.param(["a", "<f8", [-1, -1], "AAAAAAAAAAA="], id="negative"),
        pytest.param(["a", "<f8", [True], "AAAAAAAAAAA="], id="truth-as-size"),
        pytest.param(["a", "<f8", [0, 2**70], ""], id="huge-and-empty"),
        pytest.param(["a", "<f8", [1] * 65, "AAAAAAAAAAA="], id="too-many-dimensions"),
        pytest.param(["a", "<f8", "11", "AAAAAAAAAAA="], id="no-shape"),
        pytest.param(["a", ["<f8"], [1], "AAAAAAAAAAA="], id="no-type"),
        pytest.param(["a", "<f8,<f8", [1], "AAAAAAAAAAA="], id="record"),
        pytest.param(["a", "<f8", [1], 3], id="no-content"),
        pytest.param(["a", "<f8"], id="cut-short"),
    ],
)
def test_what_is_no_array_is_refused(node: list[Any]) -> None:
    with pytest.raises(CodecError):
        Decoder([node], {}).value([0])


def test_a_truth_is_true_or_false() -> None:
    value = Decoder([["a", "|b1", [2], "AgA="]], {}).value([0])

    assert isinstance(value, np.ndarray)
    assert value.tobytes() == b"\x01\x00"


@pytest.mark.parametrize("name", ["__array_interface__", "__array_struct__", "__dlpack__"])
def test_no_object_gives_an_address_in_memory(name: str) -> None:
    with pytest.raises(AttributeError):
        getattr(object.__new__(RemoteObject), name)


def test_arrays_of_objects_don_t_cross() -> None:
    with pytest.raises(Uncarriable):
        Encoder(refuse).graph(np.array([object()]))


def test_large_arrays_are_refused_before_they_are_copied() -> None:
    with pytest.raises(TooLarge):
        Encoder(refuse).graph(np.zeros(10**8, dtype=np.int8))


@pytest.mark.parametrize(
    ("expected", "result", "agrees"),
    [
        ([1, 2], np.array([1, 2]), True),
        ([1, 2], np.array([[1, 2]]), False),
        ([[1], [2]], [np.array([1]), np.int8(2)], False),
        ([0.1], np.array([0.1], dtype=np.float32), False),
        (3, np.int64(3), True),
        (True, np.bool_(True), True),
    ],
)
def test_arrays_agree_with_lists(expected: Any, result: Any, agrees: bool) -> None:
    assert agree(expected, result, tolerance=0, exact=False) is agrees
    assert not agree(expected, result, tolerance=0, exact=True)
