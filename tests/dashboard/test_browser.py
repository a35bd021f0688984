"""The dashboard in a real browser, against the running system: what a person sees and does."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Error, Page, expect
from sqlalchemy import Row, Select, select

from tests.dashboard.browser import PAGES, Watched, browser_here
from tests.forecast import tiny
from tests.running import LIGHT, System, running
from trifecta.forecast import registry
from warehouse.ledger import Ledger, equity, fills

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]

SETTINGS = {
    **LIGHT,
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
ATTEMPTS = 10
FILLED_S = 20.0
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
"""Pixels that one has to scroll sideways."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browser_here() as found:
        yield found


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Two exchanges, a scanner over both, and a trader."""
    with running(tmp_path_factory.mktemp("trading"), "--no-prefect", **SETTINGS) as system:
        yield system


@pytest.fixture
def tab(browser: Browser, system: System) -> Iterator[Watched]:
    found = Watched(browser)
    found.page.goto(system.dashboard)
    expect(found.page.get_by_role("heading", name="Overview", level=1)).to_be_visible()
    yield found
    found.context.close()
    assert found.complaints == []
    assert found.foreign == []


def test_every_page_opens_and_says_simulated(tab: Watched) -> None:
    for name in PAGES:
        page = tab.open(name)
        expect(page.get_by_role("note").get_by_text("SIMULATED")).to_be_visible()
        expect(page.get_by_test_id("stException")).to_have_count(0)
        tab.shot(name.lower().replace(" ", "_"))


def test_numbers_change_while_one_looks(tab: Watched) -> None:
    value = tab.page.get_by_test_id("stMetric").filter(has_text="Age").get_by_test_id("stMetricValue")
    expect(value).to_have_text(re.compile(r"\d"))
    before = value.inner_text()
    expect(value).not_to_have_text(before)
    page = tab.open("Order flow")
    expect(page.locator(".js-plotly-plot")).to_have_count(3)
    book = page.get_by_text(re.compile("20 levels a side at"))
    before = book.inner_text()
    expect(book).not_to_have_text(before)


def test_halts_and_resumes(tab: Watched) -> None:
    page = tab.open("Risk")
    page.get_by_role("button", name="Halt everything").click()
    _confirm(page, "Halt now", "a test of the switch")
    page.keyboard.press("Escape")
    expect(page.get_by_text("HALTED").first).to_be_visible()
    expect(page.get_by_text("a test of the switch").first).to_be_visible()
    tab.shot("risk_halted")
    page.get_by_role("button", name="Resume").click()
    _confirm(page, "Resume now", "the test is over")
    page.keyboard.press("Escape")
    expect(page.get_by_text("trading allowed")).to_be_visible()


def test_promotes_a_model_and_rolls_back(tab: Watched, system: System) -> None:
    with Ledger(f"sqlite:///{system.data / 'ledger.db'}") as ledger:
        ledger.migrate()
        versions = [
            registry.register(ledger, system.data, tiny.version(system.data / "models", size), number).version
            for number, size in enumerate((0.002, 0.003), start=1)
        ]
        registry.promote(ledger, system.data, versions[0], 3, reason="the first")
    page = tab.open("Models")
    _choose(page, "Version", versions[1])
    page.get_by_role("button", name="Promote").click()
    _confirm(page, "Do it", "it looks better")
    expect(page.get_by_role("button", name="Roll back")).to_be_visible()
    assert _champion(system) == versions[1]
    tab.shot("models_promoted")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Roll back").click()
    _confirm(page, "Do it", "it was not")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Promote")).to_be_visible()
    assert _champion(system) == versions[0]


def _confirm(page: Page, button: str, why: str) -> None:
    """The second step of whatever was begun."""
    page.get_by_role("textbox", name="Why").fill(why)
    page.get_by_role("button", name=button).click()


def _choose(page: Page, label: str, option: str) -> None:
    page.get_by_role("combobox", name=re.compile(label)).click()
    page.get_by_role("option", name=option).click()


def _champion(system: System) -> str:
    with Ledger(f"sqlite:///{system.data / 'ledger.db'}") as ledger:
        (found,) = registry.champions(ledger).values()
        return found.version


def test_a_query_is_answered_and_leaves_as_csv(tab: Watched, tmp_path: Path) -> None:
    page = tab.open("SQL")
    page.get_by_role("textbox", name="SQL").fill("select symbol, count(*) as seconds from orderflow_1s group by all")
    page.get_by_role("textbox", name="SQL").press("Control+Enter")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_text(re.compile(r"\d+ rows in"))).to_be_visible()
    with page.expect_download() as told:
        page.get_by_test_id("stDownloadButton").get_by_role("button").first.click()
    told.value.save_as(tmp_path / "answer.csv")
    assert (tmp_path / "answer.csv").read_text().startswith('"symbol","seconds"\n"')


def test_a_telephone_shows_every_page(browser: Browser, system: System) -> None:
    found = Watched(browser, telephone=True)
    found.page.goto(system.dashboard)
    expect(found.page.get_by_role("heading", name="Overview", level=1)).to_be_visible()
    for name in PAGES:
        page = found.open(name)
        expect(page.get_by_test_id("stSidebar")).to_have_attribute("data-collapsed", "true")
        expect(page.get_by_test_id("stSidebarNav")).not_to_be_in_viewport()
        assert page.evaluate(WIDER) <= 1, f"{name} is wider than the telephone"
        found.shot(f"{name.lower().replace(' ', '_')}_telephone")
    found.context.close()
    assert (found.complaints, found.foreign) == ([], [])


def test_a_click_becomes_fills_and_equity_moves(tab: Watched, system: System) -> None:
    emulator = f"http://127.0.0.1:{system.environment['TRIFECTA_EMULATOR_PORT']}"
    answer = httpx.post(f"{emulator}/control/dislocation", json=DISLOCATION)
    assert answer.is_success, answer.text
    page = tab.open("Opportunities")
    assert any(_executed(tab) and _filled(system) for _ in range(ATTEMPTS))
    tab.shot("opportunities_executed")
    page.get_by_role("link", name="See it in Performance").click()
    _shows_the_trade(page)
    tab.shot("performance_after_a_trade")
    worths = {row.equity for row in _booked(system, select(equity.c.equity))}
    assert len(worths) > 1
    assert all(isinstance(worth, Decimal) for worth in worths)


def _executed(tab: Watched) -> bool:
    """Both steps. A gap that closed in between, or a word that grew old meanwhile, is told, and trades nothing."""
    page = tab.page
    confirm = page.get_by_role("button", name="Confirm")
    try:
        page.locator(".st-key-offers-arbitrage").get_by_role("button", name="Execute").first.click()
        confirm.click()
    except Error:  # it ended under the finger
        return False
    approved = page.get_by_text("approved", exact=True)
    refused = page.get_by_text(re.compile("^(refused|skipped|gone)$")).or_(page.get_by_test_id("stAlert"))
    expect(approved.or_(refused).first).to_be_visible()
    return approved.count() == 1


def _filled(system: System) -> bool:
    """Whether the market was still there when the orders came: of an approved trade nothing may be filled."""
    end = time.monotonic() + FILLED_S
    while not (found := _booked(system, select(fills.c.id))) and time.monotonic() < end:
        time.sleep(0.5)
    return bool(found)


def _booked(system: System, asked: Select[Any]) -> Sequence[Row[Any]]:
    with Ledger(f"sqlite:///{system.data / 'ledger.db'}") as ledger, ledger.read() as connection:
        return connection.execute(asked).all()


def _shows_the_trade(page: Page) -> None:
    expect(page.get_by_role("heading", name="Performance", level=1)).to_be_visible()
    earned = page.get_by_test_id("stMetric").filter(has_text="Earned").get_by_test_id("stMetricValue")
    expect(earned).to_have_text(re.compile(r"[+-]\d"))
    expect(earned).not_to_have_text("+0.00")
    for title in ("By engine", "By venue"):
        expect(page.get_by_text(title)).to_be_visible()
    expect(page.get_by_test_id("stException")).to_have_count(0)
    expect(page.get_by_test_id("stAlert")).to_have_count(0)


def test_dashboards_and_writers_did_not_lock_each_other_out(system: System) -> None:
    """Everything above ran while the recorder committed and the trader booked."""
    assert system.lock_errors() == []
