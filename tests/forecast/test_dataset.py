"""Data sets and folds: no window crosses a gap, nothing of a later part reaches an earlier one, and why it refuses."""

from __future__ import annotations

import re
from itertools import pairwise
from math import ceil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trifecta.capture.importers import import_file
from trifecta.clock import NS_PER_S
from trifecta.errors import DataError
from trifecta.forecast import recorded_flow
from trifecta.forecast.dataset import Dataset, Windows, build, fit_scaler
from trifecta.forecast.folds import walk_forward
from trifecta.forecast.inputs import SECOND, FeatureSet, StepColumns
from trifecta.forecast.labels import classes, outcomes, thresholds
from trifecta.forecast.recorded_flow import read
from trifecta.forecast.series import Series, cells, from_bars, from_seconds
from trifecta.market.events import FEATURES
from warehouse.lake import Lake

START_S = 1_700_000_040


def market(count: int = 3000, seed: int = 1, step_s: int = 60) -> Series:
    """A random walk with random order flow."""
    random = np.random.default_rng(seed)
    close = 7 + np.cumsum(random.normal(0, 1e-3, count))
    reach = np.abs(random.normal(0, 5e-4, (2, count)))
    flow = random.normal(0, 1, (count, len(FEATURES)))
    return Series(
        "sim_binance",
        "PAXGUSDT",
        step_s,
        START_S // step_s,
        StepColumns(flow, close + reach[0], close - reach[1], close),
    )


def part(series: Series, start: int, stop: int) -> Series:
    columns = StepColumns(*(column[start:stop] for column in series.columns))
    return Series(series.venue, series.symbol, series.step_s, series.first + start, columns)


def with_hole(series: Series, start: int, stop: int) -> Series:
    columns = StepColumns(*(column.copy() for column in series.columns))
    for column in columns:
        column[start:stop] = np.nan
    return Series(series.venue, series.symbol, series.step_s, series.first, columns)


def windows(dataset: Dataset) -> np.ndarray:
    return Windows(dataset, fit_scaler(dataset, dataset.origins)).batch(dataset.origins)


def test_window_ends_with_its_origin_and_the_outcome_begins_behind_it() -> None:
    series = market()
    made = build([series], 300)
    row = int(made.origins[700])
    scaler = fit_scaler(made, made.origins)
    shown = np.sinh(Windows(made, scaler).batch(np.array([row]))[0]) * scaler.scale + scaler.mean
    np.testing.assert_allclose(shown, series.columns.flow[row - 99 : row + 1], rtol=1e-4, atol=1e-5)
    ahead = slice(row + 1, row + 6)
    expected = series.columns.high[ahead].max() - series.columns.low[ahead].min()
    assert made.outcomes.log_range[row] == pytest.approx(expected)


def test_trend_is_the_body_of_the_coming_candle_over_its_range() -> None:
    high, low = np.array([1.0, 5.0, 6.0, 4.0]), np.array([1.0, 2.0, 3.0, 2.0])
    close = np.array([1.0, 4.0, 5.0, 3.0])
    found = outcomes(StepColumns(np.zeros((4, 10)), high, low, close), 3)
    assert found.trend[0] == pytest.approx((3.0 - 1.0) / (6.0 - 1.0))
    assert found.log_range[0] == pytest.approx(6.0 - 2.0)
    assert np.isnan(found.trend[1:]).all()


@settings(deadline=None, derandomize=True, max_examples=20)
@given(cut=st.integers(400, 2900), seed=st.integers(0, 5), extended=st.booleans())
def test_changing_the_future_changes_no_window(cut: int, seed: int, extended: bool) -> None:
    known, other = market(), market(seed=seed + 20)
    mixed = StepColumns(
        *(np.concatenate((a[:cut], b[cut:])) for a, b in zip(known.columns, other.columns, strict=True))
    )
    changed = Series(known.venue, known.symbol, known.step_s, known.first, mixed)
    feature_set = FeatureSet.EXTENDED if extended else FeatureSet.FLOW
    before, after = (build([one], 300, feature_set=feature_set) for one in (known, changed))
    past = before.origins[before.origins < cut]
    scaler = fit_scaler(before, past)
    np.testing.assert_array_equal(Windows(before, scaler).batch(past), Windows(after, scaler).batch(past))
    np.testing.assert_array_equal(fit_scaler(after, past).mean, scaler.mean)


def test_no_window_and_no_horizon_crosses_a_gap() -> None:
    made = build([with_hole(market(), 1000, 1003)], 300)
    touched = (made.origins > 1000 - 5 - 1) & (made.origins < 1003 + 99)
    assert not touched.any()
    assert len(made.origins) == 3000 - 99 - 5 - (5 + 3 + 99)
    assert made.lost == 3000 - len(made.origins)


def test_origins_of_second_steps_are_whole_minutes() -> None:
    made = build([market(3000, step_s=1)], 300)
    assert (made.ends_s[made.origins] % 60 == 0).all()
    assert len(made.origins) == (3000 - 99 - 300 + 59) // 60


