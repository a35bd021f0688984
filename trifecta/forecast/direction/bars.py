"""What a direction model sees of closed M15 bars, and what came of them: one implementation for training and judging.

A bar's features follow from it and the `MEMORY` bars before it alone; bars follow one another as they closed, so a
weekend counts as no time. What is to be told is the sign of the move to the close that is a horizon away, where that
close is known: no horizon crosses a hole. A move counts only where it is larger than the spread that acting on it pays.

    return        change of the log close
    log_range     log(high / low) of the bar
    place         where in its range the bar closed, -0.5 .. 0.5
    rsi           14 bars, plain means (Cutler's form)
    sma_short     distance of the close from the mean of 20 closes, in ATR; sma_long: of 50
    atr           log of the mean true range of 14 bars
    hour_sin, hour_cos   the hour of the close, UTC
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from trifecta.errors import DataError
from trifecta.forecast.dataset import Panel
from trifecta.forecast.inputs import rsi
from trifecta.forecast.minutes import SMALLEST_RANGE, Floats, Times, shift
from trifecta.forecast.series import Series
from trifecta.market.events import ASSUMED_SPREAD, FEATURES

BAR_S = 900
STEPS = 48
"""Bars of a window: twelve hours."""
MEMORY = 50
"""Bars that the first row of a window depends on, itself among them."""
NEEDED = STEPS + MEMORY
NAMES = ("return", "log_range", "place", "rsi", "sma_short", "sma_long", "atr", "hour_sin", "hour_cos")
VERSION = 1
"""Grows whenever the same bars would give other numbers; a model names the one it was trained on."""
MOST_STILL = 0.9
"""Share of moves within the spread from which on there is no direction to tell."""

_SHORT, _LONG, _ATR = 20, 50, 14
_DAY_S = 86_400
_SPREAD = FEATURES.index("bid_ask_spread")

Ways = npt.NDArray[np.int64]


class Way(IntEnum):
    """What a move was, after the spread; the order of a model's three probabilities."""

    DOWN = 0
    NEITHER = 1
    UP = 2


@dataclass(frozen=True)
class Directions:
    """A panel of bars and what came of each: `way` int64 (rows,), `move` float64 (rows,), the log of close over close.

    Both mean something at the panel's origins alone.
    """

    panel: Panel
    move: Floats
    way: Ways

    @property
    def horizon(self) -> int:
        """Bars of the horizon."""
        return self.panel.horizon_s // BAR_S


def features(high: Floats, low: Floats, close: Floats, ends_s: Times) -> Floats:
    """float64 (bars, names) of logarithms of prices, oldest first; NaN where a bar has too few before it."""
    before = shift(close, 1)
    atr = _mean(np.fmax(high, before) - np.fmin(low, before), _ATR)
    hour = 2 * np.pi * (ends_s % _DAY_S) / _DAY_S
    with np.errstate(invalid="ignore", divide="ignore"):
        place = np.where(high > low, (close - low) / (high - low) - 0.5, 0.0)
        columns = (
            close - before,
            np.maximum(high - low, SMALLEST_RANGE),
            place,
            rsi(close),
            (close - _mean(close, _SHORT)) / np.maximum(atr, SMALLEST_RANGE),
            (close - _mean(close, _LONG)) / np.maximum(atr, SMALLEST_RANGE),
            np.log(np.maximum(atr, SMALLEST_RANGE)),
            np.sin(hour),
            np.cos(hour),
        )
    return np.stack(columns, axis=1)


def build(series: Sequence[Series], horizon_s: int, *, steps: int = STEPS) -> Directions:
    """The panel of these series of M15 bars, and what came of each bar.

    Raises:
        DataError: the steps are no M15 bars, the horizon is no whole number of them, there are too few bars, or hardly
            a move is larger than the spread; the message says how much is missing.
    """
    _refuse_shape(series, horizon_s)
    parts = [_part(one, horizon_s // BAR_S, steps) for one in series]
    table, ends_s, move, cost, usable = (np.concatenate(column) for column in zip(*parts, strict=True))
    of = np.repeat(np.arange(len(parts)), [len(part[0]) for part in parts])
    origins = np.flatnonzero(usable)
    panel = Panel(
        series=tuple(series),
        names=NAMES,
        step_s=BAR_S,
        steps=steps,
        horizon_s=horizon_s,
        table=table,
        present=np.ones(len(NAMES), np.bool_),
        of=of,
        ends_s=ends_s,
        origins=origins,
        lost=len(table) - len(origins),
    )
    if not len(origins):
        raise DataError(
            f"{panel.title}: {len(table):,} closed M15 bars hold no window of {steps + MEMORY} bars with a horizon of "
            f"{horizon_s} s behind it: {max(steps + MEMORY + horizon_s // BAR_S - len(table), 1)} more are missing"
        )
    with np.errstate(invalid="ignore"):
        way = np.where(move > cost, Way.UP, np.where(move < -cost, Way.DOWN, Way.NEITHER)).astype(np.int64)
    _refuse_still(panel, way)
    return Directions(panel, move, way)


def _part(series: Series, horizon: int, steps: int) -> tuple[Floats, Times, Floats, Floats, npt.NDArray[np.bool_]]:
    """Features, closing time, move, cost and usability of each bar that was recorded."""
    rows = np.flatnonzero(series.known)
    flow, high, low, close = (column[rows] for column in series.columns)
    ends_s = series.ends_s[rows]
    later = shift(ends_s.astype(np.float64), -horizon)
    move = np.where(later - ends_s == horizon * BAR_S, shift(close, -horizon) - close, np.nan)
    spread = flow[:, _SPREAD]
    cost = np.where(np.isfinite(spread), spread, ASSUMED_SPREAD)
    usable = np.isfinite(move) & (np.arange(len(rows)) >= steps + MEMORY - 2)
    return features(high, low, close, ends_s), ends_s, move, cost, usable


def _mean(values: Floats, count: int) -> Floats:
    """Mean of the last `count` values at each place, each window by itself; NaN until there are enough."""
    found = np.full_like(values, np.nan)
    if len(values) >= count:
        found[count - 1 :] = sliding_window_view(values, count).mean(axis=1)
    return found


def _refuse_shape(series: Sequence[Series], horizon_s: int) -> None:
    steps = {one.step_s for one in series}
    if steps != {BAR_S}:
        raise DataError(f"series have steps of {sorted(steps)} s: directions are told from bars of {BAR_S} s")
    if horizon_s < BAR_S or horizon_s % BAR_S:
        raise DataError(f"horizon_s is {horizon_s}: it must be a multiple of {BAR_S} s, the length of a bar")


def _refuse_still(panel: Panel, way: Ways) -> None:
    share = float(np.mean(way[panel.origins] == Way.NEITHER))
    if share > MOST_STILL:
        raise DataError(
            f"{panel.title}: {share:.1%} of {len(panel.origins):,} moves over {panel.horizon_s} s are within the "
            f"spread, at most {MOST_STILL:.0%} may be: there is no direction to tell; take a longer horizon"
        )
