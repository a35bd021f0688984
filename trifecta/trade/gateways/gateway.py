"""What every way to a venue can do. The OMS knows nothing else of a venue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from trifecta.market.orders import Fill, Order, OrderStatus


@dataclass(frozen=True, slots=True)
class Report:
    """What a venue says of one order: its status, and every fill of it so far."""

    venue_order_id: str
    status: OrderStatus  # never PENDING
    filled_qty: Decimal
    fills: tuple[Fill, ...] = ()
    reason: str = ""


class Gateway(Protocol):
    """One venue. Each call may raise TransientError: nobody knows then whether it took effect."""

    @property
    def settles_after_s(self) -> float:
        """How long after it was sent an order may still arrive; asked after that, the venue's no is final."""
        ...

    def place(self, order: Order) -> Report:
        """Sends the order once, with its own client id.

        Raises:
            VenueRefusedError: the venue has not taken it and never will.
        """
        ...

    def find(self, order: Order) -> Report | None:
        """What became of the order; None where the venue does not know it."""
        ...

    def cancel(self, order: Order) -> None:
        """Asks to take back what is left; what came of it, `find` tells."""
        ...

    def open_orders(self) -> Sequence[str]:
        """Client ids of the orders that work at the venue, ours and others'."""
        ...

    def balances(self) -> Mapping[str, Decimal]:
        """What the account may spend, by currency: without what its working orders hold back."""
        ...
