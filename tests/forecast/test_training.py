"""Training on small markets whose law is known: what is there is found, what is not there is refused, nothing leaks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import random
from threading import Event, Thread

import numpy as np
import pytest

from tests.forecast import tiny
from tests.forecast.laws import HORIZON_S, driven, land
from trifecta.clock import NS_PER_S, ManualClock
from trifecta.errors import DataError
from trifecta.forecast import fitting, gate, versions
from trifecta.forecast.baselines import qlike
from trifecta.forecast.conformal import calibrate
from trifecta.forecast.contest import Contest, Plan, Step, hold
from trifecta.forecast.duel import fight
from trifecta.forecast.fitting import Effort
from trifecta.forecast.graph import Graph
from trifecta.forecast.inputs import FeatureSet, StepColumns
from trifecta.forecast.networks import NETWORKS, build, named
from trifecta.forecast.quantized import judged, outputs, quantized
from trifecta.forecast.recorded_flow import TABLE, Recorded
from trifecta.forecast.runs import Outputs, Runs
from trifecta.forecast.series import Series
from trifecta.forecast.training import Job, draft_of, summaries_of, train
from warehouse.lake import Lake

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore"),  # TensorFlow and tf2onnx warn of themselves
]

STEPS = 20
MINUTES, SHORT = 3000, 1500
PLAN = Plan(HORIZON_S, ("lstm",), steps=STEPS, folds=1, effort=Effort(epochs=6, patience=2))
BRIEF = Plan(HORIZON_S, ("lstm",), steps=STEPS, folds=1, effort=Effort(epochs=1, windows=256))


@pytest.fixture(scope="module")
def found() -> Contest:
    """The market whose range follows from its order flow, tried once for all tests."""
    return hold([driven(MINUTES, 1, law=True)], PLAN)


@pytest.fixture(scope="module")
def series() -> Series:
    return driven(SHORT, 3, law=True)


@pytest.fixture(scope="module")
def brief(series: Series) -> Contest:
    """A network that was hardly trained."""
    return hold([series], BRIEF)


def changed_from(series: Series, row: int) -> Series:
    other = driven(SHORT, 99, law=False)
    columns = (np.concatenate((a[:row], 3 * b[row:])) for a, b in zip(series.columns, other.columns, strict=True))
    return Series(series.venue, series.symbol, series.step_s, series.first, StepColumns(*columns))


def test_network_finds_the_law_that_har_cannot_see(found: Contest) -> None:
    summaries = summaries_of(found)
    assert summaries["lstm"].qlike < 0.7 * summaries["har"].qlike
    assert summaries["lstm"].p["har"] < 0.001


def test_gate_refuses_where_there_is_nothing_to_find() -> None:
    contest = hold([driven(MINUTES, 1, law=False)], PLAN)
    verdict = gate.judge("lstm", summaries_of(contest), PLAN.coverage)
    assert not verdict.passed
    assert any(reason.startswith("NOT MET: QLIKE of lstm") and " har " in reason for reason in verdict.reasons)


def test_another_seed_gives_other_weights(series: Series, brief: Contest) -> None:
    other = hold([series], replace(BRIEF, seed=6))
    assert not np.array_equal(brief.runs["lstm"].validation.range, other.runs["lstm"].validation.range)


def test_threads_that_draw_random_numbers_change_no_weight(series: Series, brief: Contest) -> None:
    """Python's random state is one for a whole process; a flow's own threads draw from it while a network trains."""
    over = Event()

    def draw() -> None:
        while not over.wait(1e-4):
            random()  # noqa: S311

    other = Thread(target=draw)
    other.start()
    try:
        again = hold([series], BRIEF)
    finally:
        over.set()
        other.join()
    assert again.runs["lstm"].epochs == brief.runs["lstm"].epochs
    np.testing.assert_array_equal(again.runs["lstm"].validation.range, brief.runs["lstm"].validation.range)


def test_nothing_that_is_fitted_depends_on_the_test_part(series: Series, brief: Contest) -> None:
    """Scaler, thresholds, target, level and weights stay what they are when the test part becomes another market."""
    first_test = int(brief.last.fold.test.min())
    after = hold([changed_from(series, first_test + 1)], BRIEF)
    for head in ("range", "volatility", "trend"):
        before, now = (getattr(one.runs["lstm"].validation, head) for one in (brief, after))
        np.testing.assert_array_equal(before, now)
    assert brief.runs["lstm"].epochs == after.runs["lstm"].epochs
    assert brief.last.borders == after.last.borders
    assert brief.last.target == after.last.target
    drafts = [draft_of(one, Recorded(series, TABLE, 1), 0, data="") for one in (brief, after)]
    assert drafts[0].scaler == drafts[1].scaler
    assert drafts[0].calibration == drafts[1].calibration
    assert drafts[0].inputs == drafts[1].inputs
    assert not np.array_equal(brief.trial.outcome, after.trial.outcome)


def test_version_folder_is_whole_and_its_graph_says_what_the_network_said(found: Contest, tmp_path: Path) -> None:
    series = driven(MINUTES, 1, law=True)
    draft = draft_of(found, Recorded(series, TABLE, 4), 1_700_000_000_000_000_000, data="a generated market")
    written = versions.Version.write(tmp_path, draft)
    assert {"card.md", "log.csv", "plots/training.png", "plots/outcomes.png"} <= set(written.manifest.files)
    assert written.card.tables == {TABLE: 4}
    assert {score.forecaster for score in written.card.scores} == {"lstm", "persistence", "ewma", "har", "trees"}
    assert any("SIMULATED" in note for note in written.card.notes)
    rows = found.last.fold.test[found.last.kept][-5:]
    graph = Graph(written)
    for place, row in enumerate(rows, len(found.trial.outcome) - 5):
        said = graph.predict(found.datasets[FeatureSet.FLOW].table[row - STEPS + 1 : row + 1])
        assert said.log_range == pytest.approx(found.contenders["lstm"].forecast.log_range[place], rel=1e-4)


def test_graph_says_what_the_network_says() -> None:
    keras = fitting.prepare(1)
    model = build(named("lstm"), STEPS, 10)
    windows = np.random.default_rng(1).normal(0, 1, (8, STEPS, 10)).astype(np.float32)
    import onnxruntime

    said = onnxruntime.InferenceSession(fitting.export(model)).run(["range"], {"window": windows})[0]
    np.testing.assert_allclose(said, keras.ops.convert_to_numpy(model(windows)["range"]), atol=1e-5)


@pytest.mark.parametrize("name", list(NETWORKS))
def test_network_has_its_three_heads_and_the_lstm_the_weights_stated(name: str) -> None:
    fitting.prepare(1)
    network = named(name)
    model = build(network, 100, len(network.feature_set.names))
    assert set(model.output_names) == {"range", "volatility", "trend"}
    if name == "lstm":
        assert model.count_params() == 134_661


def test_killed_ensemble_goes_on_with_its_next_member_and_serves_the_mean_of_both(
    series: Series, tmp_path: Path
) -> None:
    plan = replace(BRIEF, networks=("ensemble",))

    def killed(step: Step) -> None:
        if step.what.startswith("transformer"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        hold([series], plan, runs=Runs(tmp_path, Outputs), on_step=killed)
    assert [path.name for path in tmp_path.iterdir()] == ["lstm_extended-0.npz"]
    told: list[str] = []
    went_on = hold([series], plan, runs=Runs(tmp_path, Outputs), on_step=lambda step: told.append(step.what))
    assert not any(what.startswith("lstm") for what in told)
    written = versions.Version.write(tmp_path, draft_of(went_on, Recorded(series, TABLE, 1), 0, data=""))
    assert set(written.graphs) == {"model_0.onnx", "model_1.onnx"}
    row = int(went_on.last.fold.test[went_on.last.kept][-1])
    window = went_on.datasets[FeatureSet.EXTENDED].table[row - STEPS + 1 : row + 1]
    said = Graph(written).predict(window).log_range
    assert said == pytest.approx(went_on.contenders["ensemble"].forecast.log_range[-1], rel=1e-4)


def test_network_whose_features_no_source_gives_is_refused_by_name(series: Series) -> None:
    nothing = series.columns._replace(flow=np.full((SHORT, 10), np.nan))
    bare = Series(series.venue, series.symbol, 60, series.first, nothing)
    contest = hold([bare], BRIEF)
    assert "gives none of buy_volume" in contest.refused["lstm"]
    assert "lstm" not in contest.contenders
    with pytest.raises(DataError, match="gives none of"):
        draft_of(contest, Recorded(bare, TABLE, 1), 0, data="")


def test_run_that_was_killed_goes_on_with_the_data_it_began_with(tmp_path: Path) -> None:
    """While training no version is visible; the next run reads the same table version although newer rows came."""
    lake, models, clock = Lake(str(tmp_path / "lake")), tmp_path / "models", ManualClock(1_700_000_000 * NS_PER_S)
    series = driven(1500, 3, law=True)
    land(lake, series, 0, 1200)
    job = Job("sim_law", "LAWUSDT", 60, "lstm", step_s=20, steps=STEPS, folds=1, effort=BRIEF.effort)

    def killed(step: Step) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(job, lake, models, clock, on_step=killed)
    assert [path.name for path in models.iterdir()] == [".work"]
    land(lake, series, 1200, 1500)
    trained = train(job, lake, models, clock)
    begun = trained.version.card.tables[TABLE]
    assert begun < lake.snapshot(TABLE)[0]
    assert trained.version.card.until_ns == series.ends_s[1199] * NS_PER_S
    assert [path.name for path in models.iterdir() if path.name != ".work"] == [trained.version.name]
    assert not any((models / ".work").iterdir())


@pytest.mark.parametrize("level", [1e-6, 3e-3])
def test_champion_is_compared_at_the_same_origins_and_the_better_one_told(
    brief: Contest, series: Series, tmp_path: Path, level: float
) -> None:
    champion = Graph(tiny.version(tmp_path, level, step_s=60))
    duel = fight(brief, "lstm", champion, series)
    last = brief.trial.fold == brief.last.fold.number
    outcome, ours = brief.trial.outcome[last], brief.contenders["lstm"].forecast.log_range[last]
    rows = brief.trial.ends_s[last] // 60 - 1 - series.first
    theirs = [champion.predict(series.columns.flow[row - tiny.STEPS + 1 : row + 1]).log_range for row in rows]
    assert duel.origins == len(rows)
    assert (duel.ours, duel.theirs) == pytest.approx((qlike(outcome, ours).mean(), qlike(outcome, theirs).mean()))
    assert duel.lost is (duel.theirs < duel.ours)
    assert not duel.lost
    better = replace(duel, theirs=duel.ours / 2)
    assert better.lost
    assert ("goes on serving" in str(duel), "goes on serving" in str(better)) == (False, True)


def test_champion_that_knew_no_window_decides_nothing(brief: Contest, series: Series, tmp_path: Path) -> None:
    empty = Series(series.venue, series.symbol, 60, series.first + 10**6, series.columns)
    duel = fight(brief, "lstm", Graph(tiny.version(tmp_path, step_s=60)), empty)
    assert (duel.origins, duel.lost) == (0, False)


def test_int8_graph_says_nearly_the_same_and_is_judged_by_the_same_gate(found: Contest) -> None:
    whole = found.runs["lstm"].graph
    small = quantized(whole)
    assert len(small) < 0.4 * len(whole)
    fold = found.last.fold
    dataset = found.datasets[FeatureSet.FLOW]
    said, meant = (outputs(graph, dataset, fold.training, fold.test).range for graph in (small, whole))
    np.testing.assert_allclose(said, meant, atol=0.1)  # of a target whose deviation is 1
    past = found.last.levelled([found.runs["lstm"]])[1]
    certain = calibrate(found.last.past_outcome, *past, coverage=PLAN.coverage, separate=int(found.last.separate))
    assert certain is not None
    verdicts = [judged(found, "lstm", graph, certain) for graph in (small, whole)]
    assert verdicts[0].passed is verdicts[1].passed
    broken = judged(found, "lstm", graph_that_says_nothing(whole), certain)
    assert not broken.passed
    assert any("of har" in reason and reason.startswith("NOT MET") for reason in broken.reasons)


def graph_that_says_nothing(graph: bytes) -> bytes:
    """The same network with every weight 0."""
    import onnx

    model = onnx.load_model_from_string(graph)
    for weight in model.graph.initializer:
        values = onnx.numpy_helper.to_array(weight)
        if values.dtype == np.float32:
            weight.CopyFrom(onnx.numpy_helper.from_array(np.zeros_like(values), weight.name))
    return bytes(model.SerializeToString())
