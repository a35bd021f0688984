"""Forex signals on recorded and made-up bars: TA-Lib's figures, no look into the future, honest verdicts."""

from __future__ import annotations

import csv
import gzip
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import talib
from hypothesis import given, settings
from hypothesis import strategies as st

from trifecta.clock import NS_PER_S
from trifecta.features.indicators import Bars, Floats, indicators
from trifecta.market.events import Quote
from trifecta.scan import forex
from trifecta.scan.forex import BAR_S, WINDOW, ForexFinder, Record, opportunity, record, signal
from trifecta.scan.opportunity import ForexPlan, Opportunity, Side, Verdict
from trifecta.settings import ForexSettings
from trifecta.trade import catalogue

SETTINGS = ForexSettings()
START = 1_723_161_600 * NS_PER_S


def bars_of(close: Floats, high: Floats | None = None, low: Floats | None = None) -> Bars:
    opens = START + np.arange(len(close)) * BAR_S * NS_PER_S
    before = np.r_[close[:1], close[:-1]]
    high = np.maximum(before, close) + 0.0002 if high is None else high
    low = np.minimum(before, close) - 0.0002 if low is None else low
    return Bars(opens, opens + BAR_S * NS_PER_S, before, high, low, close)


def walk(count: int, seed: int = 7) -> Bars:
    steps = np.random.default_rng(seed).normal(0, 0.0006, count)
    return bars_of(1.1 * np.exp(np.cumsum(steps)))


@pytest.fixture(scope="module")
def eurusd(recorded: Path) -> Bars:
    """A year of recorded M15 bids."""
    with gzip.open(recorded / "no_license_file" / "fx_m15_bid" / "EURUSD_M15.csv.gz", "rt") as source:
        rows = list(csv.reader(source))[1:]
    opens = np.array([round(datetime.fromisoformat(row[0]).timestamp()) * NS_PER_S for row in rows], np.int64)
    prices = np.array([row[1:5] for row in rows], np.float64)
    return Bars(opens, opens + BAR_S * NS_PER_S, *np.ascontiguousarray(prices.T))


def wilder(values: Floats, length: int, first: float) -> Floats:
    """Wilder's smoothing from its definition, for comparison."""
    smoothed = [first]
    for value in values:
        smoothed.append((smoothed[-1] * (length - 1) + value) / length)
    return np.array(smoothed)


def test_indicators_equal_their_definitions_on_recorded_bars(eurusd: Bars) -> None:
    found = indicators(eurusd)
    change = np.diff(eurusd.close)
    gain = wilder(np.maximum(change[14:], 0), 14, np.maximum(change[:14], 0).mean())
    loss = wilder(np.maximum(-change[14:], 0), 14, np.maximum(-change[:14], 0).mean())
    assert found.rsi[14:] == pytest.approx(100 * gain / (gain + loss), abs=1e-7)
    for length, column in ((20, found.sma_short), (50, found.sma_long)):
        means = np.convolve(eurusd.close, np.ones(length) / length, "valid")
        assert column[length - 1 :] == pytest.approx(means, abs=1e-9)
    true_range = np.maximum(eurusd.high[1:], eurusd.close[:-1]) - np.minimum(eurusd.low[1:], eurusd.close[:-1])
    assert found.atr[14:] == pytest.approx(wilder(true_range[14:], 14, true_range[:14].mean()), abs=1e-9)
    assert np.isnan(found.rsi[:14]).all()


def test_a_signals_figures_are_ta_libs_of_its_window(eurusd: Bars) -> None:
    compared = 0
    for end in range(WINDOW, 3000):
        seen = signal(eurusd[:end])
        if seen is None:
            continue
        compared += 1
        window = eurusd[end - WINDOW : end]
        close, high, low = (np.ascontiguousarray(column) for column in (window.close, window.high, window.low))
        assert seen.rsi == talib.RSI(close, 14)[-1]
        assert (seen.sma_short, seen.sma_long) == (talib.SMA(close, 20)[-1], talib.SMA(close, 50)[-1])
        assert seen.atr == talib.ATR(high, low, close, 14)[-1]
    assert compared > 50


