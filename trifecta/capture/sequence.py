"""Trade ids of one instrument: what is new, what was seen, what is missing."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from trifecta.market.events import FAR_BEHIND, GapStatus
from trifecta.market.quarantine import Gap

Events = npt.NDArray[np.void]
STREAM = "trade"
MAX_REFETCHED = 10_000_000  # trades of one gap; remembering which of them arrived takes two bytes each


@dataclass
class Missing:
    """Ids that were skipped; each is settled once it arrives or the venue cannot give it any more."""

    gap: Gap
    arrived: npt.NDArray[np.bool_] = field(init=False)
    absent: npt.NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        self.arrived = np.zeros(self.gap.last_id - self.gap.first_id + 1, np.bool_)
        self.absent = self.arrived.copy()

    def settle(self, trade_id: int, count: int) -> bool:
        """Marks ids as arrived; false where they are none of ours or came before."""
        start = trade_id - self.gap.first_id
        if start < 0 or start >= len(self.arrived) or self.arrived[start]:
            return False
        self.arrived[start : start + count] = True
        return True

    def give_up(self, first_id: int, last_id: int) -> None:
        span = slice(max(first_id - self.gap.first_id, 0), max(last_id - self.gap.first_id + 1, 0))
        self.absent[span] |= ~self.arrived[span]

    @property
    def settled(self) -> bool:
        return bool((self.arrived | self.absent).all())

    def closed(self, position: int, ts_recv: int, why: str) -> Gap:
        """The gap as it ended: filled, or lost with how much and why."""
        lost = int((self.absent & ~self.arrived).sum())
        status = GapStatus.LOST if lost else GapStatus.FILLED
        reason = f"{lost} of {len(self.arrived)} trades are lost: {why}" if lost else "fetched again"
        return self.gap._replace(position=position, ts_recv=ts_recv, status=status, reason=reason)


class TradeSequence:
    """Remembers the last id, and which ids are still missing."""

    def __init__(self, symbol: str) -> None:
        self._symbol = symbol
        self._next_id = -1
        self._jump: Gap | None = None  # the last one that was too wide to be fetched again
        self._last_ts = 0
        self.opened = 0
        self.missing: dict[str, Missing] = {}
        """By gap id."""

    def seed(self, gap: Gap, arrived: npt.NDArray[np.int64]) -> None:
        """Takes up a gap that was open when an earlier run ended; `arrived` are ids of it that the lake holds."""
        missing = self.missing.setdefault(gap.gap_id, Missing(gap))
        for trade_id in arrived.tolist():
            missing.settle(trade_id, 1)

    def follow(self, trade_id: int, ts_event: int) -> None:
        """Tells the last trade of an earlier run, unless a later one is known."""
        if self._next_id < 0:
            self._next_id, self._last_ts = trade_id + 1, ts_event

    def admit(self, trades: Events) -> tuple[Events, list[Gap], int]:
        """(trades to keep, gaps that opened or closed, how many were duplicates) of a TRADE array as it arrived."""
        kept, gaps, duplicates = [], list[Gap](), 0
        while len(trades):
            first = self._first_far_behind(trades)
            if first == 0:
                gaps += self._go_back(trades[0])
                first = max(self._first_far_behind(trades), 1)
            found, changed, repeated = self._admit(trades[:first])
            kept.append(found)
            gaps += changed
            duplicates += repeated
            trades = trades[first:]
        return np.concatenate(kept) if kept else trades, gaps, duplicates

    def _first_far_behind(self, trades: Events) -> int:
        """Row of the first trade whose id is far below one before it; their number where there is none."""
        ends = trades["trade_id"] + trades["count"]
        expected = np.maximum.accumulate(np.concatenate([[self._next_id], ends[:-1]]))
        far = np.flatnonzero(expected - trades["trade_id"] > FAR_BEHIND)
        return int(far[0]) if len(far) else len(trades)

    def _go_back(self, trade: np.void) -> list[Gap]:
        """Goes on where ids stood before they jumped; where that is not near this trade, from there."""
        jump, self._jump = self._jump, None
        self._next_id = int(trade["trade_id"])
        if jump is None or abs(jump.first_id - self._next_id) > FAR_BEHIND:
            return []
        self._next_id = jump.first_id
        jump = jump._replace(position=int(trade["position"]), ts_recv=int(trade["ts_recv"]), status=GapStatus.FILLED)
        return [jump._replace(reason="nothing is missing: the id that jumped was wrong")]

    def _admit(self, trades: Events) -> tuple[Events, list[Gap], int]:
        ends = trades["trade_id"] + trades["count"]
        start = self._next_id if self._next_id >= 0 else int(trades["trade_id"][0])
        expected = np.maximum.accumulate(np.concatenate([[start], ends[:-1]]))
        keep = trades["trade_id"] >= expected
        gaps = []
        # Only rows out of sequence need a closer look: rare, one by one, in the order they came.
        for row in np.flatnonzero(trades["trade_id"] != expected):
            if keep[row]:
                gaps.append(self._open(trades, int(row), int(expected[row])))
            else:
                keep[row], closed = self._late(trades[row])
                gaps += closed
        self._next_id = max(int(ends.max()), start)
        self._last_ts = int(trades["ts_event"][-1])
        return trades[keep], gaps, int(len(trades) - keep.sum())

    def backfill(
        self, trades: Events, asked: tuple[int, int], position: int, ts_recv: int, error: str
    ) -> tuple[Events, list[Gap]]:
        """Missing trades among refetched ones, and the gaps that this closed.

        Args:
            trades: TRADE array by rising id: all that the venue holds of the ids that were asked for.
            asked: first and last id.
            error: why the venue refused for good, empty if it did not.
        """
        keep = np.zeros(len(trades), np.bool_)
        for row, trade in enumerate(trades):
            keep[row] = any(m.settle(int(trade["trade_id"]), int(trade["count"])) for m in self.missing.values())
        for missing in self.missing.values():
            missing.give_up(*asked)
        return trades[keep], self._close(position, ts_recv, error or "the venue does not have them any more")

    def _open(self, trades: Events, row: int, expected: int) -> Gap:
        trade = trades[row]
        gap = Gap(
            position=int(trade["position"]),
            ts_recv=int(trade["ts_recv"]),
            symbol=self._symbol,
            stream=STREAM,
            status=GapStatus.OPEN,
            first_id=expected,
            last_id=int(trade["trade_id"]) - 1,
            ts_from=int(trades["ts_event"][row - 1]) if row else self._last_ts,
            ts_to=int(trade["ts_event"]),
            reason="ids were skipped",
        )
        self.opened += 1
        skipped = gap.last_id - gap.first_id + 1
        if skipped > MAX_REFETCHED:
            why = f"{skipped} of {skipped} trades are lost: no more than {MAX_REFETCHED} are fetched again, import them"
            self._jump = gap._replace(status=GapStatus.LOST, reason=why)
            return self._jump
        self.missing[gap.gap_id] = Missing(gap)
        return gap

    def _late(self, trade: np.void) -> tuple[bool, list[Gap]]:
        if not any(m.settle(int(trade["trade_id"]), int(trade["count"])) for m in self.missing.values()):
            return False, []
        return True, self._close(int(trade["position"]), int(trade["ts_recv"]), "")

    def _close(self, position: int, ts_recv: int, why: str) -> list[Gap]:
        settled = [gap_id for gap_id, missing in self.missing.items() if missing.settled]
        return [self.missing.pop(gap_id).closed(position, ts_recv, why) for gap_id in settled]
