"""Decimal texts become the integers they mean, or nothing."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from trifecta.market.instruments import MISFIT, to_ticks
from trifecta.venues.columns import to_ns

scales = st.integers(0, 12)


@settings(derandomize=True)
@given(st.integers(0, 10**15), scales)
def test_every_decimal_text_of_fifteen_digits_is_exact(ticks: int, scale: int) -> None:
    text = str(Decimal(ticks).scaleb(-scale))
    assert to_ticks(np.array([float(text)]), scale).tolist() == [ticks]


@settings(derandomize=True)
@given(st.integers(0, 10**14), st.integers(0, 11), st.integers(1, 9))
def test_a_digit_too_many_is_seen(ticks: int, scale: int, digit: int) -> None:
    text = str(Decimal(ticks * 10 + digit).scaleb(-scale - 1))
    assert to_ticks(np.array([float(text)]), scale).tolist() == [MISFIT]


@settings(derandomize=True)
@given(st.lists(st.floats(), max_size=20), scales)
def test_any_float_is_a_whole_number_of_ticks_or_a_misfit(values: list[float], scale: int) -> None:
    column = np.array(values, np.float64)
    for value, ticks in zip(values, to_ticks(column, scale).tolist(), strict=True):
        assert (
            ticks == MISFIT
            or abs(Decimal(value).scaleb(scale) - ticks) < Decimal("0.5") + 2 * abs(Decimal(ticks)) // 10**15
        )


@settings(derandomize=True)
@given(st.integers(-(2**62), 2**62))
def test_no_time_overflows(time: int) -> None:
    (ns,) = to_ns(np.array([time])).tolist()
    assert abs(ns) < 2**63
    assert (ns > 0) == (time > 0)


@settings(derandomize=True)
@given(st.integers(10**9, 4 * 10**9), st.sampled_from([10**3, 10**6, 10**9]))
def test_a_second_of_our_age_is_the_same_in_every_unit(second: int, unit: int) -> None:
    assert to_ns(np.array([second * unit])).tolist() == [second * 10**9]
