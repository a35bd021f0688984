"""Inputs: the sidecar's window shows what training saw, and nothing of the future."""

from __future__ import annotations

from math import nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.forecast.flow import START_S, second, silent_second, walk_seconds
from trifecta.forecast import inputs
from trifecta.forecast.inputs import SECOND, STEPS, WARM_UP, FeatureSet
from trifecta.market.events import FEATURES

EXTENDED = FeatureSet.EXTENDED.names


def table(rows: list) -> np.ndarray:
    return np.array([inputs.values(row) for row in rows])


@pytest.mark.parametrize("step_s", [1, 7, 60])
def test_window_of_the_newest_seconds_equals_that_of_the_whole_history(step_s: int) -> None:
    seconds = table(walk_seconds((STEPS + WARM_UP + 30) * step_s))
    whole = inputs.features(inputs.to_steps(seconds, step_s), EXTENDED)
    window = inputs.window(seconds, EXTENDED, STEPS, step_s)
    assert window is not None
    np.testing.assert_allclose(window, whole[-STEPS:], rtol=1e-12, atol=1e-15)
    assert np.isfinite(window).all()


@settings(deadline=None, derandomize=True, max_examples=25)
@given(cut=st.integers(1, 299), seed=st.integers(0, 9))
def test_changing_the_future_changes_no_past_input(cut: int, seed: int) -> None:
    known, other = table(walk_seconds(300)), table(walk_seconds(300, seed=seed + 50, buy_volume=9.0))
    changed = np.concatenate((known[:cut], other[cut:]))
    before = inputs.features(inputs.to_steps(known, 1), EXTENDED)
    after = inputs.features(inputs.to_steps(changed, 1), EXTENDED)
    np.testing.assert_array_equal(before[:cut], after[:cut])


def test_second_with_missing_trades_is_a_gap() -> None:
    rows = walk_seconds(120)
    rows[60] = second(START_S + 61, 2400.0, complete=False)
    assert inputs.window(table(rows), FEATURES, 100, 1) is None
    assert inputs.window(table(rows), FEATURES, 59, 1) is not None


def test_second_without_a_trade_stands_at_the_last_price() -> None:
    found = inputs.to_steps(table([silent_second(START_S + 1, 2400.0)]), 1)
    assert found.high[0] == found.low[0] == found.close[0] == np.log(2400.0)


def test_price_average_is_shown_relative_to_the_last_price() -> None:
    row = second(START_S + 1, 2000.0, volume_weighted_price=2020.0)
    found = inputs.to_steps(table([row]), 1).flow[0]
    assert found[FEATURES.index("volume_weighted_price")] == pytest.approx(np.log(1.01))


def test_indicators_equal_their_definitions() -> None:
    seconds = table(walk_seconds(200))
    steps = inputs.to_steps(seconds, 1)
    made = dict(zip(EXTENDED, inputs.features(steps, EXTENDED).T, strict=True))
    change = np.diff(steps.close)[-14:]
    assert made["rsi"][-1] == pytest.approx(100 * change[change > 0].sum() / np.abs(change).sum())
    weights = [np.array([(1 - 2 / (span + 1)) ** age for age in range(60)]) for span in (12, 26)]
    newest = steps.close[-60:][::-1]
    expected = np.average(newest, weights=weights[0]) - np.average(newest, weights=weights[1])
    assert made["macd"][-1] == pytest.approx(expected, rel=1e-6)
    assert made["range_15"][-1] == pytest.approx(np.log(steps.high[-15:].max() - steps.low[-15:].min()))


def test_market_without_a_move_has_a_neutral_rsi() -> None:
    flat = table([second(START_S + 1 + n, 2400.0) for n in range(80)])
    assert inputs.features(inputs.to_steps(flat, 1), ("rsi",))[-1, 0] == 50.0


def test_unknown_and_masked_features_are_shown_as_their_mean() -> None:
    raw = np.array([[1.0, nan, 7.0], [3.0, 2.0, 8.0]])
    shown = inputs.scaled(raw, np.array([1.0, 1.0, 0.0]), np.ones(3), np.array([True, True, False]))
    assert shown.dtype == np.float32
    np.testing.assert_allclose(shown, [[0, 0, 0], [np.arcsinh(2), np.arcsinh(1), 0]], rtol=1e-6)


def test_columns_of_a_second_are_the_ten_features_and_its_prices() -> None:
    assert (*FEATURES, "high", "low", "last_price") == SECOND
    assert len(FeatureSet.EXTENDED.names) == 16
