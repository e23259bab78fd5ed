"""How texts are put together, and how places in them are found again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandboxes.lean.lexer import Kind, lex
from sandboxes.lean.lints import refused
from sandboxes.lean.messages import Position
from sandboxes.lean.source import (
    Form,
    normalised,
    prepared,
    specification,
    split_at_last_theorem,
    stated_theorems,
    violations,
    whole_file,
)
from tests.lean.proofs.conftest import COMMUTES
from verifier_service.model import LeanTheorem

HEAD = "theorem _root_.goal (a b : Nat) : a + b = b + a\n"


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("theorem x' : a.b = «c d».e", ["theorem", "x'", ":", "a.b", "=", "«c d».e"]),
        ("a -- b\nc /- d /- e -/ f -/ g", ["a", "c", "g"]),
        ('"a -- \\" b" \'"\' r#"c"d"#', ['"a -- \\" b"', "'\"'", 'r#"c"d"#']),
        ("λx ↦ f.{u} #eval @[simp]",
         ["λ", "x", "↦", "f", ".", "{", "u", "}", "#eval", "@[", "simp", "]"]),
        ("h₁ := x⁻¹", ["h₁", ":=", "x", "⁻", "¹"]),
    ],
)  # fmt: skip
def test_tokens(text: str, tokens: list[str]) -> None:
    assert [token.text for token in lex(text).tokens] == tokens


@pytest.mark.parametrize("text", ["/- a", "/- /- -/", 'x "a', 'r#"a"', '"\\"'])
def test_what_never_ends_is_found(text: str) -> None:
    assert lex(text).unended is not None


def test_a_documentation_comment_belongs_to_what_follows() -> None:
    assert [token.kind for token in lex("/-- a -/ theorem").tokens] == [Kind.DOC, Kind.WORD]


@pytest.mark.parametrize(
    ("source", "form", "last"),
    [
        ("by simp", Form.PROOF, HEAD + ":=\nby simp"),
        (":= by simp", Form.PROOF, HEAD + ":= by simp"),
        ("| a => f a", Form.PROOF, HEAD + "| a => f a"),
        ("where\n  a := b", Form.PROOF, HEAD + "where\n  a := b"),
        ("-- so\nfun a => f a", Form.PROOF, HEAD + ":=\n-- so\nfun a => f a"),
        ("@f a", Form.PROOF, HEAD + ":=\n@f a"),
        ("open Nat in set_option a b in by simp", Form.PROOF,
         HEAD + ":=\nopen Nat in set_option a b in by simp"),
        ("", Form.PROOF, HEAD + ":=\n"),
        ("theorem goal : p := q", Form.DECLARATIONS, "theorem goal : p := q"),
        ("open Nat in\ntheorem goal : p := q", Form.DECLARATIONS, None),
        ("open Nat\ntheorem goal : p := q", Form.DECLARATIONS, None),
        ("/-- so -/\n@[simp] lemma a : p := q", Form.DECLARATIONS, None),
        ("@[simp] theorem goal : p := q", Form.DECLARATIONS, None),
        ("#eval 1", Form.DECLARATIONS, None),
        ("import Init\nby simp", Form.DECLARATIONS, "           \nby simp"),
    ],
)  # fmt: skip
def test_forms(source: str, form: Form, last: str | None) -> None:
    made = prepared(specification(COMMUTES), source)

    assert made.form is form
    assert made.parts == ("", source if last is None else last)


PIECES = [
    *("theorem", "goal", ":=", "by", "import", "open", "in", "|", "where", "a", "1", "λ", "é"),
    *("--", "/-", "-/", '"', "«", "»", "'", "\\", "r#", "(", ")", "[", "@[", "]", " ", "\n"),
]
TEXTS = st.lists(st.sampled_from(PIECES) | st.characters(codec="utf-8"), max_size=60).map("".join)


@given(TEXTS)
def test_tokens_are_pieces_of_the_text_in_their_order(text: str) -> None:
    lexed = lex(text)

    end = 0
    for token in lexed.tokens:
        assert text[token.start : token.end] == token.text
        assert token.start >= end
        end = token.end
    assert lexed.unended is None or lexed.unended >= end


@given(TEXTS)
def test_a_candidate_stays_behind_what_is_trusted_and_keeps_its_places(text: str) -> None:
    theorem = LeanTheorem(name="t", statement=": p", preamble="import A\ndef f : Nat := 1")
    spec = specification(theorem)
    source = normalised(text)

    made = prepared(spec, text)
    *trusted, last = made.parts

    assert trusted in ([spec.preamble], [""])
    assert (trusted == [""]) is (made.form is Form.FILE)
    if made.form is Form.PROOF:
        assert last.startswith(f"{spec.head}\n")
        assert last.endswith(source)
    else:
        assert len(last) == len(source)
        assert last.count("\n") == source.count("\n")
    for index in range(len(source)):
        place = lex(source).position(index)
        moved = Position(place.line + made.lines_before, place.column)
        found = made.located(moved)
        assert found is not None
        assert found.line == place.line


@given(TEXTS)
def test_any_statement_is_read(text: str) -> None:
    theorem = LeanTheorem(name="t", statement=text, preamble=text)

    if not violations(theorem):
        assert specification(theorem).head.startswith("theorem _root_.t")
    stated_theorems(text)
    list(refused(lex(text)))


def test_what_is_trusted_comes_first_and_apart() -> None:
    theorem = LeanTheorem(name="X.t", statement=": p", preamble="import A\nimport B\nnamespace X")

    spec = specification(theorem)
    made = prepared(spec, "by simp")

    assert spec.header == "import A\nimport B\n"
    assert spec.parts == ("        \n        \nnamespace X", "theorem _root_.X.t : p\n:= sorry\n")
    assert made.parts[0] == spec.preamble


@pytest.mark.parametrize(
    ("source", "form"),
    [
        ("import A\ndef f : Nat := 1\ntheorem t : p := q", Form.FILE),
        ("def f : Nat := 1 -- so\ntheorem t : p := q", Form.FILE),
        ("import A\ndef f : Nat := 2\ntheorem t : p := q", Form.FILE),
        ("import A\ntheorem t : p := q", Form.DECLARATIONS),
        ("theorem t : p := q", Form.DECLARATIONS),
        ("def g : Nat := 1\ntheorem t : p := q", Form.DECLARATIONS),
    ],
)
def test_a_file_that_repeats_the_preamble_stands_alone(source: str, form: Form) -> None:
    theorem = LeanTheorem(name="t", statement=": p", preamble="import A\n\ndef f : Nat := 1")

    made = prepared(specification(theorem), source)

    assert made.form is form
    assert (made.parts[0] == "") is (form is Form.FILE)
    assert made.own_imports == ()


def test_imports_of_its_own_are_told() -> None:
    theorem = LeanTheorem(name="t", statement=": p", preamble="import A")

    made = prepared(specification(theorem), "import Init\nimport A import C\ntheorem t : p := q")

    assert made.own_imports == ("C",)


@pytest.mark.parametrize(
    ("source", "place", "found"),
    [
        ("by\n  simp", Position(3, 0), Position(1, 0)),
        ("by\n  simp", Position(4, 2), Position(2, 2)),
        ("by\n  simp", Position(1, 8), None),
        (":= by\n  simp", Position(2, 3), Position(1, 3)),
        ("theorem goal : p := q", Position(1, 8), Position(1, 8)),
        ("\ufeffby simp", Position(3, 3), Position(1, 4)),
        ("by\r\n  simp\r\n", Position(4, 2), Position(2, 2)),
    ],
)
def test_places_are_those_of_the_candidate(
    source: str, place: Position, found: Position | None
) -> None:
    assert prepared(specification(COMMUTES), source).located(place) == found


@pytest.mark.parametrize(
    ("statement", "head"),
    [
        ("(a : Nat) : a = a", "theorem _root_.N.t (a : Nat) : a = a"),
        ("theorem t (a : Nat) : a = a := by sorry", "theorem _root_.N.t (a : Nat) : a = a"),
        ("lemma N.t : p := sorry", "theorem _root_.N.t : p"),
        ("/-- so -/ theorem t.{u} : p :=", "theorem _root_.N.t.{u} : p"),
        (".{u} (α : Sort u) : p := by", "theorem _root_.N.t.{u} (α : Sort u) : p"),
        (": p -- with a comment", "theorem _root_.N.t : p -- with a comment"),
    ],
)
def test_a_statement_may_come_with_its_head_and_without_a_proof(statement: str, head: str) -> None:
    theorem = LeanTheorem(name="N.t", statement=statement)

    assert violations(theorem) == []
    assert specification(theorem).head == head


@pytest.mark.parametrize(
    ("theorem", "field"),
    [
        (LeanTheorem(), "name"),
        (LeanTheorem(name="a b", statement=": p"), "name"),
        (LeanTheorem(name="t"), "statement"),
        (LeanTheorem(name="t", statement="theorem s : p"), "statement"),
        (LeanTheorem(name="t", statement=": p /- so"), "statement"),
        (LeanTheorem(name="t", statement=": p", preamble='def s := "'), "preamble"),
        (LeanTheorem(name="t", statement=": p", preamble="prelude"), "preamble"),
        (LeanTheorem(name="t", statement=": p\0"), "statement"),
        (LeanTheorem(name="t", statement=": p", allowed_axioms=("sorryAx",)), "allowed_axioms[0]"),
        (LeanTheorem(name="t", statement=": p", allowed_axioms=("a", "")), "allowed_axioms[1]"),
        (LeanTheorem(name="t", whole_file=True), "name"),
        (LeanTheorem(statement=": p", whole_file=True), "statement"),
    ],
)
def test_what_is_wrong_with_a_problem_is_said_with_its_field(
    theorem: LeanTheorem, field: str
) -> None:
    (violation,) = violations(theorem)

    assert violation.field == f"problem.lean_theorem.{field}"
    assert violation.description.endswith(".")


@pytest.mark.parametrize(
    ("text", "name", "statement", "preamble"),
    [
        ("theorem t : p := by sorry", "t", ": p", ""),
        ("import A\n\ntheorem t (a : b) : p", "t", "(a : b) : p", "import A\n\n"),
        ("namespace A.B\nsection\nlemma t : p := q\nend\nend A.B", "A.B.t", ": p",
         "namespace A.B\nsection\n"),
        ("namespace A\nend A\ntheorem t : p := q", "t", ": p", "namespace A\nend A\n"),
        ("namespace A\nnamespace B\nend A.B\ntheorem t : p := q", "t", ": p",
         "namespace A\nnamespace B\nend A.B\n"),
        ("namespace A\ntheorem _root_.t : p := q", "t", ": p", "namespace A\n"),
        ("def a := 1\n/-- so -/\n@[simp, ext] protected theorem t : p := q", "t", ": p",
         "def a := 1\n"),
        ("open A in\ntheorem t : p := q", "t", ": p", "open A \n\n"),
        ("set_option a b in open A in theorem t : p := q", "t", ": p",
         "set_option a b \n open A \n "),
        ("theorem s : p := q\ntheorem t : let x := 1; p x := q", "t", ": let x := 1; p x",
         "theorem s : p := q\n"),
        ("theorem t : ∀ n, p n\n  | 0 => a\n  | n + 1 => b", "t", ": ∀ n, p n", ""),
        ("theorem t (h : a = 1 := by simp) : p := q", "t", "(h : a = 1 := by simp) : p", ""),
        ("theorem t : p := q\nend A\n#print t", "t", ": p", ""),
        ("theorem t (a : b) :\n    |a| = f fun x ↦ (fun | y => y) x\n    | c := q", "t",
         "(a : b) :\n    |a| = f fun x ↦ (fun | y => y) x\n    | c", ""),
        ("namespace A\nsection b.c\nend b.c\ntheorem t : p := q", "A.t", ": p",
         "namespace A\nsection b.c\nend b.c\n"),
    ],
)  # fmt: skip
def test_the_last_theorem_of_a_file_is_what_is_to_be_proved(
    text: str, name: str, statement: str, preamble: str
) -> None:
    assert split_at_last_theorem(text) == LeanTheorem(
        name=name, statement=statement, preamble=preamble
    )


def test_a_file_without_a_theorem_is_no_problem() -> None:
    with pytest.raises(ValueError, match="states no theorem"):
        split_at_last_theorem("-- theorem t : p := q\ndef a := 1")


def test_a_file_of_its_own_has_its_imports() -> None:
    theorem = whole_file("import A\n-- so\nimport B\n\ntheorem t : p := q")

    assert theorem == LeanTheorem(preamble="import A\nimport B\n", whole_file=True)
    assert stated_theorems("namespace A\ntheorem b : p := q\nend A\nlemma c : p := q") == {
        "A.b",
        "c",
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("theorem t : p := by simp", []),
        ("-- unsafe\n/- @[extern \"f\"] -/ def s := \"set_option debug.x\"", []),
        ("set_option debug.skipKernelTC true in by simp", ["debug.skipKernelTC"]),
        ("set_option «debug».skipKernelTC true", ["debug.skipKernelTC"]),
        ("set_option maxHeartbeats 1 in by simp", []),
        ("unsafe def f := 1", ["unsafe"]),
        ("prelude\ndef a := 1", ["prelude"]),
        ("def prelude' := module", []),
        ("@[simp, local extern \"f\"] def f := 1", ["extern"]),
        ("@[simp (init := 1), instance] def init := extern", []),
        ("attribute [local implemented_by g] f", ["implemented_by"]),
        ("attribute [simp] csimp", []),
        ("open private a from B", ["private"]),
        ("open A\nprivate theorem t : p := q", []),
        ("initialize x : Nat ← pure 1", ["initialize"]),
    ],
)  # fmt: skip
def test_words_that_are_refused(text: str, words: list[str]) -> None:
    assert [word.token.text for word in refused(lex(text))] == words


def test_more_imports_than_a_jail_is_opened_with_are_refused() -> None:
    many = "".join(f"import Module{number}\n" for number in range(5000))
    theorem = LeanTheorem(preamble=many, name="goal", statement=": True")

    (violation,) = violations(theorem)

    assert violation.field == "problem.lean_theorem.preamble"
    assert violation.description.startswith("imports 5000 modules")
