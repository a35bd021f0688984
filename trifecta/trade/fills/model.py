"""What a fill model is: how much of an order the market would have filled, at what price."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from trifecta.market.orders import Liquidity, Order, OrderSide

Levels = tuple[tuple[Decimal, Decimal], ...]


@dataclass(frozen=True, slots=True)
class Depth:
    """A book as it stood at `ts_ns`: (price, qty), best first."""

    bids: Levels
    asks: Levels
    ts_ns: int

    def opposite(self, side: OrderSide) -> Levels:
        """What an order of this side takes from."""
        return self.asks if side is OrderSide.BUY else self.bids

    def own(self, side: OrderSide) -> Levels:
        """What a resting order of this side queues in."""
        return self.bids if side is OrderSide.BUY else self.asks


@dataclass(frozen=True, slots=True)
class Print:
    """A public trade; `taker` is the aggressor's side."""

    price: Decimal
    qty: Decimal
    taker: OrderSide
    ts_ns: int


@dataclass(frozen=True, slots=True)
class Slice:
    """Part of an order that is filled at one price."""

    qty: Decimal
    price: Decimal
    liquidity: Liquidity


@dataclass(slots=True)
class Resting:
    """A limit order that waits. `ahead` is what must trade at its price before it does."""

    order: Order
    left: Decimal
    ahead: Decimal

    def reaches(self, price: Decimal) -> bool:
        """Whether someone who trades at `price` would have traded with this order."""
        limit = self.order.price
        return limit is None or (price <= limit if self.order.side is OrderSide.BUY else price >= limit)


class FillModel(Protocol):
    """Decides fills; the paper gateway keeps orders, fees and lots."""

    name: str
    label: str
    """Stands wherever its P&L is shown; empty for a model that follows the market."""
    follows_market: bool
    """Whether it needs a book, and fills cost the venue's fee."""

    def arrive(self, order: Order, depth: Depth) -> Sequence[Slice]:
        """What is filled at once when the order reaches the venue."""
        ...

    def rest(self, order: Order, left: Decimal, depth: Depth) -> Resting:
        """The rest of a limit order, in its place in the queue."""
        ...

    def on_depth(self, resting: Resting, depth: Depth) -> Sequence[Slice]:
        """What a change of the book fills."""
        ...

    def on_print(self, resting: Resting, trade: Print) -> Sequence[Slice]:
        """What a public trade fills."""
        ...
