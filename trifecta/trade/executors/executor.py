"""What an engine's executor does: orders for an opportunity, and all that must follow until it is through."""

from __future__ import annotations

from typing import Protocol

from trifecta.market.orders import Draft
from trifecta.scan.opportunity import Opportunity
from trifecta.trade.floor import Trade


class Executor(Protocol):
    """One engine. Everything it needs to go on after a restart is in the ledger."""

    def drafts(self, opportunity: Opportunity, decision_id: str) -> tuple[Draft, ...]:
        """The orders that open it.

        Raises:
            UntradableError: it cannot be traded, and why.
            OrderError: an order makes no sense.
        """
        ...

    def take_up(self, trade: Trade) -> None:
        """Makes ready to tend a trade, a new one or one of before a restart."""
        ...

    def tend(self, trade: Trade) -> int | None:
        """Does what is due; returns when to look again, ns, and None once nothing is left to do."""
        ...

    def calls(self, trade: Trade, venue: str, symbol: str) -> bool:
        """Whether what was just quoted must be looked at now; quick."""
        ...
