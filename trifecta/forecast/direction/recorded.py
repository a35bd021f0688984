"""Closed M15 bars of one instrument as the lake holds them."""

from __future__ import annotations

import duckdb
import numpy as np

from trifecta.errors import DataError
from trifecta.forecast.direction.bars import BAR_S
from trifecta.forecast.minutes import Floats
from trifecta.forecast.recorded_flow import Recorded
from trifecta.forecast.series import Series, from_bars
from warehouse.lake import Lake
from warehouse.sessions import build

TABLE = "bars"
INTERVAL = "15m"
_BARS = """
    select end_s, high, low, close from (
        select distinct on (ts_close)
            ts_close // 1000000000 as end_s,
            high / raw.tens(price_scale) as high,
            low / raw.tens(price_scale) as low,
            close / raw.tens(price_scale) as close
        from raw.bars
        where venue = $venue and symbol = $symbol and "interval" = $interval and ts_close <= $until
        order by ts_close desc, ts_recv desc
        limit $count
    )
    order by end_s
"""
_INSTRUMENTS = """
    select distinct venue, symbol from raw.bars where "interval" = $interval order by venue, symbol
"""
_SPREAD = """
    select median((ask - bid) / bid)
    from raw.quotes
    where venue = $venue and symbol = $symbol and bid > 0 and ask >= bid
"""
_MOST = 200_000  # bars: more than five years


def newest(connection: duckdb.DuckDBPyConnection, venue: str, symbol: str, until_ns: int, count: int) -> Floats:
    """Ends in s, highs, lows and closes of the `count` newest bars that had closed at `until_ns`; float64 (4, bars)."""
    asked = {"venue": venue, "symbol": symbol, "interval": INTERVAL, "until": until_ns, "count": count}
    columns = connection.execute(_BARS, asked).fetchnumpy()
    return np.stack([np.asarray(column, np.float64) for column in columns.values()])


def read(lake: Lake, venue: str, symbol: str, *, version: int | None = None, until_ns: int = 2**62) -> Recorded:
    """The M15 bars that the table holds of the instrument, with the median of its recorded spreads.

    Args:
        version: of the table; by default the newest.
        until_ns: bars that had closed then count.

    Raises:
        DataError: the table holds nothing of it.
    """
    at, files = lake.snapshot(TABLE, version)
    with duckdb.connect() as connection:
        build(connection, {TABLE: files, "quotes": lake.files("quotes")}, ())
        ends_s, *prices = newest(connection, venue, symbol, until_ns, _MOST)
        spread = connection.execute(_SPREAD, {"venue": venue, "symbol": symbol}).fetchone()
    if not len(ends_s):
        raise DataError(
            f"the lake holds no M15 bars of {venue} {symbol} (table {TABLE}, version {at}): record or import them, or "
            "correct the names"
        )
    paid = {} if spread is None or spread[0] is None else {"bid_ask_spread": np.full(len(ends_s), float(spread[0]))}
    return Recorded(series(venue, symbol, ends_s, np.stack(prices, axis=1), paid), TABLE, at)


def series(venue: str, symbol: str, ends_s: Floats, prices: Floats, paid: dict[str, Floats]) -> Series:
    """Bars as a series; prices are high, low and close, float64 (bars, 3)."""
    return from_bars(venue, symbol, ends_s.astype(np.int64), prices, BAR_S, paid)


def instruments(lake: Lake) -> list[tuple[str, str]]:
    """Venue and symbol of every instrument that the lake has M15 bars of."""
    with duckdb.connect() as connection:
        build(connection, {TABLE: lake.files(TABLE)}, ())
        rows = connection.execute(_INSTRUMENTS, {"interval": INTERVAL}).fetchall()
    return [(str(venue), str(symbol)) for venue, symbol in rows]


def venue_of(lake: Lake, symbol: str) -> str:
    """The one venue that the lake has M15 bars of this symbol from.

    Raises:
        DataError: there is none, or there are several.
    """
    found = [venue for venue, one in instruments(lake) if one == symbol]
    if not found:
        raise DataError(f"the lake holds no M15 bars of {symbol} (table {TABLE}): record or import them")
    if len(found) > 1:
        raise DataError(f"the lake holds M15 bars of {symbol} from {', '.join(found)}: tell which with --venue")
    return found[0]
