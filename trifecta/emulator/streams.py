"""Subscriptions and their delivery: one hub per market, frames of a slice recorded first, then sent.

WebSocket frames are put together here and a slice leaves in one write per client: server frames are not masked, so the
same bytes serve every client, and the event loop is entered once per slice instead of once per message.
"""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from trifecta.emulator.config import MarketName
from trifecta.emulator.record import FrameLog

# A client that lets this much pile up is dropped, as the venue does.
MAX_BACKLOG_BYTES = 64 << 20


class Stream:
    """A named stream and who listens. `prefix` opens its combined form; `}` closes it.

    `made` says that the market makes it; a name that only a client made up is forgotten with its last client.
    """

    __slots__ = ("clients", "made", "name", "prefix")

    def __init__(self, name: str) -> None:
        self.name = name
        self.prefix = f'{{"stream":"{name}","data":'.encode()
        self.clients: dict[Client, None] = {}
        self.made = False


class Client:
    """One connection: what it subscribed to, and the bytes waiting for it. `combined` is the wrapped frame form."""

    def __init__(self, transport: asyncio.Transport, combined: bool) -> None:
        self.combined = combined
        self.streams: dict[str, Stream] = {}
        self._transport = transport
        self._waiting: list[bytes] = []

    def push(self, framed: bytes) -> None:
        self._waiting.append(framed)

    def flush(self) -> None:
        if not self._waiting:
            return
        if self.backlog > MAX_BACKLOG_BYTES:
            self.drop()
        elif not self._transport.is_closing():
            self._transport.write(b"".join(self._waiting))
        self._waiting = []

    @property
    def backlog(self) -> int:
        """Bytes that were sent and that the client has not taken."""
        return self._transport.get_write_buffer_size()

    def drop(self) -> None:
        """Ends the connection without a close frame."""
        self._transport.abort()


class Outgoing(NamedTuple):
    """A frame on its way to clients: `data` alone, and wrapped as combined streams have it."""

    stream: Stream
    data: bytes
    wrapped: bytes

    def with_data(self, data: bytes) -> "Outgoing":
        return Outgoing(self.stream, data, self.stream.prefix + data + b"}")


Transform = Callable[[list[Outgoing]], list[Outgoing]]


class Hub:
    """The streams of one market."""

    def __init__(self, market: MarketName, log: FrameLog, transform: Transform) -> None:
        self.market = market
        self.log = log
        self.clients: dict[Client, None] = {}
        self.sent = 0  # frames handed to clients
        self.published = 0
        self.first_subscription = asyncio.Event()
        self._transform = transform
        self._streams: dict[str, Stream] = {}
        self._lines: list[bytes] = []
        self._out: list[Outgoing] = []

    def stream(self, name: str) -> Stream:
        """The stream that the market publishes under `name`."""
        stream = self._streams.setdefault(name, Stream(name))
        stream.made = True
        return stream

    def subscribe(self, client: Client, names: list[str]) -> None:
        for name in names:
            stream = self._streams.setdefault(name, Stream(name))
            stream.clients[client] = None
            client.streams[name] = stream
        if names:
            self.first_subscription.set()

    def unsubscribe(self, client: Client, names: list[str]) -> None:
        for name in names:
            if stream := client.streams.pop(name, None):
                stream.clients.pop(client, None)
                if not stream.clients and not stream.made:
                    self._streams.pop(name, None)

    def leave(self, client: Client) -> None:
        self.unsubscribe(client, list(client.streams))
        self.clients.pop(client, None)

    def publish(self, stream: Stream, data: bytes, now_ms: int) -> None:
        """Takes a frame into the record, and to the clients of its stream with the next `flush`."""
        wrapped = stream.prefix + data + b"}"
        self._lines.append(b"%d000000 %b\n" % (now_ms, wrapped))
        self.published += 1
        if stream.clients:
            self._out.append(Outgoing(stream, data, wrapped))

    def flush(self) -> None:
        """Writes what was published to the record, then sends it."""
        if self._lines:
            self.log.write(b"".join(self._lines))
            self._lines = []
        for frame in self._transform(self._out):
            self._hand_over(frame)
        self._out = []
        for client in list(self.clients):
            client.flush()

    def _hand_over(self, frame: Outgoing) -> None:
        combined = raw = b""
        for client in frame.stream.clients:
            self.sent += 1
            if client.combined:
                combined = combined or text_frame(frame.wrapped)
                client.push(combined)
            else:
                raw = raw or text_frame(frame.data)
                client.push(raw)


def text_frame(payload: bytes) -> bytes:
    """`payload` as one unmasked WebSocket text frame (RFC 6455, 5.2)."""
    size = len(payload)
    if size < 126:
        return b"\x81%c%b" % (size, payload)
    if size < 65_536:
        return b"\x81\x7e" + size.to_bytes(2, "big") + payload
    return b"\x81\x7f" + size.to_bytes(8, "big") + payload
