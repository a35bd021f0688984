"""What the running system consists of: each part's command, environment and how to tell that it is ready."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path

from pydantic import SecretStr

from trifecta.capture import heartbeat
from trifecta.emulator.contracts import KEPT
from trifecta.emulator.instruments import PROFILES
from trifecta.errors import SettingsError
from trifecta.ops import probe, processes
from trifecta.settings import Market, Settings

ROOT = Path(__file__).parents[2]
DASHBOARD = ROOT / "streamlit_app" / "Home.py"
POOL = "trifecta"
MARKETS = {"binance": "spot", "binance_usdm": "usdm"}
EXCHANGES = ("kraken", "coinbase", "okx")

RECORDER = "recorder"
SIDECAR = "sidecar"
EMULATOR = "emulator"
SERVER = "prefect-server"
WORKER = "prefect-worker"
BOARD = "dashboard"
ALERTS = "alerts"
TRADER = "trader"
SCAN = "scan"
KEEPER = "keeper"
# glibc keeps freed memory for each of the 40 threads of the lake's library, that library's own allocator keeps some for
# ten seconds in each of its arenas, and Arrow keeps a pool. Given back at once, a recorder takes 50 MB less.
FRUGAL = {
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_TRIM_THRESHOLD_": str(1 << 20),
    "_RJEM_MALLOC_CONF": "narenas:1,dirty_decay_ms:0,muzzy_decay_ms:0",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
}

INGEST = "ingest"  # with its process id: the recorder inside a flow run, the worker's child


@dataclass(frozen=True)
class Part:
    """One child process."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    url: str = ""
    """What a person opens in a browser."""
    probe: str = ""
    """Answers 2xx, or 503 with a reason, once the part serves; empty: it is ready when it runs."""


@dataclass(frozen=True)
class Wish:
    """What `trifecta up` was asked to run."""

    recorded: tuple[Path, ...] = ()
    speed: float = 1.0
    prefect: bool = True
    dashboard: bool = True


def ingest_name(pid: int) -> str:
    """Under which name a flow run that records, or waits for its turn to, is recorded."""
    return f"{INGEST}-{pid}"


def scan_name(pid: int) -> str:
    """Under which name a flow run that scans is recorded."""
    return f"{SCAN}-{pid}"


def training_name(flow: str, pid: int) -> str:
    """Under which name a run of `train` or `tune` is recorded."""
    return f"{flow}-{pid}"


def training_lives(settings: Settings, flow: str) -> bool:
    """Whether a run of `train` or `tune` goes on."""
    return any(name.startswith(f"{flow}-") for name in processes.living(settings.run_dir))


def ingest_lives(settings: Settings) -> bool:
    """Whether a flow run records or is about to."""
    return any(name.startswith(INGEST) for name in processes.living(settings.run_dir))


def ingest_hears(settings: Settings) -> bool:
    """Whether flow runs that live hear everything that is recorded, so that nobody else needs to record it."""
    pids = {process.pid for name, process in processes.living(settings.run_dir).items() if name.startswith(INGEST)}
    sources = [settings.source(name) for name, venue in settings.venues.items() if venue.enabled and venue.symbols]
    return all(heartbeat.stands_by(settings.run_dir, source) in pids for source in sources)


def scan_lives(settings: Settings) -> bool:
    """Whether a flow run scans."""
    return any(name.startswith(f"{SCAN}-") for name in processes.living(settings.run_dir))


def installed(*modules: str) -> bool:
    return all(find_spec(module) is not None for module in modules)


def api_url(settings: Settings) -> str:
    """Where this machine reaches the sidecar, whatever address it listens on."""
    host = "127.0.0.1" if settings.api_host in ("0.0.0.0", "localhost") else settings.api_host  # noqa: S104
    host = f"[{host}]" if ":" in host else host
    return f"{'https' if settings.api_tls_cert else 'http'}://{host}:{settings.api_port}"


def ask_sidecar(settings: Settings, path: str) -> probe.Answer | None:
    """What the sidecar answers, asked with its token."""
    token = settings.api_token.get_secret_value()
    return probe.get(f"{api_url(settings)}{path}", token=token, certificate=settings.api_tls_cert)


