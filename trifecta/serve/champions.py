"""Lets the ledger's champions forecast: a promotion or a demotion takes effect within about a second.

The ledger is asked and a version is loaded, checked and run once in a thread, so no request waits for it. On the event
loop only the finished graph is put in place, between two requests: an answer is the old version's or the new one's.
A version that cannot be loaded changes nothing: the champion before it goes on serving, after a restart too, and the
reason is shown. Where no champion before it is intact either, the best baseline serves.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass

from loguru import logger
from sqlalchemy.exc import SQLAlchemyError

from trifecta.forecast import registry
from trifecta.forecast.folders import VersionError
from trifecta.forecast.graph import Graph
from trifecta.forecast.records import Key, Record
from trifecta.forecast.targets import Target
from trifecta.serve.archive import ArchiveError
from trifecta.serve.service import Service
from warehouse.errors import WarehouseError
from warehouse.ledger import Ledger

POLL_S = 1.0
RETRY_S = 30.0
"""A version that could not be loaded is tried again so often: its folder may still be on its way here."""
MAX_PROBLEMS = 32


@dataclass(frozen=True)
class Refused:
    """Why a champion is not served, and when it was last tried."""

    reason: str
    monotonic_s: float


class Champions:
    """Follows the ledger. `look` and everything it sets run on one event loop."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._clock = service.clock
        self.serving: dict[Key, Graph] = {}
        self.refused: dict[str, Refused] = {}
        self.ledger_problem: str | None = None
        self._named: dict[Key, str] = {}
        self._ledger: Ledger | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self._ledger is not None:
            self._ledger.close()

    async def look(self) -> None:
        """Asks the ledger once, and serves what it says."""
        try:
            wanted = await asyncio.to_thread(self._wanted)
            found = {key: await self._graph(key, record) for key, record in wanted.items()}
            self.ledger_problem = None
        except (SQLAlchemyError, WarehouseError, OSError) as error:
            if self.ledger_problem is None:
                logger.warning("the ledger cannot be read, champions stay as they are: {}", error)
            self.ledger_problem = f"the ledger cannot be read ({type(error).__name__}); see the sidecar's log"
            self._service.model_problems = [self.ledger_problem]
            return
        self._named = {key: record.version for key, record in wanted.items()}
        named = set(self._named.values())
        self.refused = {version: why for version, why in self.refused.items() if version in named}
        self._service.model_problems = [why.reason for why in self.refused.values()]
        serving = {key: graph for key, graph in found.items() if graph is not None}
        if serving != self.serving:
            self.serving = serving
            await self._apply()

    def problem(self, key: Key) -> str | None:
        """Why the ledger's champion does not serve; None if it does or there is none."""
        refused = self.refused.get(self._named.get(key, ""))
        return None if refused is None else refused.reason

    async def records(self) -> list[Record]:
        """Every version that the ledger knows.

        Raises:
            SQLAlchemyError, WarehouseError: the ledger cannot be read.
        """
        return await asyncio.to_thread(lambda: registry.versions(self._open()))

    async def _follow(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(POLL_S)

    def _open(self) -> Ledger:
        if self._ledger is None:
            ledger = Ledger(self._service.settings.ledger)
            ledger.migrate()
            self._ledger = ledger
        return self._ledger

    def _wanted(self) -> dict[Key, Record]:
        """Champions of what is served here."""
        horizons, known = self._service.settings.forecast.horizons_s, self._service.predictors
        champions = registry.champions(self._open())
        return {
            key: record
            for key, record in champions.items()
            if key.target is Target.RANGE and (key.venue, key.symbol) in known and key.horizon_s in horizons
        }

    async def _graph(self, key: Key, record: Record) -> Graph | None:
        """The champion's graph; the one that serves now, or the one before it, if the champion cannot be loaded."""
        serving = self.serving.get(key)
        if serving is not None and serving.version.sha256 == record.sha256:
            return serving
        tried = self.refused.get(record.version)
        if tried is not None and self._clock.monotonic_s() - tried.monotonic_s < RETRY_S:
            return serving
        try:
            graph = await asyncio.to_thread(registry.open_version, record, self._service.settings.data_dir)
        except VersionError as error:
            serving = serving or await asyncio.to_thread(self._before, record)
            instead = serving.version.name if serving is not None else "the best baseline"
            if tried is None:
                logger.error("{} is not served, {} is: {}", record.version, instead, error)
            if len(self.refused) < MAX_PROBLEMS:
                reason = f"{error}; {instead} serves instead"
                self.refused[record.version] = Refused(reason, self._clock.monotonic_s())
            return serving
        self.refused.pop(record.version, None)
        return graph

    def _before(self, record: Record) -> Graph | None:
        """The newest of the champions before this one that is intact."""
        for earlier in registry.predecessors(self._open(), record.version):
            try:
                return registry.open_version(earlier, self._service.settings.data_dir)
            except VersionError as error:
                logger.warning("{}, champion before it, cannot serve either: {}", earlier.version, error)
        return None

    async def _apply(self) -> None:
        """Puts the graphs in place, and asks the lake for the seconds of windows longer than any before."""
        longer: Mapping[tuple[str, str], int] = {
            key: needed
            for key, predictor in self._service.predictors.items()
            if (needed := predictor.use(self._of(*key)))
        }
        self._service.answers.clear()
        for key, needed in longer.items():
            try:
                rows = await self._service.archive.seconds(*key, 0, 2**63 - 1, needed)
                self._service.predictors[key].add_seconds(rows)
            except ArchiveError as error:
                logger.warning("{} has no window yet: {}", key, error)

    def _of(self, venue: str, symbol: str) -> dict[int, Graph]:
        return {
            key.horizon_s: graph for key, graph in self.serving.items() if (key.venue, key.symbol) == (venue, symbol)
        }
