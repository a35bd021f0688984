"""The lake as one `.duckdb` file that any DuckDB client opens."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from warehouse.errors import BusyError
from warehouse.lake import Lake
from warehouse.relations import Relation, quoted, read
from warehouse.sessions import build, files, session

VIEWS = ("trades", "quotes", "book_top")
"""Too large to copy: these stay views over the lake's files, valid until those are vacuumed."""
ABANDONED_AFTER_S = 3600


@dataclass(frozen=True)
class Published:
    """What one publication wrote. `rows` counts the copied tables, by name."""

    path: Path
    size_bytes: int
    rows: Mapping[str, int]
    took_s: float


def publish(lake: Lake, path: Path) -> Published:
    """Writes the lake to `path`, built aside and swapped in whole.

    Marts and small tables are copied. `trades`, `quotes` and `book_top` are views over the absolute paths of the files
    that made up the lake at this moment: they answer until those files are vacuumed, so publish more often than the
    lake keeps replaced files. Who has the old file open goes on reading it; who opens `path` next gets the new one
    (inside one process: once all connections to the old one are closed).

    Raises:
        BusyError: the system does not replace a file that is open (Windows); the old one is untouched.
    """
    started = time.monotonic()
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(path)
    building = path.with_name(f"{path.name}.{uuid.uuid4().hex}.building")
    try:
        rows = _write(lake, building)
        size_bytes = building.stat().st_size
        _swap(building, path)
    finally:
        building.unlink(missing_ok=True)
    return Published(path, size_bytes, rows, time.monotonic() - started)


def _write(lake: Lake, building: Path) -> dict[str, int]:
    relations = {relation.name: relation for relation in (*read("views"), *read("marts"))}
    with session(lake) as source:
        snapshot = files(source)
        rows = _copy(source, building, [relation for name, relation in relations.items() if name not in VIEWS])
    with duckdb.connect(str(building)) as target:
        build(target, {name: snapshot[name] for name in VIEWS}, [relations[name] for name in VIEWS])
    return rows


def _copy(source: duckdb.DuckDBPyConnection, building: Path, relations: list[Relation]) -> dict[str, int]:
    rows = {}
    source.execute(f"attach {quoted(str(building))} as published")
    for name, grain in ((relation.name, relation.grain) for relation in relations):
        # Sorted by venue, symbol and time: smaller, and a query for one day skips the rest.
        copied = source.execute(f"create table published.{name} as from {name} order by all").fetchall()
        source.execute(f"comment on table published.{name} is {quoted(grain)}")
        rows[name] = int(copied[0][0])
    source.execute("detach published")
    return rows


def _swap(building: Path, path: Path) -> None:
    # A write-ahead log of the file that goes must not be applied to the one that comes.
    path.with_name(f"{path.name}.wal").unlink(missing_ok=True)
    try:
        os.replace(building, path)  # noqa: PTH105 - replaces an existing file on Windows too
    except PermissionError as error:
        raise BusyError(
            f"{path} is open in another program and this system does not replace open files; close it"
        ) from error


def _remove_abandoned(path: Path) -> None:
    oldest = time.time() - ABANDONED_AFTER_S
    for left in path.parent.glob(f"{path.name}.*.building*"):
        if left.stat().st_mtime < oldest:
            left.unlink(missing_ok=True)
