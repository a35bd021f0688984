"""The same trader with ways to live venues: what they lose or refuse is settled, what cannot be done is not tried."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from tests.trade.pit import HERE, PAIR, THERE, Pit, bet, pit, signal, two_hop
from tests.trade.unruly import Manner, Unruly
from trifecta.clock import ManualClock
from trifecta.settings import LiveSettings
from trifecta.trade.trader import Answer
from warehouse.ledger import Ledger, decisions, orders, outcomes, positions

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
    asked = bet(own)
    own.trader.offer([asked])
    told = own.trader.execute(asked.id, "test")
    assert (told.verdict, "on paper alone" in told.reason) == ("skipped", True)


@pytest.fixture
def pair(ledger: Ledger) -> tuple[Pit, Unruly, Unruly]:
    """Accounts at both venues of a gap from 100 to 102, with room for one trade of 1 and a little."""
    buys, sells = Unruly(ManualClock()), Unruly(ManualClock())
    buys.price, sells.price = Decimal(100), Decimal(102)
    buys.held, sells.held = {"USDT": Decimal(150)}, {"BTC": Decimal("1.5")}
    known = [replace(one, margin=False) for one in (HERE, THERE)]
    made = pit(
        ledger, mode="live", live=CAPS, known=known, gateways={HERE.venue: buys, THERE.venue: sells}
    )  # fmt: skip
    buys._clock = sells._clock = made.clock
    made.book(HERE, 99.9, 100.0)
    made.book(THERE, 102.0, 102.1)
    return made, buys, sells


def _gap(own: Pit, name: str) -> Answer:
    found = two_hop(own, name)
    own.trader.offer([found])
    return own.trader.execute(found.id, "test")


def test_between_two_venues_both_legs_spend_what_lies_in_the_accounts(pair: tuple[Pit, Unruly, Unruly]) -> None:
    own, buys, sells = pair
    assert _gap(own, "a").verdict == "approved"
    own.run(0.1)
    assert (len(buys.received), len(sells.received), own.trader.open_trades) == (1, 1, 0)
    (outcome,) = own.rows(outcomes)
    assert outcome.pnl == Decimal(2) - Decimal("0.1") - Decimal("0.102") - Decimal("0.5")  # fees, transfers as counted
    assert [row.qty for row in own.rows(positions)] == [0, 0]
    own.sound()


@pytest.mark.parametrize(("lacks", "currency"), [(0, "USDT"), (1, "BTC")])
def test_what_does_not_lie_there_is_not_traded(pair: tuple[Pit, Unruly, Unruly], lacks: int, currency: str) -> None:
    own, *venues = pair
    assert _gap(own, "a").verdict == "approved"
    own.run(0.1)
    short = _gap(own, "b")  # what the first one spent counts before any venue is asked again
    assert (short.verdict, "holds" in short.reason) == ("skipped", True)
    for one in venues:
        one.held = {"USDT": Decimal(500), "BTC": Decimal(5)}
    venues[lacks].held = {currency: Decimal("0.5")}
    own.run(6)
    short = _gap(own, "c")
    assert (short.verdict, f"holds 0.5 {currency}" in short.reason) == ("skipped", True)
    venues[lacks].held = {"USDT": Decimal(500), "BTC": Decimal(5)}
    own.run(61, step_s=1)
    own.book(HERE, 99.9, 100.0)
    own.book(THERE, 102.0, 102.1)
    assert _gap(own, "d").verdict == "approved"


def test_an_account_that_does_not_answer_is_not_traded_at(pair: tuple[Pit, Unruly, Unruly]) -> None:
    own, buys, _ = pair
    buys.deaf = True
    own.run(61, step_s=1)
    own.book(HERE, 99.9, 100.0)
    own.book(THERE, 102.0, 102.1)
    told = _gap(own, "a")
    assert (told.verdict, "has not told" in told.reason) == ("skipped", True)


def test_a_leg_that_its_venue_refused_is_unwound_live_too(pair: tuple[Pit, Unruly, Unruly]) -> None:
    own, _, sells = pair
    sells.manner = Manner.REFUSE
    assert _gap(own, "a").verdict == "approved"
    own.run(2)
    assert [(one.side, one.venue, one.status) for one in own.rows(orders)] == [
        ("BUY", HERE.venue, "FILLED"), ("SELL", THERE.venue, "REJECTED"), ("SELL", HERE.venue, "FILLED"),
    ]  # fmt: skip
    assert (len(own.rows(outcomes)), own.trader.open_trades) == (1, 0)
    own.sound()


def test_a_venue_without_a_gateway_is_not_traded_at(ledger: Ledger) -> None:
    own = pit(ledger, mode="live", live=CAPS)
    assert _signal(own) == "skipped"
    assert "no gateway in live mode" in own.rows(decisions)[0].reason
