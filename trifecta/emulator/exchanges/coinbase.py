"""Coinbase Advanced Trade: REST and WebSocket. Formats: docs.cdp.coinbase.com/advanced-trade."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec
from aiohttp import web

from trifecta.emulator.exchanges.market import Book, Change, Character, Exchange, Listed
from trifecta.emulator.exchanges.protocol import Answer, Client
from trifecta.emulator.frames import Trade

CHARACTER = Character("coinbase", taker=0.012, maker=0.006, half_spread_bps=0.6, noise_bps=1.0, lag_s=0.2)
DECIMALS = {"BTC": (2, 8), "ETH": (2, 8), "SOL": (2, 8), "XRP": (4, 6), "ADA": (4, 8), "DOGE": (5, 1), "LTC": (2, 8)}
AGAINST_DOLLARS = ("LTC",)  # the venue lists it against USD, not USDT


class _Request(msgspec.Struct):
    type: str
    product_ids: list[str] = []
    channel: str = ""


def listed(bases: Iterable[str]) -> list[Listed]:
    """These assets as the venue lists them: most against USDT."""
    return [
        Listed(f"{base}-{quote}", base, quote, *DECIMALS[base], *(10 ** (8 - digits) for digits in DECIMALS[base]))
        for base in bases
        if base in DECIMALS
        for quote in ["USD" if base in AGAINST_DOLLARS else "USDT"]
    ]


class Coinbase:
    """Every message of a connection is numbered; numbers are texts, times ISO with nanoseconds."""

    books, trades = "level2", "market_trades"

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange

    def socket_path(self) -> str:
        return ""

    def rest(self) -> dict[str, Answer]:
        return {
            "/api/v3/brokerage/market/products": self._products,
            "/api/v3/brokerage/market/product_book": self._depth,
            "/api/v3/brokerage/market/products/{product}/ticker": self._latest,
            "/api/v3/brokerage/time": self._time,
            "/v2/time": lambda request: {"data": {"iso": iso(self._now_ms()), "epoch": self._now_ms() // 1000}},
            "/v2/currencies": lambda request: {"data": [{"id": "USD", "name": "US Dollar", "min_size": "0.01"}]},
            "/v2/currencies/crypto": self._currencies,
            "/v2/exchange-rates": lambda request: {"data": {"currency": "USD", "rates": {"USD": "1"}}},
        }

    def hello(self, client: Client) -> Iterable[str]:
        return ()

    def hear(self, client: Client, text: str) -> Iterable[str]:
        request = msgspec.json.decode(text, type=_Request)
        if request.type not in ("subscribe", "unsubscribe"):
            return [_text({"type": "error", "message": f"unknown type {request.type}"})]
        told = []
        for product in request.product_ids:
            book = self.exchange.books.get(product)
            if book is None:
                return [_text({"type": "error", "message": f"{product} is not a valid product"})]
            topic = (request.channel, product)
            if request.type == "unsubscribe":
                client.topics.discard(topic)
                continue
            client.topics.add(topic)
            if request.channel == self.books:
                told.append(self.change(client, book, book.snapshot()))
        subscribed: dict[str, list[str]] = {}
        for channel, product in sorted(client.topics):
            subscribed.setdefault(channel, []).append(product)
        return [*told, self._message(client, "subscriptions", self._now_ms(), [{"subscriptions": subscribed}])]

    def change(self, client: Client, book: Book, change: Change) -> str:
        own = book.listed
        updates = [
            {
                "side": side,
                "event_time": iso(change.ts_ms),
                "price_level": own.price_text(price),
                "new_quantity": own.qty_text(qty),
            }
            for side, levels in (("bid", change.bids), ("offer", change.asks))
            for price, qty in levels
        ]
        event = {"type": "snapshot" if change.whole else "update", "product_id": own.symbol, "updates": updates}
        return self._message(client, "l2_data", change.ts_ms, [event])

    def trade(self, client: Client, book: Book, trade: Trade) -> str:
        return self._message(
            client, "market_trades", trade.ts_ms, [{"type": "update", "trades": [_describe_trade(book.listed, trade)]}]
        )

    def beat(self, client: Client, now_ms: int) -> str | None:
        return None

    def _message(self, client: Client, channel: str, ts_ms: int, events: list[dict[str, Any]]) -> str:
        head = {"channel": channel, "client_id": "", "timestamp": iso(ts_ms)}
        return _text({**head, "sequence_num": client.next_sequence(), "events": events})

    def _products(self, request: web.Request) -> dict[str, Any]:
        asked = request.query.get("product_type", "SPOT")
        products = [_describe(book) for book in self.exchange.books.values()] if asked == "SPOT" else []
        return {"products": products, "num_products": len(products)}

    def _currencies(self, request: web.Request) -> dict[str, Any]:
        names = {name for book in self.exchange.books.values() for name in (book.listed.base, book.listed.quote)}
        rows = [
            {"asset_id": name, "code": name, "name": name, "exponent": 8, "type": "crypto"}
            for name in sorted(names - {"USD"})
        ]
        return {"data": rows}

    def _time(self, request: web.Request) -> dict[str, Any]:
        now_ms = self._now_ms()
        return {"iso": iso(now_ms), "epochSeconds": str(now_ms // 1000), "epochMillis": str(now_ms)}

    def _depth(self, request: web.Request) -> Any:
        book = self.exchange.books.get(request.query.get("product_id", ""))
        if book is None:
            return {"error": "NOT_FOUND", "message": "product not found"}
        bids, asks = book.depth(int(request.query.get("limit", "50")))
        own = book.listed
        sides = {
            name: [{"price": own.price_text(price), "size": own.qty_text(qty)} for price, qty in side]
            for name, side in (("bids", bids), ("asks", asks))
        }
        return {"pricebook": {"product_id": own.symbol, **sides, "time": iso(book.ts_ms)}}

    def _latest(self, request: web.Request) -> Any:
        book = self.exchange.books.get(request.match_info["product"])
        if book is None:
            return {"error": "NOT_FOUND", "message": "product not found"}
        found = book.trades.latest(int(request.query.get("limit", "100")))
        bids, asks = book.depth(1)
        own = book.listed
        best = {"best_bid": own.price_text(bids[0][0]), "best_ask": own.price_text(asks[0][0])}
        return {"trades": [_describe_trade(own, trade) for trade in reversed(found)], **best}

    def _now_ms(self) -> int:
        return max(book.ts_ms for book in self.exchange.books.values())


def _describe_trade(own: Listed, trade: Trade) -> dict[str, Any]:
    return {
        "trade_id": str(trade.id),
        "product_id": own.symbol,
        "price": own.price_text(trade.price),
        "size": own.qty_text(trade.qty),
        "side": "BUY" if trade.buyer_maker else "SELL",  # the maker's
        "time": iso(trade.ts_ms),
    }


def _describe(book: Book) -> dict[str, Any]:
    own = book.listed
    bids, _ = book.depth(1)
    return {
        "product_id": own.symbol,
        "price": own.price_text(bids[0][0]) if bids else "",
        "base_increment": own.qty_text(own.lot_e8),
        "quote_increment": own.price_text(own.tick_e8),
        "price_increment": own.price_text(own.tick_e8),
        "quote_min_size": "1",
        "quote_max_size": "150000000",
        "base_min_size": own.qty_text(own.lot_e8),
        "base_max_size": "3400000",
        "base_name": own.base,
        "quote_name": own.quote,
        "watched": False,
        "is_disabled": False,
        "new": False,
        "status": "online",
        "cancel_only": False,
        "limit_only": False,
        "post_only": False,
        "trading_disabled": False,
        "auction_mode": False,
        "product_type": "SPOT",
        "quote_currency_id": own.quote,
        "base_currency_id": own.base,
        "mid_market_price": "",
        "alias": "",
        "alias_to": [],
        "base_display_symbol": own.base,
        "quote_display_symbol": own.quote,
        "view_only": False,
        "display_name": own.symbol,
        "product_venue": "CBE",
    }


def _text(message: dict[str, Any]) -> str:
    return msgspec.json.encode(message).decode()


def iso(ts_ms: int) -> str:
    """A time as the venue writes it."""
    seconds, milliseconds = divmod(ts_ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{milliseconds:03d}000000Z"
