"""The cash journal: every posting is balanced in each of its currencies, and none is booked twice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import Connection, bindparam, insert, select, update

from trifecta.errors import PermanentError
from trifecta.market.money import ZERO
from warehouse.ledger import Amount, balances, entries, postings, rates

TREASURY = "treasury"
"""The venue of capital that lies at none."""


_INSERT, _INSERT_ENTRIES, _INSERT_BALANCE = insert(postings), insert(entries), insert(balances)
_KEY = ("portfolio", "engine", "account", "venue", "symbol", "currency")
_ADD = (
    update(balances)
    .where(*(balances.c[name] == bindparam(f"own_{name}") for name in _KEY))
    .values(amount=balances.c.amount + bindparam("more", type_=Amount))
)


class Account(StrEnum):
    """What an entry changes; positive adds to what is owned, or is a cost."""

    CASH = "cash"
    INVENTORY = "inventory"
    CAPITAL = "capital"
    REALISED = "realised"
    FEES = "fees"


class Kind(StrEnum):
    """Why money moved."""

    DEPOSIT = "deposit"
    FILL = "fill"
    ADJUSTMENT = "adjustment"


class UnbalancedError(PermanentError):
    """A posting whose entries do not sum to zero; it is not booked."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One side of a posting."""

    account: Account
    venue: str
    symbol: str
    currency: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Posting:
    """One thing that happened to money; `reference` is what keeps it from happening twice."""

    ts_ns: int
    portfolio: str
    engine: str
    kind: Kind
    reference: str
    decision_id: str | None
    entries: Sequence[Entry]


def post(connection: Connection, posting: Posting) -> None:
    """Books it and keeps the balances.

    Raises:
        UnbalancedError: its entries do not sum to zero in some currency.
        IntegrityError: its reference is booked already.
    """
    moved = [entry for entry in posting.entries if entry.amount]
    _check_balanced(posting.reference, moved)
    head = {name: getattr(posting, name) for name in ("ts_ns", "portfolio", "engine", "reference", "decision_id")}
    key = connection.execute(_INSERT, {"kind": posting.kind.value, **head}).inserted_primary_key
    if not moved:
        return
    rows = [{"posting_id": None if key is None else key[0], **_row(entry)} for entry in moved]
    connection.execute(_INSERT_ENTRIES, rows)
    for entry in moved:
        _add(connection, posting.portfolio, posting.engine, entry)


def deposit(connection: Connection, portfolio: str, amounts: Mapping[str, Decimal], reference: str, ts_ns: int) -> None:
    """Books capital into the treasury, once for each `reference`."""
    done = (postings.c.portfolio == portfolio) & (postings.c.reference == reference)
    if connection.execute(select(postings.c.id).where(done, postings.c.kind == Kind.DEPOSIT.value)).first():
        return
    sides = [
        Entry(account, TREASURY, "", currency, amount if account is Account.CASH else -amount)
        for currency, amount in sorted(amounts.items())
        for account in (Account.CASH, Account.CAPITAL)
    ]
    post(connection, Posting(ts_ns, portfolio, "", Kind.DEPOSIT, reference, None, sides))


def set_rates(connection: Connection, known: Mapping[str, Decimal], ts_ns: int) -> None:
    """Keeps what one unit of each currency is worth in the reporting currency."""
    for currency, rate in known.items():
        changed = update(rates).where(rates.c.currency == currency).values(rate=rate, ts_ns=ts_ns)
        if not connection.execute(changed).rowcount:
            connection.execute(insert(rates).values(currency=currency, rate=rate, ts_ns=ts_ns))


def _check_balanced(reference: str, sides: Sequence[Entry]) -> None:
    sums: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for entry in sides:
        sums[entry.currency] += entry.amount
    off = {currency: str(amount) for currency, amount in sums.items() if amount}
    if off:
        raise UnbalancedError(f"posting {reference}: its entries sum to {off}, expected 0 in every currency")


def _row(entry: Entry) -> dict[str, object]:
    return {
        "account": entry.account.value,
        "venue": entry.venue,
        "symbol": entry.symbol,
        "currency": entry.currency,
        "amount": entry.amount,
    }


def _add(connection: Connection, portfolio: str, engine: str, entry: Entry) -> None:
    row = {"portfolio": portfolio, "engine": engine, **_row(entry)}
    own = {f"own_{name}": row[name] for name in _KEY}
    if not connection.execute(_ADD, {**own, "more": entry.amount}).rowcount:
        connection.execute(_INSERT_BALANCE, row)
