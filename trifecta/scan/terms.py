"""What trading an instrument costs and which sizes its venue takes."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal


@dataclass(frozen=True, slots=True)
class Terms:
    """One symbol at one venue. Fees are shares of the notional, paid in the quote currency."""

    venue: str
    symbol: str
    base: str
    quote: str
    taker: float
    lot: Decimal = Decimal(0)  # sizes are whole multiples of it; 0: any size
    min_qty: float = 0.0
    min_notional: float = 0.0
    withdraw_base: float | None = None  # base units to bring stock elsewhere; None: the venue does not tell
    withdraw_quote: float | None = None

    @property
    def asset(self) -> str:
        return f"{self.base}/{self.quote}"

    def floored(self, qty: float) -> float:
        """The largest size the venue takes that is not above `qty`; 0 below its smallest order."""
        if self.lot:
            lots = (Decimal(repr(qty)) / self.lot).to_integral_value(ROUND_FLOOR)
            qty = float(lots * self.lot)
        return qty if qty >= self.min_qty else 0.0


def common_size(buy: Terms, sell: Terms, qty: float) -> float:
    """The largest size that both venues take and that is not above `qty`; 0 where there is none.

    Lots are powers of ten nearly everywhere; where they are not, flooring goes on until both agree.
    """
    for _ in range(8):
        floored = sell.floored(buy.floored(qty))
        if floored == qty:
            return qty
        qty = floored
    return 0.0
