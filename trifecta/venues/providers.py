"""Prices of the moment, asked for by a call: the documented provider functions and their fields.

Recording and scanning do not go through here; this is for whoever wants one number now.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from trifecta.clock import NS_PER_MS, Clock
from trifecta.errors import VenueRefusedError
from trifecta.market.events import BinarySignal
from trifecta.venues import pocket


@dataclass(frozen=True, slots=True)
class Price:
    """The newest price of an instrument. `timestamp` is the venue's own in ms, of MetaTrader 5 the server's clock."""

    bid: float
    ask: float
    last: float  # 0 where the market tells none
    spread: float  # ask - bid
    volume: float  # of the last trade; 0 where the market tells none
    timestamp: int


def get_forex_price_mt5(api: Any, symbol: str) -> Price:
    """The newest tick of a terminal that is connected.

    Args:
        api: the package MetaTrader5, or what has its functions.

    Raises:
        VenueRefusedError: the terminal has no tick of this symbol; says what it told.
    """
    tick = api.symbol_info_tick(symbol)
    if tick is None:
        raise VenueRefusedError(f"MetaTrader 5 has no tick of {symbol!r}: {api.last_error()}; is it in Market Watch?")
    spread = tick.ask - tick.bid
    return Price(tick.bid, tick.ask, tick.last, spread, tick.volume_real, tick.time_msc)


def get_binary_signals_pocket(url: str, clock: Clock, *, max_age_s: float = 15.0) -> list[BinarySignal]:
    """Signals of a feed that are young enough to be followed, the most probable first, by their claims.

    Raises:
        VenueError: the feed does not answer.
        SettingsError: not a URL of http or https.
    """
    now = clock.now_ns()
    signals, _ = pocket.read(pocket.fetch(url), pocket.NAME, now)
    young = [one for one in signals if now - one.ts_event <= max_age_s * 1000 * NS_PER_MS]
    return sorted(young, key=lambda one: -one.probability)
