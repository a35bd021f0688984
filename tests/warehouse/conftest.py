"""A lake in a folder, rows for it, and the trades that were recorded."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pytest

from trifecta.capture import rows as capture_rows
from trifecta.market.events import TRADE
from trifecta.market.instruments import Instrument
from warehouse import TABLES, Lake

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
START = 1_723_161_240 * SECOND  # 2024-08-08 23:54:00 UTC, a whole minute

Rows = Callable[..., pa.Table]

_DEFAULTS: dict[str, Any] = {
    "venue": "binance",
    "symbol": "BTCUSDT",
    "time_scale": 9,
    "price_scale": 2,
    "qty_scale": 5,
    "trade_count": 1,
    "side": 1,
    "direction": 1,
    "probability": 0.7,
    "expiry_s": 60,
    "payout": 0.85,
    "reserve0": "1000",
    "reserve1": "2000",
    "interval": "1m",
    "stream": "trade",
    "status": "open",
    "reason": "ids were skipped",
    "source": "baseline",
    "method": "har",
    "ready": True,
    "valid": True,
    "book_valid": True,
    "complete": True,
    "simulated": True,
    "engine": "arbitrage",
    "verdict": "SKIP",
}


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


@pytest.fixture(scope="session")
def rows() -> Rows:
    """Makes rows of a table: a list is a column, anything else stands in each row, the rest has defaults."""

    def make(name: str, **given: Any) -> pa.Table:
        length = max((len(value) for value in given.values() if isinstance(value, list)), default=1)
        times = given.get("ts_recv", given.get("ts_event", START))
        given.setdefault("ts_recv", times)
        given.setdefault("date", capture_rows.dates(np.array(_column(given["ts_recv"], length))).to_pylist())
        schema = TABLES[name].schema
        columns = [
            pa.array(_column(given.get(field.name, _default(field)), length), type=field.type) for field in schema
        ]
        return pa.table(columns, schema=schema)

    return make


@pytest.fixture(scope="session")
def flow(rows: Rows) -> Rows:
    """Makes seconds of `orderflow_1s` that pass every check; `ts_event` is where each second ends."""

    def make(**given: Any) -> pa.Table:
        sound = {
            "trades": 60,
            "trade_intensity": 1.0,
            "buy_volume": 1.5,
            "sell_volume": 0.5,
            "aggressive_buy_ratio": 0.75,
            "aggressive_sell_ratio": 0.25,
            "bid": 61837.62,
            "ask": 61837.63,
            "bid_ask_spread": 1.6e-7,
            "high": 61838.0,
            "low": 61837.0,
            "last_price": 61837.63,
            "volume_weighted_price": 61837.63,
        }
        return rows("orderflow_1s", **(sound | given))

    return make


@pytest.fixture(scope="session")
def recorded_trades(recorded: Path) -> np.ndarray:
    """TRADE array of the 19,904 recorded BTCUSDT spot trades, prices at scale 2 and sizes at scale 5."""
    lines: list[bytes] = []
    for day in ("08", "09"):
        with gzip.open(recorded / "binance_raw_hftbacktest" / "spot" / f"btcusdt_202408{day}.gz") as stream:
            lines += [line for line in stream if b"@trade" in line]
    parsed = []
    for position, line in enumerate(lines):
        ts_recv, payload = line.split(b" ", 1)
        data = msgspec.json.decode(payload)["data"]
        price, qty = round(float(data["p"]) * 100), round(float(data["q"]) * 100_000)
        side = -1 if data["m"] else 1
        parsed.append((position, int(ts_recv), data["T"] * 1_000_000, data["t"], 1, price, qty, side))
    return np.array(parsed, dtype=TRADE)


@pytest.fixture(scope="session")
def recorded_rows(recorded_trades: np.ndarray) -> pa.Table:
    """The recorded trades as rows of `trades`."""
    return capture_rows.trades("binance", Instrument("binance", "BTCUSDT", 2, 5), recorded_trades)


def _column(value: Any, length: int) -> list[Any]:
    return value if isinstance(value, list) else [value] * length


def _default(field: pa.Field) -> Any:
    if field.name in _DEFAULTS:
        return _DEFAULTS[field.name]
    if pa.types.is_list(field.type):
        return [[]]
    return "" if pa.types.is_string(field.type) else 0
