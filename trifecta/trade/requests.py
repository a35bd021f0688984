"""Requests to trade an opportunity: asked by a person anywhere, answered by the one process that trades.

A request is a row of the ledger, so it outlives whoever asked and whoever answers. While one waits, asking again is
the same request; what became of it stays.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import Connection, insert, select, update

from trifecta.clock import NS_PER_S
from trifecta.errors import DataError
from trifecta.market.orders import Order, OrderStatus
from trifecta.settings import Settings
from trifecta.trade import store
from warehouse.ledger import Ledger, execution_requests

WAITED_S = 30.0
"""A request that nobody answered for this long is not acted on any more."""
_COLUMNS = execution_requests.c
_WAITING = select(_COLUMNS.id, _COLUMNS.opportunity_id, _COLUMNS.trigger, _COLUMNS.ts_ns).where(
    _COLUMNS.status == "waiting"
)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A request that nobody has answered."""

    id: str
    opportunity_id: str
    trigger: str
    ts_ns: int

    def is_late(self, now_ns: int) -> bool:
        return now_ns - self.ts_ns > WAITED_S * NS_PER_S


@dataclass(frozen=True, slots=True)
class ShownOrder:
    """One order, for people."""

    order: str
    venue: str
    symbol: str
    side: str
    qty: Decimal
    price: Decimal | None
    status: str
    filled: Decimal
    average: Decimal | None
    reason: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What became of a request. `verdict` is pending until the trader has answered."""

    request_id: str
    opportunity_id: str
    verdict: str  # approved, refused, skipped, gone or pending
    reason: str
    decision_id: str | None
    orders: tuple[ShownOrder, ...] = ()

    @property
    def is_through(self) -> bool:
        """Answered, and each of its orders done."""
        return self.verdict != "pending" and all(OrderStatus(order.status).is_final for order in self.orders)


def portfolio(settings: Settings) -> str:
    """Whose money is traded: what dice decide and what is real are kept apart."""
    trade = settings.trade
    if trade.mode == "live":
        return "live"
    return "stochastic" if trade.fill_model == "stochastic" else "paper"


def ask(ledger: Ledger, portfolio: str, opportunity_id: str, trigger: str, now_ns: int) -> str:
    """The id of the request that waits for this opportunity, made now or before."""
    with ledger.begin() as connection:
        own = (_COLUMNS.portfolio == portfolio) & (_COLUMNS.opportunity_id == opportunity_id)
        before = connection.execute(select(_COLUMNS.id).where(own, _COLUMNS.status == "waiting")).scalar_one_or_none()
        if before is not None:
            return str(before)
        made = f"ask-{secrets.token_hex(8)}"
        row = {"portfolio": portfolio, "opportunity_id": opportunity_id, "trigger": trigger, "status": "waiting"}
        connection.execute(insert(execution_requests).values(id=made, ts_ns=now_ns, **row))
        return made


def waiting(connection: Connection, portfolio: str) -> Sequence[Waiting]:
    """Requests without an answer, oldest first."""
    asked = _WAITING.where(_COLUMNS.portfolio == portfolio).order_by(_COLUMNS.ts_ns)
    return [Waiting(*row) for row in connection.execute(asked)]


def conclude(
    connection: Connection, request_id: str, verdict: str, reason: str, decision_id: str | None, now_ns: int
) -> None:
    """Answers a request that waits."""
    told = {"verdict": verdict, "reason": reason, "decision_id": decision_id, "done_at": now_ns}
    own = (_COLUMNS.id == request_id) & (_COLUMNS.status == "waiting")
    connection.execute(update(execution_requests).where(own).values(status="done", **told))


def reply(ledger: Ledger, request_id: str) -> Reply:
    """What became of a request so far.

    Raises:
        DataError: there is no such request.
    """
    with ledger.read() as connection:
        row = connection.execute(select(execution_requests).where(_COLUMNS.id == request_id)).one_or_none()
        if row is None:
            raise DataError(f"request {request_id[:64]!r} is not known: expected the id that asking gave")
        orders = () if row.decision_id is None else tuple(map(_shown, store.of_decision(connection, row.decision_id)))
    if row.status == "waiting":
        reason = f"waits for the trader: ask again for {request_id}"
        return Reply(request_id, row.opportunity_id, "pending", reason, None)
    return Reply(request_id, row.opportunity_id, row.verdict, row.reason, row.decision_id, orders)


def _shown(order: Order) -> ShownOrder:
    return ShownOrder(
        order=order.client_order_id,
        venue=order.venue,
        symbol=order.symbol,
        side=order.side.value,
        qty=order.qty,
        price=order.price,
        status=order.status.value,
        filled=order.filled_qty,
        average=order.average_price,
        reason=order.reason,
    )