def settings_environment(settings: Settings) -> dict[str, str]:
    """`settings` as variables, so that a child sees the very same wherever it runs."""
    variables = {
        f"TRIFECTA_{name.upper()}": value if isinstance(value, str) else json.dumps(value, default=_revealed)
        for name, value in ((name, _revealed(value)) for name, value in settings.model_dump().items())
        if value is not None
    }
    variables["TRIFECTA_DATA_DIR"] = str(settings.data_dir.absolute())
    return variables


def _revealed(value: object) -> object:
    """What JSON can say; a secret as it is, for the child that needs it."""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return str(value) if isinstance(value, Path | Decimal) else value


def prefect_environment(settings: Settings) -> dict[str, str]:
    """Prefect with a profile and a database of its own, and silent towards the network."""
    home = settings.data_dir.absolute() / "prefect"
    return {
        "PREFECT_HOME": str(home),
        "PREFECT_API_URL": settings.prefect_api_url,
        "PREFECT_SERVER_UI_API_URL": settings.prefect_api_url,
        "PREFECT_API_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{(home / 'prefect.db').as_posix()}",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_WORKER_QUERY_SECONDS": "2",
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
        "PREFECT_CLI_COLORS": "false",
        "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
    }


def child_environment(settings: Settings) -> dict[str, str]:
    """What every child inherits. This interpreter's folder comes first, so that `python` means it."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    ours = {"PYTHONUNBUFFERED": "1", "PATH": path}
    return {**os.environ, **ours, **FRUGAL} | settings_environment(settings)


def contracts_folder(settings: Settings) -> Path:
    """Where the bytecode of the emulator's chain is kept."""
    return settings.data_dir.absolute() / "contracts"


def emulator(settings: Settings, wish: Wish) -> Part:
    """The venues on loopback: generated, or playing `wish.recorded`."""
    enabled = {name: venue for name, venue in settings.venues.items() if venue.enabled}
    exchanges = [name for name in enabled if name in EXCHANGES]
    markets = [MARKETS[name] for name in enabled if name in MARKETS] or [MARKETS["binance"]]
    symbols = dict.fromkeys(_emulated(name, symbol) for name, symbol in _named(settings))
    played = ("--recorded", *map(str, wish.recorded), "--speed", str(wish.speed)) if wish.recorded else ()
    bytecode = contracts_folder(settings)
    chain = ("--chain", str(bytecode)) if settings.dex.enabled and (bytecode / KEPT).exists() else ()
    return Part(
        EMULATOR,
        (
            *(sys.executable, "-m", "trifecta.emulator", "--port", str(settings.emulator_port)),
            *("--folder", str(settings.data_dir.absolute() / "emulator")),
            *("--seed", str(settings.emulator_seed), "--rate", str(settings.emulator_rate)),
            *("--symbols", *symbols, "--markets", *markets, "--exchanges", *exchanges),
            *("--exchange-rate", str(settings.emulator_exchange_rate)),
            *("--dislocations", str(settings.emulator_dislocations)),
            *played,
            *chain,
        ),
        child_environment(settings),
        probe=f"{settings.emulator_url}/control/state",
    )


def require_generated(settings: Settings) -> None:
    """
    Raises:
        SettingsError: a venue is to have a symbol for which the emulator makes no market; names it and what there is.
    """
    for venue, symbol in _named(settings) if settings.market is Market.SIMULATED else ():
        if _emulated(venue, symbol) not in PROFILES:
            raise SettingsError(
                f"venues.{venue}.symbols has {symbol!r}, of which no market is simulated: take assets of "
                f"{', '.join(PROFILES)}, or set market to recorded or live"
            )


def _named(settings: Settings) -> list[tuple[str, str]]:
    """(venue, symbol) of all that is recorded."""
    return [(name, symbol) for name, venue in settings.venues.items() if venue.enabled for symbol in venue.symbols]


def _emulated(venue: str, symbol: str) -> str:
    """Binance's symbol of the same asset: its price is the one that every exchange quotes around."""
    return symbol if venue in MARKETS else re.split(r"[-/]", symbol)[0] + "USDT"


def sidecar(settings: Settings) -> Part:
    url = api_url(settings)
    return Part(SIDECAR, _trifecta("serve"), child_environment(settings), url=f"{url}/docs", probe=f"{url}/health")


