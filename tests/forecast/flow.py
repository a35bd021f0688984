"""Closed seconds for tests."""

from __future__ import annotations

from math import nan

import numpy as np

from trifecta.clock import NS_PER_S
from trifecta.market.events import OrderFlow

START_S = 1_700_000_040  # a whole minute


def second(end_s: int, price: float = 2400.0, *, reach: float = 0.5, **changed: object) -> OrderFlow:
    """A second that ends at `end_s`, traded `reach` around `price`; received 50 ms later."""
    fields: dict[str, object] = {
        "venue": "sim_binance",
        "symbol": "PAXGUSDT",
        "ts_event": end_s * NS_PER_S,
        "ts_recv": end_s * NS_PER_S + 50_000_000,
        "buy_volume": 2.0,
        "sell_volume": 1.0,
        "volume_imbalance": 0.25,
        "large_trades_ratio": 0.1,
        "aggressive_buy_ratio": 2 / 3,
        "aggressive_sell_ratio": 1 / 3,
        "bid_ask_spread": 1e-5,
        "order_book_imbalance": 0.1,
        "volume_weighted_price": price,
        "trade_intensity": 1.5,
        "trades": 90,
        "high": price + reach,
        "low": price - reach,
        "last_price": price,
        "bid": price - 0.01,
        "ask": price + 0.01,
        "ready": True,
        "book_valid": True,
        "complete": True,
    }
    return OrderFlow(**fields | changed)  # type: ignore[arg-type]


def silent_second(end_s: int, price: float) -> OrderFlow:
    """A second without a trade."""
    return second(end_s, price, high=nan, low=nan)


def walk_seconds(count: int, *, start_s: int = START_S, seed: int = 5, **changed: object) -> list[OrderFlow]:
    """A random walk of closed seconds, the first ending at `start_s + 1`."""
    prices = 2400 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 5e-5, count)))
    return [second(start_s + 1 + index, float(price), **changed) for index, price in enumerate(prices)]
