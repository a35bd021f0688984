"""Markets whose law is known: SIMULATED, and only for tests."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from trifecta.clock import NS_PER_S
from trifecta.forecast.inputs import StepColumns
from trifecta.forecast.series import Series
from trifecta.market.events import FEATURES
from warehouse.lake import Lake
from warehouse.tables import ORDERFLOW_1S

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


def land(lake: Lake, series: Series, start: int, stop: int) -> None:
    """Commits minutes of a market to the lake as closed seconds, the price of each minute in three of them."""
    columns = {name: [] for name in ORDERFLOW_1S.schema.names}
    for minute in range(start, stop):
        prices = np.exp([series.columns.high[minute], series.columns.low[minute], series.columns.close[minute]])
        flow = dict(zip(FEATURES, series.columns.flow[minute].tolist(), strict=True))
        for third, price in enumerate(prices.tolist(), 1):
            for second in range(20):
                end_s = int(series.ends_s[minute]) - 60 + 20 * third - 19 + second
                row = _row(series, end_s, price, flow)
                for name, column in columns.items():
                    column.append(row[name])
    lake.append("orderflow_1s", pa.table(columns), writer="law", version=stop)


def _row(series: Series, end_s: int, price: float, flow: dict[str, float]) -> dict[str, object]:
    end_ns = end_s * NS_PER_S
    return {
        "venue": series.venue, "symbol": series.symbol, "date": "2023-11-14", "ts_event": end_ns, "ts_recv": end_ns,
        **flow, "volume_weighted_price": price, "trades": 60, "high": price, "low": price, "last_price": price,
        "bid": price, "ask": price, "ready": True, "book_valid": True, "complete": True,
    }  # fmt: skip
