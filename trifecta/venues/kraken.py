"""Kraken spot, WebSocket API v2, and v1 as older recordings have it.

    {"channel":"book","type":"snapshot","data":[{"symbol":"BTC/USDT","bids":[{"price":61837.6,"qty":0.02}],
        "asks":[{"price":61837.7,"qty":1.5}],"checksum":2439117997,"timestamp":"2024-08-08T23:54:15.343000Z"}]}
    {"channel":"book","type":"update","data":[{"symbol":"BTC/USDT","bids":[],"asks":[{"price":61837.7,"qty":0}],
        "checksum":2114181697,"timestamp":"2024-08-08T23:54:15.440295Z"}]}
    {"channel":"trade","type":"update","data":[{"symbol":"BTC/USDT","side":"sell","price":61837.6,"qty":0.02,
        "ord_type":"market","trade_id":4665846,"timestamp":"2024-08-08T23:54:15.708706Z"}]}
    {"channel":"ticker","type":"update","data":[{"symbol":"BTC/USDT","bid":61837.6,"bid_qty":0.02,"ask":61837.7,
        "ask_qty":1.5,"last":61837.6}]}
    [1664,{"a":[["13.284500","1396.00000000","1618678133.383209"]],"c":"176333288"},"book-1000","WAVES/EUR"]
    [993,[["354.11000000","0.89594024","1618678142.557535","s","l",""]],"trade","XMR/USD"]
    [1668,{"a":["13.253900",35,"35.72892241"],"b":["13.232900",185,"185.18432037"]},"ticker","WAVES/EUR"]

A book is kept to the depth that was asked for: what falls behind is told again when it comes back. The checksum is the
CRC32 of the best ten asks, then bids, price and size without point and leading zeros. Formats and checksum: Kraken's
API documentation, "Book" and "Spot Websockets (v2): Book Checksum".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal
from zlib import crc32

import msgspec

from trifecta.market.events import Link, Side
from trifecta.market.instruments import Instrument
from trifecta.venues.ccxt_venue import ccxt_venue
from trifecta.venues.messages import NO_CHECKSUM, Change, Message, Quote, Told, Trade, iso_ns, seconds_ns
from trifecta.venues.venue import BookRules
from trifecta.venues.venue import Side as Levels

DEPTH = 100
_SIDES = {"buy": Side.BUY, "sell": Side.SELL, "b": Side.BUY, "s": Side.SELL}


class _Level(msgspec.Struct, gc=False):
    price: float
    qty: float


class _Book(msgspec.Struct, gc=False):
    symbol: str
    bids: list[_Level]
    asks: list[_Level]
    checksum: int = NO_CHECKSUM
    timestamp: str = ""


class _Trade(msgspec.Struct, gc=False):
    symbol: str
    side: Literal["buy", "sell"]
    price: float
    qty: float
    trade_id: int
    timestamp: str


class _Ticker(msgspec.Struct, gc=False):
    symbol: str
    bid: float
    bid_qty: float
    ask: float
    ask_qty: float


class _Message(msgspec.Struct, gc=False):
    channel: str = ""
    type: str = ""
    data: msgspec.Raw = msgspec.Raw(b"[]")


class _SideV1(msgspec.Struct, gc=False):
    """A book message's body; `as` and `bs` are a snapshot's sides, and a level may end with "r" for republished."""

    whole_asks: list[list[str]] | None = msgspec.field(default=None, name="as")
    whole_bids: list[list[str]] | None = msgspec.field(default=None, name="bs")
    a: list[list[str]] = []
    b: list[list[str]] = []
    c: str = ""


class _TickerV1(msgspec.Struct, gc=False):
    a: tuple[str, float, str]
    b: tuple[str, float, str]


_message = msgspec.json.Decoder(_Message)
_books = msgspec.json.Decoder(list[_Book])
_trades = msgspec.json.Decoder(list[_Trade])
_tickers = msgspec.json.Decoder(list[_Ticker])
_v1 = msgspec.json.Decoder(list[Any])


def read(payload: bytes) -> Message:
    """What one frame tells. Raises ValueError, LookupError or msgspec's errors where it is none of Kraken's."""
    if payload.startswith(b"["):
        return _read_v1(_v1.decode(payload))
    message = _message.decode(payload)
    match message.channel, message.type:
        case "book", kind:
            return _told([_change(told, kind == "snapshot") for told in _books.decode(message.data)])
        case "trade", "update":
            return _told([_trade(told) for told in _trades.decode(message.data)])
        case "ticker", _:
            return _told(
                [Quote(t.symbol, 0, t.bid, t.bid_qty, t.ask, t.ask_qty) for t in _tickers.decode(message.data)]
            )
    return Message()  # heartbeat, status, replies; trades from before the subscription


def checksum(bids: Levels, asks: Levels, instrument: Instrument) -> int:
    """Kraken's checksum of the best ten levels a side."""
    return crc32("".join([f"{price}{qty}" for price, qty in (*asks, *bids)]).encode())


def _told(told: Sequence[Told]) -> Message:
    return Message(max((each.ts for each in told), default=0), told)


def _change(told: _Book, whole: bool) -> Change:
    bids, asks = ([(level.price, level.qty) for level in side] for side in (told.bids, told.asks))
    ts = iso_ns(told.timestamp) if told.timestamp else 0
    return Change(told.symbol, ts, bids, asks, Link.WHOLE if whole else Link.NEXT, checksum=told.checksum)


def _trade(told: _Trade) -> Trade:
    return Trade(told.symbol, iso_ns(told.timestamp), told.trade_id, told.price, told.qty, _SIDES[told.side])


def _read_v1(message: list[Any]) -> Message:
    *bodies, channel, pair = message[1:]
    if channel == "trade":
        return _told(
            [Trade(pair, seconds_ns(ts), -1, price, qty, _SIDES[side]) for price, qty, ts, side, *_ in bodies[0]]
        )
    if channel == "ticker":
        ticker = msgspec.convert(bodies[0], _TickerV1)
        return _told([Quote(pair, 0, ticker.b[0], ticker.b[2], ticker.a[0], ticker.a[2])])
    if not channel.startswith("book"):
        raise ValueError(f"channel = {channel!r}: expected trade, ticker or book")
    parts = [msgspec.convert(body, _SideV1) for body in bodies]
    return _told([_change_v1(pair, parts)])


def _change_v1(pair: str, parts: list[_SideV1]) -> Change:
    whole = parts[0].whole_asks is not None
    asks = [level for part in parts for level in (part.whole_asks or part.a)]
    bids = [level for part in parts for level in (part.whole_bids or part.b)]
    ts = max((seconds_ns(level[2]) for level in (*asks, *bids)), default=0)
    sums = [int(part.c) for part in parts if part.c]
    link = Link.WHOLE if whole else Link.NEXT
    return Change(pair, ts, _pairs(bids), _pairs(asks), link, checksum=sums[-1] if sums else NO_CHECKSUM)


def _pairs(levels: Iterable[list[str]]) -> list[tuple[str, str]]:
    return [(level[0], level[1]) for level in levels]


KRAKEN = ccxt_venue("kraken", read, book=BookRules(DEPTH, checksum, 10), trades_follow=True, written=True)
