"""Alerts of what an emulated market does to the product that records and trades it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import httpx
import msgspec
import pytest
from typer.testing import CliRunner

from tests.alerts.conftest import IMGHDR, Webhook
from tests.alerts.watched import Ahead, Watched
from tests.capture.test_recorder import market, recording, settings_of
from tests.trade.pit import pit, two_hop
from tests.trade.trading import LOOSE, Floor, floor
from tests.trade.venue import SYMBOLS, gateway_to, terms
from trifecta.cli import app
from trifecta.clock import SystemClock
from trifecta.market.orders import OrderStatus
from trifecta.scan.opportunity import ArbitragePlan, Opportunity
from trifecta.settings import LiveSettings, RiskSettings, load
from trifecta.trade import report
from trifecta.trade.desk import Traded
from trifecta.trade.gateways.gateway import Gateway
from warehouse.ledger import Ledger

pytestmark = [pytest.mark.system, pytest.mark.timeout(240), IMGHDR]
PATIENCE_S = 90.0
WINDOW_S = 1.0
KRAKEN, OKX, PAIR = "kraken", "okx", "BTC/USDT"
CAPS = LiveSettings(max_order_notional=Decimal(10**6), max_daily_notional=Decimal(10**7))
FALL_BPS = -300.0


@dataclass
class Emulated:
    """A desk that trades at an emulated exchange, and the desk's data folder."""

    url: str
    folder: Path
    gateway: Gateway
    own: Floor

    def control(self, what: str, **body: object) -> None:
        control(self.url, what, **body)

    def price(self, side: str) -> Decimal:
        """Best bid or ask, as the exchange tells it."""
        book = self.gateway._exchange.fetch_order_book(PAIR)  # type: ignore[attr-defined]
        return Decimal(str(book[side][0][0]))

    def trade(self, name: str, side: str, qty: str) -> Traded:
        price = self.price("asks" if side == "BUY" else "bids")
        return self.own.trade(name, self.own.ask(terms(KRAKEN), side, qty, str(price)))

    def watched(self, webhook: Webhook, *rules: str, **alerts: object) -> closing[Watched]:
        return closing(Watched(load(data_dir=self.folder), webhook, *rules, **alerts))


