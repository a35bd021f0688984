"""SQL over the lake: an in-memory DuckDB that reads the Parquet files a table is made of at one moment.

Schema `raw` holds the stored integers, `main` the views and marts for people. No extension is needed. A file list is a
snapshot: writers append and compact meanwhile without harm, and `refresh` takes the next one. Files that compaction
replaced stay on disk for as long as `Lake.compact` was told to keep them, so refresh at least that often.

One thread at a time uses a connection; give each other thread its `connection.cursor()`, which sees the same views.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from warehouse.lake import Lake, local_path
from warehouse.relations import Relation, quoted, read
from warehouse.tables import TABLES, Table

if TYPE_CHECKING:
    from warehouse.ledger import Ledger

SANDBOX_MEMORY = "1GB"
_MAX_SCALE = 12

_TYPES = {
    pa.int64(): "bigint",
    pa.int32(): "integer",
    pa.int8(): "tinyint",
    pa.float64(): "double",
    pa.string(): "varchar",
    pa.bool_(): "boolean",
    pa.date32(): "date",
}

# Powers of ten from a list and not from power(): twice as fast, and exact on every platform, so that the one rounding
# of the division gives the double nearest to the decimal. Overflow gives null: one bad row must not stop a query.
_GROUND = f"""
create schema raw;
create table raw.lake_files (table_name varchar primary key, files varchar[] not null);
create macro raw.tens(scale) as [{", ".join(f"1e{scale}" for scale in range(_MAX_SCALE + 1))}][scale + 1];
create macro raw.instant(ts, scale) as
    make_timestamp_ns(try(ts * case scale when 3 then 1000000 when 6 then 1000 when 9 then 1 end));
