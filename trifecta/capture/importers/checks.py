"""What must be true of rows that follow one another: sane numbers, sane times, ids that rise without a hole."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from trifecta.capture.importers.blocks import Block
from trifecta.capture.importers.numbers import nanoseconds
from trifecta.capture.importers.rows import Fault, Ints, Mask, Rows
from trifecta.clock import NS_PER_S
from trifecta.market.quarantine import Reason

HOUR_NS = 3600 * NS_PER_S
DAY_NS = 24 * HOUR_NS
EARLIEST_NS = 1_230_768_000 * NS_PER_S  # 2009-01-01: nothing of what is read here was traded before
_ENOUGH = 100  # rows whose median lag is that of the recording

Detail = Callable[[int], str]


class Judge:
    """Collects what is wrong with the rows of one block. `bad` is True where a row has a fault, shape (n,)."""

    def __init__(self, block: Block, rows: Rows, now_ns: int) -> None:
        self.block = block
        self.table = rows.table
        self.numbers = rows.numbers
        self.faults = list(rows.faults)
        self.bad: Mask = np.zeros(len(rows.numbers), bool)
        self.lag: int | None = None  # usual time from event to receipt, ns
        self._latest_ns = now_ns + DAY_NS
        self._lines: list[bytes] = []

    def refuse(self, wrong: Mask, reason: Reason, detail: Detail) -> None:
        """Each row where `wrong`; `detail` says of the index of a row what was found and expected."""
        for index in np.flatnonzero(wrong).tolist():
            row = int(self.numbers[index])
            self.faults.append(Fault(row, reason, f"row {row}: {detail(index)}", self.payload(row)))
        self.bad |= wrong

    def field(self, name: str, wrong: Mask, reason: Reason, expected: str) -> None:
        """Each row where `wrong`, for the value of one field."""
        column = self.table[name]
        self.refuse(wrong, reason, lambda index: f"{name} {_text(column[index].as_py())}, expected {expected}")

    def same(self, name: str, expected: str, reason: Reason) -> None:
        """Refuses rows whose text in this column, where the file has it, is another."""
        if name in self.table.schema.names:
            wrong = np.array([value != expected for value in self.table[name].unique().to_pylist()])
            if wrong.any():
                found = pa.compute.not_equal(self.table[name], expected).to_numpy()
                self.field(name, np.asarray(found, bool), reason, expected)

    def time(self, name: str) -> Ints:
        """The times of a column in ns, those that cannot be true refused."""
        stamps = self.table[name].to_numpy()
        times = nanoseconds(stamps)
        missing = times < EARLIEST_NS
        self.field(name, missing, Reason.NO_TIME, "a time since 2009 in ms or us")
        ahead = times > self._latest_ns
        self.field(name, ahead, Reason.FROM_THE_FUTURE, "a time that has been")
        return times

    def receive_time(self, name: str, ts_event: Ints, last: Last) -> Ints:
        """Receive times in ns; refused where they lie an hour further from the event than receive times here do."""
        ts_recv = self.time(name)
        lag = ts_recv - ts_event
        good = lag[~self.bad]
        self.lag = int(np.median(good)) if len(good) >= _ENOUGH or (len(good) and last.lag is None) else last.lag
        usual = self.lag or 0
        stray = ~self.bad & (np.abs(lag - usual) > HOUR_NS)
        self.refuse(
            stray,
            Reason.FROM_THE_FUTURE,
            lambda index: (
                f"{name} {self.table[name][index].as_py()} is {lag[index] / HOUR_NS:.1f} h behind the event, "
                f"expected {usual / HOUR_NS:.1f} h as around it"
            ),
        )
        return ts_recv

    def payload(self, row: int) -> str:
        """The text of a row of this block."""
        if not self._lines:
            self._lines = self.block.text.split(b"\n")
        return self._lines[row - self.block.first_row].decode(errors="replace")


class Last(NamedTuple):
    """Where the rows before a block ended."""

    row: int = 0
    first_id: int = -1
    last_id: int = -1
    ts: int = 0
    lag: int | None = None


def refuse_strays(judge: Judge, name: str, times: Ints, last: Last) -> None:
    """Refuses a row more than an hour away from both neighbours, which are near each other."""
    good = np.flatnonzero(~judge.bad)
    leap = strays(times[good], last.ts, end_too=False)
    if leap.any():
        hours = np.zeros(len(times))
        hours[good] = leap / HOUR_NS
        refuse_leaps(judge, name, hours)


def refuse_leaps(judge: Judge, name: str, hours: npt.NDArray[np.float64]) -> None:
    """Refuses rows whose time leaps `hours` away from the row before and is not confirmed by the next; 0: it is not."""
    column = judge.table[name]
    for reason, wrong in ((Reason.FROM_THE_FUTURE, hours > 0), (Reason.OUT_OF_ORDER, hours < 0)):
        judge.refuse(
            wrong,
            reason,
            lambda index: (
                f"{name} {column[index].as_py()} is {hours[index]:+.1f} h from what came before, "
                "expected less, or what comes next to confirm it"
            ),
        )


def strays(times: Ints, before: int, *, end_too: bool) -> Ints:
    """How far each time is from the one before it where no neighbour is within an hour of it, else 0; ns.

    Args:
        before: the time before the first, 0 if there is none.
        end_too: whether the last is judged by the one before it alone: right where something happens each minute.
    """
    if not len(times):
        return times
    previous = np.concatenate(([before or times[0]], times[:-1]))
    following = np.concatenate((times[1:], [previous[-1] if end_too else times[-1]]))
    leap = times - previous
    alone = (np.abs(leap) > HOUR_NS) & (np.abs(times - following) > HOUR_NS)
    return np.where(alone & (np.abs(following - previous) <= HOUR_NS), leap, 0)


def refuse_disorder(judge: Judge, name: str, first: Ints, last: Ints, before: Last) -> None:
    """Refuses rows whose span of ids [first, last] comes twice or does not rise."""
    good = np.flatnonzero(~judge.bad)
    for reason, found in disorder(first[good], last[good], before):
        wrong = np.zeros(len(first), bool)
        wrong[good[found]] = True
        refuse_ids(judge, name, first, wrong, reason)


def refuse_ids(judge: Judge, name: str, ids: Ints, wrong: Mask, reason: Reason) -> None:
    expected = "each id once" if reason is Reason.DUPLICATE_ID else "ids that rise"
    judge.refuse(wrong, reason, lambda index: f"{name} {ids[index]}, expected {expected}")


def disorder(first: Ints, last: Ints, before: Last) -> list[tuple[Reason, Mask]]:
    """Which spans [first, last] do not belong to the longest chain that rises without overlap, and why."""
    previous = np.concatenate(([before.last_id], last[:-1]))
    if (first > previous[: len(first)]).all():
        return []
    chain = _chain(first, last, before.last_id)
    off = np.ones(len(first), bool)
    off[chain] = False
    known_first = np.concatenate(([before.first_id], first[chain]))
    known_last = np.concatenate(([before.last_id], last[chain]))
    known = covered(known_first, known_last, first, last) == last - first + 1
    return [(Reason.DUPLICATE_ID, off & known), (Reason.OUT_OF_ORDER, off & ~known)]


def covered(held_first: Ints, held_last: Ints, first: Ints, last: Ints) -> Ints:
    """How many ids of each span [first, last] are in the held spans, which rise and do not overlap."""
    return _below(held_first, held_last, last) - _below(held_first, held_last, first - 1)


def _below(held_first: Ints, held_last: Ints, ids: Ints) -> Ints:
    """How many held ids are at most each id."""
    if not len(held_first):
        return np.zeros(len(ids), np.int64)
    sizes = held_last - held_first + 1
    before = np.concatenate(([0], np.cumsum(sizes)))
    span = np.searchsorted(held_first, ids, side="right") - 1
    inside = np.minimum(ids - held_first[span] + 1, sizes[span])
    return np.asarray(np.where(span < 0, 0, before[span] + inside), np.int64)


def _chain(starts: Ints, ends: Ints, floor: int) -> list[int]:
    """Indices of the longest rising chain above `floor`; of equal starts the first one counts."""
    tails: list[int] = []
    places: list[int] = []
    parents = np.full(len(starts), -1)
    for index, start in enumerate(starts.tolist()):
        if start <= floor:
            continue
        place = bisect_left(tails, start)
        if place < len(tails) and tails[place] == start:
            continue
        parents[index] = places[place - 1] if place else -1
        tails[place : place + 1] = [start]
        places[place : place + 1] = [index]
    found, index = [], places[-1] if places else -1
    while index >= 0:
        found.append(index)
        index = int(parents[index])
    chain, end = [], floor
    for index in reversed(found):
        if starts[index] > end:
            chain.append(index)
            end = int(ends[index])
    return chain


def _text(value: Any) -> str:
    return f"{value.normalize():f}" if hasattr(value, "normalize") else str(value)
