"""Each alert: its cause is produced, it is sent once, the cause ends, its end is sent once."""

from __future__ import annotations

import asyncio
import json
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import uuid4

import httpx
import msgspec
import pytest
from prefect.client.schemas.objects import FlowRun
from prefect.states import Failed, Running
from sqlalchemy import Connection, insert, update

from flows import report
from flows.ingest import ingest
from flows.report import note_begin
from flows.scan import scan
from tests.alerts.conftest import IMGHDR, Webhook
from tests.capture.test_recorder import market, recording, settings_of
from tests.trade.pit import HERE, THERE, pit, two_hop
from trifecta.clock import NS_PER_S, ManualClock, SystemClock
from trifecta.decide import halt
from trifecta.emulator.config import Fault, FaultKind
from trifecta.ops import parts, processes
from trifecta.ops.alerts.rules import RULES
from trifecta.ops.alerts.running import Running as Watching
from trifecta.ops.alerts.sending import Sender
from trifecta.settings import Settings, load
from trifecta.trade import report as trader
from trifecta.trade.report import Report
from warehouse.ledger import Ledger, decisions, model_events, models, orders

pytestmark = [pytest.mark.timeout(120), IMGHDR]
NOW = 1_700_049_600 * NS_PER_S
PATIENCE_S = 60.0


def only(settings: Settings, webhook: Webhook, rule: str, **alerts: object) -> Settings:
    """The settings, with every other rule silent."""
    muted = [other.name for other in RULES if other.name != rule]
    chosen = {"urls": [webhook.url], "mute": muted, "summary_at": "", **alerts}
    return settings.model_copy(update={"alerts": type(settings.alerts).model_validate(chosen)})


async def until(running: Watching, holds: Callable[[], bool], bound_s: float = PATIENCE_S) -> None:
    """Looks until it holds."""
    async with asyncio.timeout(bound_s):
        while not holds():
            await asyncio.to_thread(running.tick)
            await asyncio.sleep(0.02)


async def test_a_feed_that_is_cut_off_is_told_once_and_that_it_is_back(tmp_path: Path, webhook: Webhook) -> None:
    async with market(tmp_path) as base_url:
        settings = settings_of(tmp_path, base_url)
        async with recording(settings) as run:
            await run.whole()
            settings = only(settings, webhook, "feed_down", feed_silent_s=1.0)
            running = Watching(settings, SystemClock(), Sender(settings.alerts.urls))
            await asyncio.to_thread(running.tick)
            assert webhook.titles == []
            await _ask(base_url, Fault(FaultKind.STALL, duration_s=4))
            await until(running, lambda: len(webhook.titles) == 2)
            await run.end()
    assert webhook.titles == ["[critical] feed down: sim_binance", "[recovered] feed down: sim_binance"]


async def test_a_gap_that_cannot_be_repaired_is_told_once_and_that_it_is(tmp_path: Path, webhook: Webhook) -> None:
    async with market(tmp_path) as base_url:
        settings = settings_of(tmp_path, base_url)
        async with recording(settings) as run:
            await run.whole()
            settings = only(settings, webhook, "gap_open", gap_open_s=0.2)
            running = Watching(settings, SystemClock(), Sender(settings.alerts.urls))
            await _ask(base_url, Fault(FaultKind.HTTP_5XX, stream="historicalTrades", count=1000))
            await _ask(base_url, Fault(FaultKind.HTTP_5XX, stream="aggTrades", count=1000))
            await _ask(base_url, Fault(FaultKind.HTTP_5XX, stream="trades", count=1000))
            await _ask(base_url, Fault(FaultKind.GAP, stream="trade", count=5))
            await until(running, lambda: len(webhook.titles) == 1)
            await _ask(base_url, None)
            await until(running, lambda: len(webhook.titles) == 2)
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


class Still:
    """A system that stands still but for what a test does to it, watched by one rule."""

    def __init__(self, folder: Path, webhook: Webhook, rule: str, ledger_url: str = "", **alerts: object) -> None:
        self.clock = ManualClock(NOW)
        settings = only(load(data_dir=folder, ledger_url=ledger_url), webhook, rule, **alerts)
        self._running = Watching(settings, self.clock, Sender(settings.alerts.urls))

    def close(self) -> None:
        self._running.close()

    def wait(self, seconds: float) -> None:
        """Looks twice, with time between."""
        self._running.tick()
        self.clock.advance(seconds)
        self._running.tick()


