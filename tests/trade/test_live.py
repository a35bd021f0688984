"""Signed orders at a venue on loopback, and what must be true before an order can cost money."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import ccxt
import pytest
from sqlalchemy import func, select

from tests.trade.trader import LIMITS, opened
from tests.trade.trading import BTC, Floor, floor
from tests.trade.venue import Venue, venue
from trifecta.emulator.accounts import START, Mischief
from trifecta.emulator.instruments import E8
from trifecta.errors import SettingsError
from trifecta.market.orders import OrderStatus
from trifecta.settings import KeySettings, LiveSettings, TradeSettings, load
from trifecta.trade.audit import audit
from trifecta.trade.gateways.live import ACKNOWLEDGEMENT, Access, access, check_sandboxed, reach
from warehouse.ledger import Ledger, fills, orders, positions

KILLS = int(os.environ.get("TRIFECTA_TEST_KILLS", "24"))
SETTLED_S = 60
MARGIN = replace(BTC, margin=True)
KILLED_S = 120 + 5 * KILLS
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def shared() -> Iterator[Venue]:
    with venue() as found:
        yield found


@pytest.fixture
def own(ledger: Ledger, shared: Venue) -> Floor:
    shared.accounts.mischief.clear()
    return opened(ledger, shared.base_url)[0]


def _buy(own: Floor, name: str, qty: str = "2") -> tuple[str, Decimal]:
    order = own.trade(f"{name} {time.time_ns()}", own.ask(BTC, "BUY", qty)).orders[0]
    order = own.oms.settle(order.client_order_id)
    with own.ledger.read() as connection:
        assert audit(connection) == []
    return order.status.value, order.filled_notional


def test_a_signed_order_fills_against_the_venues_book(own: Floor) -> None:
    assert _buy(own, "plain") == ("FILLED", Decimal(201))
    assert own.worth().fees == Decimal("-0.201")


@pytest.mark.parametrize(
    ("mischief", "status"),
    [
        (Mischief.LOSE_ANSWER, "FILLED"),
        (Mischief.LOSE_REQUEST, "PENDING"),
        (Mischief.REJECT, "REJECTED"),
        (Mischief.FILL_LATE, "FILLED"),
        (Mischief.FILL_TWICE, "FILLED"),
    ],
)
def test_whatever_the_venue_does_is_settled_by_asking(
    own: Floor, shared: Venue, mischief: Mischief, status: str
) -> None:
    shared.accounts.mischief.append(mischief)
    assert _buy(own, mischief)[0] == status
    assert len(shared.accounts.received) == len(set(shared.accounts.received))


@pytest.mark.parametrize("side", ["BUY", "SELL"])
@pytest.mark.parametrize(("qty", "price"), [("0.5", None), ("2", None), ("2", "100"), ("2", "101"), ("2", "99")])
def test_paper_fills_as_the_live_gateway_does_at_the_same_market(
    own: Floor, tmp_path: Path, side: str, qty: str, price: str | None
) -> None:
    """The model's error is stated: none for an order that meets a book that stands still."""
    with Ledger(f"sqlite:///{tmp_path / 'paper.db'}") as ledger:
        ledger.migrate()
        paper = floor(ledger, LIMITS, clock=own.clock, known=(MARGIN,))
        paper.books.set(BTC, {"99": "5000"}, {"100": "1", "101": "5000"})
        both = []
        for one in (own, paper):
            one.catalogue["binance", "BTCUSDT"] = MARGIN
            order = one.trade(f"{time.time_ns()}", one.ask(BTC, side, qty, price=price)).orders[0]
            order = one.oms.settle(order.client_order_id)
            both.append((order.status, order.filled_qty, order.filled_notional, one.worth().fees))
    assert both[0] == both[1]


def test_a_wrong_key_is_refused_by_the_venue(shared: Venue, ledger: Ledger) -> None:
    own = opened(ledger, shared.base_url)[0]
    gateway = own.gateways["binance"]
    gateway._exchange.secret = "wrong"  # type: ignore[attr-defined]
    order = own.trade("wrong", own.ask(BTC, "BUY", "1")).orders[0]
    assert order.status is OrderStatus.REJECTED
    assert "-1022" in order.reason


