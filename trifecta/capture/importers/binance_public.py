"""The files of data.binance.vision: CSV in a zip, with a header or without, times in ms, in us for spot since 2025.

    BTCUSDT-trades-2024-08-08.csv      spot     id,price,qty,quote_qty,time,is_buyer_maker,is_best_match
                                       futures  id,price,qty,quote_qty,time,is_buyer_maker
    BTCUSDT-aggTrades-2024-08-08.csv   spot     agg_id,price,qty,first_id,last_id,time,is_buyer_maker,is_best_match
                                       futures  agg_id,price,qty,first_id,last_id,time,is_buyer_maker
    BTCUSDT-bookTicker-2024-03-01.csv  futures  update_id,bid,bid_qty,ask,ask_qty,transaction_time,event_time
    BTCUSDT-1m-2024-08-08.csv          both     open_time,open,high,low,close,volume,close_time,quote_volume,count,
                                                taker_buy_volume,taker_buy_quote_volume,ignore

Layouts: https://github.com/binance/binance-public-data. A file of bars does not say its market: spot is assumed.
"""

from __future__ import annotations

import re
from collections import Counter

from trifecta.capture.importers.files import Head
from trifecta.capture.importers.formats import BARS, QUOTES, TRADES, csv_format, data_lines
from trifecta.capture.importers.rows import Columns, Kind
from trifecta.errors import DataError

_NAME = re.compile(r"^([A-Z0-9]{3,}(?:_[A-Z0-9]+)?)-(?:trades|aggTrades|bookTicker|\d+(?:mo|[smhdw]))-\d{4}")
_MINUTE_MS = 60_000
_INTERVALS_MS = {
    1_000: "1s",
    **{minutes * _MINUTE_MS: f"{minutes}m" for minutes in (1, 3, 5, 15, 30)},
    **{hours * 60 * _MINUTE_MS: f"{hours}h" for hours in (1, 2, 4, 6, 8, 12)},
    **{days * 1440 * _MINUTE_MS: name for days, name in ((1, "1d"), (3, "3d"), (7, "1w"))},
    **{days * 1440 * _MINUTE_MS: "1M" for days in (28, 29, 30, 31)},
}


def symbol_of_name(head: Head) -> str | None:
    """The symbol that a file of this archive is named after."""
    found = _NAME.match(head.name)
    return found[1] if found else None


def interval(head: Head) -> str:
    """The interval that most bars span: "1m", "1h", ...

    Raises:
        DataError: none that Binance has.
    """
    spans: Counter[int] = Counter()
    for line in data_lines(head):
        fields = line.split(b",")
        if len(fields) == len(_KLINE) and fields[0].isdigit() and fields[6].isdigit():
            per_ms = 1 if int(fields[0]) < 9 * 10**12 else 1000
            spans[(int(fields[6]) + 1 - int(fields[0])) // per_ms] += 1
    span_ms = spans.most_common(1)[0][0] if spans else 0
    if span_ms not in _INTERVALS_MS:
        raise DataError(f"{head.name}: bars span {span_ms} ms, expected one of {sorted(set(_INTERVALS_MS.values()))}")
    return _INTERVALS_MS[span_ms]


_FUTURES_TRADE: Columns = {
    "id": Kind.ID,
    "price": Kind.NUMBER,
    "qty": Kind.NUMBER,
    "quote_qty": Kind.UNUSED,
    "time": Kind.TIME,
    "maker": Kind.FLAG,
}
_SPOT_TRADE: Columns = {**_FUTURES_TRADE, "best_match": Kind.FLAG}
_FUTURES_AGGREGATE: Columns = {
    "aggregate_id": Kind.ID,
    "price": Kind.NUMBER,
    "qty": Kind.NUMBER,
    "first_id": Kind.ID,
    "last_id": Kind.ID,
    "time": Kind.TIME,
    "maker": Kind.FLAG,
}
_SPOT_AGGREGATE: Columns = {**_FUTURES_AGGREGATE, "best_match": Kind.FLAG}
_BOOK_TICKER: Columns = {
    "id": Kind.ID,
    "bid": Kind.NUMBER,
    "bid_qty": Kind.NUMBER,
    "ask": Kind.NUMBER,
    "ask_qty": Kind.NUMBER,
    "time": Kind.TIME,
    "event_time": Kind.TIME,
}
_KLINE: Columns = {
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
    "taker_buy_quote_volume": Kind.UNUSED,
    "ignored": Kind.UNUSED,
}

SPOT_TRADES = csv_format(
    "binance_public_spot_trades",
    "spot trades of data.binance.vision (CSV or zip, 7 columns)",
    "binance",
    TRADES,
    _SPOT_TRADE,
    symbol_of_name,
)
FUTURES_TRADES = csv_format(
    "binance_public_futures_trades",
    "futures trades of data.binance.vision (CSV or zip, 6 columns)",
    "binance_usdm",
    TRADES,
    _FUTURES_TRADE,
    symbol_of_name,
)
SPOT_AGGREGATES = csv_format(
    "binance_public_spot_aggtrades",
    "spot aggTrades of data.binance.vision (CSV or zip, 8 columns)",
    "binance",
    TRADES,
    _SPOT_AGGREGATE,
    symbol_of_name,
)
FUTURES_AGGREGATES = csv_format(
    "binance_public_futures_aggtrades",
    "futures aggTrades of data.binance.vision (CSV or zip, 7 columns)",
    "binance_usdm",
    TRADES,
    _FUTURES_AGGREGATE,
    symbol_of_name,
)
BOOK_TICKER = csv_format(
    "binance_public_bookticker",
    "futures bookTicker of data.binance.vision (CSV or zip, 7 columns)",
    "binance_usdm",
    QUOTES,
    _BOOK_TICKER,
    symbol_of_name,
)
KLINES = csv_format(
    "binance_public_klines",
    "klines of data.binance.vision (CSV or zip, 12 columns; futures: name the venue)",
    "binance",
    BARS,
    _KLINE,
    symbol_of_name,
    interval=interval,
)
