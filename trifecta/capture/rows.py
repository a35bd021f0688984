"""Events as the lake's rows: structured arrays in, Arrow tables of `warehouse.tables` out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from trifecta.market.instruments import Instrument
from trifecta.market.quarantine import MAX_PAYLOAD, Gap, Quarantined
from warehouse.tables import TABLES

Events = npt.NDArray[np.void]

_MS, _US, _NS = 1_000_000, 1_000, 1
_DAY_NS = 86_400_000_000_000


def time_scale(ts_event: npt.NDArray[np.int64]) -> tuple[int, int]:
    """(scale, ns per unit) of the coarsest of ms, us, ns that loses nothing of these times."""
    if not (ts_event % _MS).any():
        return 3, _MS
    if not (ts_event % _US).any():
        return 6, _US
    return 9, _NS


def trades(source: str, instrument: Instrument, events: Events) -> pa.Table:
    """Rows of `trades` from a TRADE array."""
    scale, unit = time_scale(events["ts_event"])
    return _table(
        "trades",
        source,
        instrument,
        events,
        trade_count=events["count"],
        ts_event=events["ts_event"] // unit,
        time_scale=_same(events, scale, np.int8),
    )


def quotes(source: str, instrument: Instrument, events: Events) -> pa.Table:
    """Rows of `quotes` from a QUOTE array; an event time of 0 becomes null."""
    scale, unit = time_scale(events["ts_event"])
    return _table(
        "quotes",
        source,
        instrument,
        events,
        ts_event=pa.array(events["ts_event"] // unit, mask=events["ts_event"] == 0),
        time_scale=_same(events, scale, np.int8),
    )


def bars(source: str, instrument: Instrument, events: Events, interval: str = "1m") -> pa.Table:
    """Rows of `bars` from a BAR array."""
    return _table("bars", source, instrument, events, interval=_constant(events, interval))


def book_top(source: str, instrument: Instrument, events: Events) -> pa.Table:
    """Rows of `book_top` from a TOP array; unused levels are left out."""
    sides = {
        name: _lists(events[name], events[price] > 0)
        for name, price in (
            ("bid_price", "bid_price"),
            ("bid_qty", "bid_price"),
            ("ask_price", "ask_price"),
            ("ask_qty", "ask_price"),
        )
    }
    return _table("book_top", source, instrument, events, valid=events["valid"] == 1, **sides)


def orderflow_1s(source: str, instrument: Instrument, events: Events) -> pa.Table:
    """Rows of `orderflow_1s` from a FLOW array."""
    return _table("orderflow_1s", source, instrument, events)


def clock_offsets(source: str, measured: npt.NDArray[np.int64]) -> pa.Table:
    """Rows of `clock_offsets` from (n, 3): ts_recv, offset, round trip, all ns."""
    columns = [
        pa.repeat(pa.scalar(source), len(measured)),
        dates(measured[:, 0]),
        *(np.ascontiguousarray(measured[:, column]) for column in range(3)),
    ]
    return pa.table(columns, schema=TABLES["clock_offsets"].schema)


def gaps(source: str, found: Sequence[Gap]) -> pa.Table:
    """Rows of `gaps`."""
    return _records(
        "gaps",
        [{"venue": source, "gap_id": gap.gap_id, **gap._asdict(), "status": str(gap.status)} for gap in found],
    )


def quarantine(source: str, found: Sequence[Quarantined]) -> pa.Table:
    """Rows of `quarantine`; the payload is cut to `MAX_PAYLOAD` characters."""
    return _records(
        "quarantine",
        [
            {"venue": source, **item._asdict(), "reason": str(item.reason), "payload": item.payload[:MAX_PAYLOAD]}
            for item in found
        ],
    )


def dates(ts_recv: npt.NDArray[np.int64]) -> pa.Array:
    """UTC days of receive times in ns."""
    return pa.array((ts_recv // _DAY_NS).astype(np.int32)).cast(pa.date32())


def _table(name: str, source: str, instrument: Instrument, events: Events, **given: Any) -> pa.Table:
    given |= {
        "venue": _constant(events, source),
        "symbol": _constant(events, instrument.symbol),
        "date": dates(events["ts_recv"]),
        "price_scale": _same(events, instrument.price_scale, np.int8),
        "qty_scale": _same(events, instrument.qty_scale, np.int8),
    }
    schema = TABLES[name].schema
    names = events.dtype.names or ()
    columns = [
        given[column] if column in given else np.ascontiguousarray(events[column])
        for column in schema.names
        if column in given or column in names
    ]
    return pa.table(columns, schema=schema)


def _records(name: str, records: list[dict[str, Any]]) -> pa.Table:
    schema = TABLES[name].schema
    days = dates(np.array([record["ts_recv"] for record in records], dtype=np.int64))
    rows = [{**record, "date": day} for record, day in zip(records, days.to_pylist(), strict=True)]
    return pa.Table.from_pylist(rows, schema=schema)


def _same(events: Events, value: int, kind: type[np.generic]) -> npt.NDArray[Any]:
    return np.full(len(events), value, kind)


def _constant(events: Events, text: str) -> pa.Array:
    return pa.repeat(pa.scalar(text), len(events))


def _lists(cells: npt.NDArray[np.int64], used: npt.NDArray[np.bool_]) -> pa.ListArray:
    offsets = np.concatenate([[0], np.cumsum(used.sum(axis=1))]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(cells[used]))


BUILDERS = {
    "trades": trades,
    "quotes": quotes,
    "bars": bars,
    "book_top": book_top,
    "orderflow_1s": orderflow_1s,
}
"""Rows of a table from events of one instrument."""
