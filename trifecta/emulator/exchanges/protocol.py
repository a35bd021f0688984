"""What an exchange's file provides, and how its clients are served: subscriptions, faults, delivery."""

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

import msgspec
from aiohttp import WSMsgType, web

from trifecta.emulator.account import TimedOutError
from trifecta.emulator.config import Fault, FaultKind
from trifecta.emulator.exchanges.market import Book, Change, Exchange
from trifecta.emulator.exchanges.private import AnswerError, Asked, SpokenAccount
from trifecta.emulator.faults import Faults, Late
from trifecta.emulator.frames import Trade

MOST_WAITING = 20_000  # frames a client may fall behind before it is dropped
Query = Mapping[str, str]
Answer = Callable[[web.Request], Any]
_ON_FRAMES = (FaultKind.GAP, FaultKind.DUPLICATE, FaultKind.REORDER, FaultKind.BAD_JSON)
_ON_EVENTS = (FaultKind.CROSSED, FaultKind.BAD_PRICE, FaultKind.FUTURE)


class Spoken(Protocol):
    """How one exchange speaks. A frame is text; None is sent as nothing."""

    exchange: Exchange
    books: str
    """Name of the channel that carries books."""
    trades: str
    """Name of the channel that carries trades."""

    def rest(self) -> dict[str, Answer]:
        """What answers each path below the exchange's own; the answer is sent as JSON."""

    def socket_path(self) -> str: ...
    def hello(self, client: "Client") -> Iterable[str]: ...
    def hear(self, client: "Client", text: str) -> Iterable[str]:
        """Takes a request and tells what to answer; subscriptions go through `client.subscribe`."""

    def change(self, client: "Client", book: Book, change: Change) -> str: ...
    def trade(self, client: "Client", book: Book, trade: Trade) -> str: ...
    def beat(self, client: "Client", now_ms: int) -> str | None:
        """What is sent every second."""


class Client:
    """One connection and what it subscribed to: (channel, symbol)."""

    def __init__(self, socket: web.WebSocketResponse, transport: asyncio.BaseTransport | None) -> None:
        self.topics: set[tuple[str, str]] = set()
        self.sequence = 0  # messages so far, for a venue that counts them
        self.held: str | None = None  # a frame that comes after its successor
        self._socket = socket
        self._transport = transport
        self._waiting: asyncio.Queue[str] = asyncio.Queue(MOST_WAITING)

    def next_sequence(self) -> int:
        number, self.sequence = self.sequence, self.sequence + 1
        return number

    def push(self, text: str) -> None:
        try:
            self._waiting.put_nowait(text)
        except asyncio.QueueFull:
            self.drop()

    async def write(self) -> None:
        """Sends what waits until cancelled or cut."""
        with contextlib.suppress(ConnectionError):
            while True:
                await self._socket.send_str(await self._waiting.get())

    def drop(self) -> None:
        """Ends the connection without a close frame."""
        if isinstance(self._transport, asyncio.Transport):
            self._transport.abort()


