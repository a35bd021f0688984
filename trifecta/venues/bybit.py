"""Bybit's derivatives before its API v5, as recordings have them.

    {"topic":"trade.BCHUSDT","data":[{"symbol":"BCHUSDT","price":"1053.90","size":0.14,
        "trade_time_ms":"1618677785116","side":"Buy","trade_id":"01cacfe9-8d1c-5ee4-995d-d79a43f955a6"}]}
    {"topic":"orderBookL2_25.BCHUSDT","type":"snapshot","data":{"order_book":[{"price":"1053.05","side":"Buy",
        "size":2.63}]},"cross_seq":"5938955347","timestamp_e6":"1618677786598877"}
    {"topic":"orderBookL2_25.EOSUSD","type":"delta","data":{"delete":[],"update":[{"price":"7.971","side":"Buy",
        "size":47766}],"insert":[]},"cross_seq":1225777225,"timestamp_e6":1618677786598877}

Inverse markets send the levels of a snapshot without `order_book` around them, and sizes in dollars. Formats: Bybit's
API documentation, "WebSocket Data", inverse and USDT perpetual.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from trifecta.market.events import Link, Side
from trifecta.venues.ccxt_venue import recorded_venue
from trifecta.venues.messages import Change, Levels, Message, Trade

_MS, _US = 1_000_000, 1_000
_SIDES = {"Buy": Side.BUY, "Sell": Side.SELL}


class _Level(msgspec.Struct, gc=False):
    price: str
    side: Literal["Buy", "Sell"]
    size: float = 0.0


class _Book(msgspec.Struct, gc=False):
    order_book: list[_Level] = []
    delete: list[_Level] = []
    update: list[_Level] = []
    insert: list[_Level] = []


class _Trade(msgspec.Struct, gc=False):
    price: str | float
    size: float
    side: Literal["Buy", "Sell"]
    trade_time_ms: int


class _Message(msgspec.Struct, gc=False):
    topic: str = ""
    type: str = ""
    data: msgspec.Raw = msgspec.Raw(b"[]")
    timestamp_e6: int = 0


_message = msgspec.json.Decoder(_Message, strict=False).decode
_trades = msgspec.json.Decoder(list[_Trade], strict=False).decode
_levels = msgspec.json.Decoder(list[_Level], strict=False).decode
_book = msgspec.json.Decoder(_Book, strict=False).decode


def read(payload: bytes) -> Message:
    """What one frame tells. Raises ValueError or msgspec's errors where it is none of Bybit's."""
    message = _message(payload)
    kind, _, symbol = message.topic.partition(".")
    if not kind:
        return Message()  # a reply
    if kind == "trade":
        told = [
            Trade(symbol, t.trade_time_ms * _MS, -1, t.price, t.size, _SIDES[t.side]) for t in _trades(message.data)
        ]
        return Message(0, told)  # the first ones after a subscription are the last trades, however long ago
    if not kind.startswith("orderBookL2_"):
        raise ValueError(f"topic = {message.topic!r}: expected trade or orderBookL2_25")
    whole = message.type == "snapshot"
    book = _Book(_levels(message.data)) if bytes(message.data).startswith(b"[") else _book(message.data)
    ts = message.timestamp_e6 * _US
    levels = [*book.order_book, *book.delete, *book.update, *book.insert]
    sides: list[Levels] = [[(level.price, level.size) for level in levels if level.side == side] for side in _SIDES]
    return Message(ts, [Change(symbol, ts, sides[0], sides[1], Link.WHOLE if whole else Link.NEXT)])


BYBIT = recorded_venue("bybit", lambda: read)
