"""A trained model of a direction: a folder like that of a range, with its own calibration.

model.onnx         or model_0.onnx, model_1.onnx of the ensemble: input `window`, output `direction`
scaler.json        how a window is scaled
calibration.json   how the graphs' probabilities are made honest
inputs.json        distribution of the training part's inputs, for drift
"""

from __future__ import annotations

from dataclasses import dataclass

from trifecta.forecast import folders
from trifecta.forecast.direction.bars import BAR_S
from trifecta.forecast.direction.probabilities import MAX_SHARPNESS, Calibration
from trifecta.forecast.drift import Reference
from trifecta.forecast.files import Card, Scaler
from trifecta.forecast.folders import Parts, VersionError
from trifecta.forecast.targets import Target

PARTS: Parts = {"scaler": Scaler, "calibration": Calibration, "inputs": Reference, "card": Card}


@dataclass(frozen=True, kw_only=True)
class Draft(folders.Draft):
    """A version of a direction about to be written."""

    TARGET = Target.DIRECTION
    PARTS = PARTS
    DECIDING = ("scaler", "calibration")

    step_s: int = BAR_S
    calibration: Calibration
    inputs: Reference


@dataclass(frozen=True, kw_only=True)
class Version(folders.Version):
    """A version of a direction whose hashes fit."""

    TARGET = Target.DIRECTION
    PARTS = PARTS

    calibration: Calibration
    inputs: Reference

    def check(self) -> None:
        super().check()
        if self.inputs.features != self.scaler.features:
            raise VersionError(f"model {self.name}: inputs.json and scaler.json name different features")
        if not 0 <= self.calibration.sharpness <= MAX_SHARPNESS:
            told = f"a sharpness of {self.calibration.sharpness}, 0 to {MAX_SHARPNESS} is expected"
            raise VersionError(f"model {self.name}: calibration.json holds {told}")
