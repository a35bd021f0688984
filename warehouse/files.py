"""The Parquet files of one commit: written here, column by column as the table asks for, then named to Delta.

Delta's own writer splits rows into partitions through a query engine, which costs as much again as the writing, and
40 MB for good. Rows of a commit are nearly always of few partitions and in order, so slices do.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake.transaction import AddAction, RemoveAction
from pyarrow import fs

from warehouse.errors import RefusedError
from warehouse.tables import COMPRESSION_LEVEL, Table

Codes = npt.NDArray[np.integer[Any]]
ROWS_A_GROUP = 1 << 20
_EPOCH = np.datetime64("1970-01-01", "D")


class Partition(NamedTuple):
    """Rows that share a folder."""

    values: dict[str, str]
    rows: pa.Table


def write(folder: fs.SubTreeFileSystem, table: Table, rows: pa.Table) -> list[AddAction | RemoveAction]:
    """Writes a file for each partition among `rows`, and returns what Delta must be told of them.

    Args:
        folder: the table's own.

    Raises:
        RefusedError: a partition column holds null or an empty text.
    """
    return [_write(folder, table, partition) for partition in partitions(table, rows)]


def partitions(table: Table, rows: pa.Table) -> Iterator[Partition]:
    """The partitions among `rows`, each with its rows in the order they had.

    Raises:
        RefusedError: a partition column holds null or an empty text, which would become a null that the table does
            not allow and never opens again.
    """
    if not rows.num_rows:
        return
    coded = {name: _coded(table, name, rows[name]) for name in table.partition_by}
    key: Codes | None = None
    for texts, codes in coded.values():
        if len(texts) > 1:
            key = codes if key is None else key.astype(np.int64) * len(texts) + codes
    if key is None:
        yield Partition(_named(coded, 0), rows)
        return
    starts = _starts(key)
    if len(starts) > len(np.unique(key[starts])):
        order = np.argsort(key, kind="stable")
        rows, key = rows.take(_plain(order)), key[order]
        starts = _starts(key)
    for start, stop in zip(starts, [*starts[1:], len(key)], strict=True):
        yield Partition(_named(coded, int(key[start])), rows.slice(start, stop - start))


def _starts(key: Codes) -> npt.NDArray[np.int64]:
    """Where each run of the same key begins."""
    return np.concatenate([[0], np.flatnonzero(key[1:] != key[:-1]) + 1])


def _named(coded: Mapping[str, tuple[list[str], Codes]], key: int) -> dict[str, str]:
    """Values of the partition columns behind a key."""
    values = {}
    for name in reversed(list(coded)):
        texts, _ = coded[name]
        key, code = divmod(key, len(texts))
        values[name] = texts[code]
    return {name: values[name] for name in coded}


def _coded(table: Table, name: str, column: pa.ChunkedArray) -> tuple[list[str], Codes]:
    """(values as Delta writes them, which of them each row has, integers (rows,))."""
    if column.null_count:
        raise RefusedError(f"{table.name}: {name} is null in some rows; it names a partition")
    if pa.types.is_date32(column.type):
        days = numbers(column.chunks, np.int32)
        first, last = int(days.min()), int(days.max())
        return [str(_EPOCH + day) for day in range(first, last + 1)], days - first
    coded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    coded = coded.unify_dictionaries()
    texts = coded.chunk(0).dictionary.to_pylist()
    if "" in texts:
        raise RefusedError(f"{table.name}: {name} is empty in some rows; it names a partition and must be a text")
    indices = [chunk.indices for chunk in coded.chunks]
    return texts, numbers(indices, indices[0].type.to_pandas_dtype())


def _write(folder: fs.SubTreeFileSystem, table: Table, partition: Partition) -> AddAction:
    schema = table.file_schema
    directory = "/".join(f"{name}={quote(value, safe='')}" for name, value in partition.values.items())
    path = f"{directory}/part-{uuid.uuid4()}.parquet"
    if folder.base_fs.type_name == "local":  # an object store knows no folders
        folder.create_dir(directory)
    written: list[pq.FileMetaData] = []
    pq.write_table(
        partition.rows.select(schema.names).cast(schema),
        path,
        filesystem=folder,
        row_group_size=ROWS_A_GROUP,
        compression="zstd",
        compression_level=COMPRESSION_LEVEL,
        use_dictionary=[_leaf(field) for field in schema if field.name not in table.delta],
        column_encoding=dict.fromkeys(table.delta, "DELTA_BINARY_PACKED"),
        write_statistics=list(table.ranged),
        store_schema=False,
        metadata_collector=written,
    )
    found = folder.get_file_info(path)
    return AddAction(
        path=path,
        size=found.size,
        partition_values=partition.values,
        modification_time=found.mtime_ns // 1_000_000,
        data_change=True,
        stats=json.dumps(_statistics(table, written[0])),
    )


def _leaf(field: pa.Field) -> str:
    """How Parquet names the column of a field."""
    return f"{field.name}.list.element" if pa.types.is_list(field.type) else str(field.name)


def _statistics(table: Table, written: pq.FileMetaData) -> dict[str, object]:
    """Rows, and the smallest and largest of each column that has them, as Delta keeps them in its log."""
    least: dict[str, int] = {}
    most: dict[str, int] = {}
    for number in range(written.num_row_groups):
        group = written.row_group(number)
        for index in range(group.num_columns):
            column = group.column(index)
            name, told = column.path_in_schema, column.statistics if column.is_stats_set else None
            if name in table.ranged and told is not None and told.has_min_max:
                least[name] = min(least.get(name, told.min), told.min)
                most[name] = max(most.get(name, told.max), told.max)
    return {"numRecords": written.num_rows, "minValues": least, "maxValues": most, "nullCount": {}}


# Arrow's own ways from and to numpy import pandas at their first call, which costs a recorder 40 MB.


def numbers(chunks: Sequence[pa.Array], kind: npt.DTypeLike) -> npt.NDArray[Any]:
    """What these chunks hold, without nulls, in one array."""
    return np.concatenate(
        [np.frombuffer(chunk.buffers()[1], kind)[chunk.offset : chunk.offset + len(chunk)] for chunk in chunks]
    )


def _plain(numbers: npt.NDArray[np.int64]) -> pa.Array:
    """An Arrow array of numpy's memory."""
    return pa.Array.from_buffers(pa.int64(), len(numbers), [None, pa.py_buffer(np.ascontiguousarray(numbers))])
