"""The ledger opens, migrates and keeps what was committed, on both databases."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import event, insert, select
from sqlalchemy.exc import IntegrityError, OperationalError

from warehouse.ledger import Ledger, halts, metadata, model_events, models
from warehouse.ledger.ledger import HEAD, MIGRATIONS, LedgerError

CHAMPION = {
    "target": "range", "venue": "binance", "symbol": "BTCUSDT", "horizon_s": 300, "network": "lstm",
    "status": "champion", "folder": "models/a", "sha256": "0" * 64, "created_at": 1,
}  # fmt: skip


def test_revisions_lead_to_the_tables_that_the_program_uses(ledger: Ledger) -> None:
    with ledger.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_head_is_the_newest_revision() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_several_may_migrate_at_once(url: str) -> None:
    ledgers = [Ledger(url) for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(Ledger.migrate, ledgers))
    assert [ledger.revision() for ledger in ledgers] == [HEAD] * 3
    for ledger in ledgers:
        ledger.close()


def test_a_new_ledger_is_opened_while_another_process_writes_to_it(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("begin immediate")
    asked: list[str] = []

    def release_when_asked_again(statement: str) -> None:
        if "journal_mode" in statement:
            asked.append(statement)
        if len(asked) == 2:
            other.execute("commit")

    with Ledger(f"sqlite:///{path}") as ledger:
        trace = sqlite3.Connection.set_trace_callback
        event.listen(ledger.engine, "connect", lambda opened, _: trace(opened, release_when_asked_again), insert=True)
        ledger.migrate()
        assert ledger.revision() == HEAD
    assert len(asked) > 1
    other.close()


def test_an_exception_takes_back_the_whole_transaction(ledger: Ledger) -> None:
    def fail() -> None:
        with ledger.begin() as connection:
            connection.execute(insert(models).values(version="a", **CHAMPION))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with ledger.read() as connection:
        assert connection.execute(select(models)).all() == []


def test_refuses_a_second_champion(ledger: Ledger) -> None:
    with ledger.begin() as connection:
        connection.execute(insert(models).values(version="a", **CHAMPION))
    with pytest.raises(IntegrityError), ledger.begin() as connection:
        connection.execute(insert(models).values(version="b", **CHAMPION))


def test_refuses_an_event_of_a_model_that_is_not_there(ledger: Ledger) -> None:
    with pytest.raises(IntegrityError), ledger.begin() as connection:
        connection.execute(insert(model_events).values(ts_ns=1, version="none", to_status="retired"))


def test_a_file_that_is_gone_is_missed_by_who_has_it_open_and_by_who_opens_it_and_found_again(tmp_path: Path) -> None:
    path, aside = tmp_path / "ledger.db", tmp_path / "aside"
    with Ledger(f"sqlite:///{path}") as ledger:
        ledger.migrate()
        with ledger.begin() as connection:
            connection.execute(insert(halts).values(ts_ns=1, halted=True, reason="kept", actor="test"))
        path.rename(aside)
        with Ledger(f"sqlite:///{path}") as another:
            for each in (ledger.revision, ledger.migrate, another.revision, another.migrate):
                with pytest.raises(OperationalError, match=r"is gone: bring it back, or remove ledger\.db\.made"):
                    each()
            assert not path.exists()
            aside.rename(path)
            for one in (ledger, another):
                with one.read() as connection:
                    assert connection.execute(select(halts.c.reason)).scalars().all() == ["kept"]


def test_a_file_that_another_took_the_place_of_is_read_no_more(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with Ledger(f"sqlite:///{tmp_path / 'restored'}") as other:
        other.migrate()
    with Ledger(f"sqlite:///{path}") as ledger:
        ledger.migrate()
        with ledger.begin() as connection:
            connection.execute(insert(halts).values(ts_ns=1, halted=True, reason="old", actor="test"))
        for beside in ("-wal", "-shm"):
            path.with_name(f"{path.name}{beside}").unlink()
        (tmp_path / "restored").replace(path)
        with ledger.read() as connection:
            assert connection.execute(select(halts.c.reason)).scalars().all() == []


def test_begins_anew_where_the_mark_of_the_one_before_was_removed_too(tmp_path: Path) -> None:
    for _ in range(2):
        with Ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
            ledger.migrate()
        for path in tmp_path.glob("ledger.db*"):
            path.unlink()


def test_refuses_another_database() -> None:
    with pytest.raises(LedgerError, match="names 'mysql'"):
        Ledger("mysql://root@localhost/x")
