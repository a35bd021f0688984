"""One-minute highs and lows on an unbroken grid, and the ranges of windows over it.

A minute that nobody recorded is NaN, and so is every window that holds one: a range over a hole would be too small.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trifecta.clock import NS_PER_S

Floats = npt.NDArray[np.float64]
Times = npt.NDArray[np.int64]

MINUTE_NS = 60 * NS_PER_S
SMALLEST_RANGE = 1e-6
"""Log ranges below a hundredth of a basis point count as one: a market that stood still has no logarithm of range."""


@dataclass(frozen=True)
class Minutes:
    """Consecutive closed minutes, oldest first.

    `first` is the number of the first minute since 1970. `high` and `low` are natural logarithms of prices,
    float64 (minutes,), NaN where the minute is missing.
    """

    first: int
    high: Floats
    low: Floats

    @property
    def end(self) -> int:
        """Number of the minute after the last one."""
        return self.first + len(self.high)

    def tail(self, count: int) -> Minutes:
        """The last `count` minutes."""
        skip = max(len(self.high) - count, 0)
        return Minutes(self.first + skip, self.high[skip:], self.low[skip:])


NONE = Minutes(0, np.empty(0), np.empty(0))


def from_bars(ts_open: Times, high: Floats, low: Floats, *, at_most: int) -> Minutes:
    """The last `at_most` minutes of these bars, given in any order; of two bars of one minute the later row counts.

    Args:
        ts_open: int64 (bars,), ns since 1970, whole minutes.
        high, low: float64 (bars,), prices. A bar whose prices are not finite, positive and high >= low is left out.
    """
    with np.errstate(invalid="ignore"):
        good = np.isfinite(high) & np.isfinite(low) & (low > 0) & (high >= low)
    if not good.any():
        return NONE
    numbers = ts_open // MINUTE_NS
    end = int(numbers[good].max()) + 1
    good &= numbers >= end - at_most
    first = int(numbers[good].min())
    grid = np.full((2, end - first), np.nan)
    grid[0, numbers[good] - first] = np.log(high[good])
    grid[1, numbers[good] - first] = np.log(low[good])
    return Minutes(first, grid[0], grid[1])


def merge(known: Minutes, found: Minutes, *, at_most: int) -> Minutes:
    """Both on one grid, `found` where both have a minute; the last `at_most` minutes of it."""
    if not len(known.high):
        return found.tail(at_most)
    if not len(found.high):
        return known.tail(at_most)
    end = max(known.end, found.end)
    first = max(min(known.first, found.first), end - at_most)
    grid = np.full((2, end - first), np.nan)
    for whole in (known, found):
        part = whole.tail(max(whole.end - first, 0))
        row = grid[:, part.first - first : part.end - first]
        values = np.stack((part.high, part.low))
        np.copyto(row, values, where=np.isfinite(values))
    return Minutes(first, grid[0], grid[1])


def ranges(minutes: Minutes, window: int) -> Floats:
    """log(max high / min low) of the `window` minutes that end with each minute.

    float64 (minutes,), at least `SMALLEST_RANGE`, NaN where a minute of the window is missing.
    """
    spread = rolling(np.maximum, minutes.high, window) - rolling(np.minimum, minutes.low, window)
    return np.maximum(spread, SMALLEST_RANGE)


def shift(values: Floats, by: int) -> Floats:
    """`values` `by` minutes later (earlier, if negative), NaN where nothing is known."""
    moved = np.full_like(values, np.nan)
    if by >= 0:
        moved[by:] = values[: max(len(values) - by, 0)]
    else:
        moved[:by] = values[-by:]
    return moved


def rolling(extreme: np.ufunc, values: Floats, window: int) -> Floats:
    """Rolling extreme by doubling: log2(window) passes, NaN wherever the window holds one or is not full."""
    result, size = values, 1
    while size < window:
        step = min(size, window - size)
        wider = np.full_like(result, np.nan)
        wider[step:] = extreme(result[step:], result[:-step])
        result, size = wider, size + step
    return result
