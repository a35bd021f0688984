"""Bars of one minute in Parquet, one file an instrument, as several venues are downloaded side by side.

    open, high, low, close, volume: double; the time a bar opens: `open_time` in ms, or `timestamp`, `dt` as a timestamp
    trades or n_trades, taker_buy_base or buy_vol, quote_volume: where the venue tells them, else 0

Minutes without a trade may be missing. Doubles are rounded to eight decimals: a sum of decimals need not be one.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from trifecta.errors import DataError

DECIMALS = 8
_MINUTE_MS = 60_000
_HEADER = "open_time,open,high,low,close,volume,close_time,quote_volume,trades,taker_buy_volume\n"
_PRICES = ("open", "high", "low", "close", "volume")
_TIMES = ("open_time", "timestamp", "dt")
_TRADES = ("trades", "n_trades")
_TAKER = ("taker_buy_base", "buy_vol")


def lines(raw: BinaryIO) -> io.BytesIO:
    """The bars of a Parquet file as lines of CSV.

    Raises:
        DataError: a column is missing, or it is not Parquet.
    """
    try:
        file = pq.ParquetFile(raw)
    except pa.ArrowInvalid as error:
        raise DataError(f"not a Parquet file ({error}): fetch or export it again") from error
    names = file.schema_arrow.names
    missing = [name for name in _PRICES if name not in names]
    time = _first(_TIMES, names)
    if missing or time is None:
        raise DataError(f"columns {names}: expected bars with {', '.join(_PRICES)} and one of {', '.join(_TIMES)}")
    found = io.BytesIO(_HEADER.encode())
    found.seek(0, io.SEEK_END)
    for batch in file.iter_batches():
        found.write("".join(_lines(batch, time, names)).encode())
    found.seek(0)
    return found


def _lines(batch: pa.RecordBatch, time: str, names: Sequence[str]) -> Iterable[str]:
    opens = batch[time]
    if pa.types.is_timestamp(opens.type):
        opens = opens.cast(pa.timestamp("ms", opens.type.tz), safe=False).cast(pa.int64())
    columns = [batch[name].to_pylist() for name in _PRICES]
    quote = _optional(batch, _first(("quote_volume",), names))
    trades = _optional(batch, _first(_TRADES, names))
    taker = _optional(batch, _first(_TAKER, names))
    for opened, *bar, quoted, count, taken in zip(opens.to_pylist(), *columns, quote, trades, taker, strict=True):
        prices = ",".join(map(_number, bar))
        end = opened + _MINUTE_MS - 1
        yield f"{opened},{prices},{end},{_number(quoted)},{int(count)},{_number(taken)}\n"


def _optional(batch: pa.RecordBatch, name: str | None) -> list[Any]:
    return [0] * batch.num_rows if name is None else [value or 0 for value in batch[name].to_pylist()]


def _first(wanted: Sequence[str], names: Sequence[str]) -> str | None:
    return next((name for name in wanted if name in names), None)


def _number(value: Any) -> str:
    """Eight decimals at most; what is no number stays as it is, to be refused with its row."""
    try:
        return f"{float(value):.{DECIMALS}f}".rstrip("0").rstrip(".")
    except (TypeError, ValueError):
        return str(value)
