"""From Lean's messages to findings in the candidate's own coordinates. Pure.

Messages come from the process that ran the candidate, so they can say anything; nothing is accepted
for them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from sandboxes.lean.lexer import Kind, lex
from sandboxes.lean.lints import Refused
from sandboxes.lean.messages import Message, Position
from sandboxes.lean.source import Prepared, normalised
from verifier_service.model import Diagnostic, Range, Severity

__all__ = [
    "HOLES_SHOWN",
    "LIMITS",
    "code_of",
    "diagnostics",
    "forbidden",
    "goals_of",
    "holes",
    "primary",
]

HOLES_SHOWN: Final = "macro_rules | `(term| sorry) => `(by trace_state; exact sorryAx _ true)\n"
"""A part to put before a candidate's: each `sorry`, of a term or a tactic, then shows its goal."""

LIMITS: Final = ("heartbeats-exceeded", "recursion-depth-exceeded", "memory-exceeded")
"""Codes of what Lean's own limits end."""

MAX_DIAGNOSTICS: Final = 100
MAX_INFORMATION: Final = 20
MAX_CHARACTERS: Final = 8000
"""Of one message, goal or hint."""
MAX_GOALS: Final = 20
MAX_READ: Final = 64 * 1024
"""Characters of a message that are looked at."""

_KINDS: Final = {
    "Tactic.unsolvedGoals": "unsolved-goals",
    "runtime.maxHeartbeats": "heartbeats-exceeded",
    "runtime.maxRecDepth": "recursion-depth-exceeded",
    "hasSorry": "sorry",
    "Elab.synthPlaceholder": "placeholder",
    "trace": "trace",
}
_NAMED: Final = re.compile(r"lean\.(\w{1,100})\._namedError", re.ASCII)
_WORDS: Final = (
    # by the beginning of a text, or by what it holds, in this order
    (re.compile(r"unsolved goals"), "unsolved-goals"),
    (re.compile(r"(?s:.*)\(deterministic\) timeout|\(kernel\) deterministic timeout"), LIMITS[0]),
    (re.compile(r"(?s:.*)maximum recursion depth has|\(kernel\) deep recursion"), LIMITS[1]),
    (re.compile(r"\(kernel\) excessive memory"), LIMITS[2]),
    (re.compile(r"\(kernel\)"), "kernel-error"),
    (re.compile(r".*has already been declared"), "already-declared"),
    (re.compile(r"(?:Application )?[Tt]ype mismatch"), "type-mismatch"),
    (re.compile(r"[Ff]ailed to synthesize"), "missing-instance"),
    (re.compile(r"[Ff]ail(?:ed)? to show termination"), "no-termination"),
    (re.compile(r"[Nn]o goals"), "no-goals"),
    (re.compile(r"[Tt]actic `[^`]*` failed|.*made no progress"), "tactic-failed"),
)
_UNREADABLE: Final = re.compile(
    r"unexpected (?:token|identifier|end of input|syntax|character)|unknown tactic|expected |"
    r"[^\n]*; expected |unterminated|invalid [\w ]*(?:sequence|literal)|isolated carriage return|"
    r"missing (?:end|exponent)|<input>|tabs are not allowed|elaboration function for"
)
_GOAL_LINE: Final = re.compile(r"case \S|⊢ |[^\s:⊢][^:⊢]* : ")
"""What the first line of a goal looks like."""
_SUGGESTION: Final = re.compile(r"Try (?:this|these|one of these):\s*")
_CHOICE: Final = re.compile(r"^\s*(?:[•·-]\s+)?(?:\[\w+\]\s+)?", re.MULTILINE)
_ADVICE: Final = re.compile(r"\n\n(?:Note|Hint): ")
_SEVERITIES: Final = {
    "error": Severity.ERROR,
    "warning": Severity.WARNING,
    "information": Severity.INFO,
}
_HINTS: Final = {
    "heartbeats-exceeded": "Make it cheaper, or ask for more by `limits.deterministic_steps`.",
    "recursion-depth-exceeded": "Write it less deeply nested, or set `maxRecDepth` higher.",
    "sorry": "Prove what is left open here.",
}


def code_of(message: Message) -> str:
    """What a message is about, as a kebab-case code."""
    text = message.text[:MAX_READ]
    if message.kind in _KINDS:
        return _KINDS[message.kind]
    if named := _NAMED.fullmatch(message.kind):
        return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", named[1]).lower()
    if message.kind.startswith("linter."):
        return "linter"
    if message.severity == "error":
        if _UNREADABLE.match(text):
            return "syntax-error"
        return next((code for words, code in _WORDS if words.match(text)), "error")
    return "suggestion" if _SUGGESTION.match(text) else "message"


def primary(messages: Iterable[Message]) -> Message | None:
    """The error that the others may follow from; None where there is none.

    What can't be read comes first, since Lean goes on behind it as well as it can. Goals that are
    left come last: a block whose step fails has open goals for that reason alone.
    """
    errors = sorted((one for one in messages if one.severity == "error"), key=_order)
    return errors[0] if errors else None


