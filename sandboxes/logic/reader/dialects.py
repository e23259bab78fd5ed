"""The languages that are read, and how a text shows which one it is in."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Sequence
from typing import Final

__all__ = ["Dialect", "detected", "spellings_of"]


class Dialect(enum.StrEnum):
    """A language of problems."""

    FOL = "fol"
    """NLTK, Prover9, Unicode or Pyke: whichever each text looks like."""
    NLTK = "nltk"
    """`all x. (P(x) -> Q(x))`, as LINC's models write it."""
    PROVER9 = "prover9"
    """LADR. Names that begin with u to z and that nothing binds are variables."""
    UNICODE = "unicode"
    """`∀x (P(x) → Q(x))`, as in FOLIO and Logic-LM, perhaps with `::: English`."""
    PYKE = "pyke"
    """Facts and rules of Logic-LM: `P($x, True) && Q($x, False) >>> R($x, True)`."""
    STRICT = "strict"
    """NLTK's parser, and Prover9's reading of what NLTK hands it, as in LINC: no tolerance."""
    TPTP = "tptp"
    """CNF, FOF and TF0 of the TPTP world."""
    SMTLIB = "smtlib2"
    """SMT-LIB 2.6 with uninterpreted sorts and functions."""


_SMTLIB: Final = re.compile(
    r"\s*(?:;[^\n]*\n\s*)*\(\s*(?:set-|declare-|define-|assert\b|check-sat)"
)
_TPTP: Final = re.compile(r"^[ \t]*(?:cnf|fof|tff|thf|tcf|include)\s*\(", re.MULTILINE)
_PYKE: Final = re.compile(r">>>|[(,]\s*\$[A-Za-z_]")
_TRUTH_VALUE: Final = re.compile(r",\s*(?:True|False)\s*\)")
_PROVER9: Final = re.compile(r"\bformulas\s*\(\s*\w+\s*\)\s*\.")
_UNICODE: Final = re.compile(r"[∀∃∧∨→↔⊕¬]")
_ASCII: Final = re.compile(r"[&|]|->|\b(?:all|exists|forall)\s")


def detected(texts: Iterable[str]) -> Dialect:
    """TPTP or SMT-LIB if any of the texts looks like it, else `FOL`."""
    for text in texts:
        if _SMTLIB.match(text):
            return Dialect.SMTLIB
        if _TPTP.search(text):
            return Dialect.TPTP
    return Dialect.FOL


def spellings_of(texts: Sequence[str]) -> list[Dialect]:
    """Which of the dialects that `FOL` stands for each text is in; NLTK if nothing tells.

    `P(a, True)` is Pyke's where all of the texts are, and else a predicate of two arguments.
    """
    found = [_spelling_of(text) for text in texts]
    has_pyke = Dialect.PYKE in found
    has_others = any(_UNICODE.search(text) or _ASCII.search(text) for text in texts)
    if has_pyke or not has_others:
        return [
            Dialect.PYKE if _TRUTH_VALUE.search(text) and spelling is Dialect.NLTK else spelling
            for text, spelling in zip(texts, found, strict=True)
        ]
    return found


def _spelling_of(text: str) -> Dialect:
    if _PROVER9.search(text):
        return Dialect.PROVER9
    if _PYKE.search(text):
        return Dialect.PYKE
    return Dialect.UNICODE if _UNICODE.search(text) else Dialect.NLTK
