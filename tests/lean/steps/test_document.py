"""The text that a session keeps with Lean, and places in it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sandboxes.lean.steps.document import Document, normalised, opening_of, proof_of
from verifier_service.model import LeanTheorem

THEOREM = LeanTheorem(name="t", statement="(p : Prop) (h : p) : p")
OPENING = opening_of(THEOREM)
TACTICS = st.lists(
    st.sampled_from(
        ["skip", "have h : p := by\n  exact h", "exact \U0001d4b3", "-- nothing", "exact ⟨h, h⟩"]
    ),
    max_size=5,
).map(tuple)


def test_the_document_is_the_theorem_and_its_tactics() -> None:
    document = Document(opening=OPENING, tactics=("constructor", "· skip\n  rfl"))
    assert document.text == (
        "theorem _root_.t (p : Prop) (h : p) : p\n:= by\n  constructor\n  · skip\n    rfl\n  "
    )
    assert document.by == (1, 3)
    assert document.end == (5, 2)


def test_imports_come_before_what_is_trusted() -> None:
    theorem = LeanTheorem(preamble="import Init\n\nopen Nat", name="a.b", statement=": 1 = 1")
    opening = opening_of(theorem)
    assert opening.startswith("import Init\n")
    assert opening.endswith("\nopen Nat\n\ntheorem _root_.a.b : 1 = 1\n:= by\n")


def test_a_comment_at_the_end_of_the_statement_swallows_nothing() -> None:
    theorem = LeanTheorem(name="t", statement=": True -- clear")
    assert "\n:= by\n" in opening_of(theorem)


@given(TACTICS, TACTICS)
def test_a_change_makes_one_document_the_other(
    before: tuple[str, ...], after: tuple[str, ...]
) -> None:
    old, new = (Document(opening=OPENING, tactics=each) for each in (before, after))
    assert applied(old.text, old.change_to(new)) == new.text


def applied(text: str, change: dict[str, object]) -> str:
    """What an editor makes of a change."""
    lines = text.split("\n")

    def offset(place: dict[str, int]) -> int:
        line, units = place["line"], place["character"]
        in_line = len(lines[line].encode("utf-16-le")[: 2 * units].decode("utf-16-le"))
        return sum(len(each) + 1 for each in lines[:line]) + in_line

    where = change["range"]
    assert isinstance(where, dict)
    return text[: offset(where["start"])] + str(change["text"]) + text[offset(where["end"]) :]


def test_places_are_told_in_code_points_of_the_tactic_itself() -> None:
    document = Document(
        opening=OPENING, tactics=("skip", "have \U0001d4b3 := h\nexact foo \U0001d4b3")
    )
    assert document.last_tactic == 3
    assert document.place_in_last_tactic((3, 2)) == (1, 0)
    assert document.place_in_last_tactic((3, 2 + 8)) == (1, 7)  # that letter is two UTF-16 units
    assert document.place_in_last_tactic((4, 2 + 6)) == (2, 6)
    assert document.place_in_last_tactic((2, 2)) == (0, 0)
    assert document.place_in_last_tactic((7, 0)) == (2, 11)


def test_a_margin_that_all_lines_share_is_no_part_of_a_tactic() -> None:
    assert normalised("    cases h with\n    | inl a => exact a\r\n\n") == (
        "cases h with\n| inl a => exact a"
    )
    assert proof_of(("intro h", "exact h")) == "by\n  intro h\n  exact h\n"
