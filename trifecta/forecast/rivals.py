"""What a network must beat, at the same origins: the baselines as they are served, and boosted trees."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from trifecta.forecast.baselines import HAR_WINDOWS, HISTORY_MINUTES, Method, rolling
from trifecta.forecast.dataset import Dataset, Rows
from trifecta.forecast.folds import Fold
from trifecta.forecast.minutes import SMALLEST_RANGE, Floats, Minutes, ranges
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

    Of a data set with the extended features they see last values and means of the window, and what HAR sees. The
    validation part stops the boosting and sets the level.
    """
    import lightgbm  # noqa: PLC0415  training alone needs it

    log_range = dataset.outcomes.log_range
    train, held_out = (_tree_rows(dataset, part) for part in (fold.training, fold.validation))
    settings: dict[str, Any] = {
        "objective": "regression", "learning_rate": 0.03, "num_leaves": 15, "min_data_in_leaf": 50, "verbosity": -1,
        "feature_fraction": 0.7, "bagging_fraction": 0.8, "bagging_freq": 1, "lambda_l2": 1.0, "seed": seed,
        "deterministic": True, "force_row_wise": True, "num_threads": 1,
    }  # fmt: skip
    fitted_on = lightgbm.Dataset(train, np.log(log_range[fold.training]))
    stopped_by = lightgbm.Dataset(held_out, np.log(log_range[fold.validation]), reference=fitted_on)
    stop = lightgbm.early_stopping(_PATIENCE, verbose=False)
    model = lightgbm.train(settings, fitted_on, _TREES, valid_sets=[stopped_by], callbacks=[stop])
    level = float(np.mean(log_range[fold.validation] / np.exp(model.predict(held_out))))
    made = np.exp(np.asarray(model.predict(_tree_rows(dataset, rows)), np.float64))
    return np.maximum(level * made, SMALLEST_RANGE)


def _tree_rows(dataset: Dataset, rows: Rows) -> Floats:
    """float64 (rows, columns): nothing in a row is known later than its origin."""
    means = [_means(dataset.table[:, column], rows) for column in range(dataset.table.shape[1])]
    hour = 2 * np.pi * (dataset.ends_s[rows] % 86_400) / 86_400
    return np.column_stack((dataset.table[rows], *means, _past_ranges(dataset, rows), np.sin(hour), np.cos(hour)))


def _means(values: Floats, rows: Rows) -> Floats:
    """Means of what is known of the last `_MEANS` values at each row, float64 (rows, means)."""
    known = np.isfinite(values)
    total = np.concatenate(([0.0], np.cumsum(np.where(known, values, 0.0))))
    count = np.concatenate(([0], np.cumsum(known)))
    with np.errstate(invalid="ignore", divide="ignore"):
        means = [_since(total, rows, steps) / _since(count, rows, steps) for steps in _MEANS]
    return np.stack(means, axis=1)


def _since(running: Floats, rows: Rows, steps: int) -> Floats:
    return np.asarray(running[rows + 1] - running[np.maximum(rows + 1 - steps, 0)], np.float64)


def _past_ranges(dataset: Dataset, rows: Rows) -> Floats:
    """Mean log range of the last horizons, as HAR takes them; float64 (rows, terms)."""
    grids = [Minutes(0, series.columns.high, series.columns.low) for series in dataset.series]
    log_last = np.log(np.concatenate([ranges(grid, dataset.horizon) for grid in grids]))
    begin = np.searchsorted(dataset.of, dataset.of[rows])
    ages = np.arange(max(HAR_WINDOWS))[:, None] * dataset.horizon
    at = rows - ages
    past = np.where(at >= begin, log_last[np.maximum(at, 0)], np.nan)
    return np.stack([_known_mean(past[:count]) for count in HAR_WINDOWS], axis=1)


def _known_mean(values: Floats) -> Floats:
    known = np.isfinite(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(known, values, 0.0).sum(axis=0) / known.sum(axis=0))


def _cell_s(dataset: Dataset) -> int:
    return max(CELL_S, dataset.step_s)
