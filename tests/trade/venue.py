"""A venue on loopback: the emulator's signed endpoints over a book that stands still."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from aiohttp import web

from trifecta.emulator.accounts import KEY, SECRET, Accounts
from trifecta.emulator.book import Book
from trifecta.emulator.config import MarketName
from trifecta.emulator.instruments import E8, generated_instrument
from trifecta.emulator.listing import Listing
from trifecta.emulator.trading import add_routes
from trifecta.trade.gateways.live import Access


@dataclass
class Venue:
    """Where it is, and what it knows."""

    base_url: str
    accounts: Accounts
    book: Book

    @property
    def access(self) -> Access:
        return Access(KEY, SECRET, sandbox=True, base_url=self.base_url)


@contextmanager
def venue() -> Iterator[Venue]:
    """A venue that lives as long as the block: bids 5 at 99, asks 1 at 100 and 1000 at 101."""
    book = Book()
    book.load([(99 * E8, 5000 * E8)], [(100 * E8, E8), (101 * E8, 5000 * E8)], 1)
    instrument = generated_instrument(MarketName.SPOT, "BTCUSDT")
    listing = Listing(instrument, None, None, book)  # type: ignore[arg-type]  # orders touch neither
    accounts = Accounts({"BTCUSDT": listing}, lambda: time.time_ns() // 1_000_000)
    loop, ready, found = asyncio.new_event_loop(), threading.Event(), []

    async def start() -> web.AppRunner:
        app = web.Application()
        add_routes(app, accounts)
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
        yield Venue(f"http://127.0.0.1:{found[0]}", accounts, book)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
