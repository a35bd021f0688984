"""What the sidecar knows: a predictor for each instrument, when its last second came, and how it all gets there.

Age: how long ago our own clock saw the frame that closed the second. It is taken on the monotonic clock from the
moment the second reached this process, plus the lag it had by then. The venue's clock has no part in it: it may run
ahead of ours or behind, by more than a second, and neither makes data fresh or stale.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

import msgspec
import numpy as np
from loguru import logger

from trifecta import bus
from trifecta.clock import NS_PER_S, Clock
from trifecta.errors import SettingsError
from trifecta.forecast.baselines import HISTORY_MINUTES
from trifecta.forecast.points import UnknownSymbolError, flow_symbol
from trifecta.forecast.predictor import Predictor, RangeForecast
from trifecta.market.events import OrderFlow
from trifecta.serve.answers import Answers
from trifecta.serve.archive import Archive, ArchiveError
from trifecta.serve.archive_messages import Prediction
from trifecta.serve.counts import Counts
from trifecta.serve.problems import not_ready, stale, unknown
from trifecta.settings import Settings

TICK_S = 0.5
SILENCE_S = 3.0  # without a second from the bus for so long, the lake is asked instead
POLL_S = 2.0
HEAL_S = 10.0  # while an hour's seconds have a hole that the lake may fill by now
MAX_HEALS = 12
RESUBSCRIBE_S = 1.0

Key = tuple[str, str]


@dataclass(frozen=True)
class Arrival:
    """When the newest second of an instrument came, and the lag it had by then."""

    monotonic_s: float
    lag_s: float

    @property
    def born_s(self) -> float:
        """When the second ended on our monotonic clock."""
        return self.monotonic_s - self.lag_s


class Service:
    """Holds every forecast. All methods run on one event loop."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.settings, self.clock = settings, clock
        self.archive = Archive(settings.lake)
        self.answers = Answers()
        self.counts = Counts()
        self.lake_problem: str | None = None
        self.predictors: dict[Key, Predictor] = {
            (settings.source(venue), symbol): Predictor(settings.source(venue), symbol, settings.forecast)
            for venue, chosen in settings.venues.items()
            if chosen.enabled
            for symbol in chosen.symbols
        }
        if not self.predictors:
            raise SettingsError("venues: none is enabled with a symbol, so there is nothing to serve; enable one")
        self.arrivals: dict[Key, Arrival] = {}
        self._last_from_bus_s = clock.monotonic_s()
        self._heals = 0
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def take(self, row: OrderFlow) -> bool:
        """Makes the forecasts of a closed second; false for one that is not ours or not newer than the last."""
        key = (row.venue, row.symbol)
        predictor = self.predictors.get(key)
        if predictor is None or not predictor.close(row):
            self.counts.ignored += 1
            return False
        lag_s = max(self.clock.now_ns() - row.ts_recv, 0) / NS_PER_S
        self.arrivals[key] = Arrival(self.clock.monotonic_s(), lag_s)
        self.answers.clear()
        self.counts.seconds += 1
        self.counts.forecasts += len(predictor.forecasts)
        self._wake.set()
        return True

    @property
    def bus_silent_s(self) -> float:
        """Seconds since the bus brought a second of any instrument, or since the start."""
        return self.clock.monotonic_s() - self._last_from_bus_s

    def find(self, symbol: str, venue: str | None) -> Key:
        """The instrument whose order flow serves `symbol`: at `venue`, else at the first venue that has it.

        Raises:
            NoAnswerError: 404, naming what is known.
        """
        sources = {source for source, _ in self.predictors}
        if venue is not None:
            source = venue if venue in sources else self.settings.source(venue)
            if source not in sources:
                raise unknown(f"venue {venue!r} is not recorded: use one of {', '.join(sorted(sources))}")
            sources = {source}
        recorded = {known for source, known in self.predictors if source in sources}
        try:
            found = flow_symbol(symbol, self.settings.forecast, recorded)
        except UnknownSymbolError as error:
            raise unknown(str(error)) from error
        return next(key for key in self.predictors if key[1] == found and key[0] in sources)

    def age_s(self, key: Key) -> float | None:
        """Seconds since our clock saw the end of the newest second; None before the first."""
        arrival = self.arrivals.get(key)
        return None if arrival is None else self.clock.monotonic_s() - arrival.born_s

    def fresh(self, key: Key) -> OrderFlow:
        """The newest closed second.

        Raises:
            NoAnswerError: 503, there is none yet or it is older than `forecast.max_age_s`.
        """
        latest, age_s = self.predictors[key].latest, self.age_s(key)
        if latest is None or age_s is None:
            raise not_ready(f"no closed second of {key[0]} {key[1]} has come yet: is its recorder running?")
        if age_s > self.settings.forecast.max_age_s:
            raise stale(
                f"the newest second of {key[0]} {key[1]} is {age_s:.1f} s old; forecast.max_age_s is "
                f"{self.settings.forecast.max_age_s:g}"
            )
        return latest

    def forecast(self, key: Key, horizon_s: int) -> RangeForecast:
        """The forecast made at the newest closed second.

        Raises:
            NoAnswerError: 503, too little has been seen or the feed is stale.
        """
        self.fresh(key)
        found = self.predictors[key].forecasts.get(horizon_s)
        if found is None:
            raise not_ready(f"{key[0]} {key[1]}: 10 seconds with a price are needed for a first range")
        return found

    async def start(self) -> None:
        """Warms up from the lake, then follows the bus."""
        await self.read_lake(warm=True)
        await self._refit_all()
        for predictor in self.predictors.values():
            predictor.renew()
        self.answers.clear()
        self._tasks = [asyncio.create_task(run()) for run in (self._listen, self._refit, self._tend)]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.archive.close()

    async def _listen(self) -> None:
        """Follows the bus. ZeroMQ reconnects by itself; a message that is not one starts the subscription anew."""
        while True:
            try:
                async with contextlib.aclosing(bus.seconds(self.settings.bus_address)) as rows:
                    async for row in rows:
                        self._last_from_bus_s = self.clock.monotonic_s()
                        self.take(row)
            except (msgspec.MsgspecError, ValueError) as error:
                logger.warning("the bus sent what is no closed second ({}); subscribing again", error)
            await asyncio.sleep(RESUBSCRIBE_S)

    async def _refit(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self._refit_all()

    async def _refit_all(self) -> None:
        """Goes through the past of each instrument and horizon with new minutes, one at a time, answering between."""
        for predictor in self.predictors.values():
            while predictor.refit():
                self.counts.refits += 1
                await asyncio.sleep(0)

    async def _tend(self) -> None:
        """What happens by the clock: the lake in place of a silent bus, holes healed, predictions saved each minute."""
        minute, polled_s, healed_s = self._minute(), 0.0, self.clock.monotonic_s()
        while True:
            await asyncio.sleep(TICK_S)
            now_s = self.clock.monotonic_s()
            if self.bus_silent_s > SILENCE_S and now_s - polled_s > POLL_S:
                polled_s = now_s
                self.counts.polls += 1
                await self.read_lake(warm=False)
            if self._minute() != minute:
                minute, healed_s = self._minute(), now_s
                self._heals = 0
                await self.save(minute)
                await self.read_lake(warm=True)
            elif self._may_heal() and now_s - healed_s > HEAL_S:
                healed_s = now_s
                self._heals += 1
                await self.read_lake(warm=True)

    def _may_heal(self) -> bool:
        return self._heals < MAX_HEALS and any(predictor.has_hole for predictor in self.predictors.values())

    def _minute(self) -> int:
        return self.clock.now_ns() // (60 * NS_PER_S)

    async def read_lake(self, *, warm: bool) -> None:
        """Takes in what the lake holds: the newest seconds, and if `warm` also the history behind them."""
        try:
            for key in self.predictors:
                await self._read_instrument(key, warm=warm)
            self.lake_problem = None
        except ArchiveError as error:
            self.lake_problem = str(error)
            logger.warning("the lake cannot be read: {}", error)

    async def _read_instrument(self, key: Key, *, warm: bool) -> None:
        predictor = self.predictors[key]
        longest_s = max(self.settings.forecast.horizons_s)
        known_ns = predictor.latest.ts_event if predictor.latest else 0
        after_ns = known_ns - longest_s * NS_PER_S if warm and predictor.has_hole else known_ns
        rows = await self.archive.seconds(*key, max(after_ns, 0), longest_s)
        if warm:
            minutes = await self.archive.minutes(*key, HISTORY_MINUTES)
            numbers = np.array([row.ts_event // NS_PER_S for row in rows], np.int64)
            prices = np.array([(row.high, row.low, row.last_price) for row in rows], np.float64).reshape(-1, 3)
            predictor.warm(minutes, numbers, *prices.T)
            self._wake.set()
        newest = predictor.latest.ts_event if predictor.latest else 0
        for row in rows[-1:] if warm else rows:
            if row.ts_event > newest:
                self.take(row)

    async def save(self, minute: int) -> None:
        """Writes the forecasts in force to `predictions`; what goes wrong is logged and harms nothing else."""
        by_source: dict[str, list[Prediction]] = {}
        for key, predictor in self.predictors.items():
            age_s = self.age_s(key)
            if age_s is not None and age_s <= self.settings.forecast.max_age_s:
                made = [_prediction(forecast) for forecast in predictor.forecasts.values()]
                by_source.setdefault(key[0], []).extend(made)
        for source, rows in by_source.items():
            try:
                await self.archive.save(f"sidecar:{source}", minute, rows)
                self.counts.saved += len(rows)
            except ArchiveError as error:
                self.counts.save_failures += 1
                logger.warning("predictions of minute {} were not saved: {}", minute, error)


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
