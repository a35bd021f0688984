"""All scanners side by side: what comes in, what each sees, and whether that is news."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Protocol

from trifecta.clock import NS_PER_S, Clock
from trifecta.market.events import Book, Quote
from trifecta.market.pools import PoolReading
from trifecta.scan.arbitrage import ArbitrageScanner
from trifecta.scan.board import Board
from trifecta.scan.chains import ChainScanner
from trifecta.scan.opportunity import Engine, Opportunity, best
from trifecta.scan.snapshot import Snapshot, Stats


class Finder(Protocol):
    """An engine of its own."""

    def take(self, quote: Quote) -> None:
        """Notes a quote, whatever instrument it is of; quick."""
        ...

    def scan(self, now: int) -> list[Opportunity]:
        """What is there at `now` (ns); quick: whatever must be read was read before."""
        ...


class Scanner:
    """Scans on demand; a snapshot is made where the best of an engine changed or `every_s` passed."""

    def __init__(
        self,
        arbitrage: ArbitrageScanner,
        chains: ChainScanner,
        finders: Mapping[Engine, Finder],
        clock: Clock,
        *,
        every_s: float,
        simulated: bool,
    ) -> None:
        self.missing: list[str] = []
        self._arbitrage = arbitrage
        self._chains = chains
        self._finders = finders
        self._clock = clock
        self._simulated = simulated
        self._every_ns = round(every_s * NS_PER_S)
        self._run = secrets.token_hex(4)
        self._sequence = self._scans = self._quotes = 0
        self._last: Snapshot | None = None

    @property
    def board(self) -> Board:
        return self._arbitrage.board

    def take(self, quote: Quote) -> None:
        """Puts a quote on the board."""
        self._quotes += 1
        bid, ask = (quote.bid, quote.bid_qty), (quote.ask, quote.ask_qty)
        if quote.venue in self.board.venues:  # not those of terminals and perpetuals, which are no market of assets
            self.board.take_best(quote.venue, quote.symbol, quote.ts_event, quote.ts_recv, bid, ask)
        for finder in self._finders.values():
            finder.take(quote)

    def take_book(self, book: Book) -> None:
        """Puts a book on the board, or takes one off that is not to be believed."""
        if book.venue not in self.board.venues:
            return
        if book.bids and book.asks:
            self.board.take(book.venue, book.symbol, book.ts_event, book.ts_recv, book.bids, book.asks)
        else:
            self.board.forget(book.venue, book.symbol)

    def take_pool(self, reading: PoolReading) -> None:
        """Puts a pool on the board."""
        self._quotes += 1
        self._chains.pools.take(reading)

    def scan(self) -> Snapshot | None:
        """What all engines see now; None where it is no news."""
        now, began_s = self._clock.now_ns(), self._clock.monotonic_s()
        found = {Engine.ARBITRAGE: tuple(best([*self._arbitrage.scan(now), *self._chains.scan(now)]))}
        found |= {engine: tuple(best(finder.scan(now))) for engine, finder in self._finders.items()}
        self._scans += 1
        last = self._last
        if last is not None and last.opportunities == found and now - last.ts < self._every_ns:
            return None
        self._sequence += 1
        took_us = 1e6 * (self._clock.monotonic_s() - began_s)
        self._last = Snapshot(self._run, self._sequence, now, found, self._stats(took_us), self._simulated)
        return self._last

    def _stats(self, took_us: float) -> Stats:
        doubted: dict[str, dict[str, int]] = {}
        for (venue, doubt), count in (self.board.doubts + self._chains.pools.doubts).items():
            doubted.setdefault(venue, {})[doubt] = count
        markets = int((self.board.ts_recv > 0).sum()) + len(self._chains.pools.known())
        return Stats(self._scans, self._quotes, markets, doubted, took_us, list(self.missing))
