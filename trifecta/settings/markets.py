"""What is recorded, and what is forecast from it."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, Field, SecretStr


class Market(StrEnum):
    """Where events come from. Anything but LIVE passes through the emulator and is labelled SIMULATED."""

    SIMULATED = "simulated"
    RECORDED = "recorded"
    LIVE = "live"


class VenueSettings(BaseModel, extra="forbid"):
    """What to record at one venue."""

    enabled: bool = True
    symbols: list[str] = ["PAXGUSDT", "BTCUSDT", "ETHUSDT"]
    api_key: SecretStr = SecretStr("")
    """For USD-M's trades by id: without it a gap is filled from the newest trades alone, and the rest of it is lost."""


_ASSETS = ("BTC", "ETH", "SOL", "XRP", "ADA", "DOGE", "LTC")
VENUES = {
    "binance": VenueSettings(symbols=["PAXGUSDT", *(f"{asset}USDT" for asset in _ASSETS)]),
    "binance_usdm": VenueSettings(symbols=["BTCUSDT", "ETHUSDT"]),
    "kraken": VenueSettings(symbols=[f"{asset}/USDT" for asset in _ASSETS]),
    # Lists LTC against dollars alone.
    "coinbase": VenueSettings(symbols=[f"{asset}-{'USD' if asset == 'LTC' else 'USDT'}" for asset in _ASSETS]),
    "okx": VenueSettings(symbols=[f"{asset}-USDT" for asset in _ASSETS]),
}


class CaptureSettings(BaseModel, extra="forbid"):
    """How frames become files. Names carry their units."""

    segment_mb: float = Field(64.0, gt=0)
    segment_s: float = Field(3600.0, gt=0)
    fsync_s: float = Field(1.0, ge=0)
    flush_s: float = Field(5.0, gt=0)
    snapshot_s: float = Field(600.0, ge=30)
    silence_s: float = Field(30.0, gt=0)
    reconnect_s: float = Field(23 * 3600.0, gt=0)
    weight_share: float = Field(0.5, gt=0, le=1)
    journal_days: float = Field(14.0, gt=0)


class Mt5Settings(BaseModel, extra="forbid"):
    """The MetaTrader 5 terminal that is asked for quotes; without login the one it is already logged in to."""

    enabled: bool = True
    symbols: list[str] = ["EURUSD", "GBPUSD", "USDJPY", "USDCHF", "AUDUSD", "USDCAD", "NZDUSD", "XAUUSD"]
    poll_s: float = Field(0.05, gt=0)
    path: str = ""
    login: int = Field(0, ge=0)
    password: SecretStr = SecretStr("")
    server: str = ""


class PoolSettings(BaseModel, extra="forbid"):
    """A constant-product pool: address and tokens as its chain knows them."""

    venue: str
    address: str
    token0: str
    token1: str
    fee_bps: int = Field(30, ge=0, lt=10_000)


class ChainSettings(BaseModel, extra="forbid"):
    """Nodes of one chain, asked in this order. `pools` are read beside those of `trifecta/market/known_pools.py`."""

    endpoints: list[SecretStr] = []
    pools: list[PoolSettings] = []


class DexSettings(BaseModel, extra="forbid"):
    """Pools that are read over JSON-RPC. On the live market a chain without an endpoint is skipped."""

    enabled: bool = True
    poll_s: float = Field(5.0, gt=0)
    chains: dict[int, ChainSettings] = {}


class ForecastSettings(BaseModel, extra="forbid"):
    """What is forecast and when a forecast is too old to be served."""

    horizons_s: list[int] = [300, 900, 3600]
    default_horizon_s: int = 300
    method: Literal["auto", "persistence", "ewma", "har", "legacy"] = "auto"
    coverage: float = Field(0.9, gt=0.5, lt=1)
    max_age_s: float = Field(10.0, gt=0)
    default_symbol: str = "PAXGUSDT"
    symbols: dict[str, str] = {"XAUUSD": "PAXGUSDT", "GOLD": "PAXGUSDT", "BTCUSD": "BTCUSDT", "ETHUSD": "ETHUSDT"}
    points: dict[str, float] = {"PAXGUSDT": 0.01, "XAUUSD": 0.01, "BTCUSDT": 0.01, "ETHUSDT": 0.01}
    networks: list[str] = Field(["lstm"], min_length=1)  # what the train flow trains
    promote: Literal["auto", "by_hand"] = "auto"
    live_span_s: float = Field(86_400.0, ge=3_600)  # a champion behind a baseline all along it is taken off
