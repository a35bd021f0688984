"""What a network sees of the market: one implementation for training, evaluation and serving.

A closed second is a row of `SECOND` columns; a step is `step_s` seconds, and its row is that of its last second with
the high and low of all of them. Order-flow features trail 60 s by themselves, so a step needs no averaging. Every
feature has a finite memory of at most `WARM_UP` steps, so that a window of the last few minutes gives the same numbers
in the sidecar as the whole history gives in training.

    flow       the ten order-flow features; volume_weighted_price as log(vwap / last price), which is free of scale
    rsi        100 * gains / (gains + losses) of the last 14 steps, plain means (Cutler's form); 50 without a move
    macd       EMA12 - EMA26 of the log price, both over the last 60 steps alone
    range_n    log of log(high / low) of the last n steps
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from math import nan
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from trifecta.forecast.minutes import Floats, Minutes, ranges, shift
from trifecta.market.events import FEATURES, OrderFlow

Inputs = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

STEPS = 100
RSI_STEPS = 14
MACD_STEPS = (12, 26)
RANGE_STEPS = (1, 5, 15, 60)
WARM_UP = 60
VERSION = 1
"""Grows whenever the same rows would give other numbers; a model names the one it was trained on."""

SECOND = (*FEATURES, "high", "low", "last_price")
_VWAP = FEATURES.index("volume_weighted_price")
_HIGH, _LOW, _LAST = (SECOND.index(name) for name in ("high", "low", "last_price"))
_BLOCK = 4096
_UNKNOWN = (nan,) * len(SECOND)


class FeatureSet(StrEnum):
    """Which columns a network takes."""

    FLOW = "flow"
    EXTENDED = "extended"

    @property
    def names(self) -> tuple[str, ...]:
        return FEATURES if self is FeatureSet.FLOW else (*FEATURES, "rsi", "macd", *(f"range_{n}" for n in RANGE_STEPS))


class StepColumns(NamedTuple):
    """Consecutive steps of one instrument, oldest first.

    `flow` is float64 (steps, 10), NaN where the source gives no such feature or nothing traded; `high`, `low` and
    `close` are logarithms of prices, float64 (steps,), NaN where nobody recorded the step: such a step is a gap.
    """

    flow: Floats
    high: Floats
    low: Floats
    close: Floats


def values(row: OrderFlow) -> tuple[float, ...]:
    """The `SECOND` columns of a closed second; all NaN, like one that nobody recorded, if trades of it are missing."""
    if not row.complete:
        return _UNKNOWN
    return tuple([getattr(row, name) for name in SECOND])


def to_steps(seconds: Floats, step_s: int) -> StepColumns:
    """Whole steps of `step_s` s that end with the last second; earlier seconds that fill no step are left out.

    Args:
        seconds: float64 (seconds, 13), one row a second without holes, NaN rows where nobody recorded.
    """
    rows = seconds[len(seconds) % step_s :]
    last = rows[:, _LAST]
    high = np.where(np.isfinite(rows[:, _HIGH]), rows[:, _HIGH], last).reshape(-1, step_s)
    low = np.where(np.isfinite(rows[:, _LOW]), rows[:, _LOW], last).reshape(-1, step_s)
    closing = rows[step_s - 1 :: step_s]
    flow = closing[:, : len(FEATURES)].copy()
    with np.errstate(invalid="ignore", divide="ignore"):
        flow[:, _VWAP] = np.log(flow[:, _VWAP] / closing[:, _LAST])
        # max and min hand a NaN on: a step with an unknown second is unknown.
        return StepColumns(flow, np.log(high.max(axis=1)), np.log(low.min(axis=1)), np.log(closing[:, _LAST]))


def features(steps: StepColumns, names: tuple[str, ...]) -> Floats:
    """float64 (steps, names); NaN where a feature is unknown, as in the first `WARM_UP` steps of one with memory."""
    if names == FEATURES:
        return steps.flow
    made = _of_price(steps) if set(names) - set(FEATURES) else {}
    columns = [steps.flow[:, FEATURES.index(name)] if name in FEATURES else made[name] for name in names]
    return np.stack(columns, axis=1)


def memory(names: tuple[str, ...]) -> int:
    """Steps before a window that its first row depends on."""
    return WARM_UP if set(names) - set(FEATURES) else 0


def window(seconds: Floats, names: tuple[str, ...], steps: int, step_s: int) -> Floats | None:
    """float64 (steps, names), oldest first, of the newest seconds; None where one of them is unknown.

    Args:
        seconds: as of `to_steps`; at least (steps + memory(names)) * step_s of them are needed.
    """
    needed = steps + memory(names)
    if len(seconds) < needed * step_s:
        return None
    found = to_steps(seconds[-needed * step_s :], step_s)
    if not np.isfinite(found.close).all() or not np.isfinite(found.high).all():
        return None
    return features(found, names)[-steps:]


def scaled(raw: Floats, mean: Floats, scale: Floats, present: Mask) -> Inputs:
    """What the graph takes, float32 in the shape of `raw`: asinh((x - mean) / scale), 0 where x is unknown or masked.

    asinh is a line near 0 and a logarithm far from it: a burst of volume does not drown what else there is to see.

    Args:
        mean, scale, present: (features,), of the training part; `present` is False where the source gives none.
    """
    found = np.zeros(raw.shape, np.float32)
    with np.errstate(invalid="ignore"):
        for start in range(0, len(raw), _BLOCK):  # what is computed at once stays in the processor's cache
            shown = np.arcsinh((raw[start : start + _BLOCK] - mean) / scale)
            np.copyto(found[start : start + _BLOCK], shown, "same_kind", present & np.isfinite(shown))
    return found


def _of_price(steps: StepColumns) -> Mapping[str, Floats]:
    grid = Minutes(0, steps.high, steps.low)
    made = {f"range_{n}": np.log(ranges(grid, n)) for n in RANGE_STEPS}
    return made | {"rsi": rsi(steps.close), "macd": _macd(steps.close)}


def rsi(close: Floats) -> Floats:
    """Of the last `RSI_STEPS` changes of log prices, float64 (steps,), 0..100."""
    change = close - shift(close, 1)
    gains, moves = _summed(np.maximum(change, 0)), _summed(np.abs(change))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(moves == 0, 50.0, 100 * gains / moves)


def _summed(change: Floats) -> Floats:
    """Sum of the last `RSI_STEPS` values, each window by itself: no error runs on, and NaN leaves with its window."""
    return _convolved(change, np.ones(RSI_STEPS))


def _macd(close: Floats) -> Floats:
    fast, slow = (_weights(span) for span in MACD_STEPS)
    # Of the distance to the newest price, which is small: weights that add up to 1 lose nothing by it.
    return _convolved(close - shift(close, 1), _of_changes(fast - slow))


def _weights(span: int) -> Floats:
    weights: Floats = (1 - 2 / (span + 1)) ** np.arange(WARM_UP, dtype=np.float64)
    return np.asarray(weights / weights.sum())


def _of_changes(weights: Floats) -> Floats:
    """Weights of the newest changes that say what `weights` of the newest values, which add up to 0, say."""
    return np.cumsum(weights)[:-1]


def _convolved(values: Floats, weights: Floats) -> Floats:
    """Weighted sum over the newest values at each step, newest first; NaN until there are enough."""
    found: Floats = np.full_like(values, np.nan)
    if len(values) >= len(weights):
        found[len(weights) - 1 :] = np.convolve(values, weights, mode="valid")
    return found
