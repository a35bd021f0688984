"""Orders are settled by asking, whatever the venue does: each scenario by itself, in words."""

from __future__ import annotations

from decimal import Decimal

import pytest
from sqlalchemy import select, update

from tests.trade.trading import BTC, LOOSE, NOW, Floor, floor
from tests.trade.unruly import Manner, Unruly
from trifecta.clock import ManualClock
from trifecta.decide import halt
from trifecta.decide.portfolio import IdentityError, value
from trifecta.errors import SettingsError
from trifecta.market.orders import Order, OrderStatus
from trifecta.trade import store
from trifecta.trade.audit import audit
from trifecta.trade.posting import Account, Entry, Kind, Posting, UnbalancedError, post
from warehouse.ledger import Ledger, balances, fills, order_events


def _trading(ledger: Ledger, manner: Manner) -> tuple[Floor, Unruly, Order]:
    clock = ManualClock(NOW)
    venue = Unruly(clock)
    venue.manner = manner
    own = floor(ledger, LOOSE, gateways={"binance": venue}, clock=clock)
    return own, venue, own.trade("a", own.ask(BTC, "BUY", "1")).orders[0]


def _after(own: Floor, order: Order, seconds: float) -> Order:
    own.clock.advance(seconds)
    own.oms.reconcile()
    with own.ledger.read() as connection:
        assert audit(connection) == []
        return store.get(connection, order.client_order_id)


def test_an_answer_that_was_lost_is_found_by_asking(ledger: Ledger) -> None:
    own, venue, order = _trading(ledger, Manner.MUTE)
    assert order.status is OrderStatus.PENDING
    assert _after(own, order, 0).status is OrderStatus.FILLED
    assert venue.received == [order.client_order_id]


def test_an_order_that_is_underway_is_not_given_up(ledger: Ledger) -> None:
    own, venue, order = _trading(ledger, Manner.SLOW)
    assert _after(own, order, 1).status is OrderStatus.PENDING
    assert _after(own, order, 3.5).status is OrderStatus.FILLED
    assert venue.received == [order.client_order_id]


def test_an_order_that_never_arrived_is_rejected_once_it_no_longer_can(ledger: Ledger) -> None:
    own, _, order = _trading(ledger, Manner.LOSE)
    assert _after(own, order, 5).status is OrderStatus.PENDING
    done = _after(own, order, 0.1)
    assert (done.status, done.reason) == (OrderStatus.REJECTED, "it never reached the venue")


def test_a_refused_order_is_rejected_and_holds_nothing(ledger: Ledger) -> None:
    own, _, order = _trading(ledger, Manner.REFUSE)
    assert (order.status, order.reason) == (OrderStatus.REJECTED, "insufficient balance")
    assert own.worth().positions == 0


def test_an_order_is_filled_when_its_fills_are_known_not_before(ledger: Ledger) -> None:
    own, _, order = _trading(ledger, Manner.BLANK)
    assert (order.status, order.filled_qty) == (OrderStatus.OPEN, 0)
    assert _after(own, order, 0).status is OrderStatus.FILLED


def test_a_fill_that_is_reported_twice_is_booked_once(ledger: Ledger) -> None:
    own, _, order = _trading(ledger, Manner.TWICE)
    assert (order.status, order.filled_qty) == (OrderStatus.FILLED, Decimal(1))
    assert _after(own, order, 1).filled_qty == Decimal(1)


def test_part_is_booked_and_the_rest_cancelled(ledger: Ledger) -> None:
    _, _, order = _trading(ledger, Manner.PART)
    assert (order.status, order.filled_qty) == (OrderStatus.CANCELLED, Decimal("0.5"))


def test_a_working_order_is_cancelled_with_what_was_filled_meanwhile(ledger: Ledger) -> None:
    own, venue, order = _trading(ledger, Manner.REST)
    venue.fill(order.client_order_id, Decimal("0.25"))
    done = own.oms.cancel(order.client_order_id)
    assert (done.status, done.filled_qty) == (OrderStatus.CANCELLED, Decimal("0.25"))


def test_a_fill_that_comes_after_the_end_is_booked_all_the_same(ledger: Ledger) -> None:
    own, venue, order = _trading(ledger, Manner.PART)
    venue.fill(order.client_order_id, Decimal("0.25"))
    late = _after(own, order, 5)
    assert (late.status, late.filled_qty) == (OrderStatus.CANCELLED, Decimal("0.75"))


def test_an_order_is_sent_by_one_caller_only(ledger: Ledger) -> None:
    own, venue, order = _trading(ledger, Manner.FILL)
    again = own.oms.send(order.client_order_id)
    assert again.status is OrderStatus.FILLED
    assert venue.received == [order.client_order_id]


def test_an_order_of_ours_that_the_ledger_does_not_know_halts(ledger: Ledger) -> None:
    own, venue, order = _trading(ledger, Manner.REST)
    venue.orders["tri-lost-0"] = venue.orders[order.client_order_id]
    found = own.oms.reconcile()
    assert [one.client_order_id for one in found] == ["tri-lost-0"]
    assert halt.read(ledger).halted


def test_a_venue_that_cannot_be_asked_is_told_and_changes_nothing(ledger: Ledger) -> None:
    own, venue, order = _trading(ledger, Manner.MUTE)
    venue.deaf = True
    assert _after(own, order, 60).status is OrderStatus.PENDING
    venue.deaf = False
    assert _after(own, order, 0).status is OrderStatus.FILLED


def test_only_legal_ways_lead_from_one_status_to_another(ledger: Ledger) -> None:
    _, _, order = _trading(ledger, Manner.FILL)
    with ledger.begin() as connection, pytest.raises(store.IllegalTransitionError, match="FILLED to CANCELLED"):
        store.finish(connection, order, OrderStatus.CANCELLED, "", NOW)
    with ledger.read() as connection:
        assert connection.execute(select(order_events.c.to_status)).scalars().all() == ["PENDING", "OPEN", "FILLED"]


def test_refuses_a_venue_without_a_gateway(ledger: Ledger) -> None:
    own = floor(ledger, LOOSE, gateways={})
    with pytest.raises(SettingsError, match="venue = 'binance'"):
        own.trade("a", own.ask(BTC, "BUY", "1"))


def test_a_posting_that_is_not_balanced_is_not_booked(ledger: Ledger) -> None:
    floor(ledger)
    lone = Entry(Account.CASH, "binance", "", "USDT", Decimal(1))
    with ledger.begin() as connection, pytest.raises(UnbalancedError, match="expected 0 in every currency"):
        post(connection, Posting(NOW, "paper", "", Kind.ADJUSTMENT, "x", None, [lone]))


def test_a_tampered_ledger_is_found_by_audit_and_by_the_identity(ledger: Ledger) -> None:
    _trading(ledger, Manner.FILL)
    with ledger.begin() as connection:
        cash = (balances.c.account == "cash") & (balances.c.venue == "binance")
        connection.execute(update(balances).where(cash).values(amount=balances.c.amount + Decimal(1)))
        assert any("balance paper arbitrage cash binance" in line for line in audit(connection))
        with pytest.raises(IdentityError, match=r"cash .* positions at mark"):
            value(connection, "paper")
        connection.execute(update(fills).values(qty=fills.c.qty + Decimal(1)))
        assert any("position from fills" in line for line in audit(connection))
