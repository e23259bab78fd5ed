"""Candidates from their text to what is certain of them, through the real Lean and its kernel."""

from __future__ import annotations

import pytest

from sandboxes.lean.audit import STANDARD_AXIOMS, specification_findings
from sandboxes.lean.certify import survey
from sandboxes.lean.declarations import display
from sandboxes.lean.libraries import Library
from sandboxes.lean.olean import read_module
from sandboxes.lean.runtime import LeanRuntime
from tests.lean.audit.conftest import GOAL, Certify, Compile, codes
from tests.lean.conftest import LIMITS

TWO = "theorem goal : (1 : Nat) = 2 := by sorry\n"
FALSE = "theorem goal : False := by sorry\n"
TRUE = "theorem goal : True := by sorry\n"
AND = "theorem goal (p q : Prop) (hp : p) (hq : q) : p ∧ q := by sorry\n"
SECRET = "def secret : Nat := 42\ntheorem goal : secret = 7 := by sorry\n"
KIND_OF = """
inductive Colour where | red | green
theorem goal (c : Colour) : c = .red ∨ c = .green := by sorry
"""
UNIVERSES = "theorem goal.{u} (α : Sort u) (a : α) : a = a := by sorry\n"

HONEST = [
    pytest.param(AND, "theorem goal (p q : Prop) (hp : p) (hq : q) : p ∧ q := ⟨hp, hq⟩", id="term"),
    pytest.param(
        AND,
        "theorem goal (p q : Prop) (hp : p) (hq : q) : p ∧ q := by\n  constructor\n"
        "  · exact hp\n  · exact hq",
        id="tactics",
    ),
    pytest.param(
        AND, "theorem goal (a b : Prop) (x : a) (y : b) : a ∧ b := ⟨x, y⟩", id="other-names"
    ),
    pytest.param(
        AND,
        "theorem both {p q : Prop} (hp : p) (hq : q) : p ∧ q := ⟨hp, hq⟩\n"
        "theorem goal (p q : Prop) (hp : p) (hq : q) : p ∧ q := both hp hq",
        id="helper",
    ),
    pytest.param(
        KIND_OF,
        "inductive Colour where | red | green\ntheorem goal (c : Colour) : c = .red ∨ c = .green "
        ":= by\n  cases c\n  · exact Or.inl rfl\n  · exact Or.inr rfl",
        id="inductive-of-the-problem",
    ),
    pytest.param(
        "theorem goal (n : Nat) : n = n := by sorry",
        "inductive Tree where | leaf | node (l r : Tree)\n"
        "def Tree.size : Tree → Nat | .leaf => 1 | .node l r => l.size + r.size\n"
        "theorem Tree.positive (t : Tree) : t.size = t.size := rfl\n"
        "theorem goal (n : Nat) : n = n := by\n  have := Tree.positive .leaf\n  rfl",
        id="inductive-and-recursion-of-the-candidate",
    ),
    pytest.param(
        "theorem goal (p : Prop) : p ∨ ¬p := by sorry",
        "theorem goal (p : Prop) : p ∨ ¬p := Classical.em p",
        id="standard-axioms",
    ),
    pytest.param(UNIVERSES, "theorem goal.{u} (α : Sort u) (a : α) : a = a := rfl", id="universes"),
    pytest.param(
        "theorem goal : (2 : Nat) ^ 70 = 1180591620717411303424 := by sorry",
        "theorem goal : (2 : Nat) ^ 70 = 1180591620717411303424 := by decide",
        id="large-numbers",
    ),
    pytest.param(
        AND,
        "theorem unfinished : (1 : Nat) = 2 := by sorry\n"
        "theorem goal (p q : Prop) (hp : p) (hq : q) : p ∧ q := ⟨hp, hq⟩",
        id="sorry-that-is-not-used",
    ),
]

