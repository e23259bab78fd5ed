"""Candidates in answers: in fences, in several, in prose, cut off, and in what models wrote."""

from __future__ import annotations

import ast
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proposer.extraction import Block, blocks, formulas, lean_proof, lean_tactics, python_code
from tests.project.markdown import ROOT

ADD = "def add(a, b):\n    return a + b\n"
REAL = [
    json.loads(line)
    for line in (ROOT / "tests/proposer/data/answers.jsonl").read_text().splitlines()
]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"```python\n{ADD}```", id="fence"),
        pytest.param(f"Sure!\n\n```python\n{ADD}```\nIt adds.", id="prose-around"),
        pytest.param(f"```\n{ADD}```", id="fence-without-language"),
        pytest.param(f"~~~py\n{ADD}~~~", id="tildes"),
        pytest.param(f"````python\n{ADD}````", id="four-marks"),
        pytest.param(f"```Python title=add.py\n{ADD}```", id="words-behind-the-language"),
        pytest.param(f"```python\n{ADD}", id="open-fence"),
        pytest.param(f"```python\r\n{ADD}```".replace("\n", "\r\n"), id="carriage-returns"),
        pytest.param(ADD, id="bare"),
        pytest.param(f"Here it is:\n\n{ADD}\nThat is all there is to it.", id="bare-in-prose"),
        pytest.param(f"```python\nadd(1, 2)\n```\n```python\n{ADD}```", id="usage-first"),
        pytest.param(f"```python\n{ADD}```\n```python\nadd(1, 2)\n```", id="usage-last"),
        pytest.param(f"```python\n{ADD}```\n```\n3\n```", id="output-last"),
        pytest.param(f"```bash\npip install add\n```\n```python\n{ADD}```", id="shell-first"),
        pytest.param(f"```python\ndef add(a, b: broken\n```\n```python\n{ADD}```", id="corrected"),
        pytest.param(f"```python\n{ADD}```\n```python\ndef add(a, b:\n```", id="cut-off-later"),
        pytest.param(f"{ADD}```\nIt adds, as `add(1, 2)` shows.", id="fence-never-begun"),
        pytest.param(
            f"1. **Add**:\n   ```python\n   {ADD[:-1]}\n   ```".replace("    r", "       r"),
            id="in-a-list",
        ),
        pytest.param(f"```python\n```python\n{ADD}```", id="fence-begun-twice"),
    ],
)
def test_the_program_is_found(text: str) -> None:
    assert python_code(text, "add") == ADD


@pytest.mark.parametrize(
    "text", ["", " \n", "I can't do that.", "```\n```", "```json\n{}\n```", "#" * (1 << 20 | 1)]
)
def test_no_program_is_made_up(text: str) -> None:
    assert python_code(text, "add") is None


def test_a_fence_in_a_docstring_ends_nothing() -> None:
    code = 'def f():\n    """Use it so:\n\n    ```\n    f()\n    ```\n    """\n'

    assert python_code(f"```python\n{code}```", "f") == code


def test_a_class_is_an_entry_point_too() -> None:
    other = "class Other:\n    pass\n"
    text = f"```python\nclass Solution:\n    pass\n```\n```python\n{other}```"

    assert python_code(text, "Solution().solve") == "class Solution:\n    pass\n"
    assert python_code(text) == other


@pytest.mark.parametrize(
    "record", REAL, ids=lambda record: f"{record['model']}-{record['entryPoint']}"
)
def test_what_models_wrote(record: dict[str, str]) -> None:
    """A program that defines what was asked is found wherever the answer has one."""
    name = record["entryPoint"]
    code = python_code(record["text"], name) or ""
    defined = re.compile(rf"^\s*def {name}\b", re.MULTILINE)

    assert bool(defined.search(code)) is bool(defined.search(record["text"]))
    if defined.search(code) and record["finishReason"] == "stop":
        ast.parse(code)


@given(st.text(alphabet="`~\n \tpdef=:()x", max_size=80), st.text(max_size=5))
def test_any_text_has_an_answer(text: str, name: str) -> None:
    for found in (python_code(text, name), formulas(text), lean_proof(text, name)):
        assert found is None or found.strip()


def test_long_lists_of_lines_that_look_like_code_take_no_time() -> None:
    assert python_code("def f(:\n" * 100_000) is not None


def test_blocks_say_whether_they_were_closed() -> None:
    assert blocks("```a\nx\n```\n```B\ny") == [
        Block(language="a", text="x\n", closed=True),
        Block(language="b", text="y", closed=False),
    ]


def test_a_proof_is_in_the_block_that_names_its_theorem() -> None:
    text = "```lean\ntheorem t : True := trivial\n```\nUse it:\n```lean\n#check t'\n```"

    assert lean_proof(text, "theorem t ") == "theorem t : True := trivial\n"
    assert lean_proof("by simp") == "by simp\n"


@pytest.mark.parametrize(
    ("text", "tactics"),
    [
        ("```lean\nsimp\nrw [h]\nsimp\n```", ["simp", "rw [h]"]),
        ("```lean\n1. simp\n2) omega\n- rfl\n```", ["simp", "omega", "rfl"]),
        (
            "```lean\n  cases h with\n  | inl p => exact p\n  | inr q =>\n    exact q\n  rfl\n```",
            ["cases h with\n| inl p => exact p\n| inr q =>\n  exact q", "rfl"],
        ),
        ("```lean\nby\n  simp\n-- or\nby omega\n```", ["simp", "omega"]),
        ("simp", ["simp"]),
        ("", []),
        ("```lean\n" + "x" * 5000 + "\nrfl\n```", ["rfl"]),
    ],
    ids=["alternatives", "listed", "several-lines", "by", "bare", "empty", "too-long"],
)
def test_tactics_are_read_line_by_line(text: str, tactics: list[str]) -> None:
    assert lean_tactics(text) == tactics