def control(url: str, what: str, **body: object) -> None:
    httpx.post(f"{url}/control/{what}", json=body).raise_for_status()


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an emulator that lists two exchanges beside Binance."""
    folder = str(tmp_path_factory.mktemp("emulator"))
    told = ("--port", "0", "--folder", folder, "--symbols", "BTCUSDT", "--exchanges", KRAKEN, OKX)
    command = [sys.executable, "-m", "trifecta.emulator", *told, "--history-days", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().split(" on ")[1].split(" ")[0]
        process.terminate()


@pytest.fixture
def desk(emulator: str, tmp_path: Path) -> Iterator[Callable[[RiskSettings], Emulated]]:
    """Opens a desk with these limits."""
    with Ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        ledger.migrate()

        def opened(limits: RiskSettings) -> Emulated:
            clock = SystemClock()
            gateway = gateway_to(KRAKEN, f"{emulator}/{KRAKEN}", clock, WINDOW_S)
            own = floor(ledger, limits, gateways={KRAKEN: gateway}, clock=clock, known=(terms(KRAKEN),))  # type: ignore[arg-type]
            return Emulated(emulator, tmp_path, gateway, own)

        yield opened


def _filled(traded: Traded) -> bool:
    return [order.status for order in traded.orders] == [OrderStatus.FILLED]


def wait_for(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_an_order_that_the_venue_never_answers_is_told_once_and_when_its_fate_is_known(
    desk: Callable[[RiskSettings], Emulated], webhook: Webhook
) -> None:
    there = desk(LOOSE)
    with there.watched(webhook, "order_unknown", order_unknown_s=30) as watch:
        there.control("orders", venue=KRAKEN, mischief=["lose_request"])
        (order,) = there.trade("one", "BUY", "0.1").orders
        assert order.status is OrderStatus.PENDING
        watch.look()
        assert webhook.titles == []
        watch.wait(31)
        watch.wait(60)
        wait_for(lambda: there.own.oms.settle(order.client_order_id).status.is_final)
        watch.wait(60)
    told = f"order unknown: {order.client_order_id}"
    assert webhook.titles == [f"[critical] {told}", f"[recovered] {told}"]


def test_a_limit_that_trades_reach_is_told_once_and_when_it_refused_nothing_for_a_while(
    desk: Callable[[RiskSettings], Emulated], webhook: Webhook
) -> None:
    there = desk(LOOSE.model_copy(update={"daily_trades": 1}))
    with there.watched(webhook, "limit_hit") as watch:
        assert _filled(there.trade("one", "BUY", "0.1"))
        late = replace(there.own.ask(terms(KRAKEN), "BUY", "0.1"), quoted_at=0)
        assert there.own.trade("late", late).refused
        watch.look()
        assert webhook.titles == []  # what is refused daily is no news
        for name in ("two", "three"):
            assert there.trade(name, "BUY", "0.1").refused
        watch.wait(60)
        watch.wait(900)
    assert webhook.titles == ["[warning] limit hit: paper daily_trades", "[recovered] limit hit: paper daily_trades"]


def test_a_market_that_falls_halts_trading_which_is_told_once_and_that_a_person_resumed(
    desk: Callable[[RiskSettings], Emulated], webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = {"drawdown_share": Decimal("0.01"), "position_share": 10}
    there = desk(LOOSE.model_copy(update=limits))
    with there.watched(webhook, "halted", "limit_hit") as watch:
        before = there.price("bids")
        assert _filled(there.trade("rise", "BUY", "1"))
        there.control("dislocation", exchange=KRAKEN, symbol=PAIR, bps=FALL_BPS, duration_s=PATIENCE_S)
        wait_for(lambda: there.price("bids") < before * Decimal("0.98"))
        assert _filled(there.trade("fall", "SELL", "1"))
        watch.look()
        assert webhook.titles == []
        assert there.trade("too much", "BUY", "1").refused
        watch.wait(60)
        monkeypatch.setenv("TRIFECTA_DATA_DIR", str(there.folder))
        resumed = CliRunner().invoke(app, ["resume", "looked at it"])
        assert resumed.exit_code == 0, resumed.output
        watch.wait(60)
    assert webhook.titles == [
        "[critical] halted: trading",
        "[warning] limit hit: paper drawdown",
        "[recovered] halted: trading",
    ]
    assert "halted by risk: drawdown: equity" in webhook.bodies[0]


def test_a_leg_that_its_venue_does_not_take_back_is_told_once_and_that_it_is_whole(
    emulator: str, tmp_path: Path, webhook: Webhook
) -> None:
    clock, run_dir = Ahead(), tmp_path / "run"
    ways = {name: gateway_to(name, f"{emulator}/{name}", SystemClock(), WINDOW_S) for name in (KRAKEN, OKX)}
    known = [replace(terms(name), margin=False) for name in ways]
    with (
        Ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger,
        closing(Watched(load(data_dir=tmp_path), webhook, "leg_alone", clock=clock)) as watch,
    ):
        ledger.migrate()
        own = pit(ledger, mode="live", live=CAPS, known=known, gateways=ways, clock=clock, max_naked_s=3)

        def quote() -> float:
            for one in known:
                book = ways[one.venue]._exchange.fetch_order_book(PAIR)  # type: ignore[attr-defined]
                own.book(one, float(book["bids"][0][0]), float(book["asks"][0][0]))
            return float(book["bids"][0][0])

        def tell() -> None:
            own.run(2, step_s=0.1)
            report.write(run_dir, own.trader.report(), clock.now_ns())
            watch.wait(1)

        control(emulator, "orders", venue=OKX, mischief=["reject"])
        control(emulator, "orders", venue=KRAKEN, mischief=["fill_late"] + ["reject"] * 5)
        found = _over(two_hop(own, qty=0.1), quote())
        own.trader.offer([found])
        decision = own.trader.execute(found.id, "test").decision_id
        tell()
        assert webhook.titles == []
        for _ in range(10):
            tell()
        own.sound()
        assert own.trader.open_trades == 0
    assert webhook.titles == [f"[critical] leg alone: {decision}", f"[recovered] leg alone: {decision}"]
    assert "0.10000000 BTC of one leg alone" in webhook.bodies[0]


def _over(found: Opportunity, price: float) -> Opportunity:
    """It buys at Kraken and sells at OKX, each a hundredth beyond this price, so that both legs are taken."""
    assert isinstance(found.plan, ArbitragePlan)
    legs = tuple(
        msgspec.structs.replace(leg, venue=venue, symbol=SYMBOLS[venue], price=price, limit=round(price * off, 1))
        for leg, venue, off in zip(found.plan.legs, (KRAKEN, OKX), (1.01, 0.99), strict=True)
    )
    return msgspec.structs.replace(found, plan=msgspec.structs.replace(found.plan, legs=legs))


async def test_the_summary_tells_what_was_recorded_of_an_emulated_day(
    tmp_path: Path, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with market(tmp_path) as base_url:
        settings = settings_of(tmp_path, base_url)
        async with recording(settings) as run:
            await run.whole()
            await run.end()
    monkeypatch.setenv("TRIFECTA_DATA_DIR", str(settings.data_dir))
    day = f"{datetime.now(UTC):%Y-%m-%d}"
    with closing(Watched(settings, webhook, "none of them", summary_at="00:00")) as watch:
        watch.wait(86_400)
        watch.wait(60)
    assert webhook.titles == [f"Trifecta on {day}"]
    assert "BTCUSDT sim_binance: " in webhook.bodies[0]
