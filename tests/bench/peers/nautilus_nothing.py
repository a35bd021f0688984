"""NautilusTrader's backtest of a strategy that takes each trade and does nothing.

    python nautilus_nothing.py <trades.npy of int64 (n, 4): ns, price in cents, size in 1e-5, buyer is maker>

Only the run is timed; making its ticks and its engine is not.
"""

from __future__ import annotations

import gc
import json
import sys
import time

import numpy as np
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig, RiskEngineConfig
from nautilus_trader.model.currencies import BTC, USDT
from nautilus_trader.model.data import TradeTick
from nautilus_trader.model.enums import AccountType, AggressorSide, OmsType
from nautilus_trader.model.identifiers import TradeId, Venue
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.test_kit.providers import TestInstrumentProvider
from nautilus_trader.trading.strategy import Strategy

INSTRUMENT = TestInstrumentProvider.btcusdt_binance()


class Nothing(Strategy):
    """Counts."""

    def on_start(self) -> None:
        self.taken = 0
        self.subscribe_trade_ticks(INSTRUMENT.id)

    def on_trade_tick(self, tick: TradeTick) -> None:
        self.taken += 1


def ticks(path: str) -> list[TradeTick]:
    sides = (AggressorSide.BUYER, AggressorSide.SELLER)
    return [
        TradeTick(
            INSTRUMENT.id, Price(price / 100, 2), Quantity(size / 1e5, 6), sides[maker], TradeId(str(row)), ts, ts
        )
        for row, (ts, price, size, maker) in enumerate(np.load(path).tolist())
    ]


def run(made: list[TradeTick]) -> float:
    engine = BacktestEngine(
        BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True), risk_engine=RiskEngineConfig(bypass=True))
    )
    money = [Money(10_000_000, USDT), Money(100, BTC)]
    engine.add_venue(Venue("BINANCE"), OmsType.NETTING, AccountType.CASH, money, trade_execution=True)
    engine.add_instrument(INSTRUMENT)
    engine.add_data(made)
    strategy = Nothing()
    engine.add_strategy(strategy)
    gc.collect()
    began = time.process_time()
    engine.run()
    took = time.process_time() - began
    if strategy.taken != len(made):
        raise SystemExit(f"it took {strategy.taken} of {len(made)} trades")
    engine.dispose()
    return took


def main() -> None:
    made = ticks(sys.argv[1])
    print(json.dumps({"trades": len(made)}), flush=True)
    for _ in sys.stdin:
        print(json.dumps({"seconds": run(made)}), flush=True)


main()
