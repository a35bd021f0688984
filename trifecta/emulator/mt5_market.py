"""Forex as the emulator's MetaTrader 5 terminal sees it, SIMULATED: generated from a seed, or recorded ticks played.

Times are UTC milliseconds in here; the terminal dresses them as its server's clock. A generated market has some days of
one-minute bars behind it and ticks from its start on; it runs around the clock, weekends too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from trifecta.emulator.config import EmulatorError

MINUTE_MS = 60_000
MAX_TICKS = 50_000  # of one symbol that are remembered; older ones live on in the bars
_CHUNK = 512
_LATELY = 2_048  # ticks: some minutes

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

BAR = np.dtype(
    [("ms", "i8"), ("open", "f8"), ("high", "f8"), ("low", "f8"), ("close", "f8"), ("ticks", "i8"), ("spread", "i8")]
)
TICK = np.dtype([("ms", "i8"), ("bid", "f8"), ("ask", "f8")])


@dataclass(frozen=True, slots=True)
class ForexSymbol:
    """A symbol of the terminal and how it behaves."""

    name: str
    base: str
    quote: str
    price: float
    digits: int
    volatility: float  # a year, as a fraction
    spread_points: int
    contract: float = 100_000.0
    ticks_per_s: float = 2.0

    @property
    def point(self) -> float:
        return float(10.0**-self.digits)


SYMBOLS = {
    symbol.name: symbol
    for symbol in (
        ForexSymbol("EURUSD", "EUR", "USD", 1.0921, 5, 0.07, 8),
        ForexSymbol("GBPUSD", "GBP", "USD", 1.2745, 5, 0.08, 12),
        ForexSymbol("USDJPY", "USD", "JPY", 147.25, 3, 0.10, 11),
        ForexSymbol("USDCHF", "USD", "CHF", 0.8664, 5, 0.08, 13),
        ForexSymbol("AUDUSD", "AUD", "USD", 0.6588, 5, 0.10, 10),
        ForexSymbol("USDCAD", "USD", "CAD", 1.3732, 5, 0.06, 14),
        ForexSymbol("NZDUSD", "NZD", "USD", 0.6010, 5, 0.10, 14),
        ForexSymbol("XAUUSD", "XAU", "USD", 2_425.0, 2, 0.16, 22, 100.0, 4.0),
    )
}


class Market(Protocol):
    """What a terminal needs of a market. Nothing after `now_ms` of the last `advance` is ever told."""

    @property
    def symbols(self) -> Mapping[str, ForexSymbol]: ...
    def advance(self, now_ms: int) -> dict[str, npt.NDArray[np.void]]: ...
    def ticks(self, symbol: str) -> npt.NDArray[np.void]: ...
    def minutes(self, symbol: str) -> npt.NDArray[np.void]: ...


class Series:
    """One symbol's past: recent ticks, and a bar for each minute, the last one still open."""

    def __init__(self, symbol: ForexSymbol, bars: npt.NDArray[np.void]) -> None:
        self.bars = bars
        self._symbol = symbol
        self._ticks = np.empty(2 * MAX_TICKS, TICK)
        self._count = 0

    @property
    def ticks(self) -> npt.NDArray[np.void]:
        return self._ticks[: self._count]

    def add(self, ticks: npt.NDArray[np.void]) -> None:
        """Takes in ticks behind those that are there."""
        if not len(ticks):
            return
        if self._count + len(ticks) > len(self._ticks):
            kept = np.concatenate([self.ticks, ticks])[-MAX_TICKS:]
            self._ticks, self._count = np.empty(2 * MAX_TICKS, TICK), 0
        else:
            kept = ticks
        self._ticks[self._count : self._count + len(kept)] = kept
        self._count += len(kept)
        self._add_bars(minute_bars(ticks, self._symbol.point))

    def _add_bars(self, added: npt.NDArray[np.void]) -> None:
        if len(self.bars) and self.bars["ms"][-1] == added["ms"][0]:
            self.bars, joined = self.bars[:-1], np.concatenate([self.bars[-1:], added[:1]])
            added[0] = longer_bars(joined, MINUTE_MS, 0)[0]
        self.bars = np.concatenate([self.bars, added])


