"""A query is bounded in rows and time, changes nothing, and in a sandbox reaches nothing but the lake."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from warehouse import Lake, query, refresh, session
from warehouse.errors import QueryTimeoutError, RefusedError
from warehouse.queries import TRUNCATED
from warehouse.relations import read

Rows = Callable[..., pa.Table]

secret_of_this_process = pa.table({"password": ["hunter2"]})


@pytest.fixture
def sandbox(lake: Lake, rows: Rows) -> duckdb.DuckDBPyConnection:
    lake.append("trades", rows("trades", trade_id=[1, 2, 3], price=6183763), writer="binance", version=1)
    return session(lake, sandbox=True)


def test_an_answer_is_cut_at_max_rows_and_says_so(sandbox: duckdb.DuckDBPyConnection) -> None:
    cut = query(sandbox, "select trade_id from trades order by trade_id desc", max_rows=2)
    assert cut["trade_id"].to_pylist() == [3, 2]
    assert cut.schema.metadata[TRUNCATED] == b"true"
    whole = query(sandbox, "from trades", max_rows=3)
    assert whole.num_rows == 3
    assert whole.schema.metadata[TRUNCATED] == b"false"


def test_values_are_bound_by_place_and_by_name(sandbox: duckdb.DuckDBPyConnection) -> None:
    text = "'; drop table raw.lake_files; --"
    assert query(sandbox, "select ? as text", [text])["text"].to_pylist() == [text]
    assert query(sandbox, "select $text as text", {"text": text})["text"].to_pylist() == [text]


def test_a_query_that_takes_too_long_is_stopped_and_the_next_one_answers(sandbox: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(QueryTimeoutError, match=r"timeout_s=0\.2"):
        query(sandbox, "select sum(a.range * b.range) from range(10000000) a, range(10000000) b", timeout_s=0.2)
    assert query(sandbox, "select 1 as one")["one"].to_pylist() == [1]


def test_more_rows_than_memory_are_never_computed(sandbox: duckdb.DuckDBPyConnection) -> None:
    assert query(sandbox, "from range(1000000000000)", max_rows=5)["range"].to_pylist() == [0, 1, 2, 3, 4]


def test_a_query_that_wants_more_memory_than_there_is_ends_and_the_next_one_answers(
    sandbox: duckdb.DuckDBPyConnection,
) -> None:
    with pytest.raises(duckdb.OutOfMemoryException):
        query(sandbox, "select list(repeat('x', 4000000) || range) from range(1000)")
    assert query(sandbox, "select 1 as one")["one"].to_pylist() == [1]


def test_threads_may_ask_one_connection(sandbox: duckdb.DuckDBPyConnection) -> None:
    answers: list[int] = []

    def ask() -> None:
        answers.extend(query(sandbox, "select count(*) as n from trades")["n"][0].as_py() for _ in range(20))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [3] * 80


@pytest.mark.parametrize(
    "sql",
    [
        "",
        "-- nothing",
        "select 1; select 2",
        "explain analyze select 1",
        "pragma version",
        "call pragma_version()",
        "set threads = 1",
        "create table t as select 1",
        "insert into raw.lake_files values ('trades', [])",
        "attach ':memory:' as other",
        "copy (select 1) to 'x.csv'",
        "install json",
        "load json",
        "begin",
        "checkpoint",
    ],
)
def test_anything_but_one_select_is_refused(sandbox: duckdb.DuckDBPyConnection, sql: str) -> None:
    with pytest.raises(RefusedError, match="expected one SELECT"):
        query(sandbox, sql)


def test_a_select_that_writes_is_refused(sandbox: duckdb.DuckDBPyConnection, lake: Lake) -> None:
    hidden = "with gone as (delete from raw.lake_files returning *) select * from gone"
    with pytest.raises(duckdb.Error, match=r"read-only|top level"):
        query(sandbox, hidden)
    assert refresh(sandbox, lake) == []


@pytest.mark.parametrize("sql", ["from trades", "describe trades", "summarize trades", "show tables", "values (1)"])
def test_every_way_to_ask_is_taken(sandbox: duckdb.DuckDBPyConnection, sql: str) -> None:
    assert query(sandbox, sql).num_rows > 0


@pytest.mark.parametrize(
    "sql",
    [
        "from read_csv('/etc/passwd')",
        "from read_text('/etc/passwd')",
        "from read_blob('/proc/self/environ')",
        "from glob('/etc/*')",
        "from '/etc/passwd'",
        "from read_text('{lake}/../outside.txt')",
        "from read_text('{lake}-beside/outside.txt')",
        "from read_parquet('https://127.0.0.1/x.parquet')",
        "from query('copy (select 1) to ''/tmp/x.csv''')",
    ],
)
def test_a_sandbox_reads_nothing_but_the_lake(
    sandbox: duckdb.DuckDBPyConnection, lake: Lake, tmp_path: Path, sql: str
) -> None:
    beside = Path(f"{lake.uri}-beside")
    beside.mkdir()
    for folder in (tmp_path, beside):
        (folder / "outside.txt").write_text("outside")
    with pytest.raises(duckdb.Error):
        query(sandbox, sql.format(lake=lake.uri))


@pytest.mark.parametrize(
    "sql",
    [
        "from read_csv('/etc/passwd')",
        "copy (select 1) to '{folder}/x.csv'",
        "attach '{folder}/x.duckdb'",
        "export database '{folder}/x'",
        "from secret_of_this_process",
        "install httpfs",
        "load httpfs",
        "set threads = 1",
        "pragma threads = 1",
        "reset threads",
        "set lock_configuration = false",
        "set enable_external_access = true",
    ],
)
def test_a_sandbox_stays_shut_for_statements_too(sandbox: duckdb.DuckDBPyConnection, tmp_path: Path, sql: str) -> None:
    with pytest.raises(duckdb.Error):
        sandbox.execute(sql.format(folder=tmp_path))
    assert not list(tmp_path.glob("x*"))


@pytest.mark.parametrize("name", [relation.name for kind in ("views", "marts") for relation in read(kind)])
def test_every_relation_works_in_a_sandbox(sandbox: duckdb.DuckDBPyConnection, name: str) -> None:
    assert query(sandbox, f"from {name}").num_rows >= 0


def test_a_sandbox_follows_the_lake(sandbox: duckdb.DuckDBPyConnection, lake: Lake, rows: Rows) -> None:
    lake.append("trades", rows("trades", trade_id=[4]), writer="binance", version=2)
    assert refresh(sandbox, lake) == ["trades"]
    assert query(sandbox, "from trades").num_rows == 4
