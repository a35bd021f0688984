"""A paper trade from the click to the equity that moved, in a real browser, against the running system."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal

import httpx
import pytest
from playwright.sync_api import Browser, Error, Page, expect
from sqlalchemy import select

from tests.dashboard.browser import Watched, browser_here
from tests.running import System, running
from warehouse.ledger import Ledger, equity, fills

pytestmark = [pytest.mark.system, pytest.mark.timeout(600), pytest.mark.xdist_group("system")]
SETTINGS = {
    "TRIFECTA_VENUES__BINANCE__SYMBOLS": '["BTCUSDT"]',
    "TRIFECTA_VENUES__KRAKEN__SYMBOLS": '["BTC/USDT"]',
    **{f"TRIFECTA_VENUES__{name}__ENABLED": "false" for name in ("BINANCE_USDM", "COINBASE", "OKX")},
    "TRIFECTA_FORECAST__DEFAULT_SYMBOL": "BTCUSDT",
    "TRIFECTA_MT5__ENABLED": "false",
    "TRIFECTA_SCAN__ARBITRAGE__MAX_AGE_S": "20",  # a busy machine is slow to show what it sees
    "TRIFECTA_SCAN__ARBITRAGE__MAX_SKEW_S": "20",
    "TRIFECTA_RISK__STALE_S": "20",
    "TRIFECTA_TRADE__TRANSFER_S": "1",
    "TRIFECTA_TRADE__MARK_S": "1",
    "TRIFECTA_RISK__POSITION_SHARE": "1",
    "TRIFECTA_RISK__ASSET_SHARE": "10",
    "TRIFECTA_RISK__VENUE_SHARE": "10",
}
DISLOCATION = {"exchange": "kraken", "symbol": "BTC/USDT", "bps": 150.0, "duration_s": 400.0}
PATIENCE_MS = 120_000
ATTEMPTS = 10


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browser_here() as found:
        yield found


@pytest.fixture(scope="module")
def trading(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Two exchanges, a scanner over both, and a trader."""
    with running(tmp_path_factory.mktemp("trading"), "--no-prefect", **SETTINGS) as system:
        command = [sys.executable, "-m", "tests.dashboard.scanner"]
        with (system.folder / "scanner.log").open("wb") as log:
            scanner = subprocess.Popen(command, env=system.environment, stdout=log, stderr=log)
        yield system
        scanner.terminate()
        scanner.wait(60)


def test_a_click_becomes_fills_and_equity_moves(browser: Browser, trading: System) -> None:
    emulator = f"http://127.0.0.1:{trading.environment['TRIFECTA_EMULATOR_PORT']}"
    answer = httpx.post(f"{emulator}/control/dislocation", json=DISLOCATION)
    assert answer.is_success, answer.text
    tab = Watched(browser)
    page = tab.page
    page.goto(trading.dashboard)
    page.get_by_test_id("stSidebarNav").get_by_role("link", name="Opportunities", exact=True).click()
    assert any(_executed(tab) for _ in range(ATTEMPTS))
    tab.shot("opportunities_executed")
    page.get_by_role("link", name="See it in Performance").click()
    _shows_the_trade(page)
    tab.shot("performance_after_a_trade")
    with Ledger(f"sqlite:///{trading.data / 'ledger.db'}") as ledger, ledger.read() as connection:
        assert connection.execute(select(fills.c.id)).all()
        worths = set(connection.execute(select(equity.c.equity)).scalars())
    assert len(worths) > 1
    assert all(isinstance(worth, Decimal) for worth in worths)
    tab.context.close()
    assert (tab.complaints, tab.foreign) == ([], [])


def _executed(tab: Watched) -> bool:
    """Both steps. A gap that closed in between, or a word that grew old meanwhile, is told, and trades nothing."""
    page = tab.page
    confirm = page.get_by_role("button", name="Confirm")
    try:
        page.get_by_role("button", name="Execute").first.click(timeout=PATIENCE_MS)
        confirm.click()
    except Error:  # it ended under the finger
        return False
    approved = page.get_by_text("approved", exact=True)
    refused = page.get_by_text(re.compile("^(refused|skipped|gone)$")).or_(page.get_by_test_id("stAlert"))
    expect(approved.or_(refused).first).to_be_visible(timeout=PATIENCE_MS)
    return approved.count() == 1


def _shows_the_trade(page: Page) -> None:
    expect(page.get_by_role("heading", name="Performance", level=1)).to_be_visible()
    earned = page.get_by_test_id("stMetric").filter(has_text="Earned").get_by_test_id("stMetricValue")
    expect(earned).to_have_text(re.compile(r"[+-]\d"), timeout=PATIENCE_MS)
    expect(earned).not_to_have_text("+0.00", timeout=PATIENCE_MS)
    for title in ("By engine", "By venue"):
        expect(page.get_by_text(title)).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_test_id("stException")).to_have_count(0)
    expect(page.get_by_test_id("stAlert")).to_have_count(0)
