"""A lake of many generated trades, as some days of recording leave it: whole days, and fresh small files behind them.

Nothing here is a market: prices walk at random. What counts is how many rows there are and how they lie.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from trifecta.clock import NS_PER_S
from warehouse import TABLES, Lake

VENUE = "sim_binance"
SYMBOLS = {"PAXGUSDT": 2_430.0, "BTCUSDT": 61_000.0, "ETHUSDT": 2_600.0, "SOLUSDT": 150.0}
DAY_S = 86_400
FRESH_S = 300
FRESH_COMMIT_S = 5
"""The newest minutes lie as the recorder commits them, one file each few seconds; compaction has had the rest."""
DEPTH_S = 3_600
LEVELS = 20
Rows = Mapping[str, Any]


def fill(lake: Lake, *, trades: int, days: int, now_s: int) -> int:
    """Writes `trades` trades, and each second of their order flow, over the days before now; returns rows written.

    Args:
        now_s: seconds since 1970 of the newest row.
    """
    lake.create_all()
    random, written = np.random.default_rng(7), 0
    begin_s = now_s - days * DAY_S
    for symbol, price in SYMBOLS.items():
        walk = price * np.exp(np.cumsum(random.normal(0, 2e-5, days * DAY_S)))
        rate = trades / len(SYMBOLS) / (days * DAY_S)
        for first in _slices(begin_s, now_s):
            part = walk[first[0] - begin_s : first[1] - begin_s]
            written += _append(lake, "trades", symbol, first, _trades(random, first[0], part, rate))
            written += _append(lake, "orderflow_1s", symbol, first, _seconds(random, first[0], part, rate))
            if first[0] >= now_s - DEPTH_S:
                written += _append(lake, "book_top", symbol, first, _books(random, first[0], part))
        written += _append(lake, "predictions", symbol, (begin_s, now_s), _predictions(begin_s, walk))
    return written


def _slices(begin_s: int, now_s: int) -> list[tuple[int, int]]:
    """Midnights apart, then an hour alone, then what the recorder committed lately."""
    midnights = range(begin_s - begin_s % DAY_S + DAY_S, now_s - DEPTH_S, DAY_S)
    lately = range(now_s - FRESH_S, now_s + 1, FRESH_COMMIT_S)
    cuts = sorted({begin_s, *midnights, now_s - DEPTH_S, *lately})
    return list(pairwise(cuts))


def _append(lake: Lake, name: str, symbol: str, span: tuple[int, int], columns: Rows) -> int:
    table, count = TABLES[name], len(columns["ts_recv"])
    days = (np.asarray(columns["ts_recv"]) // (DAY_S * NS_PER_S)).astype("datetime64[D]")
    given = {"venue": [VENUE] * count, "symbol": [symbol] * count, "date": days, **columns}
    rows = pa.table({column.name: pa.array(given[column.name], column.type) for column in table.schema}, table.schema)
    return lake.append(name, rows, writer=f"bench-{symbol}", version=span[1])


def _trades(random: np.random.Generator, first_s: int, walk: npt.NDArray[np.float64], rate: float) -> Rows:
    count = max(round(rate * len(walk)), 1)
    at_ms = np.sort(random.integers(first_s * 1000, (first_s + len(walk)) * 1000, count))
    price = walk[at_ms // 1000 - first_s]
    return {
        "trade_id": first_s * 1000 + np.arange(count), "trade_count": np.ones(count, np.int32), "ts_event": at_ms,
        "time_scale": np.full(count, 3, np.int8),
        "ts_recv": at_ms * 1_000_000 + random.integers(10**6, 9 * 10**7, count),
        "price": np.round(price * 100).astype(np.int64), "qty": 1 + random.exponential(1e5, count).astype(np.int64),
        "price_scale": np.full(count, 2, np.int8), "qty_scale": np.full(count, 5, np.int8),
        "side": random.choice(np.array([-1, 1], np.int8), count),
    }  # fmt: skip


def _seconds(random: np.random.Generator, first_s: int, walk: npt.NDArray[np.float64], rate: float) -> Rows:
    count = len(walk)
    ends = (first_s + 1 + np.arange(count)) * NS_PER_S
    names = ("buy_volume", "sell_volume", "large_trades_ratio", "aggressive_buy_ratio", "aggressive_sell_ratio")
    true = np.ones(count, np.bool_)
    return {
        **{name: random.random(count) for name in names},
        "ts_event": ends, "ts_recv": ends + 20_000_000, "volume_imbalance": random.uniform(-1, 1, count),
        "order_book_imbalance": random.uniform(-1, 1, count), "bid_ask_spread": np.full(count, 1e-5),
        "volume_weighted_price": walk, "trade_intensity": np.full(count, rate),
        "trades": np.full(count, round(60 * rate), np.int32), "high": walk * (1 + 1e-5), "low": walk * (1 - 1e-5),
        "last_price": walk, "bid": walk * (1 - 5e-6), "ask": walk * (1 + 5e-6), "ready": true, "book_valid": true,
        "complete": true,
    }  # fmt: skip


def _books(random: np.random.Generator, first_s: int, walk: npt.NDArray[np.float64]) -> Rows:
    count = len(walk)
    ends = (first_s + 1 + np.arange(count)) * NS_PER_S
    ticks = np.round(walk * 100).astype(np.int64)[:, None]
    steps = np.arange(1, LEVELS + 1)
    return {
        "ts_event": ends, "ts_recv": ends + 20_000_000, "update_id": ends, "valid": np.ones(count, np.bool_),
        "bid_price": list(ticks - steps), "ask_price": list(ticks + steps),
        "bid_qty": list(random.integers(1, 10**6, (count, LEVELS))),
        "ask_qty": list(random.integers(1, 10**6, (count, LEVELS))),
        "price_scale": np.full(count, 2, np.int8), "qty_scale": np.full(count, 5, np.int8),
    }  # fmt: skip


def _predictions(first_s: int, walk: npt.NDArray[np.float64]) -> Rows:
    """One a minute, of the newest day."""
    minutes = np.arange(max(len(walk) - DAY_S, 0) // 60 + 1, len(walk) // 60)
    made, count = (first_s + 60 * minutes) * NS_PER_S, len(minutes)
    return {
        "ts_event": made, "ts_recv": made + 30_000_000, "horizon_s": np.full(count, 300, np.int32),
        "log_range": np.full(count, 8e-4), "log_range_low": np.full(count, 3e-4), "coverage": np.full(count, 0.9),
        "log_range_high": np.full(count, 1.6e-3), "price": walk[60 * minutes], "source": ["baseline"] * count,
        "method": ["ewma"] * count,
    }  # fmt: skip
