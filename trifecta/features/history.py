"""Order flow computed from the lake: the same code as live, fed from stored trades, with or without book states.

The order of arrival decides which second a trade belongs to, so receive times stand in for journal positions. Trades
that were imported were not received: they keep the order of their ids, and the time of their venue.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from duckdb import DuckDBPyConnection

from trifecta.features.orderflow import FLOW, WINDOW_S, OrderFlowWindow
from trifecta.market.events import LEVELS, TOP, TRADE, Seconds
from trifecta.market.instruments import Instrument

Events = npt.NDArray[np.void]

_SECOND = 1_000_000_000
_WARM_UP = WINDOW_S * _SECOND

_TRADES = """
    select ts_recv, ts_event * (10 ** (9 - time_scale))::bigint as ts_event, trade_id, trade_count as count,
        price, qty, side, price_scale, qty_scale
    from raw.trades
    where venue = $venue and symbol = $symbol and ts_recv < $stop and (ts_recv >= $start or trade_id = (
        select max(trade_id) from raw.trades where venue = $venue and symbol = $symbol and ts_recv < $start
    ))
    order by ts_recv, trade_id
"""
_IMPORTED = """
    with asked as (
        select ts_recv, ts_event * (10 ** (9 - time_scale))::bigint as ts_event, trade_id, trade_count as count,
            price, qty, side, price_scale, qty_scale
        from raw.trades where venue = $venue and symbol = $symbol
    )
    from asked
    where ts_event > $start and ts_event > (select max(ts_event) from asked) - $most
    order by trade_id
"""
_BLOCK = 20_000
"""Seconds that are computed at once."""
_TOPS = """
    select ts_event, ts_recv, update_id, valid, bid_price, bid_qty, ask_price, ask_qty, price_scale, qty_scale
    from raw.book_top
    where venue = $venue and symbol = $symbol and ts_recv >= $start and ts_recv < $stop
    order by ts_event
"""


def from_lake(connection: DuckDBPyConnection, venue: str, symbol: str, start: int, stop: int) -> Events:
    """FLOW rows of the seconds that closed with a frame received in [start, stop) (ns).

    The window of the first 60 s is filled from before `start`, and the last price comes from whenever it was.
    `complete` tells only of the gaps within the trades that are read.
    """
    span = {"venue": venue, "symbol": symbol, "start": start - 2 * _WARM_UP, "stop": stop}
    trades = connection.execute(_TRADES, span).fetchnumpy()
    tops = connection.execute(_TOPS, span).fetchnumpy()
    if not len(tops["ts_event"]):
        return np.empty(0, FLOW)
    instrument = Instrument(venue, symbol, int(tops["price_scale"][0]), int(tops["qty_scale"][0]))
    rows = flow(instrument, _trades(trades), _tops(tops))
    return rows[rows["ts_recv"] >= start]


def flow(instrument: Instrument, trades: Events, tops: Events) -> Events:
    """FLOW rows of every second in `tops`.

    Args:
        trades: TRADE array in order of arrival.
        tops: TOP array, one row a closed second, rising.
    """
    trades, tops = trades.copy(), tops.copy()
    trades["position"], tops["position"] = trades["ts_recv"], tops["ts_recv"]
    seconds = Seconds(tops["ts_recv"], tops["ts_event"], tops["ts_recv"], int(tops["ts_event"][-1]) + _SECOND)
    window = OrderFlowWindow(instrument, int(tops["ts_event"][0]))
    ends = trades["trade_id"] + trades["count"]
    skipped = np.flatnonzero(trades["trade_id"][1:] > np.maximum.accumulate(ends)[:-1]) + 1
    complete = np.ones(len(tops), np.bool_)
    for row in skipped:
        known = tops["ts_recv"] > trades["ts_recv"][row]
        complete &= ~(known & (tops["ts_event"] - _WARM_UP <= trades["ts_event"][row]))
    return window.advance(trades, seconds, tops, complete)


def of_trades(connection: DuckDBPyConnection, venue: str, symbol: str, start: int, most: int) -> Events:
    """FLOW rows, without a book, of every second from the first stored trade to the last.

    Args:
        start: trades that happened later count, ns.
        most: so long before the last trade, ns, one is too old.
    """
    asked = {"venue": venue, "symbol": symbol, "start": start - _WARM_UP, "most": most}
    columns = connection.execute(_IMPORTED, asked).fetchnumpy()
    if not len(columns["ts_event"]):
        return np.empty(0, FLOW)
    instrument = Instrument(venue, symbol, int(columns["price_scale"][0]), int(columns["qty_scale"][0]))
    return flow_of_trades(instrument, _trades(columns))


def flow_of_trades(instrument: Instrument, trades: Events) -> Events:
    """FLOW rows of every second from the first trade to the last, without a book; TRADE rows in the order of their ids.

    Where an id is missing, the seconds between its neighbours and those that look back at them are not complete.
    """
    second = trades["ts_event"] // _SECOND
    first, last = int(second[0]) + 1, int(second[-1])
    behind = np.maximum.accumulate(second)  # a second closes before the first trade behind it
    missing = np.flatnonzero(trades["trade_id"][1:] != (trades["trade_id"] + trades["count"])[:-1])
    since, until = behind[missing] + 1, behind[missing + 1] + WINDOW_S
    trades = trades.copy()
    trades["position"] = np.arange(len(trades))
    window = OrderFlowWindow(instrument, first * _SECOND)
    parts, done = [np.empty(0, FLOW)], 0
    for start in range(first, last + 1, _BLOCK):
        ends = np.arange(start, min(start + _BLOCK, last + 1))
        positions = np.searchsorted(behind, ends)
        stop = int(positions[-1])
        closes = Seconds(positions, ends * _SECOND, ends * _SECOND, int(ends[-1] + 1) * _SECOND)
        whole = np.searchsorted(since, ends, side="right") == np.searchsorted(until, ends)
        parts.append(window.advance(trades[done:stop], closes, np.zeros(len(ends), TOP), whole))
        done = stop
    return np.concatenate(parts)


def _trades(columns: dict[str, Any]) -> Events:
    events = np.zeros(len(columns["ts_recv"]), TRADE)
    for name in ("ts_recv", "ts_event", "trade_id", "count", "price", "qty", "side"):
        events[name] = columns[name]
    return events


def _tops(columns: dict[str, Any]) -> Events:
    events = np.zeros(len(columns["ts_recv"]), TOP)
    for name in ("ts_recv", "ts_event", "update_id", "valid"):
        events[name] = columns[name]
    for name in ("bid_price", "bid_qty", "ask_price", "ask_qty"):
        for row, levels in enumerate(columns[name]):
            events[name][row, : min(len(levels), LEVELS)] = levels[:LEVELS]
    return events
