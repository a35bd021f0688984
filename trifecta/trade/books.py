"""The market as it was seen lately: books by the time they came, so that an order meets the one it arrives at."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import isfinite

import numpy as np
import numpy.typing as npt

from trifecta.clock import NS_PER_MS, NS_PER_S, Clock
from trifecta.market.events import Book, Quote
from trifecta.trade.fills.model import Depth, Levels

REMEMBERED = 512
"""Books of one instrument that are kept, so that a late order finds the one of its arrival."""
FRESH_S = 30.0
"""A book that nothing changed for this long is no longer taken for the market."""
UNSIZED = Decimal(10_000_000)
"""What a dealer's quote without a size is good for, in base units."""
MIDS_S = 600
"""Seconds of mids that judges may look at."""

Place = tuple[str, str]
_PAR = Depth((), ((Decimal(1), UNSIZED),), 0)


@dataclass(frozen=True, slots=True)
class Seen:
    """The best prices of an instrument when we had them, ns."""

    bid: float
    ask: float
    ts_recv: int

    @property
    def mid(self) -> float:
        return (self.bid + self.ask) / 2


class Books:
    """Takes in books and quotes in the order of `ts_recv`; answers for any moment it remembers."""

    def __init__(self, clock: Clock, *, late_ms: float = 0.0) -> None:
        """
        Args:
            late_ms: how long after its receipt a book may still be on its way to us.
        """
        self._clock = clock
        self._late_ns = round(late_ms * NS_PER_MS)
        self._kept: dict[Place, deque[Book | Quote]] = {}
        self._mids: dict[Place, deque[tuple[int, float]]] = {}
        self._deep: set[Place] = set()
        self._par: set[Place] = set()

    def sell_at_par(self, venue: str, symbol: str) -> None:
        """A contract that its venue sells at a price of 1 whenever it is asked for."""
        self._par.add((venue, symbol))

    def take(self, seen: Book | Quote) -> None:
        """Notes a book, or a quote of an instrument that has no books."""
        place = (seen.venue, seen.symbol)
        if isinstance(seen, Book):
            self._deep.add(place)
        elif place in self._deep:
            return
        kept = self._kept.setdefault(place, deque(maxlen=REMEMBERED))
        if kept and seen.ts_recv < kept[-1].ts_recv:
            return
        kept.append(seen)
        best = _best(seen)
        if best is not None:
            self._note(place, best)

    def depth(self, venue: str, symbol: str, at_ns: int) -> Depth | None:
        """The book as it stood at `at_ns`; None while a book of before that may still come, and where none was seen."""
        if (venue, symbol) in self._par:
            return _PAR if self._clock.now_ns() >= at_ns else None
        kept = self._kept.get((venue, symbol))
        if not kept or (kept[-1].ts_recv <= at_ns and self._clock.now_ns() < at_ns + self._late_ns):
            return None
        before = bisect_right([one.ts_recv for one in kept], at_ns) - 1
        if before < 0 or at_ns - kept[before].ts_recv > FRESH_S * NS_PER_S:
            return None
        return depth_of(kept[before])

    def best(self, venue: str, symbol: str) -> Seen | None:
        """The newest best prices, if they are fresh."""
        kept = self._kept.get((venue, symbol))
        best = _best(kept[-1]) if kept else None
        if best is None or self._clock.now_ns() - best.ts_recv > FRESH_S * NS_PER_S:
            return None
        return best

    def places(self) -> Iterable[Place]:
        """Every instrument that was seen."""
        return self._kept.keys()

    def mids(self, venue: str, symbol: str) -> npt.NDArray[np.float64]:
        """(seconds,) mids at the end of each of the last `MIDS_S` seconds as far as they are known, oldest first."""
        known = self._mids.get((venue, symbol))
        if not known:
            return np.empty(0)
        now_s = self._clock.now_ns() // NS_PER_S
        first = max(known[0][0], now_s - MIDS_S + 1)
        seconds = np.array([second for second, _ in known])
        wanted = np.arange(first, max(now_s, first) + 1)
        at = np.searchsorted(seconds, wanted, side="right") - 1
        found: npt.NDArray[np.float64] = np.array([mid for _, mid in known])[at]
        return found

    def _note(self, place: Place, best: Seen) -> None:
        mids = self._mids.setdefault(place, deque(maxlen=MIDS_S))
        second = best.ts_recv // NS_PER_S
        if mids and mids[-1][0] == second:
            mids.pop()
        mids.append((second, best.mid))


def _best(seen: Book | Quote) -> Seen | None:
    if isinstance(seen, Book):
        if not seen.bids or not seen.asks:
            return None
        bid, ask = seen.bids[0][0], seen.asks[0][0]
    else:
        bid, ask = seen.bid, seen.ask
    sound = isfinite(bid) and isfinite(ask) and 0 < bid <= ask
    return Seen(bid, ask, seen.ts_recv) if sound else None


def depth_of(seen: Book | Quote) -> Depth:
    """What an order meets where this was seen."""
    if isinstance(seen, Book):
        return Depth(_levels(seen.bids), _levels(seen.asks), seen.ts_recv)
    if _best(seen) is None:
        return Depth((), (), seen.ts_recv)
    return Depth(_level(seen.bid, seen.bid_qty), _level(seen.ask, seen.ask_qty), seen.ts_recv)


def _levels(told: Sequence[tuple[float, float]]) -> Levels:
    return tuple((Decimal(repr(price)), Decimal(repr(qty))) for price, qty in told if price > 0 and qty > 0)


def _level(price: float, qty: float) -> Levels:
    return ((Decimal(repr(price)), Decimal(repr(qty)) if qty > 0 else UNSIZED),)
