"""What a portfolio earned, against the same numbers made by other means."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import func, select

from flows import pictures
from tests.trade import trading
from tests.trade.trading import KRAKEN, Floor
from trifecta.market.orders import Terms
from trifecta.trade import booking, performance, tearsheet
from trifecta.trade.course import FEWEST_DAYS, daily_returns, ratios_of
from trifecta.trade.performance import Performance, trades_of
from warehouse.ledger import Ledger, entries, fills, outcomes, postings

BTC, ETH = (replace(one, margin=True) for one in (trading.BTC, trading.ETH))
SIMULATED = replace(BTC, venue="sim_binance")
HOUR_NS = 3_600_000_000_000
DAY_NS = 24 * HOUR_NS


def floor(ledger: Ledger) -> Floor:
    return trading.floor(ledger, known=(BTC, ETH, SIMULATED))


@pytest.fixture
def desk(ledger: Ledger) -> Floor:
    return floor(ledger)


def _round(own: Floor, number: int, terms: Terms = BTC, sold: str = "101", **how: str) -> None:
    """Buys 1 at 100 and sells it in one decision; an hour passes."""
    own.books.set(terms, {sold: "5"}, {"100": "5"}, own.clock.now_ns())
    made = own.trade(f"round {number}", own.ask(terms, "BUY", "1"), own.ask(terms, "SELL", "1", sold), **how)
    assert made.refused is None
    own.clock.advance(HOUR_NS / 1e9)


def _told(own: Floor, portfolio: str = "paper") -> Performance:
    with own.ledger.read() as connection:
        return performance.of(connection, portfolio, "USD", "UTC", own.clock.now_ns())


def test_a_portfolio_that_never_traded_has_no_figures_and_no_error(desk: Floor) -> None:
    told = _told(desk)
    assert (told.trades.count, told.trades.win_rate, told.trades.profit_factor) == (0, None, None)
    assert (told.engines, told.venues, told.days, told.labels) == ((), (), (), ())
    assert told.course.max_drawdown is None
    assert told.course.ratios.told.startswith("too few days: equity moved on 0 of 0")


def test_figures_of_trades_are_those_made_by_hand(desk: Floor) -> None:
    for number, sold in enumerate(["101", "99", "102", "98"]):
        _round(desk, number, sold=sold)
    told = _told(desk)
    fees = [Decimal("0.001") * (100 + Decimal(sold)) for sold in ("101", "99", "102", "98")]
    pnls = [gain - fee for gain, fee in zip(map(Decimal, (1, -1, 2, -2)), fees, strict=True)]
    assert (told.trades.count, told.trades.won, told.trades.lost, told.trades.win_rate) == (4, 2, 2, 0.5)
    assert told.trades.average_win == (pnls[0] + pnls[2]) / 2
    assert told.trades.average_loss == (pnls[1] + pnls[3]) / 2
    assert told.trades.profit_factor == pytest.approx(float((pnls[0] + pnls[2]) / -(pnls[1] + pnls[3])))
    assert told.worth.fees == -sum(fees)
    assert told.worth.pnl == sum(pnls)


@pytest.mark.parametrize("seed", range(4))
def test_pnl_is_the_sum_of_entries_whatever_the_order_of_trades(seed: int, ledger: Ledger) -> None:
    own, chance = floor(ledger), np.random.default_rng(seed)
    made = [(terms, str(100 + step)) for terms in (BTC, ETH, KRAKEN) for step in (-3, -1, 2, 4)]
    rounds = [made[at] for at in chance.permutation(len(made))]
    for number, (terms, sold) in enumerate(rounds):
        _round(own, number, terms, sold=sold)
    own.books.set(BTC, {"99": "5"}, {"100": "5"}, own.clock.now_ns())
    own.trade("held", own.ask(BTC, "BUY", "1"))
    told = _told(own)
    with ledger.read() as connection:
        joined = select(func.sum(entries.c.amount)).join_from(entries, postings)
        summed = -connection.execute(joined.where(entries.c.account.in_(["realised", "fees"]))).scalar_one()
        traded = connection.execute(select(func.sum(outcomes.c.pnl))).scalar_one()
    for groups in (told.engines, told.venues, told.days):
        assert sum(one.pnl for one in groups) == told.worth.pnl
        assert sum(one.realised + one.fees for one in groups) == summed
    assert sum(one.realised + one.fees for one in told.days) == summed
    assert sum(one.trades.count for one in told.days) == told.trades.count == len(rounds)
    assert traded == sum(Decimal(sold) - 100 - Decimal("0.001") * (100 + Decimal(sold)) for _, sold in rounds)
    assert told.worth.realised == sum(Decimal(sold) - 100 for _, sold in rounds)


def test_days_hold_what_was_gained_at_mark_and_add_up(ledger: Ledger) -> None:
    own = floor(ledger)
    own.books.set(BTC, {"99": "5"}, {"100": "5"}, own.clock.now_ns())
    own.trade("held", own.ask(BTC, "BUY", "1"))
    for price in ("104", "110"):
        own.clock.advance(86_400)
        with ledger.begin() as connection:
            booking.mark(connection, BTC.venue, BTC.symbol, Decimal(price), own.clock.now_ns())
            booking.snapshot(connection, "paper", "USD", own.clock.now_ns())
    told = _told(own)
    assert [(one.unrealised, one.fees) for one in told.days] == [(0, Decimal("-0.1")), (4, 0), (6, 0)]
    assert sum(one.pnl for one in told.days) == told.worth.pnl == Decimal("9.9")


def test_the_same_figures_come_from_pandas(ledger: Ledger) -> None:
    own, chance = floor(ledger), np.random.default_rng(5)
    for number in range(24):
        _round(own, number, (BTC, KRAKEN)[chance.integers(2)], sold=str(100 + chance.integers(-4, 6)))
    told = _told(own)
    with ledger.read() as connection:
        frame = pd.DataFrame(connection.execute(select(fills)).mappings().all())
    frame["cash"] = np.where(frame["side"] == "SELL", 1, -1) * frame["notional"].astype(float)
    for name in ("cash", "fee"):
        frame[name] = frame[name].astype(float)
    by_venue = frame.groupby("venue")[["cash", "fee"]].sum()
    for group in told.venues:
        assert float(group.realised) == pytest.approx(by_venue.loc[group.name, "cash"])
        assert float(-group.fees) == pytest.approx(by_venue.loc[group.name, "fee"])
    pnl = frame.groupby(frame["client_order_id"].str[:24])[["cash", "fee"]].sum().eval("cash - fee")
    assert told.trades.win_rate == pytest.approx((pnl > 0).mean())
    assert told.trades.profit_factor == pytest.approx(pnl[pnl > 0].sum() / -pnl[pnl < 0].sum())
    day = pd.to_datetime(frame["ts_booked"]).dt.date.astype(str)
    by_day = frame.groupby(day)[["cash", "fee"]].sum().eval("cash - fee")
    assert {one.name: float(one.pnl) for one in told.days} == pytest.approx(by_day.to_dict())
    closed = 100_000 + pnl.loc[frame["client_order_id"].str[:24].drop_duplicates()].cumsum()
    lost = (1 - closed / closed.cummax().clip(lower=100_000)).max()
    assert told.course.max_drawdown is not None
    assert lost <= told.course.max_drawdown <= lost + 0.0001  # between the two orders of a round it is a little deeper


def _series(days: int, seed: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Equity twice a day, with 5000 paid in on the tenth day."""
    chance = np.random.default_rng(seed)
    midnight = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000_000
    ts = midnight + np.arange(2 * days, dtype=np.int64) * DAY_NS // 2
    gains = chance.normal(20, 300, 2 * days).cumsum()
    capital = np.where(np.arange(2 * days) >= 20, 105_000.0, 100_000.0)
    return ts, capital + gains, capital, midnight + days * DAY_NS + HOUR_NS


