"""The ledger's tables are there for SQL, with money as decimals and times as times."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import insert

from warehouse import Lake, query, refresh, session
from warehouse.ledger import Ledger, equity, halts, marks, metadata
from warehouse.ledger.mirror import mirror

_ZERO = dict.fromkeys(("positions", "capital", "realised", "unrealised", "fees"), Decimal(0))


@pytest.mark.parametrize("sandbox", [False, True])
def test_a_session_holds_the_ledger_as_it_stands_and_as_it_is_refreshed(
    ledger: Ledger, tmp_path: Path, sandbox: bool
) -> None:
    lake = Lake(str(tmp_path / "lake"))
    with ledger.begin() as connection:
        tenth = Decimal("0.10000001")
        row = {
            "ts_ns": 1_700_000_000_000_000_001,
            "portfolio": "paper",
            "currency": "USD",
            "cash": tenth,
            "equity": tenth,
        }
        connection.execute(insert(equity), [row | _ZERO] * 3)
        connection.execute(insert(marks).values(venue="v", symbol="s", price=Decimal("0.000000000001"), ts_ns=1))
    with session(lake, sandbox=sandbox, ledger=ledger) as sql:
        found = query(sql, "select sum(cash) as cash, max(ts)::varchar as ts from equity").to_pylist()
        assert found == [{"cash": Decimal("0.30000003"), "ts": "2023-11-14 22:13:20.000000001"}]
        assert query(sql, "select price from ledger.marks").to_pylist() == [{"price": Decimal("0.000000000001000")}]
        assert query(sql, "select * from fills").num_rows == 0
        with ledger.begin() as connection:
            connection.execute(insert(halts).values(ts_ns=1, halted=True, reason="x", actor="y"))
        refresh(sql, lake, ledger)
        assert query(sql, "select halted, reason from halts").to_pylist() == [{"halted": True, "reason": "x"}]


def test_a_ledger_that_is_not_there_gives_empty_tables(url: str, tmp_path: Path) -> None:
    with Ledger(url) as ledger, session(Lake(str(tmp_path / "lake")), ledger=ledger) as sql:
        assert query(sql, "select count(*) as n from orders").to_pylist() == [{"n": 0}]


def test_only_what_a_question_reads_is_copied_for_it(ledger: Ledger, tmp_path: Path) -> None:
    with session(Lake(str(tmp_path / "lake")), sandbox=True) as sql:
        mirror(sql, ledger, asked="select 1")
        with ledger.begin() as connection:
            connection.execute(insert(halts).values(ts_ns=1, halted=True, reason="x", actor="y"))
            connection.execute(insert(marks).values(venue="v", symbol="s", price=Decimal(1), ts_ns=1))
        counted = {}
        for name in ('"MARKS"', "ledger.marks", "query_table('ha' || 'lts')"):
            mirror(sql, ledger, asked=f"from {name}")
            counted[name] = query(sql, "select (select count(*) from marks), (select count(*) from halts)").to_pylist()
        assert [list(*(row.values() for row in rows)) for rows in counted.values()] == [[1, 0], [1, 0], [1, 1]]


def test_every_table_of_the_ledger_says_what_a_row_is(ledger: Ledger, tmp_path: Path) -> None:
    with session(Lake(str(tmp_path / "lake")), ledger=ledger) as sql:
        told = query(sql, "select view_name, comment from duckdb_views() where schema_name = 'main'").to_pylist()
    comments = {row["view_name"]: row["comment"] for row in told}
    assert {name: (comments[name] or "")[:8] for name in metadata.tables} == dict.fromkeys(metadata.tables, "One row ")
