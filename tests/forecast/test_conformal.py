"""Intervals hold the outcome as often as they state, and are wider where the model is less sure."""

from __future__ import annotations

import numpy as np
import pytest

from trifecta.forecast.conformal import Calibration, calibrate, confidence, uncertainty

SURE, UNSURE = (1.0, 0.0, 0.0), (1 / 3, 1 / 3, 1 / 3)
FORECAST = 0.002


def market(count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    """Outcomes that scatter more where the class probabilities are even."""
    random = np.random.default_rng(seed)
    volatility = random.dirichlet((0.5, 0.5, 0.5), count)
    forecast = np.exp(random.normal(-6, 0.5, count))
    outcome = forecast * np.exp(0.1 + random.normal(0, 0.3, count) * uncertainty(volatility))
    return outcome, forecast, volatility


def test_coverage_out_of_sample_is_the_one_stated() -> None:
    outcome, forecast, volatility = market(20_000, 1)
    made = calibrate(outcome, forecast, volatility, coverage=0.9, separate=20_000)
    assert made is not None
    outcome, forecast, volatility = market(20_000, 2)
    low, high = made.intervals(forecast, volatility)
    assert ((outcome >= low) & (outcome <= high)).mean() == pytest.approx(0.9, abs=0.01)


def test_interval_is_wider_and_confidence_lower_where_the_model_is_less_sure() -> None:
    made = Calibration(0.9, 0.6, 1.8, 100)
    sure, unsure = made.interval(FORECAST, SURE), made.interval(FORECAST, UNSURE)
    assert sure == pytest.approx((0.6 * FORECAST, 1.8 * FORECAST))
    assert unsure[0] < sure[0] < sure[1] < unsure[1]
    assert 0 < confidence(*unsure) < confidence(*sure) < 1


def test_one_interval_and_many_agree() -> None:
    made = Calibration(0.9, 0.6, 1.8, 100)
    _, forecast, volatility = market(5, 3)
    low, high = made.intervals(forecast, volatility)
    each = [made.interval(f, (a, b, c)) for f, (a, b, c) in zip(forecast.tolist(), volatility.tolist(), strict=True)]
    np.testing.assert_allclose(np.array(each).T, (low, high))


@pytest.mark.parametrize("separate", [0, 1, 8])
def test_too_few_separate_outcomes_are_no_calibration(separate: int) -> None:
    outcome, forecast, volatility = market(500, 4)
    assert calibrate(outcome, forecast, volatility, coverage=0.9, separate=separate) is None


def test_fewer_separate_outcomes_make_wider_intervals() -> None:
    outcome, forecast, volatility = market(500, 4)
    few = calibrate(outcome, forecast, volatility, coverage=0.9, separate=12)
    many = calibrate(outcome, forecast, volatility, coverage=0.9, separate=500)
    assert few is not None
    assert many is not None
    assert few.high / few.low > many.high / many.low
