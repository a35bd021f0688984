"""A trained model of a range: what its folder holds, and what makes it one that can be served.

scaler.json        how a window is scaled, and how an output becomes a log range
thresholds.json    borders of the volatility classes
calibration.json   factors of the interval
inputs.json        distribution of the training part's inputs, for drift
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from trifecta.forecast import files, folders
from trifecta.forecast.conformal import Calibration
from trifecta.forecast.drift import Reference
from trifecta.forecast.files import Card, Frozen
from trifecta.forecast.folders import Parts, VersionError
from trifecta.forecast.targets import Target as Forecasts


class Target(Frozen, frozen=True):
    """The graph's output y as a log range: exp(y * scale + mean)."""

    mean: float
    scale: float
    transform: Literal["log"] = "log"


class Scaler(files.Scaler, frozen=True):
    """Beside mean and scale of each feature, whether the source gives it (`mask`)."""

    mask: tuple[bool, ...]
    target: Target


class Thresholds(Frozen, frozen=True):
    """Log ranges of the training part below and above which volatility is low and high."""

    low: float
    high: float


PARTS: Parts = {
    "scaler": Scaler, "thresholds": Thresholds, "calibration": Calibration, "inputs": Reference, "card": Card,
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Draft(folders.Draft):
    """A version of a range about to be written."""

    TARGET = Forecasts.RANGE
    PARTS = PARTS
    DECIDING = ("scaler", "thresholds", "calibration")

    scaler: Scaler
    thresholds: Thresholds
    calibration: Calibration
    inputs: Reference


@dataclass(frozen=True, kw_only=True)
class Version(folders.Version):
    """A version of a range whose hashes fit."""

    TARGET = Forecasts.RANGE
    PARTS = PARTS

    scaler: Scaler
    thresholds: Thresholds
    calibration: Calibration
    inputs: Reference

    def check(self) -> None:
        super().check()
        scaler, calibration, limits = self.scaler, self.calibration, self.thresholds
        if len(scaler.mask) != len(scaler.features) or scaler.target.scale <= 0:
            raise VersionError(f"model {self.name}: scaler.json must hold a mask for each feature and a scale above 0")
        if self.inputs.features != scaler.features:
            raise VersionError(f"model {self.name}: inputs.json and scaler.json name different features")
        if not (0 < calibration.low < calibration.high and 0.5 < calibration.coverage < 1):
            told = "must hold 0 < low < high and a coverage in 0.5..1"
            raise VersionError(f"model {self.name}: calibration.json {told}")
        if not 0 < limits.low < limits.high:
            raise VersionError(f"model {self.name}: thresholds.json must hold 0 < low < high")
