"""M15 markets whose law of direction is known: SIMULATED, and only for tests."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from trifecta.clock import NS_PER_S
from trifecta.forecast.direction.bars import BAR_S
from trifecta.forecast.series import Series, from_bars
from warehouse.lake import Lake
from warehouse.tables import BARS

FIRST_S = 1_700_000_100 // BAR_S * BAR_S
VENUE, SYMBOL = "sim_mt5_law", "EURUSD"
BLOCK, DELAY = 4, 8
_SCALE = 8


def driven(count: int, seed: int, *, law: bool) -> Series:
    """Bars whose next moves were shown `DELAY` bars before them by where a bar closed in its range, or by nothing.

    A side is drawn for four bars and shows in their ranges alone; the price goes there eight bars later. What the
    newest bar shows, and all that the price did, says nothing of the coming hour.
    """
    random = np.random.default_rng(seed)
    shown, drawn = (np.repeat(random.choice([-1.0, 1.0], count // BLOCK + 1), BLOCK)[:count] for _ in range(2))
    drift = np.concatenate((np.zeros(DELAY), (shown if law else drawn)[:-DELAY]))
    close = 1.1 * np.exp(np.cumsum(drift * 5e-4 + random.normal(0, 3e-4, count)))
    before = np.concatenate((close[:1], close[:-1]))
    high = np.maximum(before, close) + np.where(shown < 0, 2e-3, 1e-5)
    low = np.minimum(before, close) - np.where(shown > 0, 2e-3, 1e-5)
    ends_s = FIRST_S + BAR_S * np.arange(1, count + 1)
    return from_bars(VENUE, SYMBOL, ends_s, np.stack((high, low, close), axis=1), BAR_S)


def land(lake: Lake, series: Series, start: int, stop: int, *, version: int = 1) -> None:
    """Commits bars to the lake as a terminal's, prices as whole numbers."""
    prices = {name: np.round(np.exp(getattr(series.columns, name)) * 10**_SCALE) for name in ("high", "low", "close")}
    rows = [
        {
            "venue": series.venue, "symbol": series.symbol, "date": "2023-11-14", "interval": "15m",
            "ts_open": (int(series.ends_s[at]) - BAR_S) * NS_PER_S, "ts_close": int(series.ends_s[at]) * NS_PER_S,
            "ts_recv": int(series.ends_s[at]) * NS_PER_S, "open": int(prices["close"][at]), "volume": 0,
            **{name: int(column[at]) for name, column in prices.items()},
            "quote_volume": 0.0, "trades": 1, "taker_buy_volume": 0, "price_scale": _SCALE, "qty_scale": 0,
        }
        for at in range(start, stop)
    ]  # fmt: skip
    columns = {name: [row[name] for row in rows] for name in BARS.schema.names}
    lake.append("bars", pa.table(columns), writer="law", version=version)
