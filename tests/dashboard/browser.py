"""A real browser on the dashboard: what it shows, complains of and asks for."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)
PAGES: dict[str, str | re.Pattern[str]] = {
    "Overview": "Forecast range against what happened",
    "Order flow": "The book now",
    "Opportunities": re.compile("no scanner has been heard yet|Quotes seen"),
    "Performance": "Decisions",
    "Risk": "The switch, lately",
    "Models": "What serves now",
    "Data quality": "Gaps, 7 days",
    "SQL": "Saved queries",
}
"""What each page shows where it is drawn to its end."""
DESK: dict[str, Any] = {"viewport": {"width": 1400, "height": 1000}}
TELEPHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "is_mobile": True,
    "has_touch": True,
    "user_agent": "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/126.0.0.0 Mobile Safari/537.36",  # Streamlit closes its menu by itself where it reads `Mobile`
}
PATIENCE_MS = 90_000
TALLEST = 5_000
expect.set_options(timeout=PATIENCE_MS)
SHOTS = Path(os.environ.get("TRIFECTA_SCREENSHOTS", "artifacts/screenshots"))
"""CI keeps what stands here."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser of this machine, without a window."""
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(FLAGS))
        yield found
        found.close()


@contextmanager
def browser_here() -> Iterator[Browser]:
    """The browser; without one the test is skipped, and fails in CI."""
    if not CHROMIUM.exists():
        reason = f"no browser at {CHROMIUM}: apt-get install chromium"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with chromium() as found:
        yield found


class Watched:
    """A tab whose complaints and requests are noted."""

    def __init__(self, browser: Browser, telephone: bool = False) -> None:
        self.telephone = telephone
        self.context = browser.new_context(**(TELEPHONE if telephone else DESK), accept_downloads=True)
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        self.complaints: list[str] = []
        self.foreign: list[str] = []
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(message.text)

    def _request(self, request: Request) -> None:
        if not request.url.startswith(("http://127.0.0.1", "ws://127.0.0.1", "data:", "blob:")):
            self.foreign.append(request.url)

    def open(self, name: str) -> Page:
        """Chooses a page in the menu, and returns once it is drawn to its end."""
        if self.telephone:  # there the menu is closed until it is wanted
            self.page.get_by_test_id("stExpandSidebarButton").click()
        self.page.get_by_test_id("stSidebarNav").get_by_role("link", name=name, exact=True).click()
        expect(self.page.get_by_role("heading", name=name, level=1)).to_be_visible()
        expect(self.page.get_by_text(PAGES[name]).first).to_be_visible()
        self.whole()
        return self.page

    def whole(self) -> None:
        """Returns once nothing on the page waits to be drawn."""
        expect(self.page.get_by_test_id("stSkeleton")).to_have_count(0)

    def shot(self, name: str) -> None:
        """Keeps a picture of the whole page, which scrolls inside of the window."""
        size = self.page.viewport_size
        assert size is not None
        height = self.page.get_by_test_id("stMain").evaluate("main => main.scrollHeight")
        self.page.set_viewport_size({"width": size["width"], "height": min(max(height, size["height"]), TALLEST)})
        SHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SHOTS / f"{name}.png", timeout=4 * PATIENCE_MS)
        self.page.set_viewport_size(size)
