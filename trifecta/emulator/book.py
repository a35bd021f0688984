"""Limit order book of integers: price → quantity on two sides, both kept sorted."""

from bisect import bisect_left, insort
from collections.abc import Iterable

Levels = list[tuple[int, int]]


class Side:
    """One side of a book: quantity by price (both e8), prices ascending."""

    __slots__ = ("levels", "prices")

    def __init__(self) -> None:
        self.levels: dict[int, int] = {}
        self.prices: list[int] = []

    def put(self, price: int, qty: int) -> bool:
        """Sets the level to `qty`, 0 removes it; True if that changed anything."""
        before = self.levels.get(price, 0)
        if qty == before:
            return False
        if qty == 0:
            del self.levels[price]
            del self.prices[bisect_left(self.prices, price)]
            return True
        self.levels[price] = qty
        if before == 0:
            insort(self.prices, price)
        return True


class Book:
    """Bids and asks with the id of the last change. `update_id` is -1 until the book stands on a snapshot."""

    __slots__ = ("asks", "bids", "update_id")

    def __init__(self) -> None:
        self.bids = Side()
        self.asks = Side()
        self.update_id = -1

    def load(self, bids: Iterable[tuple[int, int]], asks: Iterable[tuple[int, int]], update_id: int) -> None:
        """Replaces everything by a snapshot."""
        for side, levels in ((self.bids, bids), (self.asks, asks)):
            side.levels = {price: qty for price, qty in levels if qty}
            side.prices = sorted(side.levels)
        self.update_id = update_id

    def top(self) -> tuple[int, int, int, int]:
        """Best bid, its quantity, best ask, its quantity; zeros for an empty side."""
        bids, asks = self.bids, self.asks
        bid = bids.prices[-1] if bids.prices else 0
        ask = asks.prices[0] if asks.prices else 0
        return bid, bids.levels.get(bid, 0), ask, asks.levels.get(ask, 0)

    def depth(self, limit: int) -> tuple[Levels, Levels]:
        """The best `limit` levels of each side, best first."""
        bids = [(price, self.bids.levels[price]) for price in self.bids.prices[: -limit - 1 : -1]]
        asks = [(price, self.asks.levels[price]) for price in self.asks.prices[:limit]]
        return bids, asks
