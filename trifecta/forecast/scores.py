"""How good forecasters were on the same origins of test parts: losses, intervals, probabilities, significance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trifecta.forecast.baselines import Method, qlike
from trifecta.forecast.conformal import calibrate
from trifecta.forecast.forecasts import Forecast, with_classes
from trifecta.forecast.labels import Classes, Thresholds
from trifecta.forecast.minutes import Floats, Times
from trifecta.forecast.rivals import TREES
from trifecta.forecast.significance import diebold_mariano

RIVALS = (*(str(method) for method in Method), TREES)
"""What a network must beat."""

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Trial:
    """The origins that all forecasters are judged at. Rising time within each instrument.

    `fold` tells which fold's test part an origin is of, `classes` what the fold's thresholds make of the outcome,
    `trend` which way the price went.
    """

    ends_s: Times
    fold: Indices
    outcome: Floats
    classes: Classes
    overlap: int
    separate: float
    trend: Floats | None = None


@dataclass(frozen=True)
class Contender:
    """What one forecaster said at the origins of a test; `low` and `high` are NaN where it states no interval.

    `trend` is that of a network, float64 (origins,), -1..1.
    """

    name: str
    forecast: Forecast
    low: Floats
    high: Floats
    trend: Floats | None = None


@dataclass(frozen=True)
class Summary:
    """Means over origins. `calibration` is the mean of outcome / forecast: 1 where the level is right.

    `p` is, for each rival, the probability of so large a lead over it by chance. `width` is that of the intervals over
    the forecast, `hit_rate` the share of origins whose likeliest class came, `brier` the squared error of the class
    probabilities, 0..2. `trend_hits` is the share of origins with a change of price whose direction the trend told.
    """

    origins: int
    separate: float
    qlike: float
    mae: float
    calibration: float
    hit_rate: float
    brier: float
    coverage: float | None
    width: float | None
    p: Mapping[str, float]
    trend_hits: float | None = None


def stated(
    name: str, past: Forecast, past_outcome: Floats, forecast: Forecast, *, coverage: float, separate: float
) -> Contender:
    """A forecaster with the interval that its forecasts of an earlier part ask for, where those are enough."""
    found = calibrate(past_outcome, past.log_range, past.volatility, coverage=coverage, separate=int(separate))
    if found is None:
        unknown = np.full(len(forecast.log_range), np.nan)
        return Contender(name, forecast, unknown, unknown)
    return Contender(name, forecast, *found.intervals(forecast.log_range, forecast.volatility))


def of_range(
    name: str,
    past: Floats,
    past_outcome: Floats,
    forecast: Floats,
    borders: Thresholds,
    *,
    coverage: float,
    separate: float,
) -> Contender:
    """The same of a forecaster that says the range alone: its errors on the earlier part give its probabilities."""
    known = np.isfinite(past)
    ratios = past_outcome[known] / past[known]
    certain = np.tile([0.0, 0.0, 1.0], (len(ratios), 1))
    separate = separate * len(ratios) / max(len(past), 1)
    found = calibrate(past_outcome[known], past[known], certain, coverage=coverage, separate=int(separate))
    made = with_classes(forecast, ratios if len(ratios) else np.ones(1), borders)
    low, high = (found.low, found.high) if found is not None else (np.nan, np.nan)
    return Contender(name, made, made.log_range * low, made.log_range * high)


def joined(parts: Sequence[Contender]) -> Contender:
    """One forecaster over several test parts, in their order."""
    return Contender(
        parts[0].name,
        Forecast(*(np.concatenate(column) for column in zip(*(part.forecast for part in parts), strict=True))),
        np.concatenate([part.low for part in parts]),
        np.concatenate([part.high for part in parts]),
        _all([part.trend for part in parts]),
    )


def summarise(trial: Trial, tried: Mapping[str, Contender], name: str) -> Summary:
    """How good the forecaster of that name was, and its lead over each rival that was tried."""
    one = tried[name]
    made, outcome = one.forecast.log_range, trial.outcome
    stating = np.isfinite(one.low)
    happened = np.eye(3)[trial.classes]
    rivals = [rival for rival in RIVALS if rival in tried and rival != name]
    return Summary(
        origins=len(outcome),
        separate=trial.separate,
        qlike=float(qlike(outcome, made).mean()),
        mae=float(np.abs(outcome - made).mean()),
        calibration=float((outcome / made).mean()),
        hit_rate=float((one.forecast.volatility.argmax(axis=1) == trial.classes).mean()),
        brier=float(((one.forecast.volatility - happened) ** 2).sum(axis=1).mean()),
        coverage=float(((outcome >= one.low) & (outcome <= one.high))[stating].mean()) if stating.all() else None,
        width=float(((one.high - one.low) / made)[stating].mean()) if stating.all() else None,
        p={rival: lead(trial, one, tried[rival]) for rival in rivals},
        trend_hits=_trend_hits(trial, one),
    )


def lead(trial: Trial, one: Contender, rival: Contender) -> float:
    """p-value of the lead of one forecaster over another; what happens at one time to a panel is one observation."""
    losses = [_by_time(trial, qlike(trial.outcome, tried.forecast.log_range)) for tried in (one, rival)]
    return diebold_mariano(losses[0], losses[1], trial.overlap)


def part(trial: Trial, tried: Mapping[str, Contender], fold: int) -> tuple[Trial, dict[str, Contender]]:
    """The same of one fold."""
    rows = np.flatnonzero(trial.fold == fold)
    share = len(rows) / max(len(trial.fold), 1)
    narrowed = {name: _at(one, rows) for name, one in tried.items()}
    columns = (trial.ends_s[rows], trial.fold[rows], trial.outcome[rows], trial.classes[rows])
    trend = None if trial.trend is None else trial.trend[rows]
    return Trial(*columns, trial.overlap, trial.separate * share, trend), narrowed


def _at(one: Contender, rows: Indices) -> Contender:
    forecast = Forecast(one.forecast.log_range[rows], one.forecast.volatility[rows])
    trend = None if one.trend is None else one.trend[rows]
    return Contender(one.name, forecast, one.low[rows], one.high[rows], trend)


def _all(parts: Sequence[Floats | None]) -> Floats | None:
    known = [part for part in parts if part is not None]
    return np.concatenate(known) if len(known) == len(parts) else None


def _trend_hits(trial: Trial, one: Contender) -> float | None:
    if trial.trend is None or one.trend is None:
        return None
    moved = trial.trend != 0
    return float((np.sign(one.trend) == np.sign(trial.trend))[moved].mean()) if moved.any() else None


def _by_time(trial: Trial, losses: Floats) -> Floats:
    _, place = np.unique(trial.ends_s, return_inverse=True)
    return np.bincount(place, losses) / np.bincount(place)
