"""Probabilities of the three ways: made honest on an earlier part, and what they are worth on a later one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from trifecta.forecast.direction.bars import Way, Ways
from trifecta.forecast.files import Frozen
from trifecta.forecast.minutes import Floats, Times
from trifecta.forecast.significance import diebold_mariano

SMALLEST = 1e-4
"""No way is ever said to be impossible: its log loss would have no bound."""
MAX_SHARPNESS = 3.0
BINS = 10
_PULL = 1e-3
"""Of the fit towards leaving the probabilities as they are: a short part may not say much."""


class Calibration(Frozen, frozen=True):
    """p becomes softmax(sharpness * log p + shift): vector scaling with one temperature.

    Guo et al. (2017), "On Calibration of Modern Neural Networks", section 4.2. Sharpness 0: what is left is how often
    each way came.
    """

    sharpness: float
    shift: tuple[float, float, float]

    def of(self, shares: Floats) -> Floats:
        """float64 (..., 3), rows that add up to 1."""
        return softmax(self.sharpness * np.log(np.maximum(shares, SMALLEST)) + np.array(self.shift))


@dataclass(frozen=True)
class Trial:
    """The origins that all are judged at; rising time within each instrument."""

    ends_s: Times
    fold: Ways
    way: Ways
    overlap: int
    separate: float


@dataclass(frozen=True)
class Summary:
    """Means over origins. `p` is for each rival the probability of so large a lead over it by chance.

    `hit_rate` is the share of moves beyond the spread whose likelier side came, `error` how far stated and true shares
    of the sides lie apart in the mean, `calibration` how often a side came over how often it was stated.
    """

    origins: int
    separate: float
    log_loss: float
    brier: float
    hit_rate: float
    error: float
    calibration: float
    p: Mapping[str, float]


def softmax(logits: Floats) -> Floats:
    raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
    shares = np.maximum(raised / raised.sum(axis=-1, keepdims=True), SMALLEST)
    return np.asarray(shares / shares.sum(axis=-1, keepdims=True))


def calibrate(shares: Floats, way: Ways) -> Calibration:
    """The calibration with the least log loss on a part that nothing was fitted on.

    Args:
        shares: float64 (origins, 3).
    """
    logs, rows = np.log(np.maximum(shares, SMALLEST)), np.arange(len(way))

    def loss(given: Floats) -> float:
        made = softmax(given[0] * logs + np.append(given[1:], 0.0))
        return float(-np.log(made[rows, way]).mean() + _PULL * ((given[0] - 1) ** 2 + (given[1:] ** 2).sum()))

    from scipy.optimize import minimize  # noqa: PLC0415 - 30 MB that whoever only serves does without

    bounds = [(0.0, MAX_SHARPNESS), (-3.0, 3.0), (-3.0, 3.0)]
    found = minimize(loss, np.array([1.0, 0.0, 0.0]), method="L-BFGS-B", bounds=bounds).x
    return Calibration(float(found[0]), (float(found[1]), float(found[2]), 0.0))


def log_losses(shares: Floats, way: Ways) -> Floats:
    return np.asarray(-np.log(np.maximum(shares[np.arange(len(way)), way], SMALLEST)))


def briers(shares: Floats, way: Ways) -> Floats:
    """Squared error of the three probabilities, 0..2."""
    return np.asarray(((shares - np.eye(3)[way]) ** 2).sum(axis=1))


def summarise(trial: Trial, tried: Mapping[str, Floats], name: str, rivals: tuple[str, ...]) -> Summary:
    """How good the probabilities of that name were, and their lead in log loss over each rival that was tried."""
    shares, way = tried[name], trial.way
    moved = way != Way.NEITHER
    rises = shares[:, Way.UP] > shares[:, Way.DOWN]
    sides = [Way.DOWN, Way.UP]
    return Summary(
        origins=len(way),
        separate=trial.separate,
        log_loss=float(log_losses(shares, way).mean()),
        brier=float(briers(shares, way).mean()),
        hit_rate=float((rises == (way == Way.UP))[moved].mean()) if moved.any() else 0.0,
        error=_error(np.concatenate([shares[:, s] for s in sides]), np.concatenate([way == s for s in sides])),
        calibration=float(moved.mean() / shares[:, sides].sum(axis=1).mean()),
        p={rival: lead(trial, shares, tried[rival]) for rival in rivals if rival in tried and rival != name},
    )


def lead(trial: Trial, shares: Floats, rival: Floats) -> float:
    """p-value of the lead in log loss; what happens at one time to a panel is one observation."""
    _, place = np.unique(trial.ends_s, return_inverse=True)
    ours, theirs = (np.bincount(place, log_losses(one, trial.way)) / np.bincount(place) for one in (shares, rival))
    return diebold_mariano(ours, theirs, trial.overlap)


def _error(stated: Floats, came: Ways) -> float:
    """Expected calibration error over `BINS` bins of stated probability (Naeini et al. 2015)."""
    number = np.minimum((stated * BINS).astype(np.int64), BINS - 1)
    count = np.bincount(number, minlength=BINS)
    off = np.abs(np.bincount(number, stated, BINS) - np.bincount(number, came, BINS))
    return float(off.sum() / max(count.sum(), 1))
