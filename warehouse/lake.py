"""The lake: Delta tables written exactly once, read by anyone while others write.

A commit carries the writer's name and how far in its journal it got, as a Delta application transaction. After a
crash the writer asks for that number and goes on behind it, so no row is lost and none is there twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import TableNotFoundError

from warehouse.tables import TABLES

NEVER = -1
MAX_COMMIT_RETRIES = 50
COMPACT_TARGET_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class Compacted:
    """What one compaction did."""

    table: str
    files_removed: int
    files_added: int
    files_vacuumed: int


class Lake:
    """The Delta tables below one folder or object-store URI.

    Not safe to use across a fork: start processes by `spawn`.
    """

    def __init__(self, uri: str, *, storage_options: dict[str, str] | None = None) -> None:
        self.uri = uri.rstrip("/")
        self._storage_options = storage_options
        self._tables: dict[str, DeltaTable] = {}

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
                storage_options=self._storage_options,
            )

    def location(self, name: str) -> str:
        return f"{self.uri}/{TABLES[name].name}"

    def append(self, name: str, rows: pa.Table, *, writer: str, version: int) -> int:
        """Commits `rows` and `version` together; returns how many rows were written.

        A version that this writer already committed writes nothing: the rows are there.

        Args:
            writer: whose journal the version counts, unique among everything that writes to this table.
            version: number of the last journal frame that these rows take in; grows from commit to commit.
        """
        if version <= self.version(name, writer):
            return 0
        table = TABLES[name]
        write_deltalake(
            self._open(name),
            rows.select(table.schema.names).cast(table.schema),
            mode="append",
            partition_by=list(table.partition_by),
            writer_properties=table.writer_properties,
            commit_properties=CommitProperties(
                app_transactions=[Transaction(writer, version)], max_commit_retries=MAX_COMMIT_RETRIES
            ),
            storage_options=self._storage_options,
        )
        return int(rows.num_rows)

    def version(self, name: str, writer: str) -> int:
        """The last version that `writer` committed to this table; `NEVER` if none."""
        table = self._open(name)
        table.update_incremental()
        found = table.transaction_version(writer)
        return NEVER if found is None else int(found)

    def files(self, name: str) -> list[str]:
        """Parquet files that make up the table now."""
        table = self._open(name)
        table.update_incremental()
        return list(table.file_uris())

    def compact(self, name: str, *, keep: timedelta) -> Compacted:
        """Merges small files, and deletes files that no reader younger than `keep` can still be reading."""
        table = self._open(name)
        table.update_incremental()
        metrics = table.optimize.compact(
            target_size=COMPACT_TARGET_BYTES,
            writer_properties=TABLES[name].writer_properties,
            commit_properties=CommitProperties(max_commit_retries=MAX_COMMIT_RETRIES),
        )
        hours = max(int(keep.total_seconds() // 3600), 1)
        vacuumed = table.vacuum(retention_hours=hours, dry_run=False, enforce_retention_duration=False)
        table.create_checkpoint()
        return Compacted(name, metrics["numFilesRemoved"], metrics["numFilesAdded"], len(vacuumed))

    def _open(self, name: str) -> DeltaTable:
        if name not in self._tables:
            try:
                self._tables[name] = DeltaTable(self.location(name), storage_options=self._storage_options)
            except TableNotFoundError:
                self.create_all()
                self._tables[name] = DeltaTable(self.location(name), storage_options=self._storage_options)
        return self._tables[name]


def local_path(uri: str) -> Path | None:
    """The folder behind a lake URI, or None for an object store."""
    return None if "://" in uri and not uri.startswith("file://") else Path(uri.removeprefix("file://"))
