"""Our own binary signal: the momentum of the last four closed minutes goes on for another 60 s, or so it claims."""

from __future__ import annotations

from typing import NamedTuple

from trifecta.features.indicators import Bars
from trifecta.scan.opportunity import Direction

BARS = 4
EXPIRY_S = 60
MIN_MOMENTUM = 0.02  # %
MAX_VOLATILITY = 0.5  # %
MAX_CLAIM = 0.85
SOURCE = "momentum"


class Claim(NamedTuple):
    """A direction, and how probable its source says it is, 0..1."""

    direction: Direction
    probability: float


def claim(bars: Bars) -> Claim | None:
    """The claim of the newest `BARS` closed minutes; None where the move is too small, or the minutes too wild.

    p = min(85, 50 + 1000 |m|) %, m the change over the minutes in %, for |m| > 0.02 and a range below 0.5 %. It is a
    claim: what it is worth stands in `binary_reliability`.
    """
    if len(bars) < BARS:
        return None
    window = bars[-BARS:]
    first, last = float(window.open[0]), float(window.close[-1])
    momentum = (last / first - 1) * 100
    volatility = (float(window.high.max()) - float(window.low.min())) / last * 100
    if abs(momentum) <= MIN_MOMENTUM or volatility >= MAX_VOLATILITY:
        return None
    probability = min(MAX_CLAIM, (50 + 1000 * abs(momentum)) / 100)
    return Claim(Direction.CALL if momentum > 0 else Direction.PUT, probability)