def test_sharpe_and_sortino_are_those_of_their_definitions() -> None:
    ts, worth, capital, now_ns = _series(60)
    returns = daily_returns(ts, worth, capital, "UTC", now_ns)
    assert len(returns) == 60
    closes, paid = worth[1::2], np.diff(capital[1::2], prepend=capital[0])
    before = np.concatenate([[100_000.0], closes[:-1]]) + paid
    expected = closes / before - 1
    assert returns.to_numpy() == pytest.approx(expected)
    told = ratios_of(returns)
    assert told.sharpe == pytest.approx(expected.mean() / expected.std(ddof=1) * np.sqrt(365))
    downside = np.sqrt(np.mean(np.minimum(expected, 0) ** 2))
    assert told.sortino == pytest.approx(expected.mean() / downside * np.sqrt(365))
    assert "√365" in told.told


def test_too_few_days_are_told_and_no_number_is() -> None:
    ts, worth, capital, now_ns = _series(FEWEST_DAYS)
    almost = daily_returns(ts, worth, capital, "UTC", now_ns - 2 * HOUR_NS)  # the last day is not over
    told = ratios_of(almost)
    assert (told.days, told.sharpe, told.sortino) == (FEWEST_DAYS - 1, None, None)
    over = FEWEST_DAYS - 1
    assert told.told == f"too few days: equity moved on {over} of {over} that are over, {FEWEST_DAYS} are needed"
    assert ratios_of(daily_returns(ts, worth, capital, "UTC", now_ns)).sharpe is not None
    idle = daily_returns(ts[:4], worth[:4], capital[:4], "UTC", now_ns)
    assert ratios_of(idle).told.startswith("too few days: equity moved on 2 of 30")


