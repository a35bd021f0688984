"""What is recorded, and what is forecast from it."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import Field, SecretStr

from trifecta.settings.section import Section


class Market(StrEnum):
    """Where events come from. Anything but LIVE passes through the emulator and is labelled SIMULATED."""

    SIMULATED = "simulated"
    RECORDED = "recorded"
    LIVE = "live"


class VenueSettings(Section):
    """What to record at one venue."""

    enabled: bool = True
    """Whether it is recorded."""
    symbols: list[str] = ["PAXGUSDT", "BTCUSDT", "ETHUSDT"]
    """Instruments, as the venue spells them."""
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


class CaptureSettings(Section):
    """How frames become files. Names carry their units."""

    segment_mb: float = Field(64.0, gt=0)
    """A journal's file is closed at this size."""
    segment_s: float = Field(3600.0, gt=0)
    """And at this age."""
    fsync_s: float = Field(1.0, ge=0)
    """What a power cut may take of the journal; 0: each write waits for the disk."""
    flush_s: float = Field(5.0, gt=0)
    """How often rows are committed to the lake."""
    snapshot_s: float = Field(600.0, ge=30)
    """How often a whole book is fetched beside its changes."""
    silence_s: float = Field(30.0, gt=0)
    """A stream that says nothing for so long is connected again."""
    reconnect_s: float = Field(23 * 3600.0, gt=0)
    """A connection is replaced at this age; venues end them after 24 h."""
    weight_share: float = Field(0.5, gt=0, le=1)
    """Share of the venue's request limit that may be used."""
    journal_days: float = Field(14.0, gt=0)
    """How long journals stay."""


class Mt5Settings(Section):
    """The MetaTrader 5 terminal that is asked for quotes; without login the one it is already logged in to."""

    enabled: bool = True
    """Whether a terminal is asked."""
    symbols: list[str] = ["EURUSD", "GBPUSD", "USDJPY", "USDCHF", "AUDUSD", "USDCAD", "NZDUSD", "XAUUSD"]
    """As the broker spells them."""
    poll_s: float = Field(0.05, gt=0)
    """How often it is asked for new ticks."""
    path: str = ""
    """Of `terminal64.exe`; empty: the one that is installed."""
    login: int = Field(0, ge=0)
    """Account; 0: the one that the terminal is logged in to."""
    password: SecretStr = SecretStr("")
    """Of that account."""
    server: str = ""
    """The broker's server of that account."""


class PoolSettings(Section):
    """A constant-product pool: address and tokens as its chain knows them."""

    venue: str
    """Which exchange it belongs to, `uniswap_v2`."""
    address: str
    """Of its contract."""
    token0: str
    """Address of the first token."""
    token1: str
    """Address of the second."""
    fee_bps: int = Field(30, ge=0, lt=10_000)
    """What a swap costs."""


class ChainSettings(Section):
    """Nodes of one chain, asked in this order. `pools` are read beside those of `trifecta/market/known_pools.py`."""

    endpoints: list[SecretStr] = []
    """JSON-RPC addresses."""
    pools: list[PoolSettings] = []
    """What is read of it beside the known pools."""


class DexSettings(Section):
    """Pools that are read over JSON-RPC. On the live market a chain without an endpoint is skipped."""

    enabled: bool = True
    """Whether pools are read."""
    poll_s: float = Field(5.0, gt=0)
    """How often each chain is asked."""
    chains: dict[int, ChainSettings] = {}
    """Nodes and pools, by chain id: 1 is Ethereum."""


class ForecastSettings(Section):
    """What is forecast and when a forecast is too old to be served."""

    horizons_s: list[int] = [300, 900, 3600]
    """How far ahead ranges are forecast."""
    default_horizon_s: int = 300
    """Of an answer to who names none."""
    method: Literal["auto", "persistence", "ewma", "har", "legacy"] = "auto"
    """`auto`: the champion, else the best baseline so far; a name: that one alone."""
    coverage: float = Field(0.9, gt=0.5, lt=1)
    """Share of outcomes that an interval shall hold."""
    max_age_s: float = Field(10.0, gt=0)
    """An older range is not served."""
    default_symbol: str = "PAXGUSDT"
    """Of an answer to who names none."""
    symbols: dict[str, str] = {"XAUUSD": "PAXGUSDT", "GOLD": "PAXGUSDT", "BTCUSD": "BTCUSDT", "ETHUSD": "ETHUSDT"}
    """Which recorded instrument answers for a terminal's symbol."""
    points: dict[str, float] = {"PAXGUSDT": 0.01, "XAUUSD": 0.01, "BTCUSDT": 0.01, "ETHUSDT": 0.01}
    """Size of a point by symbol, where the question does not tell it."""
    networks: list[str] = Field(["lstm"], min_length=1)
    """What the train flow trains."""
    promote: Literal["auto", "by_hand"] = "auto"
    """Whether what passed its gate serves at once, or when a person says so."""
    live_span_s: float = Field(86_400.0, ge=3_600)
    """A champion that is behind a baseline over so long is taken off."""
