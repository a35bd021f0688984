"""The grid of minutes: holes stay holes, bad bars stay out."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from trifecta.forecast.minutes import MINUTE_NS, NONE, SMALLEST_RANGE, Minutes, from_bars, merge, ranges, shift


def test_missing_minutes_become_nan() -> None:
    found = from_bars(np.array([7, 5]) * MINUTE_NS, np.array([3.0, 2.0]), np.array([1.0, 1.0]), at_most=100)
    assert found.first == 5
    np.testing.assert_allclose(found.high, [np.log(2), np.nan, np.log(3)])


def test_bars_that_cannot_be_are_left_out() -> None:
    high, low = np.array([1.0, np.nan, np.inf, 2.0]), np.array([2.0, 1.0, 1.0, -1.0])
    assert from_bars(np.arange(4) * MINUTE_NS, high, low, at_most=10) is NONE


def test_bars_years_apart_do_not_make_a_grid_of_years() -> None:
    found = from_bars(np.array([0, 10_000_000]) * MINUTE_NS, np.ones(2), np.ones(2), at_most=50)
    assert len(found.high) == 1


@settings(deadline=None, derandomize=True)
@given(
    values=st.lists(st.one_of(st.floats(0, 1), st.just(float("nan"))), min_size=1, max_size=60),
    window=st.integers(1, 20),
)
def test_ranges_equal_those_of_each_window_by_itself(values: list[float], window: int) -> None:
    high = np.array(values)
    found = ranges(Minutes(0, high, high - 0.1), window)
    for end in range(len(high)):
        part = high[max(end + 1 - window, 0) : end + 1]
        if len(part) < window or np.isnan(part).any():
            assert np.isnan(found[end])
        else:
            assert found[end] == max(part.max() - (part - 0.1).min(), SMALLEST_RANGE)


@settings(deadline=None, derandomize=True)
@given(by=st.integers(-9, 9))
def test_shift_moves_and_leaves_nan(by: int) -> None:
    values = np.arange(5.0)
    moved = shift(values, by)
    for index in range(5):
        expected = values[index - by] if 0 <= index - by < 5 else np.nan
        np.testing.assert_equal(moved[index], expected)


def test_merge_prefers_what_was_found_and_keeps_the_newest() -> None:
    known = Minutes(10, np.array([1.0, 2.0, np.nan]), np.zeros(3))
    found = Minutes(11, np.array([np.nan, 3.0, 4.0]), np.zeros(3))
    merged = merge(known, found, at_most=3)
    assert merged.first == 11
    assert merged.high.tolist() == [2.0, 3.0, 4.0]
    assert merge(NONE, known, at_most=2).first == 11
    assert merge(known, NONE, at_most=2).first == 11


def test_merge_drops_what_is_too_old_for_the_grid() -> None:
    merged = merge(Minutes(0, np.ones(3), np.zeros(3)), Minutes(1_000_000, np.ones(2), np.zeros(2)), at_most=10)
    assert len(merged.high) == 10
    assert np.isfinite(merged.high).sum() == 2