def test_a_halt_is_told_once_and_that_trading_goes_on(tmp_path: Path, ledger: Ledger, webhook: Webhook) -> None:
    still = Still(tmp_path, webhook, "halted")
    still.wait(1)
    assert webhook.titles == []
    halt.halt(ledger, "the feed looks wrong", "operator", NOW)
    still.wait(60)
    halt.resume(ledger, "it was a false alarm", "operator", NOW + 60 * NS_PER_S)
    still.wait(60)
    assert webhook.titles == ["[critical] halted: trading", "[recovered] halted: trading"]
    assert "halted by operator: the feed looks wrong" in webhook.bodies[0]


def test_an_order_of_unknown_fate_is_told_once_and_that_it_is_known(
    tmp_path: Path, ledger: Ledger, webhook: Webhook
) -> None:
    still = Still(tmp_path, webhook, "order_unknown", order_unknown_s=30)
    with ledger.begin() as connection:
        _decide(connection, "approved", "")
        connection.execute(insert(orders).values(**_ORDER, status="PENDING", sent_at=NOW))
    still.wait(10)
    assert webhook.titles == []
    still.wait(30)
    still.wait(30)
    with ledger.begin() as connection:
        connection.execute(update(orders).values(status="FILLED"))
    still.wait(1)
    assert webhook.titles == ["[critical] order unknown: tf-1", "[recovered] order unknown: tf-1"]


def test_a_limit_that_refuses_is_told_once_and_when_it_no_longer_does(
    tmp_path: Path, ledger: Ledger, webhook: Webhook
) -> None:
    still = Still(tmp_path, webhook, "limit_hit")
    with ledger.begin() as connection:
        _decide(connection, "refused", "daily_loss: 5100 of 5000 USD are lost today")
    with ledger.begin() as connection:
        _decide(connection, "refused", "stale: the book is 9 s old", name="d2")
    still.wait(60)
    still.wait(900)
    assert webhook.titles == ["[warning] limit hit: main daily_loss", "[recovered] limit hit: main daily_loss"]
    assert "5100 of 5000 USD" in webhook.bodies[0]


def test_a_demotion_is_told_once_and_when_a_model_serves_again(
    tmp_path: Path, ledger: Ledger, webhook: Webhook
) -> None:
    still = Still(tmp_path, webhook, "model_demoted")
    with ledger.begin() as connection:
        connection.execute(insert(models).values(**_MODEL, status="champion"))
        _event(connection, "challenger", "champion", "passed the gate")
    still.wait(1)
    assert webhook.titles == []
    with ledger.begin() as connection:
        connection.execute(update(models).values(status="retired"))
        _event(connection, "champion", "retired", "fell behind har for a week")
    still.wait(60)
    with ledger.begin() as connection:
        connection.execute(update(models).values(status="champion"))
        _event(connection, "retired", "champion", "rolled back")
    still.wait(60)
    market = "range PAXGUSDT sim_binance 300 s"
    assert webhook.titles == [f"[warning] model demoted: {market}", f"[recovered] model demoted: {market}"]
    assert "fell behind har for a week" in webhook.bodies[0]


def test_a_sidecar_that_does_not_answer_is_told_once_and_that_it_does(tmp_path: Path, webhook: Webhook) -> None:
    with _sidecar() as port:
        pass
    clock = ManualClock(NOW)
    settings = only(load(data_dir=tmp_path, api_port=port), webhook, "sidecar_down")
    running = Watching(settings, clock, Sender(settings.alerts.urls))
    running.tick()
    clock.advance(20)
    running.tick()
    running.tick()
    with _sidecar(port):
        running.tick()
        running.tick()
    assert webhook.titles == ["[critical] sidecar down: sidecar", "[recovered] sidecar down: sidecar"]


def test_a_flow_that_failed_is_told_once_and_that_it_completes(tmp_path: Path, webhook: Webhook) -> None:
    still = Still(tmp_path, webhook, "flow_failed")
    for state in ("Completed", "Failed", "Failed", "Completed"):
        report.add(tmp_path / "run", "quality", state, 1.0, NOW)
        still.wait(60)
    assert webhook.titles == ["[warning] flow failed: quality", "[recovered] flow failed: quality"]


