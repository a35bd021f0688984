"""The closed steps of one instrument on an unbroken grid, from whatever source recorded them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trifecta.clock import NS_PER_S
from trifecta.errors import DataError
from trifecta.forecast.inputs import SECOND, StepColumns, to_steps
from trifecta.forecast.minutes import Floats, Minutes, Times
from trifecta.market.events import FEATURES

CELL_S = 60
"""Baselines look at whole minutes, or at whole steps where those are longer."""

LONGEST_GRID = 50_000_000


@dataclass(frozen=True)
class Series:
    """Steps of `step_s` s. Step i ends at (first + i + 1) * step_s, in seconds since 1970."""

    venue: str
    symbol: str
    step_s: int
    first: int
    columns: StepColumns

    @property
    def name(self) -> str:
        return f"{self.venue} {self.symbol}"

    @property
    def ends_s(self) -> Times:
        """int64 (steps,), when each step closed."""
        return (self.first + 1 + np.arange(len(self.columns.close))) * self.step_s

    @property
    def known(self) -> Floats:
        """1.0 where the step was recorded, else 0.0; float64 (steps,)."""
        return np.isfinite(self.columns.close + self.columns.high + self.columns.low).astype(np.float64)


def from_seconds(venue: str, symbol: str, ends_s: Times, rows: Floats, step_s: int) -> Series:
    """Whole steps of closed seconds, given in any order; of two rows of one second the later one counts.

    Args:
        ends_s: int64 (rows,), exclusive end of each second, seconds since 1970.
        rows: float64 (rows, 13), the `SECOND` columns.

    Raises:
        DataError: `step_s` is not 1..60 and a divisor of a minute, or the seconds span years.
    """
    if not 1 <= step_s <= CELL_S or CELL_S % step_s:
        raise DataError(f"step_s is {step_s}: a step of order flow must divide a minute, 1 to 60 s")
    if not len(ends_s):
        return Series(venue, symbol, step_s, 0, to_steps(np.empty((0, len(SECOND))), step_s))
    first = (int(ends_s.min()) - 1) // step_s
    count = -(-int(ends_s.max()) // step_s) - first
    grid = np.full((_bounded(count * step_s, venue, symbol), len(SECOND)), np.nan)
    grid[ends_s - 1 - first * step_s] = rows
    return Series(venue, symbol, step_s, first, to_steps(grid, step_s))


def from_bars(
    venue: str, symbol: str, ends_s: Times, prices: Floats, step_s: int, flow: dict[str, Floats] | None = None
) -> Series:
    """Steps that are bars; `flow` holds the order-flow features that the source gives, the rest stays unknown.

    Args:
        ends_s: int64 (bars,), exclusive end of each bar, seconds since 1970.
        prices: float64 (bars, 3), high, low and close. A bar whose prices cannot be is left out, as a gap.
    """
    high, low, close = prices.T
    with np.errstate(invalid="ignore"):
        good = (low > 0) & (high >= low) & (close >= low) & (close <= high) & np.isfinite(high)
    if not good.any():
        return Series(venue, symbol, step_s, 0, StepColumns(np.empty((0, len(FEATURES))), *np.empty((3, 0))))
    numbers = ends_s // step_s - 1
    first = int(numbers[good].min())
    count = _bounded(int(numbers[good].max()) + 1 - first, venue, symbol)
    grid = np.full((count, len(FEATURES) + 3), np.nan)
    at = numbers[good] - first
    for name, column in (flow or {}).items():
        grid[at, FEATURES.index(name)] = column[good]
    grid[at, len(FEATURES) :] = np.log(prices[good])
    return Series(venue, symbol, step_s, first, StepColumns(grid[:, : len(FEATURES)], *grid[:, len(FEATURES) :].T))


def cells(series: Series) -> Minutes:
    """What baselines look at: minutes of whole seconds, or the steps themselves where they are longer."""
    if series.step_s >= CELL_S:
        return Minutes(series.first, series.columns.high, series.columns.low)
    each = CELL_S // series.step_s
    skip = -series.first % each
    count = max(len(series.columns.high) - skip, 0) // each
    part = slice(skip, skip + count * each)
    high = series.columns.high[part].reshape(count, each).max(axis=1)
    low = series.columns.low[part].reshape(count, each).min(axis=1)
    return Minutes((series.first + skip) // each, high, low)


def ends_s(rows: np.ndarray) -> Times:
    """Whole seconds of nanosecond times; int64."""
    return np.asarray(rows // NS_PER_S, np.int64)


def _bounded(count: int, venue: str, symbol: str) -> int:
    if count > LONGEST_GRID:
        raise DataError(
            f"{venue} {symbol}: first and last row lie {count:,} steps apart, at most {LONGEST_GRID:,}: ask for less"
        )
    return count
