"""Direction models: find a law that is there, refuse where nothing is, see nothing of the future, write whole files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.forecast import tiny_direction as tiny
from tests.forecast.ways import SYMBOL, VENUE, driven, land
from trifecta.clock import NS_PER_S, ManualClock
from trifecta.errors import DataError
from trifecta.forecast import registry
from trifecta.forecast.contest import Step
from trifecta.forecast.direction import gate, rivals
from trifecta.forecast.direction.bars import BAR_S, MEMORY, NAMES, Way, build, features
from trifecta.forecast.direction.contest import Contest, Plan, hold
from trifecta.forecast.direction.model import Model
from trifecta.forecast.direction.probabilities import Calibration, calibrate, log_losses
from trifecta.forecast.direction.training import Job, draft_of, fight, train
from trifecta.forecast.direction.versions import Version
from trifecta.forecast.fitting import Effort
from trifecta.forecast.folders import VersionError
from trifecta.forecast.folds import walk_forward
from trifecta.forecast.minutes import Floats
from trifecta.forecast.recorded_flow import Recorded
from trifecta.forecast.records import Key, RegistryError, Status
from trifecta.forecast.series import Series, from_bars
from trifecta.forecast.targets import Target
from trifecta.forecast.versions import Version as RangeVersion
from trifecta.market.events import ASSUMED_SPREAD
from warehouse.lake import Lake
from warehouse.ledger import Ledger

STEPS = 16
PLAN = Plan(3600, ("lstm",), steps=STEPS, folds=1, effort=Effort(10, 3))
BRIEF = Effort(epochs=1, windows=256)


@pytest.fixture(scope="module")
def found() -> Contest:
    return hold([driven(2200, 5, law=True)], PLAN)


def test_network_that_finds_the_law_passes_the_gate(found: Contest) -> None:
    summaries = {name: found.summary(name) for name in found.tried}
    verdict = gate.judge("lstm", summaries)
    assert verdict.passed, verdict.reasons
    assert summaries["lstm"].log_loss < 0.9 * min(summaries[name].log_loss for name in rivals.RIVALS)
    assert summaries["lstm"].hit_rate > 0.7


def test_market_with_nothing_to_find_passes_no_network() -> None:
    nothing = hold([driven(1600, 6, law=False)], replace(PLAN, networks=("transformer",), effort=Effort(2, 1, 512)))
    verdict = gate.judge("transformer", {name: nothing.summary(name) for name in nothing.tried})
    assert not verdict.passed
    assert any(reason.startswith("NOT MET: log loss of transformer") for reason in verdict.reasons)


def columns(series: Series) -> tuple[Floats, Floats, Floats]:
    return series.columns.high, series.columns.low, series.columns.close


@given(at=st.integers(MEMORY, 199), by=st.floats(0.9, 1.1))
@settings(max_examples=40, deadline=None, derandomize=True, database=None)
def test_no_feature_changes_when_later_bars_change(at: int, by: float) -> None:
    series = driven(200, 2, law=True)
    known = features(*columns(series), series.ends_s)
    changed = [np.concatenate((column[:at], column[at:] + np.log(by))) for column in columns(series)]
    assert np.array_equal(features(*changed, series.ends_s)[:at], known[:at], equal_nan=True)


def test_features_need_the_stated_bars_and_no_more() -> None:
    series = driven(200, 2, law=True)
    whole = features(*columns(series), series.ends_s)
    part = features(*(column[100 - MEMORY + 1 :] for column in columns(series)), series.ends_s[100 - MEMORY + 1 :])
    np.testing.assert_allclose(part[MEMORY - 1], whole[100], rtol=1e-9)
    assert not np.isfinite(whole[MEMORY - 2]).all()
    assert np.isfinite(whole[MEMORY - 1 :]).all()
    assert whole.shape == (200, len(NAMES))


def test_way_is_the_sign_of_the_coming_move_beyond_the_spread() -> None:
    series = driven(300, 3, law=True)
    data = build([series], 2 * BAR_S, steps=STEPS)
    close = series.columns.close
    for row in data.panel.origins:
        move = close[row + 2] - close[row]
        wanted = Way.UP if move > ASSUMED_SPREAD else Way.DOWN if move < -ASSUMED_SPREAD else Way.NEITHER
        assert data.way[row] == wanted
    assert int(data.panel.origins[-1]) == 300 - 3
    late = np.roll(data.way, 1)
    assert (late[data.panel.origins] != data.way[data.panel.origins]).mean() > 0.05


def test_recorded_spread_is_what_a_move_must_exceed() -> None:
    series = driven(300, 3, law=True)
    prices = np.exp(np.stack(columns(series), axis=1))
    dear = from_bars(VENUE, SYMBOL, series.ends_s, prices, BAR_S, {"bid_ask_spread": np.full(300, 2e-3)})
    cheap, costly = (build([one], 3600, steps=STEPS) for one in (series, dear))
    share = [np.mean(one.way[one.panel.origins] == Way.NEITHER) for one in (cheap, costly)]
    assert share[0] < 0.1
    assert share[1] > 0.3


def test_no_horizon_crosses_a_hole_and_no_training_outcome_reaches_a_later_part() -> None:
    series = driven(900, 4, law=True)
    keep = np.r_[0:500, 520:900]
    prices = np.exp(np.stack(columns(series), axis=1))[keep]
    data = build([from_bars(VENUE, SYMBOL, series.ends_s[keep], prices, BAR_S)], 3600, steps=STEPS)
    last_before = int(series.ends_s[499])
    ends_s = data.panel.ends_s[data.panel.origins]
    assert not ((ends_s > last_before - 3600) & (ends_s <= last_before)).any()
    fold = walk_forward(data.panel, 1)[0]
    at = data.panel.ends_s
    assert at[fold.training].max() + 3600 <= at[fold.validation].min()
    assert at[fold.validation].max() + 3600 <= at[fold.test].min()


def test_changed_test_part_changes_neither_the_scaler_nor_any_fitted_rival() -> None:
    series = driven(1200, 5, law=True)
    data = build([series], 3600, steps=STEPS)
    fold = walk_forward(data.panel, 1)[0]
    first = int(fold.test[0])
    changed = replace(data, way=np.where(np.arange(len(data.way)) >= first, 2 - data.way, data.way))
    rows = fold.validation
    before, after = (rivals.forecasts(one, fold, rows, seed=1) for one in (data, changed))
    for name in rivals.RIVALS:
        assert np.array_equal(before[name], after[name])


def test_calibration_makes_boasts_honest_and_leaves_honest_shares_alone() -> None:
    random = np.random.default_rng(3)
    true = random.dirichlet((4, 2, 4), 4000)
    way = np.array([random.choice(3, p=row) for row in true])
    boasted = true**3 / (true**3).sum(axis=1, keepdims=True)
    made = calibrate(boasted, way)
    assert made.sharpness == pytest.approx(1 / 3, abs=0.07)
    assert log_losses(made.of(boasted), way).mean() < log_losses(boasted, way).mean()
    assert log_losses(made.of(boasted), way).mean() == pytest.approx(log_losses(true, way).mean(), abs=0.01)
    assert calibrate(true, way).sharpness == pytest.approx(1.0, abs=0.1)


def test_impossible_is_never_stated() -> None:
    made = Calibration(3.0, (0.0, 0.0, 0.0)).of(np.array([[0.0, 0.0, 1.0]]))
    assert (made > 0).all()
    assert made.sum() == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("series", "horizon_s", "told"),
    [
        (driven(60, 1, law=True), 3600, "more are missing"),
        (driven(160, 1, law=True), 3600, "more are missing"),
        (driven(900, 1, law=True), 1000, "must be a multiple of 900 s"),
        (from_bars(VENUE, SYMBOL, np.arange(1, 400) * BAR_S, np.full((399, 3), 1.1), BAR_S), 3600, "no direction"),
        (from_bars(VENUE, SYMBOL, np.arange(1, 400) * BAR_S, np.full((399, 3), np.nan), BAR_S), 3600, "0 closed M15"),
    ],
)
def test_too_little_or_nothing_to_tell_is_refused_with_what_is_missing(
    series: Series, horizon_s: int, told: str
) -> None:
    with pytest.raises(DataError, match=told):
        hold([series], replace(PLAN, networks=(), horizon_s=horizon_s))


def test_killed_training_leaves_nothing_visible_and_the_next_one_a_whole_version(tmp_path: Path) -> None:
    lake, models, clock = Lake(str(tmp_path / "lake")), tmp_path / "models", ManualClock(1_700_000_000 * NS_PER_S)
    series = driven(900, 3, law=True)
    land(lake, series, 0, 900)
    job = Job(VENUE, SYMBOL, 3600, "ensemble", steps=STEPS, folds=1, effort=BRIEF)

    def killed(step: Step) -> None:
        if step.what.startswith("transformer"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(job, lake, models, clock, on_step=killed)
    assert [path.name for path in models.iterdir()] == [".work"]
    told: list[str] = []
    trained = train(job, lake, models, clock, on_step=lambda step: told.append(step.what))
    assert not any(what.startswith("lstm") for what in told)
    assert [path.name for path in models.iterdir() if path.name != ".work"] == [trained.version.name]
    version = Version.load(trained.version.folder)
    assert set(version.graphs) == {"model_0.onnx", "model_1.onnx"}
    assert {"card.md", "log.csv", "plots/training.png"} <= set(version.manifest.files)
    assert any("SIMULATED" in note for note in version.card.notes)
    assert version.card.tables == {"bars": lake.snapshot("bars")[0]}
    said = Model(version).shares(*columns(series), series.ends_s)
    assert said.sum() == pytest.approx(1.0)


def test_model_says_of_bars_what_was_judged(found: Contest, tmp_path: Path) -> None:
    series = found.data.panel.series[0]
    model = Model(Version.write(tmp_path, draft_of(found, Recorded(series, "bars", 1), 0)))
    for place, row in list(enumerate(found.fold.test))[-3:]:
        part = [column[: row + 1] for column in columns(series)]
        said = model.shares(*part, series.ends_s[: row + 1])
        np.testing.assert_allclose(said, found.tried["lstm"][place], atol=1e-4)


def test_network_and_champion_are_compared_at_the_same_origins(found: Contest, tmp_path: Path) -> None:
    knows_nothing = Model(tiny.version(tmp_path, (1 / 3, 1 / 3, 1 / 3)))
    duel = fight(found, "lstm", knows_nothing)
    assert (duel.origins, duel.champion) == (len(found.fold.test), knows_nothing.version.name)
    assert duel.theirs == pytest.approx(np.log(3), rel=1e-3)
    assert not duel.lost
    assert "origins log loss" in str(duel)
    itself = Model(Version.write(tmp_path, draft_of(found, Recorded(found.data.panel.series[0], "bars", 1), 0)))
    again = fight(found, "lstm", itself)
    assert again.theirs == pytest.approx(again.ours, rel=1e-4)
    assert again.ours == pytest.approx(duel.ours)


def test_registry_keeps_directions_beside_ranges(tmp_path: Path) -> None:
    good, bad = tiny.version(tmp_path / "models"), tiny.version(tmp_path / "models", (0.5, 0.2, 0.3), passed=False)
    with Ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        ledger.migrate()
        assert {one.version for one in registry.adopt(ledger, tmp_path, 1)} == {good.name, bad.name}
        assert registry.find(ledger, bad.name).status is Status.REFUSED
        with pytest.raises(RegistryError, match="failed its gate"):
            registry.promote(ledger, tmp_path, bad.name, 2)
        registry.promote(ledger, tmp_path, good.name, 2)
        assert set(registry.champions(ledger)) == {Key(VENUE, SYMBOL, 3600, Target.DIRECTION)}


@pytest.mark.parametrize("name", ["model.onnx", "scaler.json", "calibration.json", "inputs.json", "card.json"])
def test_damaged_or_foreign_folder_is_refused_by_name(tmp_path: Path, name: str) -> None:
    version = tiny.version(tmp_path)
    path = version.folder / name
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(VersionError, match=name):
        Version.load(version.folder)


def test_direction_is_not_taken_for_a_range(tmp_path: Path) -> None:
    with pytest.raises(VersionError, match="forecasts a direction, a range is asked for"):
        RangeVersion.load(tiny.version(tmp_path).folder)


def test_graph_of_another_shape_or_without_probabilities_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VersionError, match="takes"):
        Model(tiny.version(tmp_path, graphs={"model.onnx": tiny.graph((0.2, 0.2, 0.6), steps=9)}))
    with pytest.raises(VersionError, match="no probabilities"):
        Model(tiny.version(tmp_path, graphs={"model.onnx": tiny.graph((float("nan"), 0.2, 0.6))}))
