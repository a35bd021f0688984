"""Halting, resuming and auditing from a terminal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from typer.testing import Result

from tests.agents.life import Life, forex
from tests.trade.trading import KRAKEN, floor
from trifecta.decide import halt
from trifecta.lock import FolderLock
from trifecta.ops import executing
from trifecta.settings import Settings
from warehouse.ledger import Ledger

Run = Callable[..., Result]


def test_a_halt_holds_until_it_is_resumed(run: Run, settings: Settings) -> None:
    assert "halted by cli: looks wrong" in run("halt", "looks wrong").output
    with Ledger(settings.ledger) as ledger:
        assert halt.read(ledger).halted
        told = run("resume", "it was right", "--json")
        assert not msgspec.json.decode(told.stdout)["halted"]
        assert not halt.read(ledger).halted


def test_a_halt_says_why(run: Run) -> None:
    assert run("halt", "  ").exit_code == 1
    assert run("halt").exit_code == 2


def test_an_empty_ledger_adds_up(run: Run) -> None:
    found = run("audit")
    assert (found.exit_code, found.output.strip()) == (0, "the ledger adds up")


def test_agents_that_have_learned_nothing_advise_and_say_so(run: Run) -> None:
    found = msgspec.json.decode(run("agents", "show", "--json").stdout)
    assert [one["agent"] for one in found] == ["arbitrage", "forex", "binary", "regime"]
    assert not any(one["acts"] or one["visits"] or one["learned"] for one in found)
    assert {one["why"] for one in found} == {"advises: 0 outcomes, 100 needed"}
    assert {tuple(one["policy_value"]) for one in found} == {(0.0, None, None)}


def test_agents_show_what_they_learned_and_why_they_act(run: Run, settings: Settings) -> None:
    with Ledger(settings.ledger) as ledger:
        ledger.migrate()
        life = Life(ledger)
        for number in range(160):
            life.trade(f"chance {number}", forex(80.0 if number % 2 else 10.0), 20.0 if number % 2 else -20.0)
    forex_agent = msgspec.json.decode(run("agents", "show", "--json").stdout)[1]
    assert forex_agent["acts"]
    assert {(one["state"], one["value"] > 0) for one in forex_agent["learned"]} == {
        ("unknown/good", True), ("unknown/poor", False)
    }  # fmt: skip
    told = run("agents", "show").output
    assert "paper forex acts: better than executing all" in told
    assert "paper binary advises: 0 outcomes, 100 needed" in told


def test_a_ledger_that_is_not_there_is_named(run: Run) -> None:
    found = run("agents", "show", "--ledger", "nowhere.db")
    assert found.exit_code == 1
    assert "ledger = nowhere.db" in found.output


def test_a_report_tells_what_was_earned_to_people_scripts_and_pages(
    run: Run, settings: Settings, tmp_path: Path
) -> None:
    assert "nothing was booked yet" in run("report").output
    with Ledger(settings.ledger) as ledger:
        own = floor(ledger)
        own.books.set(KRAKEN, {"101": "5"}, {"100": "5"})
        own.trade("one", own.ask(KRAKEN, "BUY", "1"), own.ask(KRAKEN, "SELL", "1", "101"))
    found = {one["portfolio"]: one for one in msgspec.json.decode(run("report", "--json").stdout)}
    assert (found["paper"]["worth"]["pnl"], found["paper"]["trades"]["won"]) == ("0.79900000", 1)
    assert found["paper"]["ratios"]["sharpe"] is None
    page = tmp_path / "new" / "page.html"
    told = run("report", "--portfolio", "paper", "--html", str(page)).output
    assert "kraken" in told
    assert "too few days" in told
    assert page.read_text().startswith("<!doctype html>")
    refused = run("report", "--portfolio", "papre")
    assert (refused.exit_code, "expected one of live, paper, stochastic" in refused.output) == (1, True)


def test_execution_by_rule_is_off_and_wants_a_reason(run: Run) -> None:
    assert "execution by rule is off" in run("auto").output
    assert run("auto", "on").exit_code == 1
    assert run("auto", "sometimes", "why").exit_code == 2
    assert "execution by rule is on: EXECUTE verdicts" in run("auto", "on", "tried").output.replace("\n", " ")
    assert msgspec.json.decode(run("auto", "--json").stdout)["reason"] == "tried"


def test_nobody_is_there_to_confirm(run: Run) -> None:
    assert run("execute", "arbitrage-a").exit_code == 2


def test_a_request_without_a_trader_is_pending_and_the_same_when_repeated(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executing, "WAIT_S", 0.0)
    first, again = (run("execute", "arbitrage-a", "--yes", "--json") for _ in range(2))
    told = msgspec.json.decode(first.stdout)
    assert (first.exit_code, told["verdict"]) == (1, "pending")
    assert msgspec.json.decode(again.stdout)["request_id"] == told["request_id"]
    assert "no trader runs" in first.stderr


def test_two_traders_never_share_a_data_folder(run: Run, settings: Settings) -> None:
    folder = settings.data_dir / "trade"
    folder.mkdir(parents=True)
    lock = FolderLock(folder)
    done = run("trade")
    lock.release()
    assert done.exit_code == 1
    assert "is being written by process" in done.stderr.replace("\n", " ")
