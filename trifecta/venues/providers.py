"""Prices of the moment, asked for by a call: the documented provider functions and their fields.

Recording and scanning do not go through here; this is for whoever wants one number now.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from trifecta.clock import NS_PER_MS, Clock
from trifecta.errors import VenueError, VenueRefusedError
from trifecta.market.events import BinarySignal
from trifecta.venues import pocket


@dataclass(frozen=True, slots=True)
class Price:
    """The newest price of an instrument. `timestamp` is the venue's own in ms, of MetaTrader 5 the server's clock.

    0 stands for a time that the venue does not tell.
    """

    bid: float
    ask: float
    last: float  # 0 where the market tells none
    spread: float  # ask - bid
    volume: float  # of the last trade, at a ccxt venue of the last 24 h, base units; 0 where the market tells none
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


async def get_crypto_price_ccxt(exchange: Any, symbol: str) -> Price:
    """The newest ticker of a venue, as ccxt unifies it.

    Args:
        exchange: one of ccxt's asynchronous exchanges, like `ccxt.async_support.kraken()`.
        symbol: as ccxt names it, like BTC/USDT.

    Raises:
        VenueError: no answer, or one that says "later".
        VenueRefusedError: the venue does not list the symbol, or tells no bid or ask.
    """
    try:
        told = await exchange.fetch_ticker(symbol)
    except Exception as error:
        # The edge to ccxt: its errors are told by name, so that ccxt need not be installed where it is not used.
        kinds = {kind.__name__ for kind in type(error).__mro__}
        if "NetworkError" in kinds:
            raise VenueError(f"{exchange.id} {symbol}: {error}; try again later") from error
        if "BaseError" in kinds:
            raise VenueRefusedError(f"{exchange.id} {symbol}: {error}") from error
        raise
    bid, ask = told.get("bid"), told.get("ask")
    if not bid or not ask:
        raise VenueRefusedError(f"{exchange.id} {symbol}: bid {bid}, ask {ask}: expected two prices")
    last, volume = told.get("last") or 0.0, told.get("baseVolume") or 0.0
    return Price(bid, ask, last, ask - bid, volume, told.get("timestamp") or 0)


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
