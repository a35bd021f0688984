"""Intervals that hold the outcome as often as they state, wider where the model itself is less sure.

Normalised split conformal prediction (Lei et al. 2018, "Distribution-Free Predictive Inference for Regression",
section 5.2). The score of a past forecast is |log(outcome / forecast) - centre| / u, where u = 1 + H / ln 3 grows from
1 to 2 with the entropy H of the forecast's own class probabilities. The quantile of the scores, times the u of a new
forecast, is how far its interval reaches in logarithms. Whatever u is worth, the coverage is the one stated; a u that
tells easy hours from hard ones makes the intervals narrower on the whole.
"""

from __future__ import annotations

from itertools import count
from math import exp, log

import msgspec
import numpy as np

from trifecta.forecast.minutes import Floats

CLASSES = 3
"""Low, medium and high volatility."""


class Calibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Factors on the forecast that hold the outcome with probability `coverage`, where the model is certain (u = 1).

    `n` outcomes that share no part of their horizon were seen.
    """

    coverage: float
    low: float
    high: float
    n: int

    def interval(self, log_range: float, volatility: tuple[float, float, float]) -> tuple[float, float]:
        """Bounds of the log range around a forecast with these class probabilities."""
        centre, reach = self._centre_and_reach()
        entropy = -sum(share * log(share) for share in volatility if share > 0)  # three numbers: numpy takes longer
        reach *= 1 + entropy / log(CLASSES)
        return log_range * exp(centre - reach), log_range * exp(centre + reach)

    def intervals(self, log_range: Floats, volatility: Floats) -> tuple[Floats, Floats]:
        """The same for float64 (windows,) and (windows, 3)."""
        centre, reach = self._centre_and_reach()
        wide = reach * uncertainty(volatility)
        return log_range * np.exp(centre - wide), log_range * np.exp(centre + wide)

    def _centre_and_reach(self) -> tuple[float, float]:
        low, high = log(self.low), log(self.high)
        return (low + high) / 2, (high - low) / 2


def uncertainty(volatility: Floats) -> Floats:
    """1 + entropy / ln 3 of class probabilities (..., 3): 1 where one class is certain, 2 where all are alike."""
    shown = np.clip(volatility, 1e-12, 1.0)
    return np.asarray(1 - (shown * np.log(shown)).sum(axis=-1) / log(CLASSES), np.float64)


def calibrate(
    outcome: Floats, forecast: Floats, volatility: Floats, *, coverage: float, separate: int
) -> Calibration | None:
    """The calibration that these outcomes ask for, or None if they are too few for the coverage.

    Args:
        outcome, forecast: float64 (windows,), log ranges; of windows that no scaler and no weight was fitted on.
        volatility: float64 (windows, 3), class probabilities of each forecast.
        separate: how many of the windows' horizons share no part. Windows a second apart see nearly the same outcome,
            so the finite-sample correction counts these.
    """
    level = _level(coverage, separate)
    if level >= 1:
        return None
    logs = np.log(outcome / forecast)
    centre = float(np.median(logs))
    scores = np.abs(logs - centre) / uncertainty(volatility)
    reach = float(np.quantile(scores, level, method="higher"))
    return Calibration(coverage, exp(centre - reach), exp(centre + reach), separate)


def least(coverage: float) -> int:
    """Separate horizons without which no interval of that coverage can be calibrated."""
    return next(separate for separate in count(1) if _level(coverage, separate) < 1)


def _level(coverage: float, separate: int) -> float:
    """The quantile of the scores that covers so much with so few of them."""
    return coverage * (separate + 1) / separate if separate else 1.0


def confidence(low: float, high: float) -> float:
    """1 - (high - low) / (high + low) of an interval: 1 for a certain range, towards 0 for one of any size."""
    return 1 - (high - low) / (high + low)
