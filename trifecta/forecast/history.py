"""What the forecaster of one instrument remembers: closed minutes of a week, and closed seconds of the last hour."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from trifecta.forecast.minutes import NONE, SMALLEST_RANGE, Floats, Minutes, Times, merge

MAY_MISS, MOST_MISSING_S = 0.1, 60
"""Share of a window's seconds, and their number, that may be missing until the lake has them.

A lost message or a restart must not cost the range. A random walk's range over nine tenths of a window is 5 % smaller,
and less than that where the price is known on both sides of the hole.
"""


class Seen(NamedTuple):
    """log(high / low) of the last `seconds` s, `missing` of them unknown; fewer than asked for across a longer hole."""

    seconds: int
    log_range: float
    missing: int


class _Run(NamedTuple):
    seconds: int
    missing: int
    high: float
    low: float


class History:
    """Highs and lows of one instrument.

    Seconds are numbered by their exclusive end, in seconds since 1970. A second without a trade stands at the last
    price; what nobody recorded is a hole, and no range is taken across one that is longer than `MAY_MISS` allows.
    """

    def __init__(self, longest_s: int, minutes_kept: int) -> None:
        self.minutes: Minutes = NONE
        self.now = 0
        self._minutes_kept = minutes_kept
        self._size = max(longest_s, 60)
        # Logarithms of the seconds up to `now`, which comes last; NaN where a second is missing.
        self._high, self._low = np.full(self._size, np.nan), np.full(self._size, np.nan)

    def add_minutes(self, found: Minutes) -> bool:
        """Takes in minutes that were recorded elsewhere, in place of the same ones known; false if nothing is new."""
        before = self.minutes
        self.minutes = merge(before, found, at_most=self._minutes_kept)
        return not (
            before.first == self.minutes.first
            and np.array_equal(before.high, self.minutes.high, equal_nan=True)
            and np.array_equal(before.low, self.minutes.low, equal_nan=True)
        )

    def add_seconds(self, seconds: Times, high: Floats, low: Floats, last: Floats) -> None:
        """Takes in closed seconds in any order, all float64 (seconds,) prices; NaN high: no trade, so `last` counts."""
        high, low = np.where(np.isfinite(high), high, last), np.where(np.isfinite(low), low, last)
        with np.errstate(invalid="ignore"):
            good = (low > 0) & (high >= low) & np.isfinite(high)
        if not good.any():
            return
        seconds, high, low = seconds[good], np.log(high[good]), np.log(low[good])
        self._advance(int(seconds.max()))
        places = seconds - self.now + self._size - 1
        kept = places >= 0
        self._high[places[kept]], self._low[places[kept]] = high[kept], low[kept]

    def _advance(self, now: int) -> None:
        passed = min(now - self.now, self._size)
        if passed > 0:
            for values in (self._high, self._low):
                values[:-passed] = values[passed:]
                values[-passed:] = np.nan
            self.now = now

    def close_second(self, second: int, high: float, low: float, last: float) -> bool:
        """Takes in one second; true when it was the last of a minute whose seconds are all known."""
        self.add_seconds(np.array([second]), np.array([high]), np.array([low]), np.array([last]))
        if second % 60 or self.now != second:
            return False
        found = self._run(60, 0)
        if found.seconds < 60:
            return False
        self.add_minutes(Minutes(second // 60 - 1, np.array([found.high]), np.array([found.low])))
        return True

    def last_range(self, horizon_s: int) -> Seen:
        """The range of the `horizon_s` seconds that end now, or of as many of them as are known without a hole.

        Where seconds are not known but minutes are, whole minutes stand in: the window may then begin up to 59 s early.
        """
        run = self._run(horizon_s, min(int(MAY_MISS * horizon_s), MOST_MISSING_S))
        if run.seconds == 0:
            return Seen(0, SMALLEST_RANGE, 0)
        seen, high, low = run.seconds, run.high, run.low
        if seen < horizon_s:
            older = self._minutes_before(self.now - seen, self.now - horizon_s)
            if len(older.high):
                high, low = max(high, float(older.high.max())), min(low, float(older.low.min()))
                seen = min(self.now - older.first * 60, horizon_s)
        return Seen(seen, max(high - low, SMALLEST_RANGE), run.missing)

    def hole(self, horizon_s: int) -> tuple[int, int] | None:
        """The oldest and the newest second that is missing of the last `horizon_s`; None if none is."""
        missing = np.flatnonzero(np.isnan(self._high[-horizon_s:]))
        first = self.now - min(horizon_s, self._size) + 1
        return (first + int(missing[0]), first + int(missing[-1])) if len(missing) else None

    def _run(self, at_most: int, may_miss: int) -> _Run:
        """The longest window of up to `at_most` seconds that ends now and lacks few; a shorter one begins known."""
        high, low = self._high[-at_most:], self._low[-at_most:]
        unknown = np.isnan(high)
        missing = int(np.count_nonzero(unknown))
        if missing > may_miss:
            newest_first = unknown[::-1]
            counted = np.cumsum(newest_first)
            inside = np.flatnonzero(~newest_first & (counted <= may_miss))
            if not len(inside):
                return _Run(0, 0, np.nan, np.nan)
            seconds = int(inside[-1]) + 1
            high, low, missing = high[-seconds:], low[-seconds:], int(counted[seconds - 1])
        return _Run(len(high), missing, float(np.fmax.reduce(high)), float(np.fmin.reduce(low)))

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
