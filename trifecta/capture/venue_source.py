"""Where a venue's frames come from: Binance by sockets and REST of our own, every other venue through ccxt."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, cast

from loguru import logger

from trifecta.capture import addresses
from trifecta.capture.connection import Connection
from trifecta.capture.fetch import Backoff, Fetcher, fetch_instruments, later
from trifecta.capture.inbox import Inbox
from trifecta.capture.pipeline import Pipeline
from trifecta.clock import NS_PER_S, Clock
from trifecta.errors import SettingsError, VenueError, VenueRefusedError
from trifecta.market.instruments import Instrument
from trifecta.settings import Market, Settings
from trifecta.venues import unified
from trifecta.venues.binance_rest import FAMILIES, BinanceRest
from trifecta.venues.venue import Venue

if TYPE_CHECKING:
    from trifecta.venues.ccxt_client import CcxtClient

BOOKS_POLL_S = 0.5
FIRST_RESYNC_S = 5.0  # a book may be missing so long before the sockets are opened anew
MAX_RESYNC_S = 300.0
WHOLE_WITHIN_NS = 4 * NS_PER_S  # after a connection a book is whole by then
RELIST_S = 6 * 3600.0  # fees and filters change rarely


class Source(Protocol):
    """What a recording asks of a venue."""

    @property
    def clock_offset_ns(self) -> int | None: ...
    @property
    def connected(self) -> bool: ...
    @property
    def reconnects(self) -> int: ...

    async def stream(self) -> None:
        """Brings frames into the inbox until cancelled."""

    async def instruments(self) -> dict[str, Instrument]:
        """What the symbols' numbers look like, however long the venue takes. Raises SettingsError if it has none."""

    def loops(self, pipeline: Pipeline) -> list[Coroutine[Any, Any, None]]:
        """Everything that runs beside the streams until it is cancelled."""

    async def join(self, until_ns: int, *, forgot: bool) -> None:
        """Goes on where another recorder, which heard everything until then, left off.

        Args:
            forgot: whether the first of what this one heard was dropped while it waited.
        """

    async def close(self) -> None: ...


def source_of(settings: Settings, venue: Venue, symbols: Sequence[str], inbox: Inbox, clock: Clock) -> Source:
    """Where the frames of this venue come from.

    Raises:
        SettingsError: the emulator does not speak for it.
    """
    return (BinanceSource if venue.name in FAMILIES else CcxtSource)(settings, venue, symbols, inbox, clock)


class BinanceSource:
    """Combined streams, and REST for what they do not bring."""

    def __init__(self, settings: Settings, venue: Venue, symbols: Sequence[str], inbox: Inbox, clock: Clock) -> None:
        self._settings = settings
        self._venue = venue
        self._symbols = symbols
        self._inbox = inbox
        self._clock = clock
        self._rest: BinanceRest | None = None
        self._fetcher: Fetcher | None = None
        self._links = [
            Connection(settings.source(venue.name), url, streams, inbox, settings.capture, clock)
            for url, streams in addresses.sockets(settings, venue, symbols)
        ]

    @property
    def connected(self) -> bool:
        return all(link.connected for link in self._links)

    @property
    def reconnects(self) -> int:
        return sum(link.reconnects for link in self._links)

    @property
    def clock_offset_ns(self) -> int | None:
        return self._fetcher.clock_offset_ns if self._fetcher else None

    async def stream(self) -> None:
        await together(*(link.run() for link in self._links))

    async def instruments(self) -> dict[str, Instrument]:
        source = self._settings.source(self._venue.name)
        return await fetch_instruments(self._client(), self._venue, source, self._symbols, self._inbox)

    def loops(self, pipeline: Pipeline) -> list[Coroutine[Any, Any, None]]:
        self._fetcher = Fetcher(
            self._client(),
            self._inbox,
            pipeline,
            snapshot_s=self._settings.capture.snapshot_s,
            is_connected=lambda: self.connected,
            clock=self._clock,
        )
        return self._fetcher.loops()

    async def join(self, until_ns: int, *, forgot: bool) -> None:
        """Update ids tell what overlaps, and REST the whole of a book."""

    async def close(self) -> None:
        if self._rest is not None:
            await self._rest.close()

    def _client(self) -> BinanceRest:
        if self._rest is None:
            self._rest = addresses.rest(self._settings, self._venue, self._clock)
        return self._rest


