"""The dashboard in a real browser, against the running system: what a person sees and does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.dashboard.browser import PAGES, Watched, browser_here
from tests.forecast import tiny
from tests.running import System
from trifecta.forecast import registry
from warehouse.ledger import Ledger

pytestmark = [pytest.mark.system, pytest.mark.timeout(900), pytest.mark.xdist_group("system")]

WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
"""Pixels that one has to scroll sideways."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browser_here() as found:
        yield found


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
    expect(page.get_by_text("The book now")).to_be_visible()
    expect(page.locator(".js-plotly-plot")).to_have_count(3)


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
