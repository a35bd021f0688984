"""OKX spot: REST and WebSocket API v5. Formats: okx.com/docs-v5."""

from collections.abc import Iterable
from itertools import zip_longest
from typing import Any
from zlib import crc32

import msgspec
from aiohttp import web

from trifecta.emulator.exchanges.market import Book, Change, Character, Exchange, Levels, Listed
from trifecta.emulator.exchanges.protocol import Answer, Client
from trifecta.emulator.frames import Trade
from trifecta.emulator.instruments import E8

CHARACTER = Character("okx", taker=0.0015, maker=0.001, half_spread_bps=0.4, noise_bps=0.8, lag_s=0.15)
DECIMALS = {"BTC": (1, 8), "ETH": (2, 6), "SOL": (2, 6), "XRP": (4, 6), "ADA": (4, 4), "DOGE": (5, 4), "LTC": (2, 6)}
SMALLEST = {"BTC": "0.00001", "ETH": "0.0001", "SOL": "0.001", "XRP": "1", "ADA": "1", "DOGE": "10", "LTC": "0.01"}


class _Arg(msgspec.Struct):
    channel: str
    instId: str = ""  # noqa: N815  the venue's own name


class _Request(msgspec.Struct):
    op: str
    args: list[_Arg] = []


def listed(bases: Iterable[str]) -> list[Listed]:
    """These assets against USDT."""
    return [
        Listed(f"{base}-USDT", base, "USDT", *DECIMALS[base], *(10 ** (8 - digits) for digits in DECIMALS[base]))
        for base in bases
        if base in DECIMALS
    ]


class Okx:
    """Numbers are texts without zeros at the end; times are milliseconds as text."""

    books, trades = "books", "trades"

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange

    def socket_path(self) -> str:
        return "/ws/v5/public"

    def rest(self) -> dict[str, Answer]:
        return {
            "/api/v5/public/instruments": self._instruments,
            "/api/v5/public/time": lambda request: _ok([{"ts": str(self._now_ms())}]),
            "/api/v5/market/books": self._depth,
            "/api/v5/market/trades": self._latest,
            "/api/v5/market/ticker": self._ticker,
        }

    def hello(self, client: Client) -> Iterable[str]:
        return ()

    def hear(self, client: Client, text: str) -> Iterable[str]:
        if text == "ping":
            return ["pong"]
        request = msgspec.json.decode(text, type=_Request)
        told: list[str] = []
        for arg in request.args:
            told += self._subscription(client, request.op, arg)
        return told

    def change(self, client: Client, book: Book, change: Change) -> str:
        own = book.listed
        bids, asks = (
            ",".join(f'["{number_text(p)}","{number_text(q)}","0","{1 if q else 0}"]' for p, q in side)
            for side in (change.bids, change.asks)
        )
        action = "snapshot" if change.whole else "update"
        return (
            f'{{"arg":{{"channel":"books","instId":"{own.symbol}"}},"action":"{action}","data":[{{"asks":[{asks}],'
            f'"bids":[{bids}],"ts":"{change.ts_ms}","checksum":{checksum(*book.depth(25))},'
            f'"seqId":{change.last_id},"prevSeqId":{change.previous_id}}}]}}'
        )

    def trade(self, client: Client, book: Book, trade: Trade) -> str:
        own, side = book.listed, "sell" if trade.buyer_maker else "buy"
        return (
            f'{{"arg":{{"channel":"trades","instId":"{own.symbol}"}},"data":[{{"instId":"{own.symbol}",'
            f'"tradeId":"{trade.id}","px":"{number_text(trade.price)}","sz":"{number_text(trade.qty)}","side":"{side}",'
            f'"ts":"{trade.ts_ms}","count":"1"}}]}}'
        )

    def beat(self, client: Client, now_ms: int) -> str | None:
        return None

    def _subscription(self, client: Client, op: str, arg: _Arg) -> list[str]:
        book = self.exchange.books.get(arg.instId)
        if book is None or op not in ("subscribe", "unsubscribe"):
            text = f"channel:{arg.channel},instId:{arg.instId} doesn't exist"
            return [_text({"event": "error", "code": "60018", "msg": text, "connId": "a4d3ae55"})]
        answer = [_text({"event": op, "arg": arg, "connId": "a4d3ae55"})]
        if op == "unsubscribe":
            client.topics.discard((arg.channel, arg.instId))
            return answer
        client.topics.add((arg.channel, arg.instId))
        return [*answer, self.change(client, book, book.snapshot())] if arg.channel == self.books else answer

    def _instruments(self, request: web.Request) -> dict[str, Any]:
        if request.query.get("instType") != "SPOT":
            return _ok([])
        return _ok([_describe(book.listed) for book in self.exchange.books.values()])

    def _depth(self, request: web.Request) -> dict[str, Any]:
        book = self.exchange.books.get(request.query.get("instId", ""))
        if book is None:
            return {"code": "51001", "msg": "Instrument ID doesn't exist.", "data": []}
        bids, asks = book.depth(int(request.query.get("sz", "1")))
        sides = {
            name: [[number_text(price), number_text(qty), "0", "1"] for price, qty in side]
            for name, side in (("bids", bids), ("asks", asks))
        }
        return _ok([{**sides, "ts": str(book.ts_ms), "seqId": book.change_id}])

    def _latest(self, request: web.Request) -> dict[str, Any]:
        book = self.exchange.books.get(request.query.get("instId", ""))
        if book is None:
            return {"code": "51001", "msg": "Instrument ID doesn't exist.", "data": []}
        found = book.trades.latest(int(request.query.get("limit", "100")))
        rows = [
            {
                "instId": book.listed.symbol,
                "tradeId": str(trade.id),
                "px": number_text(trade.price),
                "sz": number_text(trade.qty),
                "side": "sell" if trade.buyer_maker else "buy",
                "ts": str(trade.ts_ms),
            }
            for trade in reversed(found)
        ]
        return _ok(rows)

    def _ticker(self, request: web.Request) -> dict[str, Any]:
        book = self.exchange.books.get(request.query.get("instId", ""))
        if book is None:
            return {"code": "51001", "msg": "Instrument ID doesn't exist.", "data": []}
        ((bid, bid_qty),), ((ask, ask_qty),) = book.depth(1)
        last = book.trades.last
        told = {"bidPx": bid, "bidSz": bid_qty, "askPx": ask, "askSz": ask_qty, "last": last.price if last else bid}
        numbers = {name: number_text(value) for name, value in told.items()}
        return _ok([{"instType": "SPOT", "instId": book.listed.symbol, **numbers, "ts": str(book.ts_ms)}])

    def _now_ms(self) -> int:
        return max(book.ts_ms for book in self.exchange.books.values())


