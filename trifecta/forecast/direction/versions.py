"""A trained model of a direction on disk: a folder like that of a range, with its own scaler and calibration.

manifest.json      target "direction"
model.onnx         or model_0.onnx, model_1.onnx of the ensemble: input `window`, output `direction`
scaler.json        how a window is scaled
calibration.json   how the graphs' probabilities are made honest
card.json, card.md, log.csv, plots/
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from trifecta.forecast import folders
from trifecta.forecast.direction.bars import BAR_S
from trifecta.forecast.direction.probabilities import MAX_SHARPNESS, Calibration
from trifecta.forecast.folders import FORMAT, Frozen, Manifest, VersionError
from trifecta.forecast.targets import Target
from trifecta.forecast.versions import Card


class Scaler(Frozen, frozen=True):
    """Of each feature mean and scale in the training part."""

    features: tuple[str, ...]
    mean: tuple[float, ...]
    scale: tuple[float, ...]


@dataclass(frozen=True)
class Draft:
    """A version about to be written. `graphs` maps file names to bytes; `extra` holds card.md, log.csv, plots/…"""

    venue: str
    symbol: str
    horizon_s: int
    steps: int
    network: str
    graphs: Mapping[str, bytes]
    scaler: Scaler
    calibration: Calibration
    card: Card
    created_ns: int
    extra: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def version(self) -> str:
        """Its name: what, when, and 8 hex digits of what decides its forecasts."""
        what = f"direction-{self.symbol}-{self.horizon_s}-{self.network}"
        return folders.named(what, self.created_ns, self.graphs, self.scaler, self.calibration)


@dataclass(frozen=True)
class Version:
    """A version whose hashes fit. `graphs` are the very bytes that were hashed."""

    folder: Path
    sha256: str
    manifest: Manifest
    scaler: Scaler
    calibration: Calibration
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
        target=Target.DIRECTION,
        venue=draft.venue,
        symbol=draft.symbol,
        horizon_s=draft.horizon_s,
        step_s=BAR_S,
        steps=draft.steps,
        network=draft.network,
    )
    typed = {"scaler.json": draft.scaler, "calibration.json": draft.calibration, "card.json": draft.card}
    files = {**draft.graphs, **folders.encoded(typed), **draft.extra}
    return load(folders.put(models, manifest, files, lambda folder, name: load(folder, version=name)))


def load(folder: Path, *, sha256: str | None = None, version: str | None = None) -> Version:
    """The version in `folder`; arguments as of a range's.

    Raises:
        VersionError: names the file and what is wrong with it.
    """
    found = folders.opened(folder, Target.DIRECTION, sha256=sha256, version=version)
    made = Version(
        folder=folder,
        sha256=found.sha256,
        manifest=found.manifest,
        scaler=found.part("scaler.json", Scaler),
        calibration=found.part("calibration.json", Calibration),
        card=found.part("card.json", Card),
        graphs=found.graphs,
    )
    _check(made)
    return made


def _check(version: Version) -> None:
    scaler, count = version.scaler, len(version.scaler.features)
    if not count or not len(scaler.mean) == len(scaler.scale) == count:
        raise VersionError(f"model {version.name}: scaler.json must hold one mean and scale for each feature")
    if min(scaler.scale) <= 0:
        raise VersionError(f"model {version.name}: scaler.json holds a scale that is not above 0")
    if not 0 <= version.calibration.sharpness <= MAX_SHARPNESS:
        told = f"a sharpness of {version.calibration.sharpness}, 0 to {MAX_SHARPNESS} is expected"
        raise VersionError(f"model {version.name}: calibration.json holds {told}")
