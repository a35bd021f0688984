"""Each limit refuses by its name; state is in the ledger and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Row, select

from tests.trade.trading import BTC, ETH, KRAKEN, LOOSE, NOW, Floor, floor
from trifecta.clock import NS_PER_S, ManualClock
from trifecta.decide import halt
from trifecta.decide.risk import Refused, Rule
from trifecta.settings import LiveSettings
from trifecta.trade.desk import Request, Traded
from warehouse.ledger import Ledger, risk_state

HOUR_S = 3600


def _rule(traded: Traded) -> Rule | None:
    return traded.refused.rule if isinstance(traded.refused, Refused) else None


def _round_trip(own: Floor, name: str, buy: str, sell: str) -> Traded:
    """Buys and sells 1 BTC: one decision with an outcome."""
    own.books.set(BTC, {}, {buy: "9"})
    bought = own.trade(name, own.ask(BTC, "BUY", "1", buy))
    if bought.refused:
        return bought
    own.books.set(BTC, {sell: "9"}, {})
    exit_ = own.ask(BTC, "SELL", "1", sell, reduces=True)
    own.desk.follow(bought.decision_id, Request(name, "paper", "arbitrage", (exit_,), "test"))
    return bought


def _asks(own: Floor) -> None:
    for terms in (BTC, ETH, KRAKEN):
        own.books.set(terms, {"100": "100000"}, {"100": "100000"})


def test_refuses_a_position_above_the_cap(ledger: Ledger) -> None:
    own = floor(ledger, LOOSE.model_copy(update={"position_share": Decimal("0.2")}))
    _asks(own)
    assert _rule(own.trade("a", own.ask(BTC, "BUY", "200.1"))) is Rule.POSITION
    assert _rule(own.trade("b", own.ask(BTC, "BUY", "190"))) is None
    assert _rule(own.trade("c", own.ask(BTC, "BUY", "11"))) is Rule.POSITION
    assert _rule(own.trade("d", own.ask(ETH, "BUY", "100"))) is None


def test_exits_are_let_through_where_entries_are_not(ledger: Ledger) -> None:
    own = floor(ledger, LOOSE.model_copy(update={"position_share": Decimal("0.2"), "daily_trades": 1}))
    _asks(own)
    assert _rule(own.trade("a", own.ask(BTC, "BUY", "150"))) is None
    assert _rule(own.trade("b", own.ask(BTC, "BUY", "1"))) is Rule.DAILY_TRADES
    assert _rule(own.trade("c", own.ask(BTC, "SELL", "150", reduces=True))) is None


def test_refuses_an_asset_and_a_venue_beyond_their_shares(ledger: Ledger) -> None:
    own = floor(ledger, LOOSE.model_copy(update={"asset_share": Decimal("0.3"), "venue_share": Decimal("0.25")}))
    _asks(own)
    assert _rule(own.trade("a", own.ask(BTC, "BUY", "200"))) is None
    assert _rule(own.trade("b", own.ask(KRAKEN, "SELL", "110"))) is Rule.ASSET
    assert _rule(own.trade("c", own.ask(ETH, "BUY", "60"))) is Rule.VENUE


def test_refuses_to_sell_what_is_not_owned_without_margin(ledger: Ledger) -> None:
    own = floor(ledger)
    _asks(own)
    assert _rule(own.trade("a", own.ask(BTC, "SELL", "1"))) is Rule.STOCK
    assert _rule(own.trade("b", own.ask(KRAKEN, "SELL", "1"))) is None


def test_five_losses_stop_trading_for_an_hour_and_a_restart_changes_neither(ledger: Ledger) -> None:
    own = floor(ledger)
    for number in range(5):
        assert _rule(_round_trip(own, f"loss {number}", "100", "99")) is None
    own.books.set(BTC, {}, {"100": "9"})
    assert _rule(own.trade("a", own.ask(BTC, "BUY", "1"))) is Rule.COOLDOWN
    restarted = floor(ledger, clock=ManualClock(NOW + (HOUR_S - 1) * NS_PER_S))
    restarted.books.set(BTC, {}, {"100": "9"})
    assert _rule(restarted.trade("b", restarted.ask(BTC, "BUY", "1"))) is Rule.COOLDOWN
    restarted.clock.advance(1)
    assert _rule(restarted.trade("c", restarted.ask(BTC, "BUY", "1"))) is None
    assert _state(ledger).loss_streak == 0
    assert _state(ledger).cooldown_until is None


def test_a_win_ends_the_streak(ledger: Ledger) -> None:
    own = floor(ledger)
    for number, sell in enumerate(("99", "99", "99", "99", "101", "99")):
        assert _rule(_round_trip(own, str(number), "100", sell)) is None
    assert _state(ledger).loss_streak == 1


def test_a_lost_day_ends_at_midnight_of_the_stated_zone(ledger: Ledger) -> None:
    # 2023-11-14 22:13:20 UTC is already the 15th in Tokyo: its day ends at 15:00 UTC
    own = floor(ledger, LOOSE.model_copy(update={"daily_loss": Decimal(30), "timezone": "Asia/Tokyo"}))
    _round_trip(own, "loss", "100", "65")
    own.books.set(BTC, {}, {"65": "9"})
    assert _rule(own.trade("a", own.ask(BTC, "BUY", "1", "65"))) is Rule.DAILY_LOSS
    own.clock.advance(6 * HOUR_S)
    assert _rule(own.trade("b", own.ask(BTC, "BUY", "1", "65"))) is Rule.DAILY_LOSS
    own.clock.advance(11 * HOUR_S)
    assert _rule(own.trade("c", own.ask(BTC, "BUY", "1", "65"))) is None


def test_a_drawdown_halts_until_a_person_resumes(ledger: Ledger) -> None:
    own = floor(ledger, LOOSE.model_copy(update={"drawdown_share": Decimal("0.1")}), capital="100")
    _round_trip(own, "loss", "50", "39")
    own.books.set(BTC, {}, {"40": "9"})
    assert _rule(own.trade("a", own.ask(BTC, "BUY", "1", "40"))) is Rule.DRAWDOWN
    assert _rule(own.trade("b", own.ask(BTC, "BUY", "1", "40"))) is Rule.HALTED
    halt.resume(ledger, "looked at it", "person", NOW)
    assert _rule(own.trade("c", own.ask(BTC, "BUY", "1", "40"))) is None


@pytest.mark.parametrize(
    ("limits", "rule"),
    [
        ({"orders_per_minute": 1}, Rule.RATE),
        ({"duplicate_s": 2}, Rule.DUPLICATE),
        ({"daily_trades": 1}, Rule.DAILY_TRADES),
    ],
)
def test_the_second_order_is_refused(ledger: Ledger, limits: dict[str, int], rule: Rule) -> None:
    own = floor(ledger, LOOSE.model_copy(update=limits))
    _asks(own)
    assert _rule(own.trade("a", own.ask(BTC, "BUY", "1"))) is None
    assert _rule(own.trade("b", own.ask(BTC, "BUY", "1"))) is rule
    own.clock.advance(86_400)
    assert _rule(own.trade("c", own.ask(BTC, "BUY", "1"))) is None


def test_an_order_that_came_to_nothing_may_be_sent_again_at_once(ledger: Ledger) -> None:
    own = floor(ledger, LOOSE.model_copy(update={"duplicate_s": 2}))
    own.books.set(BTC, {"99": "5"}, {"101": "5"})
    first = own.trade("a", own.ask(BTC, "BUY", "1", price="100"))
    assert [(order.status, order.filled_qty) for order in first.orders] == [("CANCELLED", 0)]
    own.books.set(BTC, {"99": "5"}, {"100": "5"})
    assert _rule(own.trade("b", own.ask(BTC, "BUY", "1", price="100"))) is None
    assert _rule(own.trade("c", own.ask(BTC, "BUY", "1", price="100"))) is Rule.DUPLICATE


@pytest.mark.parametrize(("wait_s", "rule"), [(5, None), (5.1, Rule.STALE), (-1.1, Rule.STALE)])
def test_refuses_a_quote_that_is_stale_or_from_the_future(ledger: Ledger, wait_s: float, rule: Rule | None) -> None:
    own = floor(ledger)
    _asks(own)
    quoted = own.ask(BTC, "BUY", "1")
    own.clock.advance(wait_s)
    assert _rule(own.trade("a", quoted)) is rule


def test_refuses_a_price_far_from_the_mark(ledger: Ledger) -> None:
    own = floor(ledger, LOOSE.model_copy(update={"collar_bps": Decimal(100)}))
    _asks(own)
    assert _rule(own.trade("a", own.ask(BTC, "BUY", "1", price="101.01"))) is Rule.COLLAR
    assert _rule(own.trade("b", own.ask(BTC, "BUY", "1"))) is None
    assert _rule(own.trade("c", own.ask(BTC, "BUY", "1", "98.9"))) is Rule.COLLAR


def _latched(ledger: Ledger) -> Floor:
    own = floor(ledger)
    _asks(own)
    halt.halt(ledger, "a person looks", "person", NOW)
    return own


def test_a_halt_stops_every_new_order_and_survives_a_restart(ledger: Ledger) -> None:
    own = _latched(ledger)
    assert _rule(own.trade("a", own.ask(BTC, "BUY", "1"))) is Rule.HALTED
    again = floor(ledger)
    assert _rule(again.trade("b", again.ask(BTC, "BUY", "1"))) is Rule.HALTED
    halt.resume(ledger, "looked", "person", NOW)
    assert _rule(again.trade("c", again.ask(BTC, "BUY", "1"))) is None


def test_an_order_that_was_approved_before_a_halt_is_not_sent_after_it(ledger: Ledger) -> None:
    own = floor(ledger)
    _asks(own)
    send: Callable[[str], object] = own.oms.send

    def halt_first(order_id: str) -> object:
        halt.halt(ledger, "now", "person", NOW)
        return send(order_id)

    own.oms.send = halt_first  # type: ignore[method-assign, assignment]
    order = own.trade("a", own.ask(BTC, "BUY", "1")).orders[0]
    assert (order.status, order.reason) == ("REJECTED", "halted: now")


def _state(ledger: Ledger) -> Row[Any]:
    with ledger.read() as connection:
        return connection.execute(select(risk_state)).one()


def test_real_money_moves_no_more_than_an_order_and_a_day_may(ledger: Ledger) -> None:
    own = floor(ledger, live=LiveSettings(max_order_notional=Decimal(150), max_daily_notional=Decimal(250)))
    _asks(own)

    def trade(name: str, qty: str, side: str = "BUY", *, reduces: bool = False) -> Traded:
        asked = own.ask(BTC, side, qty, reduces=reduces)
        return own.desk.trade(Request(name, "live", "arbitrage", (asked,), "test", mode="live"))

    assert _rule(trade("a", "1.51")) is Rule.LIVE
    assert _rule(trade("b", "1.5")) is None
    assert _rule(trade("c", "1.01")) is Rule.LIVE
    assert _rule(trade("d", "1.0")) is None
    assert _rule(trade("out", "2.5", "SELL", reduces=True)) is None  # nobody is kept in a position by a cap
    own.clock.advance(86_400)
    _asks(own)
    assert _rule(trade("e", "1")) is None
