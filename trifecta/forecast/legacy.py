"""The documents' formula for a range without a model, as given, kept for comparison.

It knows nothing of the market's volatility: balanced flow gives 1 point whatever the price does.
"""

from __future__ import annotations

from enum import StrEnum

LARGEST_POINTS = 35_000.0
SMALLEST_POINTS = 1.0


class Volatility(StrEnum):
    """The documents' classes of a range in points."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


def points(volume_imbalance: float, range_percent: float, large_trades_ratio: float, trade_intensity: float) -> float:
    """The range in points, 1..35000, from the order flow of the trailing 60 s.

    Args:
        range_percent: (high - low) / low of those 60 s, in percent.
        trade_intensity: trades a second.
    """
    activity = 0.8 + 0.2 * trade_intensity if trade_intensity < 1 else 1 + min(trade_intensity / 10, 0.3)
    raw = (
        15_000
        * abs(volume_imbalance)
        * _clamp(0.8 + 2 * range_percent, 0.5, 2)
        * (1 + 0.4 * large_trades_ratio)
        * activity
    )
    return _clamp(raw, SMALLEST_POINTS, LARGEST_POINTS)


def volatility(range_points: float) -> Volatility:
    """The class of a range in points: low below 10500, medium below 19500, else high."""
    if range_points < 10_500:
        return Volatility.LOW
    return Volatility.MEDIUM if range_points < 19_500 else Volatility.HIGH


def _clamp(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)
