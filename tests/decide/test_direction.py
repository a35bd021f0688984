"""The direction stage: no say without a champion, a confidence with one, nothing of what comes later."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import pytest

from tests.forecast import tiny_direction as tiny
from tests.forecast.ways import SYMBOL, VENUE, driven, land
from trifecta.clock import NS_PER_S
from trifecta.decide.direction import AGREES, BLIND, DISAGREES, NO_SAY, DirectionJudge
from trifecta.decide.judge import Context, Judge, Judgement
from trifecta.forecast import registry
from trifecta.forecast.direction.bars import MEMORY
from trifecta.forecast.series import Series
from trifecta.scan.forex import break_even
from trifecta.scan.opportunity import BinaryPlan, Cost, Direction, Engine, ForexPlan, Opportunity, Side, Verdict
from warehouse.lake import Lake
from warehouse.ledger import Ledger

BARS = tiny.STEPS + MEMORY + 20


@dataclass
class Bench:
    """A lake, a ledger and the judge on them."""

    folder: Path
    lake: Lake
    ledger: Ledger
    series: Series
    judge: Judge

    def champion(self, shares: tuple[float, float, float], **changed: object) -> str:
        written = tiny.version(self.folder / "models", shares, **changed)
        made = registry.register(self.ledger, self.folder, written, tiny.CREATED_NS)
        return registry.promote(self.ledger, self.folder, made.version, tiny.CREATED_NS).version

    def ask(self, side: Side = Side.BUY, *, bars: int = BARS, now_ns: int | None = None) -> Judgement:
        """Of a plan that rests on the bar before number `bars`, asked a second later."""
        closed = int(self.series.ends_s[bars - 1]) * NS_PER_S
        context = Context(now_ns or closed + NS_PER_S, np.empty(0))
        return self.judge.judge(opportunity(side, closed), context)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    lake, series = Lake(str(tmp_path / "lake")), driven(BARS + 40, 1, law=False)
    land(lake, series, 0, BARS + 40)
    with Ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        ledger.migrate()
        yield Bench(tmp_path, lake, ledger, series, DirectionJudge(lake, ledger, tmp_path))


def opportunity(side: Side, closed_ns: int, *, commission: float = 0.0) -> Opportunity:
    """Stop loss 20, take profit 30 pips away: 40 % of wins pay without a commission."""
    sign = 1 if side is Side.BUY else -1
    plan = ForexPlan(
        venue=VENUE,
        symbol=SYMBOL,
        side=side,
        strength=50.0,
        entry=1.1,
        take_profit=1.1 + sign * 0.003,
        stop_loss=1.1 - sign * 0.002,
        risk_reward=1.5,
        size=10_000.0,
        rsi=25.0,
        sma_short=1.1,
        sma_long=1.1,
        atr=0.001,
    )
    return Opportunity(
        id="forex-1",
        engine=Engine.FOREX,
        ts_first=closed_ns,
        ts=closed_ns,
        ts_expiry=closed_ns + 900 * NS_PER_S,
        verdict=Verdict.EXECUTE,
        reason="",
        risk_score=10.0,
        expected_profit=1.0,
        costs=(Cost("commission", commission),),
        simulated=True,
        plan=plan,
    )


def test_without_a_model_the_ensemble_has_no_say_and_says_why(bench: Bench) -> None:
    said = bench.ask()
    assert (said.passes, said.verdict, said.confidence) == (True, NO_SAY, None)
    assert said.reason == f"no model has earned its place: none was trained for {VENUE} {SYMBOL}"


def test_refused_model_has_no_say_and_the_stage_tells_what_it_failed(bench: Bench) -> None:
    written = tiny.version(bench.folder / "models", passed=False)
    registry.register(bench.ledger, bench.folder, written, tiny.CREATED_NS)
    said = bench.ask()
    assert (said.passes, said.confidence) == (True, None)
    assert f"{written.name} is refused: NOT MET: log loss of tiny" in said.reason


def test_champion_passes_the_side_that_it_finds_likely_enough_and_stops_the_other(bench: Bench) -> None:
    version = bench.champion((0.2, 0.2, 0.6))
    bought, sold = bench.ask(Side.BUY), bench.ask(Side.SELL)
    assert (bought.passes, bought.verdict) == (True, AGREES)
    assert bought.confidence == pytest.approx(0.6, abs=1e-5)
    assert (sold.passes, sold.verdict) == (False, DISAGREES)
    assert sold.confidence == pytest.approx(0.2, abs=1e-5)
    assert "20.0%, 40.0% is needed to pay" in sold.reason
    assert bought.detail["version"] == version
    assert bought.detail["break_even"] == pytest.approx(0.4)
    assert msgspec.json.decode(msgspec.json.encode(bought.detail)) == bought.detail


def test_break_even_follows_from_the_plans_distances_and_its_commission() -> None:
    assert break_even(opportunity(Side.SELL, 0)) == pytest.approx(0.4)
    assert break_even(opportunity(Side.BUY, 0, commission=5.0)) == pytest.approx(25 / 50)
    yen = opportunity(Side.BUY, 0)
    plan = msgspec.structs.replace(
        yen.plan, symbol="USDJPY", entry=150.0, take_profit=150.3, stop_loss=149.8, size=1000.0
    )
    costly = msgspec.structs.replace(yen, plan=plan, costs=(Cost("commission", 1.0),))
    assert break_even(costly) == pytest.approx((200 / 150 + 1) / (500 / 150))


def test_what_closes_after_now_is_not_seen(bench: Bench, tmp_path: Path) -> None:
    bench.champion((1 / 3, 1 / 3, 1 / 3), graphs={"model.onnx": tiny.graph((1 / 3, 1 / 3, 1 / 3), sway=3.0)})
    known = bench.ask()
    alone = Lake(str(tmp_path / "alone"))
    land(alone, bench.series, 0, BARS)
    bench.judge = DirectionJudge(alone, bench.ledger, bench.folder)
    assert bench.ask() == known
    later = bench.ask(bars=BARS - 5, now_ns=int(bench.series.ends_s[BARS - 1]) * NS_PER_S)
    assert later.confidence == known.confidence
    before = bench.ask(bars=BARS - 5)
    assert before.confidence != known.confidence


def test_champion_that_cannot_see_the_plans_bar_lets_nothing_pass(bench: Bench, tmp_path: Path) -> None:
    bench.champion((0.2, 0.2, 0.6))
    short = bench.ask(bars=tiny.STEPS + MEMORY - 1)
    assert (short.passes, short.verdict, short.confidence) == (False, BLIND, None)
    assert short.reason == f"the lake holds {tiny.STEPS + MEMORY - 1} closed M15 bars, {tiny.STEPS + MEMORY} are needed"
    behind = Lake(str(tmp_path / "behind"))
    land(behind, bench.series, 0, BARS - 2)
    bench.judge = DirectionJudge(behind, bench.ledger, bench.folder)
    said = bench.ask()
    assert (said.passes, said.verdict) == (False, BLIND)
    assert "ends 1800 s before the one that the plan rests on" in said.reason


def test_damaged_champion_has_no_say(bench: Bench) -> None:
    version = bench.champion((0.2, 0.2, 0.6))
    path = bench.folder / "models" / version / "model.onnx"
    path.write_bytes(path.read_bytes()[:-9])
    said = bench.ask()
    assert (said.passes, said.verdict, said.confidence) == (True, NO_SAY, None)
    assert "model.onnx has SHA-256" in said.reason


def test_promotion_takes_effect_with_the_next_plan(bench: Bench) -> None:
    bench.champion((0.2, 0.2, 0.6))
    assert bench.ask().passes
    bench.champion((0.6, 0.2, 0.2))
    assert not bench.ask().passes


def test_other_engines_plans_pass_unasked(bench: Bench) -> None:
    plan = BinaryPlan("s", "EURUSD", Direction.CALL, 0.7, 0.7, 0.54, 0.85, 100.0, 60)
    binary = msgspec.structs.replace(opportunity(Side.BUY, 0), engine=Engine.BINARY, plan=plan)
    said = bench.judge.judge(binary, Context(1, np.empty(0)))
    assert (said.passes, said.confidence) == (True, None)
