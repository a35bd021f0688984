"""A network fitted to one fold: TensorFlow in this process, weights that follow from data and seed alone.

Thresholds, scaler and target are those of the training part; the validation part stops the training early.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil
from random import Random
from typing import Any

import numpy as np

from trifecta.forecast.dataset import Dataset, Rows, Scaler, Windows, fit_scaler
from trifecta.forecast.folds import Fold
from trifecta.forecast.labels import Thresholds, classes, thresholds
from trifecta.forecast.minutes import Floats
from trifecta.forecast.networks import HEADS, Network, build
from trifecta.forecast.runs import Outputs

BATCH = 128
PREDICT_BATCH = 1024
OPSET = 17


@dataclass(frozen=True)
class Effort:
    """How long to train. `windows` bounds how many windows an epoch draws from the training part, each time others;
    0 draws all. The same bound holds for validation, evenly spread.
    """

    epochs: int = 30
    patience: int = 4
    windows: int = 0


@dataclass(frozen=True)
class Target:
    """A head's output y as a log range: exp(mean + scale * y)."""

    mean: float
    scale: float

    def standardised(self, log_range: Floats) -> Floats:
        return np.asarray((np.log(log_range) - self.mean) / self.scale)

    def log_range(self, output: Floats) -> Floats:
        return np.asarray(np.exp(self.mean + self.scale * output))

    def levelled(self, outcome: Floats, output: Floats) -> Target:
        """The target whose forecasts of an earlier part have the least QLIKE: outcome / forecast is 1 in the mean."""
        return Target(self.mean + float(np.log(np.mean(outcome / self.log_range(output)))), self.scale)


@dataclass(frozen=True)
class Fitted:
    """A trained network as the ONNX graph that serves. `epochs` is the training log, one mapping an epoch."""

    graph: bytes
    scaler: Scaler
    epochs: tuple[Mapping[str, float], ...]

    def outputs(self, dataset: Dataset, rows: Rows) -> Outputs:
        """At these origins of a data set with the network's features."""
        return outputs(self.graph, Windows(dataset, self.scaler), rows)


def outputs(graph: bytes, windows: Windows, rows: Rows) -> Outputs:
    """What a graph says at these origins, batch by batch."""
    import onnxruntime  # noqa: PLC0415  training alone needs it here

    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    parts = [
        session.run(list(HEADS), {"window": windows.batch(rows[start : start + PREDICT_BATCH])})
        for start in range(0, len(rows), PREDICT_BATCH)
    ]
    columns = [np.concatenate(column).astype(np.float64) for column in zip(*parts, strict=True)]
    return Outputs(columns[0][:, 0], columns[1], columns[2][:, 0])


def target_of(log_range: Floats) -> Target:
    """Mean and deviation of the logarithms of these log ranges, which must be a training part's."""
    logs = np.log(log_range)
    return Target(float(logs.mean()), max(float(logs.std()), 1e-6))


OnEpoch = Callable[[int, Mapping[str, float]], None]


def fit(
    dataset: Dataset,
    fold: Fold,
    network: Network,
    *,
    seed: int,
    effort: Effort = Effort(),
    on_epoch: OnEpoch = lambda epoch, losses: None,
) -> Fitted:
    """The network trained on the fold's training part. Same data, seed and effort give the same weights.

    Args:
        dataset: with the network's features.
        on_epoch: told the number of each epoch and its losses; what it raises stops the training.
    """
    keras = prepare(seed)
    scaler = fit_scaler(dataset, fold.training)
    training = dataset.outcomes.log_range[fold.training]
    windows = Windows(dataset, scaler)
    wanted = labels(dataset, target_of(training), thresholds(training))
    model = build(network, dataset.steps, len(dataset.names))
    log = learn(keras, model, windows, wanted, fold, seed=seed, effort=effort, on_epoch=on_epoch)
    return Fitted(export(model), scaler, log)


