"""A lake in a bucket: written, compacted and read at once like one in a folder."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from tests.warehouse.bucket import Bucket, bucket
from tests.warehouse.test_concurrent import COMMITS, ROWS, _assert_sound, _batch, _result, _start
from warehouse import Lake, query, refresh, session
from warehouse.objects import reach
from warehouse.publish import publish
from warehouse.sessions import build

URI = "s3://bucket/lake"
TOTAL = 2 * COMMITS * ROWS
ONE_DAY = datetime.date(2024, 8, 8)


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    with bucket() as found:
        for name, value in found.environment.items():
            monkeypatch.setenv(name, value)
        yield found


def test_two_writers_a_compaction_and_a_reader_lose_and_double_nothing(store: Bucket) -> None:
    Lake(URI).create_all()
    calls = [("write", "binance"), ("write", "binance_usdm"), ("compact", TOTAL), ("read_until", TOTAL)]
    running = [_start(function, URI, argument) for function, argument in calls]
    try:
        *written, replaced, reads = [_result(process) for process in running]
    finally:
        for process in running:
            process.kill()
    assert written == [TOTAL // 2, TOTAL // 2]
    assert replaced > 0
    _assert_sound(reads, TOTAL)
    assert store.refused > 0  # they did write at once, and the store let one of them win
    lake = Lake(URI)
    assert sum(len(part.numbers("price")) for file in lake.stored("trades") for part in file.read(("price",))) == TOTAL
    assert lake.expire("trades", before=ONE_DAY + datetime.timedelta(days=1)).files_removed > 0
    assert lake.files("trades") == []


def test_a_sandbox_reads_what_is_written_after_it_was_locked_and_no_other_object(store: Bucket) -> None:
    lake = Lake(URI)
    with session(lake, sandbox=True) as connection:
        lake.append("trades", _batch("binance", 0), writer="binance", version=0)
        refresh(connection, lake)
        assert query(connection, "select count(*) as n from trades").to_pylist() == [{"n": ROWS}]
        Lake("s3://bucket/other").create_all()
        with pytest.raises(duckdb.Error, match="disabled by configuration"):
            query(connection, "from read_text('s3://bucket/other/trades/_delta_log/00000000000000000000.json')")


def test_what_is_published_and_what_is_read_for_one_question_come_from_there(store: Bucket, tmp_path: Path) -> None:
    lake = Lake(URI)
    lake.append("trades", _batch("binance", 0), writer="binance", version=0)
    with duckdb.connect(str(publish(lake, tmp_path / "warehouse.duckdb").path), read_only=True) as file:
        reach(file)
        assert file.execute("select count(*) from trades").fetchall() == [(ROWS,)]
    with duckdb.connect() as connection:
        build(connection, {"trades": lake.snapshot("trades")[1]}, ())
        assert connection.execute("select count(*) from raw.trades").fetchall() == [(ROWS,)]
