"""The recorder's side of the lake: rows in, and what an earlier run left there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import duckdb
import numpy as np
import numpy.typing as npt

from trifecta.capture import rows as row_builders
from trifecta.capture.commit import commit
from trifecta.capture.pipeline import Rows
from trifecta.clock import NS_PER_S
from trifecta.market.events import GapStatus
from trifecta.market.quarantine import Gap
from warehouse.lake import NEVER, Lake

MARK_S = 60.0
REMEMBERED_BARS_S = 2 * 86_400  # bars that a restart asks for again
REMEMBERED_TRADES_DAYS = 7  # how long a silence between two trades of a symbol may be

# Read straight from the files and in one thread: a `warehouse.session` with all its views costs 50 MB more, for good.
_READ = "read_parquet(?, hive_partitioning = true, hive_types = {venue: varchar, symbol: varchar, date: date})"
_OPEN_GAPS = f"""
select symbol, stream, first_id, last_id, ts_from, ts_to, ts_recv, reason from {_READ} where venue = ?
qualify row_number() over (partition by symbol, gap_id order by ts_recv desc, status = 'open') = 1 and status = 'open'
"""  # noqa: S608  our own text
_ARRIVED = f"""
select trade_id, trade_count from {_READ} where venue = ? and symbol = ? and trade_id between ? and ?
"""  # noqa: S608
_BARS = f"""
select symbol, ts_open from {_READ} where venue = ? and "interval" = '1m' and ts_open >= ?
"""  # noqa: S608
_LAST_TRADES = f"""
select symbol, max(trade_id + trade_count - 1), max(ts_event * (10 ** (9 - time_scale))::bigint) from {_READ}
where venue = ? and ts_recv < ? and date >= make_timestamp_ns(?)::date - ?::integer group by symbol
"""  # noqa: S608


class Unfinished(NamedTuple):
    """A gap that the lake holds as open, and the ids of it that arrived meanwhile."""

    gap: Gap
    arrived: npt.NDArray[np.int64]


class Sink:
    """Commits one source's rows. Belongs to one thread at a time.

    `gaps` is the last table of every commit, and its version tells from which frame a restart goes on: each other
    table is there up to that frame. Without any gap to write it is marked every `MARK_S`.
    """

    def __init__(self, lake: Lake, source: str) -> None:
        self._lake = lake
        self._source = source
        self._marked_s = -MARK_S

    @property
    def next_position(self) -> int:
        """The first frame that is not known to be committed in every table."""
        return self._lake.version("gaps", self._source) + 1

    @property
    def last_position(self) -> int:
        """The last frame that any table holds something of; -1 for an empty lake."""
        return max(self._lake.version(name, self._source) for name in (*row_builders.BUILDERS, "gaps", "quarantine"))

    def commit(self, rows: Rows, now_s: float, *, mark: bool = False) -> int:
        """Commits what is not there yet; returns how many rows.

        Args:
            now_s: monotonic seconds.
            mark: whether the last frame is remembered even if no gap is to be written.
        """
        written = commit(self._lake, rows, self._source)
        if "gaps" in rows.tables or (rows.last_position != NEVER and (mark or now_s - self._marked_s >= MARK_S)):
            nothing = row_builders.gaps(self._source, [])
            self._lake.append("gaps", nothing, writer=self._source, version=rows.last_position)
            self._marked_s = now_s
        return written

    def unfinished(self) -> list[Unfinished]:
        """Gaps that are still open."""
        found = []
        for symbol, stream, first_id, last_id, ts_from, ts_to, ts_recv, reason in self._ask("gaps", _OPEN_GAPS):
            gap = Gap(NEVER, ts_recv, symbol, stream, GapStatus.OPEN, first_id, last_id, ts_from, ts_to, reason)
            arrived = self._ask("trades", _ARRIVED, symbol, first_id, last_id)
            ids = [trade_id + offset for trade_id, count in arrived for offset in range(count)]
            found.append(Unfinished(gap, np.array(ids, np.int64)))
        return found

    def bar_opens(self, now_ns: int) -> dict[str, npt.NDArray[np.int64]]:
        """Start times (ns) of the bars of the last two days, by symbol."""
        return _grouped(self._ask("bars", _BARS, now_ns - REMEMBERED_BARS_S * NS_PER_S))

    def last_trades(self, before_ns: int) -> list[tuple[str, int, int]]:
        """(symbol, id, event time ns) of the last trades received before a moment, if not more than a week before."""
        return self._ask("trades", _LAST_TRADES, before_ns, before_ns, REMEMBERED_TRADES_DAYS)

    def _ask(self, table: str, sql: str, *values: object) -> list[Any]:
        """Rows of one table that are this source's."""
        files = self._lake.files(table)
        if not files:
            return []
        with duckdb.connect(config={"threads": 1}) as connection:
            return connection.execute(sql, [files, self._source, *values]).fetchall()


def _grouped(pairs: Iterable[tuple[str, int]]) -> dict[str, npt.NDArray[np.int64]]:
    by_symbol: dict[str, list[int]] = {}
    for symbol, value in pairs:
        by_symbol.setdefault(symbol, []).append(value)
    return {symbol: np.array(values, np.int64) for symbol, values in by_symbol.items()}
