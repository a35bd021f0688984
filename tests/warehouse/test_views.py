"""What people see is what was recorded: prices to the last bit, times to the nanosecond, gaps as they stand now."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from decimal import Decimal

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from warehouse import TABLES, Lake, LiveSession, refresh, session
from warehouse.relations import read

Rows = Callable[..., pa.Table]

START = 1_723_161_240_000_000_000


@pytest.mark.parametrize("name", [relation.name for kind in ("views", "marts") for relation in read(kind)])
def test_an_empty_lake_shows_every_relation_without_a_row(lake: Lake, name: str) -> None:
    assert session(lake).table(name).fetchall() == []


@pytest.mark.parametrize("name", TABLES)
def test_every_table_has_a_view_with_the_types_of_an_empty_lake(lake: Lake, rows: Rows, name: str) -> None:
    empty = session(lake).table(name)
    lake.append(name, rows(name), writer="binance", version=1)
    reader = session(lake)
    assert reader.table(name).columns == empty.columns
    assert reader.table(name).types == empty.types
    assert len(reader.table(name).fetchall()) == len(reader.table(f"raw.{name}").fetchall()) == 1
    assert reader.execute("select comment from duckdb_views() where view_name = ?", [name]).fetchall()[0][0]


def test_prices_and_sizes_are_the_doubles_nearest_to_the_recorded_decimals(
    lake: Lake, recorded_trades: np.ndarray, recorded_rows: pa.Table
) -> None:
    lake.append("trades", recorded_rows, writer="binance", version=1)
    found = session(lake).sql("select * from trades order by trade_id").to_arrow_table()
    assert found["price"].to_pylist() == [float(Decimal(int(p)).scaleb(-2)) for p in recorded_trades["price"]]
    assert found["qty"].to_pylist() == [float(Decimal(int(q)).scaleb(-5)) for q in recorded_trades["qty"]]
    assert found["price"][0].as_py() == 61837.63
    assert found["side"].to_pylist() == ["buy" if side == 1 else "sell" for side in recorded_trades["side"]]
    assert found["ts_event"].type == pa.timestamp("ns")
    assert found["ts_event"].cast(pa.int64()).to_pylist() == recorded_trades["ts_event"].tolist()
    assert found["ts_recv"].cast(pa.int64()).to_pylist() == recorded_trades["ts_recv"].tolist()


@pytest.mark.parametrize("scale", range(13))
def test_every_scale_gives_the_nearest_double(lake: Lake, rows: Rows, scale: int) -> None:
    ticks = [1, 3, 7, 10**scale + 1, 123_456_789_012_347, 2**53 - 1]
    lake.append("trades", rows("trades", price=ticks, price_scale=scale), writer="binance", version=1)
    found = session(lake).execute("select price from trades order by price").fetchall()
    assert [price for (price,) in found] == sorted(float(Decimal(tick).scaleb(-scale)) for tick in ticks)


@pytest.mark.parametrize(("scale", "unit"), [(3, 1_000_000), (6, 1_000), (9, 1)])
def test_event_times_of_each_resolution_come_back(lake: Lake, rows: Rows, scale: int, unit: int) -> None:
    lake.append("trades", rows("trades", ts_event=START // unit + 1, time_scale=scale), writer="binance", version=1)
    assert session(lake).execute("select epoch_ns(ts_event) from trades").fetchall() == [(START + unit,)]


def test_a_time_that_does_not_fit_is_null_and_stops_no_query(lake: Lake, rows: Rows) -> None:
    times = [START // 1_000_000, 2**62]
    lake.append("trades", rows("trades", ts_event=times, time_scale=3, ts_recv=START), writer="binance", version=1)
    found = session(lake).execute("select count(*), count(ts_event) from trades").fetchall()
    assert found == [(2, 1)]


def test_a_quote_without_event_time_shows_null(lake: Lake, rows: Rows) -> None:
    lake.append("quotes", rows("quotes", ts_event=None, ts_recv=START), writer="binance", version=1)
    assert session(lake).execute("select ts_event, epoch_ns(ts_recv) from quotes").fetchall() == [(None, START)]


def test_book_levels_come_back_as_prices(lake: Lake, rows: Rows) -> None:
    levels = {"bid_price": [[6183762, 6183761]], "bid_qty": [[1, 200_000]], "ask_price": [[6183763]], "ask_qty": [[3]]}
    lake.append("book_top", rows("book_top", **levels), writer="binance", version=1)
    found = session(lake).execute("select bid_price, bid_qty, ask_price, ask_qty from book_top").fetchall()
    assert found == [([61837.62, 61837.61], [0.00001, 2.0], [61837.63], [0.00003])]


def test_gaps_show_the_newest_state_of_each(lake: Lake, rows: Rows) -> None:
    states = {
        "gap_id": ["trade:1", "trade:1", "trade:9", "trade:5", "trade:5"],
        "status": ["filled", "open", "open", "open", "lost"],
        "ts_recv": [START + 2, START + 1, START + 1, START + 3, START + 3],
    }
    lake.append("gaps", rows("gaps", **states), writer="binance", version=1)
    found = session(lake).execute("select gap_id, status from gaps order by gap_id").fetchall()
    assert found == [("trade:1", "filled"), ("trade:5", "lost"), ("trade:9", "open")]


def test_days_symbols_and_venues_select_the_files_to_read(lake: Lake, rows: Rows) -> None:
    for version, symbol in enumerate(("BTCUSDT", "ETHUSDT", "PAXGUSDT")):
        lake.append("trades", rows("trades", symbol=symbol), writer="binance", version=version)
    plan = session(lake).execute(
        "explain analyze select price from trades where symbol = 'ETHUSDT' and date = date '2024-08-08'"
    )
    assert "Total Files Read: 1" in plan.fetchall()[0][1]


def test_refresh_shows_what_was_committed_since_and_names_it(lake: Lake, rows: Rows) -> None:
    reader = session(lake)
    assert refresh(reader, lake) == []
    Lake(lake.uri).append("trades", rows("trades"), writer="binance", version=1)
    assert reader.execute("select count(*) from trades").fetchall() == [(0,)]
    assert refresh(reader, lake) == ["trades"]
    assert reader.execute("select count(*) from trades").fetchall() == [(1,)]
    assert refresh(reader, lake) == []


def test_a_live_session_keeps_no_footer_of_a_file_that_compaction_replaced(lake: Lake, rows: Rows) -> None:
    live = LiveSession(lake, memory="64MB", threads=1)
    counted = "select count(*), max(trade_id) from trades"
    opened = live.now()
    for version in range(20):
        lake.append("trades", rows("trades", trade_id=[version]), writer="binance", version=version)
    assert live.now() is opened
    early = opened.cursor()
    assert early.execute(counted).fetchone() == (20, 19)
    kept = _footers(early)
    lake.compact("trades")
    assert live.now() is not opened
    assert live.now().execute(counted).fetchone() == early.execute(counted).fetchone() == (20, 19)
    assert 0 < _footers(live.now()) < kept / 5


def _footers(connection: duckdb.DuckDBPyConnection) -> int:
    """Bytes that a session keeps of them."""
    told = connection.execute("select memory_usage_bytes from duckdb_memory() where tag = 'OBJECT_CACHE'").fetchone()
    return int(told[0]) if told else 0


def test_a_cursor_sees_the_views_and_utc(lake: Lake, rows: Rows) -> None:
    lake.append("trades", rows("trades"), writer="binance", version=1)
    cursor = session(lake).cursor()
    assert cursor.execute("select ts_recv, current_setting('TimeZone') from trades").fetchall() == [
        (datetime.datetime(2024, 8, 8, 23, 54), "UTC")  # noqa: DTZ001 - TIMESTAMP_NS carries no zone
    ]
