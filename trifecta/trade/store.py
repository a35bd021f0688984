"""Orders as the ledger keeps them: each change of status is legal and leaves an event."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, insert, or_, select, update

from trifecta.errors import PermanentError
from trifecta.market.orders import LEGAL, Draft, Order, OrderSide, OrderStatus, OrderType, TimeInForce
from warehouse.ledger import IS_LIVING, order_events, orders

MOST_ID = 36  # the shortest limit of a venue's client order id
_COLUMNS = [orders.c[field.name] for field in fields(Order)]
_INSERT, _INSERT_EVENT = insert(orders), insert(order_events)
_GET = select(*_COLUMNS).where(orders.c.client_order_id == bindparam("own"))
_CLAIM = (
    update(orders)
    .where(orders.c.client_order_id == bindparam("own"), orders.c.status == "PENDING", orders.c.sent_at.is_(None))
    .values(sent_at=bindparam("now_ns"))
)
_MOVE = update(orders).where(orders.c.client_order_id == bindparam("own"), orders.c.status == bindparam("before"))
_COUNT = select(func.count()).where(orders.c.decision_id == bindparam("own"))


class IllegalTransitionError(PermanentError):
    """An order cannot go from the status it has to the one asked for."""


def client_order_id(decision_id: str, sequence: int) -> str:
    """The id under which a venue knows the order: the same whenever it is made again, and nobody else's."""
    found = f"{decision_id}-{sequence}"
    if len(found) > MOST_ID:
        raise PermanentError(f"client_order_id {found!r} has {len(found)} characters: expected at most {MOST_ID}")
    return found


def intend(connection: Connection, order: Order) -> None:
    """Writes a new order, PENDING."""
    row = {field.name: getattr(order, field.name) for field in fields(Order)}
    connection.execute(_INSERT, row)
    _event(connection, order, None, order.status, "", order.intended_at)


def from_draft(draft: Draft, order_id: str, decision_id: str, portfolio: str, engine: str, fill_model: str,
               now_ns: int) -> Order:  # fmt: skip
    """The order that a draft becomes."""
    return Order(
        client_order_id=order_id,
        decision_id=decision_id,
        portfolio=portfolio,
        engine=engine,
        venue=draft.terms.venue,
        symbol=draft.terms.symbol,
        base=draft.terms.base,
        quote=draft.terms.quote,
        side=draft.side,
        type=draft.type,
        time_in_force=draft.time_in_force,
        qty=draft.qty,
        price=draft.price,
        notional=draft.notional,
        reduces=draft.reduces,
        fill_model=fill_model,
        status=OrderStatus.PENDING,
        filled_qty=draft.qty * 0,
        filled_notional=draft.qty * 0,
        venue_order_id=None,
        reason="",
        intended_at=now_ns,
        sent_at=None,
        done_at=None,
    )


def get(connection: Connection, order_id: str) -> Order:
    """The order as it stands."""
    found = connection.execute(_GET, {"own": order_id}).one_or_none()
    if found is None:
        raise PermanentError(f"client_order_id = {order_id!r}: expected an order of this ledger")
    return _order(found)


def of_decision(connection: Connection, decision_id: str) -> Sequence[Order]:
    """The decision's orders, in the order they were intended."""
    number = (func.length(orders.c.client_order_id), orders.c.client_order_id)  # -9 comes before -10
    own = select(*_COLUMNS).where(orders.c.decision_id == decision_id).order_by(*number)
    return [_order(row) for row in connection.execute(own)]


def count(connection: Connection, decision_id: str) -> int:
    """How many orders the decision has."""
    return int(connection.execute(_COUNT, {"own": decision_id}).scalar_one())


def unsettled(connection: Connection, venues: Iterable[str], done_after_ns: int) -> Sequence[Order]:
    """Orders that may still change: those that live, and those done so recently that a late fill may come."""
    recent = or_(IS_LIVING, orders.c.done_at > done_after_ns)
    asked = select(*_COLUMNS).where(orders.c.venue.in_(list(venues)), recent).order_by(orders.c.intended_at)
    return [_order(row) for row in connection.execute(asked)]


def living_venues(connection: Connection) -> Sequence[str]:
    """Venues at which an order is not done."""
    return list(connection.execute(select(orders.c.venue).where(IS_LIVING).distinct()).scalars())


def claim(connection: Connection, order_id: str, now_ns: int) -> Order | None:
    """The order, marked as sent by the caller and by nobody else; None where it is no longer to be sent."""
    if not connection.execute(_CLAIM, {"own": order_id, "now_ns": now_ns}).rowcount:
        return None
    return get(connection, order_id)


def accept(connection: Connection, order: Order, venue_order_id: str, now_ns: int) -> Order:
    """PENDING → OPEN."""
    known = {"venue_order_id": venue_order_id}
    return replace(_move(connection, order, OrderStatus.OPEN, "", now_ns, **known), venue_order_id=venue_order_id)


def finish(connection: Connection, order: Order, status: OrderStatus, reason: str, now_ns: int) -> Order:
    """To a final status."""
    done = _move(connection, order, status, reason, now_ns, done_at=now_ns, reason=reason)
    return replace(done, done_at=now_ns, reason=reason)


def _move(connection: Connection, order: Order, status: OrderStatus, why: str, now_ns: int, **changed: object) -> Order:
    if status not in LEGAL[order.status]:
        legal = sorted(LEGAL[order.status])
        raise IllegalTransitionError(
            f"order {order.client_order_id}: {order.status} to {status} is not a way; legal: {legal}"
        )
    unchanged = {"own": order.client_order_id, "before": order.status.value}
    done = connection.execute(_MOVE, {**unchanged, "status": status.value, **changed})
    if not done.rowcount:
        raise IllegalTransitionError(f"order {order.client_order_id} is no longer {order.status}: read it again")
    _event(connection, order, order.status, status, why, now_ns)
    return replace(order, status=status)


def _event(
    connection: Connection, order: Order, before: OrderStatus | None, after: OrderStatus, why: str, now_ns: int
) -> None:
    connection.execute(
        _INSERT_EVENT,
        {
            "ts_ns": now_ns,
            "client_order_id": order.client_order_id,
            "from_status": None if before is None else before.value,
            "to_status": after.value,
            "reason": why,
        },
    )


def _order(row: Row[Any]) -> Order:
    found: dict[str, Any] = dict(row._mapping)
    return Order(
        **found
        | {
            "side": OrderSide(row.side),
            "type": OrderType(row.type),
            "time_in_force": TimeInForce(row.time_in_force),
            "status": OrderStatus(row.status),
        }
    )
