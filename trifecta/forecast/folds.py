"""Walk-forward folds: train on the past, set thresholds by what followed, judge by what followed that.

    |-- training --|purge, embargo|-- validation --|purge, embargo|-- test --|

Purged: an origin whose outcome is known only behind the border of its part. Embargo: the horizon behind the border,
whose origins belong to no part. Borders are times, the same for every series of a panel.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from trifecta.errors import DataError
from trifecta.forecast.dataset import Panel, Rows
from trifecta.forecast.minutes import Times

FOLDS = 2
TEST_SHARE = 0.4
VALIDATION_SHARE = 0.2
LEAST_TRAINING, LEAST_VALIDATION, LEAST_TEST = 20, 4, 4
"""Separate horizons that each part must hold: what overlaps is no second observation."""


@dataclass(frozen=True)
class Fold:
    """Origins of one fold as rows of a data set; int64 each. All of `training` < all of `validation` < all of `test`
    in time.
    """

    number: int
    training: Rows
    validation: Rows
    test: Rows


def walk_forward(dataset: Panel, count: int = FOLDS) -> tuple[Fold, ...]:
    """`count` folds whose test parts follow each other through the last `TEST_SHARE` of the time.

    Raises:
        DataError: a part holds too few separate horizons; the message says how many hours more are needed.
    """
    times = np.unique(dataset.ends_s[dataset.origins])
    starts = [1 - TEST_SHARE * (1 - number / count) for number in range(count + 1)]
    borders = [_at(times, share) for share in starts[:-1]] + [int(times[-1]) + 1]
    folds = []
    for number in range(count):
        before = times[times < borders[number]]
        split = _at(before, 1 - VALIDATION_SHARE)
        folds.append(
            Fold(
                number,
                _part(dataset, 0, split, embargo=False),
                _part(dataset, split, borders[number]),
                _part(dataset, borders[number], borders[number + 1], ends_known=number + 1 < count),
            )
        )
    for fold in folds:
        _refuse_little(dataset, fold)
    return tuple(folds)


def separate(dataset: Panel, rows: Rows) -> float:
    """How many horizons without overlap these origins hold, counting the instruments of a panel once."""
    times = len(np.unique(dataset.ends_s[rows]))
    return times * dataset.origin_s / dataset.horizon_s


def _at(times: Times, share: float) -> int:
    return int(times[min(int(len(times) * share), len(times) - 1)])


def _part(dataset: Panel, start_s: int, stop_s: int, *, embargo: bool = True, ends_known: bool = True) -> Rows:
    """Origins from `start_s`, after the embargo, whose outcomes are known by `stop_s`."""
    ends_s = dataset.ends_s[dataset.origins]
    first = start_s + (dataset.horizon_s if embargo else 0)
    last = stop_s - (dataset.horizon_s if ends_known else 0)
    return dataset.origins[(ends_s >= first) & (ends_s <= last)]


def _refuse_little(dataset: Panel, fold: Fold) -> None:
    for name, rows, least in _needs(fold):
        found = separate(dataset, rows)
        if found < least:
            missing_h = (least - found) * dataset.horizon_s / 3600
            raise DataError(
                f"{dataset.title}: the {name} part of fold {fold.number + 1} holds {found:.1f} separate horizons of "
                f"{dataset.horizon_s} s, at least {least} are needed: {missing_h:.1f} h are missing in it "
                f"({len(dataset.origins):,} origins in all, {dataset.lost:,} lost to gaps and ends); record longer or "
                "take a shorter horizon"
            )


def _needs(fold: Fold) -> Iterator[tuple[str, Rows, int]]:
    yield "training", fold.training, LEAST_TRAINING
    yield "validation", fold.validation, LEAST_VALIDATION
    yield "test", fold.test, LEAST_TEST
