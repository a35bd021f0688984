"""What Binance sends, as typed structures: the field names are the venue's own."""

from __future__ import annotations

import msgspec

Levels = list[tuple[float, float]]


class Trade(msgspec.Struct, gc=False):
    t: int
    p: float
    q: float
    T: int
    m: bool


class Quote(msgspec.Struct, gc=False):
    u: int
    b: float
    B: float
    a: float
    A: float
    T: int = 0


class Depth(msgspec.Struct, gc=False):
    E: int
    U: int
    u: int
    b: Levels
    a: Levels
    pu: int = -1


class Bar(msgspec.Struct, gc=False):
    t: int
    T: int
    i: str
    o: float
    h: float
    l: float  # noqa: E741  the venue's own name
    c: float
    v: float
    q: float
    n: int
    V: float
    x: bool


class Kline(msgspec.Struct, gc=False):
    E: int
    k: Bar


class TradeFrame(msgspec.Struct, gc=False):
    data: Trade


class QuoteFrame(msgspec.Struct, gc=False):
    data: Quote


class DepthFrame(msgspec.Struct, gc=False):
    data: Depth


class KlineFrame(msgspec.Struct, gc=False):
    data: Kline


class Snapshot(msgspec.Struct):
    lastUpdateId: int  # noqa: N815
    bids: Levels
    asks: Levels
    symbol: str = ""


class PastTrade(msgspec.Struct):
    id: int
    price: float
    qty: float
    time: int
    isBuyerMaker: bool  # noqa: N815


class Wrapper(msgspec.Struct):
    """A REST answer as the recorder journals it: what was asked, and the untouched body."""

    rest: str
    symbol: str = ""
    data: msgspec.Raw = msgspec.Raw(b"null")
    first_id: int = 0
    last_id: int = 0
    sent: int = 0
    error: str = ""


class ServerTime(msgspec.Struct):
    serverTime: int  # noqa: N815


class Filter(msgspec.Struct):
    filterType: str  # noqa: N815
    tickSize: str = ""  # noqa: N815
    stepSize: str = ""  # noqa: N815
    minNotional: str = ""  # noqa: N815
    notional: str = ""


class SymbolInfo(msgspec.Struct):
    symbol: str
    filters: list[Filter]


class ExchangeInfo(msgspec.Struct):
    """What the venue says of its symbols."""

    symbols: list[SymbolInfo]
