"""Exact arithmetic for money: Decimal from end to end, rounded in one place only."""

from __future__ import annotations

from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal

QUANTUM = Decimal("0.00000001")
"""What amounts are rounded to, half to even; the ledger stores no finer ones."""
_EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)
ZERO = Decimal(0)


def rounded(value: Decimal) -> Decimal:
    """`value` as an amount."""
    return value.quantize(QUANTUM, context=_EXACT)


def product(one: Decimal, other: Decimal) -> Decimal:
    """The amount that `one` times `other` is; the only rounding is the last."""
    return rounded(_EXACT.multiply(one, other))


def share(whole: Decimal, part: Decimal, of: Decimal) -> Decimal:
    """`whole` times `part` / `of`, rounded to an amount; all of it where `part` is `of`."""
    return whole if part == of else rounded(_EXACT.divide(_EXACT.multiply(whole, part), of))


def floored(value: Decimal, step: Decimal) -> Decimal:
    """The largest multiple of `step` that is not above `value`; `value` where there is no step."""
    if not step:
        return value
    return _EXACT.multiply((_EXACT.divide(value, step)).to_integral_value(ROUND_FLOOR), step)


def ceiled(value: Decimal, step: Decimal) -> Decimal:
    """The smallest multiple of `step` that is not below `value`."""
    return -floored(-value, step)
