"""The ledger's connection: one writer at a time, any number of readers, the same on SQLite and PostgreSQL."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Connection, create_engine, event, inspect, make_url, text
from sqlalchemy.engine import URL, Engine
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry

from warehouse.errors import WarehouseError

HEAD = "r0005"
"""Newest revision: known here, so that opening a ledger that is up to date does not load Alembic."""
MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_TIMEOUT_S = 30.0
_SWITCH_POLL_S = 0.01
_WRITER_LOCK = 0x7472_6966  # PostgreSQL advisory lock that a writer holds until it commits
_DURABLE, _BEGIN = "ledger_durable", "ledger_begin"


class LedgerError(WarehouseError):
    """The ledger cannot be opened, or is of another version than this program."""


class Ledger:
    """Opens `url`; nothing is created before `migrate`."""

    def __init__(self, url: str, *, durable: bool = True) -> None:
        """
        Args:
            durable: False for a ledger that nobody misses after a power cut: no commit of it waits for the disk.
        """
        self._durable = durable
        self._url = _driver(url)
        self.is_sqlite = self._url.get_backend_name() == "sqlite"
        self._file = _File.of(self._url)
        self.engine = _sqlite(self._url, self._file) if self.is_sqlite else create_engine(self._url, pool_pre_ping=True)

    def migrate(self) -> None:
        """Creates the tables, or brings them to this program's version. Any number of processes may call it at once."""
        if self.revision() != HEAD:
            self._upgrade()
        if self._file is not None:
            self._file.made()

    def _upgrade(self) -> None:
        from alembic import command  # noqa: PLC0415 - takes 0.1 s and is needed once in a ledger's life
        from alembic.config import Config  # noqa: PLC0415

        with self.begin() as connection:
            config = Config(attributes={"connection": connection})
            config.set_main_option("script_location", str(MIGRATIONS))
            command.upgrade(config, "head")

    def revision(self) -> str | None:
        """The version of the tables; None in a ledger that was never migrated."""
        if self._file is not None:
            self._file.path.parent.mkdir(parents=True, exist_ok=True)
        with self.read() as connection:
            if not inspect(connection).has_table("alembic_version"):
                return None
            found = connection.execute(text("select version_num from alembic_version")).scalar()
            return None if found is None else str(found)

    @contextmanager
    def begin(self, *, durable: bool = True) -> Iterator[Connection]:
        """A transaction that holds the write lock from its start and commits at the end; an exception rolls it back.

        Nobody else writes meanwhile, so what it read is still true when it commits.

        Args:
            durable: committed means on disk. Without it a power cut, not a crash of the process, may lose the newest.
        """
        options = {_BEGIN: "BEGIN IMMEDIATE", _DURABLE: durable and self._durable}
        with self.engine.connect().execution_options(**options) as connection, connection.begin():
            if not self.is_sqlite:
                if not (durable and self._durable):
                    connection.exec_driver_sql("set local synchronous_commit = off")
                connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": _WRITER_LOCK})
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that sees the ledger as it was at its first query, and that waits for nobody."""
        options: dict[str, Any] = {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ"}
        with self.engine.connect().execution_options(**options) as connection:
            yield connection

    def close(self) -> None:
        self.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _driver(url: str) -> URL:
    found = make_url(url)
    if found.drivername in {"postgresql", "postgres"}:
        return found.set(drivername="postgresql+psycopg")
    if found.get_backend_name() not in {"sqlite", "postgresql"}:
        raise LedgerError(
            f"ledger_url names {found.drivername!r}: expected sqlite:///<path> or postgresql://<user>@<host>/<database>"
        )
    return found


class _File:
    """Where SQLite keeps a ledger, and a mark beside it that there is one.

    SQLite makes a file that is missing, and goes on with one that was taken away under an open connection. Both would
    forget every order without a word.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._mark = path.with_name(f"{path.name}.made")

    @classmethod
    def of(cls, url: URL) -> _File | None:
        """None of a server, and of a ledger in memory."""
        kept = url.get_backend_name() == "sqlite" and (url.database or "") not in {"", ":memory:"}
        return cls(Path(url.database or "")) if kept else None

    def made(self) -> None:
        """From now on a missing file is a loss, not a beginning."""
        self._mark.touch(exist_ok=True)

    def require(self) -> None:
        if self._mark.exists() and not self.path.exists():
            raise sqlite3.OperationalError(
                f"{self.path} is gone: bring it back, or remove {self._mark.name} beside it to begin a new ledger"
            )

    def identity(self) -> tuple[int, int] | None:
        """Of the file that is there now."""
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino


def _sqlite(url: URL, file: _File | None) -> Engine:
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_S})

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _: object) -> None:
        connection.isolation_level = None  # the driver would begin transactions by itself, and late
        _write_ahead(connection)
        connection.execute("pragma foreign_keys = on")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        driver: Any = connection.connection.dbapi_connection
        if _BEGIN in options:
            driver.execute(f"pragma synchronous = {'full' if options[_DURABLE] else 'normal'}")
        driver.execute(options.get(_BEGIN, "BEGIN"))

    if file is not None:
        _keep_to(engine, file)  # last: the connection has touched its file by then
    return engine


def _keep_to(engine: Engine, file: _File) -> None:
    """Lets no connection make a ledger anew, or outlive the file that it opened."""

    @event.listens_for(engine, "do_connect")
    def require(*_: object) -> None:
        file.require()

    @event.listens_for(engine, "connect")
    def remember(_: object, record: ConnectionPoolEntry) -> None:
        record.info["file"] = file.identity()

    @event.listens_for(engine, "checkout")
    def compare(_: object, record: ConnectionPoolEntry, __: object) -> None:
        if record.info["file"] != file.identity():
            raise DisconnectionError(f"{file.path} is not the file that was opened")


def _write_ahead(connection: Any) -> None:
    """Switches to the write-ahead log, which is done once in a ledger's life and alone.

    SQLite does not wait for its turn there, whatever the time-out: of several processes that open a new ledger at once,
    one switches, and the others ask again.
    """
    end_s = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute("pragma journal_mode = wal")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > end_s:
                raise
        time.sleep(_SWITCH_POLL_S)