CHEATS = [
    pytest.param(TWO, "theorem goal : (1 : Nat) = 2 := by sorry", "incomplete-proof", id="sorry"),
    pytest.param(
        TWO,
        "set_option warn.sorry false\ntheorem goal : (1 : Nat) = 2 := by exact sorryAx _ true",
        "incomplete-proof",
        id="silent-sorry",
    ),
    pytest.param(
        TWO,
        "set_option warn.sorry false in\ntheorem helper : (1 : Nat) = 2 := by sorry\n"
        "theorem goal : (1 : Nat) = 2 := helper",
        "incomplete-proof",
        id="sorry-in-a-helper",
    ),
    pytest.param(
        TWO,
        "set_option debug.proofAsSorry true\ntheorem goal : (1 : Nat) = 2 := by decide",
        "incomplete-proof",
        id="proofs-as-sorry",
    ),
    pytest.param(
        FALSE,
        "axiom cheat : False\ntheorem goal : False := cheat",
        "disallowed-axiom",
        id="axiom",
    ),
    pytest.param(
        FALSE,
        "axiom cheat : False\nopaque hidden : False := cheat\ntheorem goal : False := hidden",
        "disallowed-axiom",
        id="axiom-in-an-opaque-value",
    ),
    pytest.param(
        FALSE,
        "axiom cheat : False\nclass Bad : Prop where\n  no : False\ninstance : Bad := ⟨cheat⟩\n"
        "theorem helper [h : Bad] : False := h.no\ntheorem goal : False := helper",
        "disallowed-axiom",
        id="axiom-in-an-instance",
    ),
    pytest.param(
        FALSE,
        'axiom cheat : False\nmacro "magic" : term => `(cheat)\ntheorem goal : False := magic',
        "disallowed-axiom",
        id="axiom-from-a-macro",
    ),
    pytest.param(
        FALSE,
        "axiom «propext\\nQuot.sound» : False\ntheorem goal : False := «propext\\nQuot.sound»",
        "disallowed-axiom",
        id="axiom-whose-name-reads-like-others",
    ),
    pytest.param(
        FALSE,
        "axiom Lean.Trusted.sound : False\ntheorem goal : False := Lean.Trusted.sound",
        "disallowed-axiom",
        id="axiom-under-a-trusted-name",
    ),
    pytest.param(TWO, "axiom goal : (1 : Nat) = 2", "kind-mismatch", id="goal-as-an-axiom"),
    pytest.param(
        "theorem goal : (1 : Nat) = 1 := by sorry",
        "def goal : (1 : Nat) = 1 := rfl",
        "kind-mismatch",
        id="goal-as-a-definition",
    ),
    pytest.param(
        TWO, "unsafe def goal : (1 : Nat) = 2 := goal", "kind-mismatch", id="goal-as-unsafe"
    ),
    pytest.param(
        FALSE, "theorem goal : True := trivial", "statement-mismatch", id="weaker-statement"
    ),
    pytest.param(
        FALSE, "theorem goal (h : False) : False := h", "statement-mismatch", id="hypothesis"
    ),
    pytest.param(
        TWO,
        "variable (h : (1 : Nat) = 2)\ninclude h\ntheorem goal : (1 : Nat) = 2 := h",
        "statement-mismatch",
        id="hypothesis-by-variable",
    ),
    pytest.param(
        TWO,
        "instance (priority := 10000) : OfNat Nat 1 := ⟨2⟩\ntheorem goal : (1 : Nat) = 2 := rfl",
        "statement-mismatch",
        id="instance-of-a-numeral",
    ),
    pytest.param(
        "theorem goal : (2 : Nat) + 2 = 5 := by sorry",
        "instance (priority := 10000) five : Add Nat := ⟨fun _ _ => 5⟩\n"
        "theorem goal : (2 : Nat) + 2 = 5 := rfl",
        "statement-mismatch",
        id="instance-of-addition",
    ),
    pytest.param(
        TWO,
        'local notation "Nat" => Unit\nlocal instance : OfNat Unit 1 := ⟨()⟩\n'
        "local instance : OfNat Unit 2 := ⟨()⟩\ntheorem goal : (1 : Nat) = 2 := rfl",
        "statement-mismatch",
        id="notation",
    ),
    pytest.param(
        UNIVERSES,
        "theorem goal.{v} (α : Type v) (a : α) : a = a := rfl",
        "statement-mismatch",
        id="smaller-universe",
    ),
    pytest.param(
        TWO,
        "namespace X\ninductive Nat | zero | succ (n : Nat)\ninstance : OfNat Nat 1 := ⟨.zero⟩\n"
        "instance : OfNat Nat 2 := ⟨.zero⟩\ntheorem goal : (1 : Nat) = 2 := rfl\nend X",
        "missing-declaration",
        id="other-namespace",
    ),
    pytest.param(
        TWO,
        "namespace X\ninductive Nat | zero | succ (n : Nat)\ninstance : OfNat Nat 1 := ⟨.zero⟩\n"
        "instance : OfNat Nat 2 := ⟨.zero⟩\ntheorem _root_.goal : (1 : Nat) = 2 := rfl\nend X",
        "statement-mismatch",
        id="shadowed-type",
    ),
    pytest.param(
        TWO, "/- theorem goal : (1 : Nat) = 2 -/\n#check True", "missing-declaration", id="comment"
    ),
    pytest.param(TWO, "", "missing-declaration", id="empty"),
    pytest.param(
        "theorem goal : True := by sorry",
        "example : True := trivial",
        "missing-declaration",
        id="example",
    ),
    pytest.param(
        "theorem goal : True := by sorry",
        "private theorem goal : True := trivial",
        "missing-declaration",
        id="private",
    ),
    pytest.param(
        "theorem goal : True := by sorry",
        "#exit\ntheorem goal : True := trivial",
        "missing-declaration",
        id="exit",
    ),
    pytest.param(
        SECRET,
        "def secret : Nat := 7\ntheorem goal : secret = 7 := rfl",
        "dependency-mismatch",
        id="definition-of-the-problem",
    ),
    pytest.param(
        KIND_OF,
        "inductive Colour where | red\ntheorem goal (c : Colour) : c = .red ∨ c = .green := by\n"
        "  cases c; exact Or.inl rfl\n".replace(".green", ".red"),
        "statement-mismatch",
        id="constructor-dropped",
    ),
    pytest.param(
        "inductive Small where | one | two\ntheorem goal (a b : Small) : a = b := by sorry",
        "inductive Small where | one\n"
        "theorem goal (a b : Small) : a = b := by cases a; cases b; rfl",
        "dependency-mismatch",
        id="inductive-of-the-problem",
    ),
    pytest.param(
        "axiom given : Nat\ntheorem goal : given = 3 := by sorry",
        "def given : Nat := 3\ntheorem goal : given = 3 := rfl",
        "dependency-mismatch",
        id="axiom-of-the-problem-defined",
    ),
    pytest.param(
        TWO,
        "set_option debug.skipKernelTC true in\ntheorem goal : (1 : Nat) = 2 := by decide +kernel",
        "kernel-rejected",
        id="kernel-skipped",
    ),
    pytest.param(
        TWO,
        "set_option debug.skipKernelTC true in\n"
        "theorem helper : (1 : Nat) = 2 := by decide +kernel\n"
        "theorem goal : (1 : Nat) = 2 := helper",
        "kernel-rejected",
        id="kernel-skipped-in-a-helper",
    ),
    pytest.param(
        "theorem goal : True := by sorry",
        "theorem goal : True := Lean.trustCompiler",
        "disallowed-axiom",
        id="trust-in-the-compiler",
    ),
    pytest.param(
        "theorem goal (b : Bool) : (if Lean.reduceBool b then 1 else 1) = 1 := by sorry",
        "theorem goal (b : Bool) : (if Lean.reduceBool b then 1 else 1) = 1 := by split <;> rfl",
        "disallowed-axiom",
        id="axiom-in-an-opaque-value-of-the-header",
    ),
    pytest.param(
        "theorem given : False := by sorry\ntheorem goal : False := by sorry",
        "theorem given : False := by sorry\ntheorem goal : False := given",
        "incomplete-proof",
        id="unproved-theorem-of-the-problem",
    ),
    pytest.param(
        "theorem given : False := by sorry\ntheorem goal : False := by sorry",
        "axiom given : False\ntheorem goal : False := given",
        "disallowed-axiom",
        id="unproved-theorem-of-the-problem-as-an-axiom",
    ),
    pytest.param(
        TRUE,
        'macro "make" : command => `(theorem goal : True := trivial)\nmake',
        "missing-declaration",
        id="name-of-a-macro",
    ),
    pytest.param(
        TRUE, "theorem «goal ».x : True := trivial", "missing-declaration", id="space-in-a-name"
    ),
    pytest.param(
        TRUE, "theorem «A.goal» : True := trivial", "missing-declaration", id="dot-in-a-name"
    ),
    pytest.param(
        "def two : Nat := 2\ntheorem goal : two = 3 := by sorry",
        "def three : Nat := 3\n@[implemented_by three] def two : Nat := 2\n"
        "set_option debug.skipKernelTC true in\ntheorem goal : two = 3 := by decide +kernel",
        "kernel-rejected",
        id="implementation-of-a-definition",
    ),
    pytest.param(
        "def two : Nat := 2\ntheorem goal : two = 3 := by sorry",
        "@[irreducible] def two : Nat := 3\ntheorem goal : two = 3 := by unfold two; rfl",
        "dependency-mismatch",
        id="definition-that-is-not-unfolded",
    ),
    pytest.param(
        "class Pointed (α : Type) where\n  point : α\ninstance : Pointed Nat := ⟨0⟩\n"
        "theorem goal : (Pointed.point : Nat) = 1 := by sorry",
        "class Pointed (α : Type) where\n  point : α\ninstance : Pointed Nat := ⟨1⟩\n"
        "theorem goal : (Pointed.point : Nat) = 1 := rfl",
        "dependency-mismatch",
        id="instance-of-the-problem",
    ),
    pytest.param(
        "structure P where\n  holds : (1 : Nat) = 2\ntheorem goal : Nonempty P := by sorry",
        "structure P where\n  holds : (1 : Nat) = 1\ntheorem goal : Nonempty P := ⟨⟨rfl⟩⟩",
        "dependency-mismatch",
        id="field-of-a-structure",
    ),
]


