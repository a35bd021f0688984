"""What a portfolio is worth and what it holds, read from the ledger and checked to add up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from decimal import Decimal

from sqlalchemy import Connection, and_, bindparam, func, or_, select

from trifecta.errors import PermanentError
from trifecta.market.money import ZERO, product, rounded
from warehouse.ledger import balances, marks, positions, rates

_HELD = (
    select(balances.c.account, balances.c.currency, func.sum(balances.c.amount))
    .where(balances.c.portfolio == bindparam("portfolio"))
    .group_by(balances.c.account, balances.c.currency)
)
_POSITIONS = (
    select(
        positions.c.engine,
        positions.c.venue,
        positions.c.symbol,
        positions.c.base,
        positions.c.quote,
        positions.c.qty,
        positions.c.cost,
        marks.c.price,
    )
    .select_from(positions)
    .outerjoin(marks, and_(marks.c.venue == positions.c.venue, marks.c.symbol == positions.c.symbol))
    .where(positions.c.portfolio == bindparam("portfolio"), or_(positions.c.qty != 0, positions.c.cost != 0))
)
_RATES = select(rates.c.currency, rates.c.rate)


class IdentityError(PermanentError):
    """Cash + positions at mark differ from capital + P&L: whatever was about to be booked is not."""


class UnknownRateError(PermanentError):
    """A currency or position cannot be valued."""


@dataclass(frozen=True, slots=True)
class Worth:
    """Amounts in one currency; fees are negative where they were paid."""

    cash: Decimal = ZERO
    positions: Decimal = ZERO
    capital: Decimal = ZERO
    realised: Decimal = ZERO
    unrealised: Decimal = ZERO
    fees: Decimal = ZERO

    @property
    def equity(self) -> Decimal:
        return self.cash + self.positions

    @property
    def pnl(self) -> Decimal:
        return self.realised + self.unrealised + self.fees


@dataclass(frozen=True, slots=True)
class Position:
    """What an engine holds of one instrument; `qty` below 0 is short, `cost` is what it was bought for."""

    engine: str
    venue: str
    symbol: str
    base: str
    quote: str
    qty: Decimal
    cost: Decimal
    mark: Decimal

    @property
    def value(self) -> Decimal:
        """At mark, in quote currency."""
        return product(self.qty, self.mark)


@dataclass(frozen=True, slots=True)
class Valuation:
    """A portfolio at one moment, in the reporting currency, and what it consists of."""

    worth: Worth
    positions: tuple[Position, ...]
    rates: Mapping[str, Decimal]

    def convert(self, amount: Decimal, currency: str) -> Decimal:
        """`amount` in the reporting currency."""
        return product(amount, rate(self.rates, currency))


def value(connection: Connection, portfolio: str) -> Valuation:
    """The portfolio as it stands in this transaction.

    Raises:
        IdentityError: it does not add up in one of its currencies.
        UnknownRateError: no mark of a position, or no rate of a currency.
    """
    known = {str(row.currency): Decimal(row.rate) for row in connection.execute(_RATES)}
    held = tuple(_position(*row) for row in connection.execute(_POSITIONS, {"portfolio": portfolio}))
    sums: dict[str, dict[str, Decimal]] = defaultdict(dict)
    for account, currency, amount in connection.execute(_HELD, {"portfolio": portfolio}):
        sums[currency][account] = amount
    by_currency = {currency: _worth(portfolio, currency, found, held) for currency, found in sums.items()}
    return Valuation(_in_reporting_currency(by_currency, known), held, known)


def rate(known: Mapping[str, Decimal], currency: str) -> Decimal:
    """What one unit of `currency` is worth in the reporting currency."""
    if currency not in known:
        raise UnknownRateError(f"no rate of {currency}: set trade.parity.{currency} or record a market that trades it")
    return known[currency]


def _worth(portfolio: str, currency: str, sums: Mapping[str, Decimal], held: Iterable[Position]) -> Worth:
    """One currency's part, in that currency, exact."""
    own = [position for position in held if position.quote == currency]
    value, cost = sum((one.value for one in own), ZERO), sum((one.cost for one in own), ZERO)
    found = Worth(
        cash=sums.get("cash", ZERO),
        positions=value,
        capital=-sums.get("capital", ZERO),
        realised=-sums.get("realised", ZERO),
        unrealised=value - cost,
        fees=-sums.get("fees", ZERO),
    )
    if found.equity != found.capital + found.pnl:
        raise IdentityError(
            f"portfolio {portfolio}, {currency}: cash {found.cash} + positions at mark {found.positions} = "
            f"{found.equity}, but capital {found.capital} + P&L {found.pnl} = {found.capital + found.pnl}; "
            "run `trifecta audit`"
        )
    return found


def _in_reporting_currency(by_currency: Mapping[str, Worth], known: Mapping[str, Decimal]) -> Worth:
    names = [field.name for field in fields(Worth)]
    return Worth(
        **{
            name: rounded(
                sum((product(getattr(own, name), rate(known, c)) for c, own in by_currency.items() if _any(own)), ZERO)
            )
            for name in names
        }
    )


def _any(own: Worth) -> bool:
    return any(getattr(own, field.name) for field in fields(Worth))


def _position(
    engine: str, venue: str, symbol: str, base: str, quote: str, qty: Decimal, cost: Decimal, mark: Decimal | None
) -> Position:
    if mark is None:
        raise UnknownRateError(f"no mark of {symbol} at {venue}, of which {engine} holds {qty}")
    return Position(engine, venue, symbol, base, quote, qty, cost, mark)
