"""The book of a venue without Binance's update ids: changes follow in the order they came, or name the one before.

A change marked `Link.WHOLE` replaces the book, `Link.BROKEN` ends it, and a checksum that does not agree ends it too.
Then the book is invalid until the next whole one: it never serves a stale level. Levels behind the venue's depth are
forgotten, because the venue tells nothing more of them. All of it is decided change by change, so that it does not
matter how they were batched.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from itertools import islice
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from trifecta.capture.book import Break
from trifecta.market.events import LEVELS, QUOTE, TOP, Link
from trifecta.market.instruments import Instrument
from trifecta.venues.messages import NO_CHECKSUM
from trifecta.venues.venue import BookRules, Events

Int64s = npt.NDArray[np.int64]


class Told(NamedTuple):
    """What a batch of changes did."""

    tops: Events  # TOP, one for each moment asked for
    quotes: Events  # QUOTE, one for each change that moved the best bid or ask
    breaks: list[Break]


class _Side:
    """Sizes by price, and the prices in order, best first."""

    def __init__(self, sign: int) -> None:
        self._sign = sign  # prices times it rise from the best on
        self.sizes: dict[int, int] = {}
        self._keys: list[int] = []

    def put(self, price: int, qty: int) -> None:
        key = price * self._sign
        if qty:
            if price not in self.sizes:
                insort(self._keys, key)
            self.sizes[price] = qty
        elif self.sizes.pop(price, None) is not None:
            del self._keys[bisect_left(self._keys, key)]

    def cut(self, depth: int) -> None:
        """Forgets what lies behind the best `depth` levels."""
        for key in self._keys[depth:]:
            del self.sizes[key * self._sign]
        del self._keys[depth:]

    def best(self, count: int) -> list[tuple[int, int]]:
        return [(price, self.sizes[price]) for price in (key * self._sign for key in islice(self._keys, count))]

    def clear(self) -> None:
        self.sizes.clear()
        self._keys.clear()


class Ladder:
    """One symbol's book. Prices and sizes are the instrument's integers."""

    def __init__(self, rules: BookRules, instrument: Instrument) -> None:
        self.valid = False
        self.last_id = -1
        self.checks = 0
        self.mismatches = 0
        self._rules = rules
        self._instrument = instrument
        self._bids, self._asks = _Side(-1), _Side(1)
        self._quote: tuple[int, ...] = ()

    @property
    def waits_for_snapshot(self) -> bool:
        return not self.valid

    def levels(self) -> tuple[dict[int, int], dict[int, int]]:
        """All levels of both sides as {price: size}, whether valid or not."""
        return dict(self._bids.sizes), dict(self._asks.sizes)

    def best(self) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """(price, size) of the best `LEVELS` bids and asks, best first; nothing of a book that is not valid."""
        return (self._bids.best(LEVELS), self._asks.best(LEVELS)) if self.valid else ([], [])

    def apply(self, depth: Events, levels: Events, moments: Int64s) -> Told:
        """Takes in changes and tells how the book stood at each moment.

        Args:
            depth, levels: DEPTH and LEVEL arrays, in journal order; `first_id` is the checksum behind the change.
            moments: positions (rising) before which the book is asked for: a change at the same position comes after.
        """
        tops = np.zeros(len(moments), TOP)
        quotes, breaks, moment = [], list[Break](), 0
        for change in depth:
            while moment < len(moments) and moments[moment] <= change["position"]:
                self._top(tops[moment], int(moments[moment]))
                moment += 1
            broken = self._take(change, levels)
            if broken is not None:
                breaks.append(broken)
            elif self.valid and (quote := self._moved()):
                quotes.append((change["position"], change["ts_recv"], change["ts_event"], change["position"], *quote))
        for left in range(moment, len(moments)):
            self._top(tops[left], int(moments[left]))
        return Told(tops, np.array(quotes, QUOTE), breaks)

    def _take(self, change: np.void, levels: Events) -> Break | None:
        """Applies one change; tells if the book broke by it."""
        link, last_id = int(change["previous_id"]), int(change["last_id"])
        if link == Link.BROKEN:
            return self._break(change, crossed=False)
        if link == Link.WHOLE:
            self._bids.clear()
            self._asks.clear()
            self.valid, self._quote = True, ()
        elif not self.valid or (link >= 0 and last_id < self.last_id):
            return None  # no book to change, or it came before
        elif link >= 0 and link != self.last_id:
            return self._break(change, crossed=False)
        self._put(change, levels)
        self.last_id = last_id
        best_bid, best_ask = self._bids.best(1), self._asks.best(1)
        if best_bid and best_ask and best_bid[0][0] >= best_ask[0][0]:
            return self._break(change, crossed=True)
        return None if self._agrees(int(change["first_id"])) else self._break(change, crossed=False)

    def _put(self, change: np.void, levels: Events) -> None:
        first, bids = int(change["first_level"]), int(change["bids"])
        rows = levels[first : first + bids + int(change["asks"])].tolist()
        for side, part in ((self._bids, rows[:bids]), (self._asks, rows[bids:])):
            for price, qty in part:
                side.put(price, qty)
            if self._rules.depth:
                side.cut(self._rules.depth)

    def _agrees(self, checksum: int) -> bool:
        """Whether the venue sees the same book, where it says."""
        rules = self._rules
        if rules.checksum is None or checksum == NO_CHECKSUM:
            return True
        count = rules.checksum_levels
        same = rules.checksum(self._bids.best(count), self._asks.best(count), self._instrument) == checksum
        self.checks += 1
        self.mismatches += not same
        return same

    def _break(self, change: np.void, *, crossed: bool) -> Break | None:
        """Ends the book; nothing where there was none."""
        if not self.valid:
            return None
        self.valid, self._quote = False, ()
        position, got = int(change["position"]), int(change["last_id"])
        ts_recv, ts_event = int(change["ts_recv"]), int(change["ts_event"])
        return Break(position, ts_recv, ts_event or ts_recv, self.last_id + 1, got, crossed)

    def _moved(self) -> tuple[int, ...]:
        """Best bid, its size, best ask, its size, if they are not what they were."""
        bid, ask = self._bids.best(1), self._asks.best(1)
        quote = (*bid[0], *ask[0]) if bid and ask else ()
        if quote == self._quote:
            return ()
        self._quote = quote
        return quote

    def _top(self, out: np.void, position: int) -> None:
        out["position"], out["update_id"] = position, max(self.last_id, 0)
        bids, asks = self._bids.best(LEVELS), self._asks.best(LEVELS)
        if not self.valid or not bids or not asks:
            return
        out["valid"] = 1
        for name, side in (("bid", bids), ("ask", asks)):
            prices, sizes = zip(*side, strict=True)
            out[f"{name}_price"][: len(side)], out[f"{name}_qty"][: len(side)] = prices, sizes
