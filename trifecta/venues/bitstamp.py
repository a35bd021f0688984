"""Bitstamp, as recordings have it.

    {"data":{"timestamp":"1641343691","microtimestamp":"1641343691244908","bids":[["1.15979","993.02588113"]],
        "asks":[]},"channel":"diff_order_book_bateur","event":"data"}
    {"data":{"id":216000477,"amount_str":"0.07920000","price_str":"3805.44","type":0,
        "microtimestamp":"1641343699596000"},"channel":"live_trades_ethusd","event":"trade"}

`diff_order_book` tells changes alone: the whole book comes by REST or in `order_book`. `type` 0: a buyer took. Formats:
Bitstamp's API documentation, "WebSocket API v2".
"""

from __future__ import annotations

import msgspec

from trifecta.market.events import Link, Side
from trifecta.venues.ccxt_venue import recorded_venue
from trifecta.venues.messages import Change, Message, Trade

_US = 1_000
_BOOKS = {"diff_order_book_": Link.NEXT, "detail_order_book_": Link.WHOLE, "order_book_": Link.WHOLE}
_TRADES = "live_trades_"


class _Data(msgspec.Struct, gc=False):
    microtimestamp: int = 0
    bids: list[tuple[str, str]] = []
    asks: list[tuple[str, str]] = []
    id: int = -1
    price_str: str = ""
    amount_str: str = ""
    type: int = 0


class _Message(msgspec.Struct, gc=False):
    event: str
    channel: str = ""
    data: _Data = msgspec.field(default_factory=_Data)


_decode = msgspec.json.Decoder(_Message, strict=False).decode


def read(payload: bytes) -> Message:
    """What one frame tells. Raises ValueError or msgspec's errors where it is none of Bitstamp's."""
    message = _decode(payload)
    data, ts = message.data, message.data.microtimestamp * _US
    if message.event == "trade":
        side = Side.SELL if data.type else Side.BUY
        symbol = message.channel.removeprefix(_TRADES)
        return Message(ts, [Trade(symbol, ts, data.id, data.price_str, data.amount_str, side)])
    if message.event == "data":
        for prefix, link in _BOOKS.items():
            if message.channel.startswith(prefix):
                return Message(ts, [Change(message.channel.removeprefix(prefix), ts, data.bids, data.asks, link)])
        raise ValueError(f"channel = {message.channel!r}: expected a book or trades")
    return Message()


BITSTAMP = recorded_venue("bitstamp", lambda: read)
