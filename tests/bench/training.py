"""Training against plain Keras on the same windows, and how fast rows become a data set."""

from __future__ import annotations

from functools import partial

import numpy as np

from tests.bench.measure import Verdict, cpu_s, race, rate, times_faster
from trifecta.forecast import fitting
from trifecta.forecast.dataset import Windows, build, fit_scaler
from trifecta.forecast.fitting import BATCH
from trifecta.forecast.folds import walk_forward
from trifecta.forecast.inputs import SECOND, FeatureSet
from trifecta.forecast.labels import thresholds
from trifecta.forecast.networks import build as network
from trifecta.forecast.networks import named
from trifecta.forecast.series import Series, from_seconds

SECONDS, QUICK_SECONDS = 2_000_000, 500_000
WINDOWS, QUICK_WINDOWS = 4096, 2048
HORIZON_S = 300
START_S = 1_700_000_040
SHARE_OF_KERAS, ROWS_A_SECOND = 0.9, 1e6


def measure(*, quick: bool) -> list[Verdict]:
    rows, windows = (QUICK_SECONDS, QUICK_WINDOWS) if quick else (SECONDS, WINDOWS)
    return [_rows_a_second(rows), _against_keras(windows, quick)]


def _rows_a_second(count: int) -> Verdict:
    """Seconds of the lake as columns, to windows that are ready to be trained on; each row ends a window."""
    ends_s, rows = _seconds(count)

    def make() -> None:
        made = build([from_seconds("sim", "S", ends_s, rows, 1)], HORIZON_S, feature_set=FeatureSet.FLOW)
        Windows(made, fit_scaler(made, made.origins)).batch(made.origins[:BATCH])

    took = race({"dataset": lambda: cpu_s(make)}, 2)
    found = rate(took, "dataset", count)
    held = count * len(FeatureSet.FLOW.names) * 12 / 1e6
    note = (
        f"{count:,} rows; the table holds {held:.0f} MB, all windows at once would hold {held / 3 * 100 / 1000:.1f} GB"
    )
    return Verdict("data set / rows", found / 1e6, "M rows/s", ROWS_A_SECOND / 1e6, note=note)


def _against_keras(count: int, quick: bool) -> Verdict:
    """An epoch of ours, windows made as they are needed, against `fit` on an array that holds them all."""
    made = build([_minutes(count * 2)], HORIZON_S)
    fold = walk_forward(made, 1)[0]
    keras = fitting.prepare(1)
    rows = fold.training[:count]
    windows = Windows(made, fit_scaler(made, rows))
    training = made.outcomes.log_range[fold.training]
    labels = fitting.labels(made, fitting.target_of(training), thresholds(training))
    given = {head: column[rows] for head, column in labels.items()}
    whole = windows.batch(rows)
    models = {name: network(named("lstm"), made.steps, len(made.names)) for name in ("ours", "keras")}
    batches = fitting.batches(keras, windows, labels, rows, 0, 1)
    epochs = {
        "ours": lambda: models["ours"].fit(batches, verbose=0),
        "keras": lambda: models["keras"].fit(whole, given, batch_size=BATCH, verbose=0),
    }
    took = race({name: partial(cpu_s, run) for name, run in epochs.items()}, 1 if quick else 3)
    speed = times_faster(took, "ours", "keras")
    rates = {name: f"{rate(took, name, len(rows)):,.0f}" for name in took}
    note = f"{rates['ours']} windows/s of processor time, plain fit {rates['keras']}"
    return Verdict("training / Keras fit", speed, "x", SHARE_OF_KERAS, note=note)


def _seconds(count: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(1)
    rows = random.uniform(0.1, 1.0, (count, len(SECOND)))
    price = 2400 * np.exp(np.cumsum(random.normal(0, 1e-5, count)))
    for name, factor in (("high", 1.0001), ("low", 0.9999), ("last_price", 1.0), ("volume_weighted_price", 1.0)):
        rows[:, SECOND.index(name)] = price * factor
    return START_S + 1 + np.arange(count), rows


def _minutes(count: int) -> Series:
    ends_s, rows = _seconds(count)
    made = from_seconds("sim", "S", ends_s, rows, 1)
    return Series(made.venue, made.symbol, 60, START_S // 60, made.columns)
