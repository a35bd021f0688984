"""A route as orders: how much of it pays, at sizes that the venues on the way take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from trifecta.scan import routes
from trifecta.scan.board import Board, Floats
from trifecta.scan.opportunity import Cost, Leg, Side
from trifecta.scan.terms import Terms, common_size

DUST = 1e-9
"""Share of a size that is a rounding error and takes no level."""


@dataclass(frozen=True, slots=True)
class Hop:
    """One exchange on the way: what is bought or sold where."""

    cell: tuple[int, int]
    terms: Terms
    side: Side

    @property
    def spends(self) -> str:
        return self.terms.quote if self.side is Side.BUY else self.terms.base

    @property
    def gains(self) -> str:
        return self.terms.base if self.side is Side.BUY else self.terms.quote


@dataclass(frozen=True, slots=True)
class Order:
    """One hop at a size: what goes in and out, the fee in the quote currency, and the share of the depth it takes."""

    leg: Leg
    amount_in: float
    amount_out: float
    fee: float
    depth_share: float


class _Ladders(NamedTuple):
    """Per hop and level what one unit becomes after the fee, and how many units the level takes; (hops, levels)."""

    rates: Floats
    rooms: Floats


def sized(board: Board, hops: list[Hop], most: float) -> tuple[list[Order], str]:
    """Each hop at the size that pays most and that every venue takes; or nothing, and why."""
    ladders = _ladders(board, hops)
    amount, _ = routes.walk(ladders.rates, ladders.rooms, most)
    orders: list[Order] = []
    for number, hop in enumerate(hops):
        bought = hop.side is Side.BUY
        qty = _through(amount, ladders.rates[number], ladders.rooms[number]) if bought else amount
        size = _size(hop, hops[number + 1] if number + 1 < len(hops) else None, qty)
        if size <= 0:
            return [], f"{qty:.8g} {hop.terms.base} is below the lot or the smallest order of {hop.terms.venue}"
        order = _ordered(board, hop, size)
        value = order.leg.price * size
        if value < hop.terms.min_notional:
            least = f"the minimum notional {hop.terms.min_notional:g} of {hop.terms.venue}"
            return [], f"{value:.2f} {hop.terms.quote} is below {least}"
        orders.append(order)
        amount = order.amount_out
    return orders, ""


def _size(hop: Hop, following: Hop | None, qty: float) -> float:
    """What is bought to be sold at once is a size that both venues take."""
    if following is not None and hop.side is Side.BUY and following.side is Side.SELL:
        return common_size(hop.terms, following.terms, qty)
    return hop.terms.floored(qty)


def _ladders(board: Board, hops: list[Hop]) -> _Ladders:
    books = np.array([_book(board, hop) for hop in hops])
    price, qty, fee = books[..., 0], books[..., 1], np.array([[hop.terms.taker] for hop in hops])
    bought = np.array([[hop.side is Side.BUY] for hop in hops])
    with np.errstate(divide="ignore"):
        rates = np.where(bought, 1 / (price * (1 + fee)), price * (1 - fee))
    return _Ladders(np.where(price > 0, rates, 0), np.where(bought, price * (1 + fee) * qty, qty))


def _book(board: Board, hop: Hop) -> Floats:
    """The side of the book that the hop takes from: float64 (20, 2), price and size."""
    side: Floats = board.asks[hop.cell] if hop.side is Side.BUY else board.bids[hop.cell]
    return side


def _through(amount: float, rates: Floats, rooms: Floats) -> float:
    """What comes out of a ladder for `amount`."""
    taken = np.minimum(rooms, np.maximum(amount - (np.cumsum(rooms) - rooms), 0))
    return float(taken @ rates)


def _ordered(board: Board, hop: Hop, size: float) -> Order:
    """An order of `size` base units that takes the ladder from its best level on."""
    prices, quantities = _book(board, hop).T
    taken = np.minimum(quantities, np.maximum(size - (np.cumsum(quantities) - quantities), 0))
    notional = float(taken @ prices)
    fee = notional * hop.terms.taker
    worst = float(prices[np.flatnonzero(taken > DUST * size)[-1]])
    leg = Leg(hop.terms.venue, hop.terms.symbol, hop.side, size, notional / size, worst, int(board.ts_recv[hop.cell]))
    share = size / float(quantities.sum())
    if hop.side is Side.BUY:
        return Order(leg, notional + fee, size, fee, share)
    return Order(leg, size, notional - fee, fee, share)


def fees(orders: list[Order]) -> list[Cost]:
    """Taker fees in the currency the route began with.

    A fee in a currency on the way is worth what that currency cost in this route, or brought where it was sold on.
    """
    costs = []
    for one in orders:
        paid_in_first = one is orders[0] and one.leg.side is Side.BUY
        paid_in_last = one is orders[-1] and one.leg.side is Side.SELL
        if paid_in_first or paid_in_last:
            worth = 1.0
        elif one.leg.side is Side.BUY:
            worth = orders[0].amount_in / one.amount_in
        else:
            worth = orders[-1].amount_out / one.amount_out
        costs.append(Cost(f"taker fee {one.leg.venue} {one.leg.symbol}", one.fee * worth))
    return costs
