"""Any number of trades made of the recorded ones.

Tiled for computing: the recorded trades again and again, each round behind the last in time, ids going on. Shuffled
in blocks for storing: a compressor must not find the round before.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tests.bench.recorded import SYMBOL, spot_frames
from trifecta.market.events import LEVELS, TOP, Seconds
from trifecta.market.instruments import Instrument
from trifecta.venues.binance import SPOT

SECOND = 1_000_000_000
BLOCK = 8  # trades that stay neighbours when shuffled


def recorded_trades() -> tuple[np.ndarray, Instrument]:
    """TRADE array of the recorded trades, 19,904 of them."""
    batches, instruments = spot_frames()
    return np.concatenate([SPOT.decode(b, instruments).symbols[SYMBOL].trades for b in batches]), instruments[SYMBOL]


def tiles(trades: np.ndarray, total: int, per_batch: int) -> Iterator[np.ndarray]:
    """`total` TRADE rows, `per_batch` of the recorded market's rounds at a time; positions count on."""
    span = (int(np.ptp(trades["ts_event"])) // SECOND + 1) * SECOND
    whole, done = np.tile(trades, per_batch), 0
    turn = np.repeat(np.arange(per_batch), len(trades))
    while done < total:
        batch = whole[: total - done].copy()
        shift = (done // len(trades) + turn[: len(batch)]) * span
        batch["ts_event"] += shift
        batch["ts_recv"] += shift
        batch["position"] = done + np.arange(len(batch))
        batch["trade_id"] = trades["trade_id"][0] + batch["position"]
        done += len(batch)
        yield batch


def closes(trades: np.ndarray, open_end: int) -> Seconds:
    """The seconds that close within `trades`, each before the first trade at or behind its end."""
    last = int(trades["ts_event"][-1])
    newest = np.maximum.accumulate(trades["ts_event"])
    ends = np.arange(open_end, last + 1, SECOND)
    rows = np.searchsorted(newest, ends, "left")
    still_open = open_end + len(ends) * SECOND
    return Seconds(trades["position"][rows], ends, trades["ts_recv"][rows], still_open)


def tops(ends: np.ndarray) -> np.ndarray:
    """TOP array: a book of 20 levels a side that changes every second, the same for the same second."""
    rows = np.zeros(len(ends), TOP)
    number = ends // SECOND
    rows["valid"], rows["update_id"], rows["ts_event"] = 1, number, ends
    best = 6_000_000 + number % 1_000
    level = np.arange(LEVELS)
    rows["bid_price"], rows["ask_price"] = best[:, None] - level, best[:, None] + 1 + level
    rows["bid_qty"] = 1_000 + (number[:, None] * 7 + level * 13) % 977
    rows["ask_qty"] = 1_000 + (number[:, None] * 11 + level * 17) % 983
    return rows


def shuffled(trades: np.ndarray, total: int) -> np.ndarray:
    """`total` TRADE rows: blocks of neighbours in random order, times and prices stepping as they did."""
    starts = np.random.default_rng(7).integers(1, len(trades) - BLOCK, total // BLOCK)
    rows = (starts[:, None] + np.arange(BLOCK)).ravel()
    steps = {name: np.diff(trades[name], prepend=trades[name][0]) for name in ("ts_event", "ts_recv", "price")}
    found = trades[rows]
    for name in ("ts_event", "ts_recv"):
        found[name] = trades[name][0] + np.cumsum(np.maximum(steps[name][rows], 0))
    found["price"] = 6_000_000 + np.abs(np.cumsum(steps["price"][rows])) % 4_000_000
    found["trade_id"] = trades["trade_id"][0] + np.arange(len(rows))
    return found
