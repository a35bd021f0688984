"""What must not wait for a disk: ZeroMQ publish/subscribe on loopback.

Losing a message costs freshness, never data: whoever needs history reads the lake. Publishers and subscribers both
connect to a forwarder that `trifecta up` runs, so any number of either may come and go.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, Callable
from types import TracebackType
from typing import Self, TypeVar

import msgspec
import zmq
import zmq.asyncio

from trifecta.errors import SettingsError
from trifecta.market.events import BinarySignal, Book, OrderFlow, Quote
from trifecta.market.pools import PoolReading

HIGH_WATER_MARK = 10_000  # messages a slow subscriber may fall behind before it loses the oldest
SECONDS_TOPIC = b"second/"
QUOTES_TOPIC = b"quote/"
BOOKS_TOPIC = b"book/"
SIGNALS_TOPIC = b"signal/"
POOLS_TOPIC = b"pool/"
OPPORTUNITIES_TOPIC = b"opportunities/"
LAST_PORT = 65535

_encode = msgspec.msgpack.Encoder().encode
_decode_second = msgspec.msgpack.Decoder(OrderFlow).decode
_decode_book = msgspec.msgpack.Decoder(Book).decode
_decode_quote = msgspec.msgpack.Decoder(Quote).decode
_decode_signal = msgspec.msgpack.Decoder(BinarySignal).decode
_decode_pool = msgspec.msgpack.Decoder(PoolReading).decode
_Row = TypeVar("_Row")


def publish_address(address: str) -> str:
    """Where publishers connect: the port above the one subscribers use.

    Raises:
        SettingsError: not a TCP address, or no port above it.
    """
    host, _, port = address.rpartition(":")
    if not host.startswith("tcp://") or not port.isdecimal() or not 0 < int(port) < LAST_PORT:
        raise SettingsError(
            f"bus_address {address!r} must be a TCP address with a port below {LAST_PORT}, like tcp://127.0.0.1:5570: "
            "set TRIFECTA_BUS_ADDRESS"
        )
    return f"{host}:{int(port) + 1}"


class Publisher:
    """Sends to whoever listens, from any thread; never waits for and never fails without a listener."""

    def __init__(self, address: str) -> None:
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.PUB)
        self._socket.set_hwm(HIGH_WATER_MARK)
        self._socket.linger = 0
        self._socket.connect(publish_address(address))
        self._turn = threading.Lock()  # a socket mixes the parts of messages that two threads send at once

    def second(self, row: OrderFlow) -> None:
        self._send(SECONDS_TOPIC + row.venue.encode(), _encode(row))

    def quote(self, row: Quote) -> None:
        self._send(QUOTES_TOPIC + row.venue.encode(), _encode(row))

    def book(self, row: Book) -> None:
        self._send(BOOKS_TOPIC + row.venue.encode(), _encode(row))

    def signal(self, row: BinarySignal) -> None:
        self._send(SIGNALS_TOPIC + row.venue.encode(), _encode(row))

    def pool(self, row: PoolReading) -> None:
        self._socket.send_multipart((POOLS_TOPIC + row.venue.encode(), _encode(row)), zmq.NOBLOCK)

    def opportunities(self, snapshot: bytes) -> None:
        """Sends what the scanners see, as they encoded it: the bus stands below them."""
        self._send(OPPORTUNITIES_TOPIC, snapshot)

    def _send(self, topic: bytes, payload: bytes) -> None:
        with self._turn:
            self._socket.send_multipart((topic, payload), zmq.NOBLOCK)

    def close(self) -> None:
        self._socket.close()
        self._context.term()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def seconds(address: str) -> AsyncGenerator[OrderFlow, None]:
    """Closed seconds of every instrument, as they are published."""
    return _rows(address, SECONDS_TOPIC, _decode_second)


def quotes(address: str) -> AsyncGenerator[Quote, None]:
    """Best bids and asks of every instrument, as they are published."""
    return _rows(address, QUOTES_TOPIC, _decode_quote)


def books(address: str) -> AsyncGenerator[Book, None]:
    """The best levels of every instrument, as they are published."""
    return _rows(address, BOOKS_TOPIC, _decode_book)


def opportunities(address: str, decode: Callable[[bytes], _Row]) -> AsyncGenerator[_Row, None]:
    """What the scanners see, whenever it changes."""
    return _rows(address, OPPORTUNITIES_TOPIC, decode)


def signals(address: str) -> AsyncGenerator[BinarySignal, None]:
    """Binary signals of every source, as they are published."""
    return _rows(address, SIGNALS_TOPIC, _decode_signal)


def pools(address: str) -> AsyncGenerator[PoolReading, None]:
    """Pools of every chain, as they are published: once a block."""
    return _rows(address, POOLS_TOPIC, _decode_pool)


async def _rows(address: str, topic: bytes, decode: Callable[[bytes], _Row]) -> AsyncGenerator[_Row, None]:
    context: zmq.asyncio.Context = zmq.asyncio.Context()
    socket = context.socket(zmq.SUB)
    socket.set_hwm(HIGH_WATER_MARK)
    socket.linger = 0
    socket.subscribe(topic)
    socket.connect(address)
    try:
        while True:
            yield decode((await socket.recv_multipart())[-1])
    finally:
        socket.close()
        context.term()


def forward(address: str) -> None:
    """Passes messages from publishers to subscribers until the context ends; run it in a thread of its own.

    Raises:
        SettingsError: the address is in use.
    """
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context.instance()
    inbound, outbound = context.socket(zmq.XSUB), context.socket(zmq.XPUB)
    try:
        for socket, where in ((outbound, address), (inbound, publish_address(address))):
            socket.set_hwm(HIGH_WATER_MARK)
            socket.linger = 0
            try:
                socket.bind(where)
            except zmq.ZMQError as error:
                raise SettingsError(
                    f"bus address {where} cannot be used ({error.strerror}): set TRIFECTA_BUS_ADDRESS to a free "
                    "port; the port above it must be free too"
                ) from error
        zmq.proxy(inbound, outbound)
    except zmq.ContextTerminated:
        pass
    finally:
        inbound.close()
        outbound.close()