@given(seed=st.integers(0, 10_000), scale=st.floats(0.5, 2.0), at=st.integers(WINDOW, 399))
@settings(max_examples=60, deadline=None, derandomize=True, database=None)
def test_no_signal_changes_when_later_bars_change(seed: int, scale: float, at: int) -> None:
    known = walk(400, seed)
    changed = bars_of(np.r_[known.close[:at], known.close[at:] * scale])
    assert signal(known[:at]) == signal(changed[:at])
    full, other = indicators(known), indicators(changed)
    for column, second in zip(full, other, strict=True):
        assert np.array_equal(column[:at], second[:at], equal_nan=True)


def test_the_record_of_the_past_does_not_change_with_what_comes(eurusd: Bars) -> None:
    early, late = record(eurusd[:1500], 0.0001), record(eurusd[:3000], 0.0001)
    assert 0 < early.decided < late.decided
    assert early.won <= late.won


def test_each_of_the_windows_bars_counts_and_none_before_it(eurusd: Bars) -> None:
    found = [end for end in range(WINDOW, 1500) if signal(eurusd[:end])]
    assert [end for end in range(WINDOW, 1500) if signal(eurusd[end - WINDOW : end])] == found
    assert signal(eurusd[: WINDOW - 1]) is None


def falling() -> Bars:
    """A fall after a rise: overdone, with the longer trend still up."""
    rise = np.linspace(1.0900, 1.1100, 90)
    return bars_of(np.r_[rise, rise[-1] - np.linspace(0.0015, 0.018, 12)])


def quote(bid: float, spread: float = 0.0001, ts_recv: int = 0) -> Quote:
    return Quote("sim_mt5_trifecta", "EURUSD", ts_recv, ts_recv, bid, 0.0, bid + spread, 0.0)


def found(past: Record, spread: float = 0.0001, **changed: object) -> Opportunity:
    bars = falling()
    seen = signal(bars)
    assert seen is not None
    now = int(bars.ts_close[-1]) + NS_PER_S
    chosen = SETTINGS.model_copy(update=changed)
    return opportunity(quote(float(bars.close[-1]), spread, now), bars, seen, past, now, chosen)


def test_an_overdone_fall_is_bought_and_its_mirror_sold() -> None:
    bars = falling()
    seen = signal(bars)
    mirrored = signal(
        Bars(bars.ts_open, bars.ts_close, 2.2 - bars.open, 2.2 - bars.low, 2.2 - bars.high, 2.2 - bars.close)
    )
    assert seen is not None
    assert mirrored is not None
    assert (seen.side, mirrored.side) == (Side.BUY, Side.SELL)
    assert mirrored.rsi == pytest.approx(100 - seen.rsi)
    assert mirrored.strength == pytest.approx(seen.strength)
    assert 0 < seen.strength <= 100


def test_stops_stand_by_atr_from_the_price_paid_and_size_by_risk() -> None:
    one = found(Record(100, 60))
    plan = one.plan
    assert isinstance(plan, ForexPlan)
    assert plan.entry - plan.stop_loss == pytest.approx(2 * plan.atr)
    assert plan.take_profit - plan.entry == pytest.approx(3 * plan.atr)
    assert plan.risk_reward == pytest.approx(1.5)
    risked = (plan.entry - plan.stop_loss) * plan.size
    assert 0.9 * 100 < risked <= 100
    assert plan.size % 1000 == 0
    assert {cost.name: cost.amount for cost in one.costs} == {
        "spread": pytest.approx(0.0001 * plan.size),
        "commission": 0.0,
    }
    assert one.simulated


