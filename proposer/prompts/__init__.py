"""Prompt templates: files with a version in their names, shown in `docs/prompts.md`.

A file holds a chat: a line `[system]`, `[user]` or `[assistant]` begins a turn, `[opening]` how the
model's own turn begins, and `[closing]` what ends it. `$name` stands for what is filled in. A
template that is in use is never edited: a better wording is a new file with the next version.
"""

from __future__ import annotations

import re
import string
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final, Literal, cast

from proposer.models import Chat, Message

__all__ = ["Template", "load_template", "template_names"]

_MARK: Final = re.compile(r"^\[(system|user|assistant|opening|closing)\]\n", re.MULTILINE)
_NAME: Final = re.compile(r"[a-z][a-z-]*/[a-z][a-z-]*\.\d+")

_Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A chat with places to fill in."""

    name: str
    """`domain/what.version`."""
    turns: tuple[tuple[_Role, str], ...]
    opening: str = ""
    closing: str = ""

    def filled(self, **values: str) -> Chat:
        """The chat, filled in. Values are texts: a `$` in them stands for itself.

        Raises:
            KeyError: A place has no value.
        """
        return Chat(
            messages=self._turns_filled(**values), opening=self.opening, closing=self.closing
        )

    def continued(self, chat: Chat, answer: str, /, **values: str) -> Chat:
        """Another chat with the model's answer and the turns of this one at its end.

        All that was sent before stays as it is, byte by byte, so that prefix caches hold it.
        """
        answered = Message(role="assistant", content=answer)
        return Chat(
            messages=(*chat.messages, answered, *self._turns_filled(**values)),
            opening=self.opening,
            closing=self.closing,
        )

    def _turns_filled(self, **values: str) -> tuple[Message, ...]:
        """The turns alone."""
        return tuple(
            Message(role=role, content=string.Template(text).substitute(values))
            for role, text in self.turns
        )


@cache
def load_template(name: str) -> Template:
    """The template `domain/what.version`.

    Raises:
        ValueError: There is none of this name.
    """
    if name not in template_names():
        raise ValueError(f"There is no template {name!r}. There are {', '.join(template_names())}.")
    text = resources.files(__name__).joinpath(f"{name}.txt").read_text(encoding="utf-8")
    parts = _MARK.split(text)
    if parts[0].strip():
        raise ValueError(f"The template {name!r} does not begin with a mark such as [user].")
    pairs = [
        (mark, body.removesuffix("\n")) for mark, body in zip(parts[1::2], parts[2::2], strict=True)
    ]
    edges = {mark: body for mark, body in pairs if mark in ("opening", "closing")}
    turns = tuple((cast("_Role", mark), body) for mark, body in pairs if mark not in edges)
    return Template(
        name=name,
        turns=turns,
        opening=edges.get("opening", ""),
        closing="\n" + edges["closing"] if "closing" in edges else "",
    )


@cache
def template_names() -> tuple[str, ...]:
    """All templates, sorted."""
    root = resources.files(__name__)
    names = [
        f"{folder.name}/{file.name.removesuffix('.txt')}"
        for folder in root.iterdir()
        if folder.is_dir() and not folder.name.startswith("_")
        for file in folder.iterdir()
        if file.name.endswith(".txt")
    ]
    return tuple(sorted(name for name in names if _NAME.fullmatch(name)))
