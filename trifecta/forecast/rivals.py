"""What a network must beat, at the same origins: the baselines as they are served, and boosted trees."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from trifecta.forecast.baselines import HAR_WINDOWS, HISTORY_MINUTES, Method, rolling
from trifecta.forecast.dataset import Dataset, Rows
from trifecta.forecast.folds import Fold
from trifecta.forecast.inputs import FeatureSet, features
from trifecta.forecast.minutes import SMALLEST_RANGE, Floats, Minutes, ranges, shift
from trifecta.forecast.series import CELL_S, cells

TREES = "trees"
REFIT_CELLS = 720
"""Baselines learn anew at least this often (12 h of minutes), from the history that the sidecar keeps."""

_MEANS = (5, 20, 100)
_TREES, _PATIENCE = 400, 30


def baselines(dataset: Dataset, rows: Rows) -> Mapping[Method, Floats]:
    """Each baseline's forecast of the log range at these origins, NaN where it had too little history.

    Made like in the sidecar: from cells closed by the origin alone, at most `HISTORY_MINUTES` of them.
    """
    made = {method: np.full(len(rows), np.nan) for method in Method}
    horizon = dataset.horizon_s // _cell_s(dataset)
    for number, series in enumerate(dataset.series):
        of_series = np.flatnonzero(dataset.of[rows] == number)
        if not len(of_series):
            continue
        grid = cells(series)
        at = dataset.ends_s[rows[of_series]] // _cell_s(dataset) - 1 - grid.first
        first, stop = int(at.min()), int(at.max()) + 1
        whole = {method: np.full(stop, np.nan) for method in Method}
        for start in range(first, stop, REFIT_CELLS):
            end = min(start + REFIT_CELLS, stop)
            past = Minutes(grid.first, grid.high[:end], grid.low[:end]).tail(HISTORY_MINUTES)
            for method, found in rolling(past, horizon * 60).items():
                whole[method][start:end] = found[len(found) - (end - start) :]
        for method in Method:
            made[method][of_series] = whole[method][at]
    return {method: np.maximum(found, SMALLEST_RANGE) for method, found in made.items()}


def trees(dataset: Dataset, fold: Fold, rows: Rows, *, seed: int) -> Floats:
    """What gradient-boosted trees, trained on the fold, forecast at these origins; float64 (rows,), log ranges.

    They see what the largest network sees, as last values and means of the window, and what HAR sees. The validation
    part stops the boosting and sets the level.
    """
    import lightgbm  # noqa: PLC0415  training alone needs it

    table = _tree_table(dataset)
    log_range = dataset.outcomes.log_range
    settings: dict[str, Any] = {
        "objective": "regression", "learning_rate": 0.03, "num_leaves": 15, "min_data_in_leaf": 50, "verbosity": -1,
        "feature_fraction": 0.7, "bagging_fraction": 0.8, "bagging_freq": 1, "lambda_l2": 1.0, "seed": seed,
        "deterministic": True, "force_row_wise": True, "num_threads": 1,
    }  # fmt: skip
    train = lightgbm.Dataset(table[fold.training], np.log(log_range[fold.training]))
    held_out = lightgbm.Dataset(table[fold.validation], np.log(log_range[fold.validation]), reference=train)
    stop = lightgbm.early_stopping(_PATIENCE, verbose=False)
    model = lightgbm.train(settings, train, _TREES, valid_sets=[held_out], callbacks=[stop])
    level = float(np.mean(log_range[fold.validation] / np.exp(model.predict(table[fold.validation]))))
    return np.maximum(level * np.exp(np.asarray(model.predict(table[rows]), np.float64)), SMALLEST_RANGE)


def _tree_table(dataset: Dataset) -> Floats:
    """float64 (rows, columns): nothing in a row is known later than its step."""
    parts = [_of_series(features(one.columns, FeatureSet.EXTENDED.names)) for one in dataset.series]
    table = np.concatenate([np.concatenate(parts), _past_ranges(dataset)], axis=1)
    hour = 2 * np.pi * (dataset.ends_s % 86_400) / 86_400
    return np.column_stack((table, np.sin(hour), np.cos(hour)))


def _of_series(shown: Floats) -> Floats:
    return np.concatenate([shown, *(_mean(shown, steps) for steps in _MEANS)], axis=1)


def _mean(values: Floats, steps: int) -> Floats:
    """Mean of what is known of the last `steps` rows, per column."""
    known = np.isfinite(values)
    total = np.cumsum(np.where(known, values, 0.0), axis=0)
    count = np.cumsum(known, axis=0).astype(np.float64)
    total[steps:], count[steps:] = total[steps:] - total[:-steps], count[steps:] - count[:-steps]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(total / count)


def _past_ranges(dataset: Dataset) -> Floats:
    """Mean log range of the last horizons, as HAR takes them."""
    columns = []
    for series in dataset.series:
        log_last = np.log(ranges(Minutes(0, series.columns.high, series.columns.low), dataset.horizon))
        past = np.stack([shift(log_last, age * dataset.horizon) for age in range(max(HAR_WINDOWS))])
        columns.append(np.stack([_known_mean(past[:count]) for count in HAR_WINDOWS], axis=1))
    return np.concatenate(columns)


def _known_mean(values: Floats) -> Floats:
    known = np.isfinite(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(known, values, 0.0).sum(axis=0) / known.sum(axis=0))


def _cell_s(dataset: Dataset) -> int:
    return max(CELL_S, dataset.step_s)
