"""The API's part on which model serves: a person promotes a version, or rolls back to the one before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import FastAPI
from pydantic import BaseModel, Field, StringConstraints

from trifecta.clock import Clock
from trifecta.forecast import registry
from trifecta.forecast.folders import VersionError
from trifecta.forecast.records import Key, Record, RegistryError
from trifecta.forecast.targets import Target
from trifecta.serve.champions import Champions
from trifecta.serve.ledgers import in_ledger
from trifecta.serve.model_replies import ModelVersion, model_version
from trifecta.serve.problems import NoAnswerError
from trifecta.settings import Settings
from warehouse.ledger import Ledger

_Why = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
_Name = Annotated[str, StringConstraints(min_length=1, max_length=128)]


class Promotion(BaseModel, extra="forbid"):
    """Which version shall serve, and why."""

    version: _Name
    reason: _Why


class Rollback(BaseModel, extra="forbid"):
    """Which market goes back to the champion before, and why."""

    venue: _Name
    symbol: _Name
    horizon_s: int = Field(ge=60, le=86_400)
    target: Target = Target.RANGE
    reason: _Why


class Promoting:
    """Changes champions off the event loop; what serves follows at once."""

    def __init__(self, settings: Settings, clock: Clock, champions: Champions) -> None:
        self._ledger = Ledger(settings.ledger)
        self._data_dir = settings.data_dir
        self._clock, self._champions = clock, champions

    async def promote(self, asked: Promotion) -> ModelVersion:
        return await self._ask(
            lambda: registry.promote(
                self._ledger, self._data_dir, asked.version, self._clock.now_ns(), reason=asked.reason
            )
        )

    async def rollback(self, asked: Rollback) -> ModelVersion:
        key = Key(asked.venue, asked.symbol, asked.horizon_s, asked.target)
        return await self._ask(
            lambda: registry.rollback(self._ledger, self._data_dir, key, self._clock.now_ns(), reason=asked.reason)
        )

    def close(self) -> None:
        self._ledger.close()

    async def _ask(self, act: Callable[[], Record]) -> ModelVersion:
        try:
            found = await in_ledger(lambda: self._act(act))
        except (RegistryError, VersionError) as error:
            raise NoAnswerError(409, "not_promoted", str(error)) from error
        await self._champions.look()
        return model_version(found)

    def _act(self, act: Callable[[], Record]) -> Record:
        self._ledger.migrate()
        return act()


def add_promoting(app: FastAPI, promoting: Promoting, answers: dict[int | str, Any]) -> None:
    """Adds the routes; `answers` documents what else they may answer."""

    @app.post("/model/promote", response_model=ModelVersion, responses=answers, tags=["model"])
    async def model_promote(asked: Promotion) -> ModelVersion:
        """Lets a version that passed its gate serve, from the next second on. One that failed needs the command."""
        return await promoting.promote(asked)

    @app.post("/model/rollback", response_model=ModelVersion, responses=answers, tags=["model"])
    async def model_rollback(asked: Rollback) -> ModelVersion:
        """Lets the champion before the present one serve again; twice returns to where it began."""
        return await promoting.rollback(asked)
