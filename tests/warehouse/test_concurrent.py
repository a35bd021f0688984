"""Writers, a compaction and readers at once, in threads and in processes: nothing lost, nothing twice, no error."""

from __future__ import annotations

import datetime
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from warehouse import TABLES, Lake, refresh, session
from warehouse.errors import BusyError

Rows = Callable[..., pa.Table]

ROOT = Path(__file__).parents[2]
COMMITS = 25
ROWS = 40

_TRADES = "select count(*), count(distinct (venue, trade_id)) from trades"


def _batch(venue: str, version: int) -> pa.Table:
    ids = range(version * ROWS, (version + 1) * ROWS)
    same = {"venue": venue, "symbol": "BTCUSDT", "date": datetime.date(2024, 8, 8), "trade_count": 1, "ts_event": 1}
    same |= {"time_scale": 3, "ts_recv": 1, "price": 1, "qty": 1, "price_scale": 2, "qty_scale": 5, "side": 1}
    return pa.Table.from_pylist([{**same, "trade_id": trade_id} for trade_id in ids], schema=TABLES["trades"].schema)


def write(uri: str, venue: str) -> int:
    """Commits each batch, and every third one again as after a crash; returns the rows written."""
    lake, written = Lake(uri), 0
    for version in range(COMMITS):
        written += lake.append("trades", _batch(venue, version), writer=venue, version=version)
        if version % 3 == 0:
            written += lake.append("trades", _batch(venue, version), writer=venue, version=version)
    return written


def compact(uri: str, total: int) -> int:
    """Compacts again and again until all rows are there; returns the files it replaced."""
    lake, replaced = Lake(uri), 0
    connection = session(lake)
    while connection.execute("select count(*) from trades").fetchall() != [(total,)]:
        replaced += lake.compact("trades", keep=timedelta(hours=1)).files_removed
        refresh(connection, lake)
    return replaced


def read_until(uri: str, total: int) -> list[list[int]]:
    """Counts and distinct counts of trades, from the first refresh until all rows are there."""
    lake = Lake(uri)
    connection = session(lake)
    seen: list[list[int]] = []
    while not seen or seen[-1][0] < total:
        refresh(connection, lake)
        seen.append(list(connection.execute(_TRADES).fetchall()[0]))
    return seen


def _assert_sound(reads: list[list[int]], total: int) -> None:
    assert reads[-1] == [total, total]
    assert all(count == distinct and count % ROWS == 0 for count, distinct in reads)
    assert [count for count, _ in reads] == sorted(count for count, _ in reads)


