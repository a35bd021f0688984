"""From an opportunity to a decision: every stage is told, nothing trades twice, and the rule trades what it may."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.trade.pit import HERE, THERE, Pit, pit, signal, two_hop
from tests.trade.trading import LOOSE, NOW
from trifecta.clock import NS_PER_S
from trifecta.decide import auto, halt
from trifecta.decide.judge import Closed, Context, Judgement
from trifecta.errors import DataError
from trifecta.scan.opportunity import ArbitragePlan, Engine, Opportunity, RouteType, Verdict
from trifecta.settings import Settings, TradeSettings
from trifecta.trade import requests
from trifecta.trade.judging import judges
from warehouse.ledger import Ledger, decision_stages, decisions, execution_requests, orders, outcomes

HOUR_S = 3600


class Says:
    """A judge that always says the same and remembers what it was shown."""

    def __init__(self, name: str, passes: bool) -> None:
        self.name = name
        self._passes = passes
        self.shown: list[Context] = []

    def judge(self, opportunity: Opportunity, context: Context) -> Judgement:
        self.shown.append(context)
        return Judgement(self._passes, "act" if self._passes else "leave it", "", 0.75, {"state": "calm"})


def _market(own: Pit) -> None:
    own.book(HERE, 99.9, 100.0)
    own.book(THERE, 102.0, 102.1)


def test_a_decision_holds_its_inputs_and_what_each_stage_said(ledger: Ledger) -> None:
    first, second = Says("ensemble", True), Says("agent", True)
    own = pit(ledger, judges={Engine.ARBITRAGE: (first, second)})
    for _ in range(3):
        _market(own)
        own.clock.advance(1)
    found = two_hop(own)
    own.trader.offer([found])
    assert own.trader.execute(found.id, "a person").verdict == "approved"
    (decided,) = own.rows(decisions)
    inputs = json.loads(decided.inputs)
    assert (decided.trigger, decided.engine, inputs["opportunity"]["id"]) == ("a person", "arbitrage", found.id)
    assert first.shown[0].mids.tolist() == inputs["context"]["mids"] == [99.95] * 4
    stages = sorted(own.rows(decision_stages), key=lambda stage: stage.seq)
    assert [(one.stage, one.verdict) for one in stages] == [
        ("proposal", "orders"), ("ensemble", "act"), ("agent", "act"), ("risk", "approved"),
    ]  # fmt: skip
    assert json.loads(stages[1].detail) == {"state": "calm", "confidence": 0.75}


def test_what_a_judge_does_not_let_pass_is_skipped_and_the_next_is_not_asked(ledger: Ledger) -> None:
    never = Says("agent", True)
    own = pit(ledger, judges={Engine.ARBITRAGE: (Says("ensemble", False), never)})
    _market(own)
    found = two_hop(own)
    own.trader.offer([found])
    answer = own.trader.execute(found.id, "test")
    assert (answer.verdict, answer.reason) == ("skipped", "ensemble: leave it")
    assert (never.shown, own.rows(orders)) == ([], [])
    assert [one.verdict for one in own.rows(decisions)] == ["skipped"]
    assert [one.stage for one in own.rows(decision_stages)] == ["proposal", "ensemble"]


@pytest.mark.parametrize("route", [RouteType.CROSS_CHAIN, RouteType.TWO_HOP])
def test_what_cannot_be_traded_is_skipped_and_says_why(ledger: Ledger, route: RouteType) -> None:
    own = pit(ledger)
    found = two_hop(own)
    assert isinstance(found.plan, ArbitragePlan)
    legs = tuple(replace(leg, venue="sim_nowhere") for leg in found.plan.legs)
    found = replace(found, plan=replace(found.plan, route=route, legs=legs))
    own.trader.offer([found])
    answer = own.trader.execute(found.id, "test")
    assert answer.verdict == "skipped"
    assert ("nowhere" if route is RouteType.TWO_HOP else "not traded") in answer.reason


def test_a_trader_that_sees_no_book_of_a_leg_sends_nothing(ledger: Ledger) -> None:
    own = pit(ledger)
    own.book(HERE, 99.9, 100.0)
    found = two_hop(own)
    own.trader.offer([found])
    assert "BTC/USDT at sim_kraken: its book is not seen now" in own.trader.execute(found.id, "test").reason
    assert own.rows(orders) == []


def test_an_opportunity_trades_once_however_often_it_is_asked_for(ledger: Ledger) -> None:
    own = pit(ledger)
    _market(own)
    found = two_hop(own)
    own.trader.offer([found])
    first = own.trader.execute(found.id, "test")
    own.run(0.3)
    again = own.trader.execute(found.id, "test")
    own.trader.offer([])
    assert (again.verdict, again.decision_id) == ("approved", first.decision_id)
    assert own.trader.execute(found.id, "test").decision_id == first.decision_id
    assert (len(own.rows(orders)), len(own.rows(decisions))) == (2, 1)


def test_what_has_ended_or_never_was_is_gone(ledger: Ledger) -> None:
    own = pit(ledger)
    _market(own)
    found = two_hop(own)
    own.trader.offer([found])
    own.clock.advance(2.5)
    answer = own.trader.execute(found.id, "test")
    assert (answer.verdict, answer.reason) == (
        "gone",
        "opportunity 'arbitrage-a' ended 0.5 s ago: its quotes are too old",
    )
    assert "not offered" in own.trader.execute("arbitrage-nothing", "test").reason
    assert own.rows(decisions) == []


def test_a_halt_refuses_and_is_told(ledger: Ledger) -> None:
    own = pit(ledger)
    _market(own)
    halt.halt(ledger, "a person looks", "person", NOW)
    found = two_hop(own)
    own.trader.offer([found])
    answer = own.trader.execute(found.id, "test")
    assert (answer.verdict, answer.reason) == ("refused", "halted: halted by person: a person looks")
    assert own.rows(orders) == []


def _loss(own: Pit, name: str) -> str:
    """A decision that buys here, sells nothing there, and sells back cheaper."""
    own.book(HERE, 99.9, 100.0)
    own.book(THERE, 101.0, 101.1)
    found = two_hop(own, name)
    own.trader.offer([found])
    verdict = own.trader.execute(found.id, "test").verdict
    own.run(0.4)
    return verdict


def test_five_losses_stop_trading_for_an_hour_and_a_restart_changes_neither(ledger: Ledger) -> None:
    own = pit(ledger)
    assert [_loss(own, f"loss {number}") for number in range(6)] == ["approved"] * 5 + ["refused"]
    assert all(one.pnl < 0 for one in own.rows(outcomes))
    assert own.rows(decisions)[-1].reason.startswith("cooldown: 5 losses in a row")
    until_ns = max(one.closed_at for one in own.rows(outcomes)) + HOUR_S * NS_PER_S
    again = pit(ledger, now_ns=until_ns - NS_PER_S)
    assert _loss(again, "too early") == "refused"
    again.clock.advance(1)
    assert _loss(again, "after an hour") == "approved"
    again.sound()


def test_whoever_learns_is_told_of_an_outcome_once(ledger: Ledger) -> None:
    told: list[Closed] = []
    own = pit(ledger, learn=lambda _, closed: told.append(closed))
    _loss(own, "a")
    own.run(20, step_s=1)
    assert [(one.engine, one.pnl) for one in told] == [("arbitrage", own.rows(outcomes)[0].pnl)]


def _rule_on(ledger: Ledger) -> None:
    auto.turn(ledger, True, "tried on paper", "person", NOW)


def test_the_rule_trades_nothing_until_it_is_switched_on(ledger: Ledger) -> None:
    own = pit(ledger)
    _market(own)
    assert own.trader.offer([two_hop(own)]) == []
    _rule_on(ledger)
    assert [one.verdict for one in own.trader.offer([two_hop(own)])] == ["approved"]
    assert own.rows(decisions)[0].trigger == "rule"


def test_the_rule_is_what_the_settings_say(ledger: Ledger) -> None:
    own = pit(ledger)
    _rule_on(ledger)
    _market(own)
    dull = two_hop(own, "dull", profit=50.0)
    risky = two_hop(own, "risky", risk=30.0)
    unsure = replace(two_hop(own, "unsure"), verdict=Verdict.CONSIDER)
    assert own.trader.offer([dull, risky, unsure]) == []
    chosen = own.trader.offer([dull, two_hop(own, "good"), signal(own)])
    assert [one.verdict for one in chosen] == ["approved", "skipped"]
    assert chosen[1].reason == "EURUSD at sim_mt5_trifecta: its book is not seen now"
    others = pit(ledger, auto={"engines": ["forex"]})
    assert others.trader.offer([two_hop(others, "other")]) == []


def test_the_rule_asks_for_an_opportunity_once(ledger: Ledger) -> None:
    own = pit(ledger, limits=LOOSE.model_copy(update={"position_share": Decimal("0.0001")}))
    _rule_on(ledger)
    _market(own)
    assert [one.verdict for one in own.trader.offer([two_hop(own)])] == ["refused"]
    assert own.trader.offer([two_hop(own)]) == []
    assert pit(ledger).trader.offer([two_hop(own)]) == []


def test_the_switch_wants_a_reason(ledger: Ledger) -> None:
    with pytest.raises(DataError, match="expected 1 to 500 characters"):
        auto.turn(ledger, True, " ", "person", NOW)
    _rule_on(ledger)
    assert auto.turn(ledger, True, "again", "other", NOW).reason == "tried on paper"
    assert auto.turn(ledger, False, "enough", "other", NOW).enabled is False


def test_a_request_is_answered_once_and_says_what_became_of_its_orders(ledger: Ledger) -> None:
    own = pit(ledger)
    _market(own)
    own.trader.offer([two_hop(own)])
    asked = requests.ask(ledger, "paper", "arbitrage-a", "api", own.clock.now_ns())
    assert requests.ask(ledger, "paper", "arbitrage-a", "cli", own.clock.now_ns()) == asked
    assert (requests.reply(ledger, asked).verdict, requests.reply(ledger, asked).is_through) == ("pending", False)
    own.trader.answer_requests()
    assert requests.reply(ledger, asked).is_through is False
    own.run(0.3)
    told = requests.reply(ledger, asked)
    assert (told.verdict, told.is_through, [one.status for one in told.orders]) == ("approved", True, ["FILLED"] * 2)
    own.trader.answer_requests()
    assert (len(own.rows(execution_requests)), len(own.rows(decisions))) == (1, 1)
    with pytest.raises(DataError, match="is not known"):
        requests.reply(ledger, "ask-nothing")


def test_a_request_whose_trader_was_killed_before_it_answered_trades_once(ledger: Ledger) -> None:
    own = pit(ledger)
    _market(own)
    own.trader.offer([two_hop(own)])
    asked = requests.ask(ledger, "paper", "arbitrage-a", "api", own.clock.now_ns())
    own.trader.execute("arbitrage-a", "api")  # and dies before the request is concluded
    after = pit(ledger, now_ns=own.clock.now_ns() + HOUR_S * NS_PER_S)
    after.trader.answer_requests()
    told = requests.reply(ledger, asked)
    assert (told.verdict, told.decision_id) == ("approved", own.rows(decisions)[0].id)
    assert len(after.rows(orders)) == 2


def test_a_request_that_nobody_answered_in_time_trades_nothing(ledger: Ledger) -> None:
    own = pit(ledger)
    asked = requests.ask(ledger, "paper", "arbitrage-a", "api", own.clock.now_ns())
    own.clock.advance(requests.WAITED_S + 1)
    _market(own)
    own.trader.offer([two_hop(own)])
    own.trader.answer_requests()
    told = requests.reply(ledger, asked)
    assert (told.verdict, own.rows(decisions)) == ("gone", [])
    assert "the trader was away" in told.reason


def test_forecasts_are_asked_before_what_outcomes_taught(ledger: Ledger, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, trade=TradeSettings(seed=7))
    own = pit(ledger, judges=judges(settings, ledger))
    own.quote(1.0999, 1.1)
    _market(own)
    own.trader.offer([signal(own), two_hop(own)])
    assert [own.trader.execute(name, "test").verdict for name in ("forex-f", "arbitrage-a")] == ["approved"] * 2
    stages = sorted(own.rows(decision_stages), key=lambda stage: stage.seq)
    asked = {engine: [one.stage for one in stages if one.decision_id == decision] for engine, decision in (
        (row.engine, row.id) for row in own.rows(decisions)
    )}  # fmt: skip
    assert asked == {
        "forex": ["proposal", "direction", "regime", "agent", "risk"],
        "arbitrage": ["proposal", "regime", "agent", "risk"],
    }
