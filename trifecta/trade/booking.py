"""Turns a fill into lots, cash and P&L, in one transaction that commits only what adds up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import Connection, bindparam, insert, select, update

from trifecta.decide.portfolio import Valuation, value
from trifecta.market.money import product
from trifecta.market.orders import Fill, Liquidity, Order, OrderSide
from trifecta.trade.lots import Closure, Lot, Matched, match
from trifecta.trade.posting import Account, Entry, Kind, Posting, post
from warehouse.ledger import Amount, closures, equity, fills, lots, marks, orders, positions

_KNOWN = select(fills.c.id).where(
    *(fills.c[name] == bindparam(f"own_{name}") for name in ("portfolio", "venue", "symbol", "venue_fill_id"))
)
_INSERT_FILL, _INSERT_LOT, _INSERT_CLOSURES = insert(fills), insert(lots), insert(closures)
_INSERT_POSITION, _INSERT_EQUITY, _INSERT_MARK = insert(positions), insert(equity), insert(marks)
_PLACE = ("portfolio", "engine", "venue", "symbol")
_LOTS = (
    select(lots.c.id, lots.c.qty_left, lots.c.cost_left)
    .where(*(lots.c[name] == bindparam(f"own_{name}") for name in _PLACE), lots.c.qty_left != 0)
    .order_by(lots.c.id)
)
_HOLD = (
    update(positions)
    .where(*(positions.c[name] == bindparam(f"own_{name}") for name in _PLACE))
    .values(
        qty=positions.c.qty + bindparam("more_qty", type_=Amount),
        cost=positions.c.cost + bindparam("more_cost", type_=Amount),
    )
)
_FILLED = (
    update(orders)
    .where(orders.c.client_order_id == bindparam("own"))
    .values(
        filled_qty=orders.c.filled_qty + bindparam("more_qty", type_=Amount),
        filled_notional=orders.c.filled_notional + bindparam("more_notional", type_=Amount),
    )
)
_LEAVE = update(lots).where(lots.c.id == bindparam("own"))
_MARKED = (marks.c.venue == bindparam("own_venue")) & (marks.c.symbol == bindparam("own_symbol"))
_MARK = update(marks).where(_MARKED, marks.c.ts_ns <= bindparam("now_ns"))
_IS_MARKED = select(marks.c.ts_ns).where(_MARKED)


@dataclass(frozen=True, slots=True)
class Effect:
    """What a fill changes. Signed; `third` is a fee in neither of the pair's currencies."""

    qty: Decimal
    value: Decimal  # of `qty`, fee in base included
    cash: Decimal  # quote currency
    fee: Decimal  # quote currency, where it was paid in one of the pair's
    third: Decimal


def book(connection: Connection, order: Order, fill: Fill, now_ns: int, side: OrderSide | None = None) -> bool:
    """Books one fill of `order`; False where it is booked already.

    Args:
        side: other than the order's for the settlement of a contract that expires.

    Raises:
        IdentityError: the ledger would not add up; the caller's transaction must roll back.
    """
    if _known(connection, order, fill):
        return False
    side = side or order.side
    notional = product(fill.qty, fill.price)
    fill_id = _insert(connection, order, fill, side, notional, now_ns)
    effect = _effect(order, fill, side, notional)
    matched = match(_open_lots(connection, order), effect.qty, effect.value)
    _store_lots(connection, order, fill_id, fill.ts_event, matched)
    _store_position(connection, order, effect.qty, matched.cost_change)
    post(connection, _posting(order, fill, fill_id, effect, matched, now_ns))
    if fill.liquidity is not Liquidity.SETTLEMENT:
        more = {"more_qty": fill.qty, "more_notional": notional}
        connection.execute(_FILLED, {"own": order.client_order_id, **more})
    mark(connection, order.venue, order.symbol, fill.price, fill.ts_event)
    return True


def mark(connection: Connection, venue: str, symbol: str, price: Decimal, ts_ns: int) -> None:
    """Values positions of the instrument at `price` from now on, where no newer mark is known."""
    own, new = {"own_venue": venue, "own_symbol": symbol}, {"price": price, "ts_ns": ts_ns}
    if connection.execute(_MARK, {**own, "now_ns": ts_ns, **new}).rowcount:
        return
    if connection.execute(_IS_MARKED, own).first() is None:
        connection.execute(_INSERT_MARK, {"venue": venue, "symbol": symbol, **new})


def snapshot(connection: Connection, portfolio: str, currency: str, ts_ns: int) -> Valuation:
    """The portfolio's worth, appended to the equity series. Raises IdentityError where it does not add up."""
    found = value(connection, portfolio)
    worth = found.worth
    connection.execute(
        _INSERT_EQUITY,
        {
            "ts_ns": ts_ns,
            "portfolio": portfolio,
            "currency": currency,
            "cash": worth.cash,
            "positions": worth.positions,
            "equity": worth.equity,
            "capital": worth.capital,
            "realised": worth.realised,
            "unrealised": worth.unrealised,
            "fees": worth.fees,
        },
    )
    return found