@pytest.mark.parametrize(("specification", "candidate"), HONEST)
async def test_an_honest_proof_holds(
    certified: Certify, specification: str, candidate: str
) -> None:
    certificate = await certified(specification, candidate)
    assert certificate.findings == ()
    assert certificate.holds
    assert certificate.axioms <= STANDARD_AXIOMS
    assert certificate.replayed_by == ("lean-kernel",)


@pytest.mark.parametrize(("specification", "candidate", "code"), CHEATS)
async def test_a_cheat_is_found(
    certified: Certify, specification: str, candidate: str, code: str
) -> None:
    certificate = await certified(specification, candidate)
    assert codes(certificate)[:1] == [code]
    assert not certificate.holds


async def test_axioms_that_a_problem_allows_may_be_used(certified: Certify) -> None:
    trusting = "theorem goal : True := Lean.trustCompiler"
    allowed = {("Lean", "trustCompiler")}
    certificate = await certified("theorem goal : True := by sorry", trusting, allowed=allowed)
    assert certificate.holds
    assert certificate.axioms == allowed


async def test_an_axiom_of_the_problem_may_be_used_where_it_is_allowed(certified: Certify) -> None:
    problem = "axiom given : (1 : Nat) = 2\ntheorem goal : (2 : Nat) = 1 := by sorry"
    proof = "axiom given : (1 : Nat) = 2\ntheorem goal : (2 : Nat) = 1 := given.symm"
    stronger = "axiom given : (2 : Nat) = 1\ntheorem goal : (2 : Nat) = 1 := given"
    allowed = {("given",)}
    assert (await certified(problem, proof, allowed=allowed)).holds
    assert codes(await certified(problem, proof)) == ["disallowed-axiom"]
    assert codes(await certified(problem, stronger, allowed=allowed)) == ["disallowed-axiom"]


