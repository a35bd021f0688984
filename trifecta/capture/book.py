"""The order book of one symbol, rebuilt from a snapshot and the changes that follow it.

Each side is a window of consecutive prices around the market, one array cell a price, so that a change is one store.
The few levels outside the window wait in a dict until the window moves over them. The book is invalid until a
snapshot is bridged, and again from the first missing change on: it never serves a stale level.

Sequence rules (Binance's public documentation, "How to manage a local order book correctly"): a change follows when
its `previous_id` is the last `last_id` (futures), or its `first_id` is the next id (spot, no previous_id). The first
change after a snapshot of id L is the one with last_id > L that leaves nothing out between L and itself.
"""

from __future__ import annotations

from collections import deque
from enum import IntEnum
from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from trifecta.market.events import DEPTH, LEVELS, TOP, integers

Events = npt.NDArray[np.void]
Int64s = npt.NDArray[np.int64]

_WINDOW = 1 << 19
_MARGIN = _WINDOW // 8
_RECENT = 2_000  # changes kept for bridging a snapshot that arrives after them


class _State(IntEnum):
    """Slots of the integers that the kernel keeps."""

    LOW = 0  # price of the window's first cell
    BEST_BID = 1  # cell, -1 where the side is empty
    BEST_ASK = 2  # cell, _WINDOW where the side is empty
    LAST_ID = 3
    PHASE = 4
    STRAYED = 5  # 1 where the window must move: the market is at its edge, or may be outside


class _Phase(IntEnum):
    INVALID = 0
    BRIDGING = 1  # holds a snapshot, waits for the first change behind it
    VALID = 2


_LOW, _BID, _ASK, _ID, _PHASE, _STRAYED = (int(slot) for slot in _State)
_INVALID, _BRIDGING, _VALID = (int(phase) for phase in _Phase)
_DONE, _BROKEN, _CROSSED, _STRAY = range(4)

BEST = np.dtype([("update_id", "i8"), ("bid", "i8"), ("bid_qty", "i8"), ("ask", "i8"), ("ask_qty", "i8")])
"""Best bid and ask right after one change."""


class Break(NamedTuple):
    """Why a book became invalid: ids expected_id .. got_id - 1 are missing, or bid and ask crossed."""

    position: int
    ts_recv: int
    ts_event: int
    expected_id: int
    got_id: int
    crossed: bool


class Applied(NamedTuple):
    """What a batch of changes did."""

    tops: Events  # TOP, one for each moment asked for
    bests: Events  # BEST, one for each change that was applied
    breaks: list[Break]


class Loaded(NamedTuple):
    """What a snapshot did."""

    bests: Events  # BEST, one for each remembered change that was applied behind it
    same: bool | None  # whether the book it replaced agreed with it; None where they cannot be compared


