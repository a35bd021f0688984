"""The SQL page: what it answers, refuses, bounds, keeps and gives away."""

from __future__ import annotations

import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest
from sqlalchemy import insert
from streamlit.testing.v1 import AppTest

from streamlit_app import queries
from streamlit_app.queries import Saved
from streamlit_app.reading import settings
from tests.dashboard.conftest import Page
from warehouse.ledger import Ledger, halts

FORBIDDEN = [
    "attach '/tmp/other.db' as other",
    "copy (select 1) to '/tmp/out.csv'",
    "install httpfs",
    "load httpfs",
    "pragma database_list",
    "set memory_limit = '100GB'",
    "create table t as select 1",
    "insert into raw.lake_files values ('trades', [])",
    "delete from raw.lake_files",
    "drop view trades",
    "from read_csv('/etc/passwd')",
    "from read_text('/etc/hostname')",
    "from '/etc/passwd'",
    "from read_parquet('https://example.com/x.parquet')",
    "select getenv('HOME')",
    "select 1; select 2",
    "call pragma_version()",
    "export database '/tmp/out'",
]


def test_refuses_what_does_not_only_read_the_warehouse(page: Page, day: Path) -> None:
    found = page("pages/sql.py", day)
    for sql in FORBIDDEN:
        assert _ask(found, sql).error, sql
        assert "answer" not in found.session_state, sql
    assert _ask(found, "select count(*) as n from trades").session_state["answer"].rows["n"].to_pylist() == [9757]


def test_ends_a_question_without_an_end(page: Page, day: Path) -> None:
    found = page("pages/sql.py", day)
    found.selectbox[2].set_value(5)
    endless = "with recursive r(n) as (select 1 union all select n + 1 from r) select count(*) from r"
    assert "timeout_s=5" in _ask(found, endless).error[0].value


def test_tells_that_there_are_more_rows_than_were_asked_for(page: Page, day: Path) -> None:
    found = page("pages/sql.py", day)
    found.selectbox[1].set_value(1000)
    _ask(found, "from trades")
    assert found.session_state["answer"].rows.num_rows == 1000
    assert any("The first 1,000; there are more." in caption.value for caption in found.caption)


def test_every_example_is_answered(page: Page, day: Path) -> None:
    found = page("pages/sql.py", day)
    for example in queries.EXAMPLES:
        assert not _ask(found, example.sql).error, example.name


def test_the_ledger_is_there_as_it_stands_when_it_is_asked_for(page: Page, tmp_path: Path) -> None:
    found = page("pages/sql.py", tmp_path)
    question = "select reason, ts from halts"
    assert _ask(found, question).session_state["answer"].rows.to_pylist() == []
    with Ledger(settings().ledger) as ledger:
        ledger.migrate()
        with ledger.begin() as connection:
            connection.execute(insert(halts).values(ts_ns=1_000, halted=True, reason="why", actor="me"))
    assert _ask(found, question).session_state["answer"].rows["reason"].to_pylist() == ["why"]
    assert _ask(found, "insert into halts values (1, now(), true, 'x', 'y')").error
    assert _ask(found, "delete from ledger.halts").error


def test_a_ledger_that_is_gone_is_an_error_of_what_asks_for_it_alone(page: Page, tmp_path: Path) -> None:
    found = page("pages/sql.py", tmp_path)
    with Ledger(settings().ledger) as ledger:
        ledger.migrate()
    (tmp_path / "ledger.db").unlink()
    assert "ledger.db" in _ask(found, "from halts").error[0].value
    assert _ask(found, "select 1 as one").session_state["answer"].rows.to_pylist() == [{"one": 1}]


def test_a_kept_question_is_there_again_and_a_bad_name_is_refused(tmp_path: Path) -> None:
    queries.write(tmp_path, Saved("spread now", "from spread_1m"))
    assert queries.read(tmp_path) == [Saved("spread now", "from spread_1m")]
    for name in ("../escape", "", ".hidden", "a" * 61, "a/b"):
        with pytest.raises(ValueError, match="letters, digits"):
            queries.write(tmp_path, Saved(name, "select 1"))
    queries.remove(tmp_path, "spread now")
    assert queries.read(tmp_path) == []


def test_an_answer_leaves_as_csv_and_as_parquet() -> None:
    rows = pa.table({"symbol": ["BTCUSDT", None], "levels": [[1.5, 2.0], []]})
    assert queries.as_csv(rows).decode() == '"symbol","levels"\n"BTCUSDT","[1.5, 2.0]"\n,"[]"\n'
    assert pyarrow.parquet.read_table(io.BytesIO(queries.as_parquet(rows))).equals(rows)


def _ask(found: AppTest, sql: str) -> AppTest:
    found.text_area[0].input(sql)
    return found.button[0].click().run()
