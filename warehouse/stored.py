"""What the files of a table hold, read without a query engine.

For processes that ask little and run for months: DuckDB takes 45 MB of such a process for good, and Arrow's own
datasets import pandas, which takes 35.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple
from urllib.parse import unquote

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from warehouse.errors import RefusedError
from warehouse.files import numbers

ROWS_A_BATCH = 1 << 16


class Within(NamedTuple):
    """Only rows of this range are wanted: row groups without one are left out, others come whole."""

    column: str
    least: int
    most: int = int(np.iinfo(np.int64).max)


class Batch:
    """Some rows of one file."""

    def __init__(self, rows: pa.RecordBatch) -> None:
        self._rows = rows

    def numbers(self, name: str) -> npt.NDArray[Any]:
        """(rows,) of the column's own kind.

        Raises:
            RefusedError: a row has none.
        """
        column = self._rows.column(name)
        if column.null_count:
            raise RefusedError(f"{name} is null in {column.null_count} of {len(column)} rows; a number was expected")
        return numbers([column], column.type.to_pandas_dtype())

    def texts(self, name: str) -> list[str]:
        found: list[str] = self._rows.column(name).to_pylist()
        return found


class StoredFile:
    """One file; opened when it is read."""

    def __init__(self, folder: fs.FileSystem, path: str) -> None:
        """
        Args:
            folder: the table's own.
            path: below it: partition columns with their values, then the file.
        """
        self._folder = folder
        self._path = path
        pairs = (part.partition("=") for part in path.split("/")[:-1])
        self.partition = {name: unquote(value) for name, _, value in pairs}

    def read(self, columns: Sequence[str], within: Within | None = None) -> Iterator[Batch]:
        """Rows in the order they are stored, these columns of them; columns of the partition are not in the file.

        Raises:
            OSError: it is not there any more, or cannot be read.
        """
        with pq.ParquetFile(self._path, filesystem=self._folder) as file:
            groups = [n for n in range(file.num_row_groups) if within is None or _reaches(file.metadata, n, within)]
            if groups:
                for rows in file.iter_batches(ROWS_A_BATCH, groups, columns, use_threads=False):
                    yield Batch(rows)


def _reaches(metadata: pq.FileMetaData, number: int, within: Within) -> bool:
    """Whether a row group may hold rows of that range; it may where it does not tell."""
    group = metadata.row_group(number)
    for index in range(group.num_columns):
        column = group.column(index)
        if column.path_in_schema == within.column:
            told = column.statistics if column.is_stats_set else None
            return told is None or not told.has_min_max or (told.max >= within.least and told.min <= within.most)
    return True
