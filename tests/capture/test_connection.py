"""A socket that is always there, and loses nothing on the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgspec
import pytest
from websockets import ConnectionClosed
from websockets.asyncio.server import Server, ServerConnection, serve

from trifecta.capture.connection import Connection
from trifecta.capture.inbox import Inbox
from trifecta.clock import SystemClock
from trifecta.settings import CaptureSettings

STREAMS = ["btcusdt@trade", "btcusdt@bookTicker"]


class Exchange:
    """A venue that counts: every connected socket gets the same numbered frames."""

    def __init__(self) -> None:
        self.sent = 0
        self.opened = 0
        self.requests: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.streams = STREAMS
        self.silent_sockets: set[int] = set()
        self.sockets: dict[int, ServerConnection] = {}

    async def handle(self, socket: ServerConnection) -> None:
        self.opened += 1
        number = self.opened
        self.sockets[number] = socket
        self.paths.append(socket.request.path if socket.request else "")
        try:
            async for text in socket:
                request = msgspec.json.decode(text)
                self.requests.append(request)
                await socket.send(msgspec.json.encode({"result": None, "id": request["id"]}).decode())
        except ConnectionClosed:
            pass
        finally:
            del self.sockets[number]

    async def tick(self, frames: int = 1) -> None:
        for _ in range(frames):
            for stream in self.streams:
                self.sent += 1
                for number, socket in list(self.sockets.items()):
                    if number not in self.silent_sockets:
                        await send(socket, f'{{"stream":"{stream}","data":{{"n":{self.sent}}}}}')

    async def keep_ticking(self) -> None:
        while True:
            await self.tick()
            await asyncio.sleep(0.002)


async def send(socket: ServerConnection, text: str) -> None:
    with suppress(ConnectionClosed):
        await socket.send(text)


@asynccontextmanager
async def listening(exchange: Exchange, port: int = 0) -> AsyncIterator[tuple[Server, int]]:
    async with serve(exchange.handle, "127.0.0.1", port, compression=None) as server:
        yield server, next(iter(server.sockets)).getsockname()[1]


@asynccontextmanager
async def connected(
    port: int, inbox: Inbox, streams: list[str] = STREAMS, **settings: float
) -> AsyncIterator[Connection]:
    url = f"ws://127.0.0.1:{port}/stream"
    connection = Connection("binance", url, streams, inbox, CaptureSettings(**settings), SystemClock())
    running = asyncio.create_task(connection.run())
    try:
        yield connection
    finally:
        running.cancel()
        await asyncio.wait({running})
        assert running.cancelled()


async def until(holds: Callable[[], object]) -> None:
    """Returns when `holds()` does; the test's time-out is the bound."""
    while not holds():  # noqa: ASYNC110  what is waited for is behind a socket
        await asyncio.sleep(0.001)


def numbers(inbox: Inbox) -> list[int]:
    return [msgspec.json.decode(payload)["data"]["n"] for _, payload in inbox.take()]


@pytest.fixture
def inbox() -> Inbox:
    return Inbox(SystemClock())


async def test_frames_arrive_untouched_and_in_order(inbox: Inbox) -> None:
    exchange = Exchange()
    async with listening(exchange) as (_, port), connected(port, inbox) as connection:
        await until(lambda: exchange.sockets)
        await exchange.tick(50)
        found: list[tuple[int, bytes]] = []
        while len(found) < 100:
            await inbox.wait()
            found += inbox.take()
        assert connection.connected
    assert exchange.paths == ["/stream?streams=btcusdt@trade/btcusdt@bookTicker"]
    expected = [b'{"stream":"%b","data":{"n":%d}}' % (STREAMS[n % 2].encode(), n + 1) for n in range(100)]
    assert [payload for _, payload in found] == expected
    stamps = [stamp for stamp, _ in found]
    assert stamps == sorted(stamps)


async def test_comes_back_after_a_cut(inbox: Inbox) -> None:
    exchange = Exchange()
    async with listening(exchange) as (_, port), connected(port, inbox) as connection:
        for cut in range(1, 4):
            await until(lambda: exchange.sockets)
            await exchange.tick()
            await inbox.wait()
            inbox.take()
            next(iter(exchange.sockets.values())).transport.abort()
            await until(lambda cut=cut: exchange.opened == cut + 1)
        await until(lambda: connection.reconnects == 3)


async def test_keeps_trying_a_venue_that_is_not_there(inbox: Inbox) -> None:
    exchange = Exchange()
    async with listening(exchange) as (_, port):
        pass
    async with connected(port, inbox) as connection:
        await until(lambda: connection._failures >= 2)
        assert not connection.connected
        async with listening(exchange, port):
            await until(lambda: connection.connected)


async def test_replaces_a_socket_before_it_is_cut_without_losing_a_frame(inbox: Inbox) -> None:
    exchange = Exchange()
    async with listening(exchange) as (_, port), connected(port, inbox, reconnect_s=0.05) as connection:
        await until(lambda: exchange.sockets)
        ticking = asyncio.create_task(exchange.keep_ticking())
        await until(lambda: connection.reconnects >= 2)
        ticking.cancel()
        await asyncio.wait({ticking})
        last = exchange.sent - 1  # the last tick may have been cancelled between its sockets
        found: set[int] = set()
        while last not in found:
            await inbox.wait()
            found.update(numbers(inbox))
    assert found >= set(range(min(found), last + 1))


async def test_replaces_a_socket_that_went_silent(inbox: Inbox) -> None:
    exchange = Exchange()
    exchange.silent_sockets = {1}
    async with listening(exchange) as (_, port), connected(port, inbox, silence_s=0.2):
        await until(lambda: exchange.opened == 2)
        await until(lambda: 2 in exchange.sockets)
        await exchange.tick()
        await inbox.wait()
        assert numbers(inbox)


async def test_quiet_stream_is_subscribed_again_once_and_the_socket_kept(inbox: Inbox) -> None:
    exchange = Exchange()
    exchange.streams = ["btcusdt@bookTicker"]
    async with listening(exchange) as (_, port), connected(port, inbox, silence_s=0.05) as connection:
        await until(lambda: exchange.sockets)
        ticking = asyncio.create_task(exchange.keep_ticking())
        await until(lambda: exchange.requests)
        sent = exchange.sent
        await until(lambda: exchange.sent > sent + 50)
        ticking.cancel()
        assert connection.reconnects == 0
    assert exchange.requests == [{"method": "SUBSCRIBE", "params": ["btcusdt@trade"], "id": 1}]
    assert all(b'"result"' not in payload for _, payload in inbox.take())


async def test_full_inbox_holds_the_venue_back_and_loses_nothing() -> None:
    inbox = Inbox(SystemClock(), max_bytes=5_000)
    exchange = Exchange()
    async with listening(exchange) as (_, port), connected(port, inbox, silence_s=0.1) as connection:
        await until(lambda: exchange.sockets)
        ticking = asyncio.create_task(exchange.tick(20_000))
        await until(lambda: inbox.is_full)
        await until(lambda: connection._heard_s)
        found: list[int] = []
        while len(found) < 40_000:
            await inbox.wait()
            assert inbox._bytes < 5_100
            found += numbers(inbox)
        await ticking
        assert exchange.opened == 1
    assert found == list(range(1, 40_001))
