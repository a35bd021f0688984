"""The only reader of the environment: `trifecta.toml`, then `.env`, then environment variables, checked as a whole."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from typing import Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from trifecta.errors import SettingsError

_TIME_OF_DAY = r"^(([01]\d|2[0-3]):[0-5]\d)?$"
_SECRET = ("token", "secret", "key", "password", "ledger_url", "urls")  # values of such settings are never shown


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
_VENUES = {
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


class RiskSettings(BaseModel, extra="forbid"):
    """What trading must stay within. Shares are of the portfolio's equity, amounts in the reporting currency."""

    position_share: Decimal = Field(Decimal("0.2"), gt=0, le=1)
    asset_share: Decimal = Field(Decimal("0.4"), gt=0)
    venue_share: Decimal = Field(Decimal("0.6"), gt=0)
    daily_loss: Decimal = Field(Decimal(5000), gt=0)
    daily_trades: int = Field(200, ge=1)
    loss_streak: int = Field(5, ge=1)
    cooldown_s: float = Field(3600.0, gt=0)
    drawdown_share: Decimal = Field(Decimal("0.2"), gt=0, lt=1)
    orders_per_minute: int = Field(60, ge=1)
    collar_bps: Decimal = Field(Decimal(100), gt=0)
    duplicate_s: float = Field(2.0, ge=0)
    stale_s: float = Field(5.0, gt=0)
    timezone: str = "UTC"

    @field_validator("timezone")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ValueError, ZoneInfoNotFoundError):
            raise ValueError(
                "expected a time zone like UTC or Europe/Berlin: a trading day ends at its midnight"
            ) from None
        return name


class LiveSettings(BaseModel, extra="forbid"):
    """What must be said before a real order is sent; amounts in the reporting currency, 0 allows nothing."""

    acknowledge: str = ""
    max_order_notional: Decimal = Field(Decimal(0), ge=0)
    max_daily_notional: Decimal = Field(Decimal(0), ge=0)


class KeySettings(BaseModel, extra="forbid"):
    """A key of one venue. `sandbox` true refuses to reach the venue's production addresses."""

    api_key: SecretStr = SecretStr("")
    secret: SecretStr = SecretStr("")
    password: SecretStr = SecretStr("")
    sandbox: bool = True


class TradeSettings(BaseModel, extra="forbid"):
    """How orders are filled and what is traded with."""

    mode: Literal["paper", "live"] = "paper"
    fill_model: Literal["market", "queue", "stochastic"] = "market"
    seed: int = 7
    reporting_currency: str = "USD"
    capital: dict[str, Decimal] = {"USDT": Decimal(100_000)}
    parity: dict[str, Decimal] = {"USD": Decimal(1), "USDT": Decimal(1), "USDC": Decimal(1)}
    latency_ms: float = Field(50.0, ge=0)
    reconcile_s: float = Field(5.0, gt=0)
    live: LiveSettings = LiveSettings()
    credentials: dict[str, KeySettings] = {}


class LogSettings(BaseModel, extra="forbid"):
    """What every process writes to its log."""

    format: Literal["text", "json"] = "text"
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"


class AlertSettings(BaseModel, extra="forbid"):
    """Who is told when something is wrong. Without a URL nobody is, and nothing runs for it."""

    urls: list[SecretStr] = []
    """Where messages go, in Apprise's form: tgram://…, discord://…, mailto://…, json://host:port/path."""
    mute: list[str] = []
    """Rules that stay silent; `trifecta alerts rules` lists them."""
    quiet_from: str = Field("", pattern=_TIME_OF_DAY)
    """When quiet hours begin, UTC, `22:00`; until they end only critical messages are sent, the rest comes then."""
    quiet_until: str = Field("", pattern=_TIME_OF_DAY)
    summary_at: str = Field("00:05", pattern=_TIME_OF_DAY)
    """When yesterday is summed up, UTC; empty: never."""
    poll_s: float = Field(2.0, gt=0)
    feed_silent_s: float = Field(30.0, gt=0)
    gap_open_s: float = Field(900.0, gt=0)
    order_unknown_s: float = Field(60.0, ge=0)

    @model_validator(mode="after")
    def _check_quiet_hours(self) -> Self:
        if bool(self.quiet_from) != bool(self.quiet_until):
            raise ValueError("alerts.quiet_from and alerts.quiet_until go together: set both or neither")
        return self


