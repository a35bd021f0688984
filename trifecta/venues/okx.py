"""OKX spot, WebSocket API v5.

    {"arg":{"channel":"books","instId":"BTC-USDT"},"action":"snapshot","data":[{"asks":[["30243.5","1.44679","0","6"]],
        "bids":[["30243.4","0.2","0","1"]],"ts":"1652459225381","checksum":47640993,"seqId":1,"prevSeqId":-1}]}
    {"arg":{"channel":"books","instId":"BTC-USDT"},"action":"update","data":[{"asks":[["30249.4","0","0","0"]],
        "bids":[],"ts":"1652459225464","checksum":-914047754,"seqId":3,"prevSeqId":1}]}
    {"arg":{"channel":"trades","instId":"BTC-USDT"},"data":[{"instId":"BTC-USDT","tradeId":"318","px":"30243.5",
        "sz":"0.01","side":"buy","ts":"1652459224958","count":"1"}]}
    {"arg":{"channel":"tickers","instId":"BTC-USDT"},"data":[{"instType":"SPOT","instId":"BTC-USDT","last":"30243.5",
        "askPx":"30243.5","askSz":"1.44679","bidPx":"30243.4","bidSz":"0.2","ts":"1652459223003"}]}
    {"event":"subscribe","arg":{"channel":"books","instId":"BTC-USDT"}}

`seqId` and `prevSeqId` chain the changes of a book; older recordings have only the checksum: the CRC32 of the best 25
bids and asks in turn, `price:size` joined with colons, signed; 0 where the venue does not compute it. A trade's id is
the last of the `count` that it sums up. Formats: OKX API documentation, "Order book channel".
"""

from __future__ import annotations

from itertools import zip_longest
from typing import Annotated, Literal
from zlib import crc32

import msgspec

from trifecta.market.events import Link, Side
from trifecta.market.instruments import Instrument
from trifecta.venues.ccxt_venue import ccxt_venue
from trifecta.venues.messages import NO_CHECKSUM, Change, Message, Quote, Trade
from trifecta.venues.venue import BookRules
from trifecta.venues.venue import Side as Levels

DEPTH = 400
_MS = 1_000_000
_SIDES = {"buy": Side.BUY, "sell": Side.SELL}


class _Arg(msgspec.Struct, gc=False):
    channel: str
    symbol: str = msgspec.field(default="", name="instId")


class _Book(msgspec.Struct, gc=False):
    bids: list[tuple[str, str, str, str]]
    asks: list[tuple[str, str, str, str]]
    ts: int
    checksum: int = 0
    seqId: int = -1  # noqa: N815  the venue's own names
    prevSeqId: int = -1  # noqa: N815


class _Trade(msgspec.Struct, gc=False):
    px: str
    sz: str
    side: Literal["buy", "sell"]
    ts: int
    tradeId: int  # noqa: N815
    count: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 1


class _Ticker(msgspec.Struct, gc=False):
    bidPx: str  # noqa: N815
    bidSz: str  # noqa: N815
    askPx: str  # noqa: N815
    askSz: str  # noqa: N815
    ts: int


class _Message(msgspec.Struct, gc=False):
    arg: _Arg | None = None
    action: str = ""
    event: str = ""
    data: msgspec.Raw = msgspec.Raw(b"[]")


_message = msgspec.json.Decoder(_Message)
_books = msgspec.json.Decoder(list[_Book], strict=False)
_trades = msgspec.json.Decoder(list[_Trade], strict=False)
_tickers = msgspec.json.Decoder(list[_Ticker], strict=False)


def read(payload: bytes) -> Message:
    """What one frame tells. Raises ValueError or msgspec's errors where it is none of OKX's."""
    if payload == b"pong":
        return Message()
    message = _message.decode(payload)
    if message.arg is None or message.event:
        return Message()
    symbol = message.arg.symbol
    match message.arg.channel:
        case "books" | "books5" | "bbo-tbt":
            books = _books.decode(message.data)
            whole = message.action != "update"
            return Message(max(told.ts for told in books) * _MS, [_change(symbol, told, whole) for told in books])
        case "trades" | "trades-all":
            trades = _trades.decode(message.data)
            told = [_trade(symbol, trade) for trade in trades]
            return Message(0, told)  # the first one after a subscription is the last trade, however long ago
        case "tickers":
            tickers = _tickers.decode(message.data)
            quotes = [Quote(symbol, t.ts * _MS, t.bidPx, t.bidSz, t.askPx, t.askSz) for t in tickers]
            return Message(0, quotes)
    raise ValueError(f"channel = {message.arg.channel!r}: expected books, trades or tickers")


def checksum(bids: Levels, asks: Levels, instrument: Instrument) -> int:
    """OKX's checksum of the best 25 levels a side, as uint32."""
    texts = []
    for pair in zip_longest(bids, asks):
        for level in pair:
            if level is not None:
                texts += [_text(level[0], instrument.price_scale), _text(level[1], instrument.qty_scale)]
    return crc32(":".join(texts).encode())


def _change(symbol: str, told: _Book, whole: bool) -> Change:
    bids, asks = ([(price, qty) for price, qty, *_ in side] for side in (told.bids, told.asks))
    link = Link.WHOLE if whole else told.prevSeqId if told.seqId >= 0 else Link.NEXT
    summed = told.checksum & 0xFFFFFFFF if told.checksum else NO_CHECKSUM
    return Change(symbol, told.ts * _MS, bids, asks, link, told.seqId, summed)


def _trade(symbol: str, told: _Trade) -> Trade:
    first = told.tradeId - told.count + 1
    return Trade(symbol, told.ts * _MS, first, told.px, told.sz, _SIDES[told.side], told.count)


def _text(value: int, scale: int) -> str:
    """The number as the venue writes it: no zeros at the end, no point behind a whole one."""
    if not scale:
        return str(value)
    whole, fraction = divmod(value, 10**scale)
    return f"{whole}.{fraction:0{scale}d}".rstrip("0").rstrip(".")


OKX = ccxt_venue("okx", read, book=BookRules(DEPTH, checksum, 25), trades_follow=True)
