"""Typed rows of a file as events: what is wrong is refused, what is left becomes TRADE, QUOTE or BAR arrays."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from trifecta.capture.importers.blocks import Block
from trifecta.capture.importers.checks import Judge, Last, refuse_disorder, refuse_strays
from trifecta.capture.importers.numbers import nanoseconds, whole
from trifecta.capture.importers.rows import Fault, Ints, Mask, Rows
from trifecta.market.events import BAR, QUOTE, TRADE, Side
from trifecta.market.instruments import MISFIT
from trifecta.market.quarantine import Reason

MAX_COUNT = 1_000_000  # trades in one aggregate
MAX_ID = 2**62


class Scales(NamedTuple):
    """Decimals seen so far in a file's prices and sizes."""

    price: int = 0
    qty: int = 0


class Missing(NamedTuple):
    """Ids that a file skips between two of its rows."""

    row: int  # behind it
    after: int  # the row before it
    ts_recv: int
    first_id: int
    last_id: int
    ts_from: int
    ts_to: int


class Believed(NamedTuple):
    """What a block gave: events with their row number as position, in order, and what was wrong with other rows."""

    events: npt.NDArray[np.void]
    first: Ints  # ids of each event
    last: Ints
    scales: Scales
    faults: list[Fault]
    missing: list[Missing]
    end: Last
    ts_first: int


class Given(NamedTuple):
    """What is known when a block is judged."""

    symbol: str
    scales: Scales
    last: Last
    now_ns: int


def trades(block: Block, rows: Rows, given: Given) -> Believed:
    """Trades, or aggregates of trades with consecutive ids where the file has `first` and `last`."""
    judge = Judge(block, rows, given.now_ns)
    table = rows.table
    first = table["first_id" if "first_id" in table.schema.names else "id"].to_numpy()
    last = table["last_id"].to_numpy() if "last_id" in table.schema.names else first
    (price,), price_scale = whole([table["price"]], given.scales.price)
    (qty,), qty_scale = whole([table["qty"]], given.scales.qty)
    events = np.zeros(len(rows.numbers), TRADE)
    judge.same("symbol", given.symbol, Reason.UNKNOWN_SYMBOL)
    judge.same("type", "trade", Reason.UNKNOWN_STREAM)
    _refuse_numbers(judge, {"price": price, "qty": qty})
    odd = (first < 0) | (last < first) | (last - first >= MAX_COUNT) | (last > MAX_ID)
    judge.refuse(odd, Reason.MALFORMED, lambda index: f"ids {first[index]}..{last[index]}, expected a rising span")
    ts_event = judge.time("time")
    if "event_time" in table.schema.names:
        judge.time("event_time")
    ts_recv = (
        judge.receive_time("receive_time", ts_event, given.last) if "receive_time" in table.schema.names else ts_event
    )
    refuse_strays(judge, "time", ts_event, given.last)
    refuse_disorder(judge, "id", first, last, given.last)
    events["position"] = rows.numbers
    events["ts_recv"] = ts_recv
    events["ts_event"] = ts_event
    events["trade_id"] = first
    events["count"] = np.clip(last - first + 1, 1, MAX_COUNT)
    events["price"] = price
    events["qty"] = qty
    events["side"] = np.where(table["maker"].to_numpy(zero_copy_only=False), Side.SELL, Side.BUY)
    return _believed(judge, events, (first, last), Scales(price_scale, qty_scale), given, contiguous=True)


def quotes(block: Block, rows: Rows, given: Given) -> Believed:
    """Changes of the best bid and ask. Their ids rise, with holes: other changes of the book lie between."""
    judge = Judge(block, rows, given.now_ns)
    table = rows.table
    update_id = table["id"].to_numpy()
    (bid, ask), price_scale = whole([table["bid"], table["ask"]], given.scales.price)
    (bid_qty, ask_qty), qty_scale = whole([table["bid_qty"], table["ask_qty"]], given.scales.qty)
    events = np.zeros(len(rows.numbers), QUOTE)
    _refuse_numbers(judge, {"bid": bid, "ask": ask, "bid_qty": bid_qty, "ask_qty": ask_qty})
    odd = (update_id < 0) | (update_id > MAX_ID)
    judge.field("id", odd, Reason.MALFORMED, "a count from 0 on")
    judge.refuse(
        ~judge.bad & (bid >= ask),
        Reason.CROSSED,
        lambda index: f"bid {table['bid'][index].as_py():f}, expected below ask {table['ask'][index].as_py():f}",
    )
    ts_event = judge.time("time")
    ts_recv = judge.time("event_time")
    refuse_strays(judge, "time", ts_event, given.last)
    refuse_disorder(judge, "id", update_id, update_id, given.last)
    events["position"] = rows.numbers
    events["ts_recv"] = ts_recv
    events["ts_event"] = ts_event
    events["update_id"] = update_id
    for name, values in (("bid", bid), ("ask", ask), ("bid_qty", bid_qty), ("ask_qty", ask_qty)):
        events[name] = values
    return _believed(judge, events, (update_id, update_id), Scales(price_scale, qty_scale), given, contiguous=False)


