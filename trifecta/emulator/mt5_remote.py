"""The emulator's MetaTrader 5 terminal for other processes: one market and one account, whoever asks. SIMULATED."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlsplit

import msgspec
import numpy as np
from aiohttp import web

from trifecta.emulator import mt5_types
from trifecta.emulator.metatrader5 import MetaTrader5
from trifecta.emulator.mt5_types import RATES, RECORDS, RES_E_INTERNAL_FAIL_CONNECT, RES_S_OK, TICKS

PATH = "/mt5/call"
TIMEOUT_S = 2.0
_ARRAYS = {"rates": RATES, "ticks": TICKS}
_CALLS = {name for name, value in vars(MetaTrader5).items() if callable(value) and not name.startswith("_")}


def add_routes(app: web.Application, terminal: MetaTrader5) -> None:
    """Lets a terminal be called over HTTP."""
    terminal.initialize()

    async def call(request: web.Request) -> web.Response:
        name, args, kwargs = msgspec.msgpack.decode(await request.read())
        if name not in _CALLS or name == "shutdown":
            return web.Response(status=404)
        result = getattr(terminal, name)(*args, **kwargs)
        return web.Response(body=msgspec.msgpack.encode((_pack(result), terminal.last_error())))

    app.router.add_post(PATH, call)


class RemoteMetaTrader5:
    """The package's functions over a terminal of another process. Not connected: as the package is without its own."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._address = address.hostname or "127.0.0.1", address.port or 80
        self._connection: HTTPConnection | None = None
        self._error = (RES_S_OK, "Success")
        self._one_at_a_time = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        if name.isupper() and hasattr(mt5_types, name):
            return getattr(mt5_types, name)
        if name not in _CALLS:
            raise AttributeError(f"module 'MetaTrader5' has no attribute {name!r}")
        return lambda *args, **kwargs: self._call(name, args, kwargs)

    def initialize(self, *_: Any, **__: Any) -> bool:
        return bool(self._call("initialize", (), {}))

    def shutdown(self) -> None:
        with self._one_at_a_time:
            self._disconnect()

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def last_error(self) -> tuple[int, str]:
        return self._error

    def _call(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        body = msgspec.msgpack.encode(
            (name, [_plain(value) for value in args], {k: _plain(v) for k, v in kwargs.items()})
        )
        with self._one_at_a_time:
            try:
                if self._connection is None:
                    self._connection = HTTPConnection(*self._address, timeout=TIMEOUT_S)
                self._connection.request("POST", PATH, body)
                answer = self._connection.getresponse()
                text = answer.read()
            except (OSError, HTTPException):
                self._disconnect()
                self._error = RES_E_INTERNAL_FAIL_CONNECT, "No IPC connection"
                return None
        if answer.status != 200:
            self._error = mt5_types.RES_E_FAIL, f"the emulator answered {answer.status}"
            return None
        result, (code, told) = msgspec.msgpack.decode(text)
        self._error = code, told
        return _unpack(result)


def _plain(value: Any) -> Any:
    """A moment as seconds since 1970, everything else as it is."""
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    return value


def _pack(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        kind = "rates" if value.dtype == RATES else "ticks"
        return {"array": kind, "bytes": value.tobytes()}
    if isinstance(value, tuple) and type(value).__name__ in RECORDS:
        return {"record": type(value).__name__, "values": [_pack(part) for part in value]}
    return {"tuple": [_pack(part) for part in value]} if isinstance(value, tuple) else value


def _unpack(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if "array" in value:
        return np.frombuffer(value["bytes"], _ARRAYS[value["array"]])
    if "record" in value:
        return RECORDS[value["record"]](*map(_unpack, value["values"]))
    return tuple(map(_unpack, value["tuple"]))
