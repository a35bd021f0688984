"""Events as the lake's rows: structured arrays in, Arrow tables of `warehouse.tables` out.

Arrow arrays are made from numpy's memory as it is. The convenient constructors (`pa.array`, `pa.scalar`) import pandas
at their first call, which costs a recorder 40 MB and over a second in the middle of its work.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from trifecta.market.instruments import Instrument
from trifecta.market.quarantine import MAX_PAYLOAD, Gap, Quarantined
from trifecta.venues.listings import Listing, Network
from warehouse.tables import TABLES

Events = npt.NDArray[np.void]
Column: TypeAlias = "npt.NDArray[np.generic] | pa.Array | Sequence[str] | str | int"

_MS, _US = 1_000_000, 1_000
_DAY_NS = 86_400_000_000_000


def time_scale(ts_event: npt.NDArray[np.int64]) -> tuple[int, int]:
    """(scale, ns per unit) of the coarsest of ms, us, ns that loses nothing of these times."""
    if not (ts_event % _MS).any():
        return 3, _MS
    if not (ts_event % _US).any():
        return 6, _US
    return 9, 1


def trades(source: str, instrument: Instrument, events: Events) -> pa.Table:
    """Rows of `trades` from a TRADE array."""
    scale, unit = time_scale(events["ts_event"])
    columns = {"trade_count": events["count"], "ts_event": events["ts_event"] // unit, "time_scale": scale}
    return _of_instrument("trades", source, instrument, events, columns)


def quotes(source: str, instrument: Instrument, events: Events) -> pa.Table:
    """Rows of `quotes` from a QUOTE array; an event time of 0 becomes null."""
    scale, unit = time_scale(events["ts_event"])
    times = np.ma.masked_equal(events["ts_event"] // unit, 0)
    return _of_instrument("quotes", source, instrument, events, {"ts_event": times, "time_scale": scale})


def bars(source: str, instrument: Instrument, events: Events, interval: str = "1m") -> pa.Table:
    """Rows of `bars` from a BAR array."""
    return _of_instrument("bars", source, instrument, events, {"interval": interval})


def book_top(source: str, instrument: Instrument, events: Events) -> pa.Table:
    """Rows of `book_top` from a TOP array; unused levels are left out."""
    bids, asks = events["bid_price"] > 0, events["ask_price"] > 0
    columns = {
        "valid": events["valid"] == 1,
        "bid_price": _lists(events["bid_price"], bids),
        "bid_qty": _lists(events["bid_qty"], bids),
        "ask_price": _lists(events["ask_price"], asks),
        "ask_qty": _lists(events["ask_qty"], asks),
    }
    return _of_instrument("book_top", source, instrument, events, columns)


def orderflow_1s(source: str, instrument: Instrument, events: Events) -> pa.Table:
    """Rows of `orderflow_1s` from a FLOW array."""
    return _of_instrument("orderflow_1s", source, instrument, events, {})


def clock_offsets(source: str, measured: npt.NDArray[np.int64]) -> pa.Table:
    """Rows of `clock_offsets` from (n, 3): ts_recv, offset, round trip, all ns."""
    names = ("ts_recv", "offset_ns", "round_trip_ns")
    columns: dict[str, Column] = {name: measured[:, column] for column, name in enumerate(names)}
    return table("clock_offsets", {"venue": source, "date": dates(measured[:, 0]), **columns}, len(measured))


def instruments(source: str, found: Sequence[tuple[int, Listing]]) -> pa.Table:
    """Rows of `instruments` from (ts_recv ns, listing). A withdrawal fee that the venue does not tell is NaN."""
    ts_recv = np.array([ts for ts, _ in found], np.int64)
    listings = [listing for _, listing in found]
    numbers = ("tick", "lot", "min_qty", "min_notional", "taker", "maker")
    columns: dict[str, Column] = {
        name: np.array([float(getattr(each, name)) for each in listings], np.float64) for name in numbers
    }
    for side in ("base", "quote"):
        ways = [getattr(each, f"{side}_networks") for each in listings]
        columns[side] = [getattr(each, side) for each in listings]
        columns[f"{side}_networks"] = _nested([_texts([way.name for way in each]) for each in ways])
        columns[f"{side}_withdraw_fees"] = _nested([_numbers(pa.float64(), _fees(each)) for each in ways])
    texts: dict[str, Column] = {
        "symbol": [each.symbol for each in listings],
        "unified": [each.unified for each in listings],
    }
    head: dict[str, Column] = {"venue": source, "date": dates(ts_recv), "ts_recv": ts_recv}
    return table("instruments", {**head, **texts, **columns}, len(found))


def gaps(source: str, found: Sequence[Gap]) -> pa.Table:
    """Rows of `gaps`."""
    numbers = {
        name: np.array([getattr(gap, name) for gap in found], np.int64)
        for name in ("first_id", "last_id", "ts_from", "ts_to", "ts_recv")
    }
    texts = {
        name: [str(getattr(gap, name)) for gap in found] for name in ("symbol", "stream", "status", "reason", "gap_id")
    }
    return table("gaps", {"venue": source, "date": dates(numbers["ts_recv"]), **numbers, **texts}, len(found))


def quarantine(source: str, found: Sequence[Quarantined]) -> pa.Table:
    """Rows of `quarantine`; the payload is cut to `MAX_PAYLOAD` characters."""
    ts_recv = np.array([item.ts_recv for item in found], np.int64)
    columns = {
        "venue": source,
        "date": dates(ts_recv),
        "ts_recv": ts_recv,
        "symbol": [item.symbol for item in found],
        "stream": [item.stream for item in found],
        "reason": [str(item.reason) for item in found],
        "detail": [item.detail for item in found],
        "payload": [item.payload[:MAX_PAYLOAD] for item in found],
    }
    return table("quarantine", columns, len(found))


BUILDERS = {
    "trades": trades,
    "quotes": quotes,
    "bars": bars,
    "book_top": book_top,
    "orderflow_1s": orderflow_1s,
}
"""Rows of a table from events of one instrument."""


def table(name: str, columns: Mapping[str, Column], length: int) -> pa.Table:
    """An Arrow table of the columns of lake table `name`; a single text or integer stands for all rows.

    Its types are the lake's, but that a single text is a dictionary of one entry.
    """
    schema = TABLES[name].schema
    return pa.table({field.name: _array(field.type, columns[field.name], length) for field in schema})


def dates(ts_recv: npt.NDArray[np.int64]) -> pa.Array:
    """UTC days of receive times in ns."""
    return _array(pa.date32(), (ts_recv // _DAY_NS).astype(np.int32), len(ts_recv))


def _of_instrument(
    name: str, source: str, instrument: Instrument, events: Events, columns: Mapping[str, Column]
) -> pa.Table:
    every: dict[str, Column] = {column: events[column] for column in events.dtype.names or ()}
    every |= {
        "venue": source,
        "symbol": instrument.symbol,
        "date": dates(events["ts_recv"]),
        "price_scale": instrument.price_scale,
        "qty_scale": instrument.qty_scale,
    }
    return table(name, {**every, **columns}, len(events))


def _array(kind: pa.DataType, column: Column, length: int) -> pa.Array:
    if isinstance(column, pa.Array):
        return column
    if isinstance(column, int):
        column = np.full(length, column)
    if isinstance(column, np.ndarray):
        return _numbers(kind, column)
    return _repeated(column, length) if isinstance(column, str) else _texts(column)


def _numbers(kind: pa.DataType, column: npt.NDArray[np.generic]) -> pa.Array:
    validity = None
    if isinstance(column, np.ma.MaskedArray):
        validity = _bits(~np.ma.getmaskarray(column))
        column = column.filled(0)
    if pa.types.is_boolean(kind):
        data = _bits(column.astype(np.bool_))
    else:
        width = np.int32 if pa.types.is_date32(kind) else np.dtype(kind.to_pandas_dtype())
        data = pa.py_buffer(np.ascontiguousarray(column, width))
    return pa.Array.from_buffers(kind, len(column), [validity, data])


def _bits(flags: npt.NDArray[np.bool_]) -> pa.Buffer:
    return pa.py_buffer(np.packbits(flags, bitorder="little"))


def _repeated(text: str, length: int) -> pa.DictionaryArray:
    indices = pa.Array.from_buffers(pa.int8(), length, [None, pa.py_buffer(np.zeros(length, np.int8))])
    return pa.DictionaryArray.from_arrays(indices, _texts([text]), safe=False)


def _texts(texts: Sequence[str]) -> pa.Array:
    encoded = [text.encode("utf-8", "replace") for text in texts]
    offsets = np.concatenate([[0], np.cumsum([len(text) for text in encoded])]).astype(np.int32)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded))]
    return pa.Array.from_buffers(pa.string(), len(texts), buffers)


def _fees(ways: Sequence[Network]) -> npt.NDArray[np.float64]:
    return np.array([np.nan if way.fee is None else float(way.fee) for way in ways], np.float64)


def _nested(parts: Sequence[pa.Array]) -> pa.ListArray:
    """A column of lists, one of these arrays a row."""
    offsets = np.concatenate([[0], np.cumsum([len(part) for part in parts])]).astype(np.int32)
    field = pa.list_(pa.field("element", parts[0].type, nullable=False))
    return pa.ListArray.from_buffers(
        field, len(parts), [None, pa.py_buffer(offsets)], children=[pa.concat_arrays(parts)]
    )


def _lists(cells: npt.NDArray[np.int64], used: npt.NDArray[np.bool_]) -> pa.ListArray:
    offsets = np.concatenate([[0], np.cumsum(used.sum(axis=1))]).astype(np.int32)
    field = TABLES["book_top"].schema.field("bid_price").type
    values = _numbers(pa.int64(), cells[used])
    return pa.ListArray.from_buffers(field, len(cells), [None, pa.py_buffer(offsets)], children=[values])
