"""A version's network, run by ONNX Runtime on one thread: a window of the newest steps in, a forecast out."""

from __future__ import annotations

from collections.abc import Mapping
from math import exp, log
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from trifecta.forecast import inputs
from trifecta.forecast.folders import VersionError
from trifecta.forecast.minutes import SMALLEST_RANGE, Floats
from trifecta.forecast.versions import Version

INPUT = "window"
OUTPUTS = {"range": 1, "volatility": 3, "trend": 1}
"""What a graph gives, with the width of each; the batch comes first."""
LARGEST_LOG_OF_RANGE = log(1.0)
"""A forecast beyond it (high = 2.7 times low) is the output of a broken graph, not of a market."""
_QUIET = 4
_SERVED_SUM = 1e-3

Outputs = dict[str, npt.NDArray[np.float32]]


class Prediction(NamedTuple):
    """What a model says of the coming horizon: its log range with bounds, P(low, medium, high), trend in -1..1."""

    log_range: float
    low: float
    high: float
    volatility: tuple[float, float, float]
    trend: float


class OutputError(VersionError):
    """A graph answered with what is no forecast: not finite, no probabilities, out of all proportion."""


class Graph:
    """One version, ready to forecast; of an ensemble the mean of its members' outputs.

    Raises:
        VersionError: ONNX Runtime refuses the graph, its inputs or outputs are others, or a first forecast is none.
    """

    def __init__(self, version: Version) -> None:
        self.version = version
        scaler, manifest = version.scaler, version.manifest
        unknown = sorted(set(scaler.features) - set(inputs.FeatureSet.EXTENDED.names))
        if unknown:
            raise VersionError(f"model {version.name}: features {unknown} are not known here")
        if version.card.feature_version != inputs.VERSION:
            told = f"its features are of version {version.card.feature_version}, this program's of {inputs.VERSION}"
            raise VersionError(f"model {version.name}: {told}: train a new one")
        self.features, self.steps, self.step_s = scaler.features, manifest.steps, manifest.step_s
        self.seconds = (self.steps + inputs.memory(scaler.features)) * self.step_s
        self._mean, self._scale = np.array(scaler.mean), np.array(scaler.scale)
        self._present = np.array(scaler.mask)
        self._shape = (self.steps, len(scaler.features))
        self._sessions = [
            session_of(version.name, name, graph, self._shape, OUTPUTS) for name, graph in version.graphs.items()
        ]
        self.predict(np.tile(self._mean, (self.steps, 1)))

    @classmethod
    def load(cls, folder: Path, *, sha256: str | None = None) -> Graph:
        """The version in `folder`, checked against its hashes."""
        return cls(Version.load(folder, sha256=sha256))

    def predict(self, window: Floats) -> Prediction:
        """The forecast from float64 (steps, features), oldest first, unscaled; NaN where a feature is unknown.

        Raises:
            OutputError: the graph's answer is no forecast.
        """
        if window.shape != self._shape:
            raise OutputError(f"model {self.version.name}: a window of {window.shape} is not one of {self._shape}")
        scaled = inputs.scaled(window, self._mean, self._scale, self._present)
        scale, (made, volatility, trend) = self.version.scaler.target, self._outputs(scaled[np.newaxis])
        low, medium, high = volatility[0].tolist()
        # NaN compares as false with everything, so each check is written as what must be true
        if not (min(low, medium, high) >= -_SERVED_SUM and abs(low + medium + high - 1) <= _SERVED_SUM):
            raise OutputError(f"model {self.version.name}: volatility {low, medium, high} are no probabilities")
        leaning, output = float(trend[0, 0]), float(made[0, 0])
        if not -1 - _SERVED_SUM <= leaning <= 1 + _SERVED_SUM:
            raise OutputError(f"model {self.version.name}: trend {leaning} is not in -1..1")
        log_of_range = output * scale.scale + scale.mean
        if not log_of_range <= LARGEST_LOG_OF_RANGE:
            raise OutputError(f"model {self.version.name}: output {output} is no range")
        log_range = max(exp(log_of_range), SMALLEST_RANGE)
        shares = (low, medium, high)
        bounds = self.version.calibration.interval(log_range, shares)
        return Prediction(log_range, *bounds, shares, leaning)

    def _outputs(self, scaled: inputs.Inputs) -> list[npt.NDArray[np.float32]]:
        """range, volatility and trend, (1, 1), (1, 3) and (1, 1)."""
        feed = {INPUT: scaled}
        first: list[npt.NDArray[np.float32]] = self._sessions[0].run(list(OUTPUTS), feed)
        if len(self._sessions) == 1:
            return first
        rest = (session.run(list(OUTPUTS), feed) for session in self._sessions[1:])
        return [np.mean(same, axis=0) for same in zip(first, *rest, strict=True)]


def session_of(version: str, name: str, graph: bytes, shape: tuple[int, ...], outputs: Mapping[str, int]) -> Any:
    """An ONNX Runtime session on one thread for float32 windows (batch, *shape).

    Args:
        version, name: of what the graph belongs to, for messages.
        outputs: what it must give, with the width of each.

    Raises:
        VersionError: it is no graph that can be run, or takes or gives something else.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = _QUIET
    # A graph that is read from bytes has no folder: weights in other files are refused, wherever they are.
    try:
        made = ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's own errors share no other root
        told = (str(error).splitlines() or [type(error).__name__])[0][:300]
        raise VersionError(f"model {version}: {name} is no graph that can be run: {told}") from error
    taken = {node.name: (node.type, list(node.shape)) for node in made.get_inputs()}
    given = {node.name: (node.type, list(node.shape)) for node in made.get_outputs()}
    if set(taken) != {INPUT} or not _fits(taken[INPUT], list(shape)):
        expected = f"{INPUT!r} float32 (batch, {', '.join(map(str, shape))})"
        raise VersionError(f"model {version}: {name} takes {taken}, expected {expected}")
    for output, width in outputs.items():
        if output not in given or not _fits(given[output], [width]):
            raise VersionError(f"model {version}: {name} gives {given}, expected {output!r} (batch, {width})")
    return made


def _fits(found: tuple[str, list[int | str | None]], expected: list[int]) -> bool:
    """A float tensor of that shape behind any batch; a size that the graph leaves open fits."""
    kind, shape = found
    if kind != "tensor(float)" or len(shape) != len(expected) + 1:
        return False
    wanted = zip(shape, [1, *expected], strict=True)
    return all(size == want or not isinstance(size, int) for size, want in wanted)