def test_panel_keeps_its_series_apart() -> None:
    first, second = market(500), part(market(500, seed=2), 100, 400)
    made = build([first, second], 300)
    alone = [build([one], 300) for one in (first, second)]
    assert [int((made.of[made.origins] == number).sum()) for number in (0, 1)] == [len(one.origins) for one in alone]
    scaler = fit_scaler(made, made.origins)
    np.testing.assert_array_equal(
        Windows(made, scaler).batch(made.origins)[-len(alone[1].origins) :],
        Windows(alone[1], scaler).batch(alone[1].origins),
    )


@pytest.mark.parametrize("step_s", [1, 60])
def test_parts_of_a_fold_are_a_horizon_apart_and_their_outcomes_end_inside(step_s: int) -> None:
    made = build([market(3000 if step_s == 60 else 60_000, step_s=step_s)], 300)
    folds = walk_forward(made, 3)
    for fold in folds:
        training, validation, test = (made.ends_s[rows] for rows in (fold.training, fold.validation, fold.test))
        assert training.max() + 2 * 300 <= validation.min()
        assert validation.max() + 2 * 300 <= test.min()
    for earlier, later in pairwise(folds):
        assert made.ends_s[earlier.test].max() < made.ends_s[later.test].min()
        assert len(later.training) > len(earlier.training)
    assert made.ends_s[folds[-1].test].max() == made.ends_s[made.origins].max()


