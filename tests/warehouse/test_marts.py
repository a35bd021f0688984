"""Marts equal what a loop over the rows computes, and show closed periods only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from warehouse import Lake, session
from warehouse.relations import read

Rows = Callable[..., pa.Table]

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
START = 1_723_161_240 * SECOND  # a whole minute
FULL_HOUR = 1_723_161_600 * SECOND  # a whole hour


def _bars(trades: np.ndarray) -> list[tuple[object, ...]]:
    """Minutes of a TRADE array in exact decimals, each but the last."""
    minutes: dict[int, list[np.void]] = defaultdict(list)
    for trade in trades:
        minutes[int(trade["ts_event"]) // MINUTE * MINUTE].append(trade)
    bars = []
    for ts_open in sorted(minutes)[:-1]:
        prints = sorted(minutes[ts_open], key=lambda trade: int(trade["trade_id"]))
        prices = [Decimal(int(trade["price"])).scaleb(-2) for trade in prints]
        sizes = [Decimal(int(trade["qty"])).scaleb(-5) for trade in prints]
        bought = sum((size for size, trade in zip(sizes, prints, strict=True) if trade["side"] == 1), Decimal(0))
        turnover = sum((price * size for price, size in zip(prices, sizes, strict=True)), Decimal(0))
        exact = (prices[0], max(prices), min(prices), prices[-1], sum(sizes), turnover, bought)
        bars.append((ts_open, ts_open + MINUTE, *map(float, exact), len(prints)))
    return bars


_BARS = """
    select epoch_ns(ts_open), epoch_ns(ts_close), open, high, low, close, volume, quote_volume, taker_buy_volume, trades
    from bars_1m order by ts_open
