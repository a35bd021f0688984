"""Depth changes, one row a level, as the frames that a socket would have brought.

The lake has no table of book changes: it derives from frames, together with a snapshot that a file like this lacks.
So an import checks them and writes them as a recording, which `trifecta replay` reads.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from trifecta.capture.importers.blocks import Block
from trifecta.capture.importers.checks import HOUR_NS, Judge, Last, disorder, refuse_ids, refuse_leaps, strays
from trifecta.capture.importers.events import MAX_ID, Given, Missing
from trifecta.capture.importers.rows import Fault, Ints, Mask, Rows
from trifecta.market.quarantine import Reason

_NONE = np.iinfo(np.int64).max


class Changes(NamedTuple):
    """What a block gave: (ts_recv, payload) of each whole update, and what was wrong with others."""

    frames: list[tuple[int, bytes]]
    rows: int  # in `frames`
    withheld: int  # rows without fault, of updates that are not whole
    faults: list[Fault]
    missing: list[Missing]
    end: Last
    ts_first: int


class _Groups(NamedTuple):
    """Rows of one update follow one another: `starts` (g,) are their first indices, `of` (n,) the group of a row."""

    starts: Ints
    of: Ints
    first: Ints
    last: Ints

    def rows(self, wrong: Mask) -> Mask:
        return np.asarray(wrong[self.of], bool)


def hold_last_update(text: bytes) -> int:
    """Where the rows of the last update start: more of them may follow."""
    end = len(text)
    update = None
    while end:
        start = text.rfind(b"\n", 0, end - 1) + 1
        fields = text[start : end - 1].split(b",")
        if update is not None and fields[5:7] != update:
            return end
        update = fields[5:7]
        end = start
    return 0


def changes(block: Block, rows: Rows, given: Given) -> Changes:
    """Whole updates as frames. One that lacks a refused row is withheld: half an update makes a wrong book."""
    judge = Judge(block, rows, given.now_ns)
    table = rows.table
    groups = _group(table)
    judge.same("symbol", given.symbol, Reason.UNKNOWN_SYMBOL)
    judge.same("type", "depthUpdate", Reason.UNKNOWN_STREAM)
    judge.field("price", _number(table["price"]) <= 0, Reason.NOT_POSITIVE, "above zero")
    judge.field("qty", _number(table["qty"]) < 0, Reason.NOT_POSITIVE, "zero or above")
    ts_event = judge.time("event_time")
    ts_recv = judge.receive_time("receive_time", ts_event, given.last)
    for name, times in (("event_time", ts_event), ("receive_time", ts_recv)):
        _refuse_two_times(judge, groups, name, times)
    odd = (groups.first < 0) | (groups.last < groups.first) | (groups.last > MAX_ID)
    judge.refuse(
        groups.rows(odd),
        Reason.MALFORMED,
        lambda index: f"ids {groups.first[groups.of[index]]}..{groups.last[groups.of[index]]}, expected a rising span",
    )
    tainted = np.zeros(len(groups.starts), bool)
    tainted[groups.of[judge.bad]] = True
    _refuse_broken(judge, groups, tainted, given.last)
    _refuse_out_of_line(judge, groups, tainted, ts_event, given.last)
    return _whole(judge, groups, ts_event, ts_recv, given.last)


def _group(table: pa.Table) -> _Groups:
    first, last = table["first_id"].to_numpy(), table["last_id"].to_numpy()
    new = np.ones(len(first), bool)
    new[1:] = (first[1:] != first[:-1]) | (last[1:] != last[:-1])
    starts = np.flatnonzero(new)
    return _Groups(starts, np.cumsum(new) - 1, first[starts], last[starts])


def _number(column: pa.ChunkedArray) -> npt.NDArray[np.float64]:
    return np.asarray(column.cast(pa.float64()).to_numpy())


def _refuse_two_times(judge: Judge, groups: _Groups, name: str, times: Ints) -> None:
    """Rows of one update share their times: a row that is later than the others is refused."""
    if not len(times):
        return
    earliest = np.minimum.reduceat(np.where(judge.bad, _NONE, times), groups.starts)[groups.of]
    judge.refuse(
        ~judge.bad & (times > earliest),
        Reason.FROM_THE_FUTURE,
        lambda index: (
            f"{name} {judge.table[name][index]} is {(times[index] - earliest[index]) / 1e6:.3f} ms later than "
            "in another row of the same update, expected one time an update"
        ),
    )


def _refuse_broken(judge: Judge, groups: _Groups, tainted: Mask, before: Last) -> None:
    """A hole before an update is a gap; but where the update has another fault, its first id is not believed either."""
    previous = np.concatenate(([before.last_id if before.row else _NONE], groups.last[:-1]))[: len(groups.last)]
    hole = tainted & (groups.first - 1 > previous)
    judge.refuse(
        groups.rows(hole),
        Reason.OUT_OF_ORDER,
        lambda index: (
            f"first_id {groups.first[groups.of[index]]}, expected {previous[groups.of[index]] + 1}, the id after "
            "the update before it"
        ),
    )


def _refuse_out_of_line(judge: Judge, groups: _Groups, tainted: Mask, ts_event: Ints, before: Last) -> None:
    """Updates whose ids or whose time do not fit those around them."""
    good = np.flatnonzero(~tainted)
    for reason, found in disorder(groups.first[good], groups.last[good], before):
        wrong = np.zeros(len(tainted), bool)
        wrong[good[found]] = True
        refuse_ids(judge, "first_id", groups.first[groups.of], groups.rows(wrong), reason)
        tainted |= wrong
    good = np.flatnonzero(~tainted)
    hours = np.zeros(len(tainted))
    hours[good] = strays(ts_event[groups.starts[good]], before.ts, end_too=not judge.block.held) / HOUR_NS
    if hours.any():
        refuse_leaps(judge, "event_time", hours[groups.of])


def _whole(judge: Judge, groups: _Groups, ts_event: Ints, ts_recv: Ints, before: Last) -> Changes:
    """The updates of this block that have all their rows."""
    last_row = judge.block.last_row
    own = judge.numbers <= last_row
    whole = np.ones(len(groups.starts), bool)
    whole[groups.of[judge.bad | ~own]] = False
    whole[_beside_unreadable(judge, groups)] = False
    rows = groups.rows(whole)
    chosen = groups.starts[whole]
    missing, end = _missing(judge, groups, whole, ts_event, ts_recv, before)
    return Changes(
        frames=_frames(judge.table, groups, whole, ts_event, ts_recv),
        rows=int(rows.sum()),
        withheld=int((own & ~judge.bad & ~rows).sum()),
        faults=sorted((fault for fault in judge.faults if fault.row <= last_row), key=lambda fault: fault.row),
        missing=missing,
        end=end,
        ts_first=int(ts_event[chosen[0]]) if len(chosen) else 0,
    )


def _missing(
    judge: Judge, groups: _Groups, whole: Mask, ts_event: Ints, ts_recv: Ints, before: Last
) -> tuple[list[Missing], Last]:
    """Ids between whole updates, from the file's first update on, and where the last whole one ends."""
    end = before._replace(lag=judge.lag)
    if not before.row and len(groups.first):
        end = end._replace(last_id=int(groups.first[0]) - 1)
    missing = []
    ends = np.append(groups.starts[1:], len(groups.of)) - 1
    for group in np.flatnonzero(whole).tolist():
        index = int(groups.starts[group])
        row, ts = int(judge.numbers[index]), int(ts_event[index])
        first, last = int(groups.first[group]), int(groups.last[group])
        if first > end.last_id + 1:
            times = (min(end.ts or ts, ts), ts)
            missing.append(Missing(row, end.row, int(ts_recv[index]), end.last_id + 1, first - 1, *times))
        end = Last(int(judge.numbers[ends[group]]), first, last, ts, judge.lag)
    return missing, end if whole.any() else before._replace(lag=judge.lag)


