"""A forex position ends at its take profit or stop, trails where asked to, and a restart changes nothing."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from tests.trade.pit import Pit, pit, signal
from tests.trade.trading import LOOSE
from trifecta.clock import NS_PER_S
from trifecta.decide import halt
from trifecta.market.events import Quote
from trifecta.scan.opportunity import ForexPlan, Side
from warehouse.ledger import Ledger, exits, orders, outcomes

SPREAD = 0.0001


def _open(own: Pit, side: Side = Side.BUY) -> str:
    own.quote(1.1 - SPREAD, 1.1) if side is Side.BUY else own.quote(1.1, 1.1 + SPREAD)
    found = signal(own, side=side)
    own.trader.offer([found])
    answer = own.trader.execute(found.id, "test")
    assert answer.verdict == "approved", answer
    own.run(0.2)
    return str(answer.decision_id)


def _quoted(own: Pit, *bids: float) -> None:
    for bid in bids:
        own.clock.advance(1)
        own.quote(bid, bid + SPREAD)
        own.run(0.2)


def _ended(own: Pit) -> str:
    (found,) = own.rows(exits)
    return str(found.reason)


@pytest.mark.parametrize(
    ("side", "bids", "why", "pnl"),
    [
        (Side.BUY, (1.1005, 1.1031), "take_profit", "31"),
        (Side.BUY, (1.1005, 1.0975), "stop_loss", "-25"),
        (Side.SELL, (1.1005, 1.0965), "take_profit", "34"),
        (Side.SELL, (1.1005, 1.1021), "stop_loss", "-22"),
    ],
)
def test_a_position_ends_at_the_level_that_is_reached(
    ledger: Ledger, side: Side, bids: tuple[float, ...], why: str, pnl: str
) -> None:
    own = pit(ledger)
    _open(own, side)
    _quoted(own, bids[0])
    assert own.rows(outcomes) == []
    _quoted(own, bids[1])
    assert (_ended(own), own.trader.open_trades) == (why, 0)
    (outcome,) = own.rows(outcomes)
    assert outcome.pnl == Decimal(pnl)
    assert own.rows(orders)[1].reduces
    own.sound()


def test_an_exit_is_filled_at_the_market_it_meets_not_at_its_level(ledger: Ledger) -> None:
    own = pit(ledger)
    _open(own)
    _quoted(own, 1.0950)
    assert own.rows(outcomes)[0].pnl == Decimal(-50)


def test_a_stop_trails_and_never_goes_back(ledger: Ledger) -> None:
    own = pit(ledger, trailing_atr=1.0)
    _open(own)
    _quoted(own, 1.1015)
    assert own.rows(exits)[0].stop_loss == Decimal("1.1005")
    _quoted(own, 1.1008)
    assert own.rows(exits)[0].stop_loss == Decimal("1.1005")
    _quoted(own, 1.1004)
    assert _ended(own) == "stop_loss"
    assert own.rows(outcomes)[0].pnl == Decimal(4)


def test_a_restart_knows_the_trailed_stop(ledger: Ledger) -> None:
    first = pit(ledger, trailing_atr=1.0)
    _open(first)
    _quoted(first, 1.1015)
    second = pit(ledger, now_ns=first.clock.now_ns() + 3600 * NS_PER_S, trailing_atr=1.0)
    assert second.trader.open_trades == 1
    _quoted(second, 1.1003)
    assert (_ended(second), second.trader.open_trades) == ("stop_loss", 0)
    assert len(second.rows(orders)) == 2
    second.sound()


def test_an_exit_that_a_halt_refuses_is_sent_once_it_is_over(ledger: Ledger) -> None:
    own = pit(ledger)
    _open(own)
    halt.halt(ledger, "a person looks", "person", own.clock.now_ns())
    _quoted(own, 1.1031)
    assert len(own.rows(orders)) == 1
    halt.resume(ledger, "looked", "person", own.clock.now_ns())
    _quoted(own, 1.1030)
    own.run(2)
    assert (_ended(own), own.trader.open_trades) == ("take_profit", 0)


def test_a_drawdown_that_halts_lets_positions_be_closed_until_a_person_halts_too(ledger: Ledger) -> None:
    own = pit(ledger)
    _open(own)
    with ledger.begin() as connection:
        halt.latch(connection, "drawdown: 21 %", halt.DRAWDOWN, own.clock.now_ns())
    assert halt.halt(ledger, "a person looks", "person", own.clock.now_ns()).actor == "person"
    _quoted(own, 1.0970)
    assert len(own.rows(orders)) == 1
    halt.resume(ledger, "looked", "person", own.clock.now_ns())
    with ledger.begin() as connection:
        halt.latch(connection, "drawdown: 21 %", halt.DRAWDOWN, own.clock.now_ns())
    _quoted(own, 1.0969)
    own.run(2)
    assert (_ended(own), own.trader.open_trades) == ("stop_loss", 0)
    own.quote(1.0999, 1.1)
    found = signal(own, "next")
    own.trader.offer([found])
    told = own.trader.execute(found.id, "test")
    assert (told.verdict, "halted by risk" in told.reason) == ("refused", True)


def test_an_exit_that_was_killed_before_it_was_sent_is_made_again_once(ledger: Ledger) -> None:
    first = pit(ledger)
    _open(first)
    first.trader._oms.send = _killed  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        _quoted(first, 1.1031)
    second = pit(ledger, now_ns=first.clock.now_ns() + 10 * NS_PER_S)
    _quoted(second, 1.1032)
    assert [one.status for one in second.rows(orders)] == ["FILLED", "REJECTED", "FILLED"]
    assert second.trader.open_trades == 0
    second.sound()


def _killed(order_id: str) -> object:
    raise KeyboardInterrupt


def _yen(own: Pit, bid: float, ask: float) -> None:
    now_ns = own.clock.now_ns()
    own.trader.take(Quote("sim_mt5_trifecta", "USDJPY", now_ns, now_ns, bid, 0.0, ask, 0.0))


def test_a_pair_in_another_currency_is_worth_what_the_market_says(ledger: Ledger) -> None:
    own = pit(ledger)
    found = signal(own)
    assert isinstance(found.plan, ForexPlan)
    levels = replace(found.plan, symbol="USDJPY", entry=150.0, take_profit=150.3, stop_loss=149.8)
    found = replace(found, plan=levels)
    own.trader.offer([found])
    assert "its book is not seen now" in own.trader.execute(found.id, "test").reason
    _yen(own, 149.99, 150.0)
    assert own.trader.execute(found.id, "test").verdict == "approved"
    own.run(0.2)
    _yen(own, 150.3, 150.31)
    own.run(0.2)
    assert Decimal("19.9") < own.rows(outcomes)[0].pnl < Decimal("20.1")  # 3000 JPY
    own.sound()


def test_a_size_above_the_position_cap_is_cut_to_what_it_leaves_room_for(ledger: Ledger) -> None:
    own = pit(ledger, limits=LOOSE.model_copy(update={"position_share": Decimal("0.2")}))
    own.quote(1.1 - SPREAD, 1.1)
    found = signal(own, size=58_000.0)
    own.trader.offer([found])
    assert own.trader.execute(found.id, "test").verdict == "approved"
    assert [one.qty for one in own.rows(orders)] == [Decimal(17_000)]  # lots of 1000 below 20 % of 100 000 at 1.1


def test_dice_end_a_position_at_one_of_its_levels(ledger: Ledger) -> None:
    own = pit(ledger, fill_model="stochastic")
    pnls = set()
    for number in range(12):
        own.quote(1.1 - SPREAD, 1.1)
        found = signal(own, f"dice {number}")
        own.trader.offer([found])
        assert own.trader.execute(found.id, "test").verdict == "approved"
        own.run(0.3)
    pnls = {one.pnl for one in own.rows(outcomes)}
    assert pnls == {Decimal(30), Decimal(-20)}
    own.sound()
