"""Whether the market still looks like the one a model was trained on, and whether it still beats the baselines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan
from typing import NamedTuple

import msgspec
import numpy as np

from trifecta.errors import DataError
from trifecta.forecast.minutes import Floats

BINS = 10
SMALLEST_SHARE = 1e-4
"""Stands in for a bin without a row, whose logarithm would be infinite."""
SHIFTED = 0.25
"""A PSI above this is a market that moved away: the limit in common use, after Siddiqi (2006), "Credit Risk
Scorecards"."""
MIN_ROWS = 1_000
BLOCKS = 4
MIN_HORIZONS = 24
"""Outcomes that share no part of their horizon; fewer are no ground to take a champion off."""


class Reference(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Borders of the bins of each feature in the training part, and the share of rows in each bin.

    `edges` holds up to `BINS` - 1 rising borders a feature, `shares` one number more; a feature that was never known
    has neither.
    """

    features: tuple[str, ...]
    edges: tuple[tuple[float, ...], ...]
    shares: tuple[tuple[float, ...], ...]


def reference(rows: Floats, features: tuple[str, ...]) -> Reference:
    """Deciles of each column of float64 (rows, features); NaN rows of a column are left out.

    Raises:
        DataError: the columns are not those features.
    """
    if rows.ndim != 2 or rows.shape[1] != len(features):
        raise DataError(f"rows of shape {rows.shape} are not (rows, {len(features)}): one column a feature is expected")
    edges, shares = [], []
    for column in rows.T:
        known = column[np.isfinite(column)]
        found = np.unique(np.quantile(known, np.arange(1, BINS) / BINS)) if len(known) else np.empty(0)
        edges.append(tuple(float(edge) for edge in found))
        shares.append(tuple(_shares(known, found)) if len(known) else ())
    return Reference(tuple(features), tuple(edges), tuple(shares))


def psi(known: Reference, rows: Floats) -> dict[str, float]:
    """The population stability index of each feature that training knew and `rows` know: 0 for the same distribution.

    sum over bins of (now - then) * log(now / then). A feature with fewer than `MIN_ROWS` known rows is left out.

    Raises:
        DataError: the columns are not the reference's features.
    """
    if rows.ndim != 2 or rows.shape[1] != len(known.features):
        raise DataError(f"rows of shape {rows.shape} are not (rows, {len(known.features)}): expected {known.features}")
    found = {}
    for name, edges, shares, column in zip(known.features, known.edges, known.shares, rows.T, strict=True):
        now = column[np.isfinite(column)]
        if shares and len(now) >= MIN_ROWS:
            then = np.maximum(shares, SMALLEST_SHARE)
            today = np.maximum(_shares(now, np.array(edges)), SMALLEST_SHARE)
            found[name] = float(((today - then) * np.log(today / then)).sum())
    return found


def shifted(found: Mapping[str, float]) -> tuple[str, ...]:
    """The features that moved away, the farthest first."""
    return tuple(sorted((name for name, value in found.items() if value > SHIFTED), key=lambda name: -found[name]))


def _shares(values: Floats, edges: Floats) -> list[float]:
    counts = np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1)
    return [float(share) for share in counts / len(values)]


@dataclass(frozen=True)
class Losses:
    """What a champion and each baseline lost at the same forecasts, oldest first; smaller is better.

    float64 (forecasts,) each, NaN where it or the outcome is not known; `minute` since 1970. `right` is 1 where the
    interval held the outcome or the side came that was told, else 0; NaN where neither was told.
    """

    measure: str
    minute: Floats
    model: Floats
    baselines: Mapping[str, Floats]
    right: Floats


@dataclass(frozen=True)
class Judgement:
    """Mean loss of the champion and of each baseline over a span of live forecasts, and what follows from it."""

    measure: str
    forecasts: int
    separate: int
    model: float
    baselines: Mapping[str, float]
    right: float
    demote: bool
    reason: str


class Report(NamedTuple):
    """How a champion does: its losses over the span, and how far each input moved away from its training part."""

    version: str
    judgement: Judgement
    psi: dict[str, float]

    @property
    def moved(self) -> tuple[str, ...]:
        """Inputs that moved away, the farthest first."""
        return shifted(self.psi)


def judged_s(span_s: float, horizon_s: int) -> float:
    """Seconds of forecasts that are judged: the span, or as many as hold `MIN_HORIZONS` outcomes one after another."""
    return max(span_s, (MIN_HORIZONS + 0.5) * horizon_s)


def judge(live: Losses, horizon_s: int) -> Judgement:
    """Whether the model fell behind the best baseline all along the span.

    It did where its mean loss is larger than that baseline's over the whole span and in each of its `BLOCKS` parts: a
    single storm does not end a champion, a span without a good part does. Forecasts are compared where all are known.
    """
    known = np.isfinite(np.sum([live.model, *live.baselines.values()], axis=0))
    model, losses = live.model[known], {name: loss[known] for name, loss in live.baselines.items()}
    count, separate = len(model), _separate(live.minute[known], horizon_s)
    ours, right = _mean(model), _mean(live.right[known & np.isfinite(live.right)])
    means = {name: _mean(loss) for name, loss in losses.items()} if count else {}
    if separate < MIN_HORIZONS or not means:
        reason = (
            f"{separate} separate outcomes of {horizon_s} s are known, {MIN_HORIZONS} are needed: nothing is judged"
        )
        return Judgement(live.measure, count, separate, ours, means, right, False, reason)
    best = min(means, key=means.__getitem__)
    behind = [_mean(model[part]) > _mean(losses[best][part]) for part in np.array_split(np.arange(count), BLOCKS)]
    demote = ours > means[best] and all(behind)
    compared = f"live {live.measure} {ours:.4f} against {means[best]:.4f} of {best}"
    reason = f"{compared} over {separate} separate outcomes, behind in {sum(behind)} of {BLOCKS} parts of the span"
    return Judgement(live.measure, count, separate, ours, means, right, demote, reason)


def _mean(values: Floats) -> float:
    """NaN of none."""
    return float(values.mean()) if len(values) else nan


def _separate(minutes: Floats, horizon_s: int) -> int:
    """How many of these minutes, oldest first, can be chosen at least one horizon apart."""
    count, last = 0, -np.inf
    for minute in minutes:
        if (minute - last) * 60 >= horizon_s:
            count, last = count + 1, float(minute)
    return count
