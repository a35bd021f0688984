"""Minutes from trades, and longer intervals from minutes."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

MINUTE_MS = 60_000
# 1d is the longest: longer ones do not start at multiples of their length.
INTERVALS_MS = {
    f"{n}{unit}": n * length
    for unit, length, counts in (("m", MINUTE_MS, (1, 3, 5, 15, 30)), ("h", 3_600_000, (1, 2, 4, 6, 8, 12)))
    for n in counts
} | {"1d": 86_400_000}
KEPT_MINUTES = 120 * 1440
_FOLD = 512  # live minutes gathered before they join the array


class Kline(NamedTuple):
    """One bar: opening time in ms, prices, base and quote volume in e8, taker = aggressive buyers."""

    open_ms: int
    open: int
    high: int
    low: int
    close: int
    volume: int = 0
    quote: int = 0
    taker_volume: int = 0
    taker_quote: int = 0
    trades: int = 0
    first_id: int = -1
    last_id: int = -1


KLINE = np.dtype([(name, "<i8") for name in Kline._fields])
Bars = NDArray[np.void]


class KlineSeries:
    """All minutes of one listing without a hole: generated history, then what was traded."""

    def __init__(self, history: Bars | None = None) -> None:
        self._bars: Bars = np.empty(0, KLINE) if history is None else history
        self._tail: list[Kline] = []
        self.current: Kline | None = None

    def add(self, trade_id: int, price: int, qty: int, ts_ms: int, buyer_maker: bool) -> list[Kline]:
        """Counts a trade in its minute; returns the minutes that it closed."""
        closed = self.roll(ts_ms)
        quote = price * qty // 100_000_000
        taken = (0, 0) if buyer_maker else (qty, quote)
        bar = self.current
        if bar is None or bar.trades == 0:
            minute = bar.open_ms if bar else ts_ms - ts_ms % MINUTE_MS
            self.current = Kline(minute, price, price, price, price, qty, quote, *taken, 1, trade_id, trade_id)
            return closed
        self.current = Kline(
            bar.open_ms,
            bar.open,
            max(bar.high, price),
            min(bar.low, price),
            price,
            bar.volume + qty,
            bar.quote + quote,
            bar.taker_volume + taken[0],
            bar.taker_quote + taken[1],
            bar.trades + 1,
            bar.first_id,
            trade_id,
        )
        return closed

    def roll(self, now_ms: int) -> list[Kline]:
        """Closes every minute that ended by `now_ms`; one without trades is flat, as at the venue."""
        if self.current is None:
            return self._open_after_history(now_ms)
        closed: list[Kline] = []
        while now_ms >= self.current.open_ms + MINUTE_MS:
            closed.append(self.current)
            self.current = _flat(self.current.open_ms + MINUTE_MS, self.current.close)
        self._keep(closed)
        return closed

    def restore(self, bars: Bars) -> None:
        """Takes up the minutes of trades that an earlier run recorded."""
        for row in bars.tolist():
            bar = Kline(*row)
            self.roll(bar.open_ms)
            self.current = bar

    def select(self, interval: str, start_ms: int | None, end_ms: int | None, limit: int) -> Bars:
        """Up to `limit` bars that open within [start, end]; the last ones when no start is given."""
        bars = merge(self.minutes(), INTERVALS_MS[interval])
        opened = bars["open_ms"]
        first = 0 if start_ms is None else int(np.searchsorted(opened, start_ms))
        last = len(bars) if end_ms is None else int(np.searchsorted(opened, end_ms, side="right"))
        chosen = bars[first:last]
        return chosen[-limit:] if start_ms is None else chosen[:limit]

    def minutes(self) -> Bars:
        """Every minute including the open one; structured (n,) of `KLINE`, ascending."""
        rows = [*self._tail, self.current] if self.current else self._tail
        return np.concatenate([self._bars, np.array(rows, KLINE)]) if rows else self._bars

    def _open_after_history(self, now_ms: int) -> list[Kline]:
        if len(self._bars) == 0:
            return []
        last = Kline(*self._bars[-1].tolist())
        self.current = _flat(last.open_ms + MINUTE_MS, last.close)
        return self.roll(now_ms)

    def _keep(self, closed: list[Kline]) -> None:
        self._tail += closed
        if len(self._tail) > _FOLD:
            self._bars = np.concatenate([self._bars, np.array(self._tail, KLINE)])[-KEPT_MINUTES:]
            self._tail = []


def bars_of_trades(trades: NDArray[np.void]) -> Bars:
    """Minutes with at least one trade, from recorded trades in order; structured (n,) of `KLINE`."""
    if len(trades) == 0:
        return np.empty(0, KLINE)
    minute = trades["ts_event_ms"] // MINUTE_MS * MINUTE_MS
    starts = np.flatnonzero(np.diff(minute, prepend=-1))
    ends = np.append(starts[1:], len(trades)) - 1
    price, qty = trades["price_e8"], trades["qty_e8"]
    # Python integers: price times quantity in e8 squared does not fit 64 bits.
    quote = (price.astype(object) * qty.astype(object) // 100_000_000).astype(np.int64)
    taker = ~trades["buyer_maker"]
    columns: dict[str, Any] = {
        "open_ms": minute[starts],
        "open": price[starts],
        "high": np.maximum.reduceat(price, starts),
        "low": np.minimum.reduceat(price, starts),
        "close": price[ends],
        "volume": np.add.reduceat(qty, starts),
        "quote": np.add.reduceat(quote, starts),
        "taker_volume": np.add.reduceat(qty * taker, starts),
        "taker_quote": np.add.reduceat(quote * taker, starts),
        "trades": ends - starts + 1,
        "first_id": trades["id"][starts],
        "last_id": trades["id"][ends],
    }
    return _table(columns, len(starts))


def merge(minutes: Bars, interval_ms: int) -> Bars:
    """Bars of `interval_ms` from minutes; the same array for one minute."""
    if interval_ms == MINUTE_MS or len(minutes) == 0:
        return minutes
    opened = minutes["open_ms"] // interval_ms * interval_ms
    starts = np.flatnonzero(np.diff(opened, prepend=-1))
    ends = np.append(starts[1:], len(minutes)) - 1
    columns: dict[str, Any] = {
        "open_ms": opened[starts],
        "open": minutes["open"][starts],
        "high": np.maximum.reduceat(minutes["high"], starts),
        "low": np.minimum.reduceat(minutes["low"], starts),
        "close": minutes["close"][ends],
    }
    for name in ("volume", "quote", "taker_volume", "taker_quote", "trades"):
        columns[name] = np.add.reduceat(minutes[name], starts)
    columns["first_id"] = minutes["first_id"][starts]
    columns["last_id"] = minutes["last_id"][ends]
    return _table(columns, len(starts))


def klines_of(bars: Bars) -> Iterator[Kline]:
    return (Kline(*row) for row in bars.tolist())


def _flat(open_ms: int, price: int) -> Kline:
    return Kline(open_ms, price, price, price, price)


def _table(columns: dict[str, Any], rows: int) -> Bars:
    table = np.empty(rows, KLINE)
    for name, values in columns.items():
        table[name] = values
    return table
