"""Kraken spot: REST and WebSocket API v2. Formats: docs.kraken.com/api."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from zlib import crc32

import msgspec
from aiohttp import web

from trifecta.emulator.exchanges.market import Book, Change, Character, Exchange, Listed
from trifecta.emulator.exchanges.protocol import Answer, Client
from trifecta.emulator.frames import Trade
from trifecta.emulator.instruments import decimal_text

CHARACTER = Character("kraken", taker=0.004, maker=0.0025, half_spread_bps=0.8, noise_bps=1.0, lag_s=0.25)
OLD_NAMES = {"BTC": "XBT", "DOGE": "XDG"}
PREFIXED = {"BTC": "XXBT", "ETH": "XETH", "XRP": "XXRP", "LTC": "XLTC", "DOGE": "XXDG", "USD": "ZUSD"}
DECIMALS = {"BTC": 1, "ETH": 2, "SOL": 2, "XRP": 5, "ADA": 6, "DOGE": 7, "LTC": 2}
LOT_DECIMALS = 8
SMALLEST = {"BTC": "0.00005", "ETH": "0.001", "SOL": "0.02", "XRP": "2", "ADA": "4", "DOGE": "13", "LTC": "0.04"}


class _Params(msgspec.Struct):
    channel: str = ""
    symbol: list[str] = []
    depth: int = 10


class _Request(msgspec.Struct):
    method: str
    params: _Params = msgspec.field(default_factory=_Params)
    req_id: int | None = None


def listed(bases: Iterable[str]) -> list[Listed]:
    """These assets against USDT."""
    return [
        Listed(f"{base}/USDT", base, "USDT", DECIMALS[base], LOT_DECIMALS, 10 ** (8 - DECIMALS[base]), 1)
        for base in bases
        if base in DECIMALS
    ]


class Kraken:
    """Everything is told as numbers with all the decimals of the pair; times are ISO with microseconds."""

    books, trades = "book", "trade"

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self._by_pair = {pair_name(book.listed): book for book in exchange.books.values()}

    def socket_path(self) -> str:
        return "/v2"

    def rest(self) -> dict[str, Answer]:
        return {
            "/0/public/AssetPairs": lambda request: _ok(
                {pair: _describe(book) for pair, book in self._by_pair.items()}
            ),
            "/0/public/Assets": lambda request: _ok(self._assets()),
            "/0/public/Time": lambda request: _ok({"unixtime": self._now_ms() // 1000, "rfc1123": ""}),
            "/0/public/Depth": self._depth,
            "/0/public/Trades": self._trades,
        }

    def hello(self, client: Client) -> Iterable[str]:
        data = [{"version": "2.0.0", "system": "online", "api_version": "v2", "connection_id": id(client)}]
        return [_text({"channel": "status", "type": "update", "data": data})]

    def hear(self, client: Client, text: str) -> Iterable[str]:
        request = msgspec.json.decode(text, type=_Request)
        if request.method == "ping":
            return [_text({"method": "pong", "req_id": request.req_id})]
        told: list[str] = []
        for symbol in request.params.symbol:
            told += self._subscription(client, request, symbol)
        return told

    def change(self, client: Client, book: Book, change: Change) -> str:
        own = book.listed
        bids, asks = (
            ",".join(f'{{"price":{own.price_text(p)},"qty":{own.qty_text(q)}}}' for p, q in side)
            for side in (change.bids, change.asks)
        )
        kind = "snapshot" if change.whole else "update"
        return (
            f'{{"channel":"book","type":"{kind}","data":[{{"symbol":"{own.symbol}","bids":[{bids}],"asks":[{asks}],'
            f'"checksum":{checksum(book)},"timestamp":"{_iso(change.ts_ms)}"}}]}}'
        )

    def trade(self, client: Client, book: Book, trade: Trade) -> str:
        own, side = book.listed, "sell" if trade.buyer_maker else "buy"
        return (
            f'{{"channel":"trade","type":"update","data":[{{"symbol":"{own.symbol}","side":"{side}",'
            f'"price":{own.price_text(trade.price)},"qty":{own.qty_text(trade.qty)},"ord_type":"market",'
            f'"trade_id":{trade.id},"timestamp":"{_iso(trade.ts_ms)}"}}]}}'
        )

    def beat(self, client: Client, now_ms: int) -> str | None:
        return '{"channel":"heartbeat"}'

    def _subscription(self, client: Client, request: _Request, symbol: str) -> list[str]:
        channel, book = request.params.channel, self.exchange.books.get(symbol)
        if (
            book is None
            or channel not in (self.books, self.trades)
            or request.method not in ("subscribe", "unsubscribe")
        ):
            error = f"Currency pair not supported {symbol}" if book is None else "Malformed request"
            answer = {"method": request.method, "error": error, "success": False, "req_id": request.req_id}
            return [_text({**answer, "symbol": symbol})]
        result: dict[str, Any] = {"channel": channel, "symbol": symbol, "snapshot": True}
        answer = {"method": request.method, "result": result, "success": True, "req_id": request.req_id}
        if request.method == "unsubscribe":
            client.topics.discard((channel, symbol))
            return [_text(answer)]
        client.topics.add((channel, symbol))
        if channel == self.trades:
            return [_text(answer)]
        result["depth"] = request.params.depth
        return [_text(answer), self.change(client, book, book.snapshot())]

    def _assets(self) -> dict[str, Any]:
        names = {name for book in self._by_pair.values() for name in (book.listed.base, book.listed.quote)}
        return {
            PREFIXED.get(name, name): {
                "aclass": "currency",
                "altname": OLD_NAMES.get(name, name),
                "decimals": 10,
                "display_decimals": 5,
                "status": "enabled",
            }
            for name in sorted(names)
        }

    def _depth(self, request: web.Request) -> dict[str, Any]:
        book = self._by_pair.get(request.query.get("pair", ""))
        if book is None:
            return {"error": ["EQuery:Unknown asset pair"]}
        bids, asks = book.depth(int(request.query.get("count", "100")))
        own, ts = book.listed, book.ts_ms // 1000
        sides = {
            name: [[own.price_text(p), own.qty_text(q), ts] for p, q in side]
            for name, side in (("bids", bids), ("asks", asks))
        }
        return _ok({pair_name(own): sides})

    def _trades(self, request: web.Request) -> dict[str, Any]:
        book = self._by_pair.get(request.query.get("pair", ""))
        if book is None:
            return {"error": ["EQuery:Unknown asset pair"]}
        own, found = book.listed, book.trades.latest(int(request.query.get("count", "1000")))
        rows = [
            [own.price_text(t.price), own.qty_text(t.qty), t.ts_ms / 1000, "s" if t.buyer_maker else "b", "m", "", t.id]
            for t in found
        ]
        return _ok({pair_name(own): rows, "last": str(found[-1].ts_ms * 1_000_000) if found else "0"})

    def _now_ms(self) -> int:
        return max(book.ts_ms for book in self._by_pair.values())


def checksum(book: Book) -> int:
    """CRC32 of the best ten asks, then bids: digits of price and size without leading zeros."""
    bids, asks = book.depth(10)
    own = book.listed
    digits = [
        text.replace(".", "").lstrip("0")
        for price, qty in (*asks, *bids)
        for text in (own.price_text(price), own.qty_text(qty))
    ]
    return crc32("".join(digits).encode())


def pair_name(own: Listed) -> str:
    """A pair as REST names it."""
    return f"{OLD_NAMES.get(own.base, own.base)}{own.quote}"


def _describe(book: Book) -> dict[str, Any]:
    own, character = book.listed, CHARACTER
    base = OLD_NAMES.get(own.base, own.base)
    return {
        "altname": f"{base}{own.quote}",
        "wsname": f"{base}/{own.quote}",
        "aclass_base": "currency",
        "base": PREFIXED.get(own.base, own.base),
        "aclass_quote": "currency",
        "quote": PREFIXED.get(own.quote, own.quote),
        "lot": "unit",
        "cost_decimals": 5,
        "pair_decimals": own.price_decimals,
        "lot_decimals": own.qty_decimals,
        "lot_multiplier": 1,
        "leverage_buy": [],
        "leverage_sell": [],
        "fees": [[0, character.taker * 100]],
        "fees_maker": [[0, character.maker * 100]],
        "fee_volume_currency": "ZUSD",
        "margin_call": 80,
        "margin_stop": 40,
        "ordermin": SMALLEST[own.base],
        "costmin": "0.5",
        "tick_size": decimal_text(own.tick_e8, own.price_decimals),
        "status": "online",
    }


def _ok(result: dict[str, Any]) -> dict[str, Any]:
    return {"error": [], "result": result}


def _text(message: dict[str, Any]) -> str:
    return msgspec.json.encode(message).decode()


def _iso(ts_ms: int) -> str:
    return datetime.fromtimestamp(ts_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
