"""The whole line on emulated exchanges: a gap is found, traded by rule and booked; the trader is killed on the way."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any, Self

import pytest
from sqlalchemy import Table, func, select

from tests.alerts.conftest import IMGHDR, Webhook
from tests.alerts.watched import Watched
from trifecta.clock import SystemClock
from trifecta.decide import auto, halt
from trifecta.ops import parts, scan
from trifecta.scan import board
from trifecta.scan.running import Scanning
from trifecta.scan.snapshot import Snapshot
from trifecta.settings import Settings, TradeSettings, load
from trifecta.trade.audit import audit
from warehouse.ledger import Ledger, decisions, equity, execution_requests, orders, outcomes

pytestmark = [pytest.mark.system, pytest.mark.timeout(600), IMGHDR]
PATIENCE_S = 240.0
GAPS_AN_HOUR = 3_000.0
SILENT_S = 40.0
"""Longer than a trader may be silent before somebody is told."""


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.chdir(tmp_path)
    two = {name: {"symbols": [pair]} for name, pair in (("binance", "BTCUSDT"), ("kraken", "BTC/USDT"))}
    none = {name: {"enabled": False} for name in ("binance_usdm", "coinbase", "okx")}
    trade = TradeSettings(transfer_s=1, mark_s=1, auto={"min_profit": 0, "max_risk": 100})  # type: ignore[arg-type]
    risk = {
        "position_share": 1, "asset_share": 10, "venue_share": 10, "daily_trades": 10_000, "loss_streak": 1_000,
        "stale_s": 60,
    }  # fmt: skip
    # A machine that is busy tells quotes late: here a gap is to be traded, not to be doubted.
    monkeypatch.setattr(board, "MAX_LAG_MS", 60_000.0)
    patient = {"arbitrage": {"max_age_s": 20, "max_skew_s": 20}}
    return load(venues={**two, **none}, trade=trade, risk=risk, scan=patient, emulator_dislocations=GAPS_AN_HOUR)


@asynccontextmanager
async def scanned(settings: Settings) -> AsyncIterator[None]:
    """A scanner over the recorded market."""

    async def ignore(_: Snapshot) -> None:
        return None

    stop = asyncio.Event()
    running = asyncio.create_task(Scanning(settings, SystemClock(), finders={}, cycle=ignore).run(stop))
    try:
        yield
    finally:
        stop.set()
        await running


class Process:
    """`trifecta trade`, which a test kills and starts again. Nothing of it outlives the block."""

    def __init__(self, settings: Settings) -> None:
        self._environment = dict(parts.child_environment(settings))
        self._log = settings.data_dir / "trader.log"
        self.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._running.poll() is None:
            self._running.kill()
            self._running.wait()

    def start(self) -> None:
        with self._log.open("a") as log:
            command = [sys.executable, "-m", "trifecta", "trade"]
            self._running = subprocess.Popen(command, env=self._environment, stdout=log, stderr=log)

    def kill(self) -> None:
        assert self._running.poll() is None, self._log.read_text()[-2000:]
        self._running.send_signal(signal.SIGKILL)
        self._running.wait()

    def stop(self) -> None:
        self._running.terminate()
        assert self._running.wait(60) == 0, self._log.read_text()[-2000:]

    def execute(self, opportunity: str) -> dict[str, Any]:
        command = [sys.executable, "-m", "trifecta", "execute", opportunity, "--yes", "--json"]
        done = subprocess.run(command, env=self._environment, capture_output=True, text=True, timeout=120, check=False)
        return dict(json.loads(done.stdout))


async def _until(holds: Callable[[], bool], what: str) -> None:
    for _ in range(round(PATIENCE_S / 0.1)):
        if holds():
            return
        await asyncio.sleep(0.1)
    pytest.fail(f"{what} did not come within {PATIENCE_S:.0f} s")


def _count(ledger: Ledger, table: Table) -> int:
    with ledger.read() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def _filled(ledger: Ledger) -> int:
    with ledger.read() as connection:
        own = select(func.count()).select_from(orders).where(orders.c.filled_qty > 0)
        return int(connection.execute(own).scalar_one())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="signal 9 is POSIX")
async def test_a_gap_becomes_money_however_often_the_trader_is_killed(settings: Settings) -> None:
    with scan.own_market(settings) as own, Ledger(own.ledger) as ledger:
        ledger.migrate()
        auto.turn(ledger, True, "a test", "test", SystemClock().now_ns())
        with (
            Process(own) as trader,
            closing(Webhook()) as webhook,
            closing(Watched(own, webhook, "trader_down")) as watch,
        ):
            async with scanned(own):
                await _until(lambda: _filled(ledger) > 0, "a first fill")
                for kill in range(2):
                    known = _filled(ledger)
                    trader.kill()
                    watch.wait(SILENT_S)
                    trader.start()
                    await _until(lambda known=known: _filled(ledger) > known, "a fill after the kill")
                    watch.wait(-SILENT_S)
                    told = (kill + 1) * ["[critical] trader down: trader", "[recovered] trader down: trader"]
                    await _until(lambda told=told: watch.look() or webhook.titles == told, "the alert and its end")
                await _until(lambda: _count(ledger, outcomes) > 0, "an outcome")
                halt.halt(ledger, "enough", "test", SystemClock().now_ns())
                approved = select(decisions.c.opportunity_id, decisions.c.id).where(decisions.c.verdict == "approved")
                with ledger.read() as connection:
                    traded = connection.execute(approved.limit(1)).one()
                answers = [await asyncio.to_thread(trader.execute, traded.opportunity_id) for _ in range(2)]
                gone = await asyncio.to_thread(trader.execute, "arbitrage-nothing")
            trader.stop()
        assert [(one["verdict"], one["decision_id"]) for one in answers] == [("approved", traded.id)] * 2
        assert (gone["verdict"], gone["decision_id"]) == ("gone", None)
        assert _count(ledger, execution_requests) == 3
        _adds_up(ledger)


def _adds_up(ledger: Ledger) -> None:
    """The books, the capital booked once, equity that moved, and no opportunity traded twice."""
    with ledger.read() as connection:
        assert audit(connection) == []
        worths = connection.execute(select(equity.c.equity, equity.c.capital)).all()
        approved = connection.execute(
            select(decisions.c.opportunity_id).where(decisions.c.verdict == "approved")
        ).scalars().all()  # fmt: skip
    assert {worth.capital for worth in worths} == {worths[0].capital}
    assert len({worth.equity for worth in worths}) > 2
    assert len(approved) == len(set(approved)) > 1
