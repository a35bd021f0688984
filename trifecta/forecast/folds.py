"""Walk-forward folds: train on the past, set thresholds by what followed, judge by what followed that.

    |-- training --|purge, embargo|-- validation --|purge, embargo|-- test --|

Purged: an origin whose outcome is known only behind the border of its part. Embargo: the horizon behind the border,
whose origins belong to no part. Borders are times, the same for every series of a panel.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from typing import NamedTuple

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


class _Need(NamedTuple):
    """What one part must hold."""

    part: str
    rows: Rows
    least: int
    """Separate horizons."""
    share: float
    """Of the time of all origins."""
    purged_s: int
    """What purge and embargo take off it."""

    def span_s(self, horizon_s: int) -> float:
        """How much all origins must take in, s, for this part to hold enough."""
        return (self.least * horizon_s + self.purged_s) / self.share


def walk_forward(dataset: Panel, count: int = FOLDS, *, validated: int = LEAST_VALIDATION) -> tuple[Fold, ...]:
    """`count` folds whose test parts follow each other through the last `TEST_SHARE` of the time.

    Args:
        validated: separate horizons that the last validation part must hold, for the interval that it calibrates.

    Raises:
        DataError: a part holds too few separate horizons; the message says how much more is needed in all.
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
    _refuse_little(dataset, [need for fold in folds for need in _needs(dataset, fold, count, validated)])
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


def _refuse_little(dataset: Panel, needs: Sequence[_Need]) -> None:
    """Names the part that is furthest from enough, and how much longer the whole must be."""
    short = [need for need in needs if separate(dataset, need.rows) < need.least]
    if not short:
        return
    worst = max(short, key=lambda need: need.span_s(dataset.horizon_s))
    there_s = len(np.unique(dataset.ends_s[dataset.origins])) * dataset.origin_s
    missing_s = max(worst.span_s(dataset.horizon_s) - there_s, dataset.horizon_s)
    raise DataError(
        f"{dataset.title}: the {worst.part} holds {separate(dataset, worst.rows):.1f} separate horizons of "
        f"{dataset.horizon_s} s, at least {worst.least} are needed: about {_span(missing_s)} more are missing to the "
        f"{_span(there_s)} that can be used ({len(dataset.origins):,} origins, {dataset.lost:,} lost to gaps and "
        "ends); record longer or take a shorter horizon"
    )


def _span(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h" if seconds >= 2 * 3600 else f"{ceil(seconds / 60)} min"


def _needs(dataset: Panel, fold: Fold, count: int, validated: int) -> Iterator[_Need]:
    number, is_last = fold.number + 1, fold.number + 1 == count
    border = 1 - TEST_SHARE * (1 - fold.number / count)
    embargo_s, purge_s = dataset.horizon_s, dataset.horizon_s - dataset.origin_s
    yield _Need(
        f"training part of fold {number}", fold.training, LEAST_TRAINING, border * (1 - VALIDATION_SHARE), purge_s
    )
    least, share = validated if is_last else LEAST_VALIDATION, border * VALIDATION_SHARE
    yield _Need(f"validation part of fold {number}", fold.validation, least, share, embargo_s + purge_s)
    purged_s = embargo_s if is_last else embargo_s + purge_s
    yield _Need(f"test part of fold {number}", fold.test, LEAST_TEST, TEST_SHARE / count, purged_s)
