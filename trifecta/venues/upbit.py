"""Upbit, as recordings have it, in its short form.

    {"ty":"trade","cd":"KRW-LAMB","tms":1618678262712,"ttms":1618678262000,"tp":127.0,"tv":46.48838371,"ab":"BID",
        "sid":1618678262000003,"st":"REALTIME"}
    {"ty":"orderbook","cd":"KRW-LAMB","tms":1618678262640,"obu":[{"ap":127.0,"bp":126.0,"as":280460.37885666,
        "bs":688682.44561413}]}

Each `orderbook` message is the whole book; `ab` is the side that took; `sid` names a trade, but not in order. Formats:
Upbit's API documentation, "WebSocket".
"""

from __future__ import annotations

from typing import Literal

import msgspec

from trifecta.market.events import Link, Side
from trifecta.venues.ccxt_venue import recorded_venue
from trifecta.venues.messages import Change, Message, Trade

_MS = 1_000_000
_SIDES = {"BID": Side.BUY, "ASK": Side.SELL}


class _Unit(msgspec.Struct, gc=False):
    ap: float
    bp: float
    bs: float
    size: float = msgspec.field(name="as")


class _Message(msgspec.Struct, gc=False):
    ty: Literal["trade", "orderbook"]
    cd: str
    tms: int
    obu: list[_Unit] = []
    ttms: int = 0
    tp: float = 0.0
    tv: float = 0.0
    ab: Literal["ASK", "BID"] = "BID"


_decode = msgspec.json.Decoder(_Message).decode


def read(payload: bytes) -> Message:
    """What one frame tells. Raises msgspec's errors where it is none of Upbit's."""
    told = _decode(payload)
    ts = told.tms * _MS
    if told.ty == "trade":
        return Message(ts, [Trade(told.cd, told.ttms * _MS, -1, told.tp, told.tv, _SIDES[told.ab])])
    bids = [(unit.bp, unit.bs) for unit in told.obu if unit.bs]
    asks = [(unit.ap, unit.size) for unit in told.obu if unit.size]
    return Message(ts, [Change(told.cd, ts, bids, asks, Link.WHOLE)])


UPBIT = recorded_venue("upbit", lambda: read)
