"""Signed orders at a venue on loopback, and what must be true before an order can cost money."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import ccxt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sqlalchemy import func, select

from tests.trade.trader import LIMITS, opened
from tests.trade.trading import Floor, floor
from tests.trade.venue import NAMES, Venue, terms, venue
from trifecta.clock import SystemClock
from trifecta.emulator.account import START, Mischief
from trifecta.emulator.instruments import E8
from trifecta.errors import SettingsError
from trifecta.market.orders import OrderStatus
from trifecta.settings import KeySettings, LiveSettings, TradeSettings, load
from trifecta.trade.audit import audit
from trifecta.trade.gateways import choice, client_ids
from trifecta.trade.gateways.live import ACKNOWLEDGEMENT, Access, access, check_sandboxed, reach
from trifecta.trade.gateways.words import WORDS
from warehouse.ledger import Ledger, fills, orders, positions

KILLS = int(os.environ.get("TRIFECTA_TEST_KILLS", "24"))
SETTLED_S = 60
KILLED_S = 120 + 5 * KILLS
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module", params=NAMES)
def shared(request: pytest.FixtureRequest) -> Iterator[Venue]:
    with venue(request.param) as found:
        yield found


@pytest.fixture
def own(ledger: Ledger, shared: Venue) -> Floor:
    shared.account.mischief.clear()
    return opened(ledger, shared.base_url, shared.name)[0]


def _buy(own: Floor, name: str, qty: str = "2") -> tuple[str, Decimal]:
    traded = terms(next(iter(own.gateways)))
    order = own.trade(f"{name} {time.time_ns()}", own.ask(traded, "BUY", qty)).orders[0]
    order = own.oms.settle(order.client_order_id)
    with own.ledger.read() as connection:
        assert audit(connection) == []
    return order.status.value, order.filled_notional


def test_a_signed_order_fills_against_the_venues_book(own: Floor, shared: Venue) -> None:
    assert _buy(own, "plain") == ("FILLED", Decimal(201))
    assert own.worth().fees == -Decimal(201) * terms(shared.name).taker_fee


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
    shared.account.mischief.append(mischief)
    assert _buy(own, mischief)[0] == status
    assert len(shared.account.received) == len(set(shared.account.received))


@pytest.mark.parametrize("side", ["BUY", "SELL"])
def test_paper_fills_as_the_live_gateway_does_at_the_same_market(
    own: Floor, shared: Venue, tmp_path: Path, side: str
) -> None:
    """The model's error is stated: none for an order that meets a book that stands still."""
    traded = terms(shared.name)
    with Ledger(f"sqlite:///{tmp_path / 'paper.db'}") as ledger:
        ledger.migrate()
        for qty, price in (("0.5", None), ("2", None), ("2", "100"), ("2", "101"), ("2", "99")):
            paper = floor(ledger, LIMITS, clock=own.clock, known=(traded,))
            paper.books.set(traded, {"99": "5000"}, {"100": "1", "101": "5000"})
            both = []
            for one in (own, paper):
                before = one.worth().fees
                order = one.trade(f"{time.time_ns()}", one.ask(traded, side, qty, price=price)).orders[0]
                order = one.oms.settle(order.client_order_id)
                both.append((order.status, order.filled_qty, order.filled_notional, one.worth().fees - before))
            assert both[0] == both[1], (qty, price)


_WRONG = {
    "binance": "-1022",
    "kraken": "EAPI:Invalid signature",
    "coinbase": "Unauthorized",
    "okx": "50113",
}


def test_a_wrong_key_is_refused_in_the_venues_own_words(shared: Venue, ledger: Ledger) -> None:
    own, gateway = opened(ledger, shared.base_url, shared.name)
    own.trade("right", own.ask(terms(shared.name), "BUY", "0.1"))
    exchange = gateway._exchange  # type: ignore[attr-defined]
    exchange.secret = ccxt.Exchange.string_to_base64("wrong") if shared.name != "coinbase" else _other_key()
    order = own.trade("wrong", own.ask(terms(shared.name), "BUY", "1")).orders[0]
    assert order.status is OrderStatus.REJECTED
    assert _WRONG[shared.name] in order.reason


def _other_key() -> str:
    made = ec.generate_private_key(ec.SECP256R1())
    return made.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()