def test_the_commission_is_what_both_fills_will_be_charged() -> None:
    one = found(Record(100, 60), commission_per_lot=3.5)
    plan = one.plan
    assert isinstance(plan, ForexPlan)
    terms = catalogue.forex(plan.venue, plan.symbol, 3.5)
    assert terms is not None
    charged = 2 * float(terms.taker_fee) * plan.size  # of a price of about 1
    (told,) = (cost.amount for cost in one.costs if cost.name == "commission")
    assert told == pytest.approx(charged, rel=1e-6)


@pytest.mark.parametrize(
    ("past", "spread", "changed", "verdict", "told"),
    [
        (Record(100, 60), 0.0001, {"execute_strength": 10}, Verdict.EXECUTE, "60 of 100"),
        (Record(100, 60), 0.0001, {"execute_strength": 99}, Verdict.CONSIDER, "below 99"),
        (Record(100, 40), 0.0001, {}, Verdict.SKIP, "does not pay"),
        (Record(100, 45), 0.0001, {}, Verdict.CONSIDER, "may be luck"),
        (Record(100, 60), 0.0001, {"commission_per_lot": 500}, Verdict.SKIP, "does not pay"),
        (Record(5, 5), 0.0001, {}, Verdict.CONSIDER, "only 5 earlier"),
        (Record(100, 60), 0.01, {}, Verdict.SKIP, "spread"),
        (Record(100, 60), 0.0001, {"capital": 10.0}, Verdict.SKIP, "smallest size"),
    ],
)
def test_the_verdict_tells_its_reason(
    past: Record, spread: float, changed: dict[str, object], verdict: Verdict, told: str
) -> None:
    one = found(past, spread, **changed)
    assert one.verdict is verdict
    assert told in one.reason
    assert 0 <= one.risk_score <= 100


def test_without_a_record_a_signal_is_worth_what_a_coin_is() -> None:
    one = found(Record())
    assert one.expected_profit == pytest.approx(0.0, abs=1e-9)
    assert Record(100, 40).chance == pytest.approx(0.4)
    assert Record(10_000, 6_000).chance == pytest.approx(0.6, abs=1e-3)


def test_outcomes_of_the_past_are_counted_stop_first() -> None:
    base = falling()
    rising = np.r_[base.close, base.close[-1] + np.linspace(0.002, 0.03, 15)]
    sinking = np.r_[base.close, base.close[-1] - np.linspace(0.002, 0.03, 15)]
    won, lost = record(bars_of(rising), 0.0001), record(bars_of(sinking), 0.0001)
    assert won.won >= 1
    assert lost.won == 0
    assert lost.decided >= 1
    both = bars_of(np.r_[base.close, base.close[-1:]])
    both.high[-1], both.low[-1] = 2.0, 0.5
    assert record(both, 0.0001).won == 0


def test_the_engine_offers_a_signal_while_its_bar_is_the_newest_and_its_quote_young() -> None:
    bars, market = falling(), ("sim_mt5_trifecta", "EURUSD")
    finder = ForexFinder(SETTINGS)
    closed = int(bars.ts_close[-1])
    finder.take(quote(1.09, ts_recv=closed))  # before there is a signal: nobody asks for it
    finder.refresh({market: bars})
    assert finder.scan(closed) == []
    finder.take(quote(float(bars.close[-1]), ts_recv=closed + NS_PER_S))
    (one,) = finder.scan(closed + NS_PER_S)
    (same,) = finder.scan(closed + NS_PER_S + 1000)
    assert same is one
    (renewed,) = finder.scan(closed + 3 * NS_PER_S)
    assert renewed.id == one.id
    assert finder.scan(closed + 7 * NS_PER_S) == []  # the quote is old
    finder.take(quote(float(bars.close[-1]), ts_recv=closed + BAR_S * NS_PER_S))
    assert finder.scan(closed + BAR_S * NS_PER_S) == []  # the next bar has closed
    finder.refresh({})
    assert finder.scan(closed + NS_PER_S) == []


def test_the_coin_is_what_a_walk_without_direction_shows(eurusd: Bars) -> None:
    past = record(eurusd, 0.0)
    assert past.decided > 200
    assert past.won / past.decided == pytest.approx(forex.COIN, abs=0.1)
