"""Windows of order flow and what followed them, of one instrument or a panel of several, for one horizon.

The table of features is held once; a window is a view into it and is copied only into the batch that needs it. An
origin is a step at which a whole window is known, and its whole horizon: neither crosses a gap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trifecta.errors import DataError
from trifecta.forecast.inputs import STEPS, FeatureSet, Inputs, Mask, features, memory, scaled
from trifecta.forecast.labels import Outcomes, outcomes
from trifecta.forecast.minutes import SMALLEST_RANGE, Floats, Times
from trifecta.forecast.series import CELL_S, Series

Rows = npt.NDArray[np.int64]

MOST_UNKNOWN = 0.7
"""Share of a feature's values that may be unknown, where its source gives it at all."""
MOST_STILL = 0.5
"""Share of horizons without any change of price from which on there is nothing to forecast."""


@dataclass(frozen=True, kw_only=True)
class Panel:
    """Steps of every series one after the other, and the rows at which a forecast can be made and judged.

    `table` is float64 (rows, names), NaN where unknown; `present` (names,) tells which features the source gives.
    `of` names the series of each row, `ends_s` when it closed, s since 1970. `origins` are rows, rising in each
    series; `lost` counts steps that are none because their window or horizon has a gap.
    """

    series: tuple[Series, ...]
    names: tuple[str, ...]
    step_s: int
    steps: int
    horizon_s: int
    table: Floats
    present: Mask
    of: Rows
    ends_s: Times
    origins: Rows
    lost: int

    @property
    def horizon(self) -> int:
        """Steps of the horizon."""
        return self.horizon_s // self.step_s

    @property
    def origin_s(self) -> int:
        """Seconds between neighbouring origins."""
        return max(CELL_S, self.step_s)

    @property
    def title(self) -> str:
        first, *more = (series.name for series in self.series)
        return f"{first} and {len(more)} more" if more else first


@dataclass(frozen=True, kw_only=True)
class Dataset(Panel):
    """A panel whose ranges are to be forecast; `outcomes` has a value per row."""

    outcomes: Outcomes


@dataclass(frozen=True)
class Scaler:
    """Mean and deviation of each feature over one part, float64 (names,), and which features the source gives."""

    mean: Floats
    scale: Floats
    present: Mask


class Windows:
    """Scaled windows of a data set, made batch by batch."""

    def __init__(self, dataset: Panel, scaler: Scaler) -> None:
        self.steps = dataset.steps
        self._table = scaled(dataset.table, scaler.mean, scaler.scale, scaler.present)
        self._back = np.arange(1 - dataset.steps, 1)

    def batch(self, rows: Rows) -> Inputs:
        """float32 (rows, steps, features), oldest step first; each window ends with its row."""
        return np.asarray(self._table[rows[:, None] + self._back])


def build(
    series: Sequence[Series], horizon_s: int, *, feature_set: FeatureSet = FeatureSet.FLOW, steps: int = STEPS
) -> Dataset:
    """The data set of these series.

    Raises:
        DataError: the horizon is no whole number of steps and minutes, no window fits between the gaps, prices stand
            still, or a feature is unknown too often; the message says how much is there and how much is missing.
    """
    step_s = _common_step(series)
    if horizon_s < step_s or horizon_s % max(step_s, CELL_S):
        raise DataError(f"horizon_s is {horizon_s}: it must be a multiple of {max(step_s, CELL_S)} s")
    names, horizon = feature_set.names, horizon_s // step_s
    parts = [one.columns for one in series]
    table = _joined([features(part, names) for part in parts])
    made = [outcomes(part, horizon) for part in parts]
    result = Outcomes(*(np.concatenate(column) for column in zip(*made, strict=True)))
    lengths = [len(part.close) for part in parts]
    of = np.repeat(np.arange(len(lengths)), lengths)
    ends_s = np.concatenate([one.ends_s for one in series])
    usable = np.concatenate([_usable(one, memory(names) + steps) for one in series]) & np.isfinite(result.log_range)
    at_origin = ends_s % max(step_s, CELL_S) == 0
    origins = np.flatnonzero(usable & at_origin)
    recorded = np.concatenate([one.known for one in series]) > 0
    unknown = np.count_nonzero(~np.isfinite(table) & recorded[:, None], axis=0) / max(np.count_nonzero(recorded), 1)
    lost = int(np.count_nonzero(at_origin)) - len(origins)
    found = Dataset(
        series=tuple(series),
        names=names,
        step_s=step_s,
        steps=steps,
        horizon_s=horizon_s,
        table=table,
        present=(unknown < 1) & recorded.any(),
        of=of,
        ends_s=ends_s,
        origins=origins,
        lost=lost,
        outcomes=result,
    )
    _refuse_gaps(found)
    _refuse_unknown(found, unknown, int(np.count_nonzero(recorded)))
    _refuse_still(found)
    return found


