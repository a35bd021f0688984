"""Binance's trading endpoints over HTTP, and `POST /control/orders`, which says what goes wrong with next orders."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web

from trifecta.emulator.account import Account, Mischief, TimedOutError
from trifecta.emulator.binance_account import BinanceAccount
from trifecta.emulator.rest import VenueError

PATH = "/api/v3"


class Next(msgspec.Struct):
    """Body of `POST /control/orders`."""

    mischief: list[Mischief]
    venue: str = "binance"


def add_binance(app: web.Application, spoken: BinanceAccount) -> None:
    """Adds every endpoint of Binance's account."""

    async def trade(request: web.Request) -> web.Response:
        sent = request.query_string + (await request.text())
        params = dict(parse_qsl(sent, keep_blank_values=True))
        signed = sent.rpartition("&signature=")[0]
        endpoint = request.path.removeprefix(f"{PATH}/")
        try:
            key = request.headers.get("X-MBX-APIKEY", "")
            return _json(spoken.answer(request.method, endpoint, signed, params, key))
        except VenueError as error:
            return web.Response(status=error.status, body=error.body, content_type="application/json")
        except TimedOutError:
            body = VenueError(-1007, "Timeout waiting for response from backend server. Send status unknown.").body
            return web.Response(status=504, body=body, content_type="application/json")

    for method, endpoint in spoken.endpoints:
        app.router.add_route(method, f"{PATH}/{endpoint}", trade)


def add_control(app: web.Application, accounts: Mapping[str, Account]) -> None:
    """Lets somebody say what goes wrong with the next orders at a venue."""

    async def control(request: web.Request) -> web.Response:
        try:
            asked = msgspec.json.decode(await request.read(), type=Next)
        except msgspec.MsgspecError as error:
            return web.json_response({"error": str(error)}, status=400)
        account = accounts.get(asked.venue)
        if account is None:
            told = f"venue = {asked.venue!r}: expected one of {', '.join(accounts)}"
            return web.json_response({"error": told}, status=400)
        account.mischief += asked.mischief
        return _json({"mischief": account.mischief, "received": account.received})

    app.router.add_post("/control/orders", control)


def _json(value: Any) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), content_type="application/json")
