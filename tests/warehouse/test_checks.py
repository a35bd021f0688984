"""Every check is silent on sound data and speaks on data broken on purpose."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from warehouse import Lake, session
from warehouse.quality import SAMPLE_ROWS, run_check, run_checks
from warehouse.relations import read

Rows = Callable[..., pa.Table]

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
START = 1_723_161_240 * SECOND
NAN = float("nan")

BAR = {"open": 2, "high": 3, "low": 1, "close": 2, "volume": 2, "taker_buy_volume": 1, "trades": 1, "ts_close": 1}
BOOK = {"bid_price": [[2, 1]], "bid_qty": [[1, 1]], "ask_price": [[3]], "ask_qty": [[1]]}
RANGE = {"log_range": 0.01, "log_range_low": 0.005, "log_range_high": 0.02, "coverage": 0.8, "price": 61837.63}
TRADE = {"price": 100, "qty": 1}
TWO_MINUTES = {"ts_event": [START, START + MINUTE], "trade_id": [1, 2]}

# Check, table, rows that break it. What is needed beside stands in the columns given.
BROKEN: list[tuple[str, str, dict[str, Any]]] = [
    ("bars_1m_bounds", "trades", TWO_MINUTES | {"price": -1, "qty": 1}),
    ("bars_published", "bars", BAR | {"high": 1}),
    ("bars_published", "bars", BAR | {"ts_open": [0, 0]}),
    ("bars_published", "bars", BAR | {"taker_buy_volume": 3}),
    ("binary_signals_sound", "binary_signals", {"signal_id": ["a", "a"]}),
    ("binary_signals_sound", "binary_signals", {"probability": 1.1}),
    ("binary_signals_sound", "binary_signals", {"direction": 0}),
    ("book_top_sound", "book_top", BOOK | {"ask_price": [[2]]}),
    ("book_top_sound", "book_top", BOOK | {"bid_price": [[1, 2]]}),
    ("book_top_sound", "book_top", BOOK | {"bid_qty": [[1, 0]]}),
    ("book_top_sound", "book_top", BOOK | {"valid": False}),
    ("book_top_sound", "book_top", {}),
    ("gaps_sound", "gaps", {"status": "forgotten"}),
    ("gaps_sound", "gaps", {"first_id": 2, "last_id": 1}),
    ("opportunities_sound", "opportunities", {"engine": "arbitrage", "verdict": "EXECUTE", "expected_profit": 0.0}),
    ("opportunities_sound", "opportunities", {"verdict": "MAYBE"}),
    ("opportunities_sound", "opportunities", {"verdict": "SKIP", "ts_first": START + 1, "ts_event": START}),
    ("orderflow_1s_bounds", "orderflow_1s", {"aggressive_buy_ratio": 1.1}),
    ("orderflow_1s_bounds", "orderflow_1s", {"volume_imbalance": NAN}),
    ("orderflow_1s_bounds", "orderflow_1s", {"last_price": 0.0}),
    ("orderflow_1s_bounds", "orderflow_1s", {"low": 2e9}),
    ("orderflow_1s_bounds", "orderflow_1s", {"bid": 61837.63}),
    ("orderflow_1s_unique", "orderflow_1s", {"ts_event": [START, START]}),
    ("orderflow_1s_unique", "orderflow_1s", {"ts_event": [START + 1]}),
    ("pool_reserves_sound", "pool_reserves", {"reserve0": "0"}),
    ("pool_reserves_sound", "pool_reserves", {"block_hash": ["0xa", "0xb"]}),
    ("predictions_sound", "predictions", RANGE | {"log_range_low": 0.011}),
    ("predictions_sound", "predictions", RANGE | {"price": 0.0}),
    ("predictions_sound", "predictions", RANGE | {"ts_event": [START, START]}),
    ("quotes_not_crossed", "quotes", {"bid": 101, "ask": 100}),
    ("quotes_not_crossed", "quotes", {"bid": 100, "ask": 100}),
    ("quotes_not_crossed", "quotes", {"bid": 0, "ask": 100}),
    ("spread_1m_bounds", "quotes", {"bid": 101, "ask": 100, "ts_recv": [START, START + MINUTE]}),
    ("trades_contiguous", "trades", TRADE | {"trade_id": [1, 3]}),
    ("trades_contiguous", "trades", TRADE | {"trade_id": [1, 5], "trade_count": 3}),
    ("trades_sound", "trades", {"price": 0, "qty": 1}),
    ("trades_sound", "trades", {"price": 1, "qty": 1, "side": 0}),
    ("trades_sound", "trades", {"price": 1, "qty": 1, "ts_event": 2**62, "time_scale": 3, "ts_recv": START}),
    ("trades_unique", "trades", TRADE | {"trade_id": [1, 1]}),
    ("trades_unique", "trades", TRADE | {"trade_id": [1, 3], "trade_count": 3}),
]

# Checks of what a mart computes: no stored row can break them, so the mart itself is replaced by a broken one.
BROKEN_MARTS = {
    "bars_1m_unique": "select 'v' as venue, 's' as symbol, make_timestamp_ns(1) as ts_open",
    "binary_outcomes_sound": "select 'v' as venue, 'a' as signal_id, 1 as entry, 1 as exit, true as won",
    "binary_reliability_bounds": "select 2 as signals, 3 as won, 1.5 as hit_rate, 0 as hit_rate_low, "
    "1 as hit_rate_high, 0.5 as claimed, 0.5 as claimed_from",
    "coverage_1h_bounds": "select 3601 as seconds, 0 as seconds_book_valid, 0 as gaps, 0 as gaps_not_filled",
    "feed_lag_1m_bounds": "select 2 as p50_ms, 1 as p99_ms, 1 as trades",
    "orderflow_1m_bounds": "select 59 as seconds, true as complete, 1 as low, 2 as high",
    "quarantine_by_reason_total": "select 1 as inputs",
}


CHECKS = {check.name: check for check in read("checks")}


def _speaking(lake: Lake) -> set[str]:
    return {result.name for result in run_checks(session(lake)) if result.rows}


def test_every_check_is_broken_on_purpose_here() -> None:
    assert {name for name, _, _ in BROKEN} | set(BROKEN_MARTS) == set(CHECKS)


def test_checks_are_silent_on_an_empty_lake(lake: Lake) -> None:
    assert _speaking(lake) == set()


def test_checks_are_silent_on_sound_rows(lake: Lake, rows: Rows, flow: Rows, recorded_rows: pa.Table) -> None:
    times = [START, START + MINUTE]
    sound = [
        recorded_rows,
        rows("bars", **BAR),
        rows("book_top", ts_event=times, **{side: levels * 2 for side, levels in BOOK.items()}),
        rows("book_top", symbol="ETHUSDT", valid=False),
        rows("quotes", bid=100, ask=101, ts_recv=times),
        flow(ts_event=times),
        flow(symbol="ETHUSDT", book_valid=False, bid=NAN, ask=NAN, bid_ask_spread=NAN, order_book_imbalance=NAN),
        rows("predictions", ts_event=times, **RANGE),
        rows("quarantine", reason="crossed"),
    ]
    tables = ["trades", "bars", "book_top", "book_top", "quotes", "orderflow_1s", "orderflow_1s", "predictions"]
    for version, (table, found) in enumerate(zip([*tables, "quarantine"], sound, strict=True)):
        lake.append(table, found, writer="binance", version=version)
    assert _speaking(lake) == set()


@pytest.mark.parametrize(("check", "table", "columns"), BROKEN)
def test_a_check_finds_rows_broken_on_purpose(
    lake: Lake, rows: Rows, flow: Rows, check: str, table: str, columns: dict[str, Any]
) -> None:
    broken = flow(**columns) if table == "orderflow_1s" else rows(table, **columns)
    lake.append(table, broken, writer="binance", version=1)
    assert run_check(session(lake), CHECKS[check]).rows > 0


@pytest.mark.parametrize("check", BROKEN_MARTS)
def test_a_check_finds_a_mart_broken_on_purpose(lake: Lake, check: str) -> None:
    connection = session(lake)
    mart = next(mart.name for mart in read("marts") if check.startswith(mart.name))
    connection.execute(f"create or replace view {mart} as {BROKEN_MARTS[check]}")
    assert run_check(connection, CHECKS[check]).rows == 1


@pytest.mark.parametrize(
    ("status", "first_id", "last_id", "found"),
    [("open", 2, 4, 0), ("lost", 2, 4, 0), ("filled", 2, 4, 1), ("open", 2, 3, 1), ("open", 1, 9, 0)],
)
def test_missing_ids_are_told_by_a_gap_that_covers_them(
    lake: Lake, rows: Rows, status: str, first_id: int, last_id: int, found: int
) -> None:
    lake.append("trades", rows("trades", trade_id=[1, 5], **TRADE), writer="binance", version=1)
    gap = rows("gaps", gap_id="trade:2", status=status, first_id=first_id, last_id=last_id)
    lake.append("gaps", gap, writer="binance", version=1)
    assert run_check(session(lake), CHECKS["trades_contiguous"]).rows == found


def test_a_sample_is_bounded_and_the_count_is_not(lake: Lake, rows: Rows) -> None:
    lake.append("quotes", rows("quotes", update_id=list(range(100)), bid=2, ask=1), writer="binance", version=1)
    crossed = run_check(session(lake), CHECKS["quotes_not_crossed"])
    assert (crossed.rows, crossed.sample.num_rows) == (100, SAMPLE_ROWS)
    assert crossed.grain.startswith("One row a quote")
