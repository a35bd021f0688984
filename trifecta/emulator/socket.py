"""One client's WebSocket: what it asks for, pings, and the end of a connection that is too old."""

import asyncio
import contextlib

import msgspec
from aiohttp import WSCloseCode, WSMsgType, web

from trifecta.emulator.config import EmulatorConfig
from trifecta.emulator.streams import Client, Hub

MOST_STREAMS = 1_024  # per connection, as at the venue
MAX_REQUEST_BYTES = 1 << 20


class Request(msgspec.Struct):
    """A live request. `params` are stream names, or a property and its value."""

    method: str
    params: list[str | bool] = []
    id: int | str | None = None


async def serve_raw(request: web.Request, hub: Hub, config: EmulatorConfig) -> web.WebSocketResponse:
    """`/ws` and `/ws/<stream>[/<stream>...]`: bare frames."""
    return await _serve(request, hub, config, request.match_info.get("streams", ""), combined=False)


async def serve_combined(request: web.Request, hub: Hub, config: EmulatorConfig) -> web.WebSocketResponse:
    """`/stream?streams=a/b/c`: frames wrapped with the name of their stream."""
    return await _serve(request, hub, config, request.query.get("streams", ""), combined=True)


async def _serve(
    request: web.Request, hub: Hub, config: EmulatorConfig, streams: str, *, combined: bool
) -> web.WebSocketResponse:
    socket = web.WebSocketResponse(compress=False, autoping=False, max_msg_size=MAX_REQUEST_BYTES)
    await socket.prepare(request)
    transport = request.transport
    if transport is None:  # it left during the handshake
        return socket
    client = Client(transport, combined)
    hub.clients[client] = None
    connection = _Connection(socket, client, hub, config)
    hub.subscribe(client, [name for name in streams.split("/") if name][:MOST_STREAMS])
    keeper = asyncio.create_task(connection.keep())
    try:
        await connection.read()
    finally:
        hub.leave(client)
        keeper.cancel()
        with contextlib.suppress(asyncio.CancelledError, ConnectionError):
            await keeper
    return socket


class _Connection:
    def __init__(self, socket: web.WebSocketResponse, client: Client, hub: Hub, config: EmulatorConfig) -> None:
        self._socket = socket
        self._client = client
        self._hub = hub
        self._config = config
        self._now = asyncio.get_running_loop().time
        self._heard_s = self._now()

    async def read(self) -> None:
        """Answers requests and pings until the client leaves."""
        async for message in self._socket:
            self._heard_s = self._now()
            if message.type is WSMsgType.PING:
                await self._socket.pong(message.data)
            elif message.type is WSMsgType.TEXT:
                # Frames that wait were published before this request took effect.
                self._client.flush()
                await self._socket.send_str(self._answer(message.data))

    async def keep(self) -> None:
        """Pings, and ends the connection when it is silent or too old."""
        end_s = self._now() + self._config.max_connection_age_s
        while (left_s := end_s - self._now()) > 0:
            await asyncio.sleep(min(self._config.ping_s, left_s))
            if self._now() - self._heard_s > self._config.pong_timeout_s:
                self._client.drop()
                return
            if self._now() < end_s:
                await self._socket.ping(str(int(self._now() * 1_000)).encode())
        self._hub.leave(self._client)
        await self._socket.close(code=WSCloseCode.GOING_AWAY, message=b"maximum connection age")

    def _answer(self, text: str) -> str:
        try:
            request = msgspec.json.decode(text, type=Request)
        except msgspec.MsgspecError:
            return _refusal("Invalid JSON: expected {method, params, id}", None)
        names = [name for name in request.params if isinstance(name, str)]
        match request.method:
            case "SUBSCRIBE" if len(self._client.streams.keys() | set(names)) > MOST_STREAMS:
                return _refusal(f"Too many streams: at most {MOST_STREAMS}", request.id)
            case "SUBSCRIBE":
                self._hub.subscribe(self._client, names)
            case "UNSUBSCRIBE":
                self._hub.unsubscribe(self._client, names)
            case "LIST_SUBSCRIPTIONS":
                return msgspec.json.encode({"result": list(self._client.streams), "id": request.id}).decode()
            case "SET_PROPERTY" if request.params[:1] == ["combined"] and len(request.params) == 2:
                self._client.combined = request.params[1] is True
            case _:
                return _refusal(f"Invalid request: unknown method {request.method}", request.id)
        return msgspec.json.encode({"result": None, "id": request.id}).decode()


def _refusal(text: str, request_id: int | str | None) -> str:
    return msgspec.json.encode({"error": {"code": 2, "msg": text}, "id": request_id}).decode()
