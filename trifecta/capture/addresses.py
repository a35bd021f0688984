"""Where a venue is reached: the real one, or the emulator in its place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from trifecta.capture.budget import WeightBudget
from trifecta.clock import Clock
from trifecta.errors import SettingsError
from trifecta.settings import Market, Settings
from trifecta.venues.binance_rest import FAMILIES, BinanceRest
from trifecta.venues.venue import Venue

# Since April 2026 Binance serves USD-M streams from two addresses; the old one accepts a subscription and stays silent.
_LIVE_ROUTES = {
    "binance_usdm": (
        ("wss://fstream.binance.com/public/stream", ("trade", "bookTicker", "depth@100ms")),
        ("wss://fstream.binance.com/market/stream", ("kline_1m",)),
    )
}
_EMULATED_SOCKETS = {"binance": "/stream", "binance_usdm": "/fstream/stream"}


class SocketAddress(NamedTuple):
    """One socket to open."""

    url: str  # without its query
    streams: list[str]


def rest_url(settings: Settings, venue: Venue) -> str:
    """Base URL of the REST API, without its version."""
    if settings.market is Market.LIVE:
        return venue.rest_url
    return settings.emulator_url + urlsplit(venue.rest_url).path


def rest(settings: Settings, venue: Venue, clock: Clock) -> BinanceRest:
    """A client of the venue's REST API within the weight we allow ourselves. Needs a running event loop.

    Raises:
        SettingsError: the venue has no REST API here.
    """
    base_url, key = rest_url(settings, venue), ""
    if settings.market is Market.LIVE:
        key = settings.venues[venue.name].api_key.get_secret_value()
    share = FAMILIES[venue.name].minute_weight * settings.capture.weight_share if venue.name in FAMILIES else 0
    return BinanceRest(venue.name, base_url, budget=WeightBudget(share, clock), clock=clock, api_key=key)


def sockets(settings: Settings, venue: Venue, symbols: Sequence[str]) -> list[SocketAddress]:
    """The sockets that together bring every stream of these symbols.

    Raises:
        SettingsError: the emulator does not speak for this venue.
    """
    streams = venue.streams(symbols)
    if settings.market is Market.LIVE:
        routes = _LIVE_ROUTES.get(venue.name, ((venue.stream_url, ("",)),))
        return [SocketAddress(url, [name for name in streams if name.endswith(kinds)]) for url, kinds in routes]
    if venue.name not in _EMULATED_SOCKETS:
        raise SettingsError(
            f"venues.{venue.name} is enabled, but the emulator has none: disable it, or use market = live"
        )
    url = settings.emulator_url.replace("http", "ws", 1) + _EMULATED_SOCKETS[venue.name]
    return [SocketAddress(url, streams)]
