"""A scale-free log range in the points of the symbol that a chart shows.

The order flow of one symbol may serve another that moves with it: PAXGUSDT is a token of one ounce of gold, so its
log range is XAUUSD's, and price and point size of XAUUSD turn it into points.
"""

from __future__ import annotations

from collections.abc import Collection
from math import asinh, sinh

from trifecta.errors import PermanentError
from trifecta.settings import ForecastSettings


class UnknownSymbolError(PermanentError):
    """No order flow is recorded for a symbol."""


class UnknownPointError(PermanentError):
    """The point size of a symbol is neither asked with nor configured."""


def to_points(log_range: float, price: float, point: float) -> float:
    """(high - low) / point for a window centred on `price`: high = price e^(r/2), low = price e^(-r/2).

    Where the price will stand within its range is unknown; the centre is the choice that favours neither side.
    Anchoring the low at the price, price (e^r - 1), would call every range larger by the factor e^(r/2).
    """
    return 2 * price * sinh(log_range / 2) / point


def to_log_range(range_points: float, price: float, point: float) -> float:
    """The log range whose `to_points` is `range_points`."""
    return 2 * asinh(range_points * point / (2 * price))


def flow_symbol(symbol: str, settings: ForecastSettings, recorded: Collection[str]) -> str:
    """The recorded symbol whose order flow serves `symbol`.

    Raises:
        UnknownSymbolError: names what is known.
    """
    found = settings.symbols.get(symbol, symbol)
    if found not in recorded:
        known = sorted({*recorded, *(alias for alias, target in settings.symbols.items() if target in recorded)})
        raise UnknownSymbolError(
            f"symbol {symbol!r} has no order flow: use one of {', '.join(known) or '(none is recorded)'}, "
            "or map it in forecast.symbols"
        )
    return found


def point_size(symbol: str, flow: str, settings: ForecastSettings) -> float:
    """The configured point of a symbol, else of the order-flow symbol behind it.

    Raises:
        UnknownPointError: neither is configured.
    """
    point = settings.points.get(symbol) or settings.points.get(flow)
    if not point:
        raise UnknownPointError(
            f"symbol {symbol!r} has no point size: ask with &point=0.01 or set forecast.points.{symbol}"
        )
    return point