def fit_scaler(dataset: Panel, rows: Rows) -> Scaler:
    """Mean and deviation over the steps that the windows of these origins see: those of a training part."""
    seen = np.zeros(len(dataset.table) + 1, np.int64)
    np.add.at(seen, rows - dataset.steps + 1, 1)
    np.add.at(seen, rows + 1, -1)
    part = dataset.table[np.cumsum(seen)[:-1] > 0]  # a copy, which the rest works in
    unknown = ~np.isfinite(part)
    known = len(part) - np.count_nonzero(unknown, axis=0)
    part[unknown] = 0.0
    mean = part.sum(axis=0) / np.maximum(known, 1)
    part -= mean
    part[unknown] = 0.0
    scale = np.sqrt(np.square(part, out=part).sum(axis=0) / np.maximum(known, 1))
    present = dataset.present & (known > 0)
    return Scaler(mean, np.where(scale > 1e-12 * np.maximum(np.abs(mean), 1.0), scale, 1.0), present)


def _joined(parts: Sequence[Floats]) -> Floats:
    """One after the other; of a single one no copy is made."""
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _common_step(series: Sequence[Series]) -> int:
    found = {one.step_s for one in series}
    if len(found) != 1:
        raise DataError(f"series have steps of {sorted(found)} s: a data set needs at least one series, and one step")
    return found.pop()


def _usable(series: Series, needed: int) -> Mask:
    """Whether the `needed` steps that end with each one were all recorded."""
    known = np.cumsum(np.concatenate(([0.0], series.known)))
    whole = np.zeros(len(known) - 1, np.bool_)
    if len(whole) >= needed:
        whole[needed - 1 :] = known[needed:] - known[:-needed] == needed
    return whole


def _refuse_gaps(dataset: Dataset) -> None:
    if len(dataset.origins):
        return
    needed = memory(dataset.names) + dataset.steps + dataset.horizon
    longest = max((_longest_run(one) for one in dataset.series), default=0)
    recorded = sum(int(one.known.sum()) for one in dataset.series)
    total = len(dataset.table)
    raise DataError(
        f"{dataset.title}: a window of {dataset.steps} steps and its horizon of {dataset.horizon_s} s need {needed} "
        f"steps of {dataset.step_s} s without a gap, the longest run has {longest} ({recorded:,} of {total:,} steps "
        f"were recorded): record {(needed - longest) * dataset.step_s:,} s more without a gap, or take shorter steps"
    )


def _longest_run(series: Series) -> int:
    edges = np.flatnonzero(np.diff(np.concatenate(([0.0], series.known, [0.0]))))
    return int(np.max(edges[1::2] - edges[::2], initial=0))


def _refuse_unknown(dataset: Dataset, shares: Floats, recorded: int) -> None:
    if not dataset.present.any():
        raise DataError(
            f"{dataset.title}: the source gives none of {', '.join(dataset.names)}: take a network whose features it "
            "gives, or record trades and depth"
        )
    for name, share, given in zip(dataset.names, shares, dataset.present, strict=True):
        if given and share > MOST_UNKNOWN:
            raise DataError(
                f"{dataset.title}: {name} is unknown (NaN) in {share:.1%} of {recorded:,} steps, at most "
                f"{MOST_UNKNOWN:.0%}: {share - MOST_UNKNOWN:.1%} too many; record a period with a whole book and "
                "steady trades, or take longer steps"
            )


def _refuse_still(dataset: Dataset) -> None:
    ranges = dataset.outcomes.log_range[dataset.origins]
    share = float(np.mean(ranges <= SMALLEST_RANGE))
    if share > MOST_STILL:
        raise DataError(
            f"{dataset.title}: the price stood still in {share:.1%} of {len(ranges):,} horizons of "
            f"{dataset.horizon_s} s, at most {MOST_STILL:.0%}: there is no range to forecast; take a longer horizon "
            "or another instrument"
        )
