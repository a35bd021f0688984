"""One venue on its way from the socket to the lake."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import AsyncExitStack

from loguru import logger

from trifecta import venues
from trifecta.bus import Publisher
from trifecta.capture import heartbeat
from trifecta.capture.committer import Committer
from trifecta.capture.heartbeat import Heartbeat
from trifecta.capture.inbox import Inbox
from trifecta.capture.intake import Intake
from trifecta.capture.journal import JournalWriter
from trifecta.capture.pipeline import Pipeline
from trifecta.capture.segments import segments
from trifecta.capture.sink import Sink
from trifecta.capture.venue_source import source_of, together
from trifecta.clock import NS_PER_S, Clock
from trifecta.errors import TransientError
from trifecta.lock import is_held
from trifecta.settings import Settings
from warehouse.lake import Lake

HEARTBEAT_S = 1.0
SWITCH_S = 1.0
OVERLAP_S = 30  # what arrived while another recorder stopped
TURN_POLL_S = 0.2
_MB = 1024 * 1024


class Recording:
    """Records one venue until it is cancelled."""

    def __init__(self, settings: Settings, name: str, publisher: Publisher, clock: Clock) -> None:
        """
        Raises:
            SettingsError: the venue, or its REST API, is not known.
        """
        self.source = settings.source(name)
        self._settings = settings
        self._capture = settings.capture
        self._clock = clock
        self._publisher = publisher
        self._venue = venues.venue(name)
        self._symbols = list(dict.fromkeys(settings.venues[name].symbols))
        self._inbox = Inbox(clock)
        self._sink = Sink(Lake(settings.lake), self.source)
        self._from = source_of(settings, self._venue, self._symbols, self._inbox, clock)
        self._collecting = False
        self._pipeline: Pipeline | None = None
        self._renew: Callable[[], Pipeline]

    @property
    def connected(self) -> bool:
        return self._from.connected

    async def run(self, *, takes_over: bool = False) -> None:
        """Records until cancelled; whatever arrived by then is journaled and committed.

        Args:
            takes_over: wait until nobody else records this source, with the sockets open: what arrives meanwhile
                overlaps with what the other one journaled, so that nothing is missing between the two.

        Raises:
            PermanentError: another process records this source, or none of the symbols exists.
            TransientError: the journal cannot be opened.
        """
        try:
            await together(self._collect(), self._record(takes_over=takes_over))
        finally:
            await self._from.close()  # now that nothing is left that could open it again

    async def _record(self, *, takes_over: bool) -> None:
        async with AsyncExitStack() as stack:
            if takes_over:
                await self._wait_for_turn()
            writer = await self._open_journal()
            stack.callback(writer.close)
            committer = Committer(self._sink, writer, self._capture.snapshot_s, self._clock)
            stack.push_async_callback(committer.close)
            intake = Intake(self._inbox, writer, self._publisher, sync_each=self._capture.fsync_s == 0)
            try:
                await together(
                    intake.run(),
                    self._sync(writer),
                    self._report(intake, committer),
                    self._derive(intake, committer, writer),
                )
            finally:
                await self._finish(intake, committer)

    async def _wait_for_turn(self) -> None:
        """Returns when nobody else records; says meanwhile when the sockets are open, so that the other may end."""
        folder = self._settings.journal_dir / self.source
        told = forgot = False
        until_ns, now_ns = 0, self._clock.now_ns()
        while await asyncio.to_thread(is_held, folder):
            until_ns = now_ns
            told = told or (self.connected and self._stand_by())
            forgot |= self._inbox.forget(until_ns - OVERLAP_S * NS_PER_S)
            await asyncio.sleep(TURN_POLL_S)
            now_ns = self._clock.now_ns()
        if until_ns:
            await self._from.join(until_ns, forgot=forgot)
        self._stand_by()

    def _stand_by(self) -> bool:
        try:
            heartbeat.stand_by(self._settings.run_dir, self.source)
        except OSError as error:  # whoever waits for it goes on without, after a while
            logger.debug("{}: cannot say that it stands by: {}", self.source, error)
            return False
        return True

    async def _open_journal(self) -> JournalWriter:
        """The journal, behind what the lake has even where the journal itself is gone."""
        folder = self._settings.journal_dir / self.source
        at_least = 0 if segments(folder) else await asyncio.to_thread(lambda: self._sink.last_position) + 1
        return JournalWriter.open(
            folder,
            at_least=at_least,
            segment_bytes=round(self._capture.segment_mb * _MB),
            segment_s=self._capture.segment_s,
        )

    async def _collect(self) -> None:
        """Holds the sockets open while the switch says so."""
        sockets: asyncio.Task[None] | None = None
        try:
            while True:
                self._collecting = heartbeat.is_collecting(self._settings.run_dir)
                if sockets is not None and (sockets.done() or not self._collecting):
                    sockets.cancel()
                    await asyncio.wait({sockets})
                    if not sockets.cancelled():
                        sockets.result()
                    sockets = None
                if sockets is None and self._collecting:
                    sockets = asyncio.create_task(self._from.stream())
                await asyncio.sleep(SWITCH_S)
        finally:
            if sockets is not None:
                sockets.cancel()
                await asyncio.wait({sockets})

    async def _sync(self, writer: JournalWriter) -> None:
        """Bounds what a power failure takes to `fsync_s`."""
        while self._capture.fsync_s:  # else the intake does it after every write
            await asyncio.sleep(self._capture.fsync_s)
            try:
                await asyncio.to_thread(writer.sync)
            except TransientError as error:
                logger.error("{}", error)

    async def _derive(self, intake: Intake, committer: Committer, writer: JournalWriter) -> None:
        """Turns frames into rows. Frames are journaled from the first moment on, so this may begin late, or fail."""
        instruments = await self._from.instruments()
        self._renew = lambda: Pipeline(self._venue, self.source, instruments)
        pipeline = self._renew()
        try:
            await committer.catch_up(pipeline, writer.next_position - 1)
            await committer.go_on(pipeline, intake.hold())
        except Exception as error:
            # The same as where a live frame cannot be read: recording goes on.
            logger.exception("{}: the journal cannot be read again, frames are journaled only", self.source)
            intake.give_up(f"the journal cannot be read again: {error!r}")
            return
        intake.go_live(pipeline)
        self._pipeline = pipeline
        await together(*self._from.loops(pipeline), self._flush(pipeline, intake, committer))

    async def _flush(self, pipeline: Pipeline, intake: Intake, committer: Committer) -> None:
        while True:
            await asyncio.sleep(self._capture.flush_s)
            await intake.quiet_moment()  # building the rows takes tens of milliseconds
            await committer.flush(pipeline.take(), self._renew)

    async def _finish(self, intake: Intake, committer: Committer) -> None:
        """Journals and commits what is left."""
        try:
            intake.finish()
        except TransientError as error:
            logger.error("{}; frames that waited for room are lost and will be fetched again where they can be", error)
        if self._pipeline is not None:
            await committer.flush(self._pipeline.take(), self._renew, mark=True)

    async def _report(self, intake: Intake, committer: Committer) -> None:
        """Tells every second how it goes."""
        frames, now_s = intake.frames, self._clock.monotonic_s()
        while True:
            before, before_s = frames, now_s
            frames, now_s = intake.frames, self._clock.monotonic_s()
            rate = (frames - before) / (now_s - before_s) if now_s > before_s else 0.0
            try:
                heartbeat.write(self._settings.run_dir, self._state(intake, committer, rate))
            except OSError as error:
                logger.debug("{}: no heartbeat: {}", self.source, error)
            await asyncio.sleep(HEARTBEAT_S)

    def _state(self, intake: Intake, committer: Committer, rate: float) -> Heartbeat:
        pipeline = self._pipeline
        return Heartbeat(
            source=self.source,
            pid=os.getpid(),
            ts_ns=self._clock.now_ns(),
            connected=self.connected,
            collecting=self._collecting,
            frames=intake.frames,
            frames_per_s=round(rate, 1),
            last_frame_ts_ns=intake.last_frame_ns,
            last_commit_ts_ns=committer.last_commit_ns,
            reconnects=self._from.reconnects,
            gaps_open=len(pipeline.open_gaps) if pipeline else 0,
            quarantined=pipeline.totals()["quarantined"] if pipeline else 0,
            clock_offset_ns=self._from.clock_offset_ns,
            book_valid={symbol: feed.book.valid for symbol, feed in pipeline.feeds.items()} if pipeline else {},
            problem=intake.disk_problem or intake.problem or committer.problem,
        )