def checksum(bids: Levels, asks: Levels) -> int:
    """Signed CRC32 of the best bids and asks in turn, price:size joined with colons."""
    pairs = [level for pair in zip_longest(bids, asks) for level in pair if level is not None]
    summed = crc32(":".join(f"{number_text(price)}:{number_text(qty)}" for price, qty in pairs).encode())
    return summed - 2**32 if summed >= 2**31 else summed


def number_text(value_e8: int) -> str:
    """A number without zeros at its end."""
    sign, value = ("-", -value_e8) if value_e8 < 0 else ("", value_e8)
    whole, fraction = divmod(value, E8)
    return f"{sign}{whole}.{fraction:08d}".rstrip("0").rstrip(".")


def _describe(own: Listed) -> dict[str, Any]:
    return {
        "alias": "",
        "baseCcy": own.base,
        "category": "1",
        "ctMult": "",
        "ctType": "",
        "ctVal": "",
        "ctValCcy": "",
        "expTime": "",
        "instFamily": "",
        "instId": own.symbol,
        "instType": "SPOT",
        "lever": "10",
        "listTime": "1548133413000",
        "lotSz": number_text(own.lot_e8),
        "maxLmtSz": "9999999999",
        "maxMktSz": "1000000",
        "minSz": SMALLEST[own.base],
        "optType": "",
        "quoteCcy": own.quote,
        "settleCcy": "",
        "state": "live",
        "stk": "",
        "tickSz": number_text(own.tick_e8),
        "uly": "",
    }


def _ok(data: list[dict[str, Any]]) -> dict[str, Any]:
    return {"code": "0", "msg": "", "data": data}


def _text(message: dict[str, Any]) -> str:
    return msgspec.json.encode(message).decode()
