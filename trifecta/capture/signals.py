"""A feed of binary signals: fetched, journaled, put on the bus while fresh, and stored once."""

from __future__ import annotations

import asyncio
from collections import Counter

import numpy as np
import pyarrow as pa
from loguru import logger

from trifecta.bus import Publisher
from trifecta.capture import rows
from trifecta.capture.breaker import Breaker
from trifecta.capture.journal import JournalWriter
from trifecta.capture.pipeline import Rows
from trifecta.capture.pushed import PushedJournal
from trifecta.capture.pushes import identity
from trifecta.clock import NS_PER_S, Clock
from trifecta.errors import SettingsError, TransientError
from trifecta.market.events import BinarySignal, Frames
from trifecta.market.quarantine import MAX_PAYLOAD, Quarantined
from trifecta.settings import Market, Settings
from trifecta.venues import pocket
from warehouse.lake import Lake

FEED_PATH = "/signals"
SEGMENT_BYTES = 8 * 1024 * 1024
REMEMBERED_DAYS = 3


class SignalRows:
    """Answers of one feed as rows of `binary_signals` and `quarantine`; a signal counts the first time it comes."""

    def __init__(self, venue: str, known: set[str]) -> None:
        self.counts: Counter[str] = Counter()
        self.last_position = -1
        self.last_ts_recv = 0
        self._venue = venue
        self._known = known
        self._signals: list[tuple[int, BinarySignal]] = []
        self._quarantined: list[Quarantined] = []

    def process(self, frames: Frames) -> None:
        """Takes in the next answers."""
        for row, payload in enumerate(frames.payloads):
            position, ts_recv = frames.first_position + row, int(frames.ts_recv[row])
            self.last_position, self.last_ts_recv = position, ts_recv
            signals, refused = pocket.read(payload, self._venue, ts_recv)
            for signal in signals:
                if signal.signal_id not in self._known:
                    self._known.add(signal.signal_id)
                    self._signals.append((position, signal))
            self._quarantined += [
                Quarantined(position, ts_recv, "", "signal", one.reason, one.detail, one.text[:MAX_PAYLOAD])
                for one in refused
            ]
            self.counts["signals"] += len(signals)
            self.counts["quarantined"] += len(refused)

    def take(self) -> Rows:
        """Drains what was accumulated."""
        tables = {}
        if self._signals:
            positions = np.array([position for position, _ in self._signals], np.int64)
            tables["binary_signals"] = _table([signal for _, signal in self._signals]), positions
        if self._quarantined:
            positions = np.array([one.position for one in self._quarantined], np.int64)
            tables["quarantine"] = rows.quarantine(self._venue, self._quarantined), positions
        self._signals, self._quarantined = [], []
        return Rows(tables, self.last_position)


class SignalFeed:
    """Fetches the feed until cancelled."""

    def __init__(self, settings: Settings, publisher: Publisher, clock: Clock) -> None:
        self.venue = settings.source(pocket.NAME)
        self._settings = settings
        self._publisher = publisher
        self._clock = clock
        self._breaker = Breaker(clock)
        self._last = b""
        self._told: dict[str, int] = {}

    async def run(self) -> None:
        """Journals what the feed answers. Without one it returns at once; one that fails is asked less often."""
        url = feed_url(self._settings)
        if not url:
            logger.info("binary signals: no feed is set (scan.binary.feed_url), our own momentum is the only source")
            return
        folder = self._settings.journal_dir / pocket.NAME
        journal = await asyncio.to_thread(lambda: JournalWriter.open(folder, segment_bytes=SEGMENT_BYTES))
        try:
            identity(folder)
            while True:
                if not self._breaker.is_open:
                    await self._fetch(url, journal)
                await asyncio.sleep(self._settings.scan.binary.feed_s)
        finally:
            await asyncio.to_thread(journal.close)

    async def _fetch(self, url: str, journal: JournalWriter) -> None:
        try:
            body = await asyncio.to_thread(pocket.fetch, url)
            if body != self._last:
                self._publish(body, self._clock.now_ns())
                journal.append([(self._clock.now_ns(), body)])
                self._last = body
            self._breaker.succeed()
        except (TransientError, SettingsError) as error:
            if self._breaker.fail():
                logger.warning("binary signals are skipped for a while, everything else goes on: {}", error)

    def _publish(self, body: bytes, ts_recv: int) -> None:
        """Puts signals on the bus that are new and young enough to be followed."""
        limit = ts_recv - round(self._settings.scan.binary.max_age_s * NS_PER_S)
        for signal in pocket.read(body, self.venue, ts_recv)[0]:
            if signal.ts_event >= limit and signal.signal_id not in self._told:
                self._publisher.signal(signal)
                self._told[signal.signal_id] = signal.ts_event
        self._told = {key: ts for key, ts in self._told.items() if ts >= limit}


async def follow_signals(settings: Settings, publisher: Publisher, clock: Clock) -> None:
    """Fetches the feed and commits what it answered, until cancelled."""
    venue = settings.source(pocket.NAME)
    journal = PushedJournal(settings, pocket.NAME, clock, lambda lake: SignalRows(venue, known_ids(lake, venue)))
    async with asyncio.TaskGroup() as group:
        group.create_task(SignalFeed(settings, publisher, clock).run())
        group.create_task(journal.run())


def feed_url(settings: Settings) -> str:
    """Where signals are fetched; empty for nowhere."""
    chosen = settings.scan.binary.feed_url
    return chosen or ("" if settings.market is Market.LIVE else settings.emulator_url + FEED_PATH)


def known_ids(lake: Lake, venue: str) -> set[str]:
    """Ids of a source's signals of the last days that the lake has."""
    files = [file for file in lake.stored("binary_signals") if file.partition["venue"] == venue]
    days = sorted({file.partition["date"] for file in files})[-REMEMBERED_DAYS:]
    recent = [file for file in files if file.partition["date"] in days]
    return {one for file in recent for batch in file.read(["signal_id"]) for one in batch.texts("signal_id")}


def _table(signals: list[BinarySignal]) -> pa.Table:
    times = np.array([one.ts_recv for one in signals], np.int64)
    columns: dict[str, rows.Column] = {
        "venue": [one.venue for one in signals],
        "date": rows.dates(times),
        "symbol": [one.symbol for one in signals],
        "signal_id": [one.signal_id for one in signals],
        "ts_event": np.array([one.ts_event for one in signals], np.int64),
        "ts_recv": times,
        "direction": np.array([one.direction for one in signals], np.int64),
        "probability": np.array([one.probability for one in signals], np.float64),
        "expiry_s": np.array([one.expiry_s for one in signals], np.int64),
        "payout": np.array([one.payout for one in signals], np.float64),
    }
    return rows.table("binary_signals", columns, len(signals))