class Book:
    """One symbol's book. Prices and sizes are the instrument's integers."""

    def __init__(self) -> None:
        self._state = np.zeros(len(_State), np.int64)
        self._bids, self._asks = np.zeros(0, np.int64), np.zeros(0, np.int64)
        self._far: tuple[dict[int, int], dict[int, int]] = ({}, {})
        self._recent: deque[tuple[Events, Events]] = deque()
        self._recent_count = 0

    @property
    def valid(self) -> bool:
        return bool(self._state[_PHASE] == _VALID)

    @property
    def waits_for_snapshot(self) -> bool:
        return bool(self._state[_PHASE] == _INVALID)

    @property
    def last_id(self) -> int:
        return int(self._state[_ID])

    def load(self, last_id: int, bids: Events, asks: Events) -> Loaded:
        """Starts anew from a snapshot (LEVEL arrays) and the remembered changes behind it.

        A valid book is compared with what the snapshot leads to at the same id; a snapshot too old for the
        remembered changes leaves it as it is.
        """
        if not (bids["qty"] > 0).any() or not (asks["qty"] > 0).any():
            return Loaded(np.empty(0, BEST), None)
        before = self._top() if self.valid else None
        if before is not None and not self._remembers(last_id):
            return Loaded(np.empty(0, BEST), None)
        self._place(int(bids["price"].max()), int(asks["price"].min()), _pairs(bids), _pairs(asks))
        self._state[_ID], self._state[_PHASE] = last_id, _BRIDGING if before is None else _VALID
        nothing = np.empty(0, np.int64)
        bests = [self._run(depth, levels, nothing).bests for depth, levels in self._recent]
        after = self._top()
        same = None
        if before is not None and before["update_id"] == after["update_id"]:
            same = bool(before == after)
        return Loaded(np.concatenate(bests) if bests else np.empty(0, BEST), same)

    def apply(self, depth: Events, levels: Events, moments: Int64s) -> Applied:
        """Takes in changes and tells how the book stood at each moment.

        Args:
            depth, levels: DEPTH and LEVEL arrays, in journal order.
            moments: positions (rising) before which the book is asked for: a change at the same position comes after.
        """
        self._remember(depth, levels)
        return self._run(depth, levels, moments)

    def levels(self) -> tuple[dict[int, int], dict[int, int]]:
        """All levels of both sides as {price: size}, whether valid or not."""
        sides = []
        for cells, far in zip((self._bids, self._asks), self._far, strict=True):
            where = np.flatnonzero(cells)
            prices = (where + self._state[_LOW]).tolist()
            sides.append(far | dict(zip(prices, cells[where].tolist(), strict=True)))
        return sides[0], sides[1]

    def best(self) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """(price, size) of the best `LEVELS` bids and asks, best first; nothing of a book that is not valid."""
        top = self._top()
        bids, asks = (
            [
                level
                for level in zip(top[f"{side}_price"].tolist(), top[f"{side}_qty"].tolist(), strict=True)
                if level[0]
            ]
            for side in ("bid", "ask")
        )
        return bids, asks

    def _run(self, depth: Events, levels: Events, moments: Int64s) -> Applied:
        tops, bests = np.zeros(len(moments), TOP), np.empty(len(depth), BEST)
        columns = integers(depth), integers(levels), moments, integers(tops), integers(bests)
        far = np.empty(len(levels), np.int64)
        breaks: list[Break] = []
        cursor = [0, 0, 0]  # change, moment, best
        while True:
            *cursor, n_far, why = _advance(self._state, self._bids, self._asks, *columns, far, *cursor)
            self._store_far(levels, far[:n_far])
            if why == _DONE:
                return Applied(tops, bests[: cursor[2]], breaks)
            if why == _STRAY and self._follow_stray():
                cursor = [cursor[0] + 1, cursor[1], _best(self._state, self._bids, self._asks, columns[4], cursor[2])]
            else:
                if self.valid:  # else a snapshot did not bridge: nothing was lost, another one is needed
                    breaks.append(self._broken(depth[cursor[0]], crossed=why != _BROKEN))
                self._state[_PHASE] = _INVALID
                cursor[0] += 1

    def _broken(self, change: np.void, *, crossed: bool) -> Break:
        previous = int(change["previous_id"])
        got = previous + 1 if previous >= 0 else int(change["first_id"])
        return Break(
            int(change["position"]),
            int(change["ts_recv"]),
            int(change["ts_event"]),
            self.last_id + 1,
            got,
            crossed,
        )

    def _top(self) -> np.void:
        tops: Events = np.zeros(1, TOP)
        _top(self._state, self._bids, self._asks, 0, integers(tops)[0])
        top: np.void = tops[0]
        return top

    def _remembers(self, last_id: int) -> bool:
        """True where no change between `last_id` and now was forgotten."""
        if self.last_id <= last_id:
            return True
        oldest = self._recent[0][0][0] if self._recent else None
        if oldest is None:
            return False
        previous = oldest["previous_id"] if oldest["previous_id"] >= 0 else oldest["first_id"] - 1
        return bool(previous <= last_id)

    def _remember(self, depth: Events, levels: Events) -> None:
        if not len(depth):
            return
        self._recent.append((depth, levels))
        self._recent_count += len(depth)
        # To the change, so that it does not matter how they were batched.
        while (extra := self._recent_count - _RECENT) > 0:
            oldest, its_levels = self._recent.popleft()
            self._recent_count -= min(extra, len(oldest))
            if extra < len(oldest):
                self._recent.appendleft((oldest[extra:], its_levels))

    def _store_far(self, levels: Events, rows: Int64s) -> None:
        for coded in rows.tolist():
            side, row = (0, coded) if coded >= 0 else (1, -coded - 1)
            price, qty = int(levels["price"][row]), int(levels["qty"][row])
            if qty:
                self._far[side][price] = qty
            else:
                self._far[side].pop(price, None)

    def _follow_stray(self) -> bool:
        """Moves the window to the best prices wherever they are; false where they cross."""
        bids, asks = self.levels()
        if bids and asks:
            if max(bids) >= min(asks):
                return False
            self._place(max(bids), min(asks), bids, asks)
        self._state[_STRAYED] = 0
        return True

    def _place(self, best_bid: int, best_ask: int, bids: dict[int, int], asks: dict[int, int]) -> None:
        """Lays the window around the market and every level into it or into the far dicts."""
        low = (best_bid + best_ask) // 2 - _WINDOW // 2
        self._state[_LOW], self._state[_STRAYED] = low, 0
        cells, fars = [], []
        for side in (bids, asks):
            near, far = np.zeros(_WINDOW, np.int64), {}
            for price, qty in side.items():
                if 0 <= price - low < _WINDOW:
                    near[price - low] = qty
                else:
                    far[price] = qty
            cells.append(near)
            fars.append(far)
        self._bids, self._asks = cells
        self._far = (fars[0], fars[1])
        self._state[_BID] = np.flatnonzero(cells[0])[-1] if cells[0].any() else -1
        self._state[_ASK] = np.flatnonzero(cells[1])[0] if cells[1].any() else _WINDOW


def _pairs(levels: Events) -> dict[int, int]:
    kept = levels[levels["qty"] > 0]
    return dict(zip(kept["price"].tolist(), kept["qty"].tolist(), strict=True))


