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

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from trifecta.capture.importers import import_file
from trifecta.clock import NS_PER_S
from trifecta.errors import DataError
from trifecta.forecast.minutes import Floats, Times
from trifecta.forecast.recorded_flow import read
from trifecta.forecast.series import Series, from_bars
from warehouse.lake import Lake

MINUTE_S, QUARTER_S = 60, 900
_MAJORS = (
    ("EUR", "USD"), ("GBP", "USD"), ("USD", "JPY"), ("USD", "CHF"), ("AUD", "USD"), ("USD", "CAD"), ("NZD", "USD"),
)  # fmt: skip


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
    with TemporaryDirectory() as made:
        lake = Lake(made)
        import_file(path, lake=lake)
        return (read(lake, "binance", "XRPETH", MINUTE_S).series,)


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
