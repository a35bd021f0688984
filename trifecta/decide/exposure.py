"""What a portfolio would hold if every order that may still fill did."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, or_, select

from trifecta.clock import NS_PER_S
from trifecta.decide.portfolio import Valuation
from trifecta.market.money import ZERO, share
from trifecta.market.orders import Draft, OrderSide, OrderStatus, Terms
from warehouse.ledger import IS_LIVING, balances, marks, orders

MARK_FRESH_S = 60
_OWN = orders.c.portfolio == bindparam("portfolio")
_RECENT = orders.c.intended_at > bindparam("since_ns")
_LIVING = select(
    orders.c.venue, orders.c.base, orders.c.quote, orders.c.side, orders.c.qty, orders.c.filled_qty, orders.c.notional,
    orders.c.reduces,
).where(_OWN, IS_LIVING)  # fmt: skip
_TWINS = select(
    orders.c.client_order_id, orders.c.venue, orders.c.symbol, orders.c.side, orders.c.qty, orders.c.price
).where(_OWN, _RECENT, or_(IS_LIVING, orders.c.filled_qty > 0))  # fmt: skip
_COUNT = select(func.count()).where(_OWN, _RECENT)
_MOVED = (
    select(orders.c.quote, func.sum(orders.c.notional))
    .where(_OWN, _RECENT, orders.c.status != OrderStatus.REJECTED.value)
    .group_by(orders.c.quote)
)
_MARK = select(marks.c.price).where(
    marks.c.venue == bindparam("venue"), marks.c.symbol == bindparam("symbol"), marks.c.ts_ns > bindparam("since_ns")
)
_CASH = select(balances.c.amount).where(
    balances.c.portfolio == bindparam("portfolio"),
    balances.c.account == "cash",
    balances.c.venue == bindparam("venue"),
    balances.c.currency == bindparam("currency"),
)


@dataclass(frozen=True, slots=True)
class Exposure:
    """Amounts in the reporting currency: long and short count alike."""

    positions: Mapping[str, Decimal]  # by "asset at venue"
    assets: Mapping[str, Decimal]
    venues: Mapping[str, Decimal]


def measure(connection: Connection, portfolio: str, drafts: Sequence[Draft], valuation: Valuation) -> Exposure:
    """Positions at mark, what living orders have left, and the drafts, each at its full size: of what drafts touch."""
    amounts = _amounts(connection, portfolio, valuation)
    for draft in drafts:
        if not draft.reduces:
            amounts[draft.terms.venue, draft.terms.base] += valuation.convert(draft.notional, draft.terms.quote)
    return _sums(amounts, {(draft.terms.venue, draft.terms.base) for draft in drafts})


def held(connection: Connection, portfolio: str, valuation: Valuation) -> Exposure:
    """Every position at mark, and what living orders have left."""
    amounts = _amounts(connection, portfolio, valuation)
    return _sums(amounts, set(amounts))


def _amounts(connection: Connection, portfolio: str, valuation: Valuation) -> dict[tuple[str, str], Decimal]:
    """By (venue, asset)."""
    amounts: dict[tuple[str, str], Decimal] = defaultdict(lambda: ZERO)
    net: dict[tuple[str, str], Decimal] = defaultdict(lambda: ZERO)
    for position in valuation.positions:
        net[position.venue, position.base] += valuation.convert(position.value, position.quote)
    for place, value in net.items():
        amounts[place] += abs(value)
    for row in _living(connection, portfolio):
        if not row.reduces:
            left = share(row.notional, row.qty - row.filled_qty, row.qty)
            amounts[row.venue, row.base] += valuation.convert(left, row.quote)
    return amounts


def _sums(amounts: Mapping[tuple[str, str], Decimal], places: Collection[tuple[str, str]]) -> Exposure:
    return Exposure(
        positions={f"{asset} at {venue}": amounts[venue, asset] for venue, asset in sorted(places)},
        assets={
            asset: sum((amount for (_, one), amount in amounts.items() if one == asset), ZERO)
            for asset in sorted({asset for _, asset in places})
        },
        venues={
            venue: sum((amount for (one, _), amount in amounts.items() if one == venue), ZERO)
            for venue in sorted({venue for venue, _ in places})
        },
    )


def oversold(connection: Connection, portfolio: str, drafts: Sequence[Draft], valuation: Valuation) -> str | None:
    """Why not, where more would be sold than is owned at a venue without margin; None where all is well."""
    wanted: dict[tuple[str, str], Decimal] = defaultdict(lambda: ZERO)
    for draft in drafts:
        if draft.side is OrderSide.SELL and not draft.terms.margin:
            wanted[draft.terms.venue, draft.terms.base] += draft.qty
    if not wanted:
        return None
    owned: dict[tuple[str, str], Decimal] = defaultdict(lambda: ZERO)
    for position in valuation.positions:
        owned[position.venue, position.base] += position.qty
    for venue, asset in wanted:  # what another market of the venue paid in this currency
        owned[venue, asset] += _cash(connection, portfolio, venue, asset)
    for row in _living(connection, portfolio):
        if row.side == OrderSide.SELL:
            owned[row.venue, row.base] -= row.qty - row.filled_qty
    for (venue, asset), qty in wanted.items():
        if qty > owned[venue, asset]:
            return f"selling {qty} {asset} at {venue} takes more than the {owned[venue, asset]} that are free there"
    return None


def _cash(connection: Connection, portfolio: str, venue: str, currency: str) -> Decimal:
    asked = {"portfolio": portfolio, "venue": venue, "currency": currency}
    return sum(connection.execute(_CASH, asked).scalars(), ZERO)


def twin(connection: Connection, portfolio: str, drafts: Iterable[Draft], since_ns: int) -> str | None:
    """The id of a recent order that one of the drafts repeats; an order that came to nothing is not repeated."""
    recent = connection.execute(_TWINS, {"portfolio": portfolio, "since_ns": since_ns}).all()
    known = {(row.venue, row.symbol, row.side, row.qty, row.price): str(row.client_order_id) for row in recent}
    keys = ((d.terms.venue, d.terms.symbol, d.side.value, d.qty, d.price) for d in drafts)
    return next((known[key] for key in keys if key in known), None)


def orders_since(connection: Connection, portfolio: str, since_ns: int) -> int:
    """How many orders were intended after that time."""
    return int(connection.execute(_COUNT, {"portfolio": portfolio, "since_ns": since_ns}).scalar_one())


def moved_since(connection: Connection, portfolio: str, since_ns: int, valuation: Valuation) -> Decimal:
    """What the portfolio's orders since then were to move, in the reporting currency; rejected ones nothing."""
    sums = connection.execute(_MOVED, {"portfolio": portfolio, "since_ns": since_ns})
    return sum((valuation.convert(amount, quote) for quote, amount in sums), ZERO)


def fresh_mark(connection: Connection, terms: Terms, now_ns: int) -> Decimal | None:
    """The instrument's mark, where it is young enough to measure a price by."""
    asked = {"venue": terms.venue, "symbol": terms.symbol, "since_ns": now_ns - MARK_FRESH_S * NS_PER_S}
    return connection.execute(_MARK, asked).scalar_one_or_none()


def _living(connection: Connection, portfolio: str) -> Sequence[Row[Any]]:
    return connection.execute(_LIVING, {"portfolio": portfolio}).all()
