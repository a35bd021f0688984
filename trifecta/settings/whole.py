"""Every setting of every process, read from `trifecta.toml`, then `.env`, then environment variables."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from trifecta.errors import SettingsError
from trifecta.settings.markets import (
    VENUES,
    CaptureSettings,
    DexSettings,
    ForecastSettings,
    Market,
    Mt5Settings,
    VenueSettings,
)
from trifecta.settings.telling import AlertSettings, LogSettings
from trifecta.settings.trading import RiskSettings, ScanSettings, TradeSettings

LAKE_SCHEMES = ("file", "s3")
_SECRET = ("token", "secret", "key", "password", "ledger_url", "urls")  # values of such settings are never shown


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
        use_attribute_docstrings=True,
        validate_default=True,
    )

    data_dir: Path = Path("data")
    """Where everything is kept."""
    market: Market = Market.SIMULATED
    """`simulated` and `recorded` come from the emulator on this machine."""
    lake_uri: str = ""
    """Where the tables are; empty: `lake` in the data folder; or s3://bucket/prefix."""
    ledger_url: str = Field("", repr=False)  # may hold a password
    """Empty: `ledger.db` in the data folder; or postgresql://user@host/database."""
    bus_address: str = "tcp://127.0.0.1:5570"
    """Where parts hear each other; the port above it is taken too."""
    prefect_api: str = ""
    """API of a Prefect server that runs elsewhere; empty: one is started."""

    api_host: str = "127.0.0.1"
    """Where the sidecar listens; beyond loopback a token is required."""
    api_port: int = Field(8000, ge=1, le=65535)
    """Of the sidecar."""
    api_token: SecretStr = SecretStr("")
    """What whoever asks the sidecar, or opens the dashboard beyond loopback, must present."""
    api_tls_cert: Path | None = None
    """Certificate of sidecar and dashboard."""
    api_tls_key: Path | None = None
    """Its key."""
    prefect_port: int = Field(4200, ge=1, le=65535)
    """Of the Prefect server that is started."""
    dashboard_host: str = "127.0.0.1"
    """Where the dashboard listens; beyond loopback a token is required."""
    dashboard_port: int = Field(8501, ge=1, le=65535)
    """Of the dashboard."""
    emulator_port: int = Field(8900, ge=1, le=65535)
    """Of the emulator."""
    emulator_rate: float = Field(100.0, gt=0, le=100_000)
    """Frames a second of each simulated market of Binance."""
    emulator_seed: int = 7
    """Of the simulated market."""
    emulator_exchange_rate: float = Field(3.0, ge=0, le=1_000)
    """Changes a second of each book at the emulated exchanges beside Binance."""
    emulator_dislocations: float = Field(6.0, ge=0)
    """How often an hour one of them strays from the fair price."""

    venues: dict[str, VenueSettings] = VENUES
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
        merged: dict[str, object] = {name: venue.model_dump() for name, venue in VENUES.items()}
        for name, venue in given.items():
            known = merged.get(name)
            merged[name] = {**known, **venue} if isinstance(known, dict) and isinstance(venue, dict) else venue
        return merged

    @field_validator("lake_uri")
    @classmethod
    def _a_folder_or_s3(cls, given: str) -> str:
        scheme, mark, _ = given.partition("://")
        if mark and scheme not in LAKE_SCHEMES:
            raise ValueError(
                f"a lake is in a folder or at s3://bucket/prefix (AWS, MinIO and others that speak S3), not at {scheme}://"
            )
        return given

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

    @property
    def published(self) -> Path:
        """The lake as one file, for any DuckDB client."""
        return self.data_dir / "warehouse.duckdb"

    @property
    def reports_dir(self) -> Path:
        """Pages that flows write and the sidecar serves."""
        return self.data_dir / "reports"

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
