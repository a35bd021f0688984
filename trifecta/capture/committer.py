"""Rows on their way to the lake, beside the live path, and what is derived from the journal again."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from deltalake.exceptions import DeltaError
from loguru import logger

from trifecta.capture import journal
from trifecta.capture.journal import JournalWriter
from trifecta.capture.pipeline import Pipeline, Rows
from trifecta.capture.sink import Sink
from trifecta.clock import Clock
from trifecta.errors import TransientError
from trifecta.market.events import Frames
from warehouse.errors import WarehouseError

WARM_UP_S = 120.0  # beyond the last snapshot: two windows of order flow
COMMIT_FRAMES = 200_000  # of a replay, between two commits
MAX_PENDING_ROWS = 500_000  # about 60 MB; beyond that, rows are dropped and derived again from the journal
FIRST_BACKOFF_S = 0.5
MAX_BACKOFF_S = 30.0
_LAKE_ERRORS = (TransientError, OSError, DeltaError, WarehouseError)
T = TypeVar("T")


class _ClosedError(Exception):
    """The recorder stops while the lake cannot be reached."""


class Committer:
    """Everything of one source that touches the lake, in one thread of its own: the live path never waits for it."""

    def __init__(self, sink: Sink, writer: JournalWriter, snapshot_s: float, clock: Clock) -> None:
        self.last_commit_ns = 0
        self.problem = ""
        self._sink = sink
        self._writer = writer
        self._warm_up_s = snapshot_s + WARM_UP_S
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, "lake")
        self._closing = threading.Event()
        self._pending: list[Rows] = []
        self._dropped_upto = -1
        self._recovery: asyncio.Future[None] | None = None

    async def catch_up(self, pipeline: Pipeline, upto: int) -> None:
        """Brings a new pipeline to frame `upto` as if there had been no restart, and the lake with it."""
        await self._run(lambda: self._catch_up(pipeline, upto))

    async def go_on(self, pipeline: Pipeline, upto: int) -> None:
        """Takes a caught-up pipeline further along the journal."""
        await self._run(lambda: self._replay(pipeline, upto))

    async def flush(self, rows: Rows, renew: Callable[[], Pipeline], *, mark: bool = False) -> None:
        """Commits rows, or keeps them for the next time where the lake does not take them.

        Args:
            rows: of the frames behind those of the last call.
            renew: a new pipeline. Where too many rows wait, they are dropped, and such a one derives them again.
            mark: whether a restart must go on exactly behind these rows.
        """
        self._pending.append(rows)
        if self._recovery is not None and self._recovery.done():
            recovered, self._recovery = self._recovery, None
            recovered.result()
        if sum(waiting.total for waiting in self._pending) > MAX_PENDING_ROWS:
            logger.warning("more than {} rows wait for the lake: they are derived again later", MAX_PENDING_ROWS)
            self._pending.clear()
            self._dropped_upto = rows.last_position
            if self._recovery is None:  # else the one at work goes on up to here
                self._recovery = asyncio.ensure_future(self._recover(renew()))
        if self._recovery is not None:
            return
        try:
            while self._pending:
                await self._run(lambda: self._commit(self._pending[0], mark=mark))
                del self._pending[0]
            self.problem = ""
        except _LAKE_ERRORS as error:
            self._note(error)

    async def close(self) -> None:
        """Ends the thread; what waits follows from the journal at the next start."""
        self._closing.set()
        if self._recovery is not None:
            self._recovery.cancel()
        await asyncio.to_thread(self._thread.shutdown)

    async def _recover(self, pipeline: Pipeline) -> None:
        await self.catch_up(pipeline, self._dropped_upto)
        while pipeline.last_position < self._dropped_upto:  # more was dropped meanwhile
            await self.go_on(pipeline, self._dropped_upto)

    async def _run(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)

    def _catch_up(self, pipeline: Pipeline, upto: int) -> None:
        next_position = self._patiently(lambda: self._sink.next_position)
        self._patiently(lambda: self._seed(pipeline))
        start = journal.position_before(self._writer.folder, next_position, self._warm_up_s)
        received_ns = self._clock.now_ns()  # where the journal is lost, all that the lake has came before
        for frames in self._frames(start, next_position - 1):
            pipeline.process(frames)
            pipeline.take()  # these are committed: replaying them only restores what the pipeline remembers
            received_ns = int(frames.ts_recv[-1])
        for symbol, trade_id, ts_event in self._patiently(lambda: self._sink.last_trades(received_ns + 1)):
            pipeline.seed_trade(symbol, trade_id, ts_event)
        self._replay(pipeline, upto, next_position)

    def _seed(self, pipeline: Pipeline) -> None:
        for gap, arrived in self._sink.unfinished():
            pipeline.seed_gap(gap, arrived)
        for symbol, opens in self._sink.bar_opens(self._clock.now_ns()).items():
            pipeline.seed_bars(symbol, opens)

    def _replay(self, pipeline: Pipeline, upto: int, start: int | None = None) -> None:
        waiting = 0
        for frames in self._frames(pipeline.last_position + 1 if start is None else start, upto):
            pipeline.process(frames)
            waiting += len(frames.payloads)
            if waiting >= COMMIT_FRAMES:
                waiting = 0
                self._commit_patiently(pipeline.take())
        self._commit_patiently(pipeline.take())

    def _frames(self, start: int, upto: int) -> Iterator[Frames]:
        """Frames `start` .. `upto` of the journal."""
        for first, stamps, payloads in journal.read(self._writer.folder, start):
            if self._closing.is_set():
                raise _ClosedError
            wanted = upto + 1 - first
            if wanted <= 0:
                return
            yield Frames(first, stamps[:wanted], payloads[:wanted])

    def _commit(self, rows: Rows, *, mark: bool = False) -> None:
        self._writer.sync()  # the lake must never know more than the journal
        self._sink.commit(rows, self._clock.monotonic_s(), mark=mark)
        self.last_commit_ns = self._clock.now_ns()

    def _commit_patiently(self, rows: Rows) -> None:
        self._patiently(lambda: self._commit(rows))

    def _patiently(self, call: Callable[[], T]) -> T:
        """The result, however long the lake cannot be reached."""
        backoff_s = FIRST_BACKOFF_S
        while not self._closing.is_set():
            try:
                result = call()
            except _LAKE_ERRORS as error:
                self._note(error)
                self._closing.wait(backoff_s)
                backoff_s = min(2 * backoff_s, MAX_BACKOFF_S)
            else:
                self.problem = ""
                return result
        raise _ClosedError

    def _note(self, error: Exception) -> None:
        logger.warning("the lake takes no rows for now, they are kept: {}", error)
        self.problem = f"lake: {error}"
