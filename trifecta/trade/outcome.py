"""What a decision came to, once its orders are done and its positions flat: the sum of its cash entries."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import Connection, bindparam, func, insert, select, update

from trifecta.decide.portfolio import Valuation
from trifecta.market.money import ZERO
from trifecta.market.orders import OrderSide
from warehouse.ledger import IS_LIVING, fills, orders, outcomes

DUST = Decimal("0.005")
"""Share of what was traded that may be left over by lots and fees paid in the asset, and still count as flat."""
_OWN = orders.c.decision_id == bindparam("own")
_LIVING = select(func.count()).where(_OWN, IS_LIVING)
_FILLS = (
    select(
        fills.c.venue, fills.c.symbol, fills.c.side, fills.c.qty, fills.c.price, fills.c.notional, fills.c.fee,
        fills.c.fee_currency, orders.c.base, orders.c.quote,
    )
    .join_from(fills, orders, fills.c.client_order_id == orders.c.client_order_id)
    .where(_OWN)
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Result:
    """P&L after fees, in the reporting currency."""

    pnl: Decimal
    fees: Decimal


def close(connection: Connection, decision_id: str, valuation: Valuation, currency: str, now_ns: int) -> Result | None:
    """Books the outcome if the decision is through; returns it the first time only, so that it is counted once."""
    if connection.execute(_LIVING, {"own": decision_id}).scalar_one():
        return None
    found = _result(connection, decision_id, valuation)
    if found is None:
        return None
    again = update(outcomes).where(outcomes.c.decision_id == decision_id).values(pnl=found.pnl, fees=found.fees)
    if connection.execute(again).rowcount:  # a fill that the venue told late
        return None
    own = orders.c.decision_id == decision_id
    order = connection.execute(select(orders.c.portfolio, orders.c.engine).where(own).limit(1)).one()
    connection.execute(
        insert(outcomes).values(
            decision_id=decision_id,
            portfolio=order.portfolio,
            engine=order.engine,
            closed_at=now_ns,
            currency=currency,
            pnl=found.pnl,
            fees=found.fees,
        )
    )
    return found


def _result(connection: Connection, decision_id: str, valuation: Valuation) -> Result | None:
    """None while something is held or owed in any market, and where nothing was filled."""
    rows = connection.execute(_FILLS, {"own": decision_id}).all()
    net: dict[str, Decimal] = defaultdict(lambda: ZERO)
    held: dict[tuple[str, str], Decimal] = defaultdict(lambda: ZERO)
    traded: dict[tuple[str, str], Decimal] = defaultdict(lambda: ZERO)
    last: dict[str, tuple[Decimal, str]] = {}
    fees = ZERO
    for row in rows:
        sign = OrderSide(row.side).sign
        here = (row.venue, row.symbol)
        held[here] += sign * row.qty - (row.fee if row.fee_currency == row.base else ZERO)
        traded[here] = max(traded[here], row.qty)
        net[row.base] += sign * row.qty
        net[row.quote] -= sign * row.notional
        net[row.fee_currency] -= row.fee
        last[row.base] = (row.price, row.quote)
        fees += _value(row.fee, row.fee_currency, last, valuation)
    if not rows or any(abs(held[place]) > DUST * most for place, most in traded.items()):
        return None
    return Result(sum((_value(amount, asset, last, valuation) for asset, amount in net.items()), ZERO), fees)


def _value(amount: Decimal, asset: str, last: dict[str, tuple[Decimal, str]], valuation: Valuation) -> Decimal:
    """In the reporting currency; of an asset without a rate by the price it was last traded at."""
    if not amount:
        return ZERO
    if asset in valuation.rates:
        return valuation.convert(amount, asset)
    price, quote = last[asset]
    return valuation.convert(amount * price, quote)