def _beside_unreadable(judge: Judge, groups: _Groups) -> Ints:
    """Groups next to a row that could not be read at all: it may have been one of theirs."""
    unread = np.diff(judge.numbers) > 1
    beside = [groups.of[:-1][unread], groups.of[1:][unread]]
    if len(judge.numbers) and judge.numbers[0] > judge.block.first_row:
        beside.append(groups.of[:1])
    if len(judge.numbers) and judge.numbers[-1] < judge.block.first_row + judge.block.rows - 1:
        beside.append(groups.of[-1:])
    return np.unique(np.concatenate(beside))


def _frames(table: pa.Table, groups: _Groups, whole: Mask, ts_event: Ints, ts_recv: Ints) -> list[tuple[int, bytes]]:
    levels = list(
        zip(table["price"].cast(pa.string()).to_pylist(), table["qty"].cast(pa.string()).to_pylist(), strict=True)
    )
    asks = table["is_ask"].to_pylist()
    stamps = table["event_time"].to_pylist()
    names = table["stream"].to_pylist()
    symbols = table["symbol"].to_pylist()
    ends = np.append(groups.starts[1:], len(groups.of))
    frames = []
    for group in np.flatnonzero(whole).tolist():
        start, end = int(groups.starts[group]), int(ends[group])
        data = {
            "e": "depthUpdate",
            "E": stamps[start],
            "s": symbols[start],
            "U": int(groups.first[group]),
            "u": int(groups.last[group]),
            "b": [levels[index] for index in range(start, end) if not asks[index]],
            "a": [levels[index] for index in range(start, end) if asks[index]],
        }
        frames.append((int(ts_recv[start]), msgspec.json.encode({"stream": names[start], "data": data})))
    return frames
