"""Binary signals: a claim counts for what such claims were worth, and our own momentum is such a claim."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.scan.test_reliability import quoted
from trifecta.capture import rows
from trifecta.clock import NS_PER_S, ManualClock
from trifecta.features.indicators import Bars
from trifecta.market.events import BAR, BinarySignal
from trifecta.market.instruments import Instrument
from trifecta.scan import momentum
from trifecta.scan.binary import BinaryFinder, Cell, Reliability, bin_of, opportunity
from trifecta.scan.engines import Engines, read_bars, store
from trifecta.scan.opportunity import BinaryPlan, Direction, Verdict
from trifecta.settings import BinarySettings, load
from warehouse import Lake, session
from warehouse.quality import run_checks

SETTINGS = BinarySettings()
START = 1_723_161_600 * NS_PER_S
VENUE = "sim_mt5_trifecta"


def signalled(probability: float = 0.72, *, source: str = "sim_pocket", ts_recv: int = START) -> BinarySignal:
    return BinarySignal(source, "EURUSD", f"{ts_recv}", ts_recv, ts_recv, 1, probability, 60, 0.85)


def minutes(*closes: float, spread: float = 0.00005) -> Bars:
    close = np.array(closes)
    opens = START + np.arange(len(close)) * 60 * NS_PER_S
    before = np.r_[close[:1], close[:-1]]
    return Bars(opens, opens + 60 * NS_PER_S, before, np.maximum(before, close) + spread,
                np.minimum(before, close) - spread, close)  # fmt: skip


@pytest.mark.parametrize(
    ("cell", "verdict", "told"),
    [
        (Cell(200, 150), Verdict.EXECUTE, "150 of 200"),
        (Cell(200, 125), Verdict.CONSIDER, "below 65%"),
        (Cell(200, 105), Verdict.SKIP, "break-even of 54.1%"),
        (Cell(29, 29), Verdict.SKIP, "30 must be decided"),
        (Cell(0, 0), Verdict.SKIP, "0 of 0"),
    ],
)
def test_a_claim_counts_for_what_such_claims_were_worth(cell: Cell, verdict: Verdict, told: str) -> None:
    known: Reliability = {("sim_pocket", bin_of(0.72)): cell, ("other", bin_of(0.72)): Cell(1000, 1000)}
    one = opportunity(signalled(), known, SETTINGS)
    assert one.verdict is verdict
    assert told in one.reason
    plan = one.plan
    assert isinstance(plan, BinaryPlan)
    assert plan.claimed == 0.72
    assert plan.probability == pytest.approx((cell.won + 10) / (cell.decided + 20))
    assert plan.break_even == pytest.approx(0.5405, abs=1e-4)
    assert one.expected_profit == pytest.approx(plan.stake * (plan.probability * 1.85 - 1))


def test_the_stake_never_follows_a_loss() -> None:
    stakes = {opportunity(signalled(), {("sim_pocket", 14): Cell(100, won)}, SETTINGS).plan.stake for won in range(100)}  # type: ignore[union-attr]
    assert stakes == {SETTINGS.stake}


def test_a_signal_is_offered_once_and_while_it_is_young() -> None:
    finder = BinaryFinder(SETTINGS)
    finder.add(signalled())
    finder.add(signalled())
    (one,) = finder.scan(START)
    assert one.verdict is Verdict.SKIP
    finder.refresh({("sim_pocket", bin_of(0.72)): Cell(200, 150)})
    assert [found.verdict for found in finder.scan(START + NS_PER_S)] == [Verdict.EXECUTE]
    assert finder.scan(START + 16 * NS_PER_S) == []


@pytest.mark.parametrize(
    ("closes", "claimed"),
    [
        ((1.1, 1.1, 1.1, 1.1003), (Direction.CALL, 0.772727)),
        ((1.1, 1.1, 1.1, 1.0997), (Direction.PUT, 0.772727)),
        ((1.1, 1.1, 1.1, 1.1010), (Direction.CALL, 0.85)),
        ((1.1, 1.1, 1.1, 1.1002), None),  # 0.018 %
        ((1.1, 1.1, 1.1, 1.1100), None),  # too wild
        ((1.1, 1.1, 1.1003), None),
    ],
)
def test_momentum_of_four_minutes_is_a_claim(
    closes: tuple[float, ...], claimed: tuple[Direction, float] | None
) -> None:
    found = momentum.claim(minutes(*closes))
    assert found is None if claimed is None else found == (claimed[0], pytest.approx(claimed[1], abs=1e-6))


def stored_minutes(lake: Lake, symbol: str, closes: list[float], version: int = 1) -> int:
    """Puts minutes into the lake; returns when the last one closed."""
    bars = minutes(*closes)
    events = np.zeros(len(bars), BAR)
    for name in ("open", "high", "low", "close"):
        events[name] = np.rint(getattr(bars, name) * 1e5)
    events["ts_open"], events["ts_close"], events["ts_recv"] = bars.ts_open, bars.ts_close, bars.ts_close
    table = rows.bars(VENUE, Instrument(VENUE, symbol, 5, 0), events)
    lake.append("bars", table, writer=f"{symbol}{version}", version=version)
    return int(bars.ts_close[-1])


@pytest.fixture
def engines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engines:
    monkeypatch.chdir(tmp_path)
    return Engines(load(data_dir=tmp_path / "data"), ManualClock(START + 4 * 60 * NS_PER_S + NS_PER_S))


def test_our_own_signals_are_stored_once_and_judged_like_any(engines: Engines, tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "data" / "lake"))
    stored_minutes(lake, "EURUSD", [1.1, 1.1, 1.1, 1.1003])
    stored_minutes(lake, "GBPUSD", [1.1, 1.1, 1.1, 1.1])
    (own,) = engines.refresh()
    assert engines.refresh() == []
    again = Engines(load(data_dir=tmp_path / "data"), ManualClock(START + 4 * 60 * NS_PER_S + 2 * NS_PER_S))
    assert again.refresh() == []  # nor are they made anew after a restart
    assert (own.venue, own.symbol, own.direction, own.expiry_s) == ("sim_momentum", "EURUSD", 1, 60)
    quoted(lake, {240: 1.1, 301: 1.2, 302: 1.2})
    with session(lake) as connection:
        assert connection.execute("select venue, won from binary_outcomes").fetchall() == [("sim_momentum", True)]
        assert [check.name for check in run_checks(connection) if check.rows] == []
    engines.refresh()
    engines.binary.add(own)
    (one,) = engines.binary.scan(own.ts_recv)
    assert "1 of 1 such signals won" in one.reason


def test_old_minutes_and_minutes_with_a_hole_say_nothing(engines: Engines, tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "data" / "lake"))
    stored_minutes(lake, "EURUSD", [1.1, 1.1, 1.1003])  # they closed a minute ago
    assert engines.refresh() == []


def test_bars_are_read_by_instrument(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "lake"))
    stored_minutes(lake, "EURUSD", [1.1, 1.2])
    stored_minutes(lake, "USDJPY", [1.3, 1.4, 1.5])
    with session(lake) as connection:
        found = read_bars(connection, "1m", 0)
        assert {market: bars.close.tolist() for market, bars in found.items()} == {
            (VENUE, "EURUSD"): [1.1, 1.2],
            (VENUE, "USDJPY"): [1.3, 1.4, 1.5],
        }
        assert read_bars(connection, "15m", 0) == {}
        assert len(read_bars(connection, "1m", START + 60 * NS_PER_S)[VENUE, "USDJPY"]) == 2


def test_the_same_version_stores_nothing_twice(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "lake"))
    assert [store(lake, [signalled()], writer="w", version=7) for _ in range(2)] == [1, 0]
