"""At which prices an open trade ends by itself, and at which it did: kept in the ledger, so that a restart knows."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import Connection, func, insert, select, update

from warehouse.ledger import exits, fills


@dataclass(frozen=True, slots=True)
class Exit:
    """One row of the ledger's exits. `reason` is empty as long as nothing ended it."""

    decision_id: str
    take_profit: Decimal | None = None
    stop_loss: Decimal | None = None
    entry: Decimal | None = None
    exit: Decimal | None = None
    reason: str = ""


def find(connection: Connection, decision_id: str) -> Exit | None:
    """The exit of a decision, if it has one."""
    columns = [exits.c[name] for name in Exit.__slots__]
    row = connection.execute(select(*columns).where(exits.c.decision_id == decision_id)).one_or_none()
    return None if row is None else Exit(*row)


def keep(connection: Connection, found: Exit, now_ns: int) -> None:
    """Writes it, in place of what was known of this decision's exit."""
    values = {name: getattr(found, name) for name in Exit.__slots__} | {"updated_at": now_ns}
    done = connection.execute(update(exits).where(exits.c.decision_id == found.decision_id).values(**values))
    if not done.rowcount:
        connection.execute(insert(exits).values(**values))


def first_fill(connection: Connection, order_id: str) -> int:
    """When an order was first filled, by its venue's time, ns."""
    own = fills.c.client_order_id == order_id
    return int(connection.execute(select(func.min(fills.c.ts_event)).where(own)).scalar_one())
