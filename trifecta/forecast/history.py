"""What the forecaster of one instrument remembers: closed minutes of a week, and closed seconds of the last hour."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from trifecta.forecast.minutes import NONE, SMALLEST_RANGE, Floats, Minutes, Times, merge


class Seen(NamedTuple):
    """log(high / low) of the last `seconds` s: fewer than asked for where older ones are missing."""

    seconds: int
    log_range: float


class History:
    """Highs and lows of one instrument.

    Seconds are numbered by their exclusive end, in seconds since 1970. A second without a trade stands at the last
    price; a second that nobody recorded is a hole, and no range is taken across it.
    """

    def __init__(self, longest_s: int, minutes_kept: int) -> None:
        self.minutes: Minutes = NONE
        self.now = 0
        self._minutes_kept = minutes_kept
        self._size = max(longest_s, 60)
        self._second = np.zeros(self._size, np.int64)
        self._high, self._low = np.empty(self._size), np.empty(self._size)

    def add_minutes(self, found: Minutes) -> None:
        """Takes in minutes that were recorded elsewhere; they replace what is known of the same minutes."""
        self.minutes = merge(self.minutes, found, at_most=self._minutes_kept)

    def add_seconds(self, seconds: Times, high: Floats, low: Floats, last: Floats) -> None:
        """Takes in closed seconds in any order, all float64 (seconds,) prices; NaN high: no trade, so `last` counts."""
        high, low = np.where(np.isfinite(high), high, last), np.where(np.isfinite(low), low, last)
        with np.errstate(invalid="ignore"):
            good = (low > 0) & (high >= low) & np.isfinite(high)
        if not good.any():
            return
        seconds, high, low = seconds[good], np.log(high[good]), np.log(low[good])
        self.now = max(self.now, int(seconds.max()))
        kept = seconds > self.now - self._size
        slots = seconds[kept] % self._size
        self._second[slots], self._high[slots], self._low[slots] = seconds[kept], high[kept], low[kept]

    def close_second(self, second: int, high: float, low: float, last: float) -> bool:
        """Takes in one second; true when it was the last of a minute whose seconds are all known."""
        self.add_seconds(np.array([second]), np.array([high]), np.array([low]), np.array([last]))
        if second % 60 or self.now != second:
            return False
        run, top, bottom = self._run(60)
        if run < 60:
            return False
        self.add_minutes(Minutes(second // 60 - 1, np.array([top]), np.array([bottom])))
        return True

    def last_range(self, horizon_s: int) -> Seen:
        """The range of the `horizon_s` seconds that end now, or of as many of them as are known without a hole.

        Where seconds are not known but minutes are, whole minutes stand in: the window may then begin up to 59 s early.
        """
        run, high, low = self._run(horizon_s)
        if run == 0:
            return Seen(0, SMALLEST_RANGE)
        seen, first_known = run, self.now - run
        if run < horizon_s:
            older = self._minutes_before(first_known, self.now - horizon_s)
            if len(older.high):
                high, low = max(high, float(older.high.max())), min(low, float(older.low.min()))
                seen = min(self.now - older.first * 60, horizon_s)
        return Seen(seen, max(high - low, SMALLEST_RANGE))

    def _run(self, at_most: int) -> tuple[int, float, float]:
        """How many seconds up to now are known without a hole, their log high and log low."""
        wanted = self.now - np.arange(min(at_most, self._size))
        slots = wanted % self._size
        known = self._second[slots] == wanted
        run = len(known) if known.all() else int(known.argmin())
        if run == 0:
            return 0, np.nan, np.nan
        return run, float(self._high[slots[:run]].max()), float(self._low[slots[:run]].min())

    def _minutes_before(self, second: int, from_second: int) -> Minutes:
        """Known minutes without a hole, back from the one that holds `second` to the one that holds `from_second`."""
        start, end = from_second // 60, (second - 1) // 60 + 1
        grid = self.minutes
        if end > grid.end or end <= grid.first:
            return NONE
        start = max(start, grid.first)
        high, low = grid.high[start - grid.first : end - grid.first], grid.low[start - grid.first : end - grid.first]
        holes = np.flatnonzero(np.isnan(high))
        skip = int(holes[-1]) + 1 if len(holes) else 0
        return Minutes(start + skip, high[skip:], low[skip:])
