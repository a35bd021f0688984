"""What the streams do not bring: depth snapshots, skipped trades, past bars, the venue's clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from loguru import logger

from trifecta.capture.inbox import Inbox
from trifecta.capture.pipeline import Pipeline
from trifecta.clock import Clock
from trifecta.errors import DataError, SettingsError, TrifectaError, VenueError, VenueRefusedError
from trifecta.market.instruments import Instrument
from trifecta.market.quarantine import Gap
from trifecta.venues import binance_answers as answers
from trifecta.venues.binance_rest import BinanceRest, Frame
from trifecta.venues.venue import Venue

HISTORY_BARS = 1500
CLOCK_S = 300.0
CLOCK_SAMPLES = 5
CLOCK_PAUSE_S = 0.5
POLL_S = 0.1  # between two looks at what is missing
FIRST_BACKOFF_S = 0.5
MAX_BACKOFF_S = 30.0
REFUSED_BACKOFF_S = 300.0
ASK_AGAIN_S = 60.0  # a gap that its answers did not close
_FAILURES = (VenueError, VenueRefusedError, DataError)


class Backoff:
    """Seconds to wait after the n-th failure in a row."""

    def __init__(self) -> None:
        self.failures = 0

    def after(self, error: TrifectaError) -> float:
        self.failures += 1
        if isinstance(error, VenueRefusedError):
            return REFUSED_BACKOFF_S
        asked_s = error.retry_after_s if isinstance(error, VenueError) else 0.0
        return max(asked_s, min(FIRST_BACKOFF_S * 2.0 ** min(self.failures - 1, 16), MAX_BACKOFF_S))


async def fetch_instruments(
    rest: BinanceRest, venue: Venue, source: str, symbols: Sequence[str], inbox: Inbox
) -> dict[str, Instrument]:
    """What these symbols' numbers look like, by symbol, however long the venue takes. Unknown symbols are left out.

    Raises:
        SettingsError: the venue knows none of them.
    """
    backoff = Backoff()
    while True:
        try:
            stamp, payload = await rest.exchange_info(symbols)
            listed = venue.instruments(source, [payload])
            break
        except _FAILURES as error:
            await later(backoff, error)
    inbox.add(payload, stamp)
    known = {symbol: listed[symbol] for symbol in symbols if symbol in listed}
    if not known:
        raise SettingsError(f"venues.{venue.name}.symbols = {list(symbols)}: the venue has none of them")
    for symbol in symbols:
        if symbol not in known:
            logger.warning("{} has no symbol {}: it is left out", source, symbol)
    return known


class Fetcher:
    """Asks within the budget and puts every answer into the inbox, where it becomes a frame like any other."""

    def __init__(
        self,
        rest: BinanceRest,
        inbox: Inbox,
        pipeline: Pipeline,
        *,
        snapshot_s: float,
        is_connected: Callable[[], bool],
        clock: Clock,
    ) -> None:
        self.clock_offset_ns: int | None = None
        self._rest = rest
        self._inbox = inbox
        self._pipeline = pipeline
        self._snapshot_s = snapshot_s
        self._is_connected = is_connected
        self._clock = clock
        self._asked: dict[tuple[str, str], tuple[int, float]] = {}  # of each gap: next id, and not before (s)

    def loops(self) -> list[Coroutine[Any, Any, None]]:
        """Everything that runs beside the sockets until it is cancelled."""
        symbols = list(self._pipeline.feeds)
        return [self.measure_clock(), self.fill_gaps(), self.fetch_history(symbols), *map(self.snapshots, symbols)]

    async def snapshots(self, symbol: str) -> None:
        """A snapshot whenever the book of `symbol` needs one, and one every `snapshot_s`, never two at once.

        The regular ones bound how far back a restart must read to know the book.
        """
        backoff, due_s = Backoff(), 0.0
        while True:
            await asyncio.sleep(POLL_S)
            wanted = symbol in self._pipeline.wanted_snapshots
            if not self._is_connected() or not (wanted or self._clock.monotonic_s() >= due_s):
                continue
            try:
                await self._put([await self._rest.depth(symbol)])
            except _FAILURES as error:
                await later(backoff, error)
                continue
            due_s = self._clock.monotonic_s() + self._snapshot_s
            # One that is too old for the stream does not help: the next one comes later and later.
            await asyncio.sleep(backoff.after(VenueError("")) if wanted else 0)
            if symbol not in self._pipeline.wanted_snapshots:
                backoff.failures = 0

    async def fill_gaps(self) -> None:
        """Pages of skipped trades, in turn over all gaps, until none is open."""
        backoff = Backoff()
        while True:
            await asyncio.sleep(POLL_S)
            gaps = self._pipeline.open_gaps
            self._asked = {key: asked for key, asked in self._asked.items() if key in gaps}
            for key, gap in gaps.items():
                try:
                    await self._fill(key, gap)
                    backoff.failures = 0
                except _FAILURES as error:
                    await later(backoff, error)

    async def _fill(self, key: tuple[str, str], gap: Gap) -> None:
        """The next page of one gap, unless all were asked for a moment ago."""
        now_s = self._clock.monotonic_s()
        next_id, not_before_s = self._asked.get(key, (gap.first_id, now_s))
        if now_s < not_before_s:
            return
        frames, next_id = await self._rest.trades(gap.symbol, next_id, gap.last_id)
        if next_id > gap.last_id:  # start over if these answers do not close it
            next_id, now_s = gap.first_id, self._clock.monotonic_s() + ASK_AGAIN_S
        self._asked[key] = next_id, now_s
        await self._put(frames)

    async def fetch_history(self, symbols: Sequence[str]) -> None:
        """Past bars of each symbol, once."""
        for symbol in symbols:
            backoff = Backoff()
            while True:
                try:
                    await self._put(await self._rest.klines(symbol, HISTORY_BARS))
                    break
                except _FAILURES as error:
                    await later(backoff, error)

    async def measure_clock(self) -> None:
        """How far the venue's clock is ahead, every `CLOCK_S`: several samples, of which the shortest counts."""
        backoff = Backoff()
        while True:
            samples = []
            try:
                await self._rest.time()  # opens the connection: that time is not the venue's
                for _ in range(CLOCK_SAMPLES):
                    await asyncio.sleep(CLOCK_PAUSE_S)
                    frame = await self._rest.time()
                    samples.append(self._offset(frame))
                    await self._put([frame])
                self.clock_offset_ns = min(samples)[1]
                backoff.failures = 0
                await asyncio.sleep(CLOCK_S)
            except _FAILURES as error:
                await later(backoff, error)

    @staticmethod
    def _offset(frame: Frame) -> tuple[int, int]:
        """(round trip, venue minus ours) in ns."""
        received, payload = frame
        offset, round_trip = answers.clock_offset(answers.read(payload, 0, received, {}))
        return round_trip, offset

    async def _put(self, frames: Sequence[Frame]) -> None:
        for stamp, payload in frames:
            self._inbox.add(payload, stamp)
        if self._inbox.is_full:
            await self._inbox.room()


async def later(backoff: Backoff, error: TrifectaError) -> None:
    """Returns when the next attempt may be made."""
    wait_s = backoff.after(error)
    logger.warning("{} (again in {:.1f} s)", error, wait_s)
    await asyncio.sleep(wait_s)
