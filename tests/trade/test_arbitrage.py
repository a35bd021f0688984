"""Both legs, one leg, none: what an arbitrage does until it is through, also after a restart."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.trade.pit import HERE, THERE, Pit, pit, two_hop
from trifecta.decide.portfolio import value
from warehouse.ledger import Ledger, decisions, equity, orders, outcomes, positions

TRANSFER_S = 600


def _held(own: Pit) -> dict[str, Decimal]:
    return {row.venue: row.qty for row in own.rows(positions) if row.qty}


def _execute(own: Pit, qty: float = 1.0) -> str:
    found = two_hop(own, qty=qty)
    own.trader.offer([found])
    answer = own.trader.execute(found.id, "test")
    assert answer.verdict == "approved", answer
    return str(answer.decision_id)


def test_both_legs_fill_and_the_outcome_comes_when_the_stock_was_brought(ledger: Ledger) -> None:
    own = pit(ledger, lending_daily=0.144)
    own.book(HERE, 99.9, 100.0)
    own.book(THERE, 102.0, 102.1)
    _execute(own)
    own.run(0.2)
    assert [order.status for order in own.rows(orders)] == ["FILLED", "FILLED"]
    assert _held(own) == {"sim_binance": Decimal(1), "sim_kraken": Decimal(-1)}
    assert own.rows(outcomes) == []
    own.run(TRANSFER_S + 1, step_s=10)
    assert _held(own) == {}
    (outcome,) = own.rows(outcomes)
    # 2 gained, fees of both legs, two transfers, and 600 s of 102 lent at 0.144 a day
    expected = Decimal(2) - Decimal("0.1") - Decimal("0.102") - Decimal("0.5") - Decimal("0.102")
    assert abs(outcome.pnl - expected) < Decimal("0.001")
    assert own.trader.open_trades == 0
    own.sound()


def test_an_order_meets_the_book_of_its_arrival(ledger: Ledger) -> None:
    own = pit(ledger)
    own.book(HERE, 99.9, 100.0)
    own.book(THERE, 102.0, 102.1)
    _execute(own)
    own.run(0.03, step_s=0.03)
    own.book(THERE, 101.0, 101.1)  # 20 ms before the orders arrive
    own.run(0.2)
    buy, sell, _ = own.rows(orders)
    assert (buy.status, sell.status, sell.filled_qty) == ("FILLED", "CANCELLED", Decimal(0))


def test_a_leg_that_failed_is_unwound_where_the_other_was_filled(ledger: Ledger) -> None:
    own = pit(ledger)
    own.book(HERE, 99.9, 100.0)
    own.book(THERE, 101.0, 101.1)
    _execute(own)
    own.run(0.3)
    assert [(one.side, one.venue, one.reduces, one.status) for one in own.rows(orders)] == [
        ("BUY", "sim_binance", False, "FILLED"),
        ("SELL", "sim_kraken", False, "CANCELLED"),
        ("SELL", "sim_binance", True, "FILLED"),
    ]
    (outcome,) = own.rows(outcomes)
    assert outcome.pnl == Decimal("-0.1") - Decimal("0.1") - Decimal("0.0999")
    assert (_held(own), own.trader.open_trades) == ({}, 0)
    own.sound()


def test_a_leg_that_was_filled_in_part_is_unwound_by_the_rest(ledger: Ledger) -> None:
    own = pit(ledger)
    own.book(HERE, 99.9, 100.0, qty=0.4)
    own.book(THERE, 102.0, 102.1)
    _execute(own)
    own.run(0.3)
    assert [(one.side, one.filled_qty) for one in own.rows(orders)] == [
        ("BUY", Decimal("0.4")),
        ("SELL", Decimal(1)),
        ("BUY", Decimal("0.6")),
    ]
    assert own.rows(orders)[2].venue == "sim_kraken"
    assert _held(own) == {"sim_binance": Decimal("0.4"), "sim_kraken": Decimal("-0.4")}
    own.run(TRANSFER_S + 1, step_s=10)
    assert (len(own.rows(outcomes)), _held(own)) == (1, {})
    own.sound()


def test_nothing_filled_leaves_nothing_to_do(ledger: Ledger) -> None:
    own = pit(ledger)
    own.book(HERE, 100.1, 100.2)
    own.book(THERE, 101.0, 101.1)
    _execute(own)
    own.run(0.3)
    assert {one.status for one in own.rows(orders)} == {"CANCELLED"}
    assert (len(own.rows(orders)), own.trader.open_trades) == (2, 0)
    assert own.rows(outcomes) == []


def test_a_leg_that_stays_naked_is_an_alarm_and_nothing_new_is_opened(ledger: Ledger) -> None:
    own = pit(ledger, max_naked_s=3)
    own.book(HERE, 99.9, 100.0)
    own.book(THERE, 101.0, 101.1)
    _execute(own)
    own.run(0.05)
    own.empty(HERE)
    own.run(9)
    assert "holds 1.00000000 BTC of one leg alone" in own.trader.alarms[0]
    other = two_hop(own, "other")
    own.trader.offer([other])
    assert "an earlier arbitrage is not whole" in own.trader.execute(other.id, "test").reason
    own.book(HERE, 98.0, 98.1)
    own.run(8)
    assert (own.trader.alarms, _held(own)) == ((), {})
    assert len(own.rows(orders)) < 20
    own.sound()


def test_an_unwinding_that_is_on_its_way_is_not_taken_back_however_long_the_leg_was_alone(ledger: Ledger) -> None:
    own = pit(ledger, max_naked_s=3)
    own.book(HERE, 99.9, 100.0)
    own.book(THERE, 101.0, 101.1)
    _execute(own)
    own.run(0.05)
    own.empty(HERE)
    own.run(9)
    assert own.trader.alarms
    own.book(HERE, 98.0, 98.1)
    own.run(4, step_s=0.02)  # looks more often than an order takes to arrive
    assert (own.trader.alarms, _held(own)) == ((), {})
    own.sound()


def test_a_restart_unwinds_and_brings_what_the_process_before_left(ledger: Ledger) -> None:
    first = pit(ledger)
    first.book(HERE, 99.9, 100.0)
    first.book(THERE, 102.0, 102.1)
    _execute(first)
    first.run(0.2)
    second = pit(ledger, now_ns=first.clock.now_ns() + 700 * 10**9)
    assert second.trader.open_trades == 0
    assert (len(second.rows(outcomes)), _held(second)) == (1, {})
    second.sound()


def test_a_lone_leg_waits_for_the_terms_of_its_venue_and_is_not_left_naked(ledger: Ledger) -> None:
    first = pit(ledger)
    first.book(HERE, 99.9, 100.0)
    first.book(THERE, 101.0, 101.1)
    _execute(first)
    first.run(0.05)  # and dies with the unwinding order on its way
    second = pit(ledger, now_ns=first.clock.now_ns(), known=())
    second.run(7)
    assert [one.status for one in second.rows(orders)] == ["FILLED", "CANCELLED", "CANCELLED"]
    assert second.trader.open_trades == 1
    second.trader.enlist([HERE])
    second.book(HERE, 99.9, 100.0)
    second.run(20, step_s=0.1)  # longer than a quote may be old that an entry rests on
    assert (second.trader.open_trades, _held(second)) == (0, {})
    second.sound()


def test_an_unwinding_rests_on_a_book_that_has_not_changed_for_a_while(ledger: Ledger) -> None:
    own = pit(ledger)
    own.book(HERE, 99.9, 100.0)
    own.clock.advance(4.9)
    own.book(THERE, 101.0, 101.1)
    _execute(own)
    own.clock.advance(0.5)
    own.run(0.3)
    assert (own.trader.open_trades, _held(own)) == (0, {})


def test_a_restart_before_anything_was_sent_leaves_nothing_behind(ledger: Ledger) -> None:
    first = pit(ledger)
    first.book(HERE, 99.9, 100.0)
    first.book(THERE, 102.0, 102.1)
    first.trader._oms.send = _killed  # type: ignore[method-assign]
    found = two_hop(first)
    first.trader.offer([found])
    with pytest.raises(KeyboardInterrupt):
        first.trader.execute(found.id, "test")
    assert {one.status for one in first.rows(orders)} == {"PENDING"}
    second = pit(ledger, now_ns=first.clock.now_ns() + 5 * 10**9)
    assert {one.status for one in second.rows(orders)} == {"REJECTED"}
    second.trader.offer([found])
    assert second.trader.execute(found.id, "test").reason == "it was traded before"
    assert second.trader.open_trades == 0


def _killed(order_id: str) -> object:
    raise KeyboardInterrupt


def test_dice_earn_what_they_say_at_the_documents_example(ledger: Ledger) -> None:
    own = pit(ledger, fill_model="stochastic")
    for number in range(5):
        own.book(HERE, 99.9, 100.0)
        own.book(THERE, 102.0, 102.1)
        found = two_hop(own, f"dice {number}", profit=1.2550)
        own.trader.offer([found])
        decided = own.trader.execute(found.id, "test").decision_id
        own.run(0.2)
        (outcome,) = [one for one in own.rows(outcomes) if one.decision_id == decided]
        assert Decimal("1.0667") < outcome.pnl < Decimal("1.2551")
    assert {one.portfolio for one in own.rows(outcomes)} == {"stochastic"}
    own.sound()


def test_equity_moves_with_the_market_and_adds_up(ledger: Ledger) -> None:
    own = pit(ledger, mark_s=1)
    own.book(HERE, 99.9, 100.0)
    own.book(THERE, 102.0, 102.1)
    _execute(own)
    own.run(0.5)
    own.book(HERE, 102.0, 102.1)
    own.run(2)
    worths = own.rows(equity)
    assert worths[0].equity == Decimal(100_000)
    assert len({one.equity for one in worths}) > 2
    with ledger.read() as connection:
        worth = value(connection, "paper").worth
    assert worth.equity == worths[-1].equity
    assert own.rows(decisions)[0].mode == "paper"
