"""A stand-in for the candidate while a suite is collected: it has every name, and does nothing.

A suite's own modules import it in place of the candidate. It can be imported from, derived from,
called, used as a decorator and given to `parametrize`, so that nearly every suite can be collected
without a line of a candidate's.
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Any

used: list[str] = []
"""How the suite worked with the stand-in, beyond naming what it has."""


class _Kind(type):
    def __getattr__(cls, name: str) -> Any:
        if name.startswith("_") or cls.__module__ != __name__:
            raise AttributeError(name)
        return _stand_in(name)

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        if cls.__module__ != __name__:
            return super().__call__(*args, **kwargs)
        used.append(f"{cls.__name__}(…)")
        if len(args) == 1 and isinstance(args[0], (types.FunctionType, type)):
            return args[0]  # as a decorator does, more or less
        return _stand_in(cls.__name__)

    def __iter__(cls) -> Iterator[Any]:
        used.append(f"iter({cls.__name__})")
        return iter(())

    def __len__(cls) -> int:
        used.append(f"len({cls.__name__})")
        return 0

    def __bool__(cls) -> bool:
        return True

    def __contains__(cls, item: object) -> bool:
        used.append(f"… in {cls.__name__}")
        return False

    def __getitem__(cls, item: object) -> Any:
        used.append(f"{cls.__name__}[…]")
        return _stand_in(cls.__name__)


def _stand_in(name: str) -> Any:
    return _Kind(name, (), {"__module__": __name__})


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    return _stand_in(name)
