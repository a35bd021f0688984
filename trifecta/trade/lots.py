"""First in, first out: which lots a fill closes and what it opens. Signed: below 0 is short, or money received."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from trifecta.market.money import ZERO, share


@dataclass(frozen=True, slots=True)
class Lot:
    """What is left of a quantity that one fill opened."""

    id: int
    qty: Decimal
    cost: Decimal


@dataclass(frozen=True, slots=True)
class Closure:
    """What one fill closed of one lot: `proceeds` - `cost` is the gain."""

    lot: Lot
    qty: Decimal
    cost: Decimal
    proceeds: Decimal

    @property
    def realised(self) -> Decimal:
        return self.proceeds - self.cost


@dataclass(frozen=True, slots=True)
class Matched:
    """What a fill did: closures, and what it opened (0 where it only closed)."""

    closures: tuple[Closure, ...]
    opened_qty: Decimal
    opened_cost: Decimal

    @property
    def realised(self) -> Decimal:
        return sum((closure.realised for closure in self.closures), ZERO)

    @property
    def cost_change(self) -> Decimal:
        """By how much the cost of all lots together changes."""
        return self.opened_cost - sum((closure.cost for closure in self.closures), ZERO)


def match(lots: Iterable[Lot], qty: Decimal, value: Decimal) -> Matched:
    """Closes lots of the other sign, oldest first, with a fill of `qty` worth `value`, and opens a lot with the rest.

    Nothing is lost to rounding: what one part is rounded by stays in the other.
    """
    closures: list[Closure] = []
    for lot in lots:
        if not qty or (lot.qty > 0) == (qty > 0):
            break
        taken = min(abs(lot.qty), abs(qty))
        part = taken if qty > 0 else -taken
        cost, spent = share(lot.cost, taken, abs(lot.qty)), share(value, taken, abs(qty))
        closures.append(Closure(lot, -part, cost, -spent))
        qty, value = qty - part, value - spent
    if not qty and value and closures:
        raise AssertionError(f"a fill of nothing is worth {value}")
    return Matched(tuple(closures), qty, value)
