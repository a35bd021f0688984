"""The first start: files a person edits, the folders, and what is compiled once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from trifecta.clock import Clock
from trifecta.emulator.config import EmulatorError
from trifecta.emulator.contracts import contracts
from trifecta.ops import parts, prefect_profile, warm
from trifecta.settings import Market, Settings
from warehouse import Lake

TOML = """\
# Settings of Trifecta; environment variables (TRIFECTA_API_PORT=...) and .env win over this file.
# Every line that begins with # shows the default.

#market = "simulated"        # or "live": public streams, no keys
#data_dir = "data"
#lake_uri = ""               # "" means data/lake; or s3://bucket/lake
#bus_address = "tcp://127.0.0.1:5570"
#api_host = "127.0.0.1"      # anything else needs TRIFECTA_API_TOKEN
#api_port = 8000
#prefect_port = 4200
#prefect_api = ""            # the API of a Prefect server that runs elsewhere
#dashboard_host = "127.0.0.1"  # anything else needs TRIFECTA_API_TOKEN, which is then asked for
#dashboard_port = 8501
#emulator_port = 8900
#emulator_rate = 100.0       # frames a second of the simulated market

#[venues.binance]
#enabled = true
#symbols = ["PAXGUSDT", "BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT", "ADAUSDT", "DOGEUSDT", "LTCUSDT"]

#[venues.binance_usdm]
#enabled = true
#symbols = ["BTCUSDT", "ETHUSDT"]

#[venues.kraken]             # coinbase and okx likewise; any other venue of ccxt by its name there
#enabled = true
#symbols = ["BTC/USDT", "ETH/USDT", "SOL/USDT", "XRP/USDT", "ADA/USDT", "DOGE/USDT", "LTC/USDT"]

#[capture]
#flush_s = 5.0               # how often rows are committed to the lake
#silence_s = 30.0            # a stream that says nothing for this long is connected again
#journal_days = 14.0

#[forecast]
#default_symbol = "PAXGUSDT"
#default_horizon_s = 300
#method = "auto"             # auto, persistence, ewma, har, legacy
#max_age_s = 10.0            # an older range is not served

#[logs]
#format = "text"             # or "json": one object a line
#level = "INFO"

#[alerts]                    # urls are secrets: TRIFECTA_ALERTS__URLS in .env
#mute = []                   # rules that stay silent: `trifecta alerts rules`
#quiet_from = ""             # "22:00" and quiet_until "07:00", UTC: then only what is critical
#summary_at = "00:05"        # UTC; "": never
"""
ENV = """\
# Secrets, and settings of this machine. Never commit this file.
#TRIFECTA_API_TOKEN=
#TRIFECTA_API_PORT=8000
#TRIFECTA_ALERTS__URLS=["tgram://token/chat"]
"""


def initialise(settings: Settings, folder: Path, clock: Clock) -> Iterator[str]:
    """Makes what is missing, changes nothing that is there, and tells each step."""
    yield _written(folder / "trifecta.toml", TOML)
    example = folder / ".env.example"
    yield _written(folder / ".env", example.read_text() if example.exists() else ENV)
    Lake(settings.lake).create_all()
    yield f"lake: {settings.lake}"
    yield f"Prefect profile: {prefect_profile.write(settings)}"
    yield _bytecode(settings)
    began_s = clock.monotonic_s()
    warm.compile_all(clock)
    yield f"compiled what runs compiled in {clock.monotonic_s() - began_s:.0f} s"
    yield "ready: trifecta up"


def _bytecode(settings: Settings) -> str:
    """Fetches what the emulator's chain runs; without it there are no pools, and everything else goes on."""
    if settings.market is Market.LIVE or not settings.dex.enabled:
        return "pools: no chain is emulated"
    try:
        contracts(parts.contracts_folder(settings))
    except EmulatorError as error:
        return f"pools are skipped: {error}"
    return "pools: the pair contract's bytecode is there"


def _written(path: Path, text: str) -> str:
    if path.exists():
        return f"kept {path.name}"
    path.write_text(text)
    return f"wrote {path.name}"
