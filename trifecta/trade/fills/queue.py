"""`queue`: limit orders wait behind what stood at their price when they came, and move up as it trades or leaves."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from trifecta.market.money import ZERO
from trifecta.market.orders import Liquidity, Order
from trifecta.trade.fills.market import Market
from trifecta.trade.fills.model import Depth, Print, Resting, Slice


class Queue(Market):
    """As `market` on arrival; from then on first come, first served.

    Of quantity that leaves a level without trading nobody knows where it stood: it is taken to have stood behind us
    for as long as that can be, so the model never fills too early.
    """

    name = "queue"

    def rest(self, order: Order, left: Decimal, depth: Depth) -> Resting:
        shown = dict(depth.own(order.side))
        return Resting(order, left, shown.get(order.price, ZERO) if order.price is not None else ZERO)

    def on_depth(self, resting: Resting, depth: Depth) -> Sequence[Slice]:
        """A book that crossed the limit went through us; a level that shrank below our place moves us up."""
        crossed = super().on_depth(resting, depth)
        if crossed:
            return crossed
        levels = depth.own(resting.order.side)
        worst = levels[-1][0] if levels else None
        price = resting.order.price
        if price is not None and worst is not None and not resting.reaches(worst):
            return []  # further away than the book shows: nothing is known of its level
        resting.ahead = min(resting.ahead, dict(levels).get(price, ZERO) if price is not None else ZERO)
        return []

    def on_print(self, resting: Resting, trade: Print) -> Sequence[Slice]:
        """A trade through the limit fills all of it; one at the limit what is left once the queue ahead is served."""
        price = resting.order.price
        if price is None or trade.taker is resting.order.side or not resting.reaches(trade.price):
            return []
        if trade.price != price:
            return [Slice(resting.left, price, Liquidity.MAKER)]
        served = min(resting.ahead, trade.qty)
        resting.ahead -= served
        qty = min(resting.left, trade.qty - served)
        return [Slice(qty, price, Liquidity.MAKER)] if qty else []
