"""Forecasts of the coming range that need no training: persistence, EWMA and HAR, scored on the recent past.

What is forecast is y = log(max high / min low) of the coming horizon, in its mean. A forecast at minute t uses only
minutes closed by t. Every method is, once the closed past is given, a line in the range of the last horizon or in its
logarithm; so a forecast each second costs one multiplication, and the past is gone through once a minute.

Losses: QLIKE = y/f - log(y/f) - 1, which ranks forecasts of a mean rightly even where y is noisy (Patton 2011,
"Volatility forecast comparison using imperfect volatility proxies"), and MAE = |y - f|.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from trifecta.forecast.minutes import Floats, Minutes, ranges, shift

EWMA_LAMBDA = 0.7
EWMA_WINDOWS = 24  # what is older weighs 0.7^24 = 0.02 %
HAR_WINDOWS = (1, 3, 12)  # horizons averaged by the short, middle and long term
HAR_MIN_HORIZONS = 20  # a regression on less is not tried
RECENT_MINUTES = 3 * 1440
REFITS = 4  # how often HAR is fitted anew on the way through the recent past
MIN_HORIZONS = 5  # a method is scored once it was right or wrong about this many separate horizons
HISTORY_MINUTES = 7 * 1440

Mask = npt.NDArray[np.bool_]


class Method(StrEnum):
    """How a range without a model came about; on a tie of losses the earlier one serves."""

    PERSISTENCE = "persistence"
    EWMA = "ewma"
    HAR = "har"


class Line(NamedTuple):
    """A forecast as a function of the last horizon's range: a line, in logarithms if `log`."""

    log: bool
    intercept: float
    slope: float

    def at(self, last_range: float) -> float:
        if self.log:
            return float(np.exp(self.intercept + self.slope * np.log(last_range)))
        return self.intercept + self.slope * last_range


LAST_RANGE = Line(False, 0.0, 1.0)
"""Persistence, which needs no closed minute."""


class Loss(NamedTuple):
    """Mean losses of a method over `origins` minutes of the recent past, each forecast made before its outcome."""

    qlike: float
    mae: float
    origins: int


class Interval(NamedTuple):
    """Factors that a forecast is multiplied with to hold the outcome with probability `coverage`."""

    low: float
    high: float
    coverage: float


@dataclass(frozen=True)
class Fit:
    """What the closed minutes say about one horizon.

    `lines` and `losses` hold the methods that had enough history; `intervals` those with enough outcomes for the
    coverage asked. `left_out` windows of the recent past had a missing minute and were no sample.
    """

    horizon_s: int
    lines: Mapping[Method, Line]
    losses: Mapping[Method, Loss]
    intervals: Mapping[Method, Interval]
    best: Method | None
    left_out: int


class _Path(NamedTuple):
    """Lines of one method at every minute; float64 (minutes,) each, NaN where there is no forecast."""

    log: bool
    intercept: Floats
    slope: Floats

    def forecasts(self, last: Floats) -> Floats:
        if self.log:
            return np.exp(self.intercept + self.slope * np.log(last))
        return self.intercept + self.slope * last

    def line(self) -> Line | None:
        if not len(self.intercept):
            return None
        intercept, slope = float(self.intercept[-1]), float(self.slope[-1])
        return Line(self.log, intercept, slope) if np.isfinite(intercept + slope) else None


def fit(minutes: Minutes, horizon_s: int, coverage: float) -> Fit:
    """Lines, losses and intervals of every method for a horizon of whole minutes, from closed minutes alone."""
    horizon = horizon_s // 60
    last = ranges(minutes, horizon)
    paths = _paths(last, horizon)
    coming = shift(last, -horizon)
    recent = np.arange(len(last)) >= len(last) - horizon - RECENT_MINUTES
    known = recent & np.isfinite(coming)
    left_out = int(np.count_nonzero(recent[: len(last) - horizon])) - int(np.count_nonzero(known))
    forecasts = {method: path.forecasts(last) for method, path in paths.items()}
    scored = _scored(forecasts, known, MIN_HORIZONS * horizon)
    losses = _losses(forecasts, scored, coming, known)
    intervals = {
        method: found
        for method in scored
        if (found := _interval(coming[known] / forecasts[method][known], horizon, coverage)) is not None
    }
    lines = {Method.PERSISTENCE: LAST_RANGE}
    lines |= {method: line for method, path in paths.items() if (line := path.line()) is not None}
    usable = [method for method in losses if method in lines]
    best = min(usable, key=lambda method: losses[method].qlike, default=None)
    return Fit(horizon_s, lines, losses, intervals, best, left_out)


