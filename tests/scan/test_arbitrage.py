"""Routes at real sizes and real costs; the rest of the books is left alone."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trifecta.scan.arbitrage import ArbitrageScanner
from trifecta.scan.board import Board, Doubt
from trifecta.scan.opportunity import ArbitragePlan, Opportunity, RouteType, Verdict, decode, encode
from trifecta.scan.routes import best_cycle, crossing, walk
from trifecta.scan.running import compared
from trifecta.scan.terms import Terms
from trifecta.settings import ArbitrageSettings, load

NOW = 1_700_000_000_000_000_000
MS = 1_000_000
SETTINGS = ArbitrageSettings()
BINANCE = Terms("sim_binance", "BTCUSDT", "BTC", "USDT", 0.001, Decimal("0.00001"), 0.00001, 5, 0.0002, 1.0)
KRAKEN = Terms("sim_kraken", "BTC/USDT", "BTC", "USDT", 0.0026, Decimal("0.0001"), 0.0001, 5, 0.0001, 2.0)


def book(mid: float, spread: float = 2.0, qty: float = 1.0, levels: int = 5) -> tuple[list, list]:
    bids = [(mid - spread / 2 - i * spread, qty) for i in range(levels)]
    asks = [(mid + spread / 2 + i * spread, qty) for i in range(levels)]
    return bids, asks


def board(*books: tuple[Terms, float]) -> Board:
    made = Board([terms for terms, _ in books])
    for terms, mid in books:
        assert made.take(terms.venue, terms.symbol, NOW - 20 * MS, NOW - 10 * MS, *book(mid)) is None
    return made


def only(found: list[Opportunity]) -> tuple[Opportunity, ArbitragePlan]:
    (one,) = found
    assert isinstance(one.plan, ArbitragePlan)
    return one, one.plan


def test_profit_is_what_comes_out_less_what_goes_in_and_every_cost_is_named() -> None:
    one, plan = only(ArbitrageScanner(board((BINANCE, 60_000), (KRAKEN, 60_600)), SETTINGS).scan(NOW))
    buy, sell = plan.legs
    assert (buy.venue, sell.venue, buy.qty) == ("sim_binance", "sim_kraken", sell.qty)
    assert [cost.name for cost in one.costs] == [
        "taker fee sim_binance BTCUSDT",
        "taker fee sim_kraken BTC/USDT",
        "transfer BTC",
        "transfer USDT",
    ]
    assert plan.gross == pytest.approx(buy.qty * (sell.price - buy.price))
    assert one.expected_profit == pytest.approx(plan.gross - sum(cost.amount for cost in one.costs))
    assert plan.capital == pytest.approx(buy.qty * buy.price * 1.001)
    assert plan.capital <= SETTINGS.capital
    assert buy.qty == pytest.approx(round(buy.qty, 4))  # the coarser lot of the two
    assert (one.verdict, one.simulated) == (Verdict.EXECUTE, True)
    assert decode(encode(one)) == one


def test_finds_the_other_direction_too() -> None:
    _, plan = only(ArbitrageScanner(board((BINANCE, 60_600), (KRAKEN, 60_000)), SETTINGS).scan(NOW))
    assert [leg.venue for leg in plan.legs] == ["sim_kraken", "sim_binance"]


def test_nothing_inside_the_fees() -> None:
    assert not ArbitrageScanner(board((BINANCE, 60_000), (KRAKEN, 60_150)), SETTINGS).scan(NOW)


def test_takes_no_more_than_pays() -> None:
    made = board((BINANCE, 60_000), (KRAKEN, 60_600))
    thin = [(60_600.0, 0.01), (60_100.0, 50.0)]  # beyond the first level selling loses after fees
    assert made.take(KRAKEN.venue, KRAKEN.symbol, NOW - 5 * MS, NOW - 1 * MS, thin, [(60_601.0, 1.0)]) is None
    _, plan = only(ArbitrageScanner(made, SETTINGS).scan(NOW))
    assert plan.legs[1].qty == 0.01
    assert plan.legs[1].limit == 60_600.0


def test_a_transfer_that_eats_the_gap_is_a_skip_with_its_reason() -> None:
    dear = replace(BINANCE, withdraw_base=0.01)
    one, _ = only(ArbitrageScanner(board((dear, 60_000), (KRAKEN, 60_600)), SETTINGS).scan(NOW))
    assert one.verdict is Verdict.SKIP
    assert one.reason.startswith("costs exceed the gap by ")


def test_an_unknown_transfer_cost_is_assumed_and_says_so() -> None:
    silent = replace(BINANCE, withdraw_base=None)
    one, _ = only(ArbitrageScanner(board((silent, 60_000), (KRAKEN, 60_600)), SETTINGS).scan(NOW))
    assert [cost.amount for cost in one.costs if cost.name == "transfer BTC (assumed)"] == [SETTINGS.transfer_cost]


def test_a_size_below_a_minimum_is_refused_by_name() -> None:
    large = replace(KRAKEN, min_notional=20_000)
    one, plan = only(ArbitrageScanner(board((BINANCE, 60_000), (large, 60_600)), SETTINGS).scan(NOW))
    assert (one.verdict, plan.legs, one.expected_profit) == (Verdict.SKIP, (), 0)
    assert "below the minimum notional 20000 of sim_kraken" in one.reason


@pytest.mark.parametrize(("age_ms", "found"), [(1400, 1), (1600, 0)])
def test_an_old_quote_never_matches(age_ms: int, found: int) -> None:
    made = board((BINANCE, 60_000), (KRAKEN, 60_600))
    assert len(ArbitrageScanner(made, SETTINGS).scan(NOW - 10 * MS + age_ms * MS)) == found


def test_quotes_too_far_apart_in_time_never_match() -> None:
    made = board((BINANCE, 60_000), (KRAKEN, 60_600))
    later = NOW + 1100 * MS
    assert made.take(BINANCE.venue, BINANCE.symbol, later - 20 * MS, later - 10 * MS, *book(60_001)) is None
    assert not ArbitrageScanner(made, SETTINGS).scan(later)


def test_quote_currencies_are_never_mixed() -> None:
    dollars = replace(KRAKEN, symbol="BTC/USD", quote="USD")
    assert not ArbitrageScanner(board((BINANCE, 60_000), (dollars, 60_600)), SETTINGS).scan(NOW)


def test_an_episode_keeps_its_id_until_the_gap_closes() -> None:
    made = board((BINANCE, 60_000), (KRAKEN, 60_600))
    scanner = ArbitrageScanner(made, SETTINGS)
    first, _ = only(scanner.scan(NOW))
    made.take(KRAKEN.venue, KRAKEN.symbol, NOW + 80 * MS, NOW + 90 * MS, *book(60_590))
    second, _ = only(scanner.scan(NOW + 100 * MS))
    made.take(KRAKEN.venue, KRAKEN.symbol, NOW + 180 * MS, NOW + 190 * MS, *book(60_000))
    assert not scanner.scan(NOW + 200 * MS)
    made.take(KRAKEN.venue, KRAKEN.symbol, NOW + 280 * MS, NOW + 290 * MS, *book(60_590))
    third, plan = only(scanner.scan(NOW + 300 * MS))
    assert first.id == second.id != third.id
    assert plan.survival == pytest.approx(1 / 3)  # the one known episode ended within the latency


def test_a_cycle_of_three_is_found_and_adds_up() -> None:
    eth = Terms("sim_binance", "ETHUSDT", "ETH", "USDT", 0.001, Decimal("0.0001"), 0.0001, 5)
    cross = Terms("sim_binance", "ETHBTC", "ETH", "BTC", 0.001, Decimal("0.0001"), 0.0001, 0.0001)
    made = Board([BINANCE, eth, cross])
    for terms, mid, spread in ((BINANCE, 60_000, 1.0), (eth, 3_000, 0.1), (cross, 0.0495, 0.00001)):
        assert made.take(terms.venue, terms.symbol, NOW - 20 * MS, NOW - 10 * MS, *book(mid, spread, 10)) is None
    one, plan = only(ArbitrageScanner(made, SETTINGS).scan(NOW))
    assert (plan.route, plan.currency) == (RouteType.THREE_HOP, "USDT")
    assert [leg.symbol for leg in plan.legs] == ["BTCUSDT", "ETHBTC", "ETHUSDT"]
    bought, crossed, sold = plan.legs
    assert crossed.qty * crossed.price * 1.001 <= bought.qty
    assert sold.qty == crossed.qty
    cash = sold.qty * sold.price * 0.999 - bought.qty * bought.price * 1.001
    assert one.expected_profit == pytest.approx(cash)


@given(st.integers(3, 7), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_the_best_cycle_is_the_best_of_all(count: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    rates = random.uniform(0.1, 1.3, (count, count)) * (random.uniform(size=(count, count)) < 0.6)
    np.fill_diagonal(rates, 0)
    products = {
        way: rates[way[0], way[1]] * rates[way[1], way[2]] * rates[way[2], way[0]]
        for way in permutations(range(count), 3)
    }
    product, *way = best_cycle(rates)
    assert product == pytest.approx(max(products.values()))
    if product > 0:
        assert products[tuple(way)] == pytest.approx(product)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_no_other_amount_gains_more_than_the_walk(seed: int) -> None:
    random = np.random.default_rng(seed)
    rates = -np.sort(-random.uniform(0.7, 1.4, (2, 6)), axis=1)
    rooms = random.uniform(0.1, 3, (2, 6))
    spent, gained = walk(rates, rooms, 5.0)

    def through(amount: float) -> float:
        for leg in range(2):
            taken = np.minimum(rooms[leg], np.maximum(amount - (np.cumsum(rooms[leg]) - rooms[leg]), 0))
            amount = float(taken @ rates[leg])
        return amount

    assert gained == pytest.approx(through(spent))
    most = min(5.0, rooms[0].sum())
    grid = [through(amount) - amount for amount in np.linspace(0, most, 400) if through(amount) <= 1e9]
    fits = [gain for gain, amount in zip(grid, np.linspace(0, most, 400), strict=True) if _fits(amount, rates, rooms)]
    assert gained - spent >= max(fits) - 1e-9


def _fits(amount: float, rates: np.ndarray, rooms: np.ndarray) -> bool:
    taken = np.minimum(rooms[0], np.maximum(amount - (np.cumsum(rooms[0]) - rooms[0]), 0))
    return bool(float(taken @ rates[0]) <= rooms[1].sum())


@given(st.integers(1, 11), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_crossing_is_found_exactly_where_it_is(venues: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    bid, ask = random.uniform(0.9, 1.0, (venues, 9)), random.uniform(0.98, 1.1, (venues, 9))
    seen = random.integers(0, 3, (venues, 9))
    highest, lowest = np.where(seen >= 1, bid, 0).max(axis=0), np.where(seen >= 1, ask, 9).min(axis=0)
    wanted = np.flatnonzero(highest > lowest).tolist()
    assert crossing(bid, ask, seen, 1).tolist() == wanted


CASES = {
    Doubt.CROSSED: lambda made: made.take("sim_kraken", "BTC/USDT", NOW, NOW + 10 * MS, [(60_601, 1)], [(60_600, 1)]),
    Doubt.VALUE: lambda made: made.take("sim_kraken", "BTC/USDT", NOW, NOW + 10 * MS, [(float("nan"), 1)], [(6, 1)]),
    Doubt.REPEATED: lambda made: made.take("sim_kraken", "BTC/USDT", NOW - 30 * MS, NOW, *book(60_000)),
    Doubt.LATE: lambda made: made.take("sim_kraken", "BTC/USDT", NOW, NOW + 600 * MS, *book(60_000)),
    Doubt.CLOCK: lambda made: made.take("sim_kraken", "BTC/USDT", NOW + 5000 * MS, NOW + 10 * MS, *book(60_000)),
    Doubt.UNKNOWN: lambda made: made.take("sim_kraken", "DOGE/USDT", NOW, NOW + 10 * MS, *book(60_000)),
}


@pytest.mark.parametrize("doubt", CASES)
def test_what_cannot_be_believed_changes_nothing_and_is_counted(doubt: Doubt) -> None:
    made = board((BINANCE, 60_000), (KRAKEN, 60_000))
    before = made.bid.copy(), made.ts_recv.copy()
    assert CASES[doubt](made) is doubt
    assert np.array_equal(made.bid, before[0])
    assert np.array_equal(made.ts_recv, before[1])
    assert made.doubts == {("sim_kraken", doubt): 1}


def test_a_price_far_from_all_others_is_not_believed() -> None:
    okx = replace(KRAKEN, venue="sim_okx")
    made = board((BINANCE, 60_000), (KRAKEN, 60_010), (okx, 60_020))
    assert made.take("sim_okx", okx.symbol, NOW, NOW + 10 * MS, *book(66_000)) is Doubt.FAR


def test_a_venue_without_times_that_repeats_itself_grows_old() -> None:
    made = Board([BINANCE])
    assert made.take("sim_binance", "BTCUSDT", 0, NOW, *book(60_000)) is None
    assert made.take("sim_binance", "BTCUSDT", 0, NOW + 500 * MS, *book(60_000)) is Doubt.REPEATED
    assert made.ts_recv[0, 0] == NOW


@pytest.mark.parametrize(
    ("delay_ms", "silent_ms", "doubt"), [(10, 500, None), (600, 500, Doubt.LATE), (10, 1100, Doubt.LATE)]
)
def test_a_quote_without_a_time_is_as_late_as_its_venue(delay_ms: int, silent_ms: int, doubt: Doubt | None) -> None:
    eth = replace(BINANCE, symbol="ETHUSDT", base="ETH")
    made = Board([BINANCE, eth])
    assert made.take("sim_binance", "ETHUSDT", NOW, NOW + 10 * MS, *book(3_000)) is None
    later = NOW + 1000 * MS
    made.take("sim_binance", "ETHUSDT", later, later + delay_ms * MS, *book(3_001))
    assert made.take("sim_binance", "BTCUSDT", 0, later + (delay_ms + silent_ms) * MS, *book(60_000)) is doubt


def _told(made: Board, at_s: float, ahead_s: float, lag_ms: int = 10) -> Doubt | None:
    """A quote that arrives so long after NOW from a venue whose clock is so far ahead."""
    arrives = NOW + round(at_s * 1000) * MS
    made_at = arrives + round(ahead_s * 1000) * MS - lag_ms * MS
    return made.take("sim_kraken", "BTC/USDT", made_at, arrives, *book(60_000 + at_s))


def test_a_clock_that_was_set_ahead_and_back_is_believed_once_it_was_measured() -> None:
    made = Board([KRAKEN])
    assert _told(made, 0, 0) is None
    made.measured("sim_kraken", NOW + 500 * MS, 0)
    assert _told(made, 1, 60) is Doubt.CLOCK
    made.measured("sim_kraken", NOW + 900 * MS, 0)  # asked before the clock was set
    assert _told(made, 2, 60) is Doubt.CLOCK
    assert _told(made, 20, 60) is None
    assert _told(made, 21, 0) is Doubt.LATE
    made.measured("sim_kraken", NOW + 22_000 * MS, 3 * MS)
    assert _told(made, 23, 0) is None
    assert _told(made, 24, 0, lag_ms=600) is Doubt.LATE


def test_what_lags_from_the_start_is_late_by_its_measured_clock() -> None:
    made = Board([KRAKEN])
    made.measured("sim_kraken", NOW - 500 * MS, -3000 * MS)
    assert _told(made, 0, -3, lag_ms=5000) is Doubt.LATE
    assert _told(made, 1, -3) is Doubt.CLOCK  # a lag that ended looks like it
    assert _told(made, 12, -3) is None
    other = Board([KRAKEN])
    assert _told(other, 0, 0, lag_ms=5000) is None
    other.measured("sim_kraken", NOW + 500 * MS, 0)
    assert _told(other, 1, 0, lag_ms=5000) is Doubt.LATE


def test_newer_best_prices_stand_over_the_levels_beneath_them() -> None:
    made = board((BINANCE, 60_000))
    assert made.take_best("sim_binance", "BTCUSDT", NOW, NOW + 10 * MS, (59_998.0, 3.0), (60_002.0, 4.0)) is None
    assert made.bids[0, 0, :3].tolist() == [[59_998, 3], [59_997, 1], [59_995, 1]]
    assert made.asks[0, 0, :3].tolist() == [[60_002, 4], [60_003, 1], [60_005, 1]]
    later = NOW + 3000 * MS
    assert made.take_best("sim_binance", "BTCUSDT", later, later + 10 * MS, (59_990.0, 3.0), (60_002.0, 4.0)) is None
    assert made.bids[0, 0, :2].tolist() == [[59_990, 3], [0, 0]]


def test_a_book_not_to_be_believed_matches_nothing() -> None:
    made = board((BINANCE, 60_000), (KRAKEN, 60_600))
    made.forget("sim_kraken", "BTC/USDT")
    assert not ArbitrageScanner(made, SETTINGS).scan(NOW)


def test_a_perpetual_is_never_compared_with_what_is_delivered(tmp_path: Path) -> None:
    found = compared(load(data_dir=tmp_path))
    assert {"sim_binance", "sim_kraken", "sim_coinbase", "sim_okx"} == set(found)
