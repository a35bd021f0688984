"""How far two venues' prices of the same thing are apart, minute by minute."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Int64s = npt.NDArray[np.int64]

MOST_CARRIED = 5  # minutes


class PriceGap(NamedTuple):
    """Gaps of the minutes in which both venues have a price."""

    minutes: int
    mean_abs_bps: float
    share_beyond: float
    """Of minutes whose gap is larger than the limit, 0..1."""


def carried(opens: Int64s, closes: Floats, grid: Int64s, step: int, most: int = MOST_CARRIED) -> Floats:
    """float64 (grid,): the close of the bar that opens at each time of `grid`, NaN where there is none.

    A minute without a trade keeps the last close, for at most `most` steps.

    Args:
        opens: (bars,), rising, in the unit of `grid` and `step`.
    """
    if not len(opens):
        return np.full(len(grid), np.nan)
    last = np.searchsorted(opens, grid, side="right") - 1
    known = (last >= 0) & (grid - opens[last] <= most * step)
    return np.where(known, closes[last], np.nan)


def price_gap(first: Floats, second: Floats, limit_bps: float = 10.0) -> PriceGap:
    """What two price series on one grid are apart, as ln(first / second) in basis points."""
    both = np.isfinite(first) & np.isfinite(second)
    gaps = np.abs(np.log(first[both] / second[both])) * 1e4
    if not len(gaps):
        return PriceGap(0, float("nan"), float("nan"))
    return PriceGap(len(gaps), float(gaps.mean()), float((gaps > limit_bps).mean()))