class GeneratedForex:
    """A market made from a seed: the same seed and start give the same market, however it is advanced."""

    def __init__(
        self, seed: int, start_ms: int, *, names: tuple[str, ...] = tuple(SYMBOLS), history_days: float = 3.0
    ) -> None:
        unknown = [name for name in names if name not in SYMBOLS]
        if unknown or not names:
            raise EmulatorError(f"mt5 symbols = {unknown or names!r}: expected any of {', '.join(SYMBOLS)}")
        self.symbols: Mapping[str, ForexSymbol] = {name: SYMBOLS[name] for name in names}
        self._paths: dict[str, _Path] = {}
        self._series: dict[str, Series] = {}
        for name, symbol in self.symbols.items():
            random = np.random.default_rng([seed, *name.encode()])
            bars = _history(symbol, start_ms, history_days, random)
            self._series[name] = Series(symbol, bars)
            self._paths[name] = _Path(symbol, float(bars["close"][-1]), start_ms, random)

    def advance(self, now_ms: int) -> dict[str, npt.NDArray[np.void]]:
        """Ticks up to now that were not told before, by symbol."""
        fresh = {name: path.until(now_ms) for name, path in self._paths.items()}
        for name, ticks in fresh.items():
            self._series[name].add(ticks)
        return fresh

    def ticks(self, symbol: str) -> npt.NDArray[np.void]:
        return self._series[symbol].ticks

    def minutes(self, symbol: str) -> npt.NDArray[np.void]:
        return self._series[symbol].bars

    def mid_at(self, symbol: str, ms: int) -> float:
        """The middle of the quotes at a moment, also of one to come; for the emulator's own parts alone."""
        return self._paths[symbol].mid_at(ms)

    def jump(self, symbol: str, share: float) -> None:
        """Moves the price by a share of itself from the next tick on."""
        self._paths[symbol].jump(share)


class PlayedForex:
    """Recorded ticks (TICK arrays by symbol), told as time passes."""

    def __init__(self, ticks: Mapping[str, npt.NDArray[np.void]]) -> None:
        missing = [name for name in ticks if name not in SYMBOLS]
        if missing:
            raise EmulatorError(f"mt5 recording of {missing}: expected any of {', '.join(SYMBOLS)}")
        self.symbols: Mapping[str, ForexSymbol] = {name: SYMBOLS[name] for name in ticks}
        self._all = dict(ticks)
        self._told = dict.fromkeys(ticks, 0)
        self._series = {name: Series(SYMBOLS[name], np.empty(0, BAR)) for name in ticks}

    def advance(self, now_ms: int) -> dict[str, npt.NDArray[np.void]]:
        """Ticks up to now that were not told before, by symbol."""
        fresh = {}
        for name, ticks in self._all.items():
            until = max(int(np.searchsorted(ticks["ms"], now_ms, side="right")), self._told[name])
            fresh[name] = ticks[self._told[name] : until]
            self._told[name] = until
            self._series[name].add(fresh[name])
        return fresh

    def ticks(self, symbol: str) -> npt.NDArray[np.void]:
        return self._series[symbol].ticks

    def minutes(self, symbol: str) -> npt.NDArray[np.void]:
        return self._series[symbol].bars


