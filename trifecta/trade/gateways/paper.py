"""A venue that fills by a model: orders arrive after a latency, pay the venue's fee, rest, fill in part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from trifecta.clock import NS_PER_MS, NS_PER_S, Clock
from trifecta.errors import VenueRefusedError
from trifecta.market.money import ZERO, product
from trifecta.market.orders import Catalogue, Fill, Order, OrderStatus, OrderType, TimeInForce
from trifecta.trade.fills.model import Depth, FillModel, Print, Resting, Slice
from trifecta.trade.gateways.gateway import Report

PATIENCE_S = 5.0
"""How long an order waits at the venue for a book to be seen."""
MOST_KEPT = 10_000
_NO_BOOK = Depth((), (), 0)


class MarketView(Protocol):
    """Where the paper venue sees the market."""

    def depth(self, venue: str, symbol: str, at_ns: int) -> Depth | None:
        """The book as it stood then; None while that is not known."""
        ...


@dataclass(slots=True)
class _Working:
    """One order at the paper venue."""

    order: Order
    arrives_at: int
    left: Decimal
    status: OrderStatus = OrderStatus.OPEN
    reason: str = ""
    resting: Resting | None = None
    fills: list[Fill] = field(default_factory=list)

    @property
    def filled(self) -> Decimal:
        return self.order.qty - self.left


class Paper:
    """One paper venue. Its memory is the ledger: after a restart it takes up the orders that the OMS asks for."""

    settles_after_s = 2.0  # for the process that has claimed an order to place it

    def __init__(
        self, catalogue: Catalogue, market: MarketView, model: FillModel, clock: Clock, latency_ms: float = 0.0
    ) -> None:
        self._catalogue = catalogue
        self._market = market
        self._model = model
        self._clock = clock
        self._latency_ns = round(latency_ms * NS_PER_MS)
        self._orders: dict[str, _Working] = {}

    def place(self, order: Order) -> Report:
        if (order.venue, order.symbol) not in self._catalogue:
            raise VenueRefusedError(f"symbol = {order.symbol!r}: {order.venue} does not trade it")
        self._forget()
        working = self._orders.setdefault(order.client_order_id, self._taken_up(order))
        self._advance(working)
        return _report(working)

    def find(self, order: Order) -> Report | None:
        working = self._orders.get(order.client_order_id)
        if working is None:
            if order.status is not OrderStatus.OPEN:
                return None
            working = self._orders[order.client_order_id] = self._taken_up(order)
        self._advance(working)
        return _report(working)

    def cancel(self, order: Order) -> None:
        if self.find(order) is not None:
            self._end(self._orders[order.client_order_id], "cancelled")

    def open_orders(self) -> Sequence[str]:
        return [name for name, working in self._orders.items() if working.status is OrderStatus.OPEN]

    def balances(self) -> Mapping[str, Decimal]:
        return {}

    def on_depth(self, venue: str, symbol: str, depth: Depth) -> Sequence[str]:
        """Client ids of the orders that this book fills; the OMS settles them."""
        return [
            name
            for name, resting in self._resting(venue, symbol)
            if self._fill(self._orders[name], self._model.on_depth(resting, depth), depth.ts_ns)
        ]

    def on_print(self, venue: str, symbol: str, trade: Print) -> Sequence[str]:
        """Client ids of the orders that this public trade fills."""
        return [
            name
            for name, resting in self._resting(venue, symbol)
            if self._fill(self._orders[name], self._model.on_print(resting, trade), trade.ts_ns)
        ]

    def _taken_up(self, order: Order) -> _Working:
        sent_at = order.sent_at if order.sent_at is not None else self._clock.now_ns()
        return _Working(order, sent_at + self._latency_ns, order.left)

    def _advance(self, working: _Working) -> None:
        """Lets the order meet the book, once it has arrived and the book of that moment is known."""
        if working.status is not OrderStatus.OPEN or working.resting is not None:
            return
        order, now_ns = working.order, self._clock.now_ns()
        depth: Depth | None = _NO_BOOK
        if self._model.follows_market:
            depth = self._market.depth(order.venue, order.symbol, working.arrives_at)
        if depth is None:
            if now_ns - working.arrives_at > PATIENCE_S * NS_PER_S:
                self._end(working, f"no book of {order.symbol} at {order.venue} within {PATIENCE_S:g} s")
            return
        self._fill(working, self._model.arrive(order, depth), max(working.arrives_at, depth.ts_ns))
        if working.status is not OrderStatus.OPEN:
            return
        if order.type is OrderType.MARKET or order.time_in_force is not TimeInForce.GTC:
            self._end(working, "the book held no more within the limit")
        else:
            working.resting = self._model.rest(order, working.left, depth)

    def _fill(self, working: _Working, slices: Sequence[Slice], ts_ns: int) -> bool:
        order = working.order
        terms = self._catalogue[order.venue, order.symbol]
        filled = False
        for one in slices:
            qty = terms.whole_lots(min(one.qty, working.left))
            if not qty:
                continue
            notional = product(qty, one.price)
            fee = terms.fee(notional, one.liquidity) if self._model.follows_market else ZERO
            fill_id = f"{order.client_order_id}@{working.filled}"  # the same again after a restart
            working.fills.append(Fill(fill_id, qty, one.price, fee, order.quote, ts_ns, one.liquidity))
            working.left -= qty
            filled = True
        if working.resting is not None:
            working.resting.left = working.left
        if not working.left:
            working.status, working.resting = OrderStatus.FILLED, None
        return filled

    def _end(self, working: _Working, reason: str) -> None:
        if working.status is OrderStatus.OPEN:
            working.status, working.reason, working.resting = OrderStatus.CANCELLED, reason, None

    def _resting(self, venue: str, symbol: str) -> Sequence[tuple[str, Resting]]:
        return [
            (name, working.resting)
            for name, working in self._orders.items()
            if working.resting is not None and (working.order.venue, working.order.symbol) == (venue, symbol)
        ]

    def _forget(self) -> None:
        """Drops the oldest finished orders; the ledger has them."""
        if len(self._orders) < MOST_KEPT:
            return
        done = [name for name, working in self._orders.items() if working.status is not OrderStatus.OPEN]
        for name in done[: MOST_KEPT // 2]:
            del self._orders[name]


def _report(working: _Working) -> Report:
    return Report(
        venue_order_id=f"paper-{working.order.client_order_id}",
        status=working.status,
        filled_qty=working.filled,
        fills=tuple(working.fills),
        reason=working.reason,
    )
