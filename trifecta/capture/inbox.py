"""Frames on their way from sockets and requests to the journal, in the order they came."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from trifecta.clock import Clock

MAX_BYTES = 64 * 1024 * 1024


class Inbox:
    """A bounded queue for one reader and any number of writers of one event loop.

    Nothing is dropped: a writer that finds it full waits, so that its socket is not read and the venue's side waits
    too.
    """

    def __init__(self, clock: Clock, max_bytes: int = MAX_BYTES) -> None:
        self._clock = clock
        self._max_bytes = max_bytes
        self._frames: list[tuple[int, bytes]] = []
        self._bytes = 0
        self._filled = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    @property
    def is_full(self) -> bool:
        return self._bytes >= self._max_bytes

    def add(self, payload: bytes, ts_recv: int = 0) -> None:
        """Takes a frame, received now unless it says when. Wait for `room` before the next one if it `is_full`."""
        self._frames.append((ts_recv or self._clock.now_ns(), payload))
        self._bytes += len(payload)
        self._filled.set()

    def forget(self, before_ns: int) -> bool:
        """Drops what was received earlier, for one who cannot take it yet and whose turn comes later; whether any."""
        kept = [frame for frame in self._frames if frame[0] >= before_ns]
        forgot = len(kept) < len(self._frames)
        self._frames, self._bytes = kept, sum(len(payload) for _, payload in kept)
        self._room.set()
        return forgot

    def reword(self, before_ns: int, change: Callable[[bytes], bytes]) -> None:
        """Changes what was received earlier and waits, frame by frame."""
        self._frames = [(ts, change(payload) if ts < before_ns else payload) for ts, payload in self._frames]

    async def room(self) -> None:
        """Returns when the reader has taken what was there."""
        while self.is_full:
            self._room.clear()
            await self._room.wait()

    async def wait(self) -> None:
        """Returns when there is a frame."""
        await self._filled.wait()

    def take(self) -> list[tuple[int, bytes]]:
        """Everything that arrived, oldest first."""
        frames, self._frames, self._bytes = self._frames, [], 0
        self._filled.clear()
        self._room.set()
        return frames
