"""`market`: an order walks the recorded book, level by level, and takes what stands there once."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from trifecta.clock import NS_PER_S
from trifecta.market.money import ZERO
from trifecta.market.orders import Liquidity, Order, OrderSide, TimeInForce
from trifecta.trade.fills.model import Depth, Print, Resting, Slice

REMEMBERED_S = 60
"""How long a level is shown smaller by what we took from it, unless it vanishes from the book before."""

_Place = tuple[str, str, OrderSide]


class Market:
    """Takers pay the price of each level. A resting order is filled when the book comes to cross its limit."""

    name = "market"
    label = ""
    follows_market = True

    def __init__(self) -> None:
        self._taken: dict[_Place, dict[Decimal, tuple[Decimal, int]]] = {}

    def arrive(self, order: Order, depth: Depth) -> Sequence[Slice]:
        """Every level that the limit allows, best first, until the order is filled; nothing of a FOK that is not."""
        slices = self._walk(order, order.left, depth)
        if order.time_in_force is TimeInForce.FOK and sum((one.qty for one in slices), ZERO) < order.left:
            return []
        self._take(order, slices, depth)
        return slices

    def rest(self, order: Order, left: Decimal, depth: Depth) -> Resting:
        return Resting(order, left, ZERO)

    def on_depth(self, resting: Resting, depth: Depth) -> Sequence[Slice]:
        """What stands beyond the limit now came to us, at our price."""
        crossing = self._walk(resting.order, resting.left, depth)
        self._take(resting.order, crossing, depth)
        qty = sum((one.qty for one in crossing), ZERO)
        price = resting.order.price
        return [Slice(qty, price, Liquidity.MAKER)] if qty and price is not None else []

    def on_print(self, resting: Resting, trade: Print) -> Sequence[Slice]:
        return []

    def _walk(self, order: Order, left: Decimal, depth: Depth) -> list[Slice]:
        taken = self._remembered(order, depth)
        limit = Resting(order, left, ZERO)
        slices: list[Slice] = []
        for price, shown in depth.opposite(order.side):
            if not left or not limit.reaches(price):
                break
            qty = min(left, max(shown - taken.get(price, (ZERO, 0))[0], ZERO))
            if qty:
                slices.append(Slice(qty, price, Liquidity.TAKER))
                left -= qty
        return slices

    def _remembered(self, order: Order, depth: Depth) -> dict[Decimal, tuple[Decimal, int]]:
        """What we took from levels that still stand."""
        place = (order.venue, order.symbol, order.side)
        standing = {price for price, _ in depth.opposite(order.side)}
        oldest = depth.ts_ns - REMEMBERED_S * NS_PER_S
        known = self._taken.get(place, {})
        kept = {price: taken for price, taken in known.items() if price in standing and taken[1] > oldest}
        self._taken[place] = kept
        return kept

    def _take(self, order: Order, slices: Sequence[Slice], depth: Depth) -> None:
        taken = self._taken[order.venue, order.symbol, order.side]
        for one in slices:
            before = taken.get(one.price, (ZERO, 0))[0]
            taken[one.price] = (before + one.qty, depth.ts_ns)
