"""A combined-stream socket that is always there: it comes back, and is replaced before it is cut."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Sequence
from itertools import count
from urllib.parse import urlsplit

import msgspec
from loguru import logger
from websockets import ClientConnection, ConnectionClosed, WebSocketException, connect

from trifecta.capture.inbox import Inbox
from trifecta.clock import Clock
from trifecta.settings import CaptureSettings, is_loopback

FIRST_BACKOFF_S = 0.25
MAX_BACKOFF_S = 30.0
STABLE_S = 30.0  # a socket that lived so long was not the venue's way of refusing us
OVERLAP_S = 5.0  # how long a new socket may take to deliver while the old one still does
CHECK_S = 1.0
RESUBSCRIBE_S = 180.0  # between two attempts to revive one stream
MAX_FRAME_BYTES = 16 * 1024 * 1024
MAX_QUEUE = 4096  # frames before the socket is no longer read; the venue's side then waits
_STREAM_PREFIX = b'{"stream":"'
_REPLIES = (b'{"result"', b'{"error"', b'{"id"', b'{"code"')  # to SUBSCRIBE: not market data
_LIVELY = ("bookTicker", "depth@100ms")  # a market that trades at all changes these all the time


class _Socket:
    """One connection and what was heard on it."""

    def __init__(self, link: ClientConnection, inbox: Inbox, now_s: float) -> None:
        self.frames = 0
        self.opened_s = now_s
        self.heard: set[bytes] = set()  # streams since the last check
        self.delivered = asyncio.Event()
        self.end = ""  # why it ended
        self._link = link
        self._inbox = inbox
        self.reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        inbox, heard = self._inbox, self.heard
        try:
            while True:
                payload = await self._link.recv(decode=False)
                if payload.startswith(_STREAM_PREFIX):
                    heard.add(payload[11 : payload.find(b'"', 11)])
                elif payload.startswith(_REPLIES):
                    if not payload.startswith(b'{"result":null'):
                        logger.warning("{}: {}", self._link.remote_address, payload[:500])
                    continue
                inbox.add(payload)
                self.frames += 1
                if self.frames == 1:
                    self.delivered.set()
                if inbox.is_full:
                    await inbox.room()
        except (ConnectionClosed, OSError) as error:
            self.end = f"{type(error).__name__}: {error}"

    async def first_frame(self) -> None:
        """Returns when it delivers, or does not within `OVERLAP_S`."""
        delivered = asyncio.create_task(self.delivered.wait())
        try:
            await asyncio.wait({delivered, self.reading}, timeout=OVERLAP_S, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            self.abandon()
            raise
        finally:
            delivered.cancel()

    async def subscribe(self, streams: Sequence[str], request_id: int) -> None:
        request = {"method": "SUBSCRIBE", "params": list(streams), "id": request_id}
        with contextlib.suppress(ConnectionClosed):  # reading notices
            await self._link.send(msgspec.json.encode(request).decode())

    async def close(self) -> None:
        """Says goodbye and reads what was still on its way."""
        await self._link.close()
        await asyncio.wait({self.reading}, timeout=1.0)
        self.abandon()

    def abandon(self) -> None:
        self.reading.cancel()
        self._link.transport.abort()


class Connection:
    """Streams of one address into an inbox, until it is cancelled. Frames of overlapping sockets are there twice."""

    def __init__(
        self, name: str, url: str, streams: Sequence[str], inbox: Inbox, settings: CaptureSettings, clock: Clock
    ) -> None:
        """`url` takes `?streams=`; `name` is how messages call it."""
        self.name = name
        self.connected = False
        self.reconnects = 0
        self.streams = {stream.encode(): stream for stream in streams}
        self._url = f"{url}?streams={'/'.join(streams)}"
        self._host = urlsplit(url).hostname or ""
        self._inbox = inbox
        self._settings = settings
        self._clock = clock
        self._failures = 0  # in a row
        self._requests = count(1)
        self._heard_s: dict[bytes, float] = {}
        self._revived_s: dict[bytes, float] = {}

    async def run(self) -> None:
        """Delivers until cancelled."""
        live: _Socket | None = None
        fresh: _Socket | None = None
        try:
            while True:
                fresh = await self._open(overlap=live is not None and not live.reading.done())
                if live is not None:
                    await live.close()
                    self.reconnects += 1
                live, fresh, self.connected = fresh, None, True
                why = await self._watch(live)
                logger.warning("{}: {}: connecting again", self.name, why)
                self.connected = not live.reading.done()
                lived_s = self._clock.monotonic_s() - live.opened_s
                self._failures = 0 if lived_s > STABLE_S and live.frames else self._failures + 1
        finally:
            self.connected = False
            for socket in (live, fresh):
                if socket is not None:
                    socket.abandon()

    async def _open(self, *, overlap: bool) -> _Socket:
        """A socket that is open, however long that takes; where it replaces a living one, one that delivers."""
        while True:
            await asyncio.sleep(self._backoff_s())
            try:
                link = await connect(
                    self._url,
                    compression=None,
                    max_size=MAX_FRAME_BYTES,
                    max_queue=MAX_QUEUE,
                    ping_interval=None,  # silence is watched here; the venue's pings are answered in any case
                    close_timeout=1.0,
                    proxy=None if is_loopback(self._host) else True,
                )
            except (OSError, WebSocketException) as error:
                self._failures += 1
                self.connected = self.connected and overlap
                logger.warning(
                    "{} cannot be reached at {} ({}): check the network, or disable the venue, or use "
                    "market = simulated; attempt {} follows",
                    self.name,
                    self._host,
                    error or type(error).__name__,
                    self._failures + 1,
                )
                continue
            socket = _Socket(link, self._inbox, self._clock.monotonic_s())
            if overlap:
                await socket.first_frame()
            return socket

    async def _watch(self, socket: _Socket) -> str:
        """Why the socket must be replaced, once it must."""
        settings = self._settings
        now_s = self._clock.monotonic_s()
        self._heard_s = dict.fromkeys(self.streams, now_s)
        lively = [name for name in self.streams if name.decode().endswith(_LIVELY)] or list(self.streams)
        while True:
            await asyncio.wait({socket.reading}, timeout=min(CHECK_S, settings.silence_s / 2))
            now_s = self._clock.monotonic_s()
            if socket.reading.done():
                return socket.end or "the socket ended"
            if now_s - socket.opened_s >= settings.reconnect_s:
                return f"open for {now_s - socket.opened_s:.0f} s, soon cut by the venue"
            # A full inbox is our own silence, not the venue's.
            self._heard_s.update(dict.fromkeys(self.streams if self._inbox.is_full else socket.heard, now_s))
            socket.heard.clear()
            if all(now_s - self._heard_s[name] > settings.silence_s for name in lively):
                return f"silent for {settings.silence_s:.0f} s"
            await self._revive(socket, now_s)

    async def _revive(self, socket: _Socket, now_s: float) -> None:
        """Subscribes again to streams that are silent while others talk. A quiet market looks the same: no harm."""
        silent = [
            name
            for name in self.streams
            if now_s - self._heard_s[name] > self._settings.silence_s
            and now_s - self._revived_s.get(name, -RESUBSCRIBE_S) >= RESUBSCRIBE_S
        ]
        if silent:
            self._revived_s.update(dict.fromkeys(silent, now_s))
            await socket.subscribe([self.streams[name] for name in silent], next(self._requests))

    def _backoff_s(self) -> float:
        """Nothing for the first attempt, then doubling with jitter, so that clients do not return in step."""
        if not self._failures:
            return 0.0
        longest = min(FIRST_BACKOFF_S * 2.0 ** min(self._failures - 1, 16), MAX_BACKOFF_S)
        return float(longest) * random.uniform(0.5, 1.0)  # noqa: S311  not for secrets