def test_balances_are_the_accounts(own: Floor, shared: Venue) -> None:
    held = own.gateways["binance"].balances()
    assert held["BTC"] == Decimal(shared.accounts.balances["BTC"]) / E8


@pytest.mark.system
@pytest.mark.timeout(KILLED_S + 120)
def test_killed_at_every_step_nothing_is_sent_twice_forgotten_or_imagined(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    with venue() as there, Ledger(url) as ledger:
        ledger.migrate()
        command = [sys.executable, "-m", "tests.trade.trader", url, there.base_url, str(KILLS)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=KILLED_S, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        assert int(done.stdout) >= KILLS // 3
        _settle(opened(ledger, there.base_url)[0])
        with ledger.read() as connection:
            assert audit(connection) == []
            known = {row.client_order_id: row for row in connection.execute(select(orders))}
            booked = connection.execute(select(func.count()).select_from(fills)).scalar_one()
            held = connection.execute(select(positions.c.qty)).scalar() or Decimal(0)
        venues = there.accounts.orders.values()
        assert len(there.accounts.received) == len(set(there.accounts.received))
        assert {order.client_id for order in venues} == {name for name, row in known.items() if row.filled_qty}
        assert booked == sum(len(order.fills) for order in venues)
        assert held == Decimal(there.accounts.balances["BTC"] - START["BTC"]) / E8
        assert {row.status for row in known.values()} <= {"FILLED", "REJECTED"}


def _settle(own: Floor) -> None:
    """Reconciles until no order is open."""
    living = select(func.count()).select_from(orders).where(orders.c.status.in_(["PENDING", "OPEN"]))
    until = time.monotonic() + SETTLED_S
    while True:
        assert own.oms.reconcile() == []
        with own.ledger.read() as connection:
            if not connection.execute(living).scalar_one():
                return
        assert time.monotonic() < until
        time.sleep(0.2)


LIVE = TradeSettings(
    mode="live",
    live=LiveSettings(acknowledge=ACKNOWLEDGEMENT, max_order_notional=Decimal(1), max_daily_notional=Decimal(1)),
    credentials={"binance": KeySettings(api_key="k", secret="s")},  # type: ignore[arg-type]
)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"mode": "paper"}, "trade.mode"),
        ({"credentials": {}}, "trade.credentials.binance"),
        ({"credentials": {"binance": KeySettings(secret="s")}}, "api_key"),  # type: ignore[arg-type]
        ({"credentials": {"binance": KeySettings(api_key="k")}}, "secret"),  # type: ignore[arg-type]
        ({"live": LIVE.live.model_copy(update={"max_order_notional": Decimal(0)})}, "max_order_notional"),
        ({"live": LIVE.live.model_copy(update={"max_daily_notional": Decimal(0)})}, "max_daily_notional"),
        ({"live": LIVE.live.model_copy(update={"acknowledge": "yes"})}, "acknowledge"),
    ],
)
def test_live_without_every_condition_names_the_missing_one(
    changed: dict[str, object], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError, match=told):
        access(load(trade=LIVE.model_copy(update=changed)), "binance")


def test_a_key_is_handed_out_and_never_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = access(load(trade=LIVE), "binance")
    assert (found.api_key, found.sandbox) == ("k", True)
    assert "k'" not in repr(found)


def test_a_sandbox_reaches_test_addresses_only() -> None:
    exchange = ccxt.binance()
    reach(exchange, Access("k", "s"))
    assert exchange.urls["api"]["private"].startswith("https://testnet.")


def test_a_sandbox_that_would_reach_production_refuses_to_start() -> None:
    exchange = ccxt.binance()
    with pytest.raises(SettingsError, match=r"would reach api\.binance\.com"):
        check_sandboxed(exchange, {"testnet.binance.vision"})
    with pytest.raises(SettingsError, match="has no sandbox"):
        reach(ccxt.kraken(), Access("k", "s"))
    with pytest.raises(SettingsError, match=r"would reach api\.example\.com"):
        reach(ccxt.binance(), Access("k", "s", base_url="https://api.example.com"))