class Service:
    """One exchange's clients, and the faults on the way to them."""

    def __init__(self, spoken: Spoken, private: SpokenAccount, faults: Faults, now_ms: Callable[[], int]) -> None:
        self.spoken = spoken
        self.private = private
        self.name = spoken.exchange.character.name
        self.clients: dict[Client, None] = {}
        self.sent = 0
        self._faults = faults
        self._late: Late[tuple[Client, str]] = Late(faults, self.name)
        self._now_ms = now_ms
        spoken.exchange.hear = self._publish

    def routes(self) -> list[web.RouteDef]:
        rest = [web.get(f"/{self.name}{path}", self._handler(answer)) for path, answer in self.spoken.rest().items()]
        signed = [
            web.route(method, f"/{self.name}{path}", self._trading(answer))
            for (method, path), answer in self.private.endpoints().items()
        ]
        return [*rest, *signed, web.get(f"/{self.name}{self.spoken.socket_path()}", self._serve)]

    def drop_all(self) -> None:
        for client in list(self.clients):
            client.drop()

    def arrive(self) -> None:
        """Hands over what a lag held back until now."""
        self._hand_over([])

    def beat(self, now_ms: int) -> None:
        """Lets every client hear that the exchange lives."""
        for client in list(self.clients):
            if (text := self.spoken.beat(client, now_ms)) is not None:
                self._deliver(client, text)

    def _publish(self, book: Book, told: "Change | Trade") -> None:
        channel = self.spoken.books if isinstance(told, Change) else self.spoken.trades
        for client in list(self.clients):
            if (channel, book.listed.symbol) in client.topics:
                spoilt = self._spoilt(book, told)
                encode: Any = self.spoken.change if isinstance(told, Change) else self.spoken.trade
                self._deliver(client, encode(client, book, spoilt), book.listed.symbol, channel)

    def _spoilt(self, book: Book, told: "Change | Trade") -> "Change | Trade":
        """What a fault makes of an event before it is put into words."""
        skew = self._faults.skew_ms(self.name)
        told = told._replace(ts_ms=told.ts_ms + skew) if skew else told
        fault = self._met(_ON_EVENTS, book.listed.symbol)
        if self._faults.is_acting(FaultKind.SWAPPED, self.name) and isinstance(told, Change):
            told = told._replace(bids=told.asks, asks=told.bids)
        if fault is None:
            return told
        if fault.kind is FaultKind.FUTURE:
            return told._replace(ts_ms=told.ts_ms + fault.ms)
        if isinstance(told, Trade):
            return told._replace(price=-told.price)
        if fault.kind is FaultKind.CROSSED:
            above = 2 * min(book.asks, default=0)
            return told._replace(bids=sorted({**dict(told.bids), above: book.listed.lot_e8}.items()))
        return told._replace(bids=[*told.bids, (-book.listed.tick_e8, book.listed.lot_e8)])

    def _deliver(self, client: Client, text: str, symbol: str = "", channel: str = "") -> None:
        """Hands a frame over, or what a fault makes of it."""
        if self._faults.is_acting(FaultKind.STALL, self.name):
            return
        frames = [text]
        fault = self._met(_ON_FRAMES, symbol) if channel else None
        match fault.kind if fault else None:
            case FaultKind.GAP:
                frames = []
            case FaultKind.DUPLICATE:
                frames = [text, text]
            case FaultKind.BAD_JSON:
                frames = [text[: len(text) // 2]]
            case FaultKind.REORDER if client.held is None:
                client.held, frames = text, []
        if frames and client.held is not None:
            frames, client.held = [*frames, client.held], None
        self._hand_over([(client, frame) for frame in frames])

    def _hand_over(self, frames: list[tuple[Client, str]]) -> None:
        for client, frame in self._late.due(frames):
            self.sent += 1
            client.push(frame)

    def _met(self, kinds: tuple[FaultKind, ...], symbol: str) -> Fault | None:
        """The first fault of these kinds that meets an event of this symbol; one of its count is used up."""
        for active in self._faults.active():
            fault = active.fault
            here = fault.market == self.name and fault.symbol in ("", symbol)
            if fault.kind in kinds and here and active.left:
                active.left -= 1
                return fault
        return None

    def _handler(self, answer: Answer) -> Callable[[web.Request], Any]:
        async def handle(request: web.Request) -> web.Response:
            return await self._faulty(request) or _json(answer(request))

        return handle

    def _trading(self, answer: Callable[[Asked], Any]) -> Callable[[web.Request], Any]:
        """Answers a request once its signature is checked."""

        async def handle(request: web.Request) -> web.Response:
            failed = await self._faulty(request)
            if failed is not None:
                return failed
            path, query = request.path.removeprefix(f"/{self.name}"), request.rel_url.raw_query_string
            asked = Asked(request.method, path, query, await request.text(), request.headers)
            try:
                self.private.check(asked)
                return _json(answer(asked))
            except AnswerError as error:
                if isinstance(error.body, str):
                    return web.Response(status=error.status, text=error.body)
                return _json(error.body, error.status)
            except TimedOutError:
                return web.Response(status=504, text="Gateway Time-out")

        return handle

    async def _faulty(self, request: web.Request) -> web.Response | None:
        """The answer of a request that meets a fault, as a proxy in front of a venue says it."""
        fault = self._faults.next_http(self.name, request.path, "")
        if fault is None:
            return None
        if fault.kind is FaultKind.TIMEOUT:
            await asyncio.sleep(fault.duration_s)
        status = {FaultKind.HTTP_429: 429, FaultKind.TIMEOUT: 504}.get(fault.kind, fault.status)
        return web.Response(status=status, text="Service Unavailable")

    async def _serve(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        client = Client(socket, request.transport)
        self.clients[client] = None
        writing = asyncio.create_task(client.write())
        for text in self.spoken.hello(client):
            client.push(text)
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    for text in self.spoken.hear(client, message.data):
                        client.push(text)
        finally:
            self.clients.pop(client, None)
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
        return socket


def _json(value: Any, status: int = 200) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(value), content_type="application/json")
