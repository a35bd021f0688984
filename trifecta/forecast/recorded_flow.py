"""Order flow of one instrument as the lake holds it, at one version of its table that can be read again.

Recorded and replayed markets have it second by second. Of imported trades it is computed here, by the same code and
without what only a book tells.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import numpy as np

from trifecta.clock import NS_PER_S
from trifecta.errors import DataError
from trifecta.features.history import of_trades
from trifecta.forecast.inputs import SECOND
from trifecta.forecast.minutes import Floats, Times
from trifecta.forecast.series import Series, from_seconds
from warehouse.lake import Lake
from warehouse.sessions import build

TABLE, TRADES = "orderflow_1s", "trades"
HISTORY_DAYS = 14
"""Two weeks of seconds are 1.2 million rows; training on them holds about 2.5 GB (1.7 GB measured for one week)."""
_HISTORY_NS = HISTORY_DAYS * 86_400 * NS_PER_S

_SECONDS = f"""
    with asked as (from raw.{TABLE} where venue = $venue and symbol = $symbol)
    select ts_event // 1000000000 as end_s, {", ".join(SECOND)}
    from asked
    where complete and ts_event > $since_ns and ts_event > (select max(ts_event) from asked) - {_HISTORY_NS}
    order by ts_recv
"""  # noqa: S608 - our own column names


@dataclass(frozen=True)
class Recorded:
    """A series and where it was read: `version` is that of the Delta table."""

    series: Series
    table: str
    version: int


def read(
    lake: Lake,
    venue: str,
    symbol: str,
    step_s: int,
    *,
    table: str = "",
    version: int | None = None,
    since_ns: int = 0,
) -> Recorded:
    """The last `HISTORY_DAYS` that the lake holds of the instrument; seconds that lack trades are left out, as gaps.

    Args:
        table: `orderflow_1s` or `trades`; by default the first of them that holds something of it.
        version: of the table; by default the newest.
        since_ns: seconds that end later count.

    Raises:
        DataError: the lake holds nothing of it.
    """
    tables = (table,) if table else (TABLE, TRADES)
    for name in tables:
        at, files = lake.snapshot(name, version)
        ends_s, rows = (_seconds if name == TABLE else _of_trades)(files, venue, symbol, since_ns)
        if len(ends_s):
            return Recorded(from_seconds(venue, symbol, ends_s, rows, step_s), name, at)
    raise DataError(
        f"the lake holds no order flow of {venue} {symbol} ({' and '.join(tables)} have none): record or replay it, "
        "import its trades, or correct the names"
    )


def _seconds(files: list[str], venue: str, symbol: str, since_ns: int) -> tuple[Times, Floats]:
    with duckdb.connect() as connection:
        build(connection, {TABLE: files}, ())
        asked = {"venue": venue, "symbol": symbol, "since_ns": since_ns}
        columns = connection.execute(_SECONDS, asked).fetchnumpy()
    ends_s = np.asarray(columns.pop("end_s"), np.int64)
    rows = [np.ma.filled(columns[name].astype(np.float64), np.nan) for name in SECOND]
    return ends_s, np.stack(rows, axis=1)


def _of_trades(files: list[str], venue: str, symbol: str, since_ns: int) -> tuple[Times, Floats]:
    with duckdb.connect() as connection:
        build(connection, {TRADES: files}, ())
        rows = of_trades(connection, venue, symbol, since_ns, _HISTORY_NS)
    rows = rows[rows["complete"] & (rows["ts_event"] > since_ns)]
    return rows["ts_event"] // NS_PER_S, np.stack([rows[name].astype(np.float64) for name in SECOND], axis=1)