def test_days_without_a_booking_returned_nothing() -> None:
    ts, worth, capital, now_ns = _series(4)
    kept = [0, 1, 6, 7]
    returns = daily_returns(ts[kept], worth[kept], capital[kept], "UTC", now_ns)
    assert returns.tolist()[1:3] == [0, 0]
    assert len(returns) == 4


def test_drawdown_counts_from_what_was_paid_in_and_forgives_no_deposit(desk: Floor) -> None:
    _round(desk, 0, sold="90")
    told = _told(desk)
    assert told.course.max_drawdown == pytest.approx(float(-told.worth.pnl / 100_000), rel=1e-6)


def test_what_chance_filled_and_what_is_simulated_says_so(ledger: Ledger) -> None:
    own = floor(ledger)
    _round(own, 0, SIMULATED)
    _round(own, 1, portfolio="stochastic", fill_model="stochastic")
    paper, drawn = _told(own), _told(own, "stochastic")
    assert paper.labels == ("SIMULATED",)
    for groups in (paper.engines, paper.venues, paper.days):
        assert [group.label for group in groups] == ["SIMULATED"] * len(groups) != []
    assert drawn.labels[0].startswith("STOCHASTIC")
    assert all(group.label.startswith("STOCHASTIC") for group in (*drawn.engines, *drawn.days))


def test_nothing_lost_is_no_profit_factor() -> None:
    assert trades_of([Decimal(1), Decimal(0)]).profit_factor is None
    assert trades_of([Decimal(-1)]).win_rate == 0


def test_the_tear_sheet_tells_what_must_stand_beside_figures_and_needs_no_network(ledger: Ledger) -> None:
    own = floor(ledger)
    _round(own, 0, SIMULATED)
    _round(own, 1, portfolio="stochastic", fill_model="stochastic")
    page = tearsheet.html([_told(own), _told(own, "stochastic")])
    assert page.count("<svg") == 6
    assert '<p class="mark">SIMULATED</p>' in page
    assert "STOCHASTIC: outcomes drawn" in page
    assert "<td>sim_binance SIMULATED</td><td>+0.80</td>" in page
    asked = set(re.findall(r'(?:src|href|url)\s*[=(]\s*"?([^"\s)>]+)', page))
    assert all(one.startswith("#") for one in asked)  # parts of the plots themselves
    told = pictures.performance([_told(own)])
    assert told.startswith("## paper, USD\n\n**SIMULATED**")
    assert told.count("data:image/png;base64,") == 3


def test_a_page_without_a_portfolio_says_so() -> None:
    assert "Nothing was booked yet." in tearsheet.html([])
    assert pictures.performance([]) == "Nothing was booked yet."