def test_threads_lose_and_double_nothing(lake: Lake) -> None:
    lake.create_all()
    total = 2 * COMMITS * ROWS
    with ThreadPoolExecutor(6) as pool:
        writers = [pool.submit(write, lake.uri, venue) for venue in ("binance", "binance_usdm")]
        compaction = pool.submit(compact, lake.uri, total)
        readers = [pool.submit(read_until, lake.uri, total) for _ in range(3)]
        assert [writer.result() for writer in writers] == [total // 2, total // 2]
        assert compaction.result() > 0
        for reader in readers:
            _assert_sound(reader.result(), total)


@pytest.mark.system
def test_processes_lose_and_double_nothing(lake: Lake) -> None:
    lake.create_all()
    total = 2 * COMMITS * ROWS
    calls = [("write", "binance"), ("write", "binance_usdm")] + [("compact", total)] * 2 + [("read_until", total)] * 2
    running = [_start(function, lake.uri, argument) for function, argument in calls]
    try:
        results = [_result(process) for process in running]
    finally:
        for process in running:
            process.kill()
    assert results[:2] == [total // 2, total // 2]
    assert sum(results[2:4]) > 0
    for reads in results[4:]:
        _assert_sound(reads, total)


def merge(uri: str, _: str) -> int:
    """Merges the trades once; returns how many files came of it."""
    return Lake(uri).compact("trades", keep=timedelta(hours=1)).files_added


@pytest.mark.system
def test_processes_that_merge_the_same_files_at_once_double_no_row(lake: Lake) -> None:
    lake.create_all()
    for round_ in range(3):
        for version in range(5 * round_, 5 * round_ + 5):
            lake.append("trades", _batch("binance", version), writer="binance", version=version)
        running = [_start("merge", lake.uri, "") for _ in range(3)]
        assert sum(_result(process) for process in running) >= 1
        assert session(lake).execute(_TRADES).fetchall() == [((5 * round_ + 5) * ROWS,) * 2]


def test_a_table_that_is_merged_elsewhere_is_left_alone(lake: Lake) -> None:
    for version in range(3):
        lake.append("trades", _batch("binance", version), writer="binance", version=version)
    before = lake.files("trades")
    other = Lake(lake.uri)
    with other._alone("trades") as alone:
        assert alone
        assert lake.compact("trades").files_removed == 0
        with pytest.raises(BusyError, match="trades is being compacted"):
            lake.expire("trades", before=datetime.date(2025, 1, 1))
    assert lake.files("trades") == before
    assert lake.compact("trades").files_removed == 3


def test_whoever_was_away_while_the_log_was_cut_off_goes_on(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.append("trades", _batch("binance", 0), writer="binance", version=0)
    monkeypatch.setattr("warehouse.lake._OPENED", WeakValueDictionary())  # as another process, which shares nothing
    other = Lake(lake.uri)
    for version in range(1, 5):
        other.append("trades", _batch("binance", version), writer="binance", version=version)
    other.compact("trades")
    log = Path(lake.uri) / "trades" / "_delta_log"
    for commit in log.iterdir():
        os.utime(commit, (1, 1))  # long ago: the next checkpoint deletes it
    other.append("trades", _batch("binance", 5), writer="binance", version=5)
    other.compact("trades")
    assert not (log / f"{1:020}.json").exists()
    assert lake.version("trades", "binance") == 5
    assert lake.files("trades") == other.files("trades")


def test_a_session_is_refreshed_while_its_cursors_read(lake: Lake) -> None:
    total = COMMITS * ROWS
    connection = session(lake)
    done = threading.Event()

    def read() -> list[int]:
        cursor, seen = connection.cursor(), [0]
        while not done.is_set() or seen[-1] < total:
            seen.append(int(cursor.execute("select count(*) from trades").fetchall()[0][0]))
        return seen

    with ThreadPoolExecutor(3) as pool:
        readers = [pool.submit(read) for _ in range(3)]
        try:
            for version in range(COMMITS):
                lake.append("trades", _batch("binance", version), writer="binance", version=version)
                assert refresh(connection, lake) == ["trades"]
        finally:
            done.set()
        for reader in readers:
            seen = reader.result()
            assert seen[-1] == total
            assert seen == sorted(seen)


@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_split_into_commits_with_repeats_gives_the_same_table(
    tmp_path: Path, recorded_rows: pa.Table, data: st.DataObject
) -> None:
    table = recorded_rows.slice(0, 200)
    cuts = data.draw(st.lists(st.integers(1, 199), unique=True, max_size=8).map(sorted))
    ends = [*cuts, 200]
    lake = Lake(str(tmp_path / data.draw(st.uuids()).hex))
    for start, end in zip([0, *cuts], ends, strict=True):
        lake.append("trades", table.slice(start, end - start), writer="binance", version=end)
        if data.draw(st.booleans()):
            lake = Lake(lake.uri)  # a restart
        # After a crash any rows up to the version that is there may come again.
        again = data.draw(st.integers(0, end))
        assert lake.append("trades", table.slice(again, end - again), writer="binance", version=end) == 0
        if data.draw(st.booleans()):
            lake.compact("trades", keep=timedelta(hours=1))
    stored = session(lake).sql("select * from raw.trades order by trade_id").to_arrow_table()
    assert stored.to_pylist() == table.sort_by("trade_id").to_pylist()


def _start(function: str, uri: str, argument: str | int) -> subprocess.Popen[str]:
    program = (
        "import json, runpy, sys;"
        f"module = runpy.run_path({str(Path(__file__))!r});"
        f"print(json.dumps(module[{function!r}]({uri!r}, {argument!r})))"
    )
    return subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def _result(process: subprocess.Popen[str]) -> Any:
    output, errors = process.communicate(timeout=240)
    assert process.returncode == 0, errors
    return json.loads(output)
