"""What the sidecar knows: a predictor for each instrument, and when its newest second came.

Age: how long ago our own clock saw the frame that closed the second. It is taken on the monotonic clock from the
moment the second reached this process, plus the lag it had by then. The venue's clock has no part in it: it may run
ahead of ours or behind, by more than a second, and neither makes data fresh or stale.
"""

from __future__ import annotations

from dataclasses import dataclass

from trifecta.clock import NS_PER_S, Clock
from trifecta.errors import SettingsError
from trifecta.forecast.points import UnknownSymbolError, flow_symbol
from trifecta.forecast.predictor import Predictor, RangeForecast
from trifecta.market.events import OrderFlow
from trifecta.serve.answers import Answers
from trifecta.serve.archive import Archive
from trifecta.serve.counts import Counts
from trifecta.serve.problems import not_ready, stale, unknown
from trifecta.settings import Settings

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
        self.model_problems: list[str] = []
        self.predictors: dict[Key, Predictor] = {
            (settings.source(venue), symbol): Predictor(settings.source(venue), symbol, settings.forecast)
            for venue, chosen in settings.venues.items()
            if chosen.enabled
            for symbol in chosen.symbols
        }
        if not self.predictors:
            raise SettingsError("venues: none is enabled with a symbol, so there is nothing to serve; enable one")
        self.arrivals: dict[Key, Arrival] = {}
        self.last_from_bus_s = clock.monotonic_s()

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
        return True

    @property
    def bus_silent_s(self) -> float:
        """Seconds since the bus brought a second of any instrument, or since the start."""
        return self.clock.monotonic_s() - self.last_from_bus_s

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

    def is_fresh(self, key: Key) -> bool:
        """True while the newest second is young enough to be served."""
        age_s = self.age_s(key)
        return age_s is not None and age_s <= self.settings.forecast.max_age_s

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
