"""Money is exact in both databases."""

from __future__ import annotations

from decimal import Decimal

import pytest
from sqlalchemy import func, insert, select
from sqlalchemy.exc import IntegrityError, StatementError

from warehouse.ledger import Ledger, equity, marks

MOST = Decimal("92233720368.54775807")


def _row(amount: Decimal, **changed: object) -> dict[str, object]:
    zero = dict.fromkeys(("positions", "capital", "realised", "unrealised", "fees"), Decimal(0))
    return {"ts_ns": 1, "portfolio": "paper", "currency": "USD", "cash": amount, "equity": amount, **zero, **changed}


def test_a_sum_of_many_amounts_is_exact(ledger: Ledger) -> None:
    with ledger.begin() as connection:
        connection.execute(insert(equity), [_row(Decimal("0.10000001"))] * 1_000)
    with ledger.read() as connection:
        assert connection.execute(select(func.sum(equity.c.cash))).scalar_one() == Decimal("100.00001")


@pytest.mark.parametrize("amount", [Decimal(0), Decimal("-0.00000001"), MOST, -MOST, Decimal("1E+3")])
def test_an_amount_comes_back_as_it_went(ledger: Ledger, amount: Decimal) -> None:
    with ledger.begin() as connection:
        connection.execute(insert(equity).values(**_row(amount)))
    with ledger.read() as connection:
        assert connection.execute(select(equity.c.cash)).scalar_one() == amount


@pytest.mark.parametrize(
    "amount", [0.1, True, "1", Decimal("NaN"), Decimal("Infinity"), Decimal("0.000000001"), MOST + 1]
)
def test_refuses_what_would_not_be_exact(ledger: Ledger, amount: object) -> None:
    with pytest.raises((StatementError, TypeError, ValueError)), ledger.begin() as connection:
        connection.execute(insert(equity).values(**_row(amount)))  # type: ignore[arg-type]


@pytest.mark.parametrize("price", [Decimal("0.000000000001"), Decimal("123456789012.123456789"), Decimal("1.0850")])
def test_a_price_keeps_all_its_digits(ledger: Ledger, price: Decimal) -> None:
    with ledger.begin() as connection:
        connection.execute(insert(marks).values(venue="v", symbol="s", price=price, ts_ns=1))
    with ledger.read() as connection:
        assert connection.execute(select(marks.c.price)).scalar_one() == price


def test_the_database_itself_refuses_an_equity_that_does_not_add_up(ledger: Ledger) -> None:
    with pytest.raises(IntegrityError, match="adds_up"), ledger.begin() as connection:
        connection.execute(insert(equity).values(**_row(Decimal(1), equity=Decimal(2))))
