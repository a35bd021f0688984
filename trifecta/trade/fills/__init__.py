"""How paper orders fill, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from trifecta.errors import SettingsError
from trifecta.trade.fills.market import Market
from trifecta.trade.fills.model import Depth, FillModel, Print
from trifecta.trade.fills.queue import Queue
from trifecta.trade.fills.stochastic import Stochastic

FILL_MODELS: Mapping[str, Callable[[int], FillModel]] = {
    "market": lambda _: Market(),
    "queue": lambda _: Queue(),
    "stochastic": Stochastic,
}
"""Makers of a fill model from a seed."""

__all__ = ["FILL_MODELS", "Depth", "FillModel", "Market", "Print", "Queue", "Stochastic", "fill_model", "label"]


def fill_model(name: str, seed: int) -> FillModel:
    """A fresh model."""
    if name not in FILL_MODELS:
        raise SettingsError(f"trade.fill_model = {name!r}: expected one of {', '.join(FILL_MODELS)}")
    return FILL_MODELS[name](seed)


def label(name: str) -> str:
    """What must stand beside P&L that this model made; empty where nothing must."""
    return fill_model(name, 0).label
