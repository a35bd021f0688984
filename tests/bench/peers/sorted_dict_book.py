"""A book of two SortedDicts: snapshot, changes, best bid and ask read after every change.

Arguments: an .npz with integers `snapshot_bids`, `snapshot_asks`, `levels` (price, size) and `changes` (first level,
bids, asks), and where to save the bests.
"""

from __future__ import annotations

import sys

import numpy as np
from sortedcontainers import SortedDict
from turns import take_turns


def main() -> None:
    given = np.load(sys.argv[1])
    levels = [tuple(level) for level in given["levels"].tolist()]
    changes = []
    for first, bids, asks in given["changes"].tolist():
        changes.append((levels[first : first + bids], levels[first + bids : first + bids + asks]))
    start = [[tuple(level) for level in given[name].tolist()] for name in ("snapshot_bids", "snapshot_asks")]

    def run() -> list[tuple[int, int, int, int]]:
        bids, asks = SortedDict(start[0]), SortedDict(start[1])
        bests = []
        for bid_levels, ask_levels in changes:
            for price, qty in bid_levels:
                if qty:
                    bids[price] = qty
                else:
                    bids.pop(price, None)
            for price, qty in ask_levels:
                if qty:
                    asks[price] = qty
                else:
                    asks.pop(price, None)
            bests.append((*bids.peekitem(-1), *asks.peekitem(0)))
        return bests

    np.save(sys.argv[2], np.array(run(), np.int64))
    take_turns(run)


if __name__ == "__main__":
    main()
