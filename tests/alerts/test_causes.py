"""Each alert: its cause is produced, it is sent once, the cause ends, its end is sent once."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import httpx
import msgspec
import pytest
from prefect.client.schemas.objects import FlowRun
from prefect.states import Failed, Running
from typer.testing import CliRunner

from flows import report
from flows.ingest import ingest
from flows.report import note_begin
from flows.scan import scan
from tests.alerts.conftest import IMGHDR, Webhook
from tests.alerts.watched import NOW, Still, Watched
from tests.capture.test_recorder import market, recording, settings_of
from tests.ports import free_port
from tests.trade.pit import HERE, THERE, pit, two_hop
from trifecta.capture import heartbeat
from trifecta.capture.heartbeat import Heartbeat
from trifecta.cli import app
from trifecta.emulator.config import Fault, FaultKind
from trifecta.ops import parts, processes
from trifecta.ops.alerts.rules import RULES
from trifecta.settings import load
from trifecta.trade import report as trader
from warehouse.ledger import Ledger

pytestmark = [pytest.mark.timeout(120), IMGHDR]


async def test_a_feed_that_is_cut_off_is_told_once_and_that_it_is_back(tmp_path: Path, webhook: Webhook) -> None:
    async with market(tmp_path) as base_url:
        settings = settings_of(tmp_path, base_url)
        async with recording(settings) as run:
            await run.whole()
            watch = Watched(settings, webhook, "feed_down", feed_silent_s=1.0)
            await asyncio.to_thread(watch.look)
            assert webhook.titles == []
            await _ask(base_url, Fault(FaultKind.STALL, duration_s=4))
            await watch.until(lambda: len(webhook.titles) == 2)
            await run.end()
    assert webhook.titles == ["[critical] feed down: sim_binance", "[recovered] feed down: sim_binance"]


async def test_a_gap_that_cannot_be_repaired_is_told_once_and_that_it_is(tmp_path: Path, webhook: Webhook) -> None:
    async with market(tmp_path) as base_url:
        settings = settings_of(tmp_path, base_url)
        async with recording(settings) as run:
            await run.whole()
            watch = Watched(settings, webhook, "gap_open", gap_open_s=0.2)
            await _ask(base_url, Fault(FaultKind.HTTP_5XX, stream="historicalTrades", count=1000))
            await _ask(base_url, Fault(FaultKind.HTTP_5XX, stream="aggTrades", count=1000))
            await _ask(base_url, Fault(FaultKind.HTTP_5XX, stream="trades", count=1000))
            await _ask(base_url, Fault(FaultKind.GAP, stream="trade", count=5))
            await watch.until(lambda: len(webhook.titles) == 1)
            await _ask(base_url, None)
            await watch.until(lambda: len(webhook.titles) == 2)
            await run.end()
    assert webhook.titles == ["[warning] gap open: sim_binance", "[recovered] gap open: sim_binance"]


async def _ask(base_url: str, fault: Fault | None) -> None:
    """Injects a fault; None ends all of them."""
    url = f"{base_url}/control/fault"
    async with httpx.AsyncClient() as client:
        answer = await (client.delete(url) if fault is None else client.post(url, content=msgspec.json.encode(fault)))
        answer.raise_for_status()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as found:
        found.migrate()
        yield found


def test_a_halt_is_told_once_and_that_trading_goes_on(
    tmp_path: Path, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRIFECTA_DATA_DIR", str(tmp_path))
    with closing(Watched(load(), webhook, "halted")) as watch:
        watch.wait(1)
        for command in (["halt", "the feed looks wrong"], ["resume", "it was a false alarm"]):
            assert CliRunner().invoke(app, command).exit_code == 0
            watch.wait(60)
    assert webhook.titles == ["[critical] halted: trading", "[recovered] halted: trading"]
    assert "halted by cli: the feed looks wrong" in webhook.bodies[0]


def test_a_flow_that_failed_is_told_once_and_that_it_completes(tmp_path: Path, webhook: Webhook) -> None:
    still = Still(tmp_path, webhook, "flow_failed")
    for state in ("Completed", "Failed", "Failed", "Completed"):
        report.add(tmp_path / "run", "quality", state, 1.0, NOW)
        still.wait(60)
    assert webhook.titles == ["[warning] flow failed: quality", "[recovered] flow failed: quality"]


@pytest.fixture
def flows_watched(tmp_path: Path, webhook: Webhook, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    """A watch over what flows report of themselves, by the same clock as theirs."""
    monkeypatch.setenv("TRIFECTA_DATA_DIR", str(tmp_path))
    with closing(Watched(load(), webhook, "flow_failed")) as watch:
        monkeypatch.setattr(report, "SystemClock", lambda: watch.clock)
        yield watch


def test_a_flow_that_always_runs_and_fails_over_and_over_is_told_once_and_when_it_goes_on(
    tmp_path: Path, webhook: Webhook, flows_watched: Watched
) -> None:
    with processes.recorded(tmp_path / "run", "scan-1", os.getpid()):
        for _ in range(4):  # each fails before anybody could believe it
            note_begin(scan, FlowRun(flow_id=uuid4()), Running())
            flows_watched.wait(20)
            report.note(scan, FlowRun(flow_id=uuid4()), Failed())
            flows_watched.wait(20)
        note_begin(scan, FlowRun(flow_id=uuid4()), Running())
        flows_watched.wait(60)
        assert webhook.titles == ["[warning] flow failed: scan"]
        flows_watched.wait(120)
    assert webhook.titles == ["[warning] flow failed: scan", "[recovered] flow failed: scan"]


def test_a_flow_that_was_killed_after_hours_and_begins_at_once_is_no_cause(
    tmp_path: Path, webhook: Webhook, flows_watched: Watched
) -> None:
    with processes.recorded(tmp_path / "run", "ingest-1", os.getpid()):
        for _ in range(3):
            note_begin(ingest, FlowRun(flow_id=uuid4()), Running())
            flows_watched.wait(90)
            flows_watched.wait(3600)
    assert webhook.titles == []


def test_a_flow_that_was_killed_is_told_once_and_when_it_runs_again(
    tmp_path: Path, webhook: Webhook, flows_watched: Watched
) -> None:
    note_begin(ingest, FlowRun(flow_id=uuid4()), Running())
    flows_watched.wait(60)
    assert webhook.titles == []  # nothing runs: it was stopped
    processes.remember(tmp_path / "run", parts.WORKER, os.getpid())
    flows_watched.wait(60)
    note_begin(ingest, FlowRun(flow_id=uuid4()), Running())
    with processes.recorded(tmp_path / "run", "ingest-1", os.getpid()):
        flows_watched.wait(60)
        flows_watched.wait(120)
    assert webhook.titles == ["[warning] flow failed: ingest", "[recovered] flow failed: ingest"]
    assert json.loads((tmp_path / "run" / "flow-ingest.json").read_bytes())["runs"] == {"Crashed": 1}


def test_a_leg_that_stays_alone_is_told_once_and_that_it_is_whole(
    tmp_path: Path, ledger: Ledger, webhook: Webhook
) -> None:
    still, own = Still(tmp_path, webhook, "leg_alone"), pit(ledger, max_naked_s=3)
    own.book(HERE, 99.9, 100.0)
    own.book(THERE, 101.0, 101.1)
    found = two_hop(own)
    own.trader.offer([found])
    decision = own.trader.execute(found.id, "test").decision_id
    own.run(0.05)
    own.empty(HERE)
    for seconds in (0.5, 6, 3):
        own.run(seconds)
        trader.write(tmp_path / "run", own.trader.report(), NOW)
        still.wait(1)
    own.book(HERE, 98.0, 98.1)
    own.run(8)
    trader.write(tmp_path / "run", own.trader.report(), NOW)
    still.wait(1)
    assert webhook.titles == [f"[critical] leg alone: {decision}", f"[recovered] leg alone: {decision}"]
    assert "of one leg alone" in webhook.bodies[0]


def test_what_is_wrong_is_listed_where_nobody_watches_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIFECTA_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("TRIFECTA_API_PORT", str(free_port()))

    def listed() -> set[str]:
        return {one["rule"] for one in json.loads(CliRunner().invoke(app, ["alerts", "list", "--json"]).stdout)}

    before = listed()
    assert "sidecar_down" in before
    assert CliRunner().invoke(app, ["halt", "the feed looks wrong"]).exit_code == 0
    assert listed() == before | {"halted"}


def test_a_source_beside_the_venues_is_down_when_it_says_so_itself(tmp_path: Path, webhook: Webhook) -> None:
    still = Still(tmp_path, webhook, "feed_down")
    (tmp_path / "run" / "collection").parent.mkdir()
    for connected in (True, False, True):
        for source in ("sim_binance", "sim_binance_usdm", "sim_coinbase", "sim_kraken", "sim_okx", "mt5_terminal"):
            well = connected or source != "mt5_terminal"
            heartbeat.write(tmp_path / "run", _beat(source, connected=well))
        still.wait(0)
        still.wait(31)
    assert webhook.titles == ["[critical] feed down: mt5_terminal", "[recovered] feed down: mt5_terminal"]


def _beat(source: str, *, connected: bool) -> Heartbeat:
    return Heartbeat(
        source, os.getpid(), 2 * NOW, connected, True, 1, 1.0, 2 * NOW, 2 * NOW, 0, 0, 0, None, {},
        "" if connected else "the terminal does not answer",
    )  # fmt: skip


def test_every_rule_has_its_cause_produced() -> None:
    produced = r'webhook, ("\w+"(?:, "\w+")*)'
    sources = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parents[1].glob("*/test_*.py"))
    told = {name for names in re.findall(produced, sources) for name in re.findall(r"\w+", names)}
    assert {rule.name for rule in RULES} <= told
