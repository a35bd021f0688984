"""The forecaster of one instrument, second by second."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.forecast.flow import START_S, second, silent_second, walk_seconds
from trifecta.errors import SettingsError
from trifecta.forecast import legacy
from trifecta.forecast.baselines import Method
from trifecta.forecast.minutes import Minutes
from trifecta.forecast.points import to_points
from trifecta.forecast.predictor import Predictor, Source
from trifecta.market.events import OrderFlow
from trifecta.settings import ForecastSettings


def predictor(**settings: object) -> Predictor:
    return Predictor("sim_binance", "PAXGUSDT", ForecastSettings(**settings))  # type: ignore[arg-type]


def minutes_before(start_s: int, count: int, seed: int = 4) -> Minutes:
    random = np.random.default_rng(seed)
    close = np.log(2400) + np.cumsum(random.normal(0, 4e-4, count)) - 0.0
    reach = np.abs(random.normal(0, 2e-4, (2, count)))
    return Minutes(start_s // 60 - count, close + reach[0], close - reach[1])


def warmed(count: int = 4000, **settings: object) -> Predictor:
    made = predictor(**settings)
    made.add_minutes(minutes_before(START_S, count))
    while made.refit():
        pass
    return made


def run(made: Predictor, rows: list[OrderFlow]) -> None:
    for row in rows:
        made.close(row)


def test_cold_start_is_a_fallback_and_never_a_baseline() -> None:
    made = predictor()
    run(made, walk_seconds(9))
    assert made.forecasts == {}
    run(made, walk_seconds(60)[9:])
    for forecast in made.forecasts.values():
        assert (forecast.source, forecast.method, forecast.interval) == (Source.FALLBACK, "scaled", None)


def test_fallback_grows_with_the_square_root_of_the_horizon() -> None:
    made = predictor()
    run(made, walk_seconds(60))
    assert made.forecasts[3600].log_range == pytest.approx(2 * made.forecasts[900].log_range)


def test_best_baseline_serves_each_horizon_with_its_interval_and_all_losses() -> None:
    made = warmed()
    run(made, walk_seconds(30))
    assert set(made.forecasts) == {300, 900, 3600}
    for forecast in made.forecasts.values():
        assert forecast.source is Source.BASELINE
        assert set(forecast.losses) == set(Method)
        best = min(forecast.losses, key=lambda method: forecast.losses[method].qlike)
        assert forecast.method == best
        assert forecast.interval is not None
        assert forecast.interval[0] < forecast.log_range < forecast.interval[1]


@pytest.mark.parametrize("method", ["persistence", "ewma", "har"])
def test_method_asked_for_serves_whatever_its_loss(method: str) -> None:
    made = warmed(method=method)
    run(made, walk_seconds(5))
    assert {forecast.method for forecast in made.forecasts.values()} == {method}


def test_persistence_is_the_range_of_the_last_horizon() -> None:
    made = predictor(method="persistence")
    rows = walk_seconds(400)
    run(made, rows)
    window = rows[-300:]
    expected = np.log(max(row.high for row in window) / min(row.low for row in window))
    assert made.forecasts[300].log_range == pytest.approx(expected)
    assert made.forecasts[300].source is Source.BASELINE
    assert made.forecasts[900].source is Source.FALLBACK


def test_legacy_gives_the_formulas_points_and_says_fallback() -> None:
    made = warmed(method="legacy")
    rows = walk_seconds(90)
    run(made, rows)
    forecast, window = made.forecasts[300], rows[-60:]
    percent = 100 * (max(row.high for row in window) / min(row.low for row in window) - 1)
    assert forecast.points == pytest.approx(legacy.points(0.25, percent, 0.1, 1.5))
    assert (forecast.source, forecast.method, forecast.interval) == (Source.FALLBACK, "legacy", None)
    assert to_points(forecast.log_range, forecast.price, 0.01) == pytest.approx(forecast.points)


def test_legacy_gives_way_to_a_baseline_while_its_inputs_are_missing() -> None:
    made = warmed(method="legacy")
    run(made, walk_seconds(90, ready=False))
    assert {forecast.source for forecast in made.forecasts.values()} == {Source.BASELINE}


def test_second_that_is_not_newer_is_refused() -> None:
    made = predictor()
    assert made.close(second(START_S + 5))
    assert not made.close(second(START_S + 5))
    assert not made.close(second(START_S + 4))


def test_recording_that_plays_again_starts_anew() -> None:
    made = predictor()
    run(made, walk_seconds(100))
    late = second(START_S + 100).ts_recv
    assert made.close(second(START_S + 1, ts_recv=late + 1))
    assert made.forecasts == {}
    assert made.latest is not None
    assert made.latest.ts_event == (START_S + 1) * 10**9


def test_price_is_the_middle_of_a_valid_book_else_the_last_trade() -> None:
    made = warmed()
    made.close(second(START_S + 1, 2400.0, bid=2399.0, ask=2402.0))
    assert made.forecasts[300].price == 2400.5
    made.close(second(START_S + 2, 2400.0, bid=float("nan"), ask=float("nan"), book_valid=False))
    assert made.forecasts[300].price == 2400.0


def test_silent_market_still_gets_a_forecast_each_second() -> None:
    made = warmed()
    for end in range(START_S + 1, START_S + 20):
        made.close(silent_second(end, 2400.0))
        assert made.forecasts[300].ts_event == end * 10**9


def test_no_price_means_no_forecast() -> None:
    made = predictor()
    nan = float("nan")
    made.close(second(START_S + 1, high=nan, low=nan, last_price=nan, bid=nan, ask=nan, book_valid=False))
    assert made.forecasts == {}


def test_changing_later_seconds_changes_no_earlier_forecast() -> None:
    rows = walk_seconds(700)
    seen: list[list[object]] = []
    for later in (rows[650:], [replace_prices(row, 3000.0) for row in rows[650:]]):
        made = warmed()
        kept: list[object] = []
        for index, row in enumerate([*rows[:650], *later]):
            made.close(row)
            while made.refit():
                pass
            if index < 650:
                kept.append(made.forecasts[300])
        seen.append(kept)
    assert seen[0] == seen[1]


def replace_prices(row: OrderFlow, price: float) -> OrderFlow:
    return second(row.ts_event // 10**9, price)


def test_forecast_cannot_be_changed() -> None:
    made = warmed()
    made.close(second(START_S + 1))
    with pytest.raises(AttributeError):
        made.forecasts[300].price = 1.0  # type: ignore[misc]
    assert replace(made.forecasts[300], price=1.0).price == 1.0


def test_minutes_that_are_known_already_start_no_refit() -> None:
    made = predictor()
    for _ in range(2):
        made.add_minutes(minutes_before(START_S, 500))
    assert [made.refit() for _ in range(4)] == [True, True, True, False]
    made.add_minutes(minutes_before(START_S, 180).tail(50))
    assert made.refit()


def test_seconds_of_the_past_make_no_forecast_and_fill_the_window() -> None:
    made, rows = predictor(method="persistence"), walk_seconds(301)
    made.add_seconds(rows[:300])
    assert made.forecasts == {}
    made.close(rows[300])
    assert made.forecasts[300].source is Source.BASELINE


def test_horizon_of_half_a_minute_is_refused() -> None:
    with pytest.raises(SettingsError, match="whole minutes"):
        predictor(horizons_s=[300, 90])
