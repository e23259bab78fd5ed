"""Strategies: what to ask for next, given the verdicts so far. One module each."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Final, get_type_hints

from proposer.strategies.adaptive import Adaptive
from proposer.strategies.apollo import Apollo
from proposer.strategies.dsp import DraftSketchProve
from proposer.strategies.hypothesis_search import HypothesisSearch
from proposer.strategies.iad import IterativeDecoding
from proposer.strategies.linc import Linc
from proposer.strategies.logic_refinement import LogicRefinement
from proposer.strategies.mixture import Mixture
from proposer.strategies.pal import Pal
from proposer.strategies.resample import Resample
from proposer.strategies.self_repair import Mixed, SelfRepair
from proposer.strategies.strategy import Strategy
from proposer.strategies.tree_search import TreeSearch

__all__ = ["STRATEGIES", "InvalidOption", "Strategy", "make_strategy", "options_of"]

STRATEGIES: Final[Mapping[str, type[Any]]] = {
    "resample": Resample,
    "self-repair": SelfRepair,
    "mixed": Mixed,
    "adaptive": Adaptive,
    "iad": IterativeDecoding,
    "linc": Linc,
    "logic-refinement": LogicRefinement,
    "mixture": Mixture,
    "pal": Pal,
    "hypothesis-search": HypothesisSearch,
    "apollo": Apollo,
    "dsp": DraftSketchProve,
    "tree-search": TreeSearch,
}
"""By the name that `verifier propose --strategy` takes. Each is a dataclass of its options."""


class InvalidOption(ValueError):
    """A strategy, or an option of one, that there is not; the message says what there is."""


def make_strategy(name: str, options: Mapping[str, str] | None = None) -> Strategy:
    """A strategy with its options as text, as the command line has them.

    Raises:
        InvalidOption: There is none of this name, or it takes no such option or value.
    """
    kind = STRATEGIES.get(name)
    if kind is None:
        raise InvalidOption(f"There is no strategy {name!r}. There are {', '.join(STRATEGIES)}.")
    types = get_type_hints(kind)
    known = {field.name for field in dataclasses.fields(kind) if field.init}
    values: dict[str, Any] = {}
    for key, text in (options or {}).items():
        option = key.replace("-", "_")
        if option not in known:
            told = ", ".join(sorted(known)) or "none"
            raise InvalidOption(f"The strategy {name} has no option {key!r}. It has: {told}.")
        values[option] = _parsed(name, key, types[option], text)
    try:
        strategy: Strategy = kind(**values)
    except ValueError as error:
        raise InvalidOption(f"The strategy {name} can't be made so: {error}") from error
    return strategy


def options_of(strategy: Strategy) -> dict[str, Any]:
    """All options of a strategy, defaults included."""
    if not dataclasses.is_dataclass(strategy):
        return {}
    return {
        field.name: getattr(strategy, field.name)
        for field in dataclasses.fields(strategy)
        if field.init
    }


_BOOLEANS: Final = {"true": True, "false": False}


def _parsed(strategy: str, option: str, kind: Any, text: str) -> Any:
    try:
        return _BOOLEANS[text] if kind is bool else kind(text)
    except (ValueError, KeyError):
        raise InvalidOption(
            f"The option {option!r} of the strategy {strategy} is of type {kind.__name__}, and "
            f"{text!r} is none."
        ) from None