class ArbitrageSettings(BaseModel, extra="forbid"):
    """When a gap between two prices is worth acting on. Money is in the currency that a route begins with."""

    capital: float = Field(10_000.0, gt=0)
    currencies: list[str] = ["USDT", "USD", "USDC", "EUR"]
    max_age_s: float = Field(1.5, gt=0)
    max_skew_s: float = Field(1.0, gt=0)
    latency_s: float = Field(0.3, ge=0)
    min_spread_percent: float = Field(0.25, ge=0)
    execute_spread_percent: float = Field(0.5, ge=0)
    transfer_cost: float = Field(2.5, ge=0)
    """Of one withdrawal where the venue does not tell."""
    rebalance_share: float = Field(1.0, ge=0, le=1)
    """Share of a whole rebalancing that one trade has to pay for."""


class ForexSettings(BaseModel, extra="forbid"):
    """When a forex signal is worth acting on. Money is in USD."""

    capital: float = Field(10_000.0, gt=0)
    risk_share: float = Field(0.01, gt=0, le=0.2)
    max_age_s: float = Field(5.0, gt=0)
    execute_strength: float = Field(50.0, ge=0, le=100)
    min_decided: int = Field(20, ge=0)
    """Earlier signals that must be decided before one is executed."""
    commission_per_lot: float = Field(0.0, ge=0)


class BinarySettings(BaseModel, extra="forbid"):
    """When a binary signal is worth acting on."""

    feed_url: str = ""
    """Where signals are fetched as JSON; empty: the emulator's feed, or none on the live market."""
    feed_s: float = Field(5.0, gt=0)
    max_age_s: float = Field(15.0, gt=0)
    payout: float = Field(0.85, gt=0, le=10)
    """Of our own signals; a feed tells its own."""
    stake: float = Field(10.0, gt=0)
    min_probability: float = Field(0.65, gt=0, lt=1)
    min_decided: int = Field(30, ge=1)
    """Decided signals of a source and claimed probability before its claims count."""


class ScanSettings(BaseModel, extra="forbid"):
    """How often the scanners look, and what they take for an opportunity."""

    cycle_s: float = Field(10.0, gt=0)
    arbitrage: ArbitrageSettings = ArbitrageSettings()
    forex: ForexSettings = ForexSettings()
    binary: BinarySettings = BinarySettings()


