"""Exact decimals in the database: amounts that are summed, and prices that are not."""

from __future__ import annotations

from decimal import Context, Decimal
from typing import Any

from sqlalchemy import BigInteger, Numeric, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

SCALE = 8
"""Decimals of an amount: a cent of a cent of a cent, and a satoshi."""
_UNIT = Decimal(1).scaleb(-SCALE)
_MOST = Decimal(2**63 - 1).scaleb(-SCALE)
_EXACT = Context(prec=60)


class Amount(TypeDecorator[Decimal]):
    """Decimal with at most 8 decimals and below 92 thousand million either way.

    NUMERIC on PostgreSQL; on SQLite, which would sum decimals as floats, an integer of 10^-8, so that SQL sums are
    exact there too. Raises TypeError for a float and ValueError for what would have to be rounded.
    """

    impl = Numeric(28, SCALE)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        kind = BigInteger() if dialect.name == "sqlite" else Numeric(28, SCALE)
        return dialect.type_descriptor(kind)

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        if value is None:
            return None
        amount = _exact(value)
        if not -_MOST <= amount <= _MOST:
            raise ValueError(f"amount {value!r} is beyond {_MOST}")
        if amount != amount.quantize(_UNIT, context=_EXACT):
            raise ValueError(f"amount {value!r} has more than {SCALE} decimals: round it by its own rule")
        return int(amount.scaleb(SCALE, context=_EXACT)) if dialect.name == "sqlite" else amount

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        if value is None or dialect.name != "sqlite":
            return None if value is None else Decimal(value)
        return Decimal(value).scaleb(-SCALE, context=_EXACT)


class Price(TypeDecorator[Decimal]):
    """Decimal of any precision, never summed: NUMERIC on PostgreSQL, text on SQLite."""

    impl = Numeric
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else Numeric())

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        if value is None:
            return None
        price = _exact(value)
        return format(price, "f") if dialect.name == "sqlite" else price

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(value)


def _exact(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (Decimal, int)):
        raise TypeError(f"money is Decimal, not {type(value).__name__}: {value!r}")
    found = Decimal(value)
    if not found.is_finite():
        raise ValueError(f"amount {value!r} is not finite")
    return found
