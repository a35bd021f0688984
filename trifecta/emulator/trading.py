"""The trading endpoints over HTTP, and `POST /control/orders`, which says what goes wrong with the next orders."""

from typing import Any
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web

from trifecta.emulator.accounts import Accounts, Mischief, TimedOutError
from trifecta.emulator.rest import VenueError

PATH = "/api/v3"


class Next(msgspec.Struct):
    """Body of `POST /control/orders`."""

    mischief: list[Mischief]


def add_routes(app: web.Application, accounts: Accounts) -> None:
    """Adds every endpoint of `accounts`."""

    async def trade(request: web.Request) -> web.Response:
        sent = request.query_string + (await request.text())
        params = dict(parse_qsl(sent, keep_blank_values=True))
        signed = sent.rpartition("&signature=")[0]
        endpoint = request.path.removeprefix(f"{PATH}/")
        try:
            key = request.headers.get("X-MBX-APIKEY", "")
            return _json(accounts.answer(request.method, endpoint, signed, params, key))
        except VenueError as error:
            return web.Response(status=error.status, body=error.body, content_type="application/json")
        except TimedOutError:
            body = VenueError(-1007, "Timeout waiting for response from backend server. Send status unknown.").body
            return web.Response(status=504, body=body, content_type="application/json")

    async def control(request: web.Request) -> web.Response:
        try:
            accounts.mischief += msgspec.json.decode(await request.read(), type=Next).mischief
        except msgspec.MsgspecError as error:
            return web.json_response({"error": str(error)}, status=400)
        return _json({"mischief": accounts.mischief, "received": accounts.received})

    for method, endpoint in accounts.endpoints:
        app.router.add_route(method, f"{PATH}/{endpoint}", trade)
    app.router.add_post("/control/orders", control)


def _json(value: Any) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), content_type="application/json")
