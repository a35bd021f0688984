"""Market data endpoints of one market, in Binance's forms, weights and errors."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from trifecta.emulator.config import MarketName
from trifecta.emulator.exchange_info import exchange_info
from trifecta.emulator.frames import Trade
from trifecta.emulator.klines import INTERVALS_MS, klines_of
from trifecta.emulator.limits import weight
from trifecta.emulator.listing import Listing

Query = Mapping[str, str]
MOST_LEVELS = {MarketName.SPOT: 5_000, MarketName.USDM: 1_000}
USDM_DEPTH_LIMITS = (5, 10, 20, 50, 100, 500, 1_000)
MOST_ROWS = 1_000
MOST_KLINES = {MarketName.SPOT: 1_000, MarketName.USDM: 1_500}


class VenueError(Exception):
    """An error as the venue answers it: HTTP status, its own code, its own words."""

    def __init__(self, code: int, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.status = status
        self.body = msgspec.json.encode({"code": code, "msg": text})


class Rest:
    """Answers of one market. `now_ms` is the server's clock as clients are to see it."""

    def __init__(
        self, market: MarketName, listings: Mapping[str, Listing], weight_limit: int, now_ms: Callable[[], int]
    ) -> None:
        self._market = market
        self._spot = market is MarketName.SPOT
        self._listings = listings
        self._weight_limit = weight_limit
        self._now_ms = now_ms
        self.endpoints: dict[str, Callable[[Query], Any]] = {
            "ping": lambda query: {},
            "time": lambda query: {"serverTime": now_ms()},
            "exchangeInfo": self._exchange_info,
            "depth": self._depth,
            "trades": self._trades,
            "historicalTrades": self._trades,
            "klines": self._klines,
            "ticker/bookTicker": self._book_ticker,
            "ticker/price": self._price,
        }

    def cost(self, endpoint: str, query: Query) -> int:
        """Weight of the request; one that will be refused costs what its defaults cost."""
        limit = query.get("limit", "")
        default = 100 if endpoint == "depth" and self._spot else 500
        return weight(self._market, endpoint, int(limit) if limit.isdecimal() else default, "symbol" in query)

    def answer(self, endpoint: str, query: Query) -> bytes:
        """JSON body of the answer, or VenueError."""
        return msgspec.json.encode(self.endpoints[endpoint](query))

    def _exchange_info(self, query: Query) -> dict[str, Any]:
        instruments = [listing.instrument for listing in self._asked(query)]
        return exchange_info(self._market, instruments, self._weight_limit, self._now_ms())

    def _depth(self, query: Query) -> dict[str, Any]:
        listing = self._one(query)
        limit = _whole(query, "limit", 100 if self._spot else 500)
        if not self._spot and limit not in USDM_DEPTH_LIMITS:
            raise VenueError(-4021, f"{limit} is not valid depth limit.")
        if listing.book.update_id < 0:
            raise VenueError(-1000, "The recording has shown no depth snapshot of this symbol.", 503)
        bids, asks = listing.book.depth(min(limit, MOST_LEVELS[self._market]))
        price, qty = listing.instrument.price_text, listing.instrument.qty_text
        times = {} if self._spot else {"E": self._now_ms(), "T": self._now_ms()}
        return {
            "lastUpdateId": listing.book.update_id,
            **times,
            "bids": [(price(p), qty(q)) for p, q in bids],
            "asks": [(price(p), qty(q)) for p, q in asks],
        }

    def _trades(self, query: Query) -> list[dict[str, Any]]:
        listing = self._one(query)
        limit = min(_whole(query, "limit", 500), MOST_ROWS)
        from_id = _optional(query, "fromId")
        found = listing.trades.latest(limit) if from_id is None else listing.trades.read(from_id, limit)
        return [self._trade(listing, trade) for trade in found]

    def _trade(self, listing: Listing, trade: Trade) -> dict[str, Any]:
        own = listing.instrument
        best = {"isBestMatch": True} if self._spot else {}
        return {
            "id": trade.id,
            "price": own.price_text(trade.price),
            "qty": own.qty_text(trade.qty),
            "quoteQty": own.quote_text(trade.price * trade.qty // 100_000_000),
            "time": trade.ts_ms,
            "isBuyerMaker": trade.buyer_maker,
            **best,
        }

    def _klines(self, query: Query) -> list[list[Any]]:
        listing = self._one(query)
        interval = _mandatory(query, "interval")
        if interval not in INTERVALS_MS:
            raise VenueError(-1120, "Invalid interval.")
        limit = min(_whole(query, "limit", 500), MOST_KLINES[self._market])
        start_ms, end_ms = _optional(query, "startTime"), _optional(query, "endTime")
        bars = listing.klines.select(interval, start_ms, end_ms, limit)
        own = listing.instrument
        return [
            [
                bar.open_ms,
                *map(own.price_text, (bar.open, bar.high, bar.low, bar.close)),
                own.qty_text(bar.volume),
                bar.open_ms + INTERVALS_MS[interval] - 1,
                own.quote_text(bar.quote),
                bar.trades,
                own.qty_text(bar.taker_volume),
                own.quote_text(bar.taker_quote),
                "0",
            ]
            for bar in klines_of(bars)
        ]

    def _book_ticker(self, query: Query) -> Any:
        return self._each(query, self._top)

    def _top(self, listing: Listing) -> dict[str, Any]:
        own = listing.instrument
        bid, bid_qty, ask, ask_qty = listing.book.top()
        prices = {
            "symbol": own.symbol,
            "bidPrice": own.price_text(bid),
            "bidQty": own.qty_text(bid_qty),
            "askPrice": own.price_text(ask),
            "askQty": own.qty_text(ask_qty),
        }
        return prices if self._spot else {**prices, "time": self._now_ms(), "lastUpdateId": listing.book.update_id}

    def _price(self, query: Query) -> Any:
        return self._each(query, self._last)

    def _last(self, listing: Listing) -> dict[str, Any]:
        """The last trade's price; before the first trade, what the history closed at."""
        last, minutes = listing.trades.last, listing.klines.minutes()
        price = last.price if last else int(minutes[-1]["close"]) if len(minutes) else 0
        answer = {"symbol": listing.instrument.symbol, "price": listing.instrument.price_text(price)}
        return answer if self._spot else {**answer, "time": last.ts_ms if last else self._now_ms()}

    def _each(self, query: Query, answer: Callable[[Listing], dict[str, Any]]) -> Any:
        """One answer for `symbol`, else a list."""
        if "symbol" in query:
            return answer(self._one(query))
        return [answer(listing) for listing in self._asked(query)]

    def _asked(self, query: Query) -> list[Listing]:
        if "symbol" in query:
            return [self._one(query)]
        if "symbols" not in query:
            return list(self._listings.values())
        try:
            symbols = msgspec.json.decode(query["symbols"], type=list[str])
        except msgspec.MsgspecError:
            raise VenueError(-1100, "Illegal characters found in parameter 'symbols'.") from None
        return [self._listing(symbol) for symbol in symbols]

    def _one(self, query: Query) -> Listing:
        return self._listing(_mandatory(query, "symbol"))

    def _listing(self, symbol: str) -> Listing:
        if symbol not in self._listings:
            raise VenueError(-1121, "Invalid symbol.")
        return self._listings[symbol]


def _mandatory(query: Query, name: str) -> str:
    if not query.get(name):
        raise VenueError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")
    return query[name]


def _optional(query: Query, name: str) -> int | None:
    return _whole(query, name, 0, least=0) if name in query else None


def _whole(query: Query, name: str, default: int, least: int = 1) -> int:
    text = query.get(name, str(default))
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise VenueError(-1100, f"Illegal characters found in parameter '{name}'; legal range is '^[0-9]{{1,20}}$'.")
    if int(text) < least:
        raise VenueError(-1130, f"Data sent for parameter '{name}' is not valid.")
    return int(text)
