"""What the lake already holds of an instrument, so that a file that overlaps another adds nothing twice."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from trifecta.capture.importers.checks import covered
from trifecta.capture.importers.rows import Ints
from warehouse.lake import Lake
from warehouse.sessions import refresh, session

# Ids that a row of each table takes up, first and last; those of bars are its time.
_SPANS = {
    "trades": ("trade_id", "trade_id + trade_count - 1", "true"),
    "quotes": ("update_id", "update_id", "true"),
    "bars": ("ts_open", "ts_close - 1", "interval = $interval"),
}


class OpenGap(NamedTuple):
    """A gap of the lake that is not filled."""

    stream: str
    first_id: int
    last_id: int
    ts_from: int
    ts_to: int


class Held:
    """Answers for one table, source and symbol, as of the lake's newest commit."""

    def __init__(self, lake: Lake, table: str, source: str, symbol: str, interval: str) -> None:
        self._lake = lake
        self._connection = session(lake)
        self._of = {"source": source, "symbol": symbol}
        first, last, also = _SPANS[table]
        self._bound = {**self._of, "interval": interval} if table == "bars" else self._of
        where = f"venue = $source and symbol = $symbol and {also}"
        self._spans = (
            f"select distinct {first}, {last} from raw.{table} "  # noqa: S608 - our own names
            f"where {where} and {first} <= $high and {last} >= $low order by 1"
        )

    def count(self, first: Ints, last: Ints) -> Ints:
        """How many ids of each span [first, last], in order of `first`, the lake holds."""
        if not len(first):
            return first
        refresh(self._connection, self._lake)
        bound = {**self._bound, "low": int(first[0]), "high": int(last.max())}
        found = self._connection.execute(self._spans, bound).fetchnumpy()
        held_first, held_last = (np.asarray(column, np.int64) for column in found.values())
        return covered(held_first, held_last, first, last)

    def open_gaps(self, stream: str) -> list[OpenGap]:
        """Gaps of a stream that are open or lost."""
        refresh(self._connection, self._lake)
        rows = self._connection.execute(
            "select stream, first_id, last_id, epoch_ns(ts_from), epoch_ns(ts_to) from gaps "
            "where venue = $source and symbol = $symbol and stream = $stream and status <> 'filled' order by first_id",
            {**self._of, "stream": stream},
        ).fetchall()
        return [OpenGap(*row) for row in rows]

    def close(self) -> None:
        self._connection.close()
