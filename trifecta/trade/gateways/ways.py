"""Which live gateways the settings open; on paper none."""

from __future__ import annotations

from dataclasses import replace

from trifecta.clock import Clock
from trifecta.errors import SettingsError
from trifecta.settings import Market, Settings
from trifecta.trade.gateways.gateway import Gateway
from trifecta.trade.gateways.live import access


def live_gateways(settings: Settings, clock: Clock) -> dict[str, Gateway]:
    """Gateways by the name that their venue's data bears.

    Raises:
        SettingsError: live mode without a venue it may trade at, or without a condition of live trading.
    """
    if settings.trade.mode == "paper":
        return {}
    from trifecta.trade.gateways.binance import Binance  # noqa: PLC0415 - brings ccxt, which paper does without

    if "binance" not in settings.trade.credentials:
        known = ", ".join(sorted(settings.trade.credentials)) or "none"
        raise SettingsError(f"trade.credentials names {known}: live orders go to binance alone; set its keys")
    told = access(settings, "binance")
    if settings.market is not Market.LIVE:
        told = replace(told, base_url=settings.emulator_url)
    return {settings.source("binance"): Binance(told, clock)}
