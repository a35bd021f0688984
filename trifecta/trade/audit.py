"""Recomputes a whole ledger from its fills and deposits, by other means than those that booked them."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

from sqlalchemy import Connection, Row, func, select

from trifecta.decide.portfolio import IdentityError, value
from trifecta.market.money import QUANTUM, ZERO, product
from trifecta.market.orders import Liquidity, OrderSide, OrderStatus
from warehouse.ledger import balances, closures, entries, fills, lots, orders, positions, postings

_Sums = dict[tuple[str, ...], Decimal]


def audit(connection: Connection) -> list[str]:
    """What does not add up, one line each; empty for a sound ledger."""
    told = fills_with_orders(connection)
    return [
        *_unbalanced(connection),
        *_differences("balance", _balances(connection), _entries(connection)),
        *_differences("position", _positions(connection), _lots(connection)),
        *_differences("position from fills", _positions(connection), _quantities(told)),
        *_differences("cash and fees from fills", _cash_and_fees(connection), _flows(connection, told)),
        *_realised(connection, told),
        *_orders(connection),
        *_worths(connection),
    ]


def fills_with_orders(connection: Connection) -> list[Row[Any]]:
    """Every fill in the order of booking, with its order's currencies."""
    joined = select(fills, orders.c.base, orders.c.quote).join_from(
        fills, orders, fills.c.client_order_id == orders.c.client_order_id
    )
    return list(connection.execute(joined.order_by(fills.c.id)).all())


def _unbalanced(connection: Connection) -> Iterator[str]:
    sums = select(entries.c.posting_id, entries.c.currency, func.sum(entries.c.amount).label("off"))
    for row in connection.execute(sums.group_by(entries.c.posting_id, entries.c.currency)):
        if row.off:
            yield f"posting {row.posting_id}: its entries in {row.currency} sum to {row.off}, expected 0"


def _balances(connection: Connection) -> _Sums:
    return {tuple(row[:-1]): row.amount for row in connection.execute(select(balances))}


def _entries(connection: Connection) -> _Sums:
    key = (
        postings.c.portfolio,
        postings.c.engine,
        entries.c.account,
        entries.c.venue,
        entries.c.symbol,
        entries.c.currency,
    )
    joined = select(*key, func.sum(entries.c.amount)).join_from(
        entries, postings, entries.c.posting_id == postings.c.id
    )
    return {tuple(row[:-1]): row[-1] for row in connection.execute(joined.group_by(*key))}


def _positions(connection: Connection) -> _Sums:
    own = select(positions.c.portfolio, positions.c.engine, positions.c.venue, positions.c.symbol, positions.c.qty)
    return {tuple(row[:-1]): row.qty for row in connection.execute(own)}


def _lots(connection: Connection) -> _Sums:
    key = (lots.c.portfolio, lots.c.engine, lots.c.venue, lots.c.symbol)
    summed = select(*key, func.sum(lots.c.qty_left)).group_by(*key)
    return {tuple(row[:-1]): row[-1] for row in connection.execute(summed)}


def _quantities(told: list[Row[Any]]) -> _Sums:
    sums: _Sums = defaultdict(lambda: ZERO)
    for fill in told:
        in_base = fill.fee if fill.fee_currency == fill.base else ZERO
        sums[_place(fill)] += OrderSide(fill.side).sign * fill.qty - in_base
    return sums


def _cash_and_fees(connection: Connection) -> _Sums:
    kept = select(balances.c.portfolio, balances.c.account, balances.c.currency, func.sum(balances.c.amount))
    kept = kept.where(balances.c.account.in_(["cash", "fees"]))
    grouped = kept.group_by(balances.c.portfolio, balances.c.account, balances.c.currency)
    return {tuple(row[:-1]): row[-1] for row in connection.execute(grouped)}


