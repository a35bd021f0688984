"""Recorded markets that networks are judged on, by name: files of a folder, read in place, as series of steps.

What a source does not give stays unknown: bars tell taker volume but no sizes of trades and no book, quotes no trades.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from trifecta.capture.importers import import_file
from trifecta.clock import NS_PER_S
from trifecta.errors import DataError
from trifecta.features.orderflow import FLOW, OrderFlowWindow
from trifecta.forecast.inputs import SECOND
from trifecta.forecast.minutes import Floats, Times
from trifecta.forecast.series import Series, from_bars, from_seconds
from trifecta.market.events import TOP, TRADE, Seconds
from trifecta.market.instruments import Instrument
from warehouse.lake import Lake
from warehouse.sessions import build

MINUTE_S, QUARTER_S = 60, 900
_BLOCK = 20_000
_MAJORS = (
    ("EUR", "USD"), ("GBP", "USD"), ("USD", "JPY"), ("USD", "CHF"), ("AUD", "USD"), ("USD", "CAD"), ("NZD", "USD"),
)  # fmt: skip
_TRADES = """
    select ts_recv, ts_event * (10 ** (9 - time_scale))::bigint as ts_event, trade_id, trade_count as count,
        price, qty, side, price_scale, qty_scale
    from raw.trades order by trade_id
"""


@dataclass(frozen=True)
class Recording:
    """A data set by name. `horizons_s` are those that its steps allow."""

    name: str
    doc: str
    horizons_s: tuple[int, ...]
    read: Callable[[Path], tuple[Series, ...]]


def series_of(recording: Recording, folder: Path) -> tuple[Series, ...]:
    """What the recording holds.

    Raises:
        DataError: a file is missing or not what it should be.
    """
    try:
        return recording.read(folder)
    except (OSError, KeyError, pa.ArrowInvalid) as error:
        raise DataError(
            f"{recording.name} ({recording.doc}) cannot be read below {folder}: {error}; say --folder with the folder "
            "that holds the recordings"
        ) from error


def _xrpeth(folder: Path) -> tuple[Series, ...]:
    path = folder / "binance_trades_freqtrade" / "XRP_OLD-trades.json.gz"
    with TemporaryDirectory() as made, duckdb.connect() as connection:
        lake = Lake(made)
        import_file(path, lake=lake)
        build(connection, {"trades": lake.files("trades")}, ())
        columns = connection.execute(_TRADES).fetchnumpy()
    instrument = Instrument("binance", "XRPETH", int(columns["price_scale"][0]), int(columns["qty_scale"][0]))
    trades = np.zeros(len(columns["price"]), TRADE)
    for name in set(TRADE.names or ()) - {"position"}:
        trades[name] = columns[name]
    rows = flow_of_trades(instrument, trades)
    seconds = np.stack([rows[name] for name in SECOND], axis=1).astype(np.float64)
    return (from_seconds("binance", "XRPETH", rows["ts_event"] // NS_PER_S, seconds, MINUTE_S),)


def flow_of_trades(instrument: Instrument, trades: np.ndarray) -> np.ndarray:
    """FLOW rows of every second from the first trade to the last, without a book; TRADE rows in the venue's order."""
    second = trades["ts_event"] // NS_PER_S
    first, last = int(second[0]) + 1, int(second[-1])
    # A second closes before the first trade behind it, and trades keep the order of their ids.
    behind = np.maximum.accumulate(second)
    trades = trades.copy()
    trades["position"] = np.arange(len(trades))
    window = OrderFlowWindow(instrument, first * NS_PER_S)
    parts, done = [np.empty(0, FLOW)], 0
    for start in range(first, last + 1, _BLOCK):
        ends = np.arange(start, min(start + _BLOCK, last + 1))
        positions = np.searchsorted(behind, ends)
        until = int(positions[-1])
        closes = Seconds(positions, ends * NS_PER_S, ends * NS_PER_S, int(ends[-1] + 1) * NS_PER_S)
        tops, whole = np.zeros(len(ends), TOP), np.ones(len(ends), np.bool_)
        parts.append(window.advance(trades[done:until], closes, tops, whole))
        done = until
    return np.concatenate(parts)


def _iaqf_1m(folder: Path) -> tuple[Series, ...]:
    below = folder / "no_license_file" / "iaqf_1m"
    return (
        _binance_bars(below / "binance_btcusdt.parquet", "BTCUSDT"),
        _binance_bars(below / "binance_btcusdc.parquet", "BTCUSDC"),
        _bybit_bars(below / "nl2992_bybit_btcusdc_1min.parquet", "BTCUSDC"),
    )


