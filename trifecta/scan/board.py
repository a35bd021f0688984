"""The newest believable book of every market, in columns: what the scanners look at.

A quote is not believed when it is crossed or not a number, repeats or goes back in its venue's time, comes later than
its venue's quotes usually do, or lies far from what the other venues say. It is counted and leaves the board as it
was, so a venue that lags, repeats or swaps its sides ages out of every comparison by itself. After its clock jumped, a
venue is not believed for `SETTLE_S`. What requests measured of its clock tells a clock that was set back from a lag.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from trifecta.clock import NS_PER_MS, NS_PER_S
from trifecta.market.events import LEVELS
from trifecta.scan.terms import Terms

SETTLE_S = 10.0
MAX_LAG_MS = 500.0
"""How much later than its venue's fastest quote one may come."""
CLOCK_ERROR_NS = 1_500_000_000
"""How wrong a measured clock may be: venues tell theirs in whole seconds, and a request takes its time."""
TOLD_S = 1.0
"""How long ago a venue may have told its time for a quote without one to be believed."""
COLLAR = 0.05
"""Share by which a mid may differ from the median mid of the same asset at the other venues."""
LADDER_S = 2.0
"""How long the deeper levels of a book are believed beneath newer best prices."""
COLLAR_VENUES = 2
"""Other venues needed before one is called wrong."""

NOBODY_ASKS = 1e300

Floats = npt.NDArray[np.float64]
Level = tuple[float, float]
Levels = Iterable[Level]


class Doubt(StrEnum):
    """Why a quote was not believed."""

    UNKNOWN = "unknown instrument"
    VALUE = "not a positive number"
    CROSSED = "crossed"
    REPEATED = "repeated or going back in time"
    LATE = "later than its venue's quotes come"
    CLOCK = "its venue's clock jumped"
    FAR = "far from the other venues"


@dataclass(slots=True)
class _Clock:
    """What is known of a venue's times: the smallest delay so far, when it was, and until when it is not believed."""

    fastest_ns: int
    fastest_at_ns: int
    settled_ns: int = 0
    told_ns: int = 0  # when a time came last, by our clock
    doubt: Doubt | None = None  # what was wrong with it


