"""Files in an object store, for DuckDB: read as Delta reads them, with the same address and credentials.

DuckDB's own way is an extension that it fetches from the network, and that wants credentials of its own.
"""

from __future__ import annotations

import functools
from datetime import UTC, datetime

import duckdb
from fsspec import AbstractFileSystem
from pyarrow import fs

from warehouse.lake import object_store

SCHEME = "s3"
KNOWN_BUCKETS, KNOWN_SIZES = 8, 10_000
_NEVER = datetime.fromtimestamp(0, UTC)


class Objects(AbstractFileSystem):  # type: ignore[misc]  # fsspec has no types
    """What DuckDB asks of a file system that it only reads; a path is a whole URI everywhere."""

    protocol = SCHEME
    cachable = False

    def __init__(self) -> None:
        super().__init__()
        self._store = functools.lru_cache(KNOWN_BUCKETS)(object_store)
        self.size = functools.lru_cache(KNOWN_SIZES)(self._size)  # a file of the lake never changes

    def open(self, path: str, mode: str = "rb", **_: object) -> fs.NativeFile:
        """Raises FileNotFoundError, or OSError where the store does not answer."""
        key = path.removeprefix(f"{SCHEME}://")
        return self._store(f"{SCHEME}://{key.partition('/')[0]}").open_input_file(key)

    def glob(self, path: str, **_: object) -> list[str]:
        """Nothing is looked for: a table names its files."""
        return [path]

    def modified(self, _: str) -> datetime:
        """The same for all: what is known of a file holds for as long as it is there."""
        return _NEVER

    def _size(self, path: str) -> int:
        with self.open(path) as file:
            return int(file.size())


def reach(connection: duckdb.DuckDBPyConnection) -> None:
    """Lets the connection read from object stores."""
    if not connection.filesystem_is_registered(SCHEME):
        connection.register_filesystem(Objects())
