"""What each fill model fills, when, and at what price."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from tests.trade.trading import BTC, NOW, Floor, floor
from trifecta.clock import NS_PER_MS, ManualClock
from trifecta.errors import SettingsError
from trifecta.market.orders import Order, OrderSide, OrderStatus, TimeInForce
from trifecta.trade.audit import audit
from trifecta.trade.desk import Request
from trifecta.trade.fills import FILL_MODELS, Market, Print, Queue, fill_model
from trifecta.trade.gateways.paper import PATIENCE_S, Paper
from warehouse.ledger import Ledger


def _paper(own: Floor) -> Paper:
    found = own.gateways["binance"]
    assert isinstance(found, Paper)
    return found


def _rest(ledger: Ledger) -> tuple[Floor, Order]:
    """A bid of 2 at 99, behind 5 that stood there first."""
    own = floor(ledger, model=Queue())
    own.books.set(BTC, {"99": "5", "98": "9"}, {"100": "5"})
    return own, own.trade("a", own.ask(BTC, "BUY", "2", "99", price="99", gtc=True)).orders[0]


def _print(own: Floor, order: Order, price: str, qty: str, taker: OrderSide = OrderSide.SELL) -> Order:
    trade = Print(Decimal(price), Decimal(qty), taker, own.clock.now_ns())
    for order_id in _paper(own).on_print("binance", "BTCUSDT", trade):
        own.oms.settle(order_id)
    found = own.oms.settle(order.client_order_id)
    with own.ledger.read() as connection:
        assert audit(connection) == []
    return found


def test_a_resting_order_waits_until_the_queue_ahead_has_traded(ledger: Ledger) -> None:
    own, order = _rest(ledger)
    assert order.status is OrderStatus.OPEN
    assert _print(own, order, "99", "4").filled_qty == 0
    assert _print(own, order, "99", "5", OrderSide.BUY).filled_qty == 0
    assert _print(own, order, "99", "2").filled_qty == Decimal(1)
    done = _print(own, order, "99", "9")
    assert (done.status, done.filled_notional) == (OrderStatus.FILLED, Decimal(198))


def test_a_resting_order_pays_the_makers_fee(ledger: Ledger) -> None:
    own, order = _rest(ledger)
    assert _print(own, order, "98.5", "1").status is OrderStatus.FILLED  # traded through: all of it
    assert own.worth().fees == -Decimal(198) * BTC.maker_fee


def test_a_queue_that_leaves_moves_the_order_up(ledger: Ledger) -> None:
    own, order = _rest(ledger)
    _paper(own).on_depth("binance", "BTCUSDT", own.books.set(BTC, {"99": "1", "98": "9"}, {"100": "5"}))
    assert _print(own, order, "99", "1.5").filled_qty == Decimal("0.5")


def test_a_book_that_crosses_the_limit_fills_at_the_limit(ledger: Ledger) -> None:
    own, order = _rest(ledger)
    filled = _paper(own).on_depth("binance", "BTCUSDT", own.books.set(BTC, {"90": "1"}, {"98": "1", "99": "4"}))
    assert list(filled) == [order.client_order_id]
    done = own.oms.settle(order.client_order_id)
    assert (done.status, done.filled_notional) == (OrderStatus.FILLED, Decimal(198))


def test_fill_or_kill_takes_all_or_nothing(ledger: Ledger) -> None:
    own = floor(ledger)
    own.books.set(BTC, {}, {"100": "1", "101": "1"})
    whole = own.ask(BTC, "BUY", "3", price="101")
    order = own.trade("a", replace(whole, time_in_force=TimeInForce.FOK)).orders[0]
    assert (order.status, order.filled_qty) == (OrderStatus.CANCELLED, 0)


def test_a_limit_is_never_passed(ledger: Ledger) -> None:
    own = floor(ledger)
    own.books.set(BTC, {}, {"100": "1", "101": "1", "102": "1"})
    order = own.trade("a", own.ask(BTC, "BUY", "3", price="101")).orders[0]
    assert (order.filled_qty, order.filled_notional) == (Decimal(2), Decimal(201))


def test_an_order_meets_the_book_that_stands_when_it_arrives(ledger: Ledger) -> None:
    own = floor(ledger, latency_ms=50)
    order = own.trade("a", own.ask(BTC, "BUY", "1")).orders[0]
    assert order.status is OrderStatus.OPEN  # nothing is known yet of the book it will meet
    own.clock.advance(0.05)
    own.books.set(BTC, {}, {"103": "5"}, NOW + 50 * NS_PER_MS)
    assert own.oms.settle(order.client_order_id).average_price == Decimal(103)


def test_an_order_without_a_book_ends(ledger: Ledger) -> None:
    own = floor(ledger)
    order = own.trade("a", own.ask(BTC, "BUY", "1")).orders[0]
    own.clock.advance(PATIENCE_S + 1)
    assert own.oms.settle(order.client_order_id).status is OrderStatus.CANCELLED


def test_a_restarted_paper_venue_takes_up_what_rests_in_the_ledger(ledger: Ledger) -> None:
    own, order = _rest(ledger)
    assert _print(own, order, "99", "6").filled_qty == Decimal(1)
    again = floor(ledger, model=Queue(), clock=ManualClock(NOW))
    again.books.set(BTC, {"99": "2"}, {"100": "5"})
    assert again.oms.reconcile() == []
    assert _print(again, order, "99", "2.5").filled_qty == Decimal("1.5")
    assert _print(again, order, "99", "9").status is OrderStatus.FILLED


def test_every_model_has_its_name() -> None:
    assert {name: fill_model(name, 7).name for name in FILL_MODELS} == {name: name for name in FILL_MODELS}
    with pytest.raises(SettingsError, match=r"trade\.fill_model = 'dice'"):
        fill_model("dice", 7)
    assert isinstance(fill_model("market", 7), Market)


def test_an_order_is_filled_by_the_model_that_its_decision_names(ledger: Ledger) -> None:
    own = floor(ledger)
    own.books.set(BTC, {}, {"100": "1"})
    drafts = (own.ask(BTC, "BUY", "1"),)
    assert own.desk.trade(Request("a", "paper", "arbitrage", drafts, "test", "market")).orders[0].fill_model == "market"
