"""Venues on loopback: the emulator's signed endpoints over books that stand still."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

from aiohttp import web

from tests.trade.trading import BTC
from trifecta.clock import Clock
from trifecta.emulator import keys, trading
from trifecta.emulator.account import Account
from trifecta.emulator.binance_account import BinanceAccount
from trifecta.emulator.book import Book
from trifecta.emulator.config import MarketName
from trifecta.emulator.exchanges.market import Exchange
from trifecta.emulator.exchanges.protocol import Service
from trifecta.emulator.exchanges.venues import SPEAKERS
from trifecta.emulator.faults import Faults
from trifecta.emulator.instruments import E8, generated_instrument
from trifecta.emulator.listing import Listing
from trifecta.market.orders import Terms
from trifecta.trade.gateways.binance import Binance
from trifecta.trade.gateways.gateway import Gateway
from trifecta.trade.gateways.live import Access
from trifecta.trade.gateways.unified import Unified

NAMES = ("binance", *SPEAKERS)
SYMBOLS = {"binance": "BTCUSDT", "kraken": "BTC/USDT", "coinbase": "BTC-USDT", "okx": "BTC-USDT"}
BIDS, ASKS = {99 * E8: 5000 * E8}, {100 * E8: E8, 101 * E8: 5000 * E8}


@dataclass
class Venue:
    """Where it is, and what it knows."""

    name: str
    base_url: str
    account: Account


def terms(name: str) -> Terms:
    """BTC against USDT there, with the fees of the lowest tier."""
    taker, maker = Decimal("0.001"), Decimal("0.001")
    if name != "binance":
        character = SPEAKERS[name][0].CHARACTER
        taker, maker = Decimal(str(character.taker)), Decimal(str(character.maker))
    tick = {"kraken": "0.1", "okx": "0.1"}.get(name, "0.01")
    fees = {"taker_fee": taker, "maker_fee": maker}
    return replace(BTC, venue=name, symbol=SYMBOLS[name], tick=Decimal(tick), margin=True, **fees)


def gateway_to(name: str, base_url: str, clock: Clock, window_s: float) -> Gateway:
    """The way to an emulated venue, with the key of its account."""
    own = keys.of(name)
    access = Access(own.api_key, own.secret, True, base_url, own.password)
    if name == "binance":
        return Binance(access, clock, round(window_s * 1_000))
    return Unified(name, access, clock, window_s)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


@contextmanager
def venue(name: str = "binance") -> Iterator[Venue]:
    """A venue that lives as long as the block: bids 5000 at 99, asks 1 at 100 and 5000 at 101."""
    if name == "binance":
        spoken = BinanceAccount({"BTCUSDT": _listing()}, _now_ms)
        with served(lambda app: trading.add_binance(app, spoken)) as address:
            yield Venue(name, address, spoken.account)
        return
    with TemporaryDirectory() as folder:
        service = _service(name, Path(folder))
        try:
            with served(lambda app: app.add_routes(service.routes()) and None) as address:
                yield Venue(name, f"{address}/{name}", service.private.account)
        finally:
            service.spoken.exchange.close()


def _listing() -> Listing:
    book = Book()
    book.load(BIDS.items(), ASKS.items(), 1)
    instrument = generated_instrument(MarketName.SPOT, "BTCUSDT")
    return Listing(instrument, None, None, book)  # type: ignore[arg-type]  # orders touch neither


def _service(name: str, folder: Path) -> Service:
    speaker, spoken, private = SPEAKERS[name]
    exchange = Exchange(speaker.CHARACTER, speaker.listed(["BTC"]), folder, 7)
    for book in exchange.books.values():
        book.bids, book.asks, book.ts_ms = dict(BIDS), dict(ASKS), _now_ms()
    return Service(spoken(exchange), private(exchange, _now_ms), Faults(), _now_ms)


@contextmanager
def served(add_routes: Callable[[web.Application], None]) -> Iterator[str]:
    """The address of an application in a thread of its own."""
    loop, ready, found = asyncio.new_event_loop(), threading.Event(), []

    async def start() -> web.AppRunner:
        app = web.Application()
        add_routes(app)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        found.append(runner.addresses[0][1])
        return runner

    def serve() -> None:
        runner = loop.run_until_complete(start())
        ready.set()
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())
        loop.close()

    thread = threading.Thread(target=serve)
    thread.start()
    ready.wait(30)
    try:
        yield f"http://127.0.0.1:{found[0]}"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
