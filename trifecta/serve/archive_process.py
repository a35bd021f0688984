"""The process that reads the lake for the sidecar: `python -m trifecta.serve.archive_process <lake URI>`.

Delta and Arrow take about 110 MB and DuckDB's work holds the interpreter for milliseconds at a time: neither belongs
in the process that answers the Expert Advisor. It reads questions from its standard input and ends with it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import BinaryIO

import duckdb
import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from deltalake.exceptions import DeltaError
from loguru import logger

from trifecta.capture.rows import dates
from trifecta.market.events import OrderFlow
from trifecta.serve.archive_messages import (
    ANSWERED,
    FAILED,
    LENGTH_BYTES,
    Asked,
    Failure,
    Historical,
    MinuteBars,
    Minutes,
    Save,
    Seconds,
)
from trifecta.serve.times import iso
from warehouse import TABLES, Lake, LiveSession
from warehouse.errors import WarehouseError

MEMORY = "256MB"
_TOLD = tuple(name for name in OrderFlow.__struct_fields__ if name not in {"venue", "symbol", "ts_event"})

# What the venue published, and what closed seconds tell of minutes that it did not (or not yet).
_MINUTES = """
with newest as (
    select max(ts_open) as ts_open from (
        select max(ts_open) as ts_open from raw.bars where venue = $venue and symbol = $symbol and interval = '1m'
        union all
        select max(ts_event) - 60000000000 from raw.orderflow_1s where venue = $venue and symbol = $symbol
    )
),
span as (select ts_open - $count * 60000000000 as since from newest),
published as (
    select ts_open, max(high / raw.tens(price_scale)) as high, min(low / raw.tens(price_scale)) as low
    from raw.bars, span
    where venue = $venue and symbol = $symbol and interval = '1m' and ts_open > since
    group by ts_open
),
seconds as (
    select
        (ts_event - 1) // 60000000000 * 60000000000 as ts_open,
        max(if(isnan(high), last_price, high)) as high,
        min(if(isnan(low), last_price, low)) as low
    from raw.orderflow_1s, span
    where venue = $venue and symbol = $symbol and ts_event > since and not isnan(last_price)
    group by all
    having count(distinct ts_event) = 60
)
select ts_open, high, low from seconds anti join published using (ts_open)
union all
select ts_open, high, low from published
"""

_SECONDS = """
select * exclude (date) from (
    select * from raw.orderflow_1s
    where venue = $venue and symbol = $symbol and ts_event > $after_ns and ts_event <= $until_ns
    order by ts_event desc
    limit $limit
)
order by ts_event
"""

_HISTORICAL = """
select * exclude (date) from raw.orderflow_1s
where venue = $venue and symbol = $symbol and ts_event > $from_ns and ts_event <= $to_ns
order by ts_event
limit $limit
"""


class Archive:
    """Answers questions from one lake."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._live = LiveSession(lake, memory=MEMORY, threads=1)
        self._connection = self._live.now()

    def answer(self, question: Asked) -> bytes:
        """The answer to a question, encoded."""
        if isinstance(question, Save):
            return msgspec.msgpack.encode(self._save(question))
        self._connection = self._live.now()
        if isinstance(question, Minutes):
            return msgspec.msgpack.encode(self._minutes(question))
        if isinstance(question, Seconds):
            return msgspec.msgpack.encode(self._rows(_SECONDS, question))
        return _body(question, self._rows(_HISTORICAL, question))

    def _rows(self, sql: str, question: Seconds | Historical) -> list[OrderFlow]:
        found = self._connection.execute(sql, _parameters(question))
        names = [column[0] for column in found.description]
        return [OrderFlow(**dict(zip(names, row, strict=True))) for row in found.fetchall()]

    def _minutes(self, question: Minutes) -> MinuteBars:
        found = self._connection.execute(_MINUTES, _parameters(question)).fetchnumpy()
        return MinuteBars(
            _bytes(found["ts_open"], np.int64), _bytes(found["high"], np.float64), _bytes(found["low"], np.float64)
        )

    def _save(self, question: Save) -> int:
        rows = [msgspec.to_builtins(row) for row in question.rows]
        days = dates(np.array([row["ts_recv"] for row in rows], np.int64)).to_pylist()
        table = pa.Table.from_pylist(
            [{**row, "date": day} for row, day in zip(rows, days, strict=True)], schema=TABLES["predictions"].schema
        )
        return self._lake.append("predictions", table, writer=question.writer, version=question.version)


def _parameters(question: Asked) -> dict[str, object]:
    return {name: getattr(question, name) for name in question.__struct_fields__}


def _bytes(column: npt.NDArray[np.generic], kind: type[np.generic]) -> bytes:
    return np.ascontiguousarray(column, kind).tobytes()


def _body(question: Historical, rows: list[OrderFlow]) -> bytes:
    """JSON with a numbers-or-null object per second, times as RFC 3339, and where to go on if there is more."""
    full = len(rows) == question.limit
    return msgspec.json.encode(
        {
            "venue": question.venue,
            "symbol": question.symbol,
            "simulated": question.venue.startswith("sim_"),
            "count": len(rows),
            "next_from": iso(rows[-1].ts_event) if full else None,
            "rows": [{"timestamp": iso(row.ts_event)} | {name: getattr(row, name) for name in _TOLD} for row in rows],
        }
    )


def serve(uri: str, asked: BinaryIO, answered: BinaryIO) -> None:
    """Answers until `asked` ends. A lake that cannot be opened is tried again with the next question."""
    decode: Callable[[bytes], Asked] = msgspec.msgpack.Decoder(Asked).decode
    archive: Archive | None = None
    while len(head := asked.read(LENGTH_BYTES)) == LENGTH_BYTES:
        question = decode(asked.read(int.from_bytes(head)))
        try:
            archive = archive or Archive(Lake(uri))
            status, body = ANSWERED, archive.answer(question)
        except (duckdb.Error, WarehouseError, OSError, pa.ArrowException, DeltaError) as error:
            logger.opt(exception=error).error("the lake gave no answer to {}", type(question).__name__)
            archive = None
            failure = Failure(f"the lake could not be read or written ({type(error).__name__}); see the sidecar's log")
            status, body = FAILED, msgspec.msgpack.encode(failure)
        answered.write(status + len(body).to_bytes(LENGTH_BYTES) + body)
        answered.flush()


if __name__ == "__main__":
    serve(sys.argv[1], sys.stdin.buffer, sys.stdout.buffer)
