"""A trained model of a range: what its folder holds, and what makes it one that can be served.

data/models/<version>/
    manifest.json      what it forecasts, and the SHA-256 of every other file; the ledger holds its own
    model.onnx         or model_0.onnx, model_1.onnx … of an ensemble; model.int8.onnx where that passed the gate
    scaler.json        how a window is scaled, and how an output becomes a log range
    thresholds.json    borders of the volatility classes
    calibration.json   factors of the interval
    inputs.json        distribution of the training part's inputs, for drift
    card.json          where it came from and how good it is; card.md says so to people
    log.csv, plots/    what training and evaluation drew
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from trifecta.forecast import folders
from trifecta.forecast.conformal import Calibration
from trifecta.forecast.drift import Reference
from trifecta.forecast.folders import FORMAT, Frozen, Manifest, VersionError
from trifecta.forecast.targets import Target as Forecasts


class Target(Frozen, frozen=True):
    """The graph's output y as a log range: exp(y * scale + mean)."""

    mean: float
    scale: float
    transform: Literal["log"] = "log"


class Scaler(Frozen, frozen=True):
    """Of each feature mean and scale in the training part, and whether the source gives it (`mask`)."""

    features: tuple[str, ...]
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    mask: tuple[bool, ...]
    target: Target


class Thresholds(Frozen, frozen=True):
    """Log ranges of the training part below and above which volatility is low and high."""

    low: float
    high: float


class Score(Frozen, frozen=True):
    """How good one forecaster was on one part of the data. `fold` -1: all folds together.

    QLIKE and MAE are those of a log range, the log loss that of a direction's probabilities.
    """

    forecaster: str
    fold: int
    windows: int
    qlike: float | None = None
    mae: float | None = None
    p_value: float | None = None  # Diebold-Mariano, model against this baseline; small: the model is better
    coverage: float | None = None
    width: float | None = None
    brier: float | None = None
    hit_rate: float | None = None
    calibration: float | None = None  # what came / what was stated, in the mean: 1 where the level is right
    log_loss: float | None = None

    @property
    def loss(self) -> float:
        """What forecasters are ranked by: the QLIKE of a range, the log loss of a direction; smaller is better."""
        return next((loss for loss in (self.qlike, self.log_loss) if loss is not None), float("inf"))


class Gate(Frozen, frozen=True):
    """Whether a version may become champion, and why, one reason a line."""

    passed: bool
    reasons: tuple[str, ...]


class Card(Frozen, frozen=True):
    """Where a version came from and how good it is."""

    data: str
    tables: dict[str, int]  # versions of the lake's tables that were read
    since_ns: int
    until_ns: int
    feature_version: int
    commit: str
    seed: int
    windows: dict[str, int]  # of each part: train, validation, calibration, test
    scores: tuple[Score, ...]
    gate: Gate
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Draft:
    """A version about to be written. `graphs` maps file names to bytes; `extra` holds card.md, log.csv, plots/…"""

    venue: str
    symbol: str
    horizon_s: int
    step_s: int
    steps: int
    network: str
    graphs: Mapping[str, bytes]
    scaler: Scaler
    thresholds: Thresholds
    calibration: Calibration
    inputs: Reference
    card: Card
    created_ns: int
    extra: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def version(self) -> str:
        """Its name: what, when, and 8 hex digits of what decides its forecasts."""
        what = f"range-{self.symbol}-{self.horizon_s}-{self.network}"
        return folders.named(what, self.created_ns, self.graphs, self.scaler, self.thresholds, self.calibration)


@dataclass(frozen=True)
class Version:
    """A version whose hashes fit. `graphs` are the very bytes that were hashed: int8 alone where there is one."""

    folder: Path
    sha256: str
    manifest: Manifest
    scaler: Scaler
    thresholds: Thresholds
    calibration: Calibration
    inputs: Reference
    card: Card
    graphs: Mapping[str, bytes]

    @property
    def name(self) -> str:
        return self.manifest.version


def write(models: Path, draft: Draft) -> Version:
    """The version, its folder whole on disk. Writing the same draft again changes nothing.

    Raises:
        VersionError: the draft is not one that `load` would take.
    """
    manifest = Manifest(
        version=draft.version,
        format=FORMAT,
        target=Forecasts.RANGE,
        venue=draft.venue,
        symbol=draft.symbol,
        horizon_s=draft.horizon_s,
        step_s=draft.step_s,
        steps=draft.steps,
        network=draft.network,
    )
    files = {**draft.graphs, **_typed(draft), **draft.extra}
    return load(folders.put(models, manifest, files, lambda folder, name: load(folder, version=name)))


def load(folder: Path, *, sha256: str | None = None, version: str | None = None) -> Version:
    """The version in `folder`.

    Args:
        sha256: of manifest.json, as the ledger holds it.
        version: its name, where the folder bears another.

    Raises:
        VersionError: names the file and what is wrong with it.
    """
    found = folders.opened(folder, Forecasts.RANGE, sha256=sha256, version=version)
    made = Version(
        folder=folder,
        sha256=found.sha256,
        manifest=found.manifest,
        scaler=found.part("scaler.json", Scaler),
        thresholds=found.part("thresholds.json", Thresholds),
        calibration=found.part("calibration.json", Calibration),
        inputs=found.part("inputs.json", Reference),
        card=found.part("card.json", Card),
        graphs=found.graphs,
    )
    _check_parts(made)
    return made


def _typed(draft: Draft) -> dict[str, bytes]:
    return folders.encoded(
        {
            "scaler.json": draft.scaler,
            "thresholds.json": draft.thresholds,
            "calibration.json": draft.calibration,
            "inputs.json": draft.inputs,
            "card.json": draft.card,
        }
    )


def _check_parts(version: Version) -> None:
    scaler, calibration, limits = version.scaler, version.calibration, version.thresholds
    count = len(scaler.features)
    if not count or not len(scaler.mean) == len(scaler.scale) == len(scaler.mask) == count:
        raise VersionError(f"model {version.name}: scaler.json must hold one mean, scale and mask for each feature")
    if min(scaler.scale) <= 0 or scaler.target.scale <= 0:
        raise VersionError(f"model {version.name}: scaler.json holds a scale that is not above 0")
    if version.inputs.features != scaler.features:
        raise VersionError(f"model {version.name}: inputs.json and scaler.json name different features")
    if not (0 < calibration.low < calibration.high and 0.5 < calibration.coverage < 1):
        raise VersionError(f"model {version.name}: calibration.json must hold 0 < low < high and a coverage in 0.5..1")
    if not 0 < limits.low < limits.high:
        raise VersionError(f"model {version.name}: thresholds.json must hold 0 < low < high")
