"""`/control/*`: what tests and operators ask of the emulator itself."""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import msgspec
from aiohttp import web

from trifecta.emulator.config import EmulatorError, Fault

MOST_ROWS = 100_000
T = TypeVar("T")


class Rate(msgspec.Struct):
    """Body of `POST /control/rate`: frames a second over all symbols."""

    rate: float


class Straying(msgspec.Struct):
    """Body of `POST /control/dislocation`: an exchange quotes a symbol `bps` away from the fair price for a while."""

    exchange: str
    symbol: str
    bps: float
    duration_s: float = 10.0


class Controlled(Protocol):
    """What an emulator lets itself be asked."""

    def state(self) -> dict[str, Any]: ...
    def inject(self, fault: Fault) -> None: ...
    def clear_faults(self) -> None: ...
    def set_rate(self, rate: float) -> None: ...
    def dislocate(self, exchange: str, symbol: str, bps: float, duration_s: float) -> None: ...
    def recorded_trades(self, market: str, symbol: str, from_id: int, limit: int) -> list[dict[str, Any]]: ...


def routes(emulator: Controlled) -> list[web.RouteDef]:
    """The control endpoints; errors are 400 with `{"error": ...}`."""

    async def state(request: web.Request) -> web.Response:
        return _json(emulator.state())

    async def fault(request: web.Request) -> web.Response:
        return _accept(await request.read(), Fault, emulator.inject, emulator)

    async def clear(request: web.Request) -> web.Response:
        emulator.clear_faults()
        return _json(emulator.state())

    async def rate(request: web.Request) -> web.Response:
        return _accept(await request.read(), Rate, lambda body: emulator.set_rate(body.rate), emulator)

    async def dislocation(request: web.Request) -> web.Response:
        def stray(body: Straying) -> None:
            emulator.dislocate(body.exchange, body.symbol, body.bps, body.duration_s)

        return _accept(await request.read(), Straying, stray, emulator)

    async def record(request: web.Request) -> web.Response:
        query = request.query
        numbers = query.get("from_id", "0"), query.get("limit", "1000")
        if not all(text.isdecimal() for text in numbers):
            return _refuse(f"from_id, limit = {numbers}: expected whole numbers")
        try:
            rows = emulator.recorded_trades(
                query.get("market", ""), query.get("symbol", ""), int(numbers[0]), min(int(numbers[1]), MOST_ROWS)
            )
        except EmulatorError as error:
            return _refuse(str(error))
        return _json(rows)

    async def metrics(request: web.Request) -> web.Response:
        return web.Response(text=as_metrics(emulator.state()), content_type="text/plain")

    return [
        web.get("/control/state", state),
        web.get("/control/metrics", metrics),
        web.post("/control/fault", fault),
        web.delete("/control/fault", clear),
        web.post("/control/rate", rate),
        web.post("/control/dislocation", dislocation),
        web.get("/control/record", record),
    ]


def as_metrics(state: dict[str, Any]) -> str:
    """The state in Prometheus' text format."""
    lines = []
    for name in ("connections", "frames_published", "frames_sent"):
        kind = "gauge" if name == "connections" else "counter"
        metric = f"trifecta_emulator_{name}" + ("_total" if kind == "counter" else "")
        lines += [f"# TYPE {metric} {kind}"]
        lines += [f'{metric}{{market="{market}"}} {told[name]}' for market, told in state["markets"].items()]
    lines += ["# TYPE trifecta_emulator_faults_total counter"]
    lines += [
        f'trifecta_emulator_faults_total{{kind="{kind}"}} {count}'
        for kind, count in state["faults"]["injected"].items()
    ]
    return "\n".join([*lines, ""])


def _accept(body: bytes, kind: type[T], act: Callable[[T], None], emulator: Controlled) -> web.Response:
    try:
        act(msgspec.json.decode(body, type=kind))
    except (msgspec.MsgspecError, EmulatorError) as error:
        return _refuse(str(error))
    return _json(emulator.state())


def _refuse(text: str) -> web.Response:
    return web.Response(status=400, body=msgspec.json.encode({"error": text}), content_type="application/json")


def _json(body: Any) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), content_type="application/json")
