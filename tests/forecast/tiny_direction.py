"""Direction models small enough to be made in a test: real ONNX graphs, real folders, no training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from trifecta.forecast.direction.bars import NAMES, VERSION
from trifecta.forecast.direction.probabilities import Calibration
from trifecta.forecast.direction.versions import Draft, Version
from trifecta.forecast.drift import reference
from trifecta.forecast.files import Card, Gate, Scaler, Score

STEPS = 6
CREATED_NS = 1_700_000_000 * 10**9


def graph(shares: tuple[float, float, float], *, sway: float = 0.0, steps: int = STEPS) -> bytes:
    """These probabilities, towards UP where the mean return of the window is positive, by `sway`."""
    pick = np.zeros((len(NAMES), 3), np.float32)
    pick[0] = (-sway, 0.0, sway)
    nodes = [
        helper.make_node("ReduceMean", ["window"], ["mean"], axes=[1], keepdims=0),
        helper.make_node("MatMul", ["mean", "pick"], ["swayed"]),
        helper.make_node("Add", ["swayed", "level"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["direction"], axis=1),
    ]
    weights = [
        numpy_helper.from_array(pick, "pick"),
        numpy_helper.from_array(np.log(np.array(shares, np.float32)), "level"),
    ]
    window = helper.make_tensor_value_info("window", TensorProto.FLOAT, ("batch", steps, len(NAMES)))
    said = helper.make_tensor_value_info("direction", TensorProto.FLOAT, ("batch", 3))
    made = helper.make_model(
        helper.make_graph(nodes, "tiny", [window], [said], weights),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    return bytes(made.SerializeToString())


def draft(shares: tuple[float, float, float] = (0.2, 0.2, 0.6), *, passed: bool = True, **changed: Any) -> Draft:
    """A version of sim_mt5_law EURUSD over an hour whose gate says `passed`."""
    scores = (
        Score("tiny", -1, 500, log_loss=0.9, brier=0.5),
        Score("trees", -1, 500, log_loss=1.0, brier=0.6, p_value=0.01),
    )
    gate = Gate(passed, ("met: beats trees" if passed else "NOT MET: log loss of tiny 1.0, of trees 0.9",))
    made = Draft(
        venue="sim_mt5_law",
        symbol="EURUSD",
        horizon_s=3600,
        steps=STEPS,
        network="tiny",
        graphs={"model.onnx": graph(shares)},
        scaler=Scaler(NAMES, (0.0,) * len(NAMES), (1e-3,) * len(NAMES)),
        inputs=reference(np.random.default_rng(3).normal(size=(200, len(NAMES))), NAMES),
        calibration=Calibration(1.0, (0.0, 0.0, 0.0)),
        card=Card("generated", {"bars": 1}, 0, 1, VERSION, "0" * 40, 7, {}, scores, gate),
        created_ns=CREATED_NS,
        extra={"card.md": b"# tiny\n"},
    )
    return replace(made, **changed)


def version(models: Path, shares: tuple[float, float, float] = (0.2, 0.2, 0.6), **changed: Any) -> Version:
    """That draft, written."""
    return Version.write(models, draft(shares, **changed))
