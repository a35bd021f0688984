"""Markets whose law is known: SIMULATED, and only for tests."""

from __future__ import annotations

import numpy as np

from trifecta.forecast.inputs import StepColumns
from trifecta.forecast.series import Series
from trifecta.market.events import FEATURES

STEP_S = 60
HORIZON_S = 300
START = 28_333_334  # of a minute since 1970


def driven(count: int, seed: int, *, law: bool) -> Series:
    """Minutes whose volatility over the next five is set by the order flow of the five before them, or by chance.

    A new level is drawn each minute and shows in two features at once; it moves the price five minutes later, and no
    range that has been says anything of those that come. Without the law the price follows another draw.
    """
    random = np.random.default_rng(seed)
    shown, drawn = random.normal(0, 1, (2, count))
    shown = np.repeat(shown[::5], 5)[:count]
    drawn = np.repeat(drawn[::5], 5)[:count]
    level = np.concatenate((np.zeros(5), (shown if law else drawn)[:-5]))
    ticks = random.normal(0, 1, (count, 20)) * 3e-4 * np.exp(0.8 * level)[:, None]
    path = np.cumsum(ticks).reshape(count, 20) + 7.0
    flow = random.normal(0, 1, (count, len(FEATURES)))
    flow[:, FEATURES.index("order_book_imbalance")] = np.tanh(shown + random.normal(0, 0.2, count))
    flow[:, FEATURES.index("trade_intensity")] = np.exp(shown / 2 + random.normal(0, 0.2, count))
    columns = StepColumns(flow, path.max(axis=1), path.min(axis=1), path[:, -1])
    return Series("sim_law", "LAWUSDT" if law else "NOISEUSDT", STEP_S, START, columns)