def _known(connection: Connection, order: Order, fill: Fill) -> bool:
    same = {f"own_{name}": getattr(order, name) for name in ("portfolio", "venue", "symbol")}
    return connection.execute(_KNOWN, {**same, "own_venue_fill_id": fill.id}).first() is not None


def _insert(connection: Connection, order: Order, fill: Fill, side: OrderSide, notional: Decimal, now_ns: int) -> int:
    done = connection.execute(
        _INSERT_FILL,
        {
            "client_order_id": order.client_order_id,
            **{name: getattr(order, name) for name in _PLACE},
            "venue_fill_id": fill.id,
            "side": side.value,
            "qty": fill.qty,
            "price": fill.price,
            "notional": notional,
            "fee": fill.fee,
            "fee_currency": fill.fee_currency,
            "liquidity": fill.liquidity.value,
            "ts_event": fill.ts_event,
            "ts_booked": now_ns,
        },
    )
    return int(next(iter(done.inserted_primary_key or ())))


def _effect(order: Order, fill: Fill, side: OrderSide, notional: Decimal) -> Effect:
    """A fee in base is paid with part of what was bought, or with more than what was sold, at the fill's price."""
    zero = Decimal(0)
    in_base = fill.fee if fill.fee_currency == order.base else zero
    in_quote = fill.fee if fill.fee_currency == order.quote else zero
    third = zero if fill.fee_currency in (order.base, order.quote) else fill.fee
    base_fee_value = product(in_base, fill.price)
    return Effect(
        qty=side.sign * fill.qty - in_base,
        value=side.sign * notional - base_fee_value,
        cash=-side.sign * notional - in_quote,
        fee=in_quote + base_fee_value,
        third=third,
    )


def _posting(order: Order, fill: Fill, fill_id: int, effect: Effect, matched: Matched, now_ns: int) -> Posting:
    def entry(account: Account, currency: str, amount: Decimal, symbol: str = order.symbol) -> Entry:
        return Entry(account, order.venue, symbol, currency, amount)

    sides = (
        entry(Account.CASH, order.quote, effect.cash, ""),
        entry(Account.INVENTORY, order.quote, matched.cost_change),
        entry(Account.REALISED, order.quote, -matched.realised),
        entry(Account.FEES, order.quote, effect.fee),
        entry(Account.CASH, fill.fee_currency, -effect.third, ""),
        entry(Account.FEES, fill.fee_currency, effect.third),
    )
    return Posting(now_ns, order.portfolio, order.engine, Kind.FILL, str(fill_id), order.decision_id, sides)


def _open_lots(connection: Connection, order: Order) -> Iterable[Lot]:
    with connection.execute(_LOTS, {f"own_{name}": getattr(order, name) for name in _PLACE}) as found:
        for row in found:
            yield Lot(*row)


def _store_lots(connection: Connection, order: Order, fill_id: int, opened_at: int, matched: Matched) -> None:
    for closure in matched.closures:
        lot = closure.lot
        left = {"qty_left": lot.qty - closure.qty, "cost_left": lot.cost - closure.cost}
        connection.execute(_LEAVE, {"own": lot.id, **left})
    if matched.closures:
        rows = [_closure(one, fill_id, opened_at) for one in matched.closures]
        connection.execute(_INSERT_CLOSURES, rows)
    if matched.opened_qty:
        own = {name: getattr(order, name) for name in (*_PLACE, "base", "quote")}
        qty, cost = matched.opened_qty, matched.opened_cost
        amounts = {"qty": qty, "cost": cost, "qty_left": qty, "cost_left": cost}
        connection.execute(_INSERT_LOT, {"fill_id": fill_id, "opened_at": opened_at, **own, **amounts})


def _closure(closure: Closure, fill_id: int, ts_ns: int) -> dict[str, object]:
    return {
        "lot_id": closure.lot.id,
        "fill_id": fill_id,
        "ts_ns": ts_ns,
        "qty": closure.qty,
        "cost": closure.cost,
        "proceeds": closure.proceeds,
        "realised": closure.realised,
    }


def _store_position(connection: Connection, order: Order, qty: Decimal, cost: Decimal) -> None:
    place = {f"own_{name}": getattr(order, name) for name in _PLACE}
    if not connection.execute(_HOLD, {**place, "more_qty": qty, "more_cost": cost}).rowcount:
        key = {name: getattr(order, name) for name in (*_PLACE, "base", "quote")}
        connection.execute(_INSERT_POSITION, {**key, "qty": qty, "cost": cost})
