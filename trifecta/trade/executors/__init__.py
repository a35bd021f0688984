"""Who trades what an engine found, by engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from trifecta.scan.opportunity import Engine
from trifecta.trade.executors.arbitrage import Arbitrage
from trifecta.trade.executors.binary import Binary
from trifecta.trade.executors.executor import Executor
from trifecta.trade.executors.forex import Forex
from trifecta.trade.floor import Floor

EXECUTORS: Mapping[Engine, Callable[[Floor], Executor]] = {
    Engine.ARBITRAGE: Arbitrage,
    Engine.FOREX: Forex,
    Engine.BINARY: Binary,
}

__all__ = ["EXECUTORS", "Arbitrage", "Binary", "Executor", "Forex"]