class CcxtSource:
    """Whatever ccxt brings. ccxt is loaded with the first use: a recorder of Binance alone does without."""

    def __init__(self, settings: Settings, venue: Venue, symbols: Sequence[str], inbox: Inbox, clock: Clock) -> None:
        self._settings = settings
        self._venue = venue
        self._symbols = symbols
        self._inbox = inbox
        self._clock = clock
        self._client: CcxtClient | None = None
        self._fetcher: Fetcher | None = None
        self._loading = asyncio.Lock()

    @property
    def connected(self) -> bool:
        return self._client is not None and self._client.connected

    @property
    def reconnects(self) -> int:
        return max(self._client.reconnects, 0) if self._client else 0

    @property
    def clock_offset_ns(self) -> int | None:
        return self._fetcher.clock_offset_ns if self._fetcher else None

    async def stream(self) -> None:
        await (await self._loaded()).stream()

    async def instruments(self) -> dict[str, Instrument]:
        client, source = await self._loaded(), self._settings.source(self._venue.name)
        return {symbol: listing.instrument(source) for symbol, listing in client.listings.items()}

    def loops(self, pipeline: Pipeline) -> list[Coroutine[Any, Any, None]]:
        if self._client is None:
            raise SettingsError(f"{self._venue.name}: its instruments come first")
        self._fetcher = Fetcher(
            cast(BinanceRest, self._client),  # of which only `trades` and `time` are asked here
            self._inbox,
            pipeline,
            snapshot_s=self._settings.capture.snapshot_s,
            is_connected=lambda: self.connected,
            clock=self._clock,
        )
        clock = [self._fetcher.measure_clock()] if self._client.tells_time else []
        return [
            *clock,
            self._fetcher.fill_gaps(),
            self._revive_books(self._client, pipeline),
            self._relist(self._client),
        ]

    async def join(self, until_ns: int, *, forgot: bool) -> None:
        """Books came whole with the subscription: from there they go on, and begin anew where that was forgotten."""
        if not forgot:
            self._inbox.reword(until_ns - WHOLE_WITHIN_NS, unified.overlapping)
        elif self._client is not None:
            await self._client.resync()

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()

    async def _loaded(self) -> CcxtClient:
        """The client once it knows the venue's markets, however long that takes."""
        async with self._loading:
            if self._client is None:
                self._client = await self._open()
            backoff = Backoff()
            while not self._client.listings:
                try:
                    stamp, payload = await self._client.load()
                    self._inbox.add(payload, stamp)
                except (VenueError, VenueRefusedError) as error:
                    await later(backoff, error)
            return self._client

    async def _open(self) -> CcxtClient:
        settings, name = self._settings, self._venue.name
        try:
            module = await asyncio.to_thread(import_module, "trifecta.venues.ccxt_client")
        except ImportError as error:
            raise SettingsError(
                f"venues.{name} needs ccxt ({error}): pip install 'trifecta[markets]', or disable the venue"
            ) from error
        emulated = settings.market is not Market.LIVE
        access = module.Access(f"{settings.emulator_url}/{name}" if emulated else "")
        raw = self._venue.reads_frames
        client: CcxtClient = module.CcxtClient(name, self._symbols, self._inbox, self._clock, access, raw=raw)
        return client

    async def _revive_books(self, client: CcxtClient, pipeline: Pipeline) -> None:
        """Opens the sockets anew while a book stays without its whole: venues send it with the subscription alone."""
        wait_s, missing_s = FIRST_RESYNC_S, 0.0
        while True:
            await asyncio.sleep(BOOKS_POLL_S)
            wanted = pipeline.wanted_snapshots if client.connected else set()
            if not wanted:
                missing_s, wait_s = 0.0, max(wait_s - BOOKS_POLL_S / 10, FIRST_RESYNC_S)
                continue
            missing_s += BOOKS_POLL_S
            if missing_s >= wait_s:
                logger.warning("{}: the books of {} begin anew", self._venue.name, ", ".join(sorted(wanted)))
                missing_s, wait_s = 0.0, min(2 * wait_s, MAX_RESYNC_S)
                await client.resync()

    async def _relist(self, client: CcxtClient) -> None:
        """Asks again what the venue lists."""
        while True:
            await asyncio.sleep(RELIST_S)
            try:
                stamp, payload = await client.load()
                self._inbox.add(payload, stamp)
            except (VenueError, VenueRefusedError) as error:
                logger.warning("{} (again in {:.0f} s)", error, RELIST_S)


async def together(*work: Coroutine[Any, Any, None]) -> None:
    """Runs all of them until one fails, or this is cancelled; then none is left running."""
    tasks = [asyncio.create_task(part) for part in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
