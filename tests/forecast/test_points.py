"""Points: the right units for the symbol asked."""

from __future__ import annotations

from math import exp

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trifecta.forecast.points import (
    UnknownPointError,
    UnknownSymbolError,
    flow_symbol,
    point_size,
    to_log_range,
    to_points,
)
from trifecta.settings import ForecastSettings

SETTINGS = ForecastSettings()


def test_xauusd_gets_the_points_of_a_centred_window() -> None:
    high, low = 2400 * exp(0.0005), 2400 * exp(-0.0005)
    assert to_points(0.001, 2400, 0.01) == pytest.approx((high - low) / 0.01)
    assert to_points(0.001, 2400, 0.01) == pytest.approx(240.0, rel=1e-6)


@settings(deadline=None, derandomize=True)
@given(st.floats(1e-6, 0.5), st.floats(0.01, 1e6), st.floats(1e-5, 1))
def test_log_range_comes_back_from_points(log_range: float, price: float, point: float) -> None:
    assert to_log_range(to_points(log_range, price, point), price, point) == pytest.approx(log_range, rel=1e-9)


def test_gold_is_served_by_its_token() -> None:
    assert flow_symbol("XAUUSD", SETTINGS, {"PAXGUSDT", "BTCUSDT"}) == "PAXGUSDT"
    assert flow_symbol("BTCUSDT", SETTINGS, {"PAXGUSDT", "BTCUSDT"}) == "BTCUSDT"


def test_unknown_symbol_is_told_what_is_known() -> None:
    with pytest.raises(UnknownSymbolError, match=r"'EURUSD'.*BTCUSD, BTCUSDT.*forecast\.symbols"):
        flow_symbol("EURUSD", SETTINGS, {"BTCUSDT"})


def test_symbol_without_a_point_is_asked_for_one() -> None:
    assert point_size("GOLD", "PAXGUSDT", SETTINGS) == 0.01
    with pytest.raises(UnknownPointError, match=r"point=0\.01"):
        point_size("DOGEUSDT", "DOGEUSDT", SETTINGS)