# The compiled part. Arrays: state (len(_State),), bids and asks (_WINDOW,), depth (changes, fields of DEPTH), levels
# (levels, 2) price and size, moments (m,), tops (m, fields of TOP), bests (changes, fields of BEST), far (levels,)
# receives the rows of levels outside the window, those of asks as -row - 1.

_POSITION, _FIRST_ID, _LAST_ID, _PREVIOUS_ID, _FIRST_LEVEL, _BIDS, _ASKS = (
    (DEPTH.names or ()).index(name)
    for name in ("position", "first_id", "last_id", "previous_id", "first_level", "bids", "asks")
)


@numba.njit(cache=True)
def _advance(state, bids, asks, depth, levels, moments, tops, bests, far, change, moment, best):  # type: ignore[no-untyped-def]
    """Applies changes from `change` on until all are done or Python must act.

    Returns (next change, next moment, bests written, far levels written, why it stopped).
    """
    n_far = 0
    while change < len(depth):
        position = depth[change, _POSITION]
        while moment < len(moments) and moments[moment] <= position:
            _top(state, bids, asks, moments[moment], tops[moment])
            moment += 1
        follows = _follows(state, depth[change])
        if follows < 0:
            return change, moment, best, n_far, _BROKEN
        if follows > 0:
            n_far = _change(state, bids, asks, depth[change], levels, far, n_far)
            if state[_BID] >= state[_ASK]:
                return change, moment, best, n_far, _CROSSED
            if state[_STRAYED]:
                return change, moment, best, n_far, _STRAY
            best = _best(state, bids, asks, bests, best)
        change += 1
    while moment < len(moments):
        _top(state, bids, asks, moments[moment], tops[moment])
        moment += 1
    return change, moment, best, n_far, _DONE


@numba.njit(cache=True)
def _follows(state, change):  # type: ignore[no-untyped-def]
    """1: apply, 0: leave out (old, or no book), -1: something is missing before it."""
    if state[_PHASE] == _INVALID or change[_LAST_ID] <= state[_ID]:
        return 0
    if change[_PREVIOUS_ID] >= 0:
        return 1 if change[_PREVIOUS_ID] <= state[_ID] else -1
    return 1 if change[_FIRST_ID] <= state[_ID] + 1 else -1


@numba.njit(cache=True)
def _change(state, bids, asks, change, levels, far, n_far):  # type: ignore[no-untyped-def]
    low, cells = state[_LOW], len(bids)
    best_bid, best_ask = state[_BID], state[_ASK]
    start = change[_FIRST_LEVEL]
    middle = start + change[_BIDS]
    stray = False
    for row in range(start, middle):
        cell = levels[row, 0] - low
        if 0 <= cell < cells:
            bids[cell] = levels[row, 1]
            if levels[row, 1] > 0 and cell > best_bid:
                best_bid = cell
        else:
            far[n_far] = row
            n_far += 1
            stray |= cell >= cells and levels[row, 1] > 0
    for row in range(middle, middle + change[_ASKS]):
        cell = levels[row, 0] - low
        if 0 <= cell < cells:
            asks[cell] = levels[row, 1]
            if levels[row, 1] > 0 and cell < best_ask:
                best_ask = cell
        else:
            far[n_far] = -row - 1
            n_far += 1
            stray |= cell < 0 and levels[row, 1] > 0
    while best_bid >= 0 and bids[best_bid] == 0:
        best_bid -= 1
    while best_ask < cells and asks[best_ask] == 0:
        best_ask += 1
    state[_BID], state[_ASK] = best_bid, best_ask
    # A side without a level in the window may have some outside; a price beyond the other side's end crosses it,
    # unless that side is empty.
    at_edge = abs(best_bid + best_ask - cells) > cells - 2 * _MARGIN
    state[_STRAYED] = stray or best_bid < 0 or best_ask >= cells or at_edge
    state[_ID], state[_PHASE] = change[_LAST_ID], _VALID
    return n_far


@numba.njit(cache=True)
def _best(state, bids, asks, bests, best):  # type: ignore[no-untyped-def]
    if state[_BID] < 0 or state[_ASK] >= len(asks):
        return best
    bid, ask = state[_BID], state[_ASK]
    bests[best, 0] = state[_ID]
    bests[best, 1], bests[best, 2] = state[_LOW] + bid, bids[bid]
    bests[best, 3], bests[best, 4] = state[_LOW] + ask, asks[ask]
    return best + 1


@numba.njit(cache=True)
def _top(state, bids, asks, position, out):  # type: ignore[no-untyped-def]
    out[0], out[1] = position, state[_ID]
    if state[_PHASE] != _VALID or state[_BID] < 0 or state[_ASK] >= len(asks):
        return
    out[2] = 1
    cell, found = state[_BID], 0
    while cell >= 0 and found < LEVELS:
        if bids[cell] > 0:
            out[3 + found], out[3 + LEVELS + found] = state[_LOW] + cell, bids[cell]
            found += 1
        cell -= 1
    cell, found = state[_ASK], 0
    while cell < len(asks) and found < LEVELS:
        if asks[cell] > 0:
            out[3 + 2 * LEVELS + found], out[3 + 3 * LEVELS + found] = state[_LOW] + cell, asks[cell]
            found += 1
        cell += 1
