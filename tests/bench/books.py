"""The book rebuilt from recorded changes, one call a change and all in one call, against two SortedDicts."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from tests.bench.environment import PeerMissingError, peer
from tests.bench.measure import Verdict, cpu_s, race, rate, times_faster
from tests.bench.recorded import SYMBOL, spot_frames
from trifecta.capture.book import Book
from trifecta.venues.binance import SPOT

NO_MOMENTS = np.empty(0, np.int64)
BEST = ("bid", "bid_qty", "ask", "ask_qty")


def measure(*, quick: bool) -> list[Verdict]:
    last_id, bids, asks, depth, levels = _recorded()
    one_by_one = [_alone(change, levels) for change in depth]

    def start() -> Book:
        book = Book()
        book.load(last_id, bids, asks)
        return book

    def live() -> np.ndarray:
        book = start()
        return np.concatenate([book.apply(change, its, NO_MOMENTS).bests for change, its in one_by_one])

    def bulk() -> np.ndarray:
        return start().apply(depth, levels, NO_MOMENTS).bests

    with tempfile.TemporaryDirectory() as folder:
        given, bests = Path(folder) / "changes.npz", Path(folder) / "bests.npy"
        changes = np.stack([depth[name] for name in ("first_level", "bids", "asks")], axis=1)
        plain = {name: _plain(rows) for name, rows in (("snapshot_bids", bids), ("snapshot_asks", asks))}
        np.savez(given, levels=_plain(levels), changes=changes, **plain)
        try:
            with peer("sorted_dict_book.py", given, bests) as sorted_dict:
                expected = np.load(bests)
                for name, found in (("live", live()), ("bulk", bulk())):
                    if not np.array_equal(np.stack([found[column] for column in BEST], axis=1), expected):
                        raise SystemExit(f"the {name} book and SortedDict do not agree on the best bid and ask")
                contestants = {"live": lambda: cpu_s(live), "bulk": lambda: cpu_s(bulk), "SortedDict": sorted_dict.run}
                took = race(contestants, 3 if quick else 9)
        except PeerMissingError as error:
            return [
                Verdict(f"book {name} / SortedDict", None, "x", target, note=str(error)) for name, target in TARGETS
            ]
    return [
        Verdict(
            f"book {name} / SortedDict",
            times_faster(took, name, "SortedDict"),
            "x",
            target,
            note=f"{rate(took, name, len(levels)) / 1e6:.1f} M levels/s, "
            f"SortedDict {rate(took, 'SortedDict', len(levels)) / 1e6:.1f}; all {len(depth)} bests agree",
        )
        for name, target in TARGETS
    ]


TARGETS = (("live", 2.0), ("bulk", 10.0))


def _recorded() -> tuple[int, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Snapshot (last id, bids, asks) and the changes behind it (DEPTH, LEVEL arrays)."""
    batches, instruments = spot_frames()
    depths, all_levels, offset, snapshot = [], [], 0, None
    for batch in batches:
        decoded = SPOT.decode(batch, instruments)
        for answer in decoded.answers:
            snapshot = SPOT.read_snapshot(answer._replace(symbol=SYMBOL), instruments[SYMBOL])
        events = decoded.symbols[SYMBOL]
        depth = events.depth.copy()
        depth["first_level"] += offset
        offset += len(events.levels)
        depths.append(depth)
        all_levels.append(events.levels)
    if snapshot is None:
        raise SystemExit("the recording holds no depth snapshot")
    depth = np.concatenate(depths)
    return (*snapshot, depth[depth["last_id"] > snapshot[0]], np.concatenate(all_levels))


def _alone(change: np.void, levels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One change with its own levels, as a live batch brings it."""
    depth = np.array([change])
    first, count = int(change["first_level"]), int(change["bids"] + change["asks"])
    depth["first_level"] = 0
    return depth, levels[first : first + count].copy()


def _plain(levels: np.ndarray) -> np.ndarray:
    return np.stack([levels["price"], levels["qty"]], axis=1)