def _flows(connection: Connection, told: list[Row[Any]]) -> _Sums:
    """Deposits, and what fills moved."""
    sums: _Sums = defaultdict(lambda: ZERO)
    capital = select(postings.c.portfolio, entries.c.currency, entries.c.amount)
    capital = capital.join_from(entries, postings, entries.c.posting_id == postings.c.id)
    for portfolio, currency, amount in connection.execute(capital.where(entries.c.account == "capital")):
        sums[portfolio, "cash", currency] -= amount
    for fill in told:
        sums[fill.portfolio, "cash", fill.quote] -= OrderSide(fill.side).sign * product(fill.qty, fill.price)
        if fill.fee_currency == fill.base:  # paid out of the position
            sums[fill.portfolio, "fees", fill.quote] += product(fill.fee, fill.price)
        else:
            sums[fill.portfolio, "cash", fill.fee_currency] -= fill.fee
            sums[fill.portfolio, "fees", fill.fee_currency] += fill.fee
    return sums


def _realised(connection: Connection, told: list[Row[Any]]) -> Iterator[str]:
    """First in, first out with exact fractions: each closure may differ by its rounding and no more."""
    gains: dict[tuple[str, ...], Fraction] = defaultdict(Fraction)
    held: dict[tuple[str, ...], deque[tuple[Fraction, Fraction]]] = defaultdict(deque)
    for fill in told:
        in_base = fill.fee if fill.fee_currency == fill.base else ZERO
        sign = OrderSide(fill.side).sign
        qty = Fraction(sign * fill.qty - in_base)
        worth = Fraction(sign * fill.notional - product(in_base, fill.price))
        gains[_place(fill)] += _gain(held[_place(fill)], qty, worth)
    key = (lots.c.portfolio, lots.c.engine, lots.c.venue, lots.c.symbol)
    booked = select(*key, func.sum(closures.c.realised), func.count())
    booked = booked.join_from(closures, lots, closures.c.lot_id == lots.c.id).group_by(*key)
    sums = {tuple(row[:4]): (row[4], row[5]) for row in connection.execute(booked)}
    for place, gain in gains.items():
        amount, count = sums.get(place, (ZERO, 0))
        if abs(Fraction(amount) - gain) > 2 * (count + 1) * Fraction(QUANTUM):
            yield f"realised {' '.join(place)}: {amount} booked, {float(gain):.8f} from fills"


def _gain(queue: deque[tuple[Fraction, Fraction]], qty: Fraction, worth: Fraction) -> Fraction:
    """The gain of one fill; what it leaves open joins the queue as (qty, price)."""
    if not qty:
        return Fraction(0)
    price, gain = worth / qty, Fraction(0)
    while qty and queue and (queue[0][0] > 0) != (qty > 0):
        open_qty, open_price = queue.popleft()
        closed = min(abs(open_qty), abs(qty)) * (1 if open_qty > 0 else -1)
        gain += closed * (price - open_price)
        qty += closed
        if open_qty != closed:
            queue.appendleft((open_qty - closed, open_price))
    if qty:
        queue.append((qty, price))
    return gain


def _orders(connection: Connection) -> Iterator[str]:
    traded = fills.c.liquidity != Liquidity.SETTLEMENT.value
    summed = select(fills.c.client_order_id, func.sum(fills.c.qty)).where(traded).group_by(fills.c.client_order_id)
    known = dict(connection.execute(summed).tuples().all())
    for row in connection.execute(select(orders.c.client_order_id, orders.c.status, orders.c.qty, orders.c.filled_qty)):
        filled = known.get(row.client_order_id, ZERO)
        if filled != row.filled_qty:
            yield f"order {row.client_order_id}: filled {row.filled_qty}, its fills sum to {filled}"
        if (row.status == OrderStatus.FILLED) != (filled >= row.qty):
            yield f"order {row.client_order_id}: {row.status} with {filled} of {row.qty} filled"


def _worths(connection: Connection) -> Iterator[str]:
    for portfolio in connection.execute(select(balances.c.portfolio).distinct()).scalars().all():
        try:
            value(connection, portfolio)
        except IdentityError as error:
            yield str(error)


def _place(fill: Row[Any]) -> tuple[str, ...]:
    return (fill.portfolio, fill.engine, fill.venue, fill.symbol)


def _differences(what: str, kept: _Sums, computed: _Sums) -> Iterator[str]:
    for key in sorted({*kept, *computed}):
        if kept.get(key, ZERO) != computed.get(key, ZERO):
            yield f"{what} {' '.join(key)}: {kept.get(key, ZERO)} kept, {computed.get(key, ZERO)} computed"
