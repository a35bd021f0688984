"""Models small enough to be made in a test: real ONNX graphs, real folders, no training."""

from __future__ import annotations

from dataclasses import replace
from math import log
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from trifecta.forecast import inputs
from trifecta.forecast.conformal import Calibration
from trifecta.forecast.drift import reference
from trifecta.forecast.files import Card, Gate, Score
from trifecta.forecast.versions import Draft, Scaler, Target, Thresholds, Version
from trifecta.market.events import FEATURES

STEPS = 5
CREATED_NS = 1_700_000_000 * 10**9
_OPSET = 17


def graph(log_range: float = 0.002, *, steps: int = STEPS, features: int = len(FEATURES), sway: float = 0.01) -> bytes:
    """log_range * exp(sway * mean input); class probabilities and trend follow the mean input too.

    Its scaler is `scaler()`, whose target is the plain logarithm.
    """
    nodes = [
        helper.make_node("ReduceMean", ["window"], ["mean"], axes=[1, 2], keepdims=0),
        helper.make_node("Unsqueeze", ["mean", "one"], ["column"]),
        helper.make_node("Mul", ["column", "sway"], ["swayed"]),
        helper.make_node("Add", ["swayed", "level"], ["range"]),
        helper.make_node("MatMul", ["column", "classes"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["volatility"], axis=1),
        helper.make_node("Tanh", ["column"], ["trend"]),
    ]
    weights = [
        numpy_helper.from_array(np.array([1], np.int64), "one"),
        numpy_helper.from_array(np.array(sway, np.float32), "sway"),
        numpy_helper.from_array(np.array(log(log_range), np.float32), "level"),
        numpy_helper.from_array(np.array([[-1.0, 0.0, 1.0]], np.float32), "classes"),
    ]
    return encoded(nodes, weights, shape=("batch", steps, features))


def encoded(nodes: list[Any], weights: list[Any], *, shape: tuple[object, ...], domains: tuple[str, ...] = ()) -> bytes:
    """A graph of these nodes with a model's inputs and outputs."""
    outputs = {"range": 1, "volatility": 3, "trend": 1}
    made = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("window", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", width]) for name, width in outputs.items()],
        weights,
    )
    opsets = [helper.make_opsetid("", _OPSET), *(helper.make_opsetid(domain, 1) for domain in domains)]
    content: bytes = helper.make_model(made, opset_imports=opsets, ir_version=8).SerializeToString()
    return content


def scaler(features: tuple[str, ...] = FEATURES) -> Scaler:
    count = len(features)
    return Scaler(features, (0.0,) * count, (1.0,) * count, (True,) * count, Target(0.0, 1.0))


def draft(log_range: float = 0.002, *, passed: bool = True, **changed: Any) -> Draft:
    """A version of sim_binance PAXGUSDT whose gate says `passed`."""
    rows = np.random.default_rng(3).normal(size=(200, len(FEATURES)))
    scores = (Score("tiny", -1, 500, 0.2, 0.0004), Score("har", -1, 500, 0.3, 0.0006, p_value=0.001))
    gate = Gate(passed, ("beats har (p 0.001)" if passed else "does not beat har (p 0.4)",))
    made = Draft(
        venue="sim_binance",
        symbol="PAXGUSDT",
        horizon_s=300,
        step_s=1,
        steps=STEPS,
        network="tiny",
        graphs={"model.onnx": graph(log_range)},
        scaler=scaler(),
        thresholds=Thresholds(0.001, 0.003),
        calibration=Calibration(0.9, 0.6, 1.8, 40),
        inputs=reference(rows, FEATURES),
        card=Card("generated", {"orderflow_1s": 3}, 0, 1, inputs.VERSION, "0" * 40, 7, {}, scores, gate),
        created_ns=CREATED_NS,
        extra={"card.md": b"# tiny\n", "log.csv": b"epoch,loss\n0,1.0\n"},
    )
    return replace(made, **changed)


def version(models: Path, log_range: float = 0.002, **changed: Any) -> Version:
    """That draft, written."""
    return Version.write(models, draft(log_range, **changed))


def onnx_of(content: bytes) -> Any:
    """The graph as an object that a test may spoil."""
    return onnx.load_model_from_string(content)