def bars(block: Block, rows: Rows, given: Given) -> Believed:
    """Closed bars. Their span [open time, close time] in ns stands for ids, so a missing bar is found like a trade."""
    judge = Judge(block, rows, given.now_ns)
    table = rows.table
    prices, price_scale = whole([table[name] for name in ("open", "high", "low", "close")], given.scales.price)
    sizes, qty_scale = whole([table[name] for name in ("volume", "taker_buy_volume")], given.scales.qty)
    open_, high, low, close = prices
    events = np.zeros(len(rows.numbers), BAR)
    _refuse_numbers(judge, dict(zip(("open", "high", "low", "close"), prices, strict=True)))
    _refuse_numbers(judge, dict(zip(("volume", "taker_buy_volume"), sizes, strict=True)), zero_too=True)
    more = sizes[1] > sizes[0]
    judge.field("taker_buy_volume", ~judge.bad & more, Reason.MALFORMED, "at most the bar's volume")
    judge.field("trades", _outside_int32(table["trades"]), Reason.MALFORMED, "a count")
    outside = (high < np.maximum(open_, close)) | (low > np.minimum(open_, close))
    judge.refuse(
        ~judge.bad & outside,
        Reason.MALFORMED,
        lambda index: "open or close lies outside low..high, expected inside",
    )
    ts_open = judge.time("open_time")
    ts_close = judge.time("close_time") + tick_of_time(table["close_time"].to_numpy())
    judge.refuse(~judge.bad & (ts_close <= ts_open), Reason.MALFORMED, lambda index: "it closes before it opens")
    refuse_disorder(judge, "open_time", ts_open, ts_close - 1, given.last)
    events["position"] = rows.numbers
    events["ts_recv"] = events["ts_close"] = ts_close
    events["ts_open"] = ts_open
    for name, values in (("open", open_), ("high", high), ("low", low), ("close", close)):
        events[name] = values
    events["volume"], events["taker_buy_volume"] = sizes
    events["quote_volume"] = table["quote_volume"].cast(pa.float64()).to_numpy()
    events["trades"] = np.clip(table["trades"].to_numpy(), 0, np.iinfo(np.int32).max)
    return _believed(judge, events, (ts_open, ts_close - 1), Scales(price_scale, qty_scale), given, contiguous=True)


def tick_of_time(stamps: Ints) -> Ints:
    """The unit of each stamp in ns: a bar's inclusive end plus one is its exclusive end."""
    return nanoseconds(stamps + 1) - nanoseconds(stamps)


def _refuse_numbers(judge: Judge, columns: dict[str, Ints], *, zero_too: bool = False) -> None:
    for name, values in columns.items():
        misfit = values == MISFIT
        judge.field(name, misfit, Reason.OFF_TICK, "a number that fits 64 bits at the file's decimals")
        wrong = (values < 0) if zero_too else (values <= 0)
        judge.field(name, wrong & ~misfit, Reason.NOT_POSITIVE, "zero or above" if zero_too else "above zero")


def _outside_int32(column: pa.ChunkedArray) -> Mask:
    values = column.to_numpy()
    return np.asarray((values < 0) | (values > np.iinfo(np.int32).max), bool)


def _believed(
    judge: Judge,
    events: npt.NDArray[np.void],
    spans: tuple[Ints, Ints],
    scales: Scales,
    given: Given,
    *,
    contiguous: bool,
) -> Believed:
    """What belongs to this block of what was judged: the rows held for the next one are left out."""
    last_row = judge.block.last_row
    chosen = ~judge.bad & (judge.numbers <= last_row)
    faults = sorted((fault for fault in judge.faults if fault.row <= last_row), key=lambda fault: fault.row)
    first, last = spans
    if not chosen.all():
        events, first, last = events[chosen], first[chosen], last[chosen]
    end = given.last._replace(lag=judge.lag)
    time = "ts_event" if "ts_event" in (events.dtype.names or ()) else "ts_open"
    missing = _missing(events, first, last, time, end) if contiguous and len(events) else []
    ts_first = 0
    if len(events):
        ts_first = int(events[time][0])
        end = Last(int(events["position"][-1]), int(first[-1]), int(last[-1]), int(events[time][-1]), judge.lag)
    return Believed(events, first, last, scales, faults, missing, end, ts_first)


def _missing(events: npt.NDArray[np.void], first: Ints, last: Ints, time: str, before: Last) -> list[Missing]:
    ends = np.concatenate(([before.last_id if before.row else first[0] - 1], last[:-1]))
    rows = np.concatenate(([before.row], events["position"][:-1]))
    times = np.concatenate(([before.ts], events[time][:-1]))
    return [
        Missing(
            int(events["position"][index]),
            int(rows[index]),
            int(events["ts_recv"][index]),
            int(ends[index]) + 1,
            int(first[index]) - 1,
            min(int(times[index]), int(events[time][index])),
            int(events[time][index]),
        )
        for index in np.flatnonzero(first > ends + 1).tolist()
    ]