class Board:
    """Books of `venues` x `assets`; an asset is a base and a quote currency, never mixed with another quote currency.

    `bid` and `ask` are float64 (venues, assets), NaN where nothing is known; `net_bid` and `net_ask` what is left of
    them after the taker's fee, 0 and `NOBODY_ASKS` where nothing is known; `ts_recv` int64 of the same shape, 0 where
    nothing is known. `bids` and `asks` are float64 (venues, assets, 20, 2), best first, price and size, 0 where there
    is no level.
    """

    def __init__(self, terms: Iterable[Terms]) -> None:
        self.terms: dict[tuple[int, int], Terms] = {}
        given = list(terms)
        self.venues = sorted({one.venue for one in given})
        self.assets = sorted({one.asset for one in given})
        self._cells: dict[tuple[str, str], tuple[int, int]] = {}
        for one in given:
            cell = (self.venues.index(one.venue), self.assets.index(one.asset))
            self._cells[one.venue, one.symbol] = cell
            self.terms[cell] = one
        shape = (len(self.venues), len(self.assets))
        self.bid, self.ask = np.full(shape, np.nan), np.full(shape, np.nan)
        self.net_bid, self.net_ask = np.zeros(shape), np.full(shape, NOBODY_ASKS)
        self.ts_recv = np.zeros(shape, np.int64)
        self.bids, self.asks = np.zeros((*shape, LEVELS, 2)), np.zeros((*shape, LEVELS, 2))
        self.doubts: Counter[tuple[str, Doubt]] = Counter()
        self._ts_event = np.zeros(shape, np.int64)
        self._clocks: dict[str, _Clock] = {}
        self._ahead: dict[str, int] = {}

    def cell(self, venue: str, symbol: str) -> tuple[int, int] | None:
        """Row and column of an instrument."""
        return self._cells.get((venue, symbol))

    def take(self, venue: str, symbol: str, ts_event: int, ts_recv: int, bids: Levels, asks: Levels) -> Doubt | None:
        """Puts a book on the board, or says why it is not believed. Times in ns; `ts_event` 0: the venue sends none."""
        doubt = self._take(venue, symbol, ts_event, ts_recv, bids, asks)
        if doubt is not None:
            self.doubts[venue, doubt] += 1
        return doubt

    def take_best(self, venue: str, symbol: str, ts_event: int, ts_recv: int, bid: Level, ask: Level) -> Doubt | None:
        """As `take`, of the best prices alone; what was beneath them lately still is where they leave room for it."""
        bids, asks = [bid], [ask]
        cell = self._cells.get((venue, symbol))
        if cell is not None and ts_recv - self.ts_recv[cell] <= LADDER_S * NS_PER_S:
            bids += [(price, qty) for price, qty in self.bids[cell].tolist() if 0 < price < bid[0]]
            asks += [(price, qty) for price, qty in self.asks[cell].tolist() if price > ask[0]]
        return self.take(venue, symbol, ts_event, ts_recv, bids, asks)

    def measured(self, venue: str, ts_recv: int, ahead_ns: int) -> None:
        """Notes how far a request found a venue's clock ahead of ours; no quote comes before it was made."""
        self._ahead[venue] = ahead_ns
        clock = self._clocks.get(venue)
        if clock is None:
            return
        if clock.fastest_ns < -ahead_ns - CLOCK_ERROR_NS and clock.fastest_at_ns < ts_recv:
            del self._clocks[venue]  # it was the fastest by a clock that was set since
            self._ts_event[self.venues.index(venue)] = 0
        else:
            clock.fastest_ns = min(clock.fastest_ns, -ahead_ns + CLOCK_ERROR_NS)  # it may have lagged from the start

    def forget(self, venue: str, symbol: str) -> None:
        """Takes an instrument off the board: its book is not to be believed."""
        cell = self._cells.get((venue, symbol))
        if cell is not None:
            self.ts_recv[cell] = 0

    def _take(self, venue: str, symbol: str, ts_event: int, ts_recv: int, bids: Levels, asks: Levels) -> Doubt | None:
        cell = self._cells.get((venue, symbol))
        if cell is None:
            return Doubt.UNKNOWN
        new_bids, new_asks = _ladder(bids), _ladder(asks)
        doubt = _values(new_bids, new_asks)
        if doubt is None:
            doubt = self._time(venue, cell, ts_event, ts_recv)
        if doubt is None and ts_event == self._ts_event[cell] and self._same(cell, new_bids, new_asks):
            # Told twice it is no younger; a venue that tells times tells the same state as quote and as book.
            return Doubt.REPEATED if ts_event == 0 else None
        if doubt is None and self._far(cell, (new_bids[0, 0] + new_asks[0, 0]) / 2, ts_recv):
            doubt = Doubt.FAR
        if doubt is not None:
            return doubt
        terms = self.terms[cell]
        self.bids[cell], self.asks[cell] = new_bids, new_asks
        self.bid[cell], self.ask[cell] = new_bids[0, 0], new_asks[0, 0]
        self.net_bid[cell] = new_bids[0, 0] * (1 - terms.taker)
        self.net_ask[cell] = new_asks[0, 0] * (1 + terms.taker)
        self.ts_recv[cell], self._ts_event[cell] = ts_recv, ts_event
        return None

    def _time(self, venue: str, cell: tuple[int, int], ts_event: int, ts_recv: int) -> Doubt | None:
        if ts_recv < self.ts_recv[cell]:
            return Doubt.REPEATED
        if ts_event == 0:
            return self._untimed(venue, ts_recv)
        delay = ts_recv - ts_event
        clock = self._clocks.get(venue)
        if clock is None:
            bound = CLOCK_ERROR_NS - self._ahead[venue] if venue in self._ahead else delay
            clock = self._clocks[venue] = _Clock(min(delay, bound), ts_recv)
        clock.told_ns, clock.doubt = ts_recv, self._delay(clock, delay, ts_recv)
        if clock.doubt is not None:
            return clock.doubt
        return Doubt.REPEATED if ts_event < self._ts_event[cell] else None

    def _untimed(self, venue: str, ts_recv: int) -> Doubt | None:
        """A quote without a time is as late as what else came from its venue just now, if that tells times."""
        clock = self._clocks.get(venue)
        if clock is None:
            return None
        return Doubt.LATE if ts_recv - clock.told_ns > TOLD_S * NS_PER_S else clock.doubt

    @staticmethod
    def _delay(clock: _Clock, delay: int, ts_recv: int) -> Doubt | None:
        if delay > clock.fastest_ns + MAX_LAG_MS * NS_PER_MS:
            return Doubt.LATE
        if delay < clock.fastest_ns - MAX_LAG_MS * NS_PER_MS:
            # Seen from here, a clock set ahead and a delay that ended look alike; what comes next tells.
            clock.settled_ns = ts_recv + round(SETTLE_S * NS_PER_S)
        if delay < clock.fastest_ns:
            clock.fastest_ns, clock.fastest_at_ns = delay, ts_recv
        return Doubt.CLOCK if ts_recv < clock.settled_ns else None

    def _same(self, cell: tuple[int, int], bids: Floats, asks: Floats) -> bool:
        return bool(np.array_equal(self.bids[cell], bids) and np.array_equal(self.asks[cell], asks))

    def _far(self, cell: tuple[int, int], mid: float, ts_recv: int) -> bool:
        row, column = cell
        known = self.ts_recv[:, column] > ts_recv - round(SETTLE_S * NS_PER_S)
        known[row] = False
        if np.count_nonzero(known) < COLLAR_VENUES:
            return False
        others = float(np.median((self.bid[known, column] + self.ask[known, column]) / 2))
        return abs(mid / others - 1) > COLLAR


def _ladder(levels: Levels) -> Floats:
    ladder = np.zeros((LEVELS, 2))
    for row, (price, qty) in enumerate(levels):
        if row == LEVELS:
            break
        ladder[row] = price, qty
    return ladder


def _values(bids: Floats, asks: Floats) -> Doubt | None:
    for ladder in (bids, asks):
        if not (np.isfinite(ladder).all() and (ladder >= 0).all() and ladder[0, 0] > 0 and ladder[0, 1] > 0):
            return Doubt.VALUE
    # A ladder out of order is one whose sides or levels were mixed up.
    rising, falling = asks[asks[:, 0] > 0, 0], bids[bids[:, 0] > 0, 0]
    if bids[0, 0] >= asks[0, 0] or (np.diff(rising) <= 0).any() or (np.diff(falling) >= 0).any():
        return Doubt.CROSSED
    return None
