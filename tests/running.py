"""A running system for tests that need one: everything on ports of its own, in a folder of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.ports import free_port

ROOT = Path(__file__).parents[1]
GUARDED = (sys.executable, "-m", "tests.guarded")
"""Before a command: it ends with the test that started it, even with one that is killed."""
PATIENCE_S = 120.0
LOCKED = re.compile(r"database is locked|could not set lock|lock timeout|IO Error: .*lock", re.I)
NAMES = ("API_PORT", "PREFECT_PORT", "DASHBOARD_PORT", "EMULATOR_PORT")
LIGHT = {
    "TRIFECTA_VENUES__BINANCE__SYMBOLS": '["BTCUSDT"]',
    "TRIFECTA_VENUES__KRAKEN__SYMBOLS": '["BTC/USDT"]',
    **{f"TRIFECTA_VENUES__{name}__ENABLED": "false" for name in ("BINANCE_USDM", "COINBASE", "OKX")},
    "TRIFECTA_FORECAST__DEFAULT_SYMBOL": "BTCUSDT",
    "TRIFECTA_MT5__ENABLED": "false",
}
"""Settings of a system that takes less of the machine: two exchanges with an instrument each."""
DEFAULTS = {"8000": "API_PORT", "4200": "PREFECT_PORT", "8501": "DASHBOARD_PORT", "8900": "EMULATOR_PORT"}


def ports() -> dict[str, str]:
    """Settings with ports that are free."""
    return {
        **{f"TRIFECTA_{name}": str(free_port()) for name in NAMES},
        "TRIFECTA_BUS_ADDRESS": f"tcp://127.0.0.1:{free_port()}",
    }


@dataclass(frozen=True)
class System:
    """Where everything of the running system is."""

    folder: Path
    environment: dict[str, str]

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.environment['TRIFECTA_API_PORT']}"

    @property
    def dashboard(self) -> str:
        return f"http://127.0.0.1:{self.environment['TRIFECTA_DASHBOARD_PORT']}"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def lock_errors(self) -> list[str]:
        """Lines of the logs that tell of a database or a file that somebody else held."""
        logs = [path.read_text(errors="replace") for path in (self.data / "run" / "logs").glob("*.log")]
        return [line for log in logs for line in log.splitlines() if LOCKED.search(line)]

    def here(self, text: str) -> str:
        """`text` with the ports of this system in place of the usual ones."""
        for number, name in DEFAULTS.items():
            text = text.replace(f"127.0.0.1:{number}", f"127.0.0.1:{self.environment[f'TRIFECTA_{name}']}")
        return text


@contextmanager
def running(folder: Path, *arguments: str, **settings: str) -> Iterator[System]:
    """`trifecta up` with these arguments, from when it serves a range until the block ends."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TRIFECTA_", "PREFECT_"))}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    own = {"TRIFECTA_DATA_DIR": str(folder / "data"), "TRIFECTA_EMULATOR_RATE": "60", **ports(), **settings}
    system = System(folder, {**kept, "PATH": path, "PYTHONPATH": str(ROOT), **own})
    log = folder / "up.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*GUARDED, sys.executable, "-m", "trifecta", "up", *arguments],
            cwd=folder,
            env=system.environment,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    assert process.stdin is not None
    try:
        _wait(process, f"{system.api}/market-range/simple", log)
        if "--no-dashboard" not in arguments:
            _wait(process, f"{system.dashboard}/_stcore/health", log)
        yield system
    finally:
        process.stdin.close()
        process.wait(60)


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    """Returns once `url` answers 200."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text()
        try:
            if httpx.get(url, timeout=2).is_success:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.2)
    raise AssertionError(f"{url} did not answer within {PATIENCE_S:g} s:\n{log.read_text()}")
