"""The API's part on models: starts the training flow, tells its progress, the versions and what serves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, Any, Literal, ParamSpec, TypeVar

from fastapi import FastAPI, Query
from loguru import logger
from sqlalchemy.exc import SQLAlchemyError

from trifecta.forecast.records import Key
from trifecta.serve.champions import Champions
from trifecta.serve.model_replies import (
    ModelStatus,
    ModelVersion,
    Serving,
    TrainingRun,
    TrainingStarted,
    model_version,
    training_run,
)
from trifecta.serve.prefect_api import PrefectApi, PrefectAwayError, Run
from trifecta.serve.problems import NoAnswerError, busy, wrong
from trifecta.serve.service import Service
from warehouse.errors import WarehouseError

DEPLOYMENT = "train/train"
MAX_VERSIONS = 100
MAX_WAITING = 8

P = ParamSpec("P")
T = TypeVar("T")

Symbol = Annotated[
    str | None, Query(pattern=r"^[A-Za-z0-9._#-]{1,32}$", description="Chart symbol; else all", examples=["XAUUSD"])
]
Horizon = Annotated[int | None, Query(ge=60, le=86_400, description="Horizon, s; else all", examples=[300])]


class Models:
    """Answers on models. One question goes to Prefect at a time, at most `MAX_WAITING` wait."""

    def __init__(self, service: Service, champions: Champions) -> None:
        self._service, self._champions = service, champions
        self._prefect = PrefectApi(service.settings.prefect_api_url)
        self._lock = asyncio.Lock()
        self._waiting = 0

    async def train(self, symbol: str | None, horizon_s: int | None) -> TrainingStarted:
        """Starts a training run, or tells of the one that is not finished."""
        parameters = self._parameters(symbol, horizon_s)
        try:
            return await self._ask(self._train, parameters)
        except PrefectAwayError as error:
            raise NoAnswerError(503, "prefect_away", str(error), retry_after_s=5) from error

    async def status(self) -> ModelStatus:
        """What is known now; what cannot be asked is told in its place."""
        training, prefect = None, "ok"
        try:
            training = await self._ask(self._newest)
        except PrefectAwayError as error:
            prefect = str(error)
        versions, ledger = await self._versions()
        return ModelStatus(
            training=training, prefect=prefect, ledger=ledger, serving=self._serving(), versions=versions
        )

    def _parameters(self, symbol: str | None, horizon_s: int | None) -> dict[str, object]:
        horizons = self._service.settings.forecast.horizons_s
        if horizon_s is not None and horizon_s not in horizons:
            raise wrong(f"horizon={horizon_s} is not forecast: use one of {', '.join(map(str, horizons))}")
        asked: dict[str, object] = {} if horizon_s is None else {"horizon_s": horizon_s}
        if symbol is not None:
            venue, flow = self._service.find(symbol, None)
            asked |= {"venue": venue, "symbol": flow}
        return asked

    async def _ask(self, question: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        if self._waiting >= MAX_WAITING:
            raise busy(f"{MAX_WAITING} requests already wait for Prefect; ask again in a second")
        self._waiting += 1
        try:
            async with self._lock:
                return await asyncio.to_thread(question, *arguments, **named)
        finally:
            self._waiting -= 1

    def _train(self, parameters: dict[str, object]) -> TrainingStarted:
        newest = self._prefect.newest(DEPLOYMENT, self._service.clock.now_ns())
        if newest is not None and newest.unfinished:
            return TrainingStarted(started=False, run=self._told(newest))
        name = f"train {parameters.get('symbol', 'all')} {parameters.get('horizon_s', '')}".strip()
        return TrainingStarted(started=True, run=training_run(self._prefect.start(DEPLOYMENT, name, parameters), None))

    def _newest(self) -> TrainingRun | None:
        newest = self._prefect.newest(DEPLOYMENT, self._service.clock.now_ns())
        return None if newest is None else self._told(newest)

    def _told(self, run: Run) -> TrainingRun:
        return training_run(run, self._prefect.progress(run))

    async def _versions(self) -> tuple[list[ModelVersion], str]:
        try:
            records = await self._champions.records()
        except (SQLAlchemyError, WarehouseError, OSError) as error:
            logger.warning("the ledger cannot be read: {}", error)
            return [], f"the ledger cannot be read ({type(error).__name__}); see the sidecar's log"
        return [model_version(record) for record in records[:MAX_VERSIONS]], "ok"

    def _serving(self) -> list[Serving]:
        horizons = self._service.settings.forecast.horizons_s
        return [self._one(Key(*key, horizon_s)) for key in self._service.predictors for horizon_s in horizons]

    def _one(self, key: Key) -> Serving:
        predictor = self._service.predictors[key.venue, key.symbol]
        made = predictor.forecasts.get(key.horizon_s) if self._service.is_fresh((key.venue, key.symbol)) else None
        graph = self._champions.serving.get(key)
        source: Literal["model", "baseline", "fallback", "none"] = made.source.value if made else "none"
        return Serving(
            venue=key.venue,
            symbol=key.symbol,
            horizon_s=key.horizon_s,
            source=source,
            method=made.method if made else None,
            champion=graph.version.name if graph else None,
            problem=self._champions.problem(key) or predictor.silent.get(key.horizon_s),
        )


def add_models(app: FastAPI, models: Models, started: dict[int | str, Any], told: dict[int | str, Any]) -> None:
    """Adds the routes; `started` and `told` document what else they may answer."""

    @app.post("/model/train", response_model=TrainingStarted, responses=started, tags=["model"])
    async def model_train(symbol: Symbol = None, horizon: Horizon = None) -> TrainingStarted:
        """Starts the training flow for one symbol and horizon or for all, and returns its run. While a run is not
        finished no second one starts; it is returned with `started: false`."""
        return await models.train(symbol, horizon)

    @app.get("/model/status", response_model=ModelStatus, responses=told, tags=["model"])
    async def model_status() -> ModelStatus:
        """The newest training run and its progress, every version, and what serves each horizon."""
        return await models.status()