create macro raw.bucket(ts, seconds) as
    make_timestamp_ns(epoch_ns(ts) // (seconds * 1000000000::bigint) * (seconds * 1000000000::bigint));
create macro raw.later(ts, seconds) as make_timestamp_ns(try(epoch_ns(ts) + seconds * 1000000000::bigint));
"""


def session(
    lake: Lake, *, sandbox: bool = False, ledger: Ledger | None = None, memory: str = ""
) -> duckdb.DuckDBPyConnection:
    """An in-memory DuckDB with a view for each table and mart of the lake as it is now; times are UTC.

    Args:
        sandbox: for SQL of people who are not trusted: no file but the lake's can be read, no extension, variable of
            the process or setting reached. Run their SQL through `warehouse.query`, which also keeps it from writing.
        ledger: whose tables are to be there too, as they stand now.
        memory: how much it may take, as "256MB"; most of the machine's where it is not told.
    """
    connection = duckdb.connect(config=_config(sandbox) | ({"memory_limit": memory} if memory else {}))
    build(connection, _listed(lake), (*read("views"), *read("marts")))
    if ledger is not None:
        _mirror(connection, ledger)
    if sandbox:
        lock(connection, lake)
    return connection


def refresh(connection: duckdb.DuckDBPyConnection, lake: Lake, ledger: Ledger | None = None) -> list[str]:
    """Takes the lake's current file lists, and the ledger's rows where one is given. One caller at a time.

    Returns the tables of the lake whose list changed.
    """
    if ledger is not None:
        _mirror(connection, ledger)
    known = files(connection)
    changed = {name: paths for name, paths in _listed(lake).items() if paths != known.get(name)}
    point(connection, changed)
    return list(changed)


class LiveSession:
    """A session for a process that lives long: opened when it is first asked for, then as the lake is at each asking.

    DuckDB keeps the footer of each file that it ever read, and a recorder writes many a second. So the session is made
    anew when compaction has replaced files of it; a cursor of the one before goes on with what that had. One caller at
    a time.
    """

    def __init__(self, lake: Lake, *, memory: str, threads: int) -> None:
        self._lake, self._memory, self._threads = lake, memory, threads
        self._connection: duckdb.DuckDBPyConnection | None = None

    def now(self) -> duckdb.DuckDBPyConnection:
        """The session, with the lake's current file lists."""
        if self._connection is not None:
            known, current = files(self._connection), _listed(self._lake)
            changed = {name: paths for name, paths in current.items() if paths != known.get(name)}
            if any(set(known[name]).difference(paths) for name, paths in changed.items()):
                self._connection = None
            else:
                point(self._connection, changed)
        if self._connection is None:
            self._connection = session(self._lake, memory=self._memory)
            self._connection.execute(f"set threads = {self._threads}")
        return self._connection

    def forget(self) -> None:
        """Opens anew at the next asking, after an error of which nobody knows what it left."""
        self._connection = None


def _listed(lake: Lake) -> dict[str, list[str]]:
    return {name: sorted(lake.files(name)) for name in TABLES}


def _mirror(connection: duckdb.DuckDBPyConnection, ledger: Ledger) -> None:
    from warehouse.ledger.mirror import mirror  # noqa: PLC0415 - SQLAlchemy takes 0.2 s, which the lake alone needs not

    mirror(connection, ledger)


def files(connection: duckdb.DuckDBPyConnection) -> dict[str, list[str]]:
    """The files that the connection reads, by table."""
    return dict(connection.execute("select table_name, files from raw.lake_files").fetchall())


def build(connection: duckdb.DuckDBPyConnection, paths: Mapping[str, list[str]], relations: Iterable[Relation]) -> None:
    """Makes, in an empty database, schema `raw` over these files of each table and then these relations as views."""
    connection.execute("set global TimeZone = 'UTC'")
    # Under `python -c` DuckDB takes itself for a prompt and draws a bar on standard output, which is the caller's.
    connection.execute("set enable_progress_bar = false")
    # A file of the lake never changes: its footer is read once.
    connection.execute("set global parquet_metadata_cache = true")
    connection.execute(_GROUND)
    # The views are made over empty tables, because over hundreds of files each of them would list and open them.
    point(connection, {name: [] for name in paths})
    with _transaction(connection):
        for relation in relations:
            connection.execute(f"create view {relation.name} as {relation.select}")
            connection.execute(f"comment on view {relation.name} is {quoted(relation.grain)}")
    point(connection, {name: table_files for name, table_files in paths.items() if table_files})


def point(connection: duckdb.DuckDBPyConnection, paths: Mapping[str, list[str]]) -> None:
    """Lets the named tables of schema `raw` read these files, all at once for whoever asks meanwhile."""
    if any("://" in path for table_files in paths.values() for path in table_files):
        from warehouse.objects import reach  # noqa: PLC0415 - fsspec is installed where a lake is in an object store

        reach(connection)
    with _transaction(connection):
        for name, table_files in paths.items():
            connection.execute(f"create or replace view raw.{name} as {_select(TABLES[name], table_files)}")
            connection.execute("insert or replace into raw.lake_files values (?, ?)", [name, table_files])


def lock(connection: duckdb.DuckDBPyConnection, lake: Lake) -> None:
    """Leaves the connection the lake's folder and nothing else, for good."""
    folder = local_path(lake.uri)
    root = lake.uri if folder is None else folder.resolve().as_posix()
    connection.execute(f"set allowed_directories = [{quoted(root + '/')}]")
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")


def _config(sandbox: bool) -> dict[str, str | bool | int | float | list[str]]:
    config: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    if sandbox:
        config |= {"memory_limit": SANDBOX_MEMORY, "temp_directory": ""}
    return config


def _select(table: Table, paths: list[str]) -> str:
    if not paths:
        columns = ", ".join(f'null::{_type(column.type)} as "{column.name}"' for column in table.schema)
        return f"select {columns} where false"
    columns = ", ".join(f'"{column.name}"' for column in table.schema)
    types = ", ".join(f"{name}: {_type(table.schema.field(name).type)}" for name in table.partition_by)
    listed = ", ".join(map(quoted, paths))
    hive = f"hive_partitioning = true, hive_types = {{{types}}}"
    return f"select {columns} from read_parquet([{listed}], {hive})"  # noqa: S608 - our names, quoted paths


def _type(kind: pa.DataType) -> str:
    return f"{_type(kind.value_type)}[]" if pa.types.is_list(kind) else _TYPES[kind]


@contextlib.contextmanager
def _transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    connection.begin()
    try:
        yield
    except BaseException:
        connection.rollback()
        raise
    connection.commit()
