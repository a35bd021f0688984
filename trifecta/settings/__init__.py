"""The only reader of the environment: what can be set, checked as a whole."""

from __future__ import annotations

from trifecta.settings.markets import (
    CaptureSettings,
    ChainSettings,
    DexSettings,
    ForecastSettings,
    Market,
    Mt5Settings,
    PoolSettings,
    VenueSettings,
)
from trifecta.settings.telling import AlertSettings, LogSettings
from trifecta.settings.trading import (
    AgentSettings,
    ArbitrageSettings,
    AutoSettings,
    BinarySettings,
    ForexSettings,
    KeySettings,
    LiveSettings,
    RiskSettings,
    ScanSettings,
    TradeSettings,
)
from trifecta.settings.whole import Settings, is_loopback, load

__all__ = [
    "AgentSettings",
    "AlertSettings",
    "ArbitrageSettings",
    "AutoSettings",
    "BinarySettings",
    "CaptureSettings",
    "ChainSettings",
    "DexSettings",
    "ForecastSettings",
    "ForexSettings",
    "KeySettings",
    "LiveSettings",
    "LogSettings",
    "Market",
    "Mt5Settings",
    "PoolSettings",
    "RiskSettings",
    "ScanSettings",
    "Settings",
    "TradeSettings",
    "VenueSettings",
    "is_loopback",
    "load",
]
