"""Orders at a MetaTrader 5 terminal: what is sent, how it is found again, what the broker's stops do."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from aiohttp import web

from tests.trade.trading import LOOSE, Floor, floor
from tests.trade.venue import served
from trifecta.clock import ManualClock
from trifecta.emulator import mt5_remote
from trifecta.emulator.metatrader5 import MetaTrader5
from trifecta.emulator.mt5_market import GeneratedForex
from trifecta.emulator.mt5_remote import RemoteMetaTrader5
from trifecta.errors import SettingsError, VenueRefusedError
from trifecta.market.orders import Order, OrderStatus, Terms, TimeInForce
from trifecta.settings import KeySettings, LiveSettings, TradeSettings, load
from trifecta.trade.audit import audit
from trifecta.trade.gateways import choice
from trifecta.trade.gateways.live import ACKNOWLEDGEMENT
from trifecta.trade.gateways.metatrader5 import Terminal, _filling
from warehouse.ledger import Ledger

START_NS = 1_723_161_600_000_000_000
VENUE = "sim_mt5_trifecta"
EURUSD = Terms(VENUE, "EURUSD", "EUR", "USD", tick=Decimal("0.00001"), lot=Decimal(1000), margin=True)


class Place:
    """A desk, and the terminal it trades at."""

    def __init__(self, ledger: Ledger, *, hedging: bool = True) -> None:
        self.clock = ManualClock(START_NS)
        self.mt5 = MetaTrader5(
            GeneratedForex(7, START_NS // 1_000_000), lambda: self.clock.now_ns() // 1_000_000, hedging=hedging
        )
        assert self.mt5.initialize()
        self.clock.advance(60)
        self.gateway = Terminal(self.mt5, self.clock, sandbox=True)
        limits = LOOSE.model_copy(update={"stale_s": 1e9})
        self.own: Floor = floor(ledger, limits, clock=self.clock, gateways={VENUE: self.gateway}, known=(EURUSD,))

    def trade(self, name: str, side: str, qty: str = "10000", **how: object) -> Order:
        info = self.mt5.symbol_info("EURUSD")
        assert info is not None
        asked = self.own.ask(EURUSD, side, qty, str(info.ask if side == "BUY" else info.bid), **how)  # type: ignore[arg-type]
        made = self.own.trade(name, asked)
        assert made.refused is None
        return made.orders[0]

    @property
    def volumes(self) -> list[tuple[int, float]]:
        return [(one.type, one.volume) for one in self.mt5.positions_get() or ()]


@pytest.fixture
def place(ledger: Ledger) -> Place:
    return Place(ledger)


@pytest.fixture
def netting(ledger: Ledger) -> Place:
    return Place(ledger, hedging=False)


def test_a_market_order_is_filled_at_the_quote_in_base_units(place: Place) -> None:
    order = place.trade("one", "BUY")
    info = place.mt5.symbol_info("EURUSD")
    assert info is not None
    assert (order.status, order.filled_qty, order.average_price) == (
        OrderStatus.FILLED, 10_000, Decimal(str(info.ask))
    )  # fmt: skip
    found = place.gateway.find(order)
    assert found is not None
    assert found.fills[0].ts_event == place.clock.now_ns()  # UTC, whatever the server's clock says
    with place.own.ledger.read() as connection:
        assert audit(connection) == []


def test_an_order_is_found_again_by_its_magic_after_a_restart(place: Place) -> None:
    order = place.trade("one", "BUY")
    again = Terminal(place.mt5, place.clock, sandbox=True)
    assert again.find(order) == place.gateway.find(order)
    assert again.find(place.trade("two", "SELL")) != again.find(order)


def test_an_answer_that_is_lost_is_settled_by_asking(place: Place) -> None:
    place.mt5.desk.lost_answers = 1
    order = place.trade("lost", "BUY")
    assert order.status is OrderStatus.PENDING
    assert place.own.oms.settle(order.client_order_id).status is OrderStatus.FILLED
    assert place.volumes == [(0, 0.1)]


def test_what_never_arrived_is_rejected_once_it_cannot_arrive_any_more(place: Place) -> None:
    send = place.mt5.order_send
    place.mt5.order_send = lambda request: None  # type: ignore[method-assign]
    order = place.trade("away", "BUY")
    place.mt5.order_send = send  # type: ignore[method-assign]
    assert order.status is OrderStatus.PENDING
    assert place.own.oms.settle(order.client_order_id).status is OrderStatus.PENDING
    place.clock.advance(place.gateway.settles_after_s + 1)
    assert place.own.oms.settle(order.client_order_id).status is OrderStatus.REJECTED
    assert place.volumes == []


@pytest.mark.parametrize(("code", "told"), [(10004, "10004: Requote"), (10019, "10019: No money"), (10006, "10006")])
def test_a_refusal_is_final_and_tells_the_retcode(place: Place, code: int, told: str) -> None:
    place.mt5.desk.next_retcode = code
    order = place.trade("refused", "BUY")
    assert order.status is OrderStatus.REJECTED
    assert told in order.reason


@pytest.mark.parametrize(("qty", "told"), [("1500", "steps of 0.01"), ("20000000", "0.01 to 100.0 lots")])
def test_a_volume_that_the_broker_does_not_trade_is_refused_before_it_is_sent(
    place: Place, qty: str, told: str
) -> None:
    order = replace(place.trade("small", "BUY", "1000"), qty=Decimal(qty))
    with pytest.raises(VenueRefusedError, match=told):
        place.gateway.place(order)
    assert place.volumes == [(0, 0.01)]


def test_a_hedging_account_closes_its_own_positions_and_no_more(place: Place) -> None:
    place.trade("one", "BUY")
    place.trade("two", "BUY", "5000")
    done = place.trade("out", "SELL", "15000", reduces=True)
    assert (done.status, done.filled_qty) == (OrderStatus.FILLED, 15_000)
    assert place.volumes == []
    found = place.gateway.find(done)
    assert found is not None
    assert [fill.qty for fill in found.fills] == [10_000, 5_000]
    more = place.trade("none left", "SELL", "1000", reduces=True)
    assert more.status is OrderStatus.REJECTED
    assert "more than sim_mt5_trifecta holds" in more.reason


def test_a_hedging_account_opens_beside_what_it_holds(place: Place) -> None:
    place.trade("long", "BUY")
    place.trade("short", "SELL", "5000")
    assert place.volumes == [(0, 0.1), (1, 0.05)]


def test_a_netting_account_holds_one_position_that_grows_shrinks_and_turns(netting: Place) -> None:
    netting.trade("one", "BUY")
    netting.trade("two", "BUY", "5000")
    assert netting.volumes == [(0, 0.15)]
    netting.trade("less", "SELL", "5000", reduces=True)
    assert netting.volumes == [(0, 0.1)]
    turned = netting.trade("turn", "SELL", "30000")
    assert netting.volumes == [(1, 0.2)]
    assert (turned.status, turned.filled_qty) == (OrderStatus.FILLED, 30_000)
    with netting.own.ledger.read() as connection:
        assert audit(connection) == []


def test_a_limit_waits_at_the_broker_and_is_cancelled(place: Place) -> None:
    info = place.mt5.symbol_info("EURUSD")
    assert info is not None
    price = str(round(info.bid - 0.01, 5))
    order = place.trade("waits", "BUY", price=price, gtc=True)
    assert order.status is OrderStatus.OPEN
    assert place.gateway.open_orders() == [order.client_order_id]
    assert place.own.oms.cancel(order.client_order_id).status is OrderStatus.CANCELLED
    assert place.gateway.open_orders() == []
    at_once = place.trade("at once", "BUY", price=price)
    assert at_once.status is OrderStatus.REJECTED
    assert "not within the limit" in at_once.reason


def test_a_limit_that_the_market_meets_fills_at_the_quote(place: Place) -> None:
    info = place.mt5.symbol_info("EURUSD")
    assert info is not None
    order = place.trade("meets", "BUY", price=str(round(info.ask + 0.0005, 5)))
    assert (order.status, order.average_price) == (OrderStatus.FILLED, Decimal(str(info.ask)))


def test_the_brokers_stop_closes_without_an_order_of_ours_and_is_booked_once(place: Place) -> None:
    order = place.trade("stopped", "BUY")
    with pytest.raises(VenueRefusedError, match="10016"):
        place.gateway.protect(order, stop=order.average_price)
    price = order.average_price
    assert price is not None
    place.gateway.protect(order, stop=price - Decimal("0.0003"), target=price + Decimal("0.0003"))
    for _ in range(600):
        place.clock.advance(60)
        if place.gateway.exits(order):
            break
    (left,) = place.gateway.exits(order)
    assert place.volumes == []
    assert abs(left.price - price) >= Decimal("0.0003")
    place.own.oms.settle(order.client_order_id)  # the stop's deal is no fill of the order
    for _ in range(2):
        place.own.oms.settle_positions((order.client_order_id, left))
    with place.own.ledger.read() as connection:
        assert audit(connection) == []
    assert place.own.worth().positions == 0
    assert place.own.worth().realised == (left.price - price) * 10_000


@pytest.mark.parametrize(
    ("wanted", "allowed", "filling"),
    [
        (TimeInForce.FOK, 3, 0), (TimeInForce.IOC, 3, 1), (TimeInForce.IOC, 1, 0), (TimeInForce.IOC, 0, 2),
        (TimeInForce.GTC, 2, 1),
    ],
)  # fmt: skip
def test_filling_is_what_the_broker_offers(wanted: TimeInForce, allowed: int, filling: int) -> None:
    assert _filling(wanted, allowed) == filling


def test_all_or_nothing_is_not_sent_to_a_broker_that_does_not_offer_it() -> None:
    with pytest.raises(VenueRefusedError, match="FOK"):
        _filling(TimeInForce.FOK, 2)


def test_a_real_account_is_refused_where_the_settings_say_sandbox(place: Place) -> None:
    account = place.mt5.account_info()
    assert account is not None
    place.mt5.account_info = lambda: account._replace(trade_mode=2)  # type: ignore[method-assign]
    with pytest.raises(SettingsError, match=r"is real and trade\.credentials\.mt5\.sandbox = true"):
        Terminal(place.mt5, place.clock, sandbox=True)
    assert Terminal(place.mt5, place.clock, sandbox=False).balances() == {"USD": 10_000}
    with pytest.raises(SettingsError, match=r"mt5\.login = 1: the terminal is logged in to 5000001"):
        Terminal(place.mt5, place.clock, sandbox=False, login=1)


def test_the_settings_lead_to_the_emulators_terminal(
    place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.chdir(tmp_path)  # type: ignore[arg-type]
    said = LiveSettings(acknowledge=ACKNOWLEDGEMENT, max_order_notional=Decimal(1), max_daily_notional=Decimal(1))
    trade = TradeSettings(mode="live", live=said, credentials={"mt5": KeySettings()})

    def add(app: web.Application) -> None:
        mt5_remote.add_routes(app, place.mt5)

    with served(add) as address:
        port = int(address.rpartition(":")[2])
        found = choice.of(load(trade=trade, emulator_port=port), place.clock)
        assert list(found) == [VENUE]
        own = floor(place.own.ledger, LOOSE, clock=place.clock, gateways=found, known=(EURUSD,))
        info = place.mt5.symbol_info("EURUSD")
        assert info is not None
        order = own.trade("far", own.ask(EURUSD, "BUY", "10000", str(info.ask))).orders[0]
        assert order.status is OrderStatus.FILLED
        far = found[VENUE]._api  # type: ignore[attr-defined]
        assert isinstance(far, RemoteMetaTrader5)
        far.shutdown()
