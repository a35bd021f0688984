"""How soon each page of the dashboard is drawn over a warehouse of 50 M trades, in a real browser.

Days of trades and of every second's order flow, published marts, and the newest minutes in the small files that a
recorder commits. Nobody answers for the sidecar: a page must not need it to show what is stored.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from playwright.sync_api import Page

from tests.bench import many
from tests.bench.environment import ROOT
from tests.bench.measure import Verdict
from tests.dashboard.browser import PAGES, Watched, chromium
from tests.ports import free_port
from warehouse import Lake
from warehouse.publish import publish

TRADES, QUICK_TRADES, DAYS = 50_000_000, 2_000_000, 10
VISITS, QUICK_VISITS = 5, 2
TARGET_MS = 1_500.0
START_S = 120.0
DRAWN = """name => document.querySelector('.stApp').dataset.testScriptState === 'notRunning'
    && !document.querySelector('[data-testid=stSkeleton]')
    && [...document.querySelectorAll('h1')].some(title => title.innerText.trim() === name)"""
"""The page's own title stands there, its script came to its end, and nothing waits to be drawn."""


def measure(*, quick: bool) -> list[Verdict]:
    with tempfile.TemporaryDirectory() as name:
        folder, lake = Path(name), Lake(f"{name}/lake")
        trades = QUICK_TRADES if quick else TRADES
        many.fill(lake, trades=trades, days=DAYS, now_s=int(time.time()))
        publish(lake, folder / "warehouse.duckdb")
        return visit(folder, QUICK_VISITS if quick else VISITS, f"{trades / 1e6:g} M trades")


def visit(folder: Path, visits: int, what: str) -> list[Verdict]:
    """Opens every page in turn, `visits` times; the first time nothing was opened before it."""
    took: dict[str, list[float]] = {page: [] for page in PAGES}
    with _dashboard(folder) as url, chromium() as browser:
        tab = Watched(browser)
        tab.page.goto(url)
        _drawn(tab.page, "Overview")
        for _ in range(visits):
            for page in (*list(PAGES)[1:], "Overview"):
                began = time.perf_counter()
                tab.page.get_by_test_id("stSidebarNav").get_by_role("link", name=page, exact=True).click()
                _drawn(tab.page, page)
                took[page].append(1e3 * (time.perf_counter() - began))
    return [
        Verdict(
            f"{page} page, drawn", statistics.median(times), "ms", TARGET_MS, at_least=False,
            note=f"{what}; first {times[0]:.0f} ms, slowest {max(times):.0f} ms of {visits}",
        )
        for page, times in took.items()
    ]  # fmt: skip


def _drawn(page: Page, name: str) -> None:
    page.wait_for_function(DRAWN, arg=name, timeout=1e3 * START_S)


@contextmanager
def _dashboard(folder: Path) -> Iterator[str]:
    """The dashboard of this data folder alone."""
    port, nobody = free_port(), free_port()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TRIFECTA_")}
    own = {"PYTHONPATH": str(ROOT), "TRIFECTA_DATA_DIR": str(folder), "TRIFECTA_API_PORT": str(nobody)}
    command = [
        *(sys.executable, "-m", "streamlit", "run", str(ROOT / "streamlit_app" / "Home.py")),
        *("--server.port", str(port), "--server.address", "127.0.0.1", "--server.headless", "true"),
        *("--browser.gatherUsageStats", "false", "--server.fileWatcherType", "none"),
    ]
    process = subprocess.Popen(command, env=kept | own, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        url, end = f"http://127.0.0.1:{port}", time.monotonic() + START_S
        while time.monotonic() < end:
            try:
                if httpx.get(f"{url}/_stcore/health", timeout=2).is_success:
                    break
            except httpx.HTTPError:
                time.sleep(0.2)
        yield url
    finally:
        process.terminate()
        process.wait(30)
