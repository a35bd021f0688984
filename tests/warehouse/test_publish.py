"""The published file answers any DuckDB client, and replacing it disturbs nobody."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from warehouse import Lake, query, session
from warehouse.contents import counts
from warehouse.errors import BusyError
from warehouse.publish import VIEWS, publish
from warehouse.relations import read

Rows = Callable[..., pa.Table]

RELATIONS = [relation.name for kind in ("views", "marts") for relation in read(kind)]
MINUTE = 60 * 1_000_000_000

# Any other program: opens the file, says how many rows it sees, and looks again when a line comes in.
READER = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1], read_only=True)
while True:
    seen = connection.execute("select (select count(*) from bars_1m), count(*) from trades").fetchall()
    print(seen[0], flush=True)
    if not sys.stdin.readline():
        break
"""


@pytest.fixture
def filled(lake: Lake, rows: Rows, flow: Rows, recorded_rows: pa.Table) -> Lake:
    lake.append("trades", recorded_rows, writer="binance", version=1)
    lake.append("quotes", rows("quotes", bid=100, ask=101), writer="binance", version=1)
    lake.append("orderflow_1s", flow(), writer="binance", version=1)
    lake.append("quarantine", rows("quarantine", reason="crossed"), writer="binance", version=1)
    return lake


def test_the_file_holds_what_a_session_shows(filled: Lake, tmp_path: Path) -> None:
    published = publish(filled, tmp_path / "warehouse.duckdb")
    live = session(filled)
    with duckdb.connect(str(published.path), read_only=True) as file:
        for name in RELATIONS:
            assert file.table(name).columns == live.table(name).columns
            assert file.table(name).types == live.table(name).types
            assert file.table(name).order("all").fetchall() == live.table(name).order("all").fetchall()
            if name not in VIEWS:
                assert published.rows[name] == len(live.table(name).fetchall())
        tables = file.execute("select table_name, comment from duckdb_tables() where schema_name = 'main'").fetchall()
        assert counts(file) == counts(live)
        assert query(file, "from trades", max_rows=1).num_rows == 1
    assert {name for name, _ in tables} == set(RELATIONS) - set(VIEWS)
    assert all(comment for _, comment in tables)
    assert published.size_bytes == published.path.stat().st_size


def test_an_empty_lake_is_published(lake: Lake, tmp_path: Path) -> None:
    published = publish(lake, tmp_path / "new folder" / "warehouse.duckdb")
    assert set(published.rows.values()) == {0}
    with duckdb.connect(str(published.path), read_only=True) as file:
        assert file.execute("select count(*) from trades").fetchall() == [(0,)]


def test_a_reader_of_the_old_file_reads_on_and_the_next_one_sees_the_new(
    filled: Lake, rows: Rows, tmp_path: Path
) -> None:
    path = publish(filled, tmp_path / "warehouse.duckdb").path
    command = [sys.executable, "-c", READER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdin is not None
        assert reader.stdout is not None
        assert reader.stdout.readline() == "(11, 19904)\n"
        later = 1_723_161_240_000_000_000 + 30 * MINUTE
        filled.append("trades", rows("trades", ts_event=later, trade_id=2**40, qty=1), writer="binance", version=2)
        publish(filled, path)
        reader.stdin.write("again\n")
        reader.stdin.flush()
        assert reader.stdout.readline() == "(11, 19904)\n"
        reader.stdin.close()
    with duckdb.connect(str(path), read_only=True) as file:
        assert file.execute("select (select count(*) from bars_1m), count(*) from trades").fetchall() == [(12, 19905)]


def test_nothing_but_the_file_is_left_behind(filled: Lake, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    abandoned = folder / "warehouse.duckdb.0123.building"
    abandoned.write_bytes(b"half")
    os.utime(abandoned, (0, 0))
    (folder / "warehouse.duckdb.wal").write_bytes(b"of the file that goes")
    publish(filled, folder / "warehouse.duckdb")
    assert [file.name for file in folder.iterdir()] == ["warehouse.duckdb"]


def test_a_target_that_cannot_be_replaced_is_named_and_left_alone(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = publish(lake, tmp_path / "warehouse.duckdb").path
    before = path.read_bytes()

    def locked(_source: Path, _target: Path) -> None:
        raise PermissionError(errno.EACCES, "The process cannot access the file")  # what Windows answers

    monkeypatch.setattr(os, "replace", locked)
    with pytest.raises(BusyError, match=r"warehouse\.duckdb is open in another program"):
        publish(lake, path)
    assert path.read_bytes() == before
    assert not list(tmp_path.glob("*.building*"))