def test_a_flow_that_always_runs_is_well_again_as_soon_as_it_runs(
    tmp_path: Path, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRIFECTA_DATA_DIR", str(tmp_path))
    still = Still(tmp_path, webhook, "flow_failed")
    with processes.recorded(tmp_path / "run", "scan-1", os.getpid()):
        for hooks, state in (
            (scan.on_running_hooks, Running()),
            (scan.on_failure_hooks, Failed()),
            (scan.on_running_hooks, Running()),
        ):
            for hook in hooks:
                hook(scan, FlowRun(flow_id=uuid4()), state)
            still.wait(60)
    assert webhook.titles == ["[warning] flow failed: scan", "[recovered] flow failed: scan"]


def test_a_flow_that_was_killed_is_told_once_and_when_it_runs_again(
    tmp_path: Path, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRIFECTA_DATA_DIR", str(tmp_path))
    still = Still(tmp_path, webhook, "flow_failed")
    note_begin(ingest, FlowRun(flow_id=uuid4()), Running())
    still.wait(60)
    assert webhook.titles == []  # nothing runs: it was stopped
    processes.remember(tmp_path / "run", parts.WORKER, os.getpid())
    still.wait(60)
    note_begin(ingest, FlowRun(flow_id=uuid4()), Running())
    with processes.recorded(tmp_path / "run", "ingest-1", os.getpid()):
        still.wait(60)
    assert webhook.titles == ["[warning] flow failed: ingest", "[recovered] flow failed: ingest"]
    assert json.loads((tmp_path / "run" / "flow-ingest.json").read_bytes())["runs"] == {"Crashed": 1}


def test_a_market_that_moved_away_is_told_once_and_when_a_model_knows_it(tmp_path: Path, webhook: Webhook) -> None:
    still = Still(tmp_path, webhook, "model_drift")
    version = str(_MODEL["version"])
    for moved in ({}, {version: "inputs moved away (PSI): trade_intensity 0.41"}, {}):
        report.report_drift(tmp_path / "run", moved)
        still.wait(60)
    assert webhook.titles == [f"[warning] model drift: {version}", f"[recovered] model drift: {version}"]
    assert "trade_intensity 0.41" in webhook.bodies[0]


def test_a_trader_that_falls_silent_is_told_once_and_that_it_is_back(tmp_path: Path, webhook: Webhook) -> None:
    still = Still(tmp_path, webhook, "trader_down")
    for ts_ns in (NOW, NOW, NOW + 120 * NS_PER_S):
        trader.write(tmp_path / "run", _TRADING, ts_ns)
        still.wait(40)
    assert webhook.titles == ["[critical] trader down: trader", "[recovered] trader down: trader"]
    assert "with 2 open trades" in webhook.bodies[0]


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


def test_every_rule_has_its_cause_produced() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    assert {rule.name for rule in RULES} <= set(re.findall(r'webhook, "(\w+)"', sources))


def test_the_summary_of_a_day_is_sent_once(tmp_path: Path, webhook: Webhook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIFECTA_DATA_DIR", str(tmp_path))
    still = Still(tmp_path, webhook, "none of them", summary_at="00:05")
    still.wait(1)
    assert webhook.titles == []
    still.wait(86_400)
    still.wait(60)
    assert webhook.titles == ["Trifecta on 2023-11-15"]
    assert "Nothing was recorded." in webhook.bodies[0]
    assert "SIMULATED" in webhook.bodies[0]


_ORDER = {
    "client_order_id": "tf-1", "decision_id": "d1", "portfolio": "main", "engine": "arbitrage", "venue": "sim_binance",
    "symbol": "BTCUSDT", "base": "BTC", "quote": "USDT", "side": "BUY", "type": "LIMIT", "time_in_force": "IOC",
    "qty": Decimal(1), "price": Decimal(60_000), "notional": Decimal(60_000), "reduces": False, "fill_model": "market",
    "filled_qty": Decimal(0), "filled_notional": Decimal(0), "intended_at": NOW,
}  # fmt: skip
_DECISION = {
    "portfolio": "main", "engine": "arbitrage", "mode": "paper", "fill_model": "market", "trigger": "rule",
    "ts_ns": NOW,
}  # fmt: skip
_MODEL = {
    "version": "range-PAXGUSDT-300-lstm", "target": "range", "venue": "sim_binance", "symbol": "PAXGUSDT",
    "horizon_s": 300, "network": "lstm", "folder": "models/x", "sha256": "0" * 64, "created_at": NOW,
}  # fmt: skip


_TRADING = Report(
    portfolio="paper", mode="paper", fill_model="market", label="", currency="USD", auto=False, equity=1.0, pnl=0.0,
    open_trades=2, through=0, events=0, offers=0, verdicts={}, decide_s=0.0, discrepancies=0, alarms=[],
)  # fmt: skip


def _decide(connection: Connection, verdict: str, reason: str, name: str = "d1") -> None:
    told = {"id": name, "opportunity_id": name, "verdict": verdict, "reason": reason}
    connection.execute(insert(decisions).values(**_DECISION, **told))


def _event(connection: Connection, before: str, after: str, reason: str) -> None:
    row = {"ts_ns": NOW, "version": _MODEL["version"], "from_status": before, "to_status": after, "reason": reason}
    connection.execute(insert(model_events).values(**row))


@contextmanager
def _sidecar(port: int = 0) -> Iterator[int]:
    """A sidecar that is well."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = json.dumps({"status": "ok", "lake": "ok"}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