class _Path:
    """Ticks of one symbol, made a chunk at a time so that how far is asked at once changes nothing."""

    def __init__(self, symbol: ForexSymbol, price: float, start_ms: int, random: np.random.Generator) -> None:
        self._symbol, self._price, self._ms, self._random = symbol, price, start_ms, random
        self._ready = np.empty(0, TICK)
        self._lately = np.empty(0, TICK)  # what was told of the last minutes

    def mid_at(self, ms: int) -> float:
        self._make_until(ms)
        known = np.concatenate([self._lately, self._ready])
        at = known[max(int(np.searchsorted(known["ms"], ms, side="right")) - 1, 0)]
        return float(at["bid"] + at["ask"]) / 2

    def _make_until(self, ms: int) -> None:
        while self._ms <= ms:
            self._ready = np.concatenate([self._ready, self._chunk()])

    def until(self, now_ms: int) -> npt.NDArray[np.void]:
        self._make_until(now_ms)
        cut = int(np.searchsorted(self._ready["ms"], now_ms, side="right"))
        fresh, self._ready = self._ready[:cut], self._ready[cut:]
        self._lately = np.concatenate([self._lately, fresh])[-_LATELY:]
        return fresh

    def jump(self, share: float) -> None:
        self._price *= 1 + share
        self._ready["bid"] = np.round(self._ready["bid"] * (1 + share), self._symbol.digits)
        self._ready["ask"] = np.round(self._ready["ask"] * (1 + share), self._symbol.digits)

    def _chunk(self) -> npt.NDArray[np.void]:
        symbol, random = self._symbol, self._random
        waits = np.ceil(random.exponential(1000 / symbol.ticks_per_s, _CHUNK)).astype(np.int64)
        times = self._ms + np.cumsum(waits)
        steps = random.standard_normal(_CHUNK) * symbol.volatility * np.sqrt(waits / _YEAR_MS)
        mids = self._price * np.exp(np.cumsum(steps))
        self._price, self._ms = float(mids[-1]), int(times[-1])
        spreads = symbol.spread_points + random.integers(-2, 5, _CHUNK)
        found = np.empty(_CHUNK, TICK)
        points = np.rint(mids / symbol.point).astype(np.int64)
        found["ms"] = times
        found["bid"] = np.round((points - spreads // 2) * symbol.point, symbol.digits)
        found["ask"] = np.round((points - spreads // 2 + spreads) * symbol.point, symbol.digits)
        return found


_YEAR_MS = 365.0 * 86_400_000


def minute_bars(ticks: npt.NDArray[np.void], point: float) -> npt.NDArray[np.void]:
    """BAR of each minute with a tick, of bids, as the terminal makes them."""
    minutes = ticks["ms"] // MINUTE_MS * MINUTE_MS
    starts = np.flatnonzero(np.r_[True, minutes[1:] != minutes[:-1]])
    ends = np.r_[starts[1:], len(ticks)] - 1
    found = np.empty(len(starts), BAR)
    found["ms"] = minutes[starts]
    found["open"], found["close"] = ticks["bid"][starts], ticks["bid"][ends]
    found["high"], found["low"] = np.maximum.reduceat(ticks["bid"], starts), np.minimum.reduceat(ticks["bid"], starts)
    found["ticks"] = ends - starts + 1
    found["spread"] = np.rint((ticks["ask"] - ticks["bid"])[ends] / point).astype(np.int64)
    return found


def longer_bars(minutes: npt.NDArray[np.void], length_ms: int, shift_ms: int) -> npt.NDArray[np.void]:
    """BAR of each span of `length_ms` of the server's clock, which is `shift_ms` ahead."""
    if not len(minutes):
        return minutes
    spans = (minutes["ms"] + shift_ms) // length_ms * length_ms - shift_ms
    starts = np.flatnonzero(np.r_[True, spans[1:] != spans[:-1]])
    ends = np.r_[starts[1:], len(minutes)] - 1
    found = np.empty(len(starts), BAR)
    found["ms"] = spans[starts]
    found["open"], found["close"] = minutes["open"][starts], minutes["close"][ends]
    found["high"], found["low"] = (
        np.maximum.reduceat(minutes["high"], starts),
        np.minimum.reduceat(minutes["low"], starts),
    )
    found["ticks"], found["spread"] = np.add.reduceat(minutes["ticks"], starts), minutes["spread"][ends]
    return found


def _history(symbol: ForexSymbol, start_ms: int, days: float, random: np.random.Generator) -> npt.NDArray[np.void]:
    """Minutes before the start, ending at the symbol's price."""
    count = max(int(days * 1440), 1)
    sub = 12
    steps = random.standard_normal(count * sub) * symbol.volatility * np.sqrt(MINUTE_MS / sub / _YEAR_MS)
    path = np.exp(np.cumsum(steps))
    bids = np.round(symbol.price * path / path[-1], symbol.digits).reshape(count, sub)
    found = np.empty(count, BAR)
    found["ms"] = (start_ms // MINUTE_MS - count) * MINUTE_MS + np.arange(count) * MINUTE_MS
    found["open"], found["close"] = bids[:, 0], bids[:, -1]
    found["high"], found["low"] = bids.max(axis=1), bids.min(axis=1)
    found["ticks"] = random.integers(40, 200, count)
    found["spread"] = symbol.spread_points
    return found
