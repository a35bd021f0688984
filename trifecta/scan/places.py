"""Where an asset is bought or sold for another: pools and books, in whole numbers of the smallest units.

Sizes and amounts are integers of 10^-SCALE, so that tokens of 6 and of 18 decimals and a book's decimals meet exactly.
"""

from __future__ import annotations

from decimal import Decimal
from functools import cached_property
from math import lcm
from typing import NamedTuple, Protocol

from trifecta.market.pools import BPS, MAX_RESERVE, PoolReading, amount_in, amount_out
from trifecta.scan.board import Board
from trifecta.scan.opportunity import Side
from trifecta.scan.terms import Terms

SCALE = 24
UNIT: int = 10**SCALE
_HALF: int = 10 ** (SCALE // 2)
"""Unit of a book's prices and of its sizes: their product is of 10^-SCALE."""


class Deal(NamedTuple):
    """A size bought or sold. `base` and `quote` in units of 10^-SCALE, `fee` and `worst` (price) in quote units."""

    base: int
    quote: int
    fee: float
    worst: float
    depth_share: float


class Place(Protocol):
    """A pool or a book of one pair. Sizes are whole multiples of `step`, at least `least`."""

    venue: str
    symbol: str
    ts_recv: int
    ts_state: int  # when what it tells was so: of the block, or of the receipt; ns
    step: int
    least: int
    bid: float  # of the first unit, before the fee
    ask: float
    net_bid: float  # after it
    net_ask: float
    fee: float  # share of what is paid

    def most(self, side: Side) -> int:
        """The largest size that it holds."""
        ...

    def deal(self, side: Side, base: int) -> Deal | None:
        """What `base` costs or brings, with the fee; None where the place does not hold it."""
        ...

    def slope(self, side: Side, base: int) -> tuple[int, int]:
        """What one more unit behind `base` costs or brings, with the fee: numerator and denominator."""
        ...


class PoolPlace:
    """A pool, seen as a market of one of its tokens for the other."""

    def __init__(self, reading: PoolReading, *, base_is_token0: bool) -> None:
        tokens = (reading.token0, reading.token1)
        self.reading = reading
        self.base, self.quote = tokens if base_is_token0 else tokens[::-1]
        self._base, self._quote = reading.reserves.ordered(zero_for_one=base_is_token0)
        self.venue, self.symbol = reading.venue, reading.symbol
        self.ts_recv, self.ts_state = reading.ts_recv, reading.ts_event
        self.step: int = 10 ** (SCALE - self.base.decimals)
        self._unit: int = 10 ** (SCALE - self.quote.decimals)
        self.least = 0
        self.bid = self.ask = self._price(self._base, self._quote)
        self.fee = reading.fee_bps / BPS
        self.net_bid, self.net_ask = self.bid * (1 - self.fee), self.ask / (1 - self.fee)

    def most(self, side: Side) -> int:
        return (self._base - 1 if side is Side.BUY else MAX_RESERVE - self._base) * self.step

    def deal(self, side: Side, base: int) -> Deal | None:
        """A swap as the pair contract does it: a purchase costs the least it lets pass, a sale brings the most."""
        size = base // self.step
        if not 0 < base <= self.most(side):
            return None
        if side is Side.BUY:
            quote = amount_in(size, self._quote, self._base, self.reading.fee_bps)
            fee, behind = quote * self._unit / UNIT * self.fee, (self._base - size, self._quote + quote)
        else:
            quote = amount_out(size, self._base, self._quote, self.reading.fee_bps)
            fee, behind = size * self.step / UNIT * self.fee * self.bid, (self._base + size, self._quote - quote)
        return Deal(size * self.step, quote * self._unit, fee, self._price(*behind), size / self._base)

    def slope(self, side: Side, base: int) -> tuple[int, int]:
        size, kept = base // self.step, BPS - self.reading.fee_bps
        flat = self._quote * self._base * self._unit * BPS
        if side is Side.BUY:
            return flat, (self._base - size) ** 2 * kept * self.step
        return flat * kept, (self._base * BPS + size * kept) ** 2 * self.step

    def _price(self, base: int, quote: int) -> float:
        return quote * self._unit / (base * self.step)


class BookPlace:
    """An instrument of an exchange."""

    def __init__(self, board: Board, cell: tuple[int, int]) -> None:
        self.terms: Terms = board.terms[cell]
        self.venue, self.symbol = self.terms.venue, self.terms.symbol
        self.ts_recv = self.ts_state = int(board.ts_recv[cell])
        self.step = int(self.terms.lot * UNIT) or _HALF
        self.least = _whole(self.terms.min_qty) * _HALF
        self.bid, self.ask, self.fee = float(board.bid[cell]), float(board.ask[cell]), self.terms.taker
        self.net_bid, self.net_ask = float(board.net_bid[cell]), float(board.net_ask[cell])
        self._taker = _whole(self.terms.taker)
        self._ladders = {Side.BUY: board.asks[cell], Side.SELL: board.bids[cell]}

    @cached_property
    def _levels(self) -> dict[Side, list[tuple[int, int]]]:
        return {
            side: [(_whole(price), _whole(qty)) for price, qty in ladder.tolist() if price > 0]
            for side, ladder in self._ladders.items()
        }

    @cached_property
    def _held(self) -> dict[Side, int]:
        return {side: sum(qty for _, qty in levels) for side, levels in self._levels.items()}

    def most(self, side: Side) -> int:
        return self._held[side] * _HALF

    def deal(self, side: Side, base: int) -> Deal | None:
        """What the levels of the book give, and the taker's fee on it."""
        left, notional, worst = base // _HALF, 0, 0
        for price, qty in self._levels[side]:
            taken = min(left, qty)
            notional, worst, left = notional + price * taken, price, left - taken
            if not left:
                break
        if left or not notional:
            return None
        fee = -(-notional * self._taker // _HALF)
        quote = notional + fee if side is Side.BUY else notional - fee
        return Deal(base, quote, fee / UNIT, worst / _HALF, base // _HALF / self._held[side])

    def slope(self, side: Side, base: int) -> tuple[int, int]:
        left, found = base // _HALF, 0
        for price, qty in self._levels[side]:
            found, left = price, left - qty
            if left < 0:
                break
        return found * (_HALF + self._taker if side is Side.BUY else _HALF - self._taker), _HALF**2


def best_size(buy: Place, sell: Place, most_quote: int) -> tuple[Deal, Deal] | None:
    """Buying at one place what is sold at the other, at the size that leaves the most; None where no size leaves any.

    Prices of both only get worse with the size, so the last step that still pays is found by halving.

    Args:
        most_quote: the most that may be paid, units of 10^-SCALE.
    """
    step = lcm(buy.step, sell.step)

    def deals(count: int) -> tuple[Deal, Deal] | None:
        bought, sold = buy.deal(Side.BUY, count * step), sell.deal(Side.SELL, count * step)
        return (bought, sold) if bought and sold and bought.quote <= most_quote else None

    def pays(count: int) -> bool:
        (cost, per), (brings, of) = buy.slope(Side.BUY, count * step), sell.slope(Side.SELL, count * step)
        return brings * per > cost * of and deals(count) is not None

    low, high = 0, min(buy.most(Side.BUY), sell.most(Side.SELL)) // step
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if pays(middle) else (low, middle - 1)
    tried = [found for count in (low, low + 1) if (found := deals(count)) is not None]
    best = max(tried, key=lambda pair: pair[1].quote - pair[0].quote, default=None)
    return best if best is not None and best[1].quote > best[0].quote else None


def _whole(value: float) -> int:
    return round(Decimal(repr(value)) * _HALF)
