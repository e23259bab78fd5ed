"""Queries of SMT-LIB: solvers are handed what is written anew, and nothing that a caller wrote."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import z3

from sandboxes.logic.reader import ErrorCode, Source
from sandboxes.logic.reader.script import Script, read_script


def _script(text: str) -> Script:
    script, findings = read_script(Source("source", text))
    assert script, findings
    return script


def _answer(script: Script) -> str:
    """What Z3 says of the commands."""
    solver = z3.Solver()
    solver.from_string("\n".join(script.commands))
    return str(solver.check())


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        pytest.param("(set-logic QF_LIA)(declare-const x Int)(assert (> x 3))(assert (< x 5))"
                     "(check-sat)(get-model)", "sat", id="integers"),
        pytest.param("(declare-fun x () Real)(assert (and (> x 1.5) (< x 1.5)))(check-sat)",
                     "unsat", id="reals"),
        pytest.param("(declare-const a (Array Int Int))(assert (= (select (store a 1 2) 1) 3))",
                     "unsat", id="arrays"),
        pytest.param("(declare-const b (_ BitVec 8))(assert (= (bvadd b #x01) #b00000000))"
                     "(assert (distinct ((_ extract 3 0) b) #xf))", "unsat", id="bit-vectors"),
        pytest.param('(declare-const s String)(assert (= (str.++ s "b""c") "ab""c"))'
                     '(assert (not (= s "a")))', "unsat", id="strings"),
        pytest.param("(declare-datatypes ((L 0)) (((nil) (cons (hd Int) (tl L)))))"
                     "(declare-const l L)(assert ((_ is cons) l))(assert (= (tl l) l))",
                     "unsat", id="datatypes"),
        pytest.param("(declare-datatype Color ((red) (green)))(declare-const c Color)"
                     "(assert (not (= c red)))(assert (not (= c green)))", "unsat",
                     id="enumeration"),
        pytest.param("(declare-sort U 0)(declare-fun f (U) U)(declare-const a U)"
                     "(assert (forall ((x U)) (! (= (f x) a) :pattern ((f x)) :qid q)))"
                     "(assert (exists ((x U)) (distinct (f x) a)))", "unsat", id="quantifiers"),
        pytest.param("(define-sort M () (Array Int Bool))(declare-const m M)"
                     "(define-fun has ((x Int)) Bool (select m x))(assert (has 1))"
                     "(assert (let ((y (has 1)) (has false)) (and has (not y))))", "unsat",
                     id="definitions-and-lets"),
        pytest.param("(define-fun-rec fac ((n Int)) Int (ite (<= n 0) 1 (* n (fac (- n 1)))))"
                     "(assert (= (fac 3) 6))", "sat", id="recursion"),
        pytest.param("(declare-datatypes ((N 0)) (((z) (s (p N)))))(declare-const n N)"
                     "(assert (match n ((z false) ((s m) (= m n)))))", "unsat", id="match"),
        pytest.param("(assert (= ((as const (Array Int Int)) 3) ((as const (Array Int Int)) 4)))",
                     "unsat", id="constant-arrays"),
    ],
)  # fmt: skip
def test_queries_keep_their_meaning(text: str, answer: str) -> None:
    assert _answer(_script(text)) == answer


def test_names_come_back() -> None:
    script = _script(
        "(declare-sort |Old Dog| 0)(declare-const rex |Old Dog|)(declare-fun age (|Old Dog|) Int)"
        "(assert (! (> (age rex) 12) :named old))"
    )
    assert script.commands[0] == "(declare-sort S0 0)"
    assert {script.names[name] for name in ("S0", "f0", "f1")} == {"Old Dog", "rex", "age"}
    assert script.constants == ("f0",)
    assert [(one.label, one.name) for one in script.assertions] == [("a0", "old")]


def test_a_name_that_looks_generated_is_renamed_like_others() -> None:
    script = _script(
        "(declare-const f1 Bool)(declare-const f0 Bool)(declare-const a0 Bool)"
        "(assert (forall ((v1 Int)) (! (and f1 (not f0) a0) :named a1)))"
    )
    assert [script.names[name] for name in script.constants] == ["f1", "f0", "a0"]
    assert _answer(script) == "sat"


OUTSIDE = [
    pytest.param('(set-option :regular-output-channel "FILE")', id="output-channel"),
    pytest.param('(set-option :diagnostic-output-channel "FILE")', id="diagnostic-channel"),
    pytest.param("(set-option :produce-models true)", id="harmless-option"),
    pytest.param('(set-info :x 1)(eval (echo "x"))', id="eval"),
    pytest.param('(include "FILE")', id="include"),
    pytest.param("(push 1)", id="push"),
    pytest.param("(reset)", id="reset"),
    pytest.param("(check-sat-assuming (true))", id="assuming"),
    pytest.param('(get-value ("FILE"))', id="get-value"),
    pytest.param("(apply smt)", id="tactic"),
    pytest.param("(declare-rel r (Int))", id="fixedpoint"),
    pytest.param("true", id="no-command"),
]


@pytest.mark.parametrize("command", OUTSIDE)
def test_commands_beyond_a_query_are_refused(command: str, tmp_path: Path) -> None:
    file = tmp_path / "written"
    text = f"{command.replace('FILE', str(file))}(assert true)(check-sat)"
    script, findings = read_script(Source("source", text))
    assert script is None
    assert findings[0].code is ErrorCode.FORBIDDEN
    assert not file.exists()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("(assert (! true :named |x) (set-option :a b) (y|))", id="bars"),
        pytest.param('(assert (= "x") (echo "y""z"))', id="quotes"),
        pytest.param("(declare-const |x))(exit)(assert (| Int)(assert (= |x))(exit)(assert (| 1))",
                     id="name-with-brackets"),
        pytest.param("(assert true)) (set-option :x y) ((", id="brackets"),
        pytest.param("(assert (! true :named set-option))(set-info :source |(exit)|)", id="notes"),
        pytest.param("(assert ; (exit)\n true)", id="comments"),
        pytest.param("(set-logic ALL)(set-logic |A)(exit)|)(assert true)", id="logic"),
    ],
)  # fmt: skip
def test_what_is_written_is_of_listed_words_only(text: str) -> None:
    script, findings = read_script(Source("source", text))
    if script is None:
        assert findings
        return
    allowed = re.compile(
        r"\((declare-fun|declare-sort|define-fun|assert)[a-z0-9 ()!:=SIntBool\"]*\)", re.ASCII
    )
    assert all(allowed.fullmatch(command) for command in script.commands), script.commands
    assert re.fullmatch(r"[A-Z_]*", script.logic)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        pytest.param("(assert (f 1))", ErrorCode.UNDECLARED, id="function"),
        pytest.param("(declare-const x U)(assert true)", ErrorCode.UNDECLARED, id="sort"),
        pytest.param("(assert ((_ foo 1) 2))", ErrorCode.UNDECLARED, id="index"),
        pytest.param("(assert (= (_ bv1 99999999) x))", ErrorCode.UNEXPECTED, id="width"),
        pytest.param("(declare-const and Bool)(assert and)", ErrorCode.DUPLICATE, id="theory-name"),
        pytest.param("(declare-const x Int)(declare-const x Int)", ErrorCode.DUPLICATE, id="twice"),
        pytest.param("(assert (! true :interpolant x))", ErrorCode.FORBIDDEN, id="annotation"),
        pytest.param('(assert (= "é" ""))', ErrorCode.BAD_CHARACTER, id="string"),
        pytest.param("(check-sat)(assert true)", ErrorCode.UNSUPPORTED, id="after-the-question"),
        pytest.param("(declare-const x Int)(check-sat)", ErrorCode.EMPTY, id="nothing-asked"),
        pytest.param("(declare-datatypes ((L 1)) ((par (T) ((nil)))))(assert true)",
                     ErrorCode.UNSUPPORTED, id="parameters"),
        pytest.param("(assert", ErrorCode.UNBALANCED, id="not-closed"),
        pytest.param("(assert ()", ErrorCode.UNBALANCED, id="empty-list-not-closed"),
        pytest.param("(assert ())", ErrorCode.UNEXPECTED, id="empty-list"),
        pytest.param("(assert " * 5_000, ErrorCode.TOO_DEEP, id="too-deep"),
        pytest.param(" " * 1_000_001, ErrorCode.TOO_LARGE, id="too-large"),
    ],
)  # fmt: skip
def test_errors(text: str, code: ErrorCode) -> None:
    script, findings = read_script(Source("source", text))
    assert script is None
    assert findings[0].code is code
