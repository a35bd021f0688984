"""Dashboards and writers at the same time: a running system, browsers that go from page to page, ten minutes long.

What must hold: no page ends in an error or stays blank, no log tells of a lock, and the memory of the dashboard does
not grow with the time it is looked at.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import psutil
from playwright.sync_api import Browser, Error, expect

from tests.bench.measure import Verdict
from tests.dashboard.browser import PAGES, Watched, chromium
from tests.running import System, running
from trifecta.ops import processes

SECONDS, QUICK_SECONDS = 600.0, 60.0
TABS = 2
GROWTH = 1.15
"""From the second quarter to the last: every page was opened, and caches are as full as they get."""
BLANK_MS = 30_000.0
"""A page that shows nothing for so long is as good as blank."""
SHORTEST = 40
"""Characters that a page which is not blank shows at least."""
MB = 1e6


class Seen(NamedTuple):
    """What the browsers and the logs told."""

    opened: int
    troubles: list[str]
    """Pages that showed an error or nothing, and what the browsers complained of."""
    locks: list[str]
    memory: list[float]
    """Bytes of the dashboard, each time a page was opened."""

    @property
    def growth(self) -> float:
        """Of the last quarter over the second."""
        quarter = max(len(self.memory) // 4, 1)
        return statistics.median(self.memory[-quarter:]) / statistics.median(self.memory[quarter : 2 * quarter + 1])


def measure(*, quick: bool, seconds: float | None = None) -> list[Verdict]:
    seconds = seconds or (QUICK_SECONDS if quick else SECONDS)
    with tempfile.TemporaryDirectory() as name, running(Path(name), "--no-prefect") as system, chromium() as browser:
        seen = look(system, browser, seconds)
    opened = f"{seen.opened} pages in {seconds:.0f} s in {TABS} tabs while the recorder commits"
    troubles, locks = ("; ".join(dict.fromkeys(told))[:300] for told in (seen.troubles, seen.locks))
    found = (
        (f"pages with an error, or blank {BLANK_MS / 1e3:g} s", len(seen.troubles), "", 0.0, f"{opened}; {troubles}"),
        ("lock errors in the logs", len(seen.locks), "", 0.0, locks),
        ("dashboard's memory", seen.growth, "x", GROWTH, f"last over second quarter; {max(seen.memory) / MB:.0f} MB"),
    )
    return [Verdict(name, value, unit, most, at_least=False, note=note) for name, value, unit, most, note in found]


def look(system: System, browser: Browser, seconds: float) -> Seen:
    """Goes from page to page in every tab for so long."""
    dashboard = psutil.Process(processes.living(system.data / "run")["dashboard"].pid)
    tabs = [Watched(browser) for _ in range(TABS)]
    for tab in tabs:
        tab.page.goto(system.dashboard)
        tab.page.set_default_timeout(BLANK_MS)
    expect.set_options(timeout=BLANK_MS)
    opened, troubles, memory, end = 0, list[str](), list[float](), time.monotonic() + seconds
    while time.monotonic() < end:
        for place in range(len(PAGES)):
            for shift, tab in enumerate(tabs):
                page = list(PAGES)[(place + shift * len(PAGES) // TABS) % len(PAGES)]
                troubles += _trouble(tab, page)
                opened += 1
            memory.append(float(dashboard.memory_info().rss))
            if time.monotonic() > end and opened >= len(tabs) * len(PAGES):
                break
    troubles += [complaint for tab in tabs for complaint in tab.complaints + tab.foreign]
    for tab in tabs:
        tab.context.close()
    return Seen(opened, troubles, system.lock_errors(), memory)


def _trouble(tab: Watched, name: str) -> list[str]:
    """What is wrong with a page that was chosen in the menu."""
    try:
        page = tab.open(name)
    except (AssertionError, Error) as error:
        return [f"{name}: {str(error).splitlines()[0]}"]
    shown = page.get_by_test_id("stMain").inner_text()
    blank = [f"{name}: blank"] if len(shown) < SHORTEST else []
    return blank + [f"{name}: {one}" for one in page.get_by_test_id("stException").all_inner_texts()]