def rolling(minutes: Minutes, horizon_s: int) -> dict[Method, Floats]:
    """Each method's forecast at every minute, from minutes closed by then; NaN where it had too few.

    float64 (minutes,) each. What `fit` scores.
    """
    last = ranges(minutes, horizon_s // 60)
    return {method: path.forecasts(last) for method, path in _paths(last, horizon_s // 60).items()}


def qlike(outcome: Floats, forecast: Floats) -> Floats:
    """QLIKE of each forecast of a positive mean; 0 where it was exact."""
    ratio = outcome / forecast
    return ratio - np.log(ratio) - 1


def scaled(log_range: float, seen_s: float, horizon_s: float) -> float:
    """The range of `horizon_s` that a random walk would show whose last `seen_s` seconds ranged over `log_range`."""
    return float(log_range * np.sqrt(horizon_s / seen_s))


def _paths(last: Floats, horizon: int) -> dict[Method, _Path]:
    return {
        Method.PERSISTENCE: _Path(False, np.zeros_like(last), np.ones_like(last)),
        Method.EWMA: _ewma(last, horizon),
        Method.HAR: _har(last, horizon),
    }


def _ewma(last: Floats, horizon: int) -> _Path:
    """Exponential weights over the separate past horizons that are known; missing ones leave their weight to others."""
    known = np.isfinite(last)
    value, weight = np.where(known, last, 0.0), np.ones_like(last)
    rest = np.zeros_like(last)
    for age in range(1, EWMA_WINDOWS):
        later, older = slice(age * horizon, None), slice(0, max(len(last) - age * horizon, 0))
        rest[later] += EWMA_LAMBDA**age * value[older]
        weight[later] += EWMA_LAMBDA**age * known[older]
    return _Path(False, rest / weight, 1 / weight)


def _har(last: Floats, horizon: int) -> _Path:
    """Corsi (2009), "A Simple Approximate Long-Memory Model of Realized Volatility", on log ranges.

    log y = b0 + sum of b_j * (mean log range of the last `HAR_WINDOWS[j]` horizons), by least squares over what was
    known at each refit; the mean of exp(residual) turns the forecast of a median into one of a mean (Duan 1983).
    """
    older, share = _har_inputs(np.log(last), horizon)
    inputs = older + share * np.log(last)
    design = np.vstack((np.ones_like(last), inputs)).T
    target = np.log(shift(last, -horizon))
    sample = np.isfinite(target) & np.isfinite(design).all(axis=1)
    intercept, slope = np.full_like(last, np.nan), np.full_like(last, np.nan)
    for start, end in pairwise([*_refits(len(last), horizon), len(last)]):
        # An origin is known to the regression at `start` once its horizon has closed there.
        found = _least_squares(design, target, sample, start - horizon + 1, HAR_MIN_HORIZONS * horizon)
        if found is None:
            continue
        weights, smear = found
        here = slice(start, end)
        intercept[here] = weights[0] + weights[1:] @ older[:, here] + smear
        slope[here] = weights[1:] @ share[:, here]
    return _Path(True, intercept, slope)


def _har_inputs(log_last: Floats, horizon: int) -> tuple[Floats, Floats]:
    """Per term what older horizons add, and the last one's share; a term needs half of its horizons."""
    known = np.isfinite(log_last)
    value = np.where(known, log_last, 0.0)
    total, count = np.zeros_like(log_last), np.ones_like(log_last)
    totals, counts = [], []
    for age in range(max(HAR_WINDOWS)):
        if age:
            later, past = slice(age * horizon, None), slice(0, max(len(value) - age * horizon, 0))
            total[later] += value[past]
            count[later] += known[past]
        if age + 1 in HAR_WINDOWS:
            totals.append(total.copy())
            counts.append(count.copy())
    older, count = np.array(totals), np.array(counts)
    enough = count >= np.array(HAR_WINDOWS)[:, None] / 2
    return np.where(enough, older / count, np.nan), np.where(enough, 1 / count, np.nan)


def _refits(count: int, horizon: int) -> list[int]:
    """Minutes at which HAR is fitted anew: evenly over the recent past, and at the last one."""
    first = max(count - horizon - RECENT_MINUTES, 0)
    even = np.linspace(first, count - 1, REFITS, endpoint=False).astype(int)
    return [*dict.fromkeys(even.tolist()), count - 1] if count else []


def _least_squares(
    design: Floats, target: Floats, sample: Mask, before: int, at_least: int
) -> tuple[Floats, float] | None:
    rows = np.flatnonzero(sample[: max(before, 0)])
    if len(rows) < at_least:
        return None
    x, y = design[rows], target[rows]
    # The normal equations of four columns: as exact as needed here, and 20 times faster than on all rows.
    weights = np.linalg.lstsq(x.T @ x, x.T @ y, rcond=None)[0].astype(np.float64)
    smear = float(np.log(np.mean(np.exp(y - x @ weights))))
    return weights, smear


def _scored(forecasts: Mapping[Method, Floats], known: Mask, at_least: int) -> list[Method]:
    return [method for method, made in forecasts.items() if np.count_nonzero(known & np.isfinite(made)) >= at_least]


def _losses(
    forecasts: Mapping[Method, Floats], scored: list[Method], coming: Floats, known: Mask
) -> dict[Method, Loss]:
    """Losses on the minutes that all scored methods forecast, so that none is judged by easier hours."""
    common = known.copy()
    for method in scored:
        common &= np.isfinite(forecasts[method])
    outcome = coming[common]
    if not len(outcome):
        return {}
    return {
        method: Loss(
            float(np.mean(qlike(outcome, forecasts[method][common]))),
            float(np.mean(np.abs(outcome - forecasts[method][common]))),
            len(outcome),
        )
        for method in scored
    }


def _interval(ratios: Floats, horizon: int, coverage: float) -> Interval | None:
    """Split-conformal bounds of outcome / forecast, or None with too few outcomes for the coverage.

    The score is the distance of log(outcome / forecast) from its median. Forecasts of neighbouring minutes share most
    of their horizon, so the finite-sample correction counts separate horizons, not minutes.
    """
    logs = np.log(ratios[np.isfinite(ratios)])
    separate = len(logs) / horizon
    level = coverage * (separate + 1) / separate if separate else 1.0
    if level >= 1:
        return None
    centre = float(np.median(logs))
    reach = float(np.quantile(np.abs(logs - centre), level, method="higher"))
    # A method that was wrong to one side all along still lies within what it states: then too much is covered.
    return Interval(min(float(np.exp(centre - reach)), 1.0), max(float(np.exp(centre + reach)), 1.0), coverage)
