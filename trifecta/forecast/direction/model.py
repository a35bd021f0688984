"""A version of a direction, ready to be asked: the newest closed bars in, three honest probabilities out."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np

from trifecta.forecast.dataset import Panel, Rows
from trifecta.forecast.direction.bars import MEMORY, NAMES, VERSION, Way, features
from trifecta.forecast.direction.versions import Version
from trifecta.forecast.folders import VersionError
from trifecta.forecast.graph import INPUT, session_of
from trifecta.forecast.inputs import scaled
from trifecta.forecast.minutes import Floats, Times

OUTPUT = {"direction": 3}
_SUM = 1e-3


class Model:
    """One version; of the ensemble the mean of its members' probabilities, calibrated.

    Raises:
        VersionError: ONNX Runtime refuses a graph, it takes or gives something else, or a first answer is none.
    """

    def __init__(self, version: Version) -> None:
        self.version = version
        if version.scaler.features != NAMES or version.card.feature_version != VERSION:
            told = f"features {version.scaler.features} of version {version.card.feature_version}"
            raise VersionError(f"model {version.name}: {told} are not those of this program: train a new one")
        self.steps = version.manifest.steps
        self.needed = self.steps + MEMORY
        self._mean, self._scale = np.array(version.scaler.mean), np.array(version.scaler.scale)
        shape = (self.steps, len(NAMES))
        graphs = version.graphs.items()
        self._sessions = [session_of(version.name, name, graph, shape, OUTPUT) for name, graph in graphs]
        self._told(np.tile(self._mean, (self.steps, 1)))

    @classmethod
    def load(cls, folder: Path, *, sha256: str | None = None) -> Model:
        """The version in `folder`, checked against its hashes."""
        return cls(Version.load(folder, sha256=sha256))

    def shares(self, high: Floats, low: Floats, close: Floats, ends_s: Times) -> Floats:
        """P(down, neither, up) of the move from the last of these bars on, float64 (3,).

        Args:
            high, low, close: logarithms of prices of at least `needed` closed bars, oldest first.

        Raises:
            VersionError: there are fewer bars, or the graph's answer is no probability.
        """
        if len(close) < self.needed:
            raise VersionError(f"model {self.version.name}: {len(close)} bars are not the {self.needed} that it needs")
        part = slice(len(close) - self.needed, None)
        return self._told(features(high[part], low[part], close[part], ends_s[part])[-self.steps :])

    def said(self, panel: Panel, rows: Rows) -> Floats:
        """The same at these rows of a panel of one series, float64 (rows, 3); NaN where it has no answer."""
        (series,) = panel.series
        known = series.known > 0
        high, low, close = (column[known] for column in series.columns[1:])
        found = np.full((len(rows), len(Way)), np.nan)
        for place, row in enumerate(rows.tolist()):
            part = slice(max(row + 1 - self.needed, 0), row + 1)
            with contextlib.suppress(VersionError):
                found[place] = self.shares(high[part], low[part], close[part], panel.ends_s[part])
        return found

    def _told(self, window: Floats) -> Floats:
        present = np.ones(len(NAMES), np.bool_)
        feed = {INPUT: scaled(window, self._mean, self._scale, present)[np.newaxis]}
        each = [session.run(list(OUTPUT), feed)[0][0] for session in self._sessions]
        said = np.asarray(np.mean(each, axis=0, dtype=np.float64))
        # NaN compares as false with everything, so the check is written as what must be true
        if not (said.min() >= -_SUM and abs(said.sum() - 1) <= _SUM):
            raise VersionError(f"model {self.version.name}: {said.tolist()} are no probabilities")
        return self.version.calibration.of(said)
