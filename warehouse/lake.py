"""The lake: Delta tables written exactly once, read by anyone while others write.

A commit carries the writer's name and how far in its journal it got, as a Delta application transaction. After a
crash the writer asks for that number and goes on behind it, so no row is lost and none is there twice.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from math import ceil
from pathlib import Path
from tempfile import gettempdir
from threading import Lock
from weakref import WeakValueDictionary

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake.exceptions import DeltaError, TableNotFoundError
from pyarrow import fs

from warehouse import files
from warehouse.errors import BusyError, RefusedError
from warehouse.lock import lock
from warehouse.stored import StoredFile
from warehouse.tables import TABLES

NEVER = -1
MAX_COMMIT_RETRIES = 50
COMPACT_TARGET_BYTES = 64 * 1024 * 1024
KEEP = timedelta(hours=24)
"""How long replaced files stay: longer than any reader goes on with one file list."""


@dataclass(frozen=True)
class Compacted:
    """What one compaction did."""

    table: str
    files_removed: int
    files_added: int
    files_vacuumed: int


@dataclass(frozen=True)
class Expired:
    """What was dropped from one table: whole days before `before`."""

    table: str
    before: date
    files_removed: int


class _Shared:
    """A table that is open in this process."""

    def __init__(self, table: DeltaTable) -> None:
        self.table = table
        self.lock = Lock()


_OPENED: WeakValueDictionary[str, _Shared] = WeakValueDictionary()  # by location, for as long as a Lake has it
_OPENING = Lock()


class Lake:
    """The Delta tables below one folder or object-store URI.

    Any thread may use it. Lakes of one process share what they know of a table, which takes 2 KB a file. Not safe to
    use across a fork: start processes by `spawn`.

    Raises:
        RefusedError: the path of a local lake holds a character that Delta or DuckDB take for something else.
    """

    def __init__(self, uri: str) -> None:
        folder = local_path(uri)
        if folder is not None and (taken := set(str(folder)) & set("*?[]%")):
            raise RefusedError(f"lake {uri!r}: its path must be without {' '.join(sorted(taken))}; rename the folder")
        self.uri = uri.rstrip("/") if folder is None else folder.absolute().as_posix()
        self._tables: dict[str, _Shared] = {}

    def create_all(self) -> None:
        """Makes each table that is not there yet."""
        for table in TABLES.values():
            DeltaTable.create(
                self.location(table.name),
                schema=table.schema,
                mode="ignore",
                partition_by=list(table.partition_by),
                name=table.name,
                description=table.doc,
            )

    def location(self, name: str) -> str:
        return f"{self.uri}/{TABLES[name].name}"

    def append(self, name: str, rows: pa.Table, *, writer: str, version: int) -> int:
        """Commits `rows` and `version` together; returns how many rows were written.

        A version that this writer already committed writes nothing: the rows are there.

        Args:
            writer: whose journal the version counts, unique among everything that writes to this table.
            version: number of the last journal frame that these rows take in; grows from commit to commit.

        Raises:
            RefusedError: a partition column holds an empty text, which Delta would commit as null into a column that
                allows none and never open again. Nothing was written.
        """
        table = TABLES[name]
        if version <= self.version(name, writer):
            return 0
        written = files.write(self._folder(name), table, rows)
        with self._newest(name) as newest:
            newest.create_write_transaction(
                written,
                mode="append",
                schema=table.schema,
                partition_by=list(table.partition_by),
                commit_properties=CommitProperties(
                    app_transactions=[Transaction(writer, version)], max_commit_retries=MAX_COMMIT_RETRIES
                ),
            )
        return int(rows.num_rows)

    def version(self, name: str, writer: str) -> int:
        """The last version that `writer` committed to this table; `NEVER` if none."""
        with self._newest(name) as table:
            found = table.transaction_version(writer)
        return NEVER if found is None else int(found)

    def files(self, name: str) -> list[str]:
        """Parquet files that make up the table now: absolute paths, or URIs in an object store.

        They stay where they are until a compaction replaces them, and then for as long as it keeps replaced files.
        """
        with self._newest(name) as table:
            return self._paths(name, table)

    def stored(self, name: str) -> Iterator[StoredFile]:
        """Those files, to be read without a query engine."""
        folder, depth = self._folder(name), len(TABLES[name].partition_by) + 1
        for path in self.files(name):
            yield StoredFile(folder, "/".join(path.split("/")[-depth:]))

    def snapshot(self, name: str, at: int | None = None) -> tuple[int, list[str]]:
        """The table's version, the newest or `at`, and the files that make it up.

        Raises:
            RefusedError: there is no such version, or its files may have been deleted by a compaction since.
        """
        if at is None:
            with self._newest(name) as table:
                at, paths = int(table.version()), self._paths(name, table)
        else:
            try:
                paths = self._paths(name, DeltaTable(self.location(name), version=at))
            except DeltaError as error:
                raise RefusedError(f"{name}: version {at} cannot be read: {error}; take a newer one") from error
        if local_path(self.uri) is not None and (gone := [path for path in paths if not Path(path).is_file()]):
            raise RefusedError(f"{name}: {len(gone)} of {len(paths)} files of version {at} are gone: take a newer one")
        return at, paths

    def _paths(self, name: str, table: DeltaTable) -> list[str]:
        if local_path(self.uri) is None:
            return list(table.file_uris())
        # Delta percent-encodes the folder above the table, the file system does not.
        depth = len(TABLES[name].partition_by) + 1
        return ["/".join((self.location(name), *uri.split("/")[-depth:])) for uri in table.file_uris()]

    def compact(self, name: str, *, keep: timedelta = KEEP) -> Compacted:
        """Merges small files, and deletes files that no reader younger than `keep` can still be reading.

        Does nothing while another process merges them.
        """
        hours = max(ceil(keep / timedelta(hours=1)), 1)
        with self._alone(name) as alone:
            return self._compact(name, hours) if alone else Compacted(name, 0, 0, 0)

    def _compact(self, name: str, hours: int) -> Compacted:
        with self._newest(name) as table:
            metrics = table.optimize.compact(
                target_size=COMPACT_TARGET_BYTES,
                writer_properties=TABLES[name].writer_properties,
                commit_properties=CommitProperties(max_commit_retries=MAX_COMMIT_RETRIES),
            )
            vacuumed = table.vacuum(retention_hours=hours, dry_run=False, enforce_retention_duration=False)
            table.create_checkpoint()
        return Compacted(name, metrics["numFilesRemoved"], metrics["numFilesAdded"], len(vacuumed))

    def expire(self, name: str, *, before: date) -> Expired:
        """Drops whole days before `before`; their files go with a later compaction, writers keep their versions.

        Raises:
            BusyError: the table is being compacted.
        """
        with self._alone(name) as alone, self._newest(name) as table:
            if not alone:
                raise BusyError(f"{name} is being compacted: try again when that is done")
            metrics = table.delete(
                f"date < '{before.isoformat()}'",
                commit_properties=CommitProperties(max_commit_retries=MAX_COMMIT_RETRIES),
            )
        return Expired(name, before, metrics["num_removed_files"])

    @contextmanager
    def _alone(self, name: str) -> Iterator[bool]:
        """Whether nobody else on this machine rewrites files of this table.

        Of two that merge the same files at once, Delta's library lets both commit, and each row stands twice.
        """
        folder = (
            local_path(self.uri) or Path(gettempdir()) / f"trifecta-{hashlib.sha256(self.uri.encode()).hexdigest()}"
        )
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / f".{name}.lock", os.O_RDWR | os.O_CREAT)
        try:
            yield _is_taken(handle)
        finally:
            os.close(handle)

    def _folder(self, name: str) -> fs.SubTreeFileSystem:
        """Where this table's files are."""
        return fs.SubTreeFileSystem(self.location(name).rpartition("://")[2], self._files)

    @cached_property
    def _files(self) -> fs.FileSystem:
        return fs.LocalFileSystem() if local_path(self.uri) is not None else object_store(self.uri)

    @contextmanager
    def _newest(self, name: str) -> Iterator[DeltaTable]:
        """The table as it is now, for one thread at a time."""
        if name not in self._tables:
            self._tables[name] = self._shared(name)
        opened = self._tables[name]
        with opened.lock:
            if not self._is_newest(name, opened.table.version()):
                opened.table.update_incremental()
            yield opened.table

    def _is_newest(self, name: str, version: int) -> bool:
        """Whether a local table's log shows at a glance that no commit follows this one; to let Delta look takes ms.

        Commits are numbered without a hole, and old ones are deleted oldest first.
        """
        folder = local_path(self.location(name))
        if folder is None:
            return False
        known, following = (folder / "_delta_log" / f"{number:020}.json" for number in (version, version + 1))
        return known.exists() and not following.exists()

    def _shared(self, name: str) -> _Shared:
        with _OPENING:
            location = self.location(name)
            found = _OPENED.get(location)
            if found is None:
                _OPENED[location] = found = _Shared(self._load(name))
            return found

    def _load(self, name: str) -> DeltaTable:
        try:
            return DeltaTable(self.location(name))
        except TableNotFoundError:
            self.create_all()
            return DeltaTable(self.location(name))


def _is_taken(handle: int) -> bool:
    """Whether the lock was free, and is ours now."""
    try:
        lock(handle)
    except OSError:
        return False
    return True


def local_path(uri: str) -> Path | None:
    """The folder behind a lake URI, or None for an object store."""
    return None if "://" in uri and not uri.startswith("file://") else Path(uri.removeprefix("file://"))


def object_store(uri: str) -> fs.FileSystem:
    """What speaks S3, at the address and with the credentials that Delta takes from the environment too.

    Delta's own file system keeps the interpreter to itself while it waits for an answer: no frame would be taken in.
    """
    store, _ = fs.FileSystem.from_uri(f"{uri}?allow_delayed_open=true")
    return store
