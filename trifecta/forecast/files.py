"""Types of the JSON files that every version's folder holds: what it forecasts, how it scales, where it came from."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from trifecta.forecast.targets import Target

MET, NOT_MET = "met", "NOT MET"
"""How each of a gate's reasons begins."""


class Frozen(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Root of the files' types: a field that is missing or unknown is an error."""


class Manifest(Frozen, frozen=True):
    """What a version forecasts, and the SHA-256 of each of its files."""

    version: str
    format: int
    target: Target
    venue: str
    symbol: str
    horizon_s: int
    step_s: int
    steps: int
    network: str
    files: dict[str, str] = {}


class Scaler(Frozen, frozen=True):
    """Of each feature mean and scale in the training part."""

    features: tuple[str, ...]
    mean: tuple[float, ...]
    scale: tuple[float, ...]


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

    @classmethod
    def of(cls, checks: Sequence[tuple[bool, str]], best: str) -> Gate:
        """Passed where each condition held; `best` had the least loss among what the version was compared with."""
        passed = all(held for held, _ in checks)
        reasons = [f"{MET if held else NOT_MET}: {reason}" for held, reason in checks]
        if not passed:
            reasons.append(f"refused; least loss among what it was compared with: {best}")
        return cls(passed, tuple(reasons))

    @property
    def lacking(self) -> str:
        """The conditions that were not met, in one line."""
        return "; ".join(reason for reason in self.reasons if reason.startswith(NOT_MET))


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
