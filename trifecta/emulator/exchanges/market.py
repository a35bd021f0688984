"""Books of several exchanges around one fair price: lag, noise, spread of their own, and at times a dislocation.

A pure function of the seed, of the fair prices and of the times it is advanced to. Prices and sizes are integers in
units of 1e-8 ("e8"), times UTC milliseconds.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import exp, sqrt
from pathlib import Path
from random import Random
from typing import NamedTuple

from trifecta.emulator.exchanges.dislocations import Dislocations
from trifecta.emulator.frames import Trade
from trifecta.emulator.instruments import E8, decimal_text
from trifecta.emulator.record import TradeLog, trade_path

LEVELS = 30
LEVEL_NOTIONAL = 6_000.0
TRADE_NOTIONAL = 600.0
NOISE_S = 20.0
NOISE_LIMIT_BPS = 4.0  # far inside any venue's fees
SHARE_OF_TRADES = 0.25  # of updates
STEP_BPS = 0.6  # between two levels
FIRST_TRADE_ID = 1_000_000
DOLLARS_A_TETHER = 1.0002

Side = dict[int, int]
Levels = list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Listed:
    """A symbol of one exchange. `fair` names it as the fair prices do; the decimals are those of its text."""

    symbol: str
    base: str
    quote: str
    price_decimals: int
    qty_decimals: int
    tick_e8: int
    lot_e8: int

    @property
    def fair(self) -> str:
        return f"{self.base}USDT"

    def price_text(self, price_e8: int) -> str:
        return decimal_text(price_e8, self.price_decimals)

    def qty_text(self, qty_e8: int) -> str:
        return decimal_text(qty_e8, self.qty_decimals)


@dataclass(frozen=True, slots=True)
class Character:
    """How an exchange behaves: fees of its lowest tier as fractions, half spread and noise in bps, lag in seconds."""

    name: str
    taker: float
    maker: float
    half_spread_bps: float
    noise_bps: float
    lag_s: float


class Change(NamedTuple):
    """Levels at their present size, 0 for gone; `whole`: all there are. Ids number the changes of this book."""

    ts_ms: int
    bids: Levels
    asks: Levels
    whole: bool
    previous_id: int
    last_id: int


@dataclass(slots=True)
class Book:
    """One symbol's book at one exchange. `change_id` numbers its last change."""

    listed: Listed
    trades: TradeLog
    bids: Side = field(default_factory=dict)
    asks: Side = field(default_factory=dict)
    change_id: int = 0
    ts_ms: int = 0
    price: float = 0.0  # what its makers follow, in quote units
    noise: float = 0.0  # as a fraction

    def depth(self, limit: int) -> tuple[Levels, Levels]:
        """The best levels of both sides, best first."""
        return sorted(self.bids.items(), reverse=True)[:limit], sorted(self.asks.items())[:limit]

    def snapshot(self) -> Change:
        return Change(self.ts_ms, *self.depth(LEVELS), True, -1, self.change_id)


Heard = Callable[[Book, "Change | Trade"], None]


class Exchange:
    """One exchange's books. `hear` is told every change and trade as it happens."""

    def __init__(self, character: Character, listed: list[Listed], folder: Path, seed: int) -> None:
        self.character = character
        self.books = {
            one.symbol: Book(one, TradeLog(trade_path(folder, character.name, _file(one.symbol)), FIRST_TRADE_ID))
            for one in listed
        }
        self.hear: Heard = lambda book, told: None
        self._random = Random(f"{seed} {character.name}")  # noqa: S311 - a market, not a secret

    def advance(self, dt_s: float, now_ms: int, rate: float, fair: Mapping[str, float], stray: Dislocations) -> None:
        """Lets time pass: makers follow the fair price late and with noise, takers come and go.

        Args:
            rate: updates a second of each book.
            fair: price by symbol, quote units; a symbol without one stands still.
        """
        own = self.character
        kept_lag, kept_noise = exp(-dt_s / own.lag_s), exp(-dt_s / NOISE_S)
        for book in self.books.values():
            price = fair.get(book.listed.fair)
            if not price:
                continue
            price *= DOLLARS_A_TETHER if book.listed.quote == "USD" else 1.0
            book.price = price + (book.price - price) * kept_lag if book.price else price
            drawn = self._random.gauss(0.0, own.noise_bps / 1e4) * sqrt(1 - kept_noise**2)
            limit = NOISE_LIMIT_BPS / 1e4
            book.noise = min(max(book.noise * kept_noise + drawn, -limit), limit)
            if not book.bids or self._random.random() < rate * dt_s:
                off = stray.stray(own.name, book.listed.symbol, now_ms)
                self._update(book, book.price * (1 + book.noise + off), now_ms)

    def close(self) -> None:
        for book in self.books.values():
            book.trades.close()

    def flush(self) -> None:
        for book in self.books.values():
            book.trades.flush()

    def _update(self, book: Book, price: float, now_ms: int) -> None:
        """Makers quote around `price`; then perhaps somebody takes."""
        before = dict(book.bids), dict(book.asks)
        self._quote(book, price)
        trade = self._take(book, now_ms) if self._random.random() < SHARE_OF_TRADES else None
        bids, asks = (_changed(old, new) for old, new in zip(before, (book.bids, book.asks), strict=True))
        book.ts_ms = now_ms
        if bids or asks:
            previous = book.change_id
            book.change_id += 1 + len(bids) + len(asks)
            self.hear(book, Change(now_ms, bids, asks, not previous, previous, book.change_id))
        if trade is not None:
            self.hear(book, trade)

    def _quote(self, book: Book, price: float) -> None:
        """Levels a step apart from the best on; what stands there stays, what is new gets a size of its own."""
        tick = book.listed.tick_e8
        half = max(price * self.character.half_spread_bps / 1e4 * E8, tick / 2)
        step = max(round(price * STEP_BPS / 1e4 * E8 / tick), 1) * tick
        # On a grid, so that a price that hardly moved leaves most levels where they are.
        best_bid = int((price * E8 - half) // step) * step
        best_ask = max(-int(-(price * E8 + half) // step) * step, best_bid + step)
        for side, best, outwards in ((book.bids, best_bid, -step), (book.asks, best_ask, step)):
            wanted = [best + outwards * level for level in range(LEVELS) if best + outwards * level > 0]
            for gone in side.keys() - set(wanted):
                del side[gone]
            for at in wanted:
                if at not in side or self._random.random() < 1 / LEVELS:
                    side[at] = self._qty(book.listed, LEVEL_NOTIONAL, at)

    def _take(self, book: Book, now_ms: int) -> Trade:
        """A taker consumes part of the best level."""
        buys = self._random.random() < 0.5
        side = book.asks if buys else book.bids
        price = min(side) if buys else max(side)
        qty = min(self._qty(book.listed, TRADE_NOTIONAL, price), side[price])
        side[price] -= qty
        if not side[price]:
            del side[price]
        trade = Trade(book.trades.next_id, price, qty, now_ms, not buys)
        book.trades.append(trade)
        return trade

    def _qty(self, listed: Listed, notional: float, price: int) -> int:
        lots = notional * E8 / price * E8 / listed.lot_e8 * self._random.lognormvariate(0.0, 0.6)
        return max(int(lots), 1) * listed.lot_e8


def _changed(old: Side, new: Side) -> Levels:
    gone = [(price, 0) for price in old.keys() - new.keys()]
    return sorted([*gone, *((price, qty) for price, qty in new.items() if old.get(price) != qty)])


def _file(symbol: str) -> str:
    return symbol.replace("/", "_")
