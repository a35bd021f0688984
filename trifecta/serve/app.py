"""The sidecar's HTTP API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import PlainTextResponse, RedirectResponse, Response
from fastapi_offline import FastAPIOffline
from loguru import logger
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection

from trifecta import __version__
from trifecta.clock import NS_PER_S, Clock, SystemClock
from trifecta.forecast.points import UnknownPointError, point_size
from trifecta.forecast.predictor import RangeForecast
from trifecta.serve import archive_messages, replies
from trifecta.serve.answers import SIMPLE_PATH, Prepared, simple
from trifecta.serve.archive import ArchiveError
from trifecta.serve.champions import Champions
from trifecta.serve.executing import Executing, add_executing
from trifecta.serve.front import Front
from trifecta.serve.halting import Switch, add_halt
from trifecta.serve.health import STARTED, STOPPED, health, switch_collection
from trifecta.serve.metrics import render
from trifecta.serve.models import Models, add_models
from trifecta.serve.opportunities import Opportunities, add_opportunities
from trifecta.serve.pages import add_pages
from trifecta.serve.problems import NoAnswerError, busy, wrong
from trifecta.serve.promoting import Promoting, add_promoting
from trifecta.serve.service import Key, Service
from trifecta.serve.terminals import Terminals, add_terminals
from trifecta.serve.times import nanoseconds
from trifecta.serve.upkeep import Upkeep
from trifecta.settings import Settings

MAX_ROWS = 5_000
DEFAULT_ROWS = 900
DEFAULT_SPAN_NS = 15 * 60 * NS_PER_S
_DESCRIPTION = """Market ranges from order flow, for the Expert Advisor and for people.

