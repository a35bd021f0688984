"""What any forecaster says at some origins, in one form, so that all are judged alike."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from trifecta.forecast.labels import Thresholds
from trifecta.forecast.minutes import SMALLEST_RANGE, Floats


class Forecast(NamedTuple):
    """`log_range` float64 (origins,), in its mean; `volatility` float64 (origins, 3), probabilities of the classes."""

    log_range: Floats
    volatility: Floats


def with_classes(log_range: Floats, past_ratios: Floats, borders: Thresholds) -> Forecast:
    """A forecast of the range alone, with the class probabilities that its past errors imply.

    Args:
        log_range: float64 (origins,).
        past_ratios: outcome / forecast of the same forecaster on an earlier part.
        borders: of the classes.
    """
    ratios = np.sort(past_ratios)
    made = np.maximum(log_range, SMALLEST_RANGE)
    below = [np.searchsorted(ratios, border / made) / len(ratios) for border in borders]
    return Forecast(made, np.stack((below[0], below[1] - below[0], 1 - below[1]), axis=1))
