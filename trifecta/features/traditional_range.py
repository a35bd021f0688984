"""The Expert Advisor's traditional range from bars, so that the warehouse can be checked against the chart.

Twin of `mql5/Include/Trifecta/MarketRange.mqh`: the same sums in the same order, so the same number to the last digit.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trifecta.errors import DataError

H1_BARS, H4_BARS, D1_BARS = 10, 5, 3
THRESHOLD = 15_000.0  # points


class Bars(NamedTuple):
    """Highs and lows of consecutive bars of one interval: float64 (n,), oldest first, the current bar included."""

    high: NDArray[np.float64]
    low: NDArray[np.float64]


def traditional_range(h1: Bars, h4: Bars, d1: Bars, *, point: float, threshold: float = THRESHOLD) -> float:
    """The range in points of `point`: spans of 10 H1, 5 H4 and 3 D1 bars, weighed by the last closed days' height.

    Raises:
        DataError: bars are missing, or a bar has no price or lies upside down.
    """
    spans = [
        _span(name, bars, count, point)
        for name, bars, count in (("H1", h1, H1_BARS), ("H4", h4, H4_BARS), ("D1", d1, D1_BARS))
    ]
    height = ((d1.high[-2] - d1.low[-2]) + (d1.high[-3] - d1.low[-3])) / 2.0 / point
    weights = _weights(float(height), threshold)
    return weights[0] * spans[0] + weights[1] * spans[1] + weights[2] * spans[2]


def _weights(height: float, threshold: float) -> tuple[float, float, float]:
    if height > 1.5 * threshold:
        return 0.5, 0.3, 0.2
    if height > threshold:
        return 0.4, 0.4, 0.2
    return 0.2, 0.3, 0.5


def _span(name: str, bars: Bars, count: int, point: float) -> float:
    high, low = bars.high[-count:], bars.low[-count:]
    if len(high) < count or len(low) < count:
        raise DataError(f"{len(high)} of {count} {name} bars are there: the traditional range needs all of them")
    wrong = np.flatnonzero(~((low > 0) & (high >= low)))
    if len(wrong):
        at = int(wrong[0])
        raise DataError(f"{name} bar {at - count} has high {high[at]} and low {low[at]}: expected 0 < low <= high")
    return float((high.max() - low.min()) / point)
