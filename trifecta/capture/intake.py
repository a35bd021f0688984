"""From the inbox into the journal, then through the pipeline, and closed seconds onto the bus."""

from __future__ import annotations

import asyncio
import contextlib

from loguru import logger

from trifecta.bus import Publisher
from trifecta.capture.inbox import Inbox
from trifecta.capture.journal import JournalWriter
from trifecta.capture.pipeline import Pipeline
from trifecta.errors import TransientError
from trifecta.market.events import Frames

BATCH_S = 0.005  # how long frames gather before they are taken together
MAX_BATCH = 20_000  # frames
FULL_DISK_S = 0.5  # between two tries to write to it


class Intake:
    """Takes in what the inbox holds. A frame is in the journal before anything else is done with it."""

    def __init__(self, inbox: Inbox, journal: JournalWriter, publisher: Publisher, *, sync_each: bool) -> None:
        self.pipeline: Pipeline | None = None  # without one, frames are only journaled
        self.frames = 0
        self.last_frame_ns = 0
        self.disk_problem = ""
        self.problem = ""
        self._inbox = inbox
        self._journal = journal
        self._publisher = publisher
        self._sync_each = sync_each
        self._left: list[tuple[int, bytes]] = []  # taken from the inbox, not yet in the journal
        self._held: list[Frames] | None = None
        self._second_closed = asyncio.Event()

    async def run(self) -> None:
        """Takes in until cancelled; `finish` afterwards."""
        while True:
            await self._inbox.wait()
            await asyncio.sleep(BATCH_S)
            self._left += self._inbox.take()
            while self._left:
                self._take_in(await self._append())
                if self._sync_each:
                    await asyncio.to_thread(self._journal.sync)

    def finish(self) -> None:
        """Takes in what is left.

        Raises:
            TransientError: it does not fit on the disk. It is lost, and will be found missing by its ids.
        """
        self._left += self._inbox.take()
        while self._left:
            self._take_in(self._journal.append(self._left[:MAX_BATCH]))
            del self._left[:MAX_BATCH]

    async def quiet_moment(self) -> None:
        """Returns right after a closed second went out: nobody waits for the next one yet. Waits for 1 s at most."""
        self._second_closed.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._second_closed.wait(), 1.0)

    def hold(self) -> int:
        """Keeps what is journaled from now on for `go_live`; returns the last position before it."""
        self._held = []
        return self._journal.next_position - 1

    def go_live(self, pipeline: Pipeline) -> None:
        """Hands a pipeline, which knows everything up to what `hold` returned, the frames since then and to come."""
        held, self._held = self._held or [], None
        self.pipeline = pipeline
        for frames in held:
            self._process(frames)

    def give_up(self, problem: str) -> None:
        """Only journals from now on."""
        self._held, self.pipeline, self.problem = None, None, problem

    async def _append(self) -> Frames:
        """Writes the next batch, however long the disk stays full. Meanwhile the inbox fills and holds the venue."""
        while True:
            batch = self._left[:MAX_BATCH]
            try:
                frames = self._journal.append(batch)
            except TransientError as error:
                if not self.disk_problem:
                    logger.error("{}; frames wait in memory, then at the venue", error)
                self.disk_problem = str(error)
                await asyncio.sleep(FULL_DISK_S)
                continue
            if self.disk_problem:
                logger.info("journal {} takes frames again", self._journal.folder)
                self.disk_problem = ""
            del self._left[: len(batch)]
            return frames

    def _take_in(self, frames: Frames) -> None:
        self.frames += len(frames.payloads)
        self.last_frame_ns = int(frames.ts_recv[-1])
        if self._held is not None:
            self._held.append(frames)
        self._process(frames)

    def _process(self, frames: Frames) -> None:
        if self.pipeline is None:
            return
        try:
            self.pipeline.process(frames)
            for quote in self.pipeline.quotes():
                self._publisher.quote(quote)
            for book in self.pipeline.books():
                self._publisher.book(book)
            for row in self.pipeline.seconds():
                self._publisher.second(row)
                self._second_closed.set()
        except Exception as error:
            # Whatever is wrong with how we read a frame, recording goes on: the journal has it, and the rows follow
            # from there once the fault is found.
            logger.exception("frames from {} on are journaled only", frames.first_position)
            self.give_up(f"frames from {frames.first_position} on cannot be read: {error!r}")
