"""The live gateways that the settings allow."""

from __future__ import annotations

from trifecta.clock import Clock
from trifecta.errors import SettingsError
from trifecta.settings import Settings
from trifecta.trade.gateways.binance import Binance
from trifecta.trade.gateways.gateway import Gateway
from trifecta.trade.gateways.live import access
from trifecta.trade.gateways.unified import Unified


def of(settings: Settings, clock: Clock) -> dict[str, Gateway]:
    """A gateway to each venue of `trade.credentials`, by the name its data bears (`kraken`, `sim_kraken`).

    Nothing is asked of a venue yet. On any market but the live one they go to the emulator, whatever the keys say.
    In paper mode there are none.

    Raises:
        SettingsError: names the one condition of live trading that is missing.
    """
    if settings.trade.mode != "live":
        return {}
    if not settings.trade.credentials:
        raise SettingsError('trade.mode = "live" without a venue: set TRIFECTA_TRADE__CREDENTIALS__<VENUE>__API_KEY')
    return {settings.source(venue): _gateway(settings, venue, clock) for venue in settings.trade.credentials}


def _gateway(settings: Settings, venue: str, clock: Clock) -> Gateway:
    allowed = access(settings, venue)
    return Binance(allowed, clock) if venue == "binance" else Unified(venue, allowed, clock)
