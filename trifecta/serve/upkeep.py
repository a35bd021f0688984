"""What keeps the sidecar's knowledge fresh: the bus each second, the lake at the start, after losses, each minute."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import msgspec
from loguru import logger

from trifecta import bus
from trifecta.clock import NS_PER_S
from trifecta.forecast.baselines import HISTORY_MINUTES
from trifecta.forecast.predictor import Predictor, RangeForecast
from trifecta.serve.archive import ArchiveError
from trifecta.serve.archive_messages import Prediction
from trifecta.serve.service import Key, Service

TICK_S = 0.5
SILENCE_S = 3.0  # without a second from the bus for so long, the lake is asked instead
POLL_S = 2.0
HEAL_S = 10.0  # a recorder commits every few seconds: what the bus lost is in the lake by then
MAX_HEALS = 3  # times that the lake is asked for the same hole
RECENT_MINUTES = 180  # read again each minute, for what the venue published late
RESUBSCRIBE_S = 1.0
REFIT_S = 0.1


class Upkeep:
    """The tasks behind a service, on its event loop."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._clock = service.clock
        self._archive = service.archive
        self._longest_s = max(service.settings.forecast.horizons_s)
        self._heals: dict[Key, tuple[int, int]] = {}  # newest second of the hole, times it was asked for
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Starts to follow the bus, and to warm up from the lake meanwhile: a slow lake delays no answer."""
        self._tasks = [asyncio.create_task(run()) for run in (self._listen, self._refit, self._tend)]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._archive.close()

    async def warm(self) -> None:
        """Takes in the history that the lake holds, and forecasts from its newest second."""
        await self._ask_for_each(self._warm_one)

    async def heal(self) -> None:
        """Asks the lake for the seconds that the bus lost."""
        await self._ask_for_each(self._heal_one)

    async def save(self, minute: int) -> None:
        """Writes the forecasts in force to `predictions`; what goes wrong is logged and harms nothing else."""
        counts = self._service.counts
        by_source: dict[str, list[Prediction]] = {}
        for key, predictor in self._service.predictors.items():
            if self._service.is_fresh(key):
                made = [_prediction(forecast) for forecast in predictor.forecasts.values()]
                by_source.setdefault(key[0], []).extend(made)
        for source, rows in by_source.items():
            try:
                await self._archive.save(f"sidecar:{source}", minute, rows)
                counts.saved += len(rows)
            except ArchiveError as error:
                counts.save_failures += 1
                logger.warning("predictions of minute {} were not saved: {}", minute, error)

    async def _listen(self) -> None:
        """Follows the bus. ZeroMQ reconnects by itself; a message that is not one starts the subscription anew."""
        while True:
            try:
                async with contextlib.aclosing(bus.seconds(self._service.settings.bus_address)) as rows:
                    async for row in rows:
                        self._service.last_from_bus_s = self._clock.monotonic_s()
                        self._service.take(row)
            except (msgspec.MsgspecError, ValueError) as error:
                logger.warning("the bus sent what is no closed second ({}); subscribing again", error)
            await asyncio.sleep(RESUBSCRIBE_S)

    async def _refit(self) -> None:
        while True:
            for predictor in self._service.predictors.values():
                await self._refit_one(predictor)
            await asyncio.sleep(REFIT_S)

    async def _refit_one(self, predictor: Predictor) -> None:
        """Goes through the past of each horizon with new minutes, one at a time, with answers between."""
        while predictor.refit():
            self._service.counts.refits += 1
            await asyncio.sleep(0)

    async def _tend(self) -> None:
        """What happens by the clock: the lake in place of a silent bus, holes filled, predictions saved each minute."""
        await self.warm()
        minute, polled_s, healed_s = self._minute(), 0.0, self._clock.monotonic_s()
        while True:
            await asyncio.sleep(TICK_S)
            now_s = self._clock.monotonic_s()
            if self._service.bus_silent_s > SILENCE_S and now_s - polled_s > POLL_S:
                polled_s = now_s
                self._service.counts.polls += 1
                await self._ask_for_each(self._follow)
            if self._minute() != minute:
                minute = self._minute()
                await self.save(minute)
                await self._ask_for_each(self._read_recent_minutes)
            if now_s - healed_s > HEAL_S:
                healed_s = now_s
                await self.heal()

    def _minute(self) -> int:
        return self._clock.now_ns() // (60 * NS_PER_S)

    async def _ask_for_each(self, ask: Callable[[Key, Predictor], Awaitable[None]]) -> None:
        try:
            for key, predictor in self._service.predictors.items():
                await ask(key, predictor)
            self._service.lake_problem = None
        except ArchiveError as error:
            self._service.lake_problem = str(error)
            logger.warning("the lake cannot be read: {}", error)

    async def _warm_one(self, key: Key, predictor: Predictor) -> None:
        predictor.add_minutes(await self._archive.minutes(*key, HISTORY_MINUTES))
        rows = await self._archive.seconds(*key, 0, 2**63 - 1, self._longest_s)
        predictor.add_seconds(rows)
        await self._refit_one(predictor)
        for row in rows[-1:]:
            self._service.take(row)

    async def _follow(self, key: Key, predictor: Predictor) -> None:
        after_ns = predictor.latest.ts_event if predictor.latest else 0
        for row in await self._archive.seconds(*key, after_ns, 2**63 - 1, self._longest_s):
            self._service.take(row)

    async def _read_recent_minutes(self, key: Key, predictor: Predictor) -> None:
        predictor.add_minutes(await self._archive.minutes(*key, RECENT_MINUTES))

    async def _heal_one(self, key: Key, predictor: Predictor) -> None:
        """Asks for seconds that are missing, `MAX_HEALS` times for the same ones."""
        hole = predictor.hole
        if hole is None or predictor.latest is None:
            return
        newest, times = self._heals.get(key, (0, 0))
        times = times + 1 if newest == hole[1] else 1
        self._heals[key] = hole[1], times
        if times <= MAX_HEALS:
            after_ns, until_ns = (hole[0] - 1) * NS_PER_S, hole[1] * NS_PER_S
            predictor.add_seconds(await self._archive.seconds(*key, after_ns, until_ns, self._longest_s))


def _prediction(made: RangeForecast) -> Prediction:
    low, high = made.interval or (float("nan"), float("nan"))
    return Prediction(
        venue=made.venue,
        symbol=made.symbol,
        ts_event=made.ts_event,
        ts_recv=made.ts_recv,
        horizon_s=made.horizon_s,
        log_range=made.log_range,
        log_range_low=low,
        log_range_high=high,
        coverage=made.coverage,
        price=made.price,
        source=str(made.source),
        method=made.method,
    )
