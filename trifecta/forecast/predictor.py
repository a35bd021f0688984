"""The forecaster of one instrument: fed closed seconds, it holds a forecast for each horizon.

The past is gone through when a minute closed; a second costs one line in the range of the last horizon, and where a
model serves one run of its graph.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import expm1, isfinite
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from trifecta.clock import NS_PER_S
from trifecta.errors import SettingsError
from trifecta.forecast import inputs, legacy
from trifecta.forecast.baselines import HISTORY_MINUTES, Fit, Loss, Method, fit, scaled
from trifecta.forecast.folders import VersionError
from trifecta.forecast.history import History, Seen
from trifecta.forecast.minutes import NONE, SMALLEST_RANGE, Minutes
from trifecta.forecast.points import to_log_range
from trifecta.forecast.recent import Recent
from trifecta.market.events import OrderFlow
from trifecta.settings import ForecastSettings

if TYPE_CHECKING:  # whoever forecasts with baselines alone loads no ONNX Runtime
    from trifecta.forecast.graph import Graph

SHORTEST_SEEN_S = 10  # less is not scaled up to a horizon
LEGACY_WINDOW_S = 60
RESTART_S = 60
AUTO = "auto"
LEGACY = "legacy"
SCALED = "scaled"
"""Square-root-of-time scaling of what little is known."""


class Source(StrEnum):
    """What stands behind a forecast: a trained model, a baseline scored on the recent past, or neither."""

    MODEL = "model"
    BASELINE = "baseline"
    FALLBACK = "fallback"


@dataclass(frozen=True, slots=True)
class RangeForecast:
    """log(max high / min low) to be expected of the `horizon_s` seconds that follow `ts_event`.

    `interval` is None where too few outcomes are known for its coverage. `losses` are those of every baseline that
    had enough history, whichever was chosen. `missing_s` seconds of the last horizon are unknown. `points` is set by a
    formula that gives points itself. `model` is what a trained model says beyond the range; None where none made it.
    """

    venue: str
    symbol: str
    horizon_s: int
    ts_event: int
    ts_recv: int
    price: float
    log_range: float
    interval: tuple[float, float] | None
    coverage: float
    source: Source
    method: str
    losses: Mapping[Method, Loss]
    left_out: int
    missing_s: int
    points: float | None = None
    model: ModelView | None = None


class ModelView(NamedTuple):
    """What a model says beyond the range: P(low, medium, high) of volatility, and the trend in -1..1."""

    version: str
    volatility: tuple[float, float, float]
    trend: float


class _Choice(NamedTuple):
    log_range: float
    interval: tuple[float, float] | None
    source: Source
    method: str
    coverage: float
    points: float | None = None
    model: ModelView | None = None


class Predictor:
    """Forecasts of one instrument. Not thread-safe.

    Raises:
        SettingsError: a horizon is not a whole number of minutes.
    """

    def __init__(self, venue: str, symbol: str, settings: ForecastSettings) -> None:
        for horizon_s in settings.horizons_s:
            if horizon_s < 60 or horizon_s % 60:
                raise SettingsError(f"forecast.horizons_s holds {horizon_s}: every horizon must be whole minutes in s")
        self.venue, self.symbol = venue, symbol
        self.latest: OrderFlow | None = None
        self.forecasts: dict[int, RangeForecast] = {}
        self._settings = settings
        self._longest_s = max(settings.horizons_s)
        self._history = History(self._longest_s, HISTORY_MINUTES)
        self._fits: dict[int, Fit] = {h: fit(NONE, h, settings.coverage) for h in settings.horizons_s}
        self._to_fit: list[int] = []
        self.models: dict[int, Graph] = {}
        self.silent: dict[int, str] = {}
        """Why a model made no forecast of its horizon at the newest second."""
        self._recent = Recent(inputs.STEPS + inputs.WARM_UP)

    def use(self, models: Mapping[int, Graph]) -> int:
        """Lets these models forecast, by horizon, from now on; the forecasts in force are made anew.

        Returns:
            How many of the newest seconds are to be added for windows longer than any before; 0 if none.
        """
        self.models = dict(models)
        needed = max((model.seconds for model in models.values()), default=0)
        grown = self._recent.grow(needed)
        if self.latest is not None:
            self._renew(self.latest)
        return needed if grown else 0

    def add_minutes(self, minutes: Minutes) -> None:
        """Takes in closed minutes that were recorded elsewhere."""
        if self._history.add_minutes(minutes):
            self._to_fit = list(self._settings.horizons_s)

    def add_seconds(self, rows: Sequence[OrderFlow]) -> None:
        """Takes in closed seconds of the past, which make no forecast."""
        seconds = np.array([row.ts_event // NS_PER_S for row in rows], np.int64)
        prices = np.array([(row.high, row.low, row.last_price) for row in rows], np.float64).reshape(-1, 3)
        self._history.add_seconds(seconds, *prices.T)
        self._recent.add(rows)

    def close(self, row: OrderFlow) -> bool:
        """Takes in a closed second and renews each forecast; false for a second that is not newer than the last.

        A feed whose own time went back while ours went on is a recording that plays again: its history starts anew.
        """
        if self.latest is not None and row.ts_event <= self.latest.ts_event:
            back_ns = self.latest.ts_event - row.ts_event
            if row.ts_recv <= self.latest.ts_recv or back_ns < RESTART_S * NS_PER_S:
                return False
            self._history = History(self._longest_s, HISTORY_MINUTES)
            self._recent = Recent(self._recent.size)
            self._to_fit = list(self._settings.horizons_s)
        self.latest = row
        self._recent.add((row,))
        if self._history.close_second(row.ts_event // NS_PER_S, row.high, row.low, row.last_price):
            self._to_fit = list(self._settings.horizons_s)
        self._renew(row)
        return True

    def _renew(self, row: OrderFlow) -> None:
        for horizon_s in self._settings.horizons_s:
            made = self._forecast(row, horizon_s)
            if made is None:
                self.forecasts.pop(horizon_s, None)
            else:
                self.forecasts[horizon_s] = made

    def refit(self) -> bool:
        """Goes through the past of one horizon that has new minutes; false when none is left.

        One at a time (a few ms), so that a server can answer in between.
        """
        if not self._to_fit:
            return False
        horizon_s = self._to_fit.pop(0)
        self._fits[horizon_s] = fit(self._history.minutes, horizon_s, self._settings.coverage)
        return True

    @property
    def hole(self) -> tuple[int, int] | None:
        """The oldest and the newest second missing of the longest horizon, which the lake may hold by now."""
        return self._history.hole(self._longest_s)

    def _forecast(self, row: OrderFlow, horizon_s: int) -> RangeForecast | None:
        price = mid_price(row)
        if not price > 0:
            return None
        wanted = self._settings.method
        choice = self._legacy(row, price) if wanted == LEGACY else self._model(horizon_s) if wanted == AUTO else None
        seen = self._history.last_range(horizon_s)
        choice = choice or self._baseline(seen, horizon_s) or self._scaled(seen, horizon_s)
        if choice is None:
            return None
        found = self._fits[horizon_s]
        return RangeForecast(
            venue=self.venue,
            symbol=self.symbol,
            horizon_s=horizon_s,
            ts_event=row.ts_event,
            ts_recv=row.ts_recv,
            price=price,
            log_range=choice.log_range,
            interval=choice.interval,
            coverage=choice.coverage,
            source=choice.source,
            method=choice.method,
            losses=found.losses,
            left_out=found.left_out,
            missing_s=seen.missing,
            points=choice.points,
            model=choice.model,
        )

    def _model(self, horizon_s: int) -> _Choice | None:
        """The champion's forecast; none without one, while its window is not known whole, or if it gives nonsense."""
        self.silent.pop(horizon_s, None)
        model = self.models.get(horizon_s)
        if model is None:
            return None
        window = inputs.window(self._recent.newest(model.seconds), model.features, model.steps, model.step_s)
        if window is None:
            self.silent[horizon_s] = f"one of the newest {model.seconds} seconds is not known"
            return None
        try:
            made = model.predict(window)
        except VersionError as error:
            self.silent[horizon_s] = str(error)
            return None
        version, calibration = model.version.name, model.version.calibration
        view = ModelView(version, made.volatility, made.trend)
        bounds = (made.low, made.high)
        return _Choice(made.log_range, bounds, Source.MODEL, version, calibration.coverage, model=view)

    def _legacy(self, row: OrderFlow, price: float) -> _Choice | None:
        """The documents' formula, where its inputs and the window it needs are whole."""
        seen = self._history.last_range(LEGACY_WINDOW_S)
        point = self._settings.points.get(self.symbol, 0.0)
        if not (row.ready and isfinite(row.volume_imbalance) and point > 0 and seen.seconds == LEGACY_WINDOW_S):
            return None
        range_percent = 100 * expm1(seen.log_range)
        points = legacy.points(row.volume_imbalance, range_percent, row.large_trades_ratio, row.trade_intensity)
        log_range = to_log_range(points, price, point)
        return _Choice(log_range, None, Source.FALLBACK, LEGACY, self._settings.coverage, points)

    def _baseline(self, seen: Seen, horizon_s: int) -> _Choice | None:
        """The method asked for, or the best by recent loss; none while the last horizon is not known whole."""
        found = self._fits[horizon_s]
        wanted = self._settings.method
        method = (found.best or Method.PERSISTENCE) if wanted in (AUTO, LEGACY) else Method(wanted)
        if seen.seconds < horizon_s or method not in found.lines:
            return None
        log_range = max(found.lines[method].at(seen.log_range), SMALLEST_RANGE)
        bounds = found.intervals.get(method)
        interval = (log_range * bounds.low, log_range * bounds.high) if bounds else None
        return _Choice(log_range, interval, Source.BASELINE, str(method), self._settings.coverage)

    def _scaled(self, seen: Seen, horizon_s: int) -> _Choice | None:
        """The square-root-of-time guess for a cold start, which never passes for a baseline."""
        if seen.seconds < SHORTEST_SEEN_S:
            return None
        log_range = scaled(seen.log_range, seen.seconds, horizon_s)
        return _Choice(log_range, None, Source.FALLBACK, SCALED, self._settings.coverage)


def mid_price(row: OrderFlow) -> float:
    """The middle of the book where it is valid, else the last trade; NaN before the first."""
    if row.book_valid and isfinite(row.bid) and isfinite(row.ask):
        return (row.bid + row.ask) / 2
    return row.last_price
