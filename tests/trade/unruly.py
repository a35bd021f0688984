"""A venue in memory that does what venues do to people: late, twice, not at all, and not a word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum

from trifecta.clock import NS_PER_S, ManualClock
from trifecta.errors import TransientError, VenueRefusedError
from trifecta.market.orders import Fill, Order, OrderStatus
from trifecta.trade.gateways.gateway import Report

FEE = Decimal("0.001")


class Manner(Enum):
    """What the venue does with the next order."""

    FILL = "fills it at once"
    PART = "fills half, cancels the rest"
    REST = "lets it work"
    REFUSE = "refuses it"
    LOSE = "never sees it, and the caller never hears"
    MUTE = "fills it, but the answer is lost"
    TWICE = "reports each fill twice"
    SLOW = "gets it some seconds later, when the caller has given up"
    BLANK = "says that it is filled, and by what only when it is asked again"


class KilledError(BaseException):
    """The process ends here."""


@dataclass
class Kept:
    """An order as the venue knows it."""

    order: Order
    status: OrderStatus = OrderStatus.OPEN
    fills: list[Fill] = field(default_factory=list)
    twice: bool = False
    silent: int = 0  # so many reports come without the fills

    @property
    def filled(self) -> Decimal:
        return sum((fill.qty for fill in self.fills), Decimal(0))


class Unruly:
    """Outlives the processes that talk to it."""

    settles_after_s = 5.0

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self._underway: list[tuple[int, Order]] = []
        self.orders: dict[str, Kept] = {}
        self.manner = Manner.FILL
        self.price = Decimal(100)
        self.deaf = False  # answers no question
        self.kill_after_taking = False
        self.received: list[str] = []
        self.held: dict[str, Decimal] = {}
        self._fills = 0

    def place(self, order: Order) -> Report:
        manner = self.manner
        if manner is Manner.LOSE:
            raise TransientError("connection reset")
        self.received.append(order.client_order_id)
        if manner is Manner.SLOW:
            self._underway.append((self._clock.now_ns() + 4 * NS_PER_S, order))
            raise TransientError("timed out")
        if manner is Manner.REFUSE:
            raise VenueRefusedError("insufficient balance")
        kept = self.orders[order.client_order_id] = Kept(order, twice=manner is Manner.TWICE)
        if manner is not Manner.REST:
            self.fill(order.client_order_id, order.qty / 2 if manner is Manner.PART else order.qty)
        kept.silent = 1 if manner is Manner.BLANK else 0
        if manner is Manner.PART:
            kept.status = OrderStatus.CANCELLED
        if self.kill_after_taking:
            raise KilledError
        if manner is Manner.MUTE:
            raise TransientError("timed out")
        return _report(kept)

    def fill(self, order_id: str, qty: Decimal) -> None:
        """Fills so much of a working order."""
        kept = self.orders[order_id]
        self._fills += 1
        fee = (qty * self.price * FEE).quantize(Decimal("0.00000001"))
        kept.fills.append(
            Fill(f"f{self._fills}", qty, self.price, fee, "USDT", 1_700_000_000_000_000_000 + self._fills)
        )
        if kept.filled == kept.order.qty:
            kept.status = OrderStatus.FILLED

    def find(self, order: Order) -> Report | None:
        if self.deaf:
            raise TransientError("no answer")
        self.receive()
        kept = self.orders.get(order.client_order_id)
        return None if kept is None else _report(kept)

    def receive(self) -> None:
        """What was underway arrives when it is due, as long as that is before `settles_after_s`."""
        now_ns = self._clock.now_ns()
        for due, order in [one for one in self._underway if one[0] <= now_ns]:
            self.orders[order.client_order_id] = Kept(order)
            self.fill(order.client_order_id, order.qty)
            self._underway.remove((due, order))

    def cancel(self, order: Order) -> None:
        kept = self.orders.get(order.client_order_id)
        if kept is None or kept.status is not OrderStatus.OPEN:
            raise VenueRefusedError("unknown order")
        kept.status = OrderStatus.CANCELLED

    def open_orders(self) -> Sequence[str]:
        return [name for name, kept in self.orders.items() if kept.status is OrderStatus.OPEN]

    def balances(self) -> Mapping[str, Decimal]:
        if self.deaf:
            raise TransientError("no answer")
        return self.held


def _report(kept: Kept) -> Report:
    kept.silent, shown = max(kept.silent - 1, 0), not kept.silent
    fills = tuple(kept.fills) * (2 if kept.twice else 1) if shown else ()
    return Report("v" + kept.order.client_order_id, kept.status, kept.filled, fills, "")
