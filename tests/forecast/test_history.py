"""What a forecaster remembers, and where it knows that it does not."""

from __future__ import annotations

import numpy as np
import pytest

from trifecta.forecast.history import History
from trifecta.forecast.minutes import Minutes

START = 1_700_000_040


def feed(history: History, seconds: range, price: float = 100.0, reach: float = 1.0) -> list[bool]:
    return [history.close_second(end, price + reach, price - reach, price) for end in seconds]


def test_minute_closes_when_all_of_its_seconds_are_known() -> None:
    history = History(3600, 100)
    closed = feed(history, range(START + 1, START + 121))
    assert [index for index, whole in enumerate(closed) if whole] == [59, 119]
    assert history.minutes.first == START // 60
    np.testing.assert_allclose(history.minutes.high, np.log(101.0))


def test_minute_with_a_lost_second_stays_missing() -> None:
    history = History(3600, 100)
    feed(history, range(START + 1, START + 30))
    assert feed(history, range(START + 31, START + 61))[-1] is False
    assert len(history.minutes.high) == 0


def test_second_without_a_trade_stands_at_the_last_price() -> None:
    history = History(3600, 100)
    for end in range(START + 1, START + 61):
        history.close_second(end, np.nan, np.nan, 100.0)
    assert history.minutes.high[0] == history.minutes.low[0] == np.log(100.0)


def test_range_is_exact_over_seconds() -> None:
    history = History(600, 100)
    prices = 100 + np.random.default_rng(2).normal(0, 1, 900).cumsum() * 0.01
    for index, price in enumerate(prices):
        history.close_second(START + 1 + index, price, price, price)
    seen = history.last_range(300)
    assert (seen.seconds, seen.missing) == (300, 0)
    assert seen.log_range == pytest.approx(np.log(prices[-300:].max() / prices[-300:].min()))


def test_minutes_stand_in_for_seconds_of_before_the_start() -> None:
    history = History(3600, 1000)
    history.add_minutes(Minutes(START // 60 - 30, np.full(30, np.log(110.0)), np.full(30, np.log(90.0))))
    feed(history, range(START + 1, START + 11))
    assert history.last_range(300).seconds == 300
    assert history.last_range(300).log_range == pytest.approx(np.log(110 / 90))
    assert history.last_range(3600).seconds == 1810  # 30 minutes and 10 seconds


def test_hole_of_a_minute_ends_the_window() -> None:
    history = History(3600, 1000)
    history.add_minutes(Minutes(START // 60 - 30, np.full(30, np.log(110.0)), np.full(30, np.log(90.0))))
    feed(history, range(START + 61, START + 81))
    assert history.last_range(300).seconds == 20


def test_few_lost_seconds_are_counted_and_do_not_cost_the_window() -> None:
    history = History(3600, 1000)
    feed(history, range(START + 1, START + 201))
    feed(history, range(START + 204, START + 301))
    seen = history.last_range(300)
    assert (seen.seconds, seen.missing) == (300, 3)
    assert history.hole(300) == (START + 201, START + 203)
    history.add_seconds(np.arange(START + 201, START + 204), *np.full((3, 3), 100.0))
    assert history.hole(300) is None


def test_more_lost_seconds_than_allowed_end_the_window() -> None:
    history = History(3600, 1000)
    feed(history, range(START + 1, START + 201))
    feed(history, range(START + 240, START + 301))
    assert history.last_range(300).seconds == 61


def test_nothing_is_known_before_the_first_second() -> None:
    assert History(3600, 10).last_range(300).seconds == 0
