"""What is to be forecast at each step: range, volatility class and trend of the coming horizon."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from trifecta.forecast.inputs import StepColumns
from trifecta.forecast.minutes import SMALLEST_RANGE, Floats, rolling, shift

Classes = npt.NDArray[np.int64]


class Volatility(IntEnum):
    """Third of the training part's ranges that a range falls into."""

    LOW = 0
    MEDIUM = 1
    HIGH = 2


class Outcomes(NamedTuple):
    """Per step, of the horizon that follows it; float64 (steps,), NaN where one of its steps is unknown.

    `log_range` is log(max high / min low). `trend` is in [-1, 1]: the body of the candle that the horizon makes over
    its whole range (Nison 1991, "Japanese Candlestick Charting Techniques"), opened at the price before it; 1 is a
    rise from the low to the high, 0 no change.
    """

    log_range: Floats
    trend: Floats


class Thresholds(NamedTuple):
    """Log ranges below `low` are low, from `high` on high; terciles of the training part."""

    low: float
    high: float


def outcomes(steps: StepColumns, horizon: int) -> Outcomes:
    """Of the `horizon` steps that follow each step."""
    high = shift(rolling(np.maximum, steps.high, horizon), -horizon)
    low = shift(rolling(np.minimum, steps.low, horizon), -horizon)
    log_range = np.maximum(high - low, SMALLEST_RANGE)
    top, bottom = np.maximum(high, steps.close), np.minimum(low, steps.close)
    body = shift(steps.close, -horizon) - steps.close
    whole = top - bottom
    with np.errstate(invalid="ignore", divide="ignore"):
        trend = np.where(whole == 0, 0.0, np.clip(body / whole, -1.0, 1.0))
    return Outcomes(log_range, trend)


def thresholds(log_range: Floats) -> Thresholds:
    """Of the ranges given, which must be those of a training part."""
    low, high = np.quantile(log_range, (1 / 3, 2 / 3))
    return Thresholds(float(low), float(high))


def classes(log_range: Floats, borders: Thresholds) -> Classes:
    """`Volatility` of each range, int64."""
    return np.digitize(log_range, borders).astype(np.int64)
