"""Rivals see what they may see: baselines as they are served, trees nothing of the future."""

from __future__ import annotations

import numpy as np
import pytest

from tests.forecast.test_dataset import market, part, with_hole
from trifecta.forecast.baselines import Method, rolling
from trifecta.forecast.dataset import build
from trifecta.forecast.folds import walk_forward
from trifecta.forecast.rivals import baselines, trees
from trifecta.forecast.series import Series, cells


def test_baselines_say_what_the_sidecar_would_have_said() -> None:
    series = market(3000)
    made = build([series], 300)
    row = made.origins[-1:]
    known = cells(part(series, 0, int(row[0]) + 1))
    expected = rolling(known, 300)
    for method, found in baselines(made, row).items():
        assert found[0] == pytest.approx(expected[method][-1])


@pytest.mark.parametrize("step_s", [1, 60])
def test_changing_the_future_changes_no_baseline(step_s: int) -> None:
    count = 3000 if step_s == 60 else 60_000
    series = market(count, step_s=step_s)
    made = build([series], 300)
    cut = int(made.origins[len(made.origins) * 2 // 3])
    columns = type(series.columns)(*(column.copy() for column in series.columns))
    columns.high[cut + 1 :] += 1.0
    other = build([Series("v", "S", step_s, series.first, columns)], 300)
    past = made.origins[made.origins <= cut][-200:]
    before, after = baselines(made, past), baselines(other, past)
    for method in Method:
        np.testing.assert_array_equal(before[method], after[method])


def test_baseline_is_unknown_where_its_last_horizon_has_a_gap() -> None:
    made = build([with_hole(market(), 1000, 1010)], 300, steps=3)
    rows = made.origins[(made.origins >= 1010) & (made.origins < 1020)]
    found = baselines(made, rows)[Method.PERSISTENCE]
    np.testing.assert_array_equal(np.isnan(found), rows < 1014)


def test_trees_are_the_same_each_time_and_know_nothing_of_the_test_part() -> None:
    series = market(1500)
    made = build([series], 300, steps=20)
    fold = walk_forward(made, 1)[0]
    first_test = int(fold.test.min())
    flow = series.columns.flow.copy()
    flow[first_test + 1 :] = 1e3
    columns = series.columns._replace(flow=flow, high=series.columns.high.copy())
    columns.high[first_test + 1 :] += 1.0
    other = build([Series("v", "S", 60, series.first, columns)], 300, steps=20)
    before, again = (trees(made, fold, fold.validation, seed=1) for _ in range(2))
    np.testing.assert_array_equal(before, again)
    np.testing.assert_array_equal(before, trees(other, fold, fold.validation, seed=1))