def test_an_order_that_rests_works_fills_in_part_and_is_cancelled(own: Floor, shared: Venue) -> None:
    gateway, held = own.gateways[shared.name], shared.account.balances["BTC"]
    order = own.trade("rests", own.ask(terms(shared.name), "BUY", "3", price="100", gtc=True)).orders[0]
    assert (order.status, order.filled_qty) == (OrderStatus.OPEN, 1)
    assert order.client_order_id in gateway.open_orders()
    done = own.oms.cancel(order.client_order_id)
    assert (done.status, done.filled_qty) == (OrderStatus.CANCELLED, 1)
    assert order.client_order_id not in gateway.open_orders()
    bought = Decimal(shared.account.balances["BTC"] - held) / E8
    with own.ledger.read() as connection:
        assert connection.execute(select(positions.c.qty)).scalar_one() == bought
        assert audit(connection) == []


def test_more_than_the_account_holds_is_refused(own: Floor, shared: Venue) -> None:
    order = own.trade("too much", own.ask(terms(shared.name), "SELL", "900", "99")).orders[0]
    assert order.status is OrderStatus.REJECTED


def test_balances_are_the_accounts(own: Floor, shared: Venue) -> None:
    held = own.gateways[shared.name].balances()
    assert held["BTC"] == Decimal(shared.account.balances["BTC"]) / E8


@pytest.mark.system
@pytest.mark.timeout(KILLED_S + 120)
@pytest.mark.parametrize(("name", "kills"), [("binance", KILLS), ("okx", max(KILLS // 3, 8))])
def test_killed_at_every_step_nothing_is_sent_twice_forgotten_or_imagined(
    name: str, kills: int, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    with venue(name) as there, Ledger(url) as ledger:
        ledger.migrate()
        command = [sys.executable, "-m", "tests.trade.trader", name, url, there.base_url, str(kills)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=KILLED_S, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        assert int(done.stdout) >= kills // 3
        _settle(opened(ledger, there.base_url, name)[0])
        with ledger.read() as connection:
            assert audit(connection) == []
            known = {row.client_order_id: row for row in connection.execute(select(orders))}
            booked = connection.execute(select(func.count()).select_from(fills)).scalar_one()
            held = connection.execute(select(positions.c.qty)).scalar() or Decimal(0)
        venues = there.account.orders.values()
        read = WORDS[name].read if name in WORDS else str
        assert len(there.account.received) == len(set(there.account.received))
        assert {read(order.client_id) for order in venues} == {key for key, row in known.items() if row.filled_qty}
        assert booked == sum(len(order.fills) for order in venues)
        assert held == Decimal(there.account.balances["BTC"] - START["BTC"]) / E8
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
    with pytest.raises(SettingsError, match="keeps its sandbox at its production address"):
        reach(ccxt.okx(), Access("k", "s"))
    with pytest.raises(SettingsError, match=r"would reach api\.example\.com"):
        reach(ccxt.binance(), Access("k", "s", base_url="https://api.example.com"))


def test_simulated_prices_move_orders_at_the_emulator_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    key = KeySettings(api_key="k", secret="s", password="p", sandbox=False)  # type: ignore[arg-type]
    keys = dict.fromkeys(("binance", "kraken", "okx"), key)
    found = choice.of(load(trade=LIVE.model_copy(update={"credentials": keys})), SystemClock())
    assert set(found) == {"sim_binance", "sim_kraken", "sim_okx"}
    for gateway in found.values():
        assert _hosts(gateway._exchange.urls["api"]) == {"127.0.0.1"}  # type: ignore[attr-defined]


def _hosts(urls: object) -> set[str | None]:
    if isinstance(urls, dict):
        return set().union(*map(_hosts, urls.values()))
    return {urlsplit(str(urls)).hostname}


@pytest.mark.parametrize(
    ("venue", "told"),
    [("okx", "okx lacks password"), ("nowhere", "no such venue"), ("paymium", "no fetchOpenOrders, fetchMyTrades")],
)
def test_a_venue_that_cannot_be_traded_is_told(
    venue: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    keys = {venue: KeySettings(api_key="k", secret="s")}  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match=told):
        choice.of(load(trade=LIVE.model_copy(update={"credentials": keys})), SystemClock())


@pytest.mark.parametrize("number", [0, 7, 999_999_999])
def test_every_way_of_writing_our_id_leads_back(number: int) -> None:
    ours = f"tri-0123456789abcdef0123-{number}"
    assert client_ids.from_uuid(client_ids.uuid(ours)) == ours
    assert UUID(client_ids.uuid(ours)).version == 8
    assert client_ids.from_compact(client_ids.compact(ours)) == ours
    assert len(client_ids.compact(ours)) <= 32
    assert client_ids.from_uuid(str(uuid4())) is None
    assert client_ids.from_uuid("x") is client_ids.from_compact("web-1") is None