@pytest.mark.parametrize(
    ("candidate", "codes_found"),
    [
        pytest.param("theorem goal : two = 2 := rfl", [], id="as-stated"),
        pytest.param("theorem goal : 2 = 2 := rfl", [], id="equal-by-computation"),
        pytest.param("theorem goal : 3 = 3 := rfl", ["statement-mismatch"], id="another"),
        pytest.param("theorem goal : True := trivial", ["statement-mismatch"], id="weaker"),
        pytest.param("theorem goal : two = 2 := by sorry", ["incomplete-proof"], id="sorry"),
        pytest.param("axiom goal : 2 = 2", ["kind-mismatch", "disallowed-axiom"], id="axiom"),
    ],
)
async def test_statements_may_differ_up_to_computation_where_that_is_asked_for(
    certified: Certify, candidate: str, codes_found: list[str]
) -> None:
    problem = "def two : Nat := 2\n"
    certificate = await certified(
        problem + "theorem goal : two = 2 := by sorry", problem + candidate, by_computation=True
    )
    assert codes(certificate) == codes_found
    assert certificate.holds == (not codes_found)


async def test_what_a_statement_speaks_of_stays_the_same_up_to_computation(
    certified: Certify,
) -> None:
    certificate = await certified(
        "def two : Nat := 2\ntheorem goal : two = 5 := by sorry",
        "def two : Nat := 5\ntheorem goal : 5 = 5 := rfl",
        by_computation=True,
    )
    assert codes(certificate)[:1] == ["dependency-mismatch"]
    assert not certificate.holds


