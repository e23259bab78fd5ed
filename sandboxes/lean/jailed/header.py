"""The environment that a file's imports make, loaded once before the processes of runs are forked.

No process in which this is loaded has run a candidate; each that does is a fork of it. Where Lean
is, the environment variable `VERIFIER_LEAN` tells as JSON:

    {"library": "FOLDER", "path": ["FOLDER", …]}
"""

from __future__ import annotations

import json
import os

from sandboxes.lean.jailed.library import (
    EMPTY_TREE,
    NOTHING,
    SUPPORTED,
    Lean,
    LeanError,
    box,
    field,
    items,
    keep,
    text_of,
)

VARIABLE = "VERIFIER_LEAN"
MODULE = "Candidate"
"""Name of the module that a candidate becomes."""
_PRIVATE = 2
"""The level at which all of a module is loaded, not only what it exports."""


_loaded: Header | None = None
_failure = ""


def warm(imports: str = "") -> None:
    """Loads Lean and imports a header; what goes wrong is told to whoever asks for it."""
    global _loaded, _failure
    try:
        _loaded = Header(load(), imports)
    except (LeanError, OSError) as error:
        _failure = str(error)


def loaded() -> Header:
    """What `warm` has loaded.

    Raises:
        LeanError: It could not.
    """
    if _loaded is None:
        raise LeanError(_failure)
    return _loaded


class Header:
    """A Lean whose environment holds what a header imports."""

    def __init__(self, lean: Lean, text: str) -> None:
        """Imports it.

        Args:
            lean: The library.
            text: Lines of `import`; none means Lean's own `Init`.

        Raises:
            LeanError: The header can't be read, or a module can't be imported.
        """
        self.lean = lean
        self.options = lean.constant("l_Lean_Options_empty")
        parse = lean.function("l_Lean_Parser_parseHeader", 2)
        parsed = lean.result(parse(context(lean, text), NOTHING))
        rest = field(parsed, 1)
        reached = field(field(rest, 0), 0) >> 1
        if messages_of(lean, field(rest, 1)) or reached < len(text.rstrip().encode()):
            raise LeanError(f"This is not a header of imports: {text!r}.")
        self.no_messages = keep(field(rest, 1))
        imports = lean.function("l_Lean_Elab_HeaderSyntax_imports___boxed", 2)(
            keep(field(parsed, 0)), box(1)
        )
        load = lean.function("l_Lean_importModules___boxed", 9)
        environment = lean.result(
            load(
                keep(imports),
                self.options,
                box(0),  # trust level: none
                lean.array(),  # plugins
                box(1),  # for good
                box(1),  # with extensions
                box(_PRIVATE),
                EMPTY_TREE,  # artifacts by module
                NOTHING,
            )
        )
        rename = lean.function("l_Lean_Environment_setMainModule", 2)
        self.environment = keep(rename(environment, lean.name(MODULE)))


def load() -> Lean:
    """The library of the environment, with its search path set.

    Raises:
        OSError: There is none, or it does not fit this machine.
        LeanError: It is of another version.
    """
    where = json.loads(os.environ[VARIABLE])
    lean = Lean(where["library"])
    version = text_of(lean.constant("l_Lean_versionString"))
    if version not in SUPPORTED:
        raise LeanError(f"This Lean is {version}; the ones that can be used are {SUPPORTED}.")
    os.environ["LEAN_PATH"] = ":".join(where["path"])
    lean.result(
        lean.function("l_Lean_initSearchPath", 3)(lean.string("/nonexistent"), NOTHING, NOTHING)
    )
    lean.function("l_Lean_enableInitializersExecution___boxed", 1)(NOTHING)
    return lean


def context(lean: Lean, text: str) -> int:
    """A text as Lean's parser wants it."""
    make = lean.function("l_Lean_Parser_mkInputContext___redArg", 4)
    size = len(text.encode())
    return keep(make(lean.string(text), lean.string("<candidate>"), 1, box(size)))


def messages_of(lean: Lean, log: int) -> list[int]:
    """The messages of a log."""
    return list(items(keep(lean.function("l_Lean_MessageLog_toArray", 1)(keep(log)))))