def test_scaler_that_saw_the_test_part_is_told_apart() -> None:
    """The scaler of a fold is that of the training part's own steps: the test part may be anything."""
    series = market()
    made = build([series], 300)
    fold = walk_forward(made)[-1]
    flow = series.columns.flow.copy()
    first = int(fold.validation.min())
    flow[first:] = 1e6
    wild = build([Series("v", "S", 60, series.first, series.columns._replace(flow=flow))], 300)
    honest, leaked = fit_scaler(wild, fold.training), fit_scaler(wild, wild.origins)
    by_hand = series.columns.flow[int(fold.training.min()) - 99 : int(fold.training.max()) + 1]
    np.testing.assert_allclose(honest.mean, by_hand.mean(axis=0), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(honest.scale, by_hand.std(axis=0), rtol=1e-9)
    assert (np.abs(leaked.mean - honest.mean) > 1e4).all()


def test_thresholds_are_terciles_of_the_part_given() -> None:
    made = build([market()], 300)
    fold = walk_forward(made)[0]
    borders = thresholds(made.outcomes.log_range[fold.training])
    counts = np.bincount(classes(made.outcomes.log_range[fold.training], borders))
    assert counts.max() - counts.min() <= 1
    assert classes(np.array([borders.low - 1e-9, borders.low, borders.high]), borders).tolist() == [0, 1, 2]


def test_features_the_source_does_not_give_are_masked_and_shown_as_nothing() -> None:
    count = 1000
    bars = market(count).columns
    prices = np.exp(np.stack((bars.high, bars.low, bars.close), axis=1))
    ends = (START_S // 60 + 1 + np.arange(count)) * 60
    series = from_bars("binance", "BTCUSDT", ends, prices, 60, {"buy_volume": np.arange(count, dtype=float)})
    made = build([series], 300)
    assert dict(zip(made.names, made.present, strict=True)) == {name: name == "buy_volume" for name in FEATURES}
    assert (windows(made)[:, :, 1:] == 0).all()


def test_too_short_a_recording_is_refused_with_what_is_missing() -> None:
    with pytest.raises(DataError, match=r"need 105 steps of 60 s .* the longest run has 80 .* 1,500 s more"):
        build([market(80)], 300)
    made = build([market(200)], 300)
    told = r"validation part of fold 1 holds 0\.6 separate horizons of 300 s, at least 4 .* 2\.4 h more are missing"
    with pytest.raises(DataError, match=told):
        walk_forward(made)


@pytest.mark.parametrize("validated", [4, 10, 40])
def test_so_much_more_as_is_said_to_be_missing_is_enough_and_much_less_is_not(validated: int) -> None:
    with pytest.raises(DataError) as refusal:
        walk_forward(build([market(300)], 300), validated=validated)
    amount, unit = re.findall(r"about ([\d.]+) (min|h) more", str(refusal.value))[0]
    missing = ceil(float(amount) * (60 if unit == "h" else 1))
    assert walk_forward(build([market(300 + missing + 10)], 300), validated=validated)
    with pytest.raises(DataError, match="more are missing"):
        walk_forward(build([market(300 + round(0.9 * missing) - 10)], 300), validated=validated)


def test_feed_with_gaps_everywhere_is_refused_with_its_longest_run() -> None:
    series = market()
    for start in range(0, 3000, 50):
        series = with_hole(series, start, start + 1)
    with pytest.raises(DataError, match=r"longest run has 49 \(2,940 of 3,000 steps were recorded\)"):
        build([series], 300)


def test_constant_prices_are_refused() -> None:
    flat = market()
    still = flat.columns._replace(high=np.ones(3000), low=np.ones(3000), close=np.ones(3000))
    with pytest.raises(DataError, match=r"stood still in 100.0% of 2,896 horizons"):
        build([Series("v", "S", 60, 0, still)], 300)


def test_feature_that_is_mostly_unknown_is_refused_by_name_and_share() -> None:
    series = market()
    flow = series.columns.flow.copy()
    flow[:2700, FEATURES.index("bid_ask_spread")] = np.nan
    with pytest.raises(DataError, match=r"bid_ask_spread is unknown \(NaN\) in 90.0% of 3,000 steps, at most 70%"):
        build([Series("v", "S", 60, 0, series.columns._replace(flow=flow))], 300)


def test_source_without_any_feature_is_refused() -> None:
    series = market()
    bare = Series("v", "S", 60, 0, series.columns._replace(flow=np.full((3000, 10), np.nan)))
    with pytest.raises(DataError, match="gives none of buy_volume"):
        build([bare], 300)
    assert build([bare], 300, feature_set=FeatureSet.EXTENDED).present.sum() == 6


@pytest.mark.parametrize(("horizon_s", "step_s"), [(90, 60), (300, 900), (30, 1)])
def test_horizon_that_is_no_multiple_is_refused(horizon_s: int, step_s: int) -> None:
    with pytest.raises(DataError, match=f"horizon_s is {horizon_s}"):
        build([market(step_s=step_s)], horizon_s)


def test_seconds_become_steps_that_end_on_whole_minutes() -> None:
    ends = START_S + 1 + np.arange(600)
    rows = np.random.default_rng(1).uniform(1, 2, (600, len(SECOND)))
    rows[:, -3:] = [3.0, 1.0, 2.0]
    series = from_seconds("v", "S", ends, rows, 10)
    assert len(series.columns.close) == 60
    np.testing.assert_array_equal(series.ends_s, START_S + 10 * np.arange(1, 61))
    assert len(cells(series).high) == 10
    np.testing.assert_allclose(series.columns.flow[:, 0], rows[9::10, 0])


def test_lake_is_read_at_a_version_and_reads_the_same_later(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "lake"))
    lake.create_all()
    _land(lake, 0, 300)
    first = read(lake, "sim_binance", "PAXGUSDT", 1)
    _land(lake, 300, 600)
    again = read(lake, "sim_binance", "PAXGUSDT", 1, version=first.version)
    newest = read(lake, "sim_binance", "PAXGUSDT", 1)
    np.testing.assert_array_equal(first.series.columns.flow, again.series.columns.flow)
    assert (len(first.series.columns.close), len(newest.series.columns.close)) == (300, 600)
    with pytest.raises(DataError, match="no order flow of sim_binance XAUUSD"):
        read(lake, "sim_binance", "XAUUSD", 1)


def test_no_more_than_the_last_days_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = Lake(str(tmp_path / "lake"))
    lake.create_all()
    _land(lake, 0, 300)
    bounded = recorded_flow._SECONDS.replace(str(recorded_flow._HISTORY_NS), str(100 * NS_PER_S))
    monkeypatch.setattr(recorded_flow, "_SECONDS", bounded)
    assert len(read(lake, "sim_binance", "PAXGUSDT", 1).series.columns.close) == 100


def test_imported_trades_are_read_as_order_flow_without_a_book(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "lake"))
    file = tmp_path / "BTCUSDT-trades-2024-08-08.csv"
    lines = [
        f"{at},{100 + at % 7},{1 + at % 3},{100},{1_723_075_200_000 + 500 * at},{at % 2 == 0},True" for at in range(900)
    ]
    file.write_text("\n".join(lines) + "\n")
    import_file(file, lake=lake)
    found = read(lake, "binance", "BTCUSDT", 1)
    assert found.table == "trades"
    known = found.series.known > 0
    assert known.sum() == 449  # of 450 s, the last is open
    bought, spread = (found.series.columns.flow[known, FEATURES.index(one)] for one in ("buy_volume", "bid_ask_spread"))
    qty = np.array([1 + at % 3 if at % 2 else 0 for at in range(900)])
    assert bought[-1] == qty[898 - 120 : 898].sum()
    assert np.isnan(spread).all()
    again = read(lake, "binance", "BTCUSDT", 1, table="trades", version=found.version)
    np.testing.assert_array_equal(again.series.columns.flow, found.series.columns.flow)


def _land(lake: Lake, start: int, stop: int) -> None:
    import pyarrow as pa

    from tests.forecast.flow import walk_seconds
    from warehouse.tables import TABLES

    schema = TABLES["orderflow_1s"].schema
    rows = walk_seconds(stop)[start:]
    columns = {name: [getattr(row, name) for row in rows] for name in schema.names if name != "date"}
    columns["date"] = ["2023-11-14"] * len(rows)
    lake.append("orderflow_1s", pa.table({name: columns[name] for name in schema.names}), writer="test", version=stop)
