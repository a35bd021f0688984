"""What an agent tells one situation from another by: the market of the last minutes and the proposal itself, binned.

Every measure of the market is free of scale, so that one set of bins fits gold, bitcoin and the euro.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from trifecta.scan.opportunity import ArbitragePlan, BinaryPlan, Direction, ForexPlan, Opportunity, Plan, Side

LEAST_S, RECENT_S, STEP_S = 120, 60, 10
UNKNOWN = "unknown"
VOLATILITY = (0.75, 1.5), ("calm", "usual", "wild")
TREND = (-1.0, 1.0), ("against", "flat", "with")
REVERSION = (0.75, 1.25), ("reverting", "random", "persistent")
QUALITY = ("poor", "fair", "good")
SURVIVAL, STRENGTH, PROBABILITY = (0.5, 0.8), (35.0, 65.0), (0.58, 0.65)
"""Edges between poor, fair and good proposals of arbitrage, forex and binary."""


class Measures(NamedTuple):
    """The market of the last minutes; none of them depends on its price or on how much it moves in general."""

    volatility: float  # of the last minute's seconds, as a share of that of all
    trend: float  # the whole move in standard deviations of a random walk
    variance_ratio: float  # below 1: moves are taken back; above 1: they go on


def measures(mids: npt.NDArray[np.float64]) -> Measures | None:
    """Of one-second mids, oldest first; None where fewer than `LEAST_S` are known.

    The variance ratio of ten-second moves is that of Lo and MacKinlay, "Stock market prices do not follow random
    walks" (Review of Financial Studies 1, 1988). A market that stands still is calm, flat and random.
    """
    known = mids[np.isfinite(mids) & (mids > 0)]
    if len(known) < LEAST_S:
        return None
    log = np.log(known)
    moves = np.diff(log)
    deviation = float(moves.std())
    if deviation == 0:
        return Measures(0.0, 0.0, 1.0)
    long_moves = log[STEP_S:] - log[:-STEP_S]
    centred = long_moves - STEP_S * moves.mean()
    return Measures(
        volatility=float(moves[-RECENT_S:].std()) / deviation,
        trend=float(log[-1] - log[0]) / (deviation * len(moves) ** 0.5),
        variance_ratio=float((centred**2).mean()) / (STEP_S * deviation**2),
    )


def engine_state(opportunity: Opportunity, mids: npt.NDArray[np.float64]) -> str:
    """volatility/trend/mean reversion/quality, the trend as seen by what is proposed: `calm/with/reverting/good`."""
    found, sign = measures(mids), _direction(opportunity.plan)
    quality = _quality(opportunity.plan)
    if found is None:
        return f"{UNKNOWN}/{quality}"
    return f"{_market(found, sign)}/{quality}"


def regime(mids: npt.NDArray[np.float64]) -> str:
    """volatility/trend/mean reversion, whatever is proposed: `wild/trending/persistent`."""
    found = measures(mids)
    return UNKNOWN if found is None else _market(found, 0)


def _market(found: Measures, sign: int) -> str:
    trend = _bin(sign * found.trend, *TREND) if sign else "trending" if abs(found.trend) > TREND[0][1] else "flat"
    return f"{_bin(found.volatility, *VOLATILITY)}/{trend}/{_bin(found.variance_ratio, *REVERSION)}"


def _direction(plan: Plan) -> int:
    """1 where the plan wins by a rise, -1 by a fall, 0 by neither."""
    if isinstance(plan, ForexPlan):
        return 1 if plan.side is Side.BUY else -1
    if isinstance(plan, BinaryPlan):
        return 1 if plan.direction is Direction.CALL else -1
    return 0


def _quality(plan: Plan) -> str:
    if isinstance(plan, ArbitragePlan):
        return _bin(plan.survival, SURVIVAL, QUALITY)
    if isinstance(plan, ForexPlan):
        return _bin(plan.strength, STRENGTH, QUALITY)
    return _bin(plan.probability, PROBABILITY, QUALITY)


def _bin(value: float, edges: tuple[float, float], names: Sequence[str]) -> str:
    return names[int(np.searchsorted(edges, value, side="right"))]
