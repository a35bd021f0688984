"""Huobi spot, as recordings have it, unpacked.

    {"ch":"market.dogeeth.depth.step0","ts":1618678070613,"tick":{"bids":[[1.1478E-4,1069.1]],"asks":[..]}}
    {"ch":"market.trioeth.trade.detail","ts":1618678027942,"tick":{"data":[{"ts":1618678027940,
        "tradeId":100045088885,"amount":20995.88,"price":9.2E-7,"direction":"buy"}]}}
    {"ping":1618678073643}

Each `depth` message is the whole book. Formats: Huobi's API documentation, "Websocket Market Data".
"""

from __future__ import annotations

from typing import Literal

import msgspec

from trifecta.market.events import Link, Side
from trifecta.venues.ccxt_venue import recorded_venue
from trifecta.venues.messages import Change, Message, Trade

DECIMALS = 8  # of a size: what a float has beyond them is how it was added up
_MS = 1_000_000
_SIDES = {"buy": Side.BUY, "sell": Side.SELL}


class _Trade(msgspec.Struct, gc=False):
    ts: int
    tradeId: int  # noqa: N815  the venue's own name
    amount: float
    price: float
    direction: Literal["buy", "sell"]


class _Tick(msgspec.Struct, gc=False):
    bids: list[tuple[float, float]] = []
    asks: list[tuple[float, float]] = []
    data: list[_Trade] = []


class _Message(msgspec.Struct, gc=False):
    ch: str = ""
    ts: int = 0
    tick: _Tick = msgspec.field(default_factory=_Tick)


_decode = msgspec.json.Decoder(_Message).decode


def read(payload: bytes) -> Message:
    """What one frame tells. Raises ValueError or msgspec's errors where it is none of Huobi's."""
    message = _decode(payload)
    if not message.ch:
        return Message()  # a reply or a ping
    _, symbol, channel, *_ = message.ch.split(".")
    ts = message.ts * _MS
    if channel == "depth":
        bids, asks = (
            [(price, size) for price, given in side if (size := round(given, DECIMALS))]
            for side in (message.tick.bids, message.tick.asks)
        )
        return Message(ts, [Change(symbol, ts, bids, asks, Link.WHOLE)])
    if channel == "trade":
        told = [
            Trade(symbol, t.ts * _MS, t.tradeId, t.price, round(t.amount, DECIMALS), _SIDES[t.direction])
            for t in sorted(message.tick.data, key=lambda one: one.tradeId)  # the newest comes first
        ]
        return Message(0, told)  # the first one after a subscription is the last trade, however long ago
    raise ValueError(f"ch = {message.ch!r}: expected depth or trade")


HUOBI = recorded_venue("huobi", lambda: read)
