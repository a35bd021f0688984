"""One venue through ccxt.pro: it connects, subscribes and keeps alive; every frame is handed on as it came.

What a venue's own file reads is taken untouched from ccxt's socket. Of any other venue ccxt's unified books and trades
are taken (`unified.py`). While the streams fail, REST answers stand in for them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol
from urllib.parse import urlsplit, urlunsplit

import ccxt.pro
from ccxt.base.errors import BaseError, ExchangeError, NetworkError
from loguru import logger

from trifecta.clock import NS_PER_MS, Clock
from trifecta.errors import SettingsError, VenueError, VenueRefusedError
from trifecta.venues import second_clock, unified
from trifecta.venues.listings import Listing, Network

Frame = tuple[int, bytes]  # receive time ns, payload
LEVELS = 20
FIRST_BACKOFF_S = 0.25
MAX_BACKOFF_S = 30.0
STABLE_S = 30.0
POLL_S = 1.0  # between two REST answers that stand in for a stream
MISSED_S = 10.0  # without a stream: then REST stands in for it
MOST_TRADES = {"okx": 500}  # of one answer, where it is not a thousand
_BOOK_LIMITS = {"kraken": 100, "okx": 400}  # what their files take for the depth of the book
_WHOLE_SECONDS = ("coinbase", "kraken")
_MAKERS_SIDE = ("coinbase",)  # ccxt passes its side on, which is the maker's


class Inbox(Protocol):
    """Where frames go."""

    @property
    def is_full(self) -> bool: ...
    def add(self, payload: bytes, ts_recv: int = 0) -> None: ...
    async def room(self) -> None: ...


@dataclass(frozen=True)
class Access:
    """How a venue is reached: at the emulator's URL where there is one, with keys where there are any."""

    base_url: str = ""
    keys: Mapping[str, str] = field(default_factory=dict)


