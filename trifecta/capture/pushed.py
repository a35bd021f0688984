"""A journal of pushes on its way to the lake, each row once, whoever writes the journal and whenever it is killed."""

from __future__ import annotations

import asyncio
import os
import re
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import numpy as np
from deltalake.exceptions import DeltaError
from loguru import logger

from trifecta.capture import heartbeat, journal
from trifecta.capture.heartbeat import Heartbeat
from trifecta.capture.pipeline import Rows
from trifecta.capture.pushed_rows import Key, Newest, PushedRows
from trifecta.capture.pushes import identity
from trifecta.capture.segments import segments, sync_path
from trifecta.capture.sink import Sink
from trifecta.clock import NS_PER_S, Clock
from trifecta.errors import TransientError
from trifecta.market.events import Frames
from trifecta.settings import Settings
from warehouse.errors import WarehouseError
from warehouse.lake import Lake
from warehouse.stored import Batch, StoredFile

COMMIT_LINES = 2000  # of a journal that is far ahead, between two commits
REMEMBERED_DAYS = 10  # with pushes: a series that was silent longer is not known any more
LATELY_S = 60.0  # a journal that took a line within this is connected
_LAKE_ERRORS = (TransientError, OSError, DeltaError, WarehouseError)

_VENUE = re.compile("(sim_)?mt5_")


class Derive(Protocol):
    """Turns the frames of a journal into rows."""

    counts: Counter[str]
    last_position: int
    last_ts_recv: int

    def process(self, frames: Frames) -> None: ...
    def take(self) -> Rows: ...


class PushedJournal:
    """Follows one journal. Its work is done in a thread, one call of `commit_new` at a time."""

    def __init__(
        self, settings: Settings, name: str, clock: Clock, derive: Callable[[Lake], Derive] | None = None
    ) -> None:
        """
        Args:
            derive: makes what turns its frames into rows, given the lake as it is; by default that of terminals.
        """
        self.name = name
        self.folder = settings.journal_dir / name
        self.committed = 0
        self.problem = ""
        self._settings = settings
        self._clock = clock
        self._lake = Lake(settings.lake)
        self._derive: Callable[[Lake], Derive] = derive or (lambda lake: PushedRows(*known(lake)))
        self._rows: Derive | None = None
        self._sink: Sink | None = None
        self._last_commit_ns = 0

    async def run(self) -> None:
        """Commits what comes until cancelled, then what is left."""
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1, "pushed") as thread:  # a cancelled call goes on in it: the last one waits for it
            try:
                while True:
                    await loop.run_in_executor(thread, self.commit_new)
                    await asyncio.sleep(self._settings.capture.flush_s)
            finally:
                await loop.run_in_executor(thread, lambda: self.commit_new(mark=True))

    def commit_new(self, *, mark: bool = False) -> None:
        """Commits every line that is in the journal now. A lake that takes nothing is tried again the next time."""
        if not segments(self.folder):
            return
        try:
            self._commit_new(mark=mark)
            self.problem = ""
        except _LAKE_ERRORS as error:
            self.problem = f"lake: {error}"
            self._rows = None  # what was read and not committed is read again
            logger.warning("{}: the lake takes no rows for now, the journal keeps them: {}", self.name, error)
        except Exception as error:
            # The edge of this journal: whatever is wrong with it, the recorder's other sources go on.
            self.problem = f"the journal cannot be read: {error!r}"
            self._rows = None
            logger.exception("{}: its rows are not committed", self.name)
        self._report()

    def _commit_new(self, *, mark: bool) -> None:
        if self._rows is None or self._sink is None:
            self._sink = Sink(self._lake, f"{self.name}:{identity(self.folder)}")
            self._rows = self._derive(self._lake)
            self._rows.last_position = self._sink.next_position - 1
        waiting = 0
        for frames in journal.read(self.folder, self._rows.last_position + 1):
            self._rows.process(frames)
            waiting += len(frames.payloads)
            if waiting >= COMMIT_LINES:
                self._commit(self._sink, self._rows)
                waiting = 0
        if waiting or mark:
            self._commit(self._sink, self._rows, mark=mark)

    def _commit(self, sink: Sink, rows: Derive, *, mark: bool = False) -> None:
        newest = segments(self.folder)[-1].path
        if newest.exists():
            sync_path(newest)  # the lake must never know more than the journal
        self.committed += sink.commit(rows.take(), self._clock.monotonic_s(), mark=mark)
        self._last_commit_ns = self._clock.now_ns()

    def _report(self) -> None:
        rows, now_ns = self._rows, self._clock.now_ns()
        last_ns = rows.last_ts_recv if rows else 0
        beat = Heartbeat(
            source=self.name,
            pid=os.getpid(),
            ts_ns=now_ns,
            connected=now_ns - last_ns < LATELY_S * NS_PER_S,
            collecting=True,
            frames=rows.last_position + 1 if rows else 0,
            frames_per_s=0.0,
            last_frame_ts_ns=last_ns,
            last_commit_ts_ns=self._last_commit_ns,
            reconnects=0,
            gaps_open=0,
            quarantined=rows.counts["quarantined"] if rows else 0,
            clock_offset_ns=None,
            book_valid={},
            problem=self.problem,
        )
        try:
            heartbeat.write(self._settings.run_dir, beat)
        except OSError as error:
            logger.debug("{}: no heartbeat: {}", self.name, error)


def known(lake: Lake) -> tuple[dict[Key, Newest], dict[Key, int]]:
    """The newest ticks and bars of every terminal that the lake has."""
    ticks: dict[Key, Newest] = {}
    for file in _recent(lake, "quotes"):
        newest = ticks.setdefault(Key(file.partition["venue"], file.partition["symbol"], ""), Newest())
        for batch in file.read(("ts_event", "time_scale", "bid", "ask")):
            _add(newest, batch)
    bars: dict[Key, int] = {}
    for file in _recent(lake, "bars"):
        for batch in file.read(("interval", "ts_open")):
            for interval, ts_open in zip(batch.texts("interval"), batch.numbers("ts_open").tolist(), strict=True):
                key = Key(file.partition["venue"], file.partition["symbol"], interval)
                bars[key] = max(bars.get(key, ts_open), ts_open)
    return ticks, bars


def _add(newest: Newest, batch: Batch) -> None:
    """Takes in what ticks of the same instrument are as new as the newest, or newer."""
    times = batch.numbers("ts_event") * np.power(10, 9 - batch.numbers("time_scale").astype(np.int64))
    last = int(times.max())
    if last < newest.ts_event:
        return
    if last > newest.ts_event:
        newest.ts_event, newest.pairs = last, set()
    rows = times == last
    newest.pairs |= set(zip(batch.numbers("bid")[rows].tolist(), batch.numbers("ask")[rows].tolist(), strict=True))


def _recent(lake: Lake, table: str) -> list[StoredFile]:
    """Files of the last days on which a terminal pushed."""
    files = [file for file in lake.stored(table) if _VENUE.match(file.partition["venue"])]
    days = sorted({file.partition["date"] for file in files})[-REMEMBERED_DAYS:]
    return [file for file in files if file.partition["date"] in days]