"""


def test_bars_equal_an_exact_recomputation_of_recorded_trades(
    lake: Lake, recorded_trades: np.ndarray, recorded_rows: pa.Table
) -> None:
    for version, start in enumerate(range(0, recorded_rows.num_rows, 777)):
        lake.append("trades", recorded_rows.slice(start, 777), writer="binance", version=version)
    found = session(lake)
    expected = _bars(recorded_trades)
    assert len(expected) == 11
    assert found.execute(_BARS).fetchall() == expected
    # What was traded before the recording began is not known.
    assert found.execute("select complete from bars_1m order by ts_open").fetchall() == [(False,)] + [(True,)] * 10
    assert found.execute("select bool_and(abs(vwap * volume / quote_volume - 1) < 1e-12) from bars_1m").fetchall()[0][0]


def test_a_minute_is_shown_once_its_own_symbol_is_past_it(lake: Lake, rows: Rows, flow: Rows) -> None:
    closes = "select symbol, epoch_ns(ts_open) from bars_1m order by symbol"
    last = START + MINUTE - 1
    lake.append("trades", rows("trades", ts_event=[START, last], price=100, qty=1), writer="binance", version=1)
    assert session(lake).execute(closes).fetchall() == []
    other = rows("trades", symbol="ETHUSDT", ts_event=[START + 9 * MINUTE], price=100, qty=1)
    lake.append("trades", other, writer="binance", version=2)
    lake.append("orderflow_1s", flow(ts_event=START + MINUTE - SECOND), writer="binance", version=2)
    assert session(lake).execute(closes).fetchall() == []
    lake.append("orderflow_1s", flow(ts_event=START + MINUTE), writer="binance", version=3)
    assert session(lake).execute(closes).fetchall() == [("BTCUSDT", START)]


@pytest.mark.parametrize(
    ("stream", "status", "complete"),
    [("trade", "open", False), ("trade", "lost", False), ("trade", "filled", True), ("depth", "lost", True)],
)
def test_a_bar_is_complete_unless_trades_are_known_to_be_missing(
    lake: Lake, rows: Rows, stream: str, status: str, complete: bool
) -> None:
    times = [START + minute * MINUTE for minute in range(5)]
    lake.append("trades", rows("trades", ts_event=times, trade_id=[1, 2, 3, 4, 5], qty=1), writer="a", version=1)
    # From the last second of minute 1 to the first of minute 2.
    span = {"ts_from": START + 2 * MINUTE - SECOND, "ts_to": START + 2 * MINUTE, "ts_recv": times[3]}
    lake.append("gaps", rows("gaps", stream=stream, status=status, **span), writer="a", version=1)
    found = session(lake).execute("select complete from bars_1m order by ts_open").fetchall()
    assert found == [(False,), (complete,), (complete,), (True,)]


def test_aggregates_count_the_trades_they_stand_for(lake: Lake, rows: Rows) -> None:
    trades = rows(
        "trades", ts_event=[START, START + 1, START + MINUTE], trade_id=[1, 4, 9], trade_count=[3, 5, 1], qty=1
    )
    lake.append("trades", trades, writer="a", version=1)
    assert session(lake).execute("select trades from bars_1m").fetchall() == [(8,)]


def test_a_minute_of_order_flow_is_its_last_second_and_the_extremes_of_all(lake: Lake, flow: Rows) -> None:
    ends = [START + second * SECOND for second in range(1, 62)]
    highs = [float("nan") if second % 2 else 100.0 + second for second in range(61)]
    trades = [60 + second for second in range(61)]
    lake.append("orderflow_1s", flow(ts_event=ends, high=highs, trades=trades), writer="binance", version=1)
    found = session(lake).execute("select epoch_ns(ts_open), seconds, high, trades, complete from orderflow_1m")
    assert found.fetchall() == [(START, 60, 158.0, 119, True)]


def test_a_minute_is_complete_when_the_window_of_its_last_second_is(lake: Lake, flow: Rows) -> None:
    ends = [START + second * SECOND for second in range(1, 121)]
    # The recording began within the minute before: windows that reach back to then are not complete.
    complete = [second > 70 for second in range(1, 121)]
    lake.append("orderflow_1s", flow(ts_event=ends, complete=complete), writer="binance", version=1)
    found = session(lake).execute("select seconds, complete from orderflow_1m order by ts_open")
    assert found.fetchall() == [(60, False), (60, True)]


def test_a_minute_without_its_last_second_has_no_features(lake: Lake, flow: Rows) -> None:
    ends = [START + second * SECOND for second in (1, 2, 3, 61)]
    lake.append("orderflow_1s", flow(ts_event=ends), writer="binance", version=1)
    found = session(lake).execute("select seconds, complete, buy_volume, trade_intensity from orderflow_1m")
    assert found.fetchall() == [(3, False, None, None)]


def test_coverage_shows_the_hour_without_a_second(lake: Lake, rows: Rows, flow: Rows) -> None:
    ends = [FULL_HOUR + second * SECOND for second in (1, 2, 3600, 2 * 3600 + 1, 3 * 3600)]
    lake.append("orderflow_1s", flow(ts_event=ends), writer="binance", version=1)
    span = {"ts_from": FULL_HOUR + 2 * SECOND, "ts_to": FULL_HOUR + HOUR + SECOND, "ts_recv": FULL_HOUR + HOUR}
    gaps = rows("gaps", gap_id=["trade:1", "trade:2"], status=["filled", "lost"], **span)
    lake.append("gaps", gaps, writer="binance", version=1)
    found = session(lake).execute(
        "select epoch_ns(ts_open), seconds, gaps, gaps_not_filled from coverage_1h order by ts_open"
    )
    assert found.fetchall() == [(FULL_HOUR, 3, 2, 1), (FULL_HOUR + HOUR, 0, 2, 1), (FULL_HOUR + 2 * HOUR, 2, 0, 0)]


def test_lag_is_measured_by_the_venues_clock(lake: Lake, rows: Rows) -> None:
    received = [START + MINUTE + lag * 1_000_000 for lag in (0, 1, 2, 3, 4)] + [START + 2 * MINUTE]
    events = [START + MINUTE + 1_260 * 1_000_000] * 5 + [START + 2 * MINUTE]
    lake.append("trades", rows("trades", ts_recv=received, ts_event=events), writer="binance", version=1)
    uncorrected = "select p50_ms, p99_ms, corrected from feed_lag_1m"
    assert session(lake).execute(uncorrected).fetchall() == [(-1258.0, pytest.approx(-1256.04), False)]
    offsets = rows("clock_offsets", ts_recv=[START, START + 5 * MINUTE], offset_ns=[1_260_000_000, 7])
    lake.append("clock_offsets", offsets, writer="binance", version=1)
    corrected = "select p50_ms, p99_ms, clock_offset_ms, corrected from feed_lag_1m"
    found = session(lake).execute(corrected).fetchall()
    assert found == [(pytest.approx(2.0), pytest.approx(3.96), 1260.0, True)]


def test_spread_is_weighted_by_how_long_it_stood(lake: Lake, rows: Rows) -> None:
    quotes = rows(
        "quotes",
        update_id=[1, 2, 3],
        ts_recv=[START, START + 45 * SECOND, START + MINUTE],
        bid=[10_000, 10_000, 10_000],
        ask=[10_010, 10_030, 10_001],
    )
    lake.append("quotes", quotes, writer="binance", version=1)
    found = session(lake).execute(
        "select quotes, spread_bps_min, spread_bps_mean, spread_bps_max, bid, ask from spread_1m"
    )
    assert found.fetchall() == [(2, pytest.approx(10), pytest.approx(15), pytest.approx(30), 100.0, 100.3)]


def test_quarantine_is_counted_by_reason(lake: Lake, rows: Rows) -> None:
    bad = {"reason": ["crossed", "crossed", "malformed"], "detail": ["first", "second", "x"], "ts_recv": [1, 2, 3]}
    lake.append("quarantine", rows("quarantine", **bad), writer="binance", version=1)
    found = session(lake).execute("select reason, inputs, last_detail from quarantine_by_reason order by reason")
    assert found.fetchall() == [("crossed", 2, "second"), ("malformed", 1, "x")]


@pytest.mark.parametrize("mart", [mart.name for mart in read("marts")])
def test_every_mart_has_a_check(mart: str) -> None:
    assert any(check.name.startswith(mart) and mart in check.select for check in read("checks"))
