"""The scanners at work: quotes from the bus, news onto the bus, what became of it into the lake."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping

import msgspec
from loguru import logger

from trifecta import bus
from trifecta.bus import Publisher
from trifecta.clock import Clock
from trifecta.lock import FolderLock
from trifecta.scan import snapshot
from trifecta.scan.arbitrage import ArbitrageScanner
from trifecta.scan.board import Board
from trifecta.scan.chains import ChainScanner
from trifecta.scan.chronicle import Chronicle
from trifecta.scan.engines import Engines
from trifecta.scan.listing import listed
from trifecta.scan.opportunity import Engine
from trifecta.scan.pool_board import PoolBoard
from trifecta.scan.scanner import Finder, Scanner
from trifecta.scan.snapshot import Snapshot
from trifecta.scan.terms import Terms
from trifecta.settings import Market, Settings
from trifecta.tasks import until_stopped
from trifecta.venues import venue as venue_of
from warehouse.lake import Lake

FLUSH_S = 5.0
LISTING_S = 60.0
NO_LISTING_S = 2.0
"""How soon the lake is asked again while it knows no instrument."""
RESUBSCRIBE_S = 1.0

Cycle = Callable[[Snapshot], Awaitable[None]]


class Scanning:
    """Scans after every quote, and each `scan.cycle_s` whatever comes. One process a data folder."""

    def __init__(
        self, settings: Settings, clock: Clock, *, finders: Mapping[Engine, Finder] | None = None, cycle: Cycle
    ) -> None:
        """
        Args:
            finders: engines beside arbitrage; by default forex and binary.
            cycle: told the newest snapshot once each `scan.cycle_s`.
        """
        self._settings = settings
        self._clock = clock
        self._engines = Engines(settings, clock) if finders is None else None
        self._finders: dict[Engine, Finder] = {**(finders or {}), **(self._engines.finders if self._engines else {})}
        self._cycle = cycle
        self._lake = Lake(settings.lake)
        self._chronicle = Chronicle()
        self._pools = PoolBoard()  # outlives the board of a listing: the next block may be far
        self._listed: list[Terms] = []
        self._scanner = self._make([])
        self._newest: Snapshot | None = None
        self._due = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Scans until `stop` is set, then commits what is left.

        Raises:
            PermanentError: another process scans on this data folder.
        """
        folder = self._settings.data_dir / "scan"
        folder.mkdir(parents=True, exist_ok=True)
        lock = FolderLock(folder)
        with Publisher(self._settings.bus_address) as publisher:
            engines = [] if self._engines is None else [self._engines.run(publisher)]
            try:
                await until_stopped(
                    stop,
                    self._listen(self._follow_quotes),
                    self._listen(self._follow_books),
                    self._listen(self._follow_pools),
                    self._scan(publisher),
                    self._beat(publisher),
                    self._follow_listing(),
                    self._flush(),
                    *engines,
                )
            finally:
                await asyncio.to_thread(self._chronicle.flush, self._lake)
                lock.release()

    def _make(self, terms: list[Terms]) -> Scanner:
        board, arbitrage = Board(terms), self._settings.scan.arbitrage
        chains = ChainScanner(board, self._pools, arbitrage)
        simulated = self._settings.market is not Market.LIVE
        every_s = self._settings.scan.cycle_s
        scanner = ArbitrageScanner(board, arbitrage)
        return Scanner(scanner, chains, self._finders, self._clock, every_s=every_s, simulated=simulated)

    async def _follow_quotes(self) -> None:
        async with contextlib.aclosing(bus.quotes(self._settings.bus_address)) as quotes:
            async for quote in quotes:
                self._scanner.take(quote)
                self._due.set()

    async def _follow_books(self) -> None:
        async with contextlib.aclosing(bus.books(self._settings.bus_address)) as books:
            async for book in books:
                self._scanner.take_book(book)
                self._due.set()

    async def _follow_pools(self) -> None:
        async with contextlib.aclosing(bus.pools(self._settings.bus_address)) as pools:
            async for reading in pools:
                self._scanner.take_pool(reading)
                self._due.set()

    async def _listen(self, follow: Callable[[], Awaitable[None]]) -> None:
        """Follows the bus, whatever is on it."""
        while True:
            try:
                await follow()
            except msgspec.MsgspecError as error:
                logger.warning("a message on the bus cannot be read, listening anew: {}", error)
                await asyncio.sleep(RESUBSCRIBE_S)

    async def _scan(self, publisher: Publisher) -> None:
        """Looks once at all that came since the last look."""
        while True:
            await self._due.wait()
            self._due.clear()
            self._look(publisher)

    def _look(self, publisher: Publisher) -> None:
        found = self._scanner.scan()
        if found is not None:
            self._newest = found
            publisher.opportunities(snapshot.encode(found))
            self._chronicle.note(found)

    async def _beat(self, publisher: Publisher) -> None:
        """Looks even where no quote comes, so that what grew old is withdrawn; tells the cycle what there is."""
        pause_s = min(self._settings.scan.arbitrage.max_age_s, self._settings.scan.cycle_s)
        told_s = self._clock.monotonic_s()
        while True:
            await asyncio.sleep(pause_s)
            self._look(publisher)
            if self._newest is not None and self._clock.monotonic_s() - told_s >= self._settings.scan.cycle_s:
                told_s = self._clock.monotonic_s()
                await self._cycle(self._newest)

    async def _follow_listing(self) -> None:
        """Makes the board anew where the lake tells of other instruments or other terms."""
        venues = compared(self._settings)
        while True:
            try:
                found, clocks = await asyncio.to_thread(listed, self._lake, venues)
            except Exception as error:
                logger.warning("the lake does not tell its instruments: {}", error)
                found, clocks = self._listed, []
            if found != self._listed:
                self._listed = found
                self._scanner = self._make(found)
            for told in clocks:
                self._scanner.board.measured(*told)
            silent = sorted(set(venues) - {one.venue for one in self._listed})
            self._scanner.missing = [f"{venue}: the lake knows none of its instruments yet" for venue in silent]
            await asyncio.sleep(LISTING_S if not silent else NO_LISTING_S)

    async def _flush(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_S)
            try:
                await asyncio.to_thread(self._chronicle.flush, self._lake)
            except Exception as error:
                logger.warning("opportunities were not stored, they are kept: {}", error)


def compared(settings: Settings) -> list[str]:
    """Sources whose prices are compared: each enabled venue that delivers what is bought there."""
    enabled = [name for name, venue in settings.venues.items() if venue.enabled]
    return [settings.source(name) for name in enabled if venue_of(name).delivers]
