"""Frames for tests, made in the form of the recorded ones."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from trifecta.market.events import Frames
from trifecta.market.instruments import Instrument

SPOT = Instrument("binance", "BTCUSDT", 2, 5)
START = 1_723_161_240  # s, a whole minute
SECOND = 1_000_000_000


def frames(*payloads: bytes, first_position: int = 0, ts_recv: Sequence[int] | None = None) -> Frames:
    """A batch; received a millisecond apart unless told."""
    stamps = ts_recv if ts_recv is not None else [START * SECOND + 1_000_000 * row for row in range(len(payloads))]
    return Frames(first_position, np.array(stamps, np.int64), list(payloads))


def trade(
    trade_id: int,
    *,
    at: float = START,
    price: object = "61837.63",
    qty: object = "0.02",
    maker: bool = False,
    **changed: object,
) -> bytes:
    """A trade at `at` seconds; `maker`: the buyer was the maker, so the seller took."""
    data = {"e": "trade", "E": round(at * 1000), "s": "BTCUSDT", "t": trade_id, "p": price, "q": qty}
    return frame("btcusdt@trade", **{**data, "T": round(at * 1000), "m": maker, "M": True, **changed})


def quote(
    update_id: int, bid: object = "61837.63", ask: object = "61837.64", qty: object = "1.0", **changed: object
) -> bytes:
    data = {"u": update_id, "s": "BTCUSDT", "b": bid, "B": qty, "a": ask, "A": qty}
    return frame("btcusdt@bookTicker", **{**data, **changed})


def depth(
    first_id: int,
    last_id: int,
    bids: Sequence[tuple[object, object]] = (),
    asks: Sequence[tuple[object, object]] = (),
    *,
    at: float = START,
    **changed: object,
) -> bytes:
    data = {"e": "depthUpdate", "E": round(at * 1000), "s": "BTCUSDT", "U": first_id, "u": last_id}
    return frame("btcusdt@depth@100ms", **{**data, "b": list(bids), "a": list(asks), **changed})


def kline(opened: int = START, *, closed: bool = True, interval: str = "1m", **changed: object) -> bytes:
    """A bar of one minute that starts at `opened` seconds."""
    bar = {
        "t": opened * 1000,
        "T": opened * 1000 + 59_999,
        "s": "BTCUSDT",
        "i": interval,
        "o": "61837.63",
        "c": "61838.00",
        "h": "61840.00",
        "l": "61830.00",
        "v": "3.5",
        "n": 12,
        "x": closed,
        "q": "216431.7",
        "V": "1.5",
        "Q": "92756.4",
    }
    return frame(f"btcusdt@kline_{interval}", e="kline", E=opened * 1000 + 60_001, s="BTCUSDT", k={**bar, **changed})


def snapshot(
    last_id: int,
    bids: Sequence[tuple[object, object]] = (("61837.63", "1"),),
    asks: Sequence[tuple[object, object]] = (("61837.64", "1"),),
) -> bytes:
    return answer("depth", {"lastUpdateId": last_id, "bids": list(bids), "asks": list(asks)})


def past_trades(first_id: int, last_id: int, trades: Sequence[tuple[int, float]], **changed: object) -> bytes:
    """A `historicalTrades` answer with trades of (id, time s)."""
    data = [
        {"id": number, "price": "61837.63", "qty": "0.02", "quoteQty": "1236.75", "time": round(at * 1000), **changed}
        | {"isBuyerMaker": False, "isBestMatch": True}
        for number, at in trades
    ]
    return answer("historicalTrades", data, first_id=first_id, last_id=last_id)


def answer(rest: str, data: object, **asked: object) -> bytes:
    """A REST answer as it is journaled."""
    return msgspec.json.encode({"rest": rest, "symbol": "BTCUSDT", **asked, "data": data})


def frame(stream: str, **data: object) -> bytes:
    return msgspec.json.encode({"stream": stream, "data": data})
