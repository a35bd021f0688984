"""Volumes in lots for the money that may be lost, as the Expert Advisor sizes its orders.

Twin of `mql5/Include/Trifecta/RiskSizer.mqh`, so that the EA's orders can be checked from the warehouse.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import floor, isfinite

_STEP_SLACK = 1e-9  # 0.3 / 0.1 is a little less than 3


@dataclass(frozen=True, slots=True)
class Contract:
    """What a broker says of a symbol; `tick_value` is what one lot loses a tick, in the account's money."""

    point: float
    tick_size: float
    tick_value: float
    volume_min: float
    volume_max: float
    volume_step: float


def risk_volume(contract: Contract, money: float, stop_points: float, most_lots: float) -> float:
    """The largest volume whose loss at a stop `stop_points` away is at most `money`; 0.0 when the least loses more."""
    if not (money > 0 and stop_points > 0 and most_lots > 0 and isfinite(money)):
        return 0.0
    loss_a_lot = stop_points * contract.point / contract.tick_size * contract.tick_value * 1.0
    return floored(contract, min(money / loss_a_lot, most_lots))


def floored(contract: Contract, volume: float) -> float:
    """`volume` in whole steps, never more than asked; 0.0 when the least volume is more."""
    most = min(volume, contract.volume_max) if contract.volume_max > 0 else volume
    steps = floor(most / contract.volume_step + _STEP_SLACK)
    found = round(steps * contract.volume_step, _digits(contract.volume_step))
    return 0.0 if found < contract.volume_min - _STEP_SLACK else found


def _digits(step: float) -> int:
    return next((digits for digits in range(8) if abs(round(step, digits) - step) < _STEP_SLACK), 8)
