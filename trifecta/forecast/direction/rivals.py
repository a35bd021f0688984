"""What a direction model must beat, at the same origins: how often each way comes, the last move, two fitted models."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import minimize

from trifecta.forecast.dataset import Panel, Rows
from trifecta.forecast.direction.bars import Directions, Way
from trifecta.forecast.direction.probabilities import softmax
from trifecta.forecast.folds import Fold
from trifecta.forecast.inputs import scaled
from trifecta.forecast.minutes import Floats

MAJORITY, MOMENTUM, LOGISTIC, TREES = RIVALS = ("majority", "momentum", "logistic", "trees")

_SUMS = (4, 16, 48)
"""Bars whose moves the fitted rivals see beside the newest bar."""
_RIDGE = 1e-3
_ROUNDS, _PATIENCE = 300, 30


def forecasts(data: Directions, fold: Fold, rows: Rows, *, seed: int) -> dict[str, Floats]:
    """P(down, neither, up) of each rival at these origins, float64 (rows, 3), fitted on the fold's training part."""
    return {
        **counted(data, fold.training, rows),
        LOGISTIC: _logistic(data, fold, rows),
        TREES: _trees(data, fold, rows, seed=seed),
    }


def counted(data: Directions, seen: Rows, rows: Rows) -> dict[str, Floats]:
    """The same of the rivals that only count what came of the origins that were `seen`."""
    return {MAJORITY: np.tile(_shares(data, seen), (len(rows), 1)), MOMENTUM: _momentum(data, seen, rows)}


def _shares(data: Directions, rows: Rows) -> Floats:
    """How often each way came; none is said to be impossible."""
    counts = np.bincount(data.way[rows], minlength=3) + 1.0
    return np.asarray(counts / counts.sum())


def _momentum(data: Directions, seen: Rows, rows: Rows) -> Floats:
    """How often each way followed a horizon that went up, and one that did not."""
    past = _moved(data.panel, data.horizon)
    rose = past[seen] > 0
    tables = np.stack([_shares(data, seen[~rose]), _shares(data, seen[rose])])
    return np.asarray(tables[(past[rows] > 0).astype(np.int64)])


def _logistic(data: Directions, fold: Fold, rows: Rows) -> Floats:
    """Multinomial logistic regression on the newest bar's features and the last moves, with a small ridge."""
    columns = _columns(data.panel)
    mean, scale = columns[fold.training].mean(axis=0), columns[fold.training].std(axis=0) + 1e-12
    seen = scaled(columns, mean, scale, np.ones(columns.shape[1], np.bool_)).astype(np.float64)
    train = np.column_stack((np.ones(len(fold.training)), seen[fold.training]))
    wanted = np.eye(3)[data.way[fold.training]]

    def loss(flat: Floats) -> tuple[float, Floats]:
        weights = flat.reshape(-1, 3)
        made = softmax(train @ weights)
        value = -(wanted * np.log(made)).sum() / len(train) + _RIDGE * (weights[1:] ** 2).sum()
        slope = train.T @ (made - wanted) / len(train)
        slope[1:] += 2 * _RIDGE * weights[1:]
        return float(value), slope.ravel()

    found = minimize(loss, np.zeros(train.shape[1] * 3), jac=True, method="L-BFGS-B").x.reshape(-1, 3)
    return softmax(np.column_stack((np.ones(len(rows)), seen[rows])) @ found)


def _trees(data: Directions, fold: Fold, rows: Rows, *, seed: int) -> Floats:
    """Gradient-boosted trees on the same columns; the validation part stops the boosting."""
    import lightgbm  # noqa: PLC0415  training alone needs it

    columns = _columns(data.panel)
    settings: dict[str, Any] = {
        "objective": "multiclass", "num_class": 3, "learning_rate": 0.03, "num_leaves": 7, "min_data_in_leaf": 50,
        "feature_fraction": 0.7, "bagging_fraction": 0.8, "bagging_freq": 1, "lambda_l2": 1.0, "seed": seed,
        "verbosity": -1, "deterministic": True, "force_row_wise": True, "num_threads": 1,
    }  # fmt: skip
    fitted_on = lightgbm.Dataset(columns[fold.training], data.way[fold.training])
    stopped_by = lightgbm.Dataset(columns[fold.validation], data.way[fold.validation], reference=fitted_on)
    stop = lightgbm.early_stopping(_PATIENCE, verbose=False)
    model = lightgbm.train(settings, fitted_on, _ROUNDS, valid_sets=[stopped_by], callbacks=[stop])
    return np.asarray(model.predict(columns[rows]), np.float64).reshape(-1, len(Way))


def _columns(panel: Panel) -> Floats:
    """float64 (rows, columns): nothing in a row is known later than its close."""
    return np.column_stack((panel.table, *(_moved(panel, bars) for bars in _SUMS)))


def _moved(panel: Panel, bars: int) -> Floats:
    """Sum of the last `bars` returns at each row, within its series; 0 where there are too few."""
    returns = np.nan_to_num(panel.table[:, 0])
    running = np.concatenate(([0.0], np.cumsum(returns)))
    rows = np.arange(len(returns))
    since = np.maximum(rows + 1 - bars, np.searchsorted(panel.of, panel.of))
    return np.asarray(running[rows + 1] - running[since])
