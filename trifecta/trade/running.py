"""The trading process: feeds a `Trader` from bus and ledger, one process a data folder.

Whatever goes wrong ends the process: all that matters is in the ledger, and the supervisor starts it again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from typing import TypeVar

import msgspec
from loguru import logger

from trifecta import bus
from trifecta.clock import Clock
from trifecta.decide.agents import catch_up, learner
from trifecta.lock import FolderLock
from trifecta.market.orders import Terms
from trifecta.scan import snapshot
from trifecta.scan.snapshot import Snapshot
from trifecta.settings import Settings
from trifecta.tasks import until_stopped
from trifecta.trade import catalogue, report
from trifecta.trade.gateways.gateway import Gateway
from trifecta.trade.judging import judges
from trifecta.trade.recorded import LakePrices
from trifecta.trade.trader import Trader
from warehouse.lake import Lake
from warehouse.ledger import Ledger
from warehouse.sessions import session

LATE_MS = 100.0
"""How long after its receipt by the recorder a book may take until it is here."""
STEP_S = 0.02
REQUESTS_S = 0.1
REPORT_S = 1.0
LISTING_S = 60.0
NO_LISTING_S = 2.0
RESUBSCRIBE_S = 1.0
_Row = TypeVar("_Row")


class Trading:
    """Trades until it is stopped."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._lake = Lake(settings.lake)
        self._ledger = Ledger(settings.ledger)
        self._sources = [settings.source(name) for name, venue in settings.venues.items() if venue.enabled]
        self._listed: list[Terms] = []
        self._trader = Trader(
            settings, self._ledger, clock, recorded=LakePrices(self._lake), judges=judges(settings, self._ledger),
            learn=learner(settings.trade.agents), gateways=_live(settings, clock), late_ms=LATE_MS,
        )  # fmt: skip

    async def run(self, stop: asyncio.Event) -> None:
        """Trades until `stop` is set.

        Raises:
            PermanentError: another process trades on this data folder.
        """
        folder = self._settings.data_dir / "trade"
        folder.mkdir(parents=True, exist_ok=True)
        lock = FolderLock(folder)
        try:
            self._ledger.migrate()
            with self._ledger.begin() as connection:
                catch_up(connection, self._clock.now_ns(), self._settings.trade.agents)
            await self._trade(stop)
        finally:
            self._ledger.close()
            lock.release()

    async def _trade(self, stop: asyncio.Event) -> None:
        await self._list()
        self._trader.open()
        logger.info("trading {}: {} open trades", self._trader.portfolio, self._trader.open_trades)
        address = self._settings.bus_address
        await until_stopped(
            stop,
            self._follow(lambda: bus.books(address), self._trader.take),
            self._follow(lambda: bus.quotes(address), self._trader.take),
            self._follow(lambda: bus.opportunities(address, snapshot.decode), self._offer),
            self._every(STEP_S, self._step),
            self._every(REQUESTS_S, self._trader.answer_requests),
            self._every(REPORT_S, self._report),
            self._follow_listing(),
        )
        self._trader.close()

    async def _follow(self, rows: Callable[[], AsyncGenerator[_Row, None]], take: Callable[[_Row], object]) -> None:
        """Hands on what comes over the bus, whatever else is on it."""
        while True:
            try:
                async with contextlib.aclosing(rows()) as coming:
                    async for row in coming:
                        take(row)
            except msgspec.MsgspecError as error:
                logger.warning("a message on the bus cannot be read, listening anew: {}", error)
                await asyncio.sleep(RESUBSCRIBE_S)

    def _offer(self, seen: Snapshot) -> None:
        self._trader.offer(one for found in seen.opportunities.values() for one in found)

    def _step(self) -> None:
        if self._trader.due_ns <= self._clock.now_ns():
            self._trader.step()

    def _report(self) -> None:
        report.write(self._settings.run_dir, self._trader.report(), self._clock.now_ns())

    async def _every(self, pause_s: float, act: Callable[[], object]) -> None:
        while True:
            act()
            await asyncio.sleep(pause_s)

    async def _list(self) -> None:
        """Takes in how the venues' instruments trade, as the lake tells now."""
        try:
            found = await asyncio.to_thread(self._read_listing)
        except Exception as error:
            # The edge towards a lake that may be absent, being compacted or remote: what is known stays in force.
            logger.warning("the lake does not tell its instruments: {}", error)
            return
        if found != self._listed:
            self._listed = found
            self._trader.enlist(found)
            logger.info("{} instruments are tradable", len(found))

    def _read_listing(self) -> list[Terms]:
        lends = self._settings.trade.lend_stock and self._settings.trade.mode == "paper"
        with session(self._lake) as connection:
            return catalogue.listed(connection, self._sources, lends=lends)

    async def _follow_listing(self) -> None:
        while True:
            silent = set(self._sources) - {one.venue for one in self._listed}
            await asyncio.sleep(NO_LISTING_S if silent else LISTING_S)
            await self._list()


def _live(settings: Settings, clock: Clock) -> dict[str, Gateway]:
    if settings.trade.mode == "paper":
        return {}
    from trifecta.trade.gateways import choice  # noqa: PLC0415 - brings ccxt, which paper does without

    return choice.of(settings, clock)
