"""Whether one forecaster's losses are smaller than another's by more than chance."""

from __future__ import annotations

from math import sqrt

from trifecta.forecast.minutes import Floats

LEAST = 20


def diebold_mariano(model: Floats, rival: Floats, overlap: int) -> float:
    """One-sided p-value that the model's expected loss is not below the rival's; 1 where too little is known.

    Diebold & Mariano (1995), "Comparing Predictive Accuracy". Losses of overlapping horizons are correlated, so the
    variance of the mean is a long-run one: Bartlett weights over max(1.3 sqrt(n), 2 * overlap) lags, and the quantiles
    of a t distribution with 1.5 n / lags degrees of freedom, which is what such a wide window is worth (Lazarus,
    Lewis, Stock & Watson 2018, "HAR Inference: Recommendations for Practice").

    Args:
        model, rival: float64 (times,), losses in the order of time; of a panel the mean over its instruments, since
            what happens at one time to all of them is one observation.
        overlap: how many neighbouring times share a part of their horizons.
    """
    difference = model - rival
    count = len(difference)
    lags = int(max(1.3 * sqrt(count), 2 * overlap))
    if count < LEAST or count < 4 * lags:
        return 1.0
    variance = _long_run_variance(difference, lags)
    if not variance > 0:
        return 1.0 if difference.mean() >= 0 else 0.0
    statistic = float(difference.mean()) / sqrt(variance / count)
    from scipy.special import stdtr  # noqa: PLC0415 - 20 MB that whoever only serves does without

    return float(stdtr(1.5 * count / lags, statistic))


def _long_run_variance(values: Floats, lags: int) -> float:
    centred = values - values.mean()
    count = len(centred)
    total = float(centred @ centred)
    for lag in range(1, lags + 1):
        total += 2 * (1 - lag / (lags + 1)) * float(centred[lag:] @ centred[:-lag])
    return total / count
