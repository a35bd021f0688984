"""What executors work with: one portfolio's ledger, desk and market, and how it is filled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

import msgspec

from trifecta.clock import NS_PER_S, Clock
from trifecta.decide.decisions import Stage
from trifecta.decide.portfolio import value
from trifecta.market.money import ZERO
from trifecta.market.orders import Draft, Order, Terms
from trifecta.scan.opportunity import Opportunity
from trifecta.settings import Settings
from trifecta.trade import store
from trifecta.trade.books import Books
from trifecta.trade.desk import Desk, Request
from trifecta.trade.fills import Stochastic
from trifecta.trade.gateways.gateway import Gateway
from trifecta.trade.holdings import Holdings
from trifecta.trade.oms import Oms
from trifecta.trade.valuing import UntradableError
from warehouse.ledger import Ledger

RETRY_NS = NS_PER_S
"""How soon an exit or unwind is tried again that could not be sent or was not filled."""
_ROOM = Decimal("0.98")
"""Of the position cap: the price moves until risk measures again."""
POLL_NS = NS_PER_S // 40
"""How soon an order is asked for again that is not done."""


class Price(msgspec.Struct, frozen=True):
    """A recorded mid, and when it was quoted, ns."""

    mid: float
    ts_ns: int


class Recorded(Protocol):
    """Prices as they were recorded: what contracts are settled by."""

    def mid(self, venue: str, pair: str, at_ns: int) -> Price | None:
        """The newest mid of a pair by `at_ns` on the market that `venue` belongs to; None where nobody quoted it
        within 10 s.

        Raises:
            TransientError: what was recorded does not reach to `at_ns` yet.
        """
        ...


@dataclass(slots=True)
class Trade:
    """An opportunity that is traded and not through yet."""

    decision_id: str
    opportunity: Opportunity
    due_ns: int = 0
    """When it is looked at again."""


@dataclass
class Floor:
    """One portfolio's means to trade."""

    settings: Settings
    ledger: Ledger
    clock: Clock
    books: Books
    oms: Oms
    desk: Desk
    recorded: Recorded
    catalogue: dict[tuple[str, str], Terms]
    gateways: dict[str, Gateway]
    paper: Gateway | None
    """Where venues without a gateway of their own are traded; None: nowhere."""
    portfolio: str
    mode: str
    fill_model: str
    dice: Stochastic | None
    """Decides how trades end where the fill model does not follow the market."""
    holdings: Holdings
    """What lies in the accounts of `gateways`, live alone."""
    require: Callable[[set[str]], None]
    """Sees to it that amounts in these currencies have a worth, or raises UntradableError."""
    alarms: dict[str, str] = field(default_factory=dict)
    """By decision: what a person must know of."""

    def enlist(self, terms: Terms) -> Terms:
        """Makes an instrument tradable; the terms that are in force."""
        self.reach(terms.venue)
        return self.catalogue.setdefault((terms.venue, terms.symbol), terms)

    def reach(self, venue: str) -> None:
        """Lets paper orders go to a venue."""
        if self.paper is not None:
            self.gateways.setdefault(venue, self.paper)

    def terms(self, venue: str, symbol: str) -> Terms:
        """How an instrument trades.

        Raises:
            UntradableError: nobody told, or there is no way to its venue.
        """
        found = self.catalogue.get((venue, symbol))
        if found is None:
            raise UntradableError(f"{symbol} at {venue}: the venue told no terms of it")
        if venue not in self.gateways:
            raise UntradableError(f"{venue}: no gateway in {self.mode} mode; reachable: {', '.join(self.gateways)}")
        return found

    def market(self, venue: str, symbol: str) -> Terms:
        """How an instrument trades whose prices are seen now.

        Raises:
            UntradableError: as `terms`; or nobody knows what it is worth now, so an order would be blind.
        """
        found = self.terms(venue, symbol)
        if self.books.best(venue, symbol) is None:
            raise UntradableError(f"{symbol} at {venue}: its book is not seen now")
        return found

    def room(self, terms: Terms, price: Decimal) -> Decimal:
        """How much of an instrument the position cap leaves room for at `price`, were nothing held of it; base units.

        Raises:
            UntradableError: nothing tells what its quote currency is worth.
        """
        self.require({terms.quote})
        with self.ledger.read() as connection:
            found = value(connection, self.portfolio)
        allowed = self.settings.risk.position_share * max(found.worth.equity, ZERO) * _ROOM
        return allowed / found.convert(price, terms.quote)

    def orders(self, trade: Trade) -> Sequence[Order]:
        """The decision's orders, those that are not done asked for once more."""
        with self.ledger.read() as connection:
            found = store.of_decision(connection, trade.decision_id)
        return [one if one.status.is_final else self.oms.settle(one.client_order_id) for one in found]

    def request(
        self, opportunity: Opportunity, drafts: Sequence[Draft], trigger: str, inputs: dict[str, Any] | None = None,
        stages: Sequence[Stage] = (),
    ) -> Request:  # fmt: skip
        """What the desk is asked for."""
        return Request(
            opportunity_id=opportunity.id,
            portfolio=self.portfolio,
            engine=opportunity.engine.value,
            drafts=tuple(drafts),
            trigger=trigger,
            fill_model=self.fill_model,
            mode=self.mode,
            inputs=inputs or {},
            stages=stages,
        )

    def follow(self, trade: Trade, draft: Draft, why: str) -> str:
        """Sends one more order of a decision; empty, or why risk refused it."""
        done = self.desk.follow(trade.decision_id, self.request(trade.opportunity, [draft], why))
        return "" if done.refused is None else f"{done.refused.rule}: {done.refused.reason}"


def exact(told: float) -> Decimal:
    """A float of the scanners as the decimal it is written as."""
    return Decimal(repr(float(told)))


def came_to_nothing(orders: Sequence[Order], now_ns: int) -> bool:
    """Whether the last exit or unwinding was not filled at all, so lately that the next one waits."""
    last = next((one for one in reversed(orders) if one.reduces), None)
    return last is not None and not last.filled_qty and now_ns < (last.done_at or 0) + RETRY_NS