class CcxtClient:
    """One venue. Needs a running event loop; `close` it."""

    def __init__(self, venue: str, symbols: Sequence[str], inbox: Inbox, clock: Clock, access: Access, *, raw: bool):
        """
        Args:
            symbols: as the venue names them, or as ccxt does.
            raw: whether the venue's own frames are handed on, not what ccxt makes of them.

        Raises:
            SettingsError: ccxt has no such venue.
        """
        if venue not in ccxt.pro.exchanges:
            raise SettingsError(f"venues.{venue}: ccxt streams no such venue; correct its name or disable it")
        self.venue = venue
        self.reconnects = -1
        self.listings: dict[str, Listing] = {}
        self._asked = list(symbols)
        self._inbox = inbox
        self._clock = clock
        self._raw = raw
        self._seen: dict[str, int] = {}
        self._exchange = _exchange(venue, access, self)

    @property
    def connected(self) -> bool:
        sockets = list((self._exchange.clients or {}).values())
        return bool(sockets) and all(socket.isConnected and not socket.closed() for socket in sockets)

    async def close(self) -> None:
        """Closes all of it, also where the caller is cancelled meanwhile."""
        closing = asyncio.create_task(self._exchange.close())
        try:
            await asyncio.shield(closing)
        finally:
            await closing

    async def load(self) -> Frame:
        """What the venue lists of the symbols asked for, as a frame; unknown ones are left out with a warning.

        Raises:
            SettingsError: it lists none of them.
            VenueError: no answer, or one that says "later".
        """
        await self._ask("markets", self._exchange.load_markets, True)
        for asked in self._asked:
            market = _market(self._exchange, asked)
            if market is None:
                logger.warning("{} has no symbol {}: it is left out", self.venue, asked)
                continue
            listing = _listing(self._exchange, market)
            self.listings[listing.symbol] = listing
        if not self.listings:
            raise SettingsError(f"venues.{self.venue}.symbols = {self._asked}: the venue has none of them")
        return self._clock.now_ns(), unified.wrap("instruments", data=list(self.listings.values()))

    async def time(self) -> Frame:
        """The venue's clock, with the time of the request; where it tells whole seconds, as if one had told it all."""
        if self.venue in _WHOLE_SECONDS:
            found = await second_clock.measure(self._second, self._clock, asyncio.sleep)
            received = self._clock.now_ns()
            sent = received - found.width
            told_ms = (received - found.width // 2 + found.offset) // NS_PER_MS
        else:
            sent = self._clock.now_ns()
            told_ms = int(await self._ask("time", self._exchange.fetch_time))
            received = self._clock.now_ns()
        return received, unified.wrap("time", data={"serverTime": told_ms}, sent=sent)

    async def _second(self) -> int:
        return int(await self._ask("time", self._exchange.fetch_time)) // 1000

    @property
    def tells_time(self) -> bool:
        """Whether its clock can be measured."""
        return bool(self._exchange.has.get("fetchTime"))

    async def trades(self, symbol: str, first_id: int, last_id: int) -> tuple[list[Frame], int]:
        """A frame with what the venue's newest trades hold of a span, and the id behind the span: it gives no older."""
        most = MOST_TRADES.get(self.venue, 1000)
        told = await self._ask(symbol, self._exchange.fetch_trades, self.listings[symbol].unified, None, most)
        rows = [row for row in map(self._trade, told) if first_id <= unified.number(str(row["id"])) <= last_id]
        payload = unified.wrap("historicalTrades", symbol, rows, first_id=first_id, last_id=last_id)
        return [(self._clock.now_ns(), payload)], last_id + 1

    async def stream(self) -> None:
        """Streams books and trades until cancelled, with REST in their place while they fail."""
        names = [listing.unified for listing in self.listings.values()]
        work = [self._stand_in(), *self._watches(names)]
        tasks = [asyncio.create_task(part) for part in work]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._exchange.close_ws_clients()

    async def resync(self) -> None:
        """Lets go of the sockets, so that every book begins anew."""
        for socket in list((self._exchange.clients or {}).values()):
            socket.on_error(NetworkError("books must begin anew"))

    def hear(self, payload: bytes) -> None:
        """Takes a frame from ccxt's socket."""
        if self._raw:
            self._inbox.add(payload)

    async def room(self) -> None:
        if self._inbox.is_full:
            await self._inbox.room()

    def opened(self, url: str) -> None:
        """A socket stands."""
        self.reconnects += 1
        self._inbox.add(unified.wrap("connect", url))

    def _watches(self, names: list[str]) -> list[Coroutine[Any, Any, None]]:
        exchange = self._exchange
        if self._raw:
            limit = _BOOK_LIMITS.get(self.venue)
            return [
                self._keep("books", lambda: exchange.watch_order_book_for_symbols(names, limit)),
                self._keep("trades", lambda: exchange.watch_trades_for_symbols(names)),
            ]
        each: list[Coroutine[Any, Any, None]] = []
        for symbol, listing in self.listings.items():
            if exchange.has.get("watchOrderBook"):
                each.append(self._keep("books", self._unified_book(symbol, listing.unified, exchange.watch_order_book)))
            if exchange.has.get("watchTrades"):
                each.append(self._keep("trades", self._unified_trades(symbol, listing.unified, exchange.watch_trades)))
        return each

    async def _keep(self, what: str, watch: Callable[[], Awaitable[Any]]) -> None:
        """Watches until cancelled, however often it fails; failures come less and less often."""
        failures = 0
        while True:
            started_s = self._clock.monotonic_s()
            try:
                while True:
                    await watch()
                    if self._clock.monotonic_s() - started_s > STABLE_S:
                        failures = 0
            except BaseError as error:
                failures += 1
                wait_s = min(FIRST_BACKOFF_S * 2.0 ** min(failures - 1, 16), MAX_BACKOFF_S)
                logger.warning("{} {}: {} (again in {:.1f} s)", self.venue, what, _short(error), wait_s)
                await asyncio.sleep(wait_s)

    async def _stand_in(self) -> None:
        """REST's books and trades while no socket stands."""
        missed_s = 0.0
        while True:
            await asyncio.sleep(POLL_S)
            missed_s = 0.0 if self.connected else missed_s + POLL_S
            if missed_s < MISSED_S:
                continue
            for symbol, listing in self.listings.items():
                try:
                    await self._unified_book(symbol, listing.unified, self._exchange.fetch_order_book)()
                    await self._unified_trades(symbol, listing.unified, self._exchange.fetch_trades)()
                except BaseError as error:
                    logger.warning("{} REST: {}", self.venue, _short(error))
                    break

    def _unified_book(self, symbol: str, name: str, ask: Callable[..., Any]) -> Callable[[], Awaitable[None]]:
        async def call() -> None:
            book = await ask(name, LEVELS if ask.__name__.startswith("fetch") else None)
            sides = {side: [level[:2] for level in book[side][:LEVELS]] for side in ("bids", "asks")}
            data = {"ts": book.get("timestamp") or self._clock.now_ns() // NS_PER_MS, **sides}
            self._inbox.add(unified.wrap("book", symbol, data))

        return call

    def _unified_trades(self, symbol: str, name: str, ask: Callable[..., Any]) -> Callable[[], Awaitable[None]]:
        async def call() -> None:
            newest = self._seen.get(symbol, 0)
            rows = [self._trade(told) for told in await ask(name)]
            fresh = [row for row in rows if row["ts"] >= newest]
            self._seen[symbol] = max((row["ts"] for row in rows), default=newest)
            self._inbox.add(unified.wrap("trades", symbol, fresh))

        return call

    def _trade(self, told: Mapping[str, Any]) -> dict[str, Any]:
        side = told["side"]
        if self.venue in _MAKERS_SIDE:
            side = "buy" if side == "sell" else "sell"
        ts = told["timestamp"]
        return {"id": str(told["id"] or ""), "ts": ts, "price": told["price"], "qty": told["amount"], "side": side}

    async def _ask(self, what: str, call: Callable[..., Awaitable[Any]], *values: object) -> Any:
        try:
            return await call(*values)
        except NetworkError as error:
            raise VenueError(f"{self.venue} {what}: {_short(error)}; tried again later") from error
        except ExchangeError as error:
            raise VenueRefusedError(f"{self.venue} {what}: {_short(error)}") from error


def _exchange(venue: str, access: Access, listener: CcxtClient) -> Any:
    """ccxt's own class, with an ear at its sockets."""
    base: Any = getattr(ccxt.pro, venue)

    class Heard(base):  # type: ignore[misc]
        def client(self, url: str) -> Any:
            known = url in (self.clients or {})
            socket = super().client(url)
            if not known:
                _listen(socket, listener)
            return socket

        def on_connected(self, client: Any, message: Any = None) -> None:
            super().on_connected(client, message)
            listener.opened(client.url)

    exchange = Heard({"enableRateLimit": True, **access.keys})
    if access.base_url:
        exchange.urls["api"] = rewritten(exchange.urls["api"], access.base_url)
    return exchange


def _listen(socket: Any, listener: CcxtClient) -> None:
    understand, receive = socket.handle_text_or_binary_message, socket.receive

    def heard(data: str | bytes) -> None:
        listener.hear(data.encode() if isinstance(data, str) else data)
        try:
            understand(data)
        except Exception as error:
            # The edge to ccxt: a frame it stumbles over must not end its reading. Ours reads it from the journal.
            logger.warning("{}: ccxt does not understand a frame: {}", listener.venue, error)

    async def received() -> Any:
        await listener.room()
        return await receive()

    socket.handle_text_or_binary_message, socket.receive = heard, received


def rewritten(urls: Any, base_url: str) -> Any:
    """Every URL of a nest of dicts moved to `base_url`, paths kept: `ws` for sockets, `http` for the rest."""
    if isinstance(urls, dict):
        return {name: rewritten(value, base_url) for name, value in urls.items()}
    if not isinstance(urls, str):
        return urls
    there, parts = urlsplit(base_url), urlsplit(urls)
    scheme = "ws" if parts.scheme in ("ws", "wss") else "http"
    return urlunsplit((scheme, there.netloc, there.path + parts.path, parts.query, ""))


def _market(exchange: Any, asked: str) -> dict[str, Any] | None:
    """The spot market of this name, the venue's or ccxt's; None where there is none."""
    if asked in exchange.markets:
        return dict(exchange.markets[asked])
    found = [market for market in exchange.markets_by_id.get(asked, []) if market.get("spot")]
    return dict(found[0]) if found else None


def _listing(exchange: Any, market: Mapping[str, Any]) -> Listing:
    """What ccxt knows of a market. Kraken's second API names it as ccxt does, not by its id."""
    tick, lot = (_decimal(market["precision"][name]) for name in ("price", "amount"))
    limits, info = market["limits"], market["info"]
    own = exchange.id == "kraken"
    fees = exchange.fees["trading"]
    return Listing(
        symbol=market["symbol"] if own else market["id"],
        unified=market["symbol"],
        base=market["base"],
        quote=market["quote"],
        # Kraken's checksum is made of numbers with all the decimals of the pair, whatever its tick.
        price_scale=int(info["pair_decimals"]) if own else _scale(tick),
        qty_scale=int(info["lot_decimals"]) if own else _scale(lot),
        tick=tick,
        lot=lot,
        taker=_decimal(market.get("taker") or fees["taker"]),
        maker=_decimal(market.get("maker") or fees["maker"]),
        min_qty=_decimal(limits["amount"]["min"]),
        min_notional=_decimal(limits["cost"]["min"]),
        base_networks=_networks(exchange, market["base"]),
        quote_networks=_networks(exchange, market["quote"]),
    )


def _networks(exchange: Any, currency: str) -> list[Network]:
    known = (exchange.currencies or {}).get(currency, {}).get("networks") or {}
    return [
        Network(
            name=name,
            fee=None if way.get("fee") is None else _decimal(way["fee"]),  # without a key most do not tell
            withdraw=way.get("withdraw") is not False,
            deposit=way.get("deposit") is not False,
        )
        for name, way in known.items()
    ]


def _decimal(value: Any) -> Decimal:
    return Decimal(str(value)) if value is not None else Decimal(0)


def _scale(step: Decimal) -> int:
    return max(-int(step.normalize().as_tuple().exponent), 0)


def _short(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:200]
