"""The sidecar's way to the lake: a process of its own, started when asked and ended when idle."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path

import msgspec
import numpy as np

from trifecta.errors import TransientError
from trifecta.forecast.minutes import Minutes as Grid
from trifecta.forecast.minutes import from_bars
from trifecta.market.events import OrderFlow
from trifecta.serve.archive_messages import (
    ANSWERED,
    LENGTH_BYTES,
    Asked,
    Failure,
    Historical,
    MinuteBars,
    Minutes,
    Prediction,
    Save,
    Seconds,
)

IDLE_S = 10.0
TIMEOUT_S = 20.0
MAX_WAITING = 8

_decode_rows = msgspec.msgpack.Decoder(list[OrderFlow]).decode
_decode_bars = msgspec.msgpack.Decoder(MinuteBars).decode
_decode_failure = msgspec.msgpack.Decoder(Failure).decode
_ROOT = Path(__file__).parents[2]


class ArchiveError(TransientError):
    """The lake gave no answer; the message is fit for a client."""


class Archive:
    """Asks one question at a time; at most `MAX_WAITING` wait for their turn.

    Raises (every method):
        ArchiveError: too many wait, the lake cannot be read, or the answer took longer than `TIMEOUT_S`.
    """

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self.process: Process | None = None
        self._lock = asyncio.Lock()
        self._waiting = 0
        self._retiring: asyncio.Task[None] | None = None

    async def minutes(self, venue: str, symbol: str, count: int) -> Grid:
        """The newest `count` minutes that the venue published or whose 60 seconds were recorded."""
        bars = _decode_bars(await self._ask(Minutes(venue, symbol, count)))
        return from_bars(
            np.frombuffer(bars.ts_open, np.int64),
            np.frombuffer(bars.high, np.float64),
            np.frombuffer(bars.low, np.float64),
            at_most=count,
        )

    async def seconds(self, venue: str, symbol: str, after_ns: int, until_ns: int, limit: int) -> list[OrderFlow]:
        """The newest `limit` closed seconds with after_ns < ts_event <= until_ns, oldest first."""
        return _decode_rows(await self._ask(Seconds(venue, symbol, after_ns, until_ns, limit)))

    async def historical(self, question: Historical) -> bytes:
        """JSON of closed seconds in a span of event time."""
        return await self._ask(question)

    async def save(self, writer: str, version: int, rows: list[Prediction]) -> None:
        """Writes predictions, once for each version of a writer."""
        await self._ask(Save(writer, version, rows))

    async def close(self) -> None:
        """Ends the process."""
        async with self._lock:  # with it held, the retiring task is not in the middle of anything
            if self._retiring is not None:
                self._retiring.cancel()
            await self._end()

    async def _ask(self, question: Asked) -> bytes:
        if self._waiting >= MAX_WAITING:
            raise ArchiveError(f"{MAX_WAITING} requests already wait for the lake; ask again in a second")
        self._waiting += 1
        try:
            async with self._lock:
                return await self._exchange(question)
        finally:
            self._waiting -= 1

    async def _exchange(self, question: Asked) -> bytes:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                process = await self._running()
                status, body = await _converse(process, msgspec.msgpack.encode(question))
        except BaseException as error:
            # Whatever came between question and answer, the next answer would be this one's: begin anew.
            await self._end(kill=True)
            if isinstance(error, (OSError, EOFError, TimeoutError)):
                raise ArchiveError(f"the lake gave no answer within {TIMEOUT_S:g} s; ask again, or for less") from error
            raise
        self._retire_later()
        if status != ANSWERED:
            raise ArchiveError(_decode_failure(body).reason)
        return body

    async def _running(self) -> Process:
        if self.process is None or self.process.returncode is not None:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "trifecta.serve.archive_process", self._uri, stdin=PIPE, stdout=PIPE, cwd=_ROOT
            )
        return self.process

    def _retire_later(self) -> None:
        if self._retiring is not None:
            self._retiring.cancel()
        self._retiring = asyncio.create_task(self._retire())

    async def _retire(self) -> None:
        await asyncio.sleep(IDLE_S)
        async with self._lock:
            await self._end()

    async def _end(self, *, kill: bool = False) -> None:
        process, self.process = self.process, None
        if process is None:
            return
        if kill and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        if process.stdin is not None:
            process.stdin.close()
            with contextlib.suppress(OSError):
                await process.stdin.wait_closed()
        await process.wait()


async def _converse(process: Process, question: bytes) -> tuple[bytes, bytes]:
    if process.stdin is None or process.stdout is None:
        raise OSError("the process of the lake has no pipes")
    process.stdin.write(len(question).to_bytes(LENGTH_BYTES) + question)
    await process.stdin.drain()
    status = await process.stdout.readexactly(1)
    length = int.from_bytes(await process.stdout.readexactly(LENGTH_BYTES))
    return status, await process.stdout.readexactly(length)
