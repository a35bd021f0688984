"""Bars of one minute of any venue, as `parquet.py` writes them out."""

from __future__ import annotations

from trifecta.capture.importers.formats import BARS, csv_format
from trifecta.capture.importers.rows import Columns, Kind

_COLUMNS: Columns = {
    "open_time": Kind.TIME,
    "open": Kind.NUMBER,
    "high": Kind.NUMBER,
    "low": Kind.NUMBER,
    "close": Kind.NUMBER,
    "volume": Kind.NUMBER,
    "close_time": Kind.TIME,
    "quote_volume": Kind.NUMBER,
    "trades": Kind.ID,
    "taker_buy_volume": Kind.NUMBER,
}

MINUTE_BARS = csv_format(
    "parquet_minute_bars",
    "bars of one minute in Parquet, of any venue: name venue and symbol",
    "unknown",
    BARS,
    _COLUMNS,
    lambda head: None,
    interval=lambda head: "1m",
)
