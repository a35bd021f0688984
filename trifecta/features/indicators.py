"""RSI, moving averages and average true range by TA-Lib, over closed bars alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import talib

RSI_BARS, SHORT_BARS, LONG_BARS, ATR_BARS = 14, 20, 50, 14

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Bars:
    """Closed bars of one instrument, oldest first: times int64 ns, prices float64, all (n,)."""

    ts_open: npt.NDArray[np.int64]
    ts_close: npt.NDArray[np.int64]
    open: Floats
    high: Floats
    low: Floats
    close: Floats

    def __len__(self) -> int:
        return len(self.close)

    def __getitem__(self, chosen: slice) -> Bars:
        return Bars(*(getattr(self, name)[chosen] for name in self.__slots__))


class Indicators(NamedTuple):
    """One value a bar, float64 (n,); NaN while there are too few bars before it."""

    rsi: Floats  # 0..100
    sma_short: Floats
    sma_long: Floats
    atr: Floats  # in price units


def indicators(bars: Bars) -> Indicators:
    """RSI 14, SMA 20 and 50, ATR 14 at each bar. A bar's values follow from it and those before it alone."""
    close, high, low = (np.ascontiguousarray(column, np.float64) for column in (bars.close, bars.high, bars.low))
    return Indicators(
        rsi=talib.RSI(close, RSI_BARS),
        sma_short=talib.SMA(close, SHORT_BARS),
        sma_long=talib.SMA(close, LONG_BARS),
        atr=talib.ATR(high, low, close, ATR_BARS),
    )
