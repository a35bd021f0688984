"""The pages as a person meets them, without a browser."""

from __future__ import annotations

import socket
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.dashboard.conftest import ANSWERS, APP, POSTED, Page
from tests.trade.trading import KRAKEN, floor
from trifecta.clock import SystemClock
from trifecta.ops.trading import resume, stop
from trifecta.settings import load
from warehouse.ledger import Ledger

PAGES = sorted(f"pages/{path.name}" for path in (APP / "pages").glob("*.py"))
TOKEN = "sixteen-characters-at-least"


def test_says_where_the_sidecar_should_be_when_it_does_not_answer(page: Page) -> None:
    found = page("pages/overview.py", port=1)
    assert not found.exception
    assert "http://127.0.0.1:1 does not answer" in found.info[0].value
    told = " ".join(element.value for element in found.markdown)
    assert "trading: unknown" in told
    assert "trading allowed" not in told


def test_a_sidecar_that_hangs_is_waited_for_once_and_not_by_each_question(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamlit_app.sidecar.monotonic", lambda: 1.0)
    asked = []
    with ExitStack() as held:
        hangs = held.enter_context(socket.create_server(("127.0.0.1", 0)))
        found = page("pages/overview.py", port=hangs.getsockname()[1])
        hangs.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                asked.append(held.enter_context(hangs.accept()[0]))
    assert len(asked) == 1
    assert not found.exception
    assert any("timed out" in info.value and "trifecta up" in info.value for info in found.info)


@pytest.mark.parametrize("name", PAGES)
def test_every_page_says_what_to_do_where_nothing_is_recorded_yet(name: str, page: Page) -> None:
    found = page(name)
    assert not found.exception
    assert "SIMULATED" in _html(found)


@pytest.mark.parametrize("name", PAGES)
def test_every_page_shows_a_recorded_day(name: str, page: Page, day: Path) -> None:
    found = page(name, day)
    assert not found.exception
    assert not found.error


def test_performance_tells_what_the_report_tells(page: Page, tmp_path: Path) -> None:
    sold = {"one": "101", "two": "98", "three": "103"}
    with Ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        ledger.migrate()
        own = floor(ledger)
        for name, price in sold.items():
            own.books.set(KRAKEN, {price: "5"}, {"100": "5"}, own.clock.now_ns())
            own.trade(name, own.ask(KRAKEN, "BUY", "1"), own.ask(KRAKEN, "SELL", "1", price))
            own.clock.advance(3_600)
    found = page("pages/performance.py")
    assert not found.exception
    engines, venues = (table.value for table in found.dataframe if "profit factor" in table.value)
    for groups, name in ((engines, "arbitrage"), (venues, "kraken")):
        assert groups["name"].tolist() == [name]
        assert groups["earned"].tolist() == pytest.approx([2 - 0.602])
        assert groups["won"].tolist() == pytest.approx([2 / 3])
    assert "2 of 3" in [tile.value for tile in found.metric]


def test_a_page_left_open_follows_the_rule_and_never_turns_it_back(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    def stands(enabled: bool) -> None:
        monkeypatch.setitem(ANSWERS, "/auto", (200, {"enabled": enabled, "rule": "the best alone"}))

    POSTED.clear()
    stands(True)
    found = page("pages/opportunities.py")
    assert found.toggle[0].value
    stands(False)  # somebody turned it off elsewhere
    found.run()
    assert (found.toggle[0].value, POSTED) == (False, [])
    stands(True)
    found.toggle[0].set_value(True).run()
    assert POSTED == [("/auto", {"enabled": True, "reason": "switched on on the dashboard"})]


def test_what_is_wrong_is_told_with_what_to_do_until_it_is_over(
    page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamlit_app.wrong.FRESH_S", 0.0)
    settings = load(data_dir=tmp_path)
    stop(settings, SystemClock(), "the feed looks wrong")
    found = page("pages/overview.py")
    told = " ".join(element.value for element in (*found.markdown, *found.caption))
    assert "wrong: see below" in told
    assert any("**Halted: trading** — halted by cli: the feed looks wrong" in one.label for one in found.expander)
    assert "**What to do:** Read the reason" in told
    resume(settings, SystemClock(), "it was not")
    found = page("pages/overview.py")
    assert not any("Halted: trading" in one.label for one in found.expander)


def test_says_why_no_range_is_served(page: Page) -> None:
    found = page("pages/overview.py")
    assert any("the feed stands still" in info.value for info in found.info)


def test_the_door_stays_shut_beyond_loopback_until_the_token_is_given(page: Page) -> None:
    found = page("Home.py", dashboard_host="192.0.2.1", api_token=TOKEN)
    assert not found.title
    found.text_input[0].input("wrong")
    found.button[0].click().run()
    assert found.error[0].value == "That is not the token."
    assert not found.title
    found.text_input[0].input(TOKEN)
    found.button[0].click().run()
    assert found.title[0].value == "Overview"


def test_the_door_stands_open_on_loopback(page: Page) -> None:
    assert page("Home.py").title[0].value == "Overview"


def _html(found: AppTest) -> str:
    return " ".join(element.proto.body for element in found.main if element.type == "html") + " ".join(
        element.value for element in found.markdown
    )


@pytest.mark.parametrize(("advice", "told"), [("SKIP", 1), ("CONSIDER", 1), ("EXECUTE", 0)])
def test_what_the_scanner_advises_against_says_so_before_it_is_confirmed(page: Page, advice: str, told: int) -> None:
    found = page("pages/opportunities.py")
    offer = {"id": "x", "type": "BINARY", "direction": "CALL", "pair": "GBPUSD", "expiry": "60s", "probability": 50.0}
    offer |= {"break_even": 0.541, "expected_profit": -0.75, "currency": "USD", "costs": []}
    offer |= {"recommendation": advice, "reason": "0 of 0 such signals won"}
    found.session_state["pending"] = (offer, {"portfolio": "paper", "expires_in_s": 10.0, "confirm": "word"})
    found.run()
    assert not found.exception
    warned = [warning.value for warning in found.warning if "0 of 0 such signals won" in warning.value]
    assert len(warned) == told
    assert all(advice in warning for warning in warned)