Times are UTC. Numbers are finite or null. A feed older than `forecast.max_age_s` is never served: 503 with `reason` and
`Retry-After`. Names that start with `sim_`, and `simulated: true`, mark data that the emulator produced."""

_TROUBLE: dict[int | str, dict[str, Any]] = {
    401: {"model": replies.Trouble, "description": "The bearer token is missing or wrong"},
    404: {"model": replies.Trouble, "description": "No such symbol or venue; the reason names those that are known"},
    422: {"model": replies.Trouble, "description": "A parameter is unknown or wrong; the reason names it"},
    503: {"model": replies.Trouble, "description": "Stale or not ready; see `reason` and `Retry-After`"},
}
_REFUSED: dict[int | str, dict[str, Any]] = {status: _TROUBLE[status] for status in (401, 422)}
_UNREADABLE = {"model": replies.Trouble, "description": "The body is not JSON"}
_NOT_PROMOTED = {
    "model": replies.Trouble,
    "description": "The version is unknown or may not serve; the reason says why",
}
_EXECUTED: dict[int | str, dict[str, Any]] = {
    202: {"description": "Asked for; the trader has not answered yet"},
    400: _UNREADABLE,
    404: {"model": replies.Trouble, "description": "No such opportunity is offered, or no such request known"},
    409: {"model": replies.Trouble, "description": "The opportunity has ended, or the confirmation is not valid"},
    503: _TROUBLE[503],
}
_NO_PAGE: dict[int | str, dict[str, Any]] = {
    404: {"model": replies.Trouble, "description": "No such page, or not yet"},
    503: {"model": replies.Trouble, "description": "The page cannot be read; the reason says why"},
}
_PUSHED: dict[int | str, dict[str, Any]] = {
    413: {"model": replies.Trouble, "description": "More than 1 MiB or 2000 rows; send smaller batches"},
    503: {"model": replies.Trouble, "description": "The journal takes nothing now; send the batch again"},
    **_REFUSED,
}
_HEALTH: dict[int | str, dict[str, Any]] = {
    422: _TROUBLE[422],
    503: {"model": replies.Health, "description": "The range may not be trusted; `reasons` say why"},
}

_NAME = r"^[A-Za-z0-9._#-]{1,32}$"
Symbol = Annotated[str | None, Query(pattern=_NAME, description="Chart symbol", examples=["XAUUSD"])]
Venue = Annotated[str | None, Query(pattern=r"^[a-z0-9_]{1,32}$", description="Whose order flow; else the first")]
Price = Annotated[
    float | None, Query(gt=0, le=1e12, description="Price on the chart; else the flow's own", examples=[2400.0])
]
Point = Annotated[float | None, Query(ge=1e-12, le=1e6, description="Point size of the chart", examples=[0.01])]
Horizon = Annotated[int | None, Query(ge=60, le=86_400, description="How far to look, s", examples=[300])]


async def _only_known_parameters(request: HTTPConnection) -> None:
    """A misspelt parameter must not be answered as if it had not been sent."""
    known = [parameter.alias for parameter in request.scope["route"].dependant.query_params]
    for name in request.query_params:
        if name not in known:
            told = f"{', '.join(known)} are" if known else "none is"
            raise wrong(f"parameter {name[:32]!r} is not known here: {told} taken")


def create(settings: Settings, *, clock: Clock | None = None) -> Front:
    """The ASGI application; its lifespan warms up from the lake, follows the bus and the ledger.

    Raises:
        SettingsError: a horizon or the venues cannot be served.
    """
    service = Service(settings, clock or SystemClock())
    upkeep = Upkeep(service)
    champions = Champions(service)
    terminals = Terminals(settings, service.clock)
    opportunities = Opportunities(settings, service.clock)
    switch = Switch(settings, service.clock)
    executing = Executing(settings, service.clock, opportunities)
    promoting = Promoting(settings, service.clock, champions)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await upkeep.start()
        await champions.start()
        await opportunities.start()
        try:
            yield
        finally:
            await opportunities.stop()
            await champions.stop()
            await upkeep.stop()
            await terminals.close()
            switch.close()
            executing.close()
            promoting.close()

    app = FastAPIOffline(
        title="Trifecta sidecar",
        version=__version__,
        description=_DESCRIPTION,
        lifespan=lifespan,
        redoc_url=None,
        dependencies=[Depends(_only_known_parameters)],
    )
    _answer_troubles(app)
    _add_ranges(app, service)
    _add_order_flow(app, service)
    _add_operations(app, service)
    add_terminals(app, terminals, _PUSHED)
    add_opportunities(app, opportunities, _REFUSED | {503: _TROUBLE[503]})
    add_models(app, Models(service, champions), _TROUBLE, _REFUSED | {503: _TROUBLE[503]})
    add_promoting(app, promoting, _REFUSED | {400: _UNREADABLE, 409: _NOT_PROMOTED, 503: _TROUBLE[503]})
    add_halt(app, switch, _REFUSED | {400: _UNREADABLE, 503: _TROUBLE[503]})
    add_executing(app, executing, _REFUSED | _EXECUTED)
    add_pages(app, settings.reports_dir, _REFUSED | _NO_PAGE)
    return Front(app, service, upkeep, champions, opportunities)


def _add_ranges(app: FastAPI, service: Service) -> None:
    @app.get("/market-range", response_model=replies.Range, responses=_TROUBLE, tags=["range"])
    async def market_range(
        symbol: Symbol = None, venue: Venue = None, price: Price = None, point: Point = None, horizon: Horizon = None
    ) -> replies.Range:
        """The range to expect of the coming horizon, with interval, source, losses and age."""
        asked, key, forecast = _forecast(service, symbol, venue, horizon)
        scale = _scale(service, asked, forecast, price, point)
        return replies.full_range(forecast, asked, *scale, age_s=service.age_s(key) or 0.0)

    @app.get(SIMPLE_PATH, response_model=replies.SimpleRange, responses=_TROUBLE, tags=["range"])
    async def market_range_simple(
        request: Request,
        symbol: Symbol = None,
        venue: Venue = None,
        price: Price = None,
        point: Point = None,
        horizon: Horizon = None,
    ) -> Response:
        """The range in points for the Expert Advisor, small and fast."""
        asked, key, forecast = _forecast(service, symbol, venue, horizon)
        points = replies.range_points(forecast, *_scale(service, asked, forecast, price, point))
        prepared = Prepared(
            simple(forecast, asked, points),
            born_s=service.arrivals[key].born_s,
            max_age_s=service.settings.forecast.max_age_s,
        )
        service.answers.put(request.scope["query_string"], prepared)
        return Response(prepared.body(service.clock.monotonic_s()), media_type="application/json")


def _add_order_flow(app: FastAPI, service: Service) -> None:
    @app.get("/orderflow/metrics", response_model=replies.Metrics, responses=_TROUBLE, tags=["order flow"])
    async def orderflow_metrics(symbol: Symbol = None, venue: Venue = None) -> replies.Metrics:
        """The ten features of the newest closed second."""
        asked = symbol or service.settings.forecast.default_symbol
        key = service.find(asked, venue)
        return replies.metrics(service.fresh(key), asked, service.age_s(key) or 0.0)

    @app.get("/orderflow/historical", response_model=replies.Historical, responses=_TROUBLE, tags=["order flow"])
    async def orderflow_historical(
        symbol: Symbol = None,
        venue: Venue = None,
        since: Annotated[datetime | None, Query(alias="from", examples=["2024-08-09T00:00:00Z"])] = None,
        until: Annotated[datetime | None, Query(alias="to", examples=["2024-08-09T00:05:00Z"])] = None,
        limit: Annotated[int, Query(ge=1, le=MAX_ROWS)] = DEFAULT_ROWS,
    ) -> Response:
        """Closed seconds with from < time <= to, from the lake. Times without a zone are UTC; the span defaults to the
        last 15 minutes."""
        key = service.find(symbol or service.settings.forecast.default_symbol, venue)
        to_ns = service.clock.now_ns() if until is None else _instant("to", until)
        from_ns = to_ns - DEFAULT_SPAN_NS if since is None else _instant("from", since)
        if from_ns >= to_ns:
            raise wrong(f"from={since} must be before to={until or 'now'}")
        return Response(
            await service.archive.historical(archive_messages.Historical(*key, max(from_ns, 0), to_ns, limit)),
            media_type="application/json",
        )


def _add_operations(app: FastAPI, service: Service) -> None:
    @app.get(
        "/health",
        response_model=replies.Health,
        responses=_HEALTH,
        tags=["operations"],
    )
    async def get_health(response: Response) -> replies.Health:
        """Whether the range may be trusted now: 200 `ok` or `degraded`, 503 `unhealthy`, with the reasons."""
        found = health(service)
        if found.status == "unhealthy":
            response.status_code = 503
            response.headers["retry-after"] = "1"
        return found

    @app.post("/data/collection/start", response_model=replies.Collection, responses=_REFUSED, tags=["operations"])
    async def collection_start() -> replies.Collection:
        """Lets recorders record; they follow within a second."""
        return switch_collection(service.settings.run_dir, STARTED)

    @app.post("/data/collection/stop", response_model=replies.Collection, responses=_REFUSED, tags=["operations"])
    async def collection_stop() -> replies.Collection:
        """Stops recorders from recording until they are started again; what they recorded stays."""
        return switch_collection(service.settings.run_dir, STOPPED)

    @app.get("/metrics", tags=["operations"], response_class=PlainTextResponse, responses=_REFUSED)
    async def metrics() -> Response:
        """Counters, ages and latencies for Prometheus."""
        return Response(render(service), media_type=CONTENT_TYPE_LATEST)

    @app.get("/", include_in_schema=False)
    async def root() -> RedirectResponse:
        return RedirectResponse("/docs")


def _answer_troubles(app: FastAPI) -> None:
    async def no_answer(_: Request, error: Exception) -> Response:
        found = error if isinstance(error, NoAnswerError) else _as_no_answer(error)
        headers = {name.decode(): value.decode() for name, value in found.headers()}
        return Response(found.body(), status_code=found.status, headers=headers)

    for kind in (NoAnswerError, ArchiveError, UnknownPointError, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, no_answer)


def _as_no_answer(error: Exception) -> NoAnswerError:
    """What a client may know of an error: never a stack, a path or a value of ours."""
    if isinstance(error, ArchiveError):
        return busy(str(error))
    if isinstance(error, UnknownPointError):
        return wrong(str(error))
    if isinstance(error, RequestValidationError):
        return wrong(
            "; ".join(f"{item['loc'][-1]}={str(item['input'])[:64]!r}: {item['msg']}" for item in error.errors())
        )
    if isinstance(error, HTTPException):
        return NoAnswerError(error.status_code, "http", str(error.detail))
    logger.opt(exception=error).error("a request failed")
    return NoAnswerError(500, "internal", "the request failed; the sidecar's log says why")


def _forecast(
    service: Service, symbol: str | None, venue: str | None, horizon: int | None
) -> tuple[str, Key, RangeForecast]:
    chosen = service.settings.forecast
    asked, horizon_s = symbol or chosen.default_symbol, horizon or chosen.default_horizon_s
    if horizon_s not in chosen.horizons_s:
        raise wrong(f"horizon={horizon_s} is not forecast: use one of {', '.join(map(str, chosen.horizons_s))}")
    key = service.find(asked, venue)
    return asked, key, service.forecast(key, horizon_s)


def _scale(
    service: Service, symbol: str, forecast: RangeForecast, price: float | None, point: float | None
) -> tuple[float, float]:
    """Price and point of the chart: as asked, else the order flow's own price and the configured point."""
    return price or forecast.price, point or point_size(symbol, forecast.symbol, service.settings.forecast)


def _instant(name: str, moment: datetime) -> int:
    found = nanoseconds(moment)
    if not 0 <= found < 2**63:
        raise wrong(f"{name}={moment.isoformat()} must lie between 1970 and 2262")
    return found