def _order(message: Message) -> tuple[int, Position, str]:
    rank = {"syntax-error": 0, "unsolved-goals": 2}.get(code_of(message), 1)
    return (rank, message.start, message.text)


def diagnostics(prepared: Prepared, messages: Sequence[Sequence[Message]]) -> list[Diagnostic]:
    """Findings in the candidate, the most useful first; what is said of trusted text is left out.

    Args:
        prepared: What Lean was given.
        messages: What it said of each part.
    """
    first = primary(one for part in messages for one in part)
    found: list[Diagnostic] = []
    if first is not None:
        own = messages[-1] and any(one is first for one in messages[-1])
        found.append(_diagnostic(prepared, first, is_own=bool(own)))
    rank = {"error": 0, "warning": 1, "information": 2}
    told = 0
    for message in sorted(messages[-1], key=lambda one: (rank[one.severity], one.start)):
        is_more = message.severity == "information"
        if message is first or code_of(message) == "trace" or (is_more and told == MAX_INFORMATION):
            continue
        if len(found) == MAX_DIAGNOSTICS:
            break
        told += is_more
        found.append(_diagnostic(prepared, message, is_own=True))
    return found


def _diagnostic(prepared: Prepared, message: Message, *, is_own: bool) -> Diagnostic:
    code = code_of(message)
    text, goals = goals_of(message.text[:MAX_READ])
    text, *advice = _ADVICE.split(text)
    hints = [*advice, *filter(None, [_HINTS.get(code)])]
    if code == "suggestion":
        hints = _choices(message.text[:MAX_READ])
    return Diagnostic(
        severity=_SEVERITIES[message.severity],
        code=code,
        message=_cut(text.strip()),
        range=_range(prepared, message.start, message.end) if is_own else None,
        goals=tuple(map(_cut, goals[:MAX_GOALS])),
        hints=tuple(map(_cut, hints)),
    )


def goals_of(text: str) -> tuple[str, list[str]]:
    """A message without the goals that it shows, and these goals."""
    rest, goals = [], []
    for paragraph in text.split("\n\n"):
        lines = paragraph.split("\n")
        if any(line.startswith("⊢ ") for line in lines):
            first = next(i for i, line in enumerate(lines) if _GOAL_LINE.match(line))
            goals.append("\n".join(lines[first:]))
            lines = lines[:first]
        if lines:
            rest.append("\n".join(lines))
    return "\n\n".join(rest), goals


def _choices(text: str) -> list[str]:
    """The proofs that a suggestion proposes."""
    return [line for line in _CHOICE.sub("", _SUGGESTION.sub("", text, 1)).split("\n") if line]


def _range(prepared: Prepared, start: Position, end: Position | None) -> Range | None:
    began = prepared.located(start)
    if began is None:
        return None
    ended = None if end is None else prepared.located(end)
    return Range(
        start_line=began.line,
        start_column=began.column,
        end_line=began.line if ended is None else ended.line,
        end_column=0 if ended is None else ended.column,
    )


def _cut(text: str) -> str:
    if len(text) <= MAX_CHARACTERS:
        return text
    return f"{text[:MAX_CHARACTERS]} … ({len(text)} characters)"


def holes(prepared: Prepared, source: str, messages: Sequence[Message]) -> list[Diagnostic]:
    """Each `sorry` and `admit` of a candidate with its goal.

    Args:
        prepared: What Lean was given.
        source: The candidate.
        messages: What Lean said of the candidate where `HOLES_SHOWN` came before it.
    """
    lexed = lex(normalised(source))
    words = (token for token in lexed.tokens if token.kind is Kind.WORD)
    places = [token for token in words if token.text in ("sorry", "admit")][:MAX_DIAGNOSTICS]
    shown: dict[Position | None, list[str]] = {}
    for message in messages:
        if code_of(message) == "trace":
            goals = shown.setdefault(prepared.located(message.start), [])
            goals += goals_of(message.text[:MAX_READ])[1][: 1 - len(goals)]
    found = []
    for token in places:
        start, end = lexed.position(token.start), lexed.position(token.end)
        shift = prepared.columns_cut if start.line == 1 else 0
        place = Position(start.line, start.column + shift)
        found.append(
            Diagnostic(
                severity=Severity.ERROR,
                code="sorry",
                message="This is left unproved.",
                range=Range(
                    start_line=place.line,
                    start_column=place.column,
                    end_line=end.line,
                    end_column=end.column + shift,
                ),
                goals=tuple(map(_cut, shown.get(place, ()))),
            )
        )
    return found


def forbidden(source: str, words: Iterable[Refused]) -> Iterator[Diagnostic]:
    """Words of a candidate that are refused."""
    lexed = lex(normalised(source))
    for word in words:
        start, end = lexed.position(word.token.start), lexed.position(word.token.end)
        yield Diagnostic(
            severity=Severity.ERROR,
            code="forbidden-syntax",
            message=f"`{word.token.text}` {word.why}, and no proof needs it.",
            range=Range(
                start_line=start.line,
                start_column=start.column,
                end_line=end.line,
                end_column=end.column,
            ),
            hints=("Leave it out.",),
        )