class Settings(BaseSettings):
    """Every setting of every process. Raises `SettingsError` through `load`."""

    model_config = SettingsConfigDict(
        env_prefix="TRIFECTA_",
        env_nested_delimiter="__",
        env_file=".env",
        dotenv_filtering="match_prefix",  # `.env` may serve other programs too
        toml_file="trifecta.toml",
        extra="forbid",
        hide_input_in_errors=True,
        validate_default=True,
    )

    data_dir: Path = Path("data")
    market: Market = Market.SIMULATED
    lake_uri: str = ""
    ledger_url: str = Field("", repr=False)  # may hold a password
    bus_address: str = "tcp://127.0.0.1:5570"
    prefect_api: str = ""

    api_host: str = "127.0.0.1"
    api_port: int = Field(8000, ge=1, le=65535)
    api_token: SecretStr = SecretStr("")
    api_tls_cert: Path | None = None
    api_tls_key: Path | None = None
    prefect_port: int = Field(4200, ge=1, le=65535)
    dashboard_host: str = "127.0.0.1"
    dashboard_port: int = Field(8501, ge=1, le=65535)
    emulator_port: int = Field(8900, ge=1, le=65535)
    emulator_rate: float = Field(100.0, gt=0, le=100_000)
    emulator_seed: int = 7
    emulator_exchange_rate: float = Field(3.0, ge=0, le=1_000)
    """Changes a second of each book at the emulated exchanges beside Binance."""
    emulator_dislocations: float = Field(6.0, ge=0)
    """How often an hour one of them strays from the fair price."""

    venues: dict[str, VenueSettings] = _VENUES
    mt5: Mt5Settings = Mt5Settings()
    dex: DexSettings = DexSettings()
    capture: CaptureSettings = CaptureSettings()
    forecast: ForecastSettings = ForecastSettings()
    risk: RiskSettings = RiskSettings()
    trade: TradeSettings = TradeSettings()
    scan: ScanSettings = ScanSettings()
    logs: LogSettings = LogSettings()
    alerts: AlertSettings = AlertSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """First one wins: arguments, environment, `.env`, `trifecta.toml`."""
        return init_settings, env_settings, dotenv_settings, TomlConfigSettingsSource(settings_cls)

    @field_validator("venues", mode="before")
    @classmethod
    def _change_one_venue_only(cls, given: object) -> object:
        """What a file or a variable says of a venue changes that venue alone; `enabled = false` leaves one out."""
        if not isinstance(given, dict) or any(isinstance(venue, VenueSettings) for venue in given.values()):
            return given
        merged: dict[str, object] = {name: venue.model_dump() for name, venue in _VENUES.items()}
        for name, venue in given.items():
            known = merged.get(name)
            merged[name] = {**known, **venue} if isinstance(known, dict) and isinstance(venue, dict) else venue
        return merged

    @model_validator(mode="after")
    def _check_as_a_whole(self) -> Self:
        for name, host in (("api_host", self.api_host), ("dashboard_host", self.dashboard_host)):
            if not is_loopback(host) and len(self.api_token.get_secret_value()) < 16:
                raise ValueError(
                    f"{name} {host!r} is reachable from outside this machine: set TRIFECTA_API_TOKEN to "
                    "at least 16 characters (python -c 'import secrets; print(secrets.token_urlsafe(32))'), "
                    f"or set TRIFECTA_{name.upper()}=127.0.0.1"
                )
        if (self.api_tls_cert is None) != (self.api_tls_key is None):
            raise ValueError("api_tls_cert and api_tls_key go together: set both or neither")
        ports = [self.api_port, self.prefect_port, self.dashboard_port, self.emulator_port]
        if len(set(ports)) != len(ports):
            raise ValueError(f"ports {ports} must all differ: api_port, prefect_port, dashboard_port, emulator_port")
        if self.forecast.default_horizon_s not in self.forecast.horizons_s:
            raise ValueError(
                f"forecast.default_horizon_s {self.forecast.default_horizon_s} must be one of "
                f"forecast.horizons_s {self.forecast.horizons_s}"
            )
        return self

    @property
    def lake(self) -> str:
        """Where the Delta tables live: a folder or an object-store URI."""
        return self.lake_uri or str((self.data_dir / "lake").absolute())

    @property
    def ledger(self) -> str:
        """SQLAlchemy URL of the ledger."""
        return self.ledger_url or f"sqlite:///{(self.data_dir / 'ledger.db').absolute()}"

    @property
    def prefect_api_url(self) -> str:
        return self.prefect_api or f"http://127.0.0.1:{self.prefect_port}/api"

    @property
    def emulator_url(self) -> str:
        return f"http://127.0.0.1:{self.emulator_port}"

    @property
    def journal_dir(self) -> Path:
        return self.data_dir / "journal"

    @property
    def run_dir(self) -> Path:
        """Process ids, logs and control files of the running system."""
        return self.data_dir / "run"

    def source(self, venue: str) -> str:
        """The name a venue's data bears in the warehouse: `sim_binance` for whatever the emulator produced."""
        return venue if self.market is Market.LIVE else f"sim_{venue}"


def is_loopback(host: str) -> bool:
    """True for an address that only this machine can reach."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def load(**overrides: object) -> Settings:
    """The settings in force.

    Raises:
        SettingsError: each line names key, value and what is expected.
    """
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        raise SettingsError("\n".join(_explain(error))) from error
    except (OSError, ValueError) as error:
        raise SettingsError(f"trifecta.toml or .env cannot be read: {error}") from error


def _explain(error: ValidationError) -> list[str]:
    lines = ["settings are not valid:"]
    for item in error.errors(include_url=False):
        key = ".".join(str(part) for part in item["loc"])
        if not key:
            lines.append(f"  {item['msg'].removeprefix('Value error, ')}")
            continue
        value = "(hidden)" if any(word in key for word in _SECRET) else repr(item["input"])
        env = "TRIFECTA_" + key.upper().replace(".", "__")
        remedy = "remove it or correct its name" if item["type"] == "extra_forbidden" else item["msg"]
        lines.append(f"  {key} = {value}: {remedy} (set {env}, .env or trifecta.toml)")
    return lines
