"""Order flow computed again from the lake: the same code as live, fed from stored trades and book states.

The order of arrival decides which second a trade belongs to, so receive times stand in for journal positions.
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
