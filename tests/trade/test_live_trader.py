"""The same trader with ways to live venues: what they lose or refuse is settled, what cannot be done is not tried."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.trade.pit import HERE, PAIR, THERE, Pit, bet, pit, signal, two_hop
from tests.trade.unruly import Manner, Unruly
from trifecta.clock import ManualClock
from trifecta.settings import LiveSettings
from warehouse.ledger import Ledger, decisions, orders, outcomes

CAPS = LiveSettings(max_order_notional=Decimal(10**6), max_daily_notional=Decimal(10**7))


@pytest.fixture
def venue() -> Unruly:
    return Unruly(ManualClock())


@pytest.fixture
def own(ledger: Ledger, venue: Unruly) -> Pit:
    made = pit(ledger, mode="live", live=CAPS, gateways={PAIR[0]: venue})
    venue._clock = made.clock
    return made


def _signal(own: Pit, name: str = "f") -> str:
    own.quote(1.0999, 1.1)
    found = signal(own, name)
    own.trader.offer([found])
    return own.trader.execute(found.id, "test").verdict


def test_an_answer_that_was_lost_is_asked_for_and_the_position_is_ended_later(own: Pit, venue: Unruly) -> None:
    venue.price, venue.manner = Decimal("1.1"), Manner.MUTE
    assert _signal(own) == "approved"
    assert [one.status for one in own.rows(orders)] == ["FILLED"]
    venue.price, venue.manner = Decimal("1.103"), Manner.FILL
    own.quote(1.1031, 1.1032)
    own.run(0.2)
    assert (len(own.rows(outcomes)), own.trader.open_trades) == (1, 0)
    assert len(venue.received) == 2
    assert {(one.portfolio, one.mode) for one in own.rows(decisions)} == {("live", "live")}
    own.sound()


def test_an_exit_that_its_venue_refuses_is_tried_again(own: Pit, venue: Unruly) -> None:
    venue.price = Decimal("1.1")
    assert _signal(own) == "approved"
    own.run(0.2)
    venue.manner = Manner.REFUSE
    own.quote(1.1031, 1.1032)
    own.run(0.5)
    assert own.trader.open_trades == 1
    venue.manner = Manner.FILL
    own.run(3)
    assert (len(own.rows(outcomes)), own.trader.open_trades) == (1, 0)
    assert len(own.rows(orders)) < 8
    own.sound()


def test_what_cannot_be_traded_live_is_skipped_and_says_why(own: Pit) -> None:
    own.book(HERE, 99.9, 100.0)
    own.book(THERE, 102.0, 102.1)
    asked = two_hop(own), bet(own)
    own.trader.offer(asked)
    told = [own.trader.execute(one.id, "test") for one in asked]
    assert [one.verdict for one in told] == ["skipped", "skipped"]
    assert "no gateway brings the stock" in told[0].reason
    assert "on paper alone" in told[1].reason


def test_a_venue_without_a_gateway_is_not_traded_at(ledger: Ledger) -> None:
    own = pit(ledger, mode="live", live=CAPS)
    assert _signal(own) == "skipped"
    assert "no gateway in live mode" in own.rows(decisions)[0].reason
