"""Rows into the lake, exactly once."""

from __future__ import annotations

from trifecta.capture.pipeline import Rows
from warehouse.lake import Lake


def commit(lake: Lake, rows: Rows, writer: str, *, first_position: int = 0, last_position: int | None = None) -> int:
    """Commits the rows that this writer has not committed yet; returns how many were written.

    `gaps` come last: a restart takes up the gaps that the lake holds as open, so a gap must not be told as filled
    before the trades that filled it are there.

    Args:
        writer: owns the positions; a table remembers how far each of its writers got.
        first_position: position that the writer counts as its 0.
        last_position: rows behind this frame are left for another writer; by default all are taken.
    """
    upto = rows.last_position if last_position is None else last_position
    written = 0
    for name in sorted(rows.tables, key=lambda table: (table == "gaps", table)):
        table, positions = rows.tables[name]
        done = lake.version(name, writer)
        mine = (positions - first_position > done) & (positions >= first_position) & (positions <= upto)
        if mine.any():
            fresh = table if mine.all() else table.take(mine.nonzero()[0])
            written += lake.append(name, fresh, writer=writer, version=upto - first_position)
    return written
