"""A graph with 8-bit weights beside the trained one: a faster forecast, kept only if it passes the same gate."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from trifecta.forecast import gate
from trifecta.forecast.conformal import Calibration
from trifecta.forecast.contest import Contest, members_of
from trifecta.forecast.dataset import Dataset, Rows, Windows, fit_scaler
from trifecta.forecast.files import Gate
from trifecta.forecast.fitting import PREDICT_BATCH
from trifecta.forecast.forecasts import Forecast
from trifecta.forecast.networks import HEADS, named
from trifecta.forecast.runs import Outputs
from trifecta.forecast.scores import Contender, part, summarise


def quantized(graph: bytes) -> bytes:
    """The graph with int8 weights, scaled per tensor; activations are quantized as they come (ONNX Runtime)."""
    from onnxruntime.quantization import QuantType, quantize_dynamic  # noqa: PLC0415  imports onnx; training has it

    with tempfile.TemporaryDirectory() as folder:
        whole, small = Path(folder) / "whole.onnx", Path(folder) / "small.onnx"
        whole.write_bytes(graph)
        # 7 bits of each weight: processors without VNNI add pairs of 8-bit products in 16 bits, which overflow.
        quantize_dynamic(whole, small, weight_type=QuantType.QInt8, reduce_range=True)
        return small.read_bytes()


def judged(contest: Contest, name: str, graph: bytes, calibration: Calibration) -> Gate:
    """The verdict on this graph in place of the network's own, on the last fold, whose graph it was made of.

    Scaler, level and calibration are those that the version serves with.
    """
    (member,) = members_of(name)
    last, run = contest.last, contest.runs[member]
    dataset = contest.datasets[named(member).feature_set]
    made = outputs(graph, dataset, last.fold.training, last.fold.test[last.kept])
    target, _ = last.levelled([run])
    forecast = Forecast(target.log_range(made.range), made.volatility)
    bounds = calibration.intervals(forecast.log_range, forecast.volatility)
    trial, tried = part(contest.trial, contest.contenders, last.fold.number)
    tried = {**tried, name: Contender(name, forecast, *bounds)}
    return gate.judge(name, {one: summarise(trial, tried, one) for one in tried}, contest.plan.coverage)


def outputs(graph: bytes, dataset: Dataset, training: Rows, rows: Rows) -> Outputs:
    """What a graph says at these origins, scaled by that training part."""
    import onnxruntime as ort  # noqa: PLC0415  a gate without a graph does not need it

    session = ort.InferenceSession(graph, providers=["CPUExecutionProvider"])
    windows = Windows(dataset, fit_scaler(dataset, training))
    parts = [
        session.run(list(HEADS), {"window": windows.batch(rows[start : start + PREDICT_BATCH])})
        for start in range(0, len(rows), PREDICT_BATCH)
    ]
    made = [np.concatenate(column).astype(np.float64) for column in zip(*parts, strict=True)]
    return Outputs(made[0][:, 0], made[1], made[2][:, 0])