def recorder(settings: Settings) -> Part:
    """The recorder without Prefect."""
    return Part(RECORDER, _trifecta("record"), child_environment(settings))


def trader(settings: Settings) -> Part:
    """The one process that trades."""
    return Part(TRADER, _trifecta("trade"), child_environment(settings))


def keeper(settings: Settings) -> Part:
    """What the flows do, where Prefect does not run them."""
    return Part(KEEPER, _trifecta("keep"), child_environment(settings))


def dashboard(settings: Settings) -> Part:
    scheme = "https" if settings.api_tls_cert else "http"
    host = "127.0.0.1" if settings.dashboard_host in ("0.0.0.0", "localhost") else settings.dashboard_host  # noqa: S104
    url = f"{scheme}://{host}:{settings.dashboard_port}"
    return Part(
        BOARD,
        (
            *(sys.executable, "-m", "streamlit", "run", str(DASHBOARD), "--server.port", str(settings.dashboard_port)),
            *("--server.address", settings.dashboard_host, "--server.headless", "true"),
            *("--server.fileWatcherType", "none", "--browser.gatherUsageStats", "false"),
            *("--runner.magicEnabled", "false"),  # which would show a bare text of the source on the page
            *_dashboard_tls(settings),
        ),
        child_environment(settings),
        url=url,
        probe=f"{url}/_stcore/health",
    )


def _dashboard_tls(settings: Settings) -> tuple[str, ...]:
    if settings.api_tls_cert is None or settings.api_tls_key is None:
        return ()
    return ("--server.sslCertFile", str(settings.api_tls_cert), "--server.sslKeyFile", str(settings.api_tls_key))


def prefect(settings: Settings) -> list[Part]:
    """Server and worker; of a server that runs elsewhere (`prefect_api`) the worker alone.

    The server's own command starts a second interpreter that imports Prefect once more; this is what it runs.
    """
    environment = child_environment(settings) | prefect_environment(settings)
    ready = f"{settings.prefect_api_url}/work_pools/{POOL}"  # the worker makes it once the server is there
    worker = Part(WORKER, (sys.executable, "-m", "flows.worker"), environment, probe=ready)
    if settings.prefect_api:
        return [worker]
    listen = ("--host", "127.0.0.1", "--port", str(settings.prefect_port), "--timeout-keep-alive", "5")
    server = Part(
        SERVER,
        (sys.executable, "-m", "uvicorn", "--factory", "prefect.server.api.server:create_app", *listen),
        environment,
        url=f"http://127.0.0.1:{settings.prefect_port}",
        probe=f"{settings.prefect_api_url}/health",
    )
    return [server, worker]


def alerts(settings: Settings) -> Part:
    """The watch that tells people what is wrong."""
    return Part(ALERTS, _trifecta("alerts", "watch"), child_environment(settings))


def of_system(settings: Settings, wish: Wish) -> tuple[list[Part], list[str]]:
    """The parts beside the recorder, in this order, and a warning for each that cannot be."""
    parts, warnings = [], []
    if settings.market is not Market.LIVE:
        parts.append(emulator(settings, wish))
    if wish.prefect and installed("prefect"):
        parts += prefect(settings)
    else:
        missing = "is not installed (pip install 'trifecta[flows]')" if wish.prefect else "does not run"
        warnings.append(f"Prefect {missing}: models are neither trained nor judged, nothing is reported")
        parts.append(keeper(settings))
    parts += [sidecar(settings), trader(settings)]
    if settings.alerts.urls and installed("apprise"):
        parts.append(alerts(settings))
    elif settings.alerts.urls:
        warnings.append("Apprise is not installed (pip install 'trifecta[report]'): nobody is told what is wrong")
    if wish.dashboard and not installed("streamlit"):
        warnings.append("Streamlit is not installed (pip install 'trifecta[dashboard]'): no dashboard")
    elif wish.dashboard and not DASHBOARD.exists():
        warnings.append(f"{DASHBOARD} is not there: no dashboard")
    elif wish.dashboard:
        parts.append(dashboard(settings))
    return parts, warnings


def _trifecta(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "trifecta", *arguments)