async def test_a_survey_says_what_each_theorem_of_a_file_is_worth(
    runtime: LeanRuntime, compiled: Compile
) -> None:
    module = await compiled(
        "axiom cheat : False\n"
        "theorem plain : True := trivial\n"
        "theorem classical (p : Prop) : p ∨ ¬p := Classical.em p\n"
        "theorem cheated : False := cheat\n"
        "theorem unfinished : (1 : Nat) = 2 := by sorry\n"
        "set_option debug.skipKernelTC true in\n"
        "theorem forged : (1 : Nat) = 2 := by decide +kernel\n"
        "theorem above : (2 : Nat) = 1 := forged.symm\n"
    )
    found = await survey(runtime, module, limits=LIMITS)
    axioms = {display(one.name): set(map(display, one.axioms)) for one in found.theorems}
    problems = {display(one.name): bool(one.problem) for one in found.theorems}
    assert not found.limit
    assert axioms["plain"] == set()
    assert axioms["classical"] == {"propext", "Classical.choice", "Quot.sound"}
    assert axioms["cheated"] == {"cheat"}
    assert axioms["unfinished"] == {"sorryAx"}
    assert {name for name, is_one in problems.items() if is_one} == {"forged", "above"}
    assert all(one.statement_digest.startswith("sha256:") for one in found.theorems)
    assert found.replayed_by == ("lean-kernel",)


async def test_a_survey_may_ask_a_second_kernel(runtime: LeanRuntime, compiled: Compile) -> None:
    module = await compiled(
        "theorem plain : True := trivial\n"
        "theorem classical (p : Prop) : p ∨ ¬p := Classical.em p\n"
        "set_option debug.skipKernelTC true in\n"
        "theorem forged : (1 : Nat) = 2 := by decide +kernel\n"
    )
    library = Library(runtime.environment.lean_path)
    found = await survey(runtime, module, library=library, limits=LIMITS)
    assert [display(one.name) for one in found.theorems if one.problem] == ["forged"]
    assert found.replayed_by == ("lean-kernel", "verifier-kernel")
    assert found.limit == ""


async def test_a_survey_of_a_file_without_theorems(runtime: LeanRuntime, compiled: Compile) -> None:
    found = await survey(runtime, await compiled("def two : Nat := 2\n"), limits=LIMITS)
    assert found.theorems == ()
    assert found.limit == ""


@pytest.mark.parametrize(
    ("specification", "code"),
    [
        pytest.param("theorem other : True := by sorry", "missing-declaration", id="missing"),
        pytest.param("def goal : Nat := 3", "kind-mismatch", id="definition"),
        pytest.param(
            "def hole : Nat := by sorry\ntheorem goal : hole = 3 := by sorry",
            "incomplete-proof",
            id="hole-in-what-it-speaks-of",
        ),
    ],
)
async def test_a_problem_that_is_none(compiled: Compile, specification: str, code: str) -> None:
    (found,) = specification_findings(read_module(await compiled(specification)), GOAL)
    assert found.code == code
