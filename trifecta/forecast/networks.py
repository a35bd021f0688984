"""Networks by name. A new one is one body and one line in `NETWORKS`.

A body turns the window, (steps, features), into 8 numbers, from which three heads are read:

    range       linear: log range of the coming horizon, standardised by the training part
    volatility  softmax: low, medium, high
    trend       tanh: the coming candle's body over its range

Keras is imported where a network is built: it takes seconds and 400 MB, and nothing that serves needs it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from trifecta.errors import DataError
from trifecta.forecast.inputs import FeatureSet

LEARNING_RATE = 1e-3
BATCH_MOMENTUM = 0.9
"""Of the batch norm's running means: the usual 0.99 needs more steps than an epoch of a short recording has."""

_LSTM_UNITS = (128, 64, 32)
_WIDTH, _ATTENTION_HEADS, _BLOCKS = 48, 4, 2
_POOL = 4

Body = Callable[[Any, Any], Any]


class Head(NamedTuple):
    """An output of a network, what it is trained by and how much that weighs."""

    name: str
    units: int
    activation: str | None
    loss: str
    weight: float


RANGE = (
    Head("range", 1, None, "mse", 1.0),  # it is what is served, so it leads
    Head("volatility", 3, "softmax", "sparse_categorical_crossentropy", 0.3),
    Head("trend", 1, "tanh", "mse", 0.2),
)
DIRECTION = (Head("direction", 3, "softmax", "sparse_categorical_crossentropy", 1.0),)
HEADS = tuple(head.name for head in RANGE)


@dataclass(frozen=True)
class Network:
    """What a name stands for. `body` takes keras and the window."""

    name: str
    feature_set: FeatureSet
    body: Body
    doc: str


def named(name: str) -> Network:
    """The network of that name.

    Raises:
        DataError: there is none.
    """
    if name not in NETWORKS:
        raise DataError(f"network {name!r} is not known: choose one of {', '.join(NETWORKS)}")
    return NETWORKS[name]


def build(network: Network, steps: int, features: int, heads: Sequence[Head] = RANGE) -> Any:
    """The compiled Keras model: input `window` float32 (batch, steps, features), one output per head."""
    import keras  # noqa: PLC0415  the module says why

    layers = keras.layers
    window = keras.Input((steps, features), name="window")
    found = network.body(keras, window)
    outputs = {head.name: layers.Dense(head.units, activation=head.activation, name=head.name)(found) for head in heads}
    model = keras.Model(window, outputs, name=network.name)
    optimizer = keras.optimizers.Adam(LEARNING_RATE, clipnorm=1.0)
    losses, weights = {head.name: head.loss for head in heads}, {head.name: head.weight for head in heads}
    model.compile(optimizer, loss=losses, loss_weights=weights)
    return model


def _lstm(keras: Any, window: Any) -> Any:
    """LSTM 128, 64, 32, each with batch norm and dropout, then dense 16 and 8: 134,661 weights on 10 features."""
    layers, found = keras.layers, window
    for units in _LSTM_UNITS:
        found = layers.LSTM(units, return_sequences=units != _LSTM_UNITS[-1])(found)
        found = layers.BatchNormalization(momentum=BATCH_MOMENTUM)(found)
        found = layers.Dropout(0.2)(found)
    return _dense(keras, found)


def _transformer(keras: Any, window: Any) -> Any:
    """Two pre-norm encoder blocks (Vaswani et al. 2017; Xiong et al. 2020) over quarters of the steps."""
    layers, ops = keras.layers, keras.ops
    steps = window.shape[1]
    stride = _POOL if steps >= 10 * _POOL else 1
    found = layers.Conv1D(_WIDTH, stride, strides=stride, name="patches")(window)
    places = found.shape[1]
    found = found + layers.Embedding(places, _WIDTH, name="places")(ops.expand_dims(ops.arange(places), 0))
    for _ in range(_BLOCKS):
        normed = layers.LayerNormalization()(found)
        attended = layers.MultiHeadAttention(_ATTENTION_HEADS, _WIDTH // _ATTENTION_HEADS, dropout=0.1)(normed, normed)
        found = found + attended
        wide = layers.Dense(2 * _WIDTH, activation="relu")(layers.LayerNormalization()(found))
        found = found + layers.Dropout(0.1)(layers.Dense(_WIDTH)(wide))
    found = layers.LayerNormalization()(found)
    pooled = layers.Concatenate()([layers.GlobalAveragePooling1D()(found), found[:, -1]])
    return _dense(keras, layers.Dropout(0.2)(pooled))


def _dense(keras: Any, found: Any) -> Any:
    layers = keras.layers
    found = layers.Dense(16, activation="relu")(found)
    found = layers.BatchNormalization(momentum=BATCH_MOMENTUM)(found)
    found = layers.Dropout(0.2)(found)
    return layers.Dropout(0.1)(layers.Dense(8, activation="relu")(found))


NETWORKS: Mapping[str, Network] = {
    network.name: network
    for network in (
        Network("lstm", FeatureSet.FLOW, _lstm, "LSTM 128-64-32 on the ten order-flow features"),
        Network("transformer", FeatureSet.FLOW, _transformer, "Transformer encoder on the ten order-flow features"),
        Network("lstm_extended", FeatureSet.EXTENDED, _lstm, "the LSTM with RSI, MACD and realised ranges as well"),
        Network("transformer_extended", FeatureSet.EXTENDED, _transformer, "the Transformer with the same"),
    )
}

ENSEMBLES: Mapping[str, tuple[str, ...]] = {"ensemble": ("lstm_extended", "transformer_extended")}
"""Means of the outputs of networks that take the same features."""
