"""Three exchanges at one venue: one after the other, for what each gained, and flat at the end."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from msgspec.structs import replace as changed

from tests.trade.pit import HERE, Pit, pit, two_hop
from trifecta.market.orders import Terms
from trifecta.scan.opportunity import ArbitragePlan, Leg, Opportunity, RouteType, Side
from warehouse.ledger import Ledger, orders, outcomes, positions

ETH = replace(HERE, symbol="ETHUSDT", base="ETH", taker_fee=Decimal(0))
BTC = replace(HERE, taker_fee=Decimal(0))
CROSS = replace(HERE, symbol="ETHBTC", base="ETH", quote="BTC", tick=Decimal("0.00001"), min_notional=Decimal(0))
CROSS = replace(CROSS, taker_fee=Decimal(0))


def _route(own: Pit, *legs: tuple[Terms, Side, float, float]) -> Opportunity:
    now_ns = own.clock.now_ns()
    sent = tuple(Leg(one.venue, one.symbol, side, qty, price, price, now_ns) for one, side, qty, price in legs)
    found = two_hop(own)
    assert isinstance(found.plan, ArbitragePlan)
    plan = changed(found.plan, route=RouteType.THREE_HOP, legs=sent)
    return changed(found, plan=plan, costs=())


def _buys(own: Pit, qty: float = 1.0) -> Opportunity:
    """1 BTC for 100, 10 ETH for it, which bring 101."""
    legs = ((BTC, Side.BUY, qty, 100.0), (CROSS, Side.BUY, 10 * qty, 0.1), (ETH, Side.SELL, 10 * qty, 10.1))
    return _route(own, *legs)


def _market(own: Pit, *, btc: float = 5.0, cross: float = 50.0) -> None:
    own.book(BTC, 99.9, 100.0, btc)
    own.book(CROSS, 0.0999, 0.1, cross)
    own.book(ETH, 10.1, 10.11, 50.0)


def _traded(own: Pit, found: Opportunity) -> None:
    own.trader.offer([found])
    answer = own.trader.execute(found.id, "test")
    assert answer.verdict == "approved", answer
    assert len(answer.orders) == 1


@pytest.fixture
def own(ledger: Ledger) -> Pit:
    made = pit(ledger)
    made.trader.enlist([BTC, CROSS, ETH])
    return made


def _held(own: Pit) -> dict[str, Decimal]:
    return {row.symbol: row.qty for row in own.rows(positions) if row.qty}


def test_each_leg_spends_what_the_one_before_gained(own: Pit) -> None:
    _market(own)
    _traded(own, _buys(own))
    own.run(1)
    assert [(one.symbol, one.side, one.filled_qty) for one in own.rows(orders)] == [
        ("BTCUSDT", "BUY", Decimal(1)), ("ETHBTC", "BUY", Decimal(10)), ("ETHUSDT", "SELL", Decimal(10)),
    ]  # fmt: skip
    assert (own.rows(outcomes)[0].pnl, _held(own), own.trader.open_trades) == (Decimal(1), {}, 0)
    own.sound()


def test_a_route_may_sell_its_way_through(own: Pit) -> None:
    own.book(BTC, 102.0, 102.1)
    own.book(CROSS, 0.1, 0.1001, 50.0)
    own.book(ETH, 9.99, 10.0, 50.0)
    _traded(own, _route(own, (ETH, Side.BUY, 10, 10.0), (CROSS, Side.SELL, 10, 0.1), (BTC, Side.SELL, 1, 102.0)))
    own.run(1)
    assert [one.status for one in own.rows(orders)] == ["FILLED"] * 3
    assert (own.rows(outcomes)[0].pnl, _held(own)) == (Decimal(2), {})
    own.sound()


def test_a_first_leg_that_was_filled_in_part_goes_on_with_that_part(own: Pit) -> None:
    _market(own, btc=0.5)
    _traded(own, _buys(own))
    own.run(1)
    assert [one.filled_qty for one in own.rows(orders)] == [Decimal("0.5"), Decimal(5), Decimal(5)]
    assert (own.rows(outcomes)[0].pnl, _held(own)) == (Decimal("0.5"), {})
    own.sound()


def test_a_first_leg_that_missed_ends_the_route(own: Pit) -> None:
    _market(own)
    own.book(BTC, 100.4, 100.5)
    _traded(own, _buys(own))
    own.run(1)
    assert ([one.status for one in own.rows(orders)], own.trader.open_trades) == (["CANCELLED"], 0)


def test_a_leg_that_the_book_has_no_room_for_is_tried_again(own: Pit) -> None:
    _market(own, cross=4.0)
    _traded(own, _buys(own))
    own.run(0.5)
    own.book(CROSS, 0.0999, 0.1002, 50.0)
    own.run(3)
    assert own.rows(orders)[-1].symbol == "ETHUSDT"
    assert own.trader.open_trades == 0
    (outcome,) = own.rows(outcomes)
    assert Decimal("0.7") < outcome.pnl < Decimal(1)
    own.sound()


def test_a_restart_goes_on_with_the_next_leg(own: Pit) -> None:
    _market(own)
    _traded(own, _buys(own))
    own.run(0.05)
    assert len(own.rows(orders)) == 2
    after = pit(own.ledger, now_ns=own.clock.now_ns() + 10 * 10**9)
    after.trader.enlist([BTC, CROSS, ETH])
    _market(after)
    after.run(3)
    assert (after.trader.open_trades, len(after.rows(outcomes))) == (0, 1)
    assert _held(after) == {}
    after.sound()
