"""What Binance sends, as typed structures: the field names are the venue's own."""

from __future__ import annotations

from typing import Annotated

import msgspec

Levels = list[tuple[float, float]]
Id = Annotated[int, msgspec.Meta(ge=0, le=2**62)]  # the columns hold 64 bits, and the id behind it must fit too
PreviousId = Annotated[int, msgspec.Meta(ge=-1, le=2**62)]
Time = Annotated[int, msgspec.Meta(ge=-(2**62), le=2**62)]
LATEST_MS = 9_000_000_000_000  # in the year 2255; as ns it still fits
Count = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]


class Trade(msgspec.Struct, gc=False):
    t: Id
    p: float
    q: float
    T: Time
    m: bool


class Quote(msgspec.Struct, gc=False):
    u: Id
    b: float
    B: float
    a: float
    A: float
    T: Time = 0


class Depth(msgspec.Struct, gc=False):
    E: Time
    U: Id
    u: Id
    b: msgspec.Raw
    a: msgspec.Raw
    pu: PreviousId = -1


class CheckedDepth(msgspec.Struct, gc=False):
    """The same with its levels decoded: slower, and an error names the one that is wrong."""

    E: Time
    U: Id
    u: Id
    b: Levels
    a: Levels
    pu: PreviousId = -1


class Bar(msgspec.Struct, gc=False):
    t: Time
    T: Time
    i: str
    o: float
    h: float
    l: float  # noqa: E741  the venue's own name
    c: float
    v: float
    q: float
    n: Count
    V: float
    x: bool


class Kline(msgspec.Struct, gc=False):
    E: Time
    k: Bar


class TradeFrame(msgspec.Struct, gc=False):
    data: Trade


class QuoteFrame(msgspec.Struct, gc=False):
    data: Quote


class DepthFrame(msgspec.Struct, gc=False):
    data: Depth


class CheckedDepthFrame(msgspec.Struct, gc=False):
    data: CheckedDepth


class KlineFrame(msgspec.Struct, gc=False):
    data: Kline


class Snapshot(msgspec.Struct):
    lastUpdateId: Id  # noqa: N815
    bids: Levels
    asks: Levels
    symbol: str = ""


class PastTrade(msgspec.Struct):
    id: Id
    price: float
    qty: float
    time: Time
    isBuyerMaker: bool  # noqa: N815


class Wrapper(msgspec.Struct):
    """A REST answer as the recorder journals it: what was asked, and the untouched body."""

    rest: str
    symbol: str = ""
    data: msgspec.Raw = msgspec.Raw(b"null")
    first_id: Id = 0
    last_id: Id = 0
    sent: Time = 0
    error: str = ""


class ServerTime(msgspec.Struct):
    serverTime: Annotated[int, msgspec.Meta(ge=0, le=LATEST_MS)]  # noqa: N815


class Filter(msgspec.Struct):
    filterType: str  # noqa: N815
    tickSize: str = ""  # noqa: N815
    stepSize: str = ""  # noqa: N815
    minQty: str = "0"  # noqa: N815
    minNotional: str = ""  # noqa: N815
    notional: str = ""


class SymbolInfo(msgspec.Struct):
    symbol: str
    filters: list[Filter]
    baseAsset: str = ""  # noqa: N815
    quoteAsset: str = ""  # noqa: N815


class ExchangeInfo(msgspec.Struct):
    """What the venue says of its symbols."""

    symbols: list[SymbolInfo]