def learn(
    keras: Any,
    model: Any,
    windows: Windows,
    wanted: Mapping[str, Floats],
    fold: Fold,
    *,
    seed: int,
    effort: Effort,
    on_epoch: OnEpoch,
) -> tuple[Mapping[str, float], ...]:
    """Trains a compiled model in place, stopped early by the validation part; the losses of each epoch.

    Args:
        wanted: of each head what it is to say, one value a row of the data set.
    """
    held_out = _spread(fold.validation, effort.windows)
    log: list[Mapping[str, float]] = []

    def note(epoch: int, logs: Mapping[str, float] | None) -> None:
        log.append({name: float(value) for name, value in (logs or {}).items()})
        on_epoch(epoch + 1, log[-1])

    shown = batches(keras, windows, wanted, fold.training, effort.windows, seed, _own_random().python_random)
    _make_state(model, *shown[0])
    model.fit(
        shown,
        validation_data=batches(keras, windows, wanted, held_out, 0),
        epochs=effort.epochs,
        shuffle=False,  # Keras would do it in another thread, by a state that every thread draws from
        verbose=0,
        callbacks=[
            keras.callbacks.EarlyStopping("val_loss", patience=effort.patience, restore_best_weights=True),
            keras.callbacks.LambdaCallback(on_epoch_end=note),
        ],
    )
    return tuple(log)


def _make_state(model: Any, windows: Any, wanted: Any) -> None:
    """Makes what the optimizer and the losses keep; Keras would do it in the first step, and trace that step twice."""
    model.optimizer.build(model.trainable_variables)
    model.compute_loss(windows, wanted, model(windows, training=False))


def prepare(seed: int) -> Any:
    """Keras, seeded, with operations that give the same bits each time, whatever other threads of this process do."""
    import keras  # noqa: PLC0415  seconds and 400 MB that only training needs
    import tensorflow  # noqa: PLC0415

    keras.backend.clear_session()  # else every network trained so far stays in memory
    keras.utils.set_random_seed(seed)
    _own_random().python_random = Random(seed)  # noqa: S311  no secret
    tensorflow.config.experimental.enable_op_determinism()
    return keras


def _own_random() -> Any:
    """Keras' module that draws the seed of each layer, by default from Python's random state, as any thread may do."""
    from keras.src.random import seed_generator  # noqa: PLC0415  as above

    return seed_generator


def export(model: Any) -> bytes:
    """A Keras model as an ONNX graph: input `window`, one output a head."""
    import tf2onnx  # noqa: PLC0415  imports TensorFlow
    from tensorflow import TensorSpec, float32  # noqa: PLC0415

    shape = (None, *model.input_shape[1:])
    graph, _ = tf2onnx.convert.from_keras(model, [TensorSpec(shape, float32, name="window")], opset=OPSET)
    return bytes(graph.SerializeToString())


def labels(dataset: Dataset, target: Target, borders: Thresholds) -> Mapping[str, Floats]:
    with np.errstate(invalid="ignore"):
        known = np.where(np.isfinite(dataset.outcomes.log_range), dataset.outcomes.log_range, 1.0)
    return {
        "range": target.standardised(known).astype(np.float32),
        "volatility": classes(known, borders).astype(np.int32),
        "trend": dataset.outcomes.trend.astype(np.float32),
    }


def _spread(rows: Rows, at_most: int) -> Rows:
    if not at_most or len(rows) <= at_most:
        return rows
    return rows[np.linspace(0, len(rows) - 1, at_most).astype(np.int64)]


def batches(
    keras: Any,
    windows: Windows,
    wanted: Mapping[str, Floats],
    rows: Rows,
    at_most: int,
    seed: int | None = None,
    order: Random | None = None,
) -> Any:
    """Batches of windows and labels, made when they are asked for.

    Args:
        seed: rows are shuffled anew for each epoch; by default never.
        order: draws in which order an epoch shows its batches.
    """

    class Batches(keras.utils.PyDataset):  # type: ignore[misc]  # keras is not typed
        def __init__(self) -> None:
            super().__init__()
            self._random = np.random.default_rng(seed)
            self.on_epoch_end()
            self._order = list(range(len(self)))

        def __len__(self) -> int:
            return ceil(len(self._rows) / BATCH)

        def __getitem__(self, index: int) -> tuple[Any, Mapping[str, Any]]:
            place = self._order[index]
            part = self._rows[place * BATCH : (place + 1) * BATCH]
            return windows.batch(part), {head: column[part] for head, column in wanted.items()}

        def on_epoch_begin(self) -> None:
            self._order = list(range(len(self)))
            if order is not None:
                order.shuffle(self._order)

        def on_epoch_end(self) -> None:
            shown = rows if seed is None else self._random.permutation(rows)
            self._rows = shown[:at_most] if at_most else shown

    return Batches()