def _binance_bars(path: Path, symbol: str) -> Series:
    """Bars of Binance US with all of a kline's fields; empty minutes repeat the last price with no volume."""
    table, columns = _parquet(path)
    bought, volume, quote = columns["taker_buy_base"], columns["volume"], columns["quote_volume"]
    with np.errstate(invalid="ignore", divide="ignore"):
        average = np.log(quote / volume / columns["close"])
    flow = {
        "buy_volume": bought,
        "sell_volume": volume - bought,
        "volume_weighted_price": average,
        "trade_intensity": columns["trades"] / MINUTE_S,
    }
    ends_s = _opened_s(table["timestamp"]) + MINUTE_S
    return from_bars("binance_us", symbol, ends_s, _prices(columns), MINUTE_S, flow)


def _bybit_bars(path: Path, symbol: str) -> Series:
    table, columns = _parquet(path)
    flow = {
        "buy_volume": columns["buy_vol"],
        "sell_volume": columns["sell_vol"],
        "trade_intensity": columns["n_trades"] / MINUTE_S,
    }
    return from_bars("bybit", symbol, _opened_s(table["dt"]) + MINUTE_S, _prices(columns), MINUTE_S, flow)


def _m15(folder: Path) -> tuple[Series, ...]:
    below = folder / "no_license_file" / "fx_m15_bidask_oanda"
    return tuple(_quoted_bars(below / f"{base}_{quote}_M15.parquet", base + quote) for base, quote in _MAJORS)


def _quoted_bars(path: Path, pair: str) -> Series:
    """Bars of the middle of bid and ask, with the spread at their close."""
    table, columns = _parquet(path)
    flow = {"bid_ask_spread": (columns["ask_c"] - columns["bid_c"]) / columns["bid_c"]}
    prices = np.stack([columns[name] for name in ("mid_h", "mid_l", "mid_c")], axis=1)
    return from_bars("oanda", pair, _opened_s(table["time"]) + QUARTER_S, prices, QUARTER_S, flow)


def _m15_bid(folder: Path) -> tuple[Series, ...]:
    below = folder / "no_license_file" / "fx_m15_bid"
    return tuple(_one_sided_bars(below / f"{base}{quote}_M15.csv.gz", base + quote) for base, quote in _MAJORS)


def _one_sided_bars(path: Path, symbol: str) -> Series:
    with gzip.open(path, "rt", newline="") as file:
        rows = np.array(list(_csv_rows(file)), np.float64)
    ends_s = rows[:, 0].astype(np.int64) + QUARTER_S
    return from_bars("dukascopy", symbol, ends_s, rows[:, 1:], QUARTER_S)


def _csv_rows(lines: Iterator[str]) -> Iterator[tuple[float, float, float, float]]:
    for row in csv.DictReader(lines):
        opened = datetime.fromisoformat(row["time_utc"]).timestamp()
        yield opened, float(row["high"]), float(row["low"]), float(row["close"])


def _parquet(path: Path) -> tuple[pa.Table, dict[str, Floats]]:
    """The table and its columns as numbers, some of which are stored as texts."""
    table = pq.read_table(path)
    return table, {
        field.name: table[field.name].cast(pa.float64()).to_numpy()
        for field in table.schema
        if not pa.types.is_timestamp(field.type)
    }


def _opened_s(column: pa.ChunkedArray) -> Times:
    return np.asarray(column.cast(pa.timestamp("ns", "UTC")).cast(pa.int64()).to_numpy() // NS_PER_S, np.int64)


def _prices(columns: Mapping[str, Floats]) -> Floats:
    return np.stack([columns[name] for name in ("high", "low", "close")], axis=1)


RECORDINGS: Mapping[str, Recording] = {
    recording.name: recording
    for recording in (
        Recording("xrpeth", "XRP/ETH trades of Binance, 59 h, no book", (300, 900, 3600), _xrpeth),
        Recording("iaqf_1m", "BTC minutes with taker volume, Binance US and Bybit, 9 days", (300, 900, 3600), _iaqf_1m),
        Recording("m15", "seven FX majors, 15 minutes, bid and ask, 4 weeks", (900, 3600), _m15),
        Recording("m15_bid", "seven FX majors, 15 minutes, one side, 28 weeks", (900, 3600), _m15_bid),
    )
}
