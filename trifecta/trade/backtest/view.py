"""What a trader may see of a tape: never a row that was received after the clock."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from trifecta.clock import NS_PER_S, ManualClock
from trifecta.errors import TransientError
from trifecta.market.events import Book, Quote
from trifecta.trade.backtest.tape import Tape, Track
from trifecta.trade.books import FRESH_S, MIDS_S, Books, Place, Seen, depth_of
from trifecta.trade.fills.model import Depth
from trifecta.trade.floor import Price

PRICE_S = 10
"""How old a price may be that settles a contract."""


class TapeClock(ManualClock):
    """A clock that is set to the times of a tape, and never goes back."""

    def set(self, now_ns: int) -> None:
        self._now_ns = max(self._now_ns, now_ns)


class TapeBooks(Books):
    """Books that are looked up on the tape instead of remembered: rows need not have been taken one by one."""

    def __init__(self, tape: Tape, clock: ManualClock) -> None:
        super().__init__(clock)
        self._tape = tape
        self._listings = {one.market: at for at, one in enumerate(tape.listings)}

    def take(self, seen: Book | Quote) -> None:
        """The tape has it already."""

    def depth(self, venue: str, symbol: str, at_ns: int) -> Depth | None:
        if (venue, symbol) not in self._listings:
            return super().depth(venue, symbol, at_ns)
        if at_ns > self._clock.now_ns():
            return None
        row = self._fresh(self._tape.books(self._listings[venue, symbol]), at_ns)
        return None if row is None else depth_of(self._tape.event(row))

    def best(self, venue: str, symbol: str) -> Seen | None:
        at, tape = self._listings.get((venue, symbol)), self._tape
        row = None if at is None else self._fresh(tape.quotes(at), self._clock.now_ns())
        if row is None:
            return None
        return Seen(float(tape.bid[row]), float(tape.ask[row]), int(tape.ts[row]))

    def places(self) -> Iterable[Place]:
        return self._listings

    def mids(self, venue: str, symbol: str) -> npt.NDArray[np.float64]:
        at = self._listings.get((venue, symbol))
        return np.empty(0) if at is None else self._tape.mids(at, self._clock.now_ns(), MIDS_S)

    def _fresh(self, track: Track, at_ns: int) -> int | None:
        row = track.at(at_ns)
        return None if row is None or at_ns - self._tape.ts[row] > FRESH_S * NS_PER_S else row


class TapePrices:
    """Prices by which contracts are settled."""

    def __init__(self, tape: Tape, clock: ManualClock) -> None:
        self._tape = tape
        self._clock = clock

    def mid(self, venue: str, pair: str, at_ns: int) -> Price | None:
        if at_ns > self._clock.now_ns():
            raise TransientError(f"{pair}: the tape has not come to {at_ns} yet")
        for at, one in enumerate(self._tape.listings):
            if one.order.symbol != pair or one.order.venue.startswith("sim_") != venue.startswith("sim_"):
                continue
            row = self._tape.quotes(at).at(at_ns)
            if row is not None and at_ns - self._tape.ts[row] <= PRICE_S * NS_PER_S:
                return Price(float(self._tape.bid[row] + self._tape.ask[row]) / 2, int(self._tape.ts[row]))
        return None
