"""A champion of directions against the bars that closed since it serves: judged beside what counting alone says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.forecast import tiny_direction as tiny
from tests.forecast.ways import SYMBOL, VENUE, driven, land
from trifecta.clock import NS_PER_S
from trifecta.errors import DataError
from trifecta.forecast.direction.bars import BAR_S, NAMES, build
from trifecta.forecast.direction.live import report
from trifecta.forecast.direction.model import Model
from trifecta.forecast.direction.recorded import read
from trifecta.forecast.drift import MIN_HORIZONS, MIN_ROWS, Report, reference
from trifecta.forecast.records import Key, Metrics, Record, Status
from trifecta.forecast.series import Series
from trifecta.forecast.targets import Target
from warehouse.lake import Lake

BARS = 1200
KEY = Key(VENUE, SYMBOL, 3600, Target.DIRECTION)
HONEST, BOAST = (0.48, 0.04, 0.48), (0.01, 0.98, 0.01)
DAY_S = 86_400.0


@pytest.fixture(scope="module")
def series() -> Series:
    return driven(BARS, 4, law=False)


@pytest.fixture(scope="module")
def lake(series: Series, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """With a hole of eight hours that ends 60 bars before the last."""
    made = Lake(str(tmp_path_factory.mktemp("bars") / "lake"))
    land(made, series, 0, BARS - 92)
    land(made, series, BARS - 60, BARS, version=2)
    return made


def reported(
    lake: Lake, folder: Path, series: Series, shares: tuple[float, float, float], *, bars: int = BARS, **changed: object
) -> Report:
    """On a champion that always says this, promoted `bars` bars before the last."""
    promoted = int(series.ends_s[-1] - bars * BAR_S) * NS_PER_S
    version = tiny.version(folder / "models", shares, **changed)
    place, passed = version.folder.relative_to(folder).as_posix(), Metrics(True, (), ())
    record = Record(version.name, KEY, "tiny", Status.CHAMPION, place, version.sha256, "", passed, 0, promoted, None)
    return report(lake, record, folder, span_s=DAY_S, now_ns=int(series.ends_s[-1]) * NS_PER_S)


def test_boasts_that_never_come_are_demoted_and_honest_shares_stay(lake: Lake, tmp_path: Path, series: Series) -> None:
    bad, good = (reported(lake, tmp_path, series, shares).judgement for shares in (BOAST, HONEST))
    assert bad.demote
    assert "live log loss" in bad.reason
    assert "behind in 4 of 4 parts" in bad.reason
    assert not good.demote
    assert good.model < bad.model
    assert set(good.baselines) == {"majority", "momentum"}


def test_span_is_counted_in_bars_so_a_hole_takes_none_of_it(lake: Lake, tmp_path: Path, series: Series) -> None:
    found = reported(lake, tmp_path, series, HONEST).judgement
    assert found.forecasts == int((MIN_HORIZONS + 0.5) * 3600 // BAR_S)
    assert found.separate >= MIN_HORIZONS


def test_bars_that_closed_before_it_served_say_nothing_of_it(lake: Lake, tmp_path: Path, series: Series) -> None:
    found = reported(lake, tmp_path, series, BOAST, bars=40).judgement
    assert found.forecasts == 40 - 4  # of the last hour nothing came yet
    assert not found.demote
    assert f"{MIN_HORIZONS} are needed" in found.reason
    assert not reported(lake, tmp_path, series, BOAST, bars=0).judgement.baselines


def test_baselines_count_what_was_known_before_the_first_bar_that_is_judged(
    lake: Lake, tmp_path: Path, series: Series
) -> None:
    found = reported(lake, tmp_path, series, HONEST).judgement
    data = build([read(lake, VENUE, SYMBOL).series], 3600, steps=tiny.STEPS)
    judged = data.panel.origins[-found.forecasts :]
    ends_s = data.panel.ends_s
    before = data.panel.origins[ends_s[data.panel.origins] <= ends_s[judged[0]] - 3600]
    counts = np.bincount(data.way[before], minlength=3) + 1
    losses = -np.log((counts / counts.sum())[data.way[judged]])
    assert found.baselines["majority"] == pytest.approx(losses.mean(), rel=1e-9)


def test_inputs_that_left_the_training_part_are_named(lake: Lake, tmp_path: Path, series: Series) -> None:
    table = build([series], 3600, steps=tiny.STEPS).panel.table
    calm = table * np.where(np.array(NAMES) == "log_range", 0.1, 1.0)
    same, moved = (
        reported(lake, tmp_path, series, HONEST, inputs=reference(rows, NAMES), created_ns=tiny.CREATED_NS + at)
        for at, rows in ((0, table), (NS_PER_S, calm))
    )
    assert same.moved == ()
    assert moved.moved == ("log_range",)
    assert BARS > MIN_ROWS


def test_says_of_each_bar_what_it_would_have_said_when_the_bar_closed(tmp_path: Path, series: Series) -> None:
    model = Model(tiny.version(tmp_path, graphs={"model.onnx": tiny.graph((0.2, 0.2, 0.6), sway=3.0)}))
    panel = build([series], 3600, steps=tiny.STEPS).panel
    rows = panel.origins[-3:]
    for row, said in zip(rows.tolist(), model.said(panel, rows), strict=True):
        part = [column[: row + 1] for column in series.columns[1:]]
        assert np.array_equal(said, model.shares(*part, series.ends_s[: row + 1]))
    assert np.isnan(model.said(panel, np.array([3]))).all()


def test_too_few_bars_are_told(tmp_path: Path, series: Series) -> None:
    lake = Lake(str(tmp_path / "lake"))
    land(lake, series, 0, 30)
    with pytest.raises(DataError, match="more are missing"):
        reported(lake, tmp_path, series, HONEST)
