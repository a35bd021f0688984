"""What is traded: how many decimals its prices and sizes have, and the filters an order must pass."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

import numba
import numpy as np
import numpy.typing as npt

from trifecta.errors import DataError

MAX_SCALE = 12


@dataclass(frozen=True, slots=True)
class Instrument:
    """One symbol at one venue. Prices are integers of 10^-price_scale, sizes of 10^-qty_scale base units."""

    venue: str
    symbol: str
    price_scale: int
    qty_scale: int
    tick: Decimal = Decimal(0)
    lot: Decimal = Decimal(0)
    min_notional: Decimal = Decimal(0)

    def price_ticks(self, prices: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        """Prices as integers of 10^-price_scale; `MISFIT` where a price is not one."""
        return to_ticks(prices, self.price_scale)

    def qty_lots(self, quantities: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        """Sizes as integers of 10^-qty_scale; `MISFIT` where a size is not one."""
        return to_ticks(quantities, self.qty_scale)


MISFIT = int(np.iinfo(np.int64).min)
_LARGEST_EXACT = 2.0**53
_EPSILON = float(np.finfo(np.float64).eps)


def to_ticks(values: npt.NDArray[np.float64], scale: int) -> npt.NDArray[np.int64]:
    """`values` as integers of 10^-scale.

    `MISFIT` marks a value that is not finite, too large to be exact in float64, or not a whole number of ticks.
    """
    ticks: npt.NDArray[np.int64] = _to_ticks(np.ascontiguousarray(values, np.float64), 10.0**scale)
    return ticks


@numba.njit(cache=True)
def _to_ticks(values, per_unit):  # type: ignore[no-untyped-def]
    ticks = np.empty(len(values), np.int64)
    for row in range(len(values)):
        scaled = values[row] * per_unit
        whole = np.rint(scaled)
        # Reading the decimal text and scaling it round by half a unit in the last place each.
        fits = abs(scaled) < _LARGEST_EXACT and abs(scaled - whole) <= 4 * _EPSILON * abs(scaled) + 1e-6
        ticks[row] = np.int64(whole) if fits else MISFIT
    return ticks


def decimals(text: str) -> int:
    """How many decimals `text` needs once trailing zeros are gone: "0.00100000" needs 3.

    Raises:
        DataError: `text` is not a decimal number, or needs more than 12 decimals.
    """
    if not is_decimal(text):
        raise DataError(f"{text!r} is not a decimal number of at most {MAX_SCALE} decimals")
    return _decimals(text)


def is_decimal(text: str) -> bool:
    """True for digits with at most 12 decimals behind one point."""
    return text.replace(".", "", 1).removeprefix("-").isdigit() and _decimals(text) <= MAX_SCALE


def _decimals(text: str) -> int:
    return len(text.partition(".")[2].rstrip("0"))


def infer(venue: str, symbol: str, prices: Iterable[str], quantities: Iterable[str]) -> Instrument:
    """The instrument that a sample of its recorded price and size texts fits, where no exchange info is at hand."""
    price_scale = max(map(decimals, prices), default=0)
    qty_scale = max(map(decimals, quantities), default=0)
    return Instrument(
        venue,
        symbol,
        price_scale,
        qty_scale,
        tick=Decimal(1).scaleb(-price_scale),
        lot=Decimal(1).scaleb(-qty_scale),
    )
