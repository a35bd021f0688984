"""What the recorder of a ccxt venue journals beside the venue's own frames, and the rows that come of it.

    {"rest":"connect","symbol":"wss://ws.kraken.com/v2"}
    {"rest":"overlap","symbol":"wss://ws.kraken.com/v2"}
    {"rest":"instruments","data":[{"symbol":"BTC/USDT","unified":"BTC/USDT","base":"BTC","quote":"USDT",
        "price_scale":1,"qty_scale":8,"tick":"0.1","lot":"0.00000001","min_qty":"0.0001","min_notional":"5",
        "taker":"0.004","maker":"0.0025","base_networks":[],"quote_networks":[]}]}
    {"rest":"book","symbol":"BTC/USDT","data":{"ts":1723161255343,"bids":[[61837.6,0.02]],"asks":[[61837.7,1.5]]}}
    {"rest":"trades","symbol":"BTC/USDT","data":[{"id":"51","ts":1723161255343,"price":61837.6,"qty":0.02,
        "side":"sell"}]}
    {"rest":"historicalTrades","symbol":"BTC/USDT","first_id":50,"last_id":51,"data":[..]}
    {"rest":"time","sent":1723161255000000000,"data":{"serverTime":1723161256260}}

`book` and `trades` are ccxt's unified answers: the fallback where a stream is not to be had. Times are milliseconds.
`overlap` is a new connection that another recorder's lines reach beyond: nothing is missing between the two.
"""

from __future__ import annotations

from typing import Any, Literal, TypeVar

import msgspec

from trifecta.errors import DataError
from trifecta.venues.listings import Listing
from trifecta.venues.venue import Answer

PREFIX = b'{"rest":"'
INSTRUMENTS = b'{"rest":"instruments"'
_CONNECT, _OVERLAP = b'{"rest":"connect"', b'{"rest":"overlap"'
KINDS = ("connect", "overlap", "instruments", "book", "trades", "historicalTrades", "time")
T = TypeVar("T")


class Book(msgspec.Struct):
    """A whole book as ccxt unifies it."""

    ts: int
    bids: list[tuple[float, float]]
    asks: list[tuple[float, float]]


class Print(msgspec.Struct):
    """A trade as ccxt unifies it."""

    id: str
    ts: int
    price: float
    qty: float
    side: Literal["buy", "sell"]


class _Wrapper(msgspec.Struct):
    rest: str
    symbol: str = ""
    data: msgspec.Raw = msgspec.Raw(b"null")
    first_id: int = 0
    last_id: int = 0
    sent: int = 0
    error: str = ""


_wrapper = msgspec.json.Decoder(_Wrapper)
_listings = msgspec.json.Decoder(list[Listing])
_book = msgspec.json.Decoder(Book)
_prints = msgspec.json.Decoder(list[Print])


def wrap(rest: str, symbol: str = "", data: Any = None, **given: int | str) -> bytes:
    """`{"rest":..,"symbol":..,<given>,"data":..}`"""
    return msgspec.json.encode({"rest": rest, "symbol": symbol, **given, "data": data})


def overlapping(payload: bytes) -> bytes:
    """The frame, as an overlap where it tells of a new connection."""
    return _OVERLAP + payload[len(_CONNECT) :] if payload.startswith(_CONNECT) else payload


def read(payload: bytes, position: int, ts_recv: int) -> Answer:
    """The answer in one journal frame.

    Raises:
        DataError: it is none of a known kind.
    """
    wrapper = _decode(_wrapper, payload)
    if wrapper.rest not in KINDS:
        raise DataError(f"rest = {wrapper.rest!r}: expected one of {', '.join(KINDS)}")
    return Answer(
        position,
        ts_recv,
        wrapper.rest,
        wrapper.symbol,
        data=bytes(wrapper.data),
        first_id=wrapper.first_id,
        last_id=wrapper.last_id,
        sent=wrapper.sent,
        error=wrapper.error,
    )


def listings(payload: bytes) -> list[Listing]:
    """What an `instruments` frame lists."""
    return read_listings(read(payload, 0, 0))


def read_listings(answer: Answer) -> list[Listing]:
    """What an `instruments` answer lists. Raises DataError."""
    return _decode(_listings, answer.data)


def book(data: bytes) -> Book:
    """A `book` answer's body. Raises DataError."""
    return _decode(_book, data)


def trades(data: bytes) -> list[Print]:
    """A `trades` answer's body. Raises DataError."""
    return _decode(_prints, data)


def number(trade_id: str) -> int:
    """A trade's id as a number; -1 where it is none that fits 62 bits."""
    return int(trade_id) if trade_id.isdecimal() and len(trade_id) <= 18 else -1


def _decode(decoder: msgspec.json.Decoder[T], data: bytes) -> T:
    try:
        return decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise DataError(f"not what the recorder journals: {error}") from error
