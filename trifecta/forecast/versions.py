"""A trained model on disk: a folder that is there whole or not at all, and is believed only if every hash fits.

    data/models/<version>/
        manifest.json      what it forecasts, and the SHA-256 of every other file; the ledger holds its own
        model.onnx         or model_0.onnx, model_1.onnx … of an ensemble; model.int8.onnx where that passed the gate
        scaler.json        how a window is scaled, and how an output becomes a log range
        thresholds.json    borders of the volatility classes
        calibration.json   factors of the interval
        inputs.json        distribution of the training part's inputs, for drift
        card.json          where it came from and how good it is; card.md says so to people
        log.csv, plots/    what training and evaluation drew

Nothing is unpickled: graphs are protocol buffers that ONNX Runtime reads, everything else is JSON of fixed types.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from trifecta.clock import NS_PER_S
from trifecta.errors import DataError
from trifecta.forecast.conformal import Calibration
from trifecta.forecast.drift import Reference

FORMAT = 1
MANIFEST = "manifest.json"
GRAPH, INT8 = "model.onnx", "model.int8.onnx"
MAX_FILE_BYTES = 64 * 1024 * 1024
MAX_FILES = 64
_NAME = re.compile(r"[A-Za-z0-9._-]{1,200}")
_FILE = re.compile(r"(plots/)?[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")
_MEMBER = re.compile(r"model(_[0-9]{1,2})?\.onnx")

T = TypeVar("T")


class VersionError(DataError):
    """A model's folder is damaged, foreign or not what the ledger knows; it is not served."""


class Frozen(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Root of the files' types: a field that is missing or unknown is an error."""


class Manifest(Frozen, frozen=True):
    """What a version forecasts, and the SHA-256 of each of its files."""

    version: str
    format: int
    target: Literal["range"]
    venue: str
    symbol: str
    horizon_s: int
    step_s: int
    steps: int
    network: str
    files: dict[str, str]


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
    """How good one forecaster was on one part of the data; losses of the log range. `fold` -1: all folds together."""

    forecaster: str
    fold: int
    windows: int
    qlike: float
    mae: float
    p_value: float | None = None  # Diebold-Mariano, model against this baseline; small: the model is better
    coverage: float | None = None
    width: float | None = None
    brier: float | None = None
    hit_rate: float | None = None
    calibration: float | None = None  # mean of outcome / forecast: 1 where the level is right


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
        content = hashlib.sha256()
        for name, graph in sorted(self.graphs.items()):
            content.update(name.encode() + graph)
        for part in (self.scaler, self.thresholds, self.calibration):
            content.update(msgspec.json.encode(part))
        stamp = f"{datetime.fromtimestamp(self.created_ns // NS_PER_S, UTC):%Y%m%dT%H%M%SZ}"
        named = f"range-{self.symbol}-{self.horizon_s}-{self.network}-{stamp}-{content.hexdigest()[:8]}"
        return re.sub(r"[^A-Za-z0-9._-]", "_", named)


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
    name = draft.version
    folder, aside = models / name, models / f".{name}.tmp"
    if not folder.exists():
        shutil.rmtree(aside, ignore_errors=True)
        files = _encoded(draft)
        manifest = _manifest(draft, name, {file: _sha256(content) for file, content in files.items()})
        for file, content in (files | {MANIFEST: msgspec.json.format(msgspec.json.encode(manifest))}).items():
            _write_durably(aside / file, content)
        load(aside, version=name)
        aside.rename(folder)
        _sync(models)
    return load(folder)


def load(folder: Path, *, sha256: str | None = None, version: str | None = None) -> Version:
    """The version in `folder`.

    Args:
        sha256: of manifest.json, as the ledger holds it.
        version: its name, where the folder bears another.

    Raises:
        VersionError: names the file and what is wrong with it.
    """
    named = version or folder.name
    content = _read(folder, MANIFEST)
    found = _sha256(content)
    if sha256 is not None and found != sha256:
        raise VersionError(f"model {named}: manifest.json has SHA-256 {found[:12]}…, the ledger knows {sha256[:12]}…")
    manifest = _decoded(named, MANIFEST, content, Manifest)
    _check_manifest(named, manifest)
    files = {name: _verified(folder, named, name, expected) for name, expected in manifest.files.items()}

    def part(name: str, kind: type[T]) -> T:
        if name not in files:
            raise VersionError(f"model {named}: manifest.json lists no {name}")
        return _decoded(named, name, files[name], kind)

    scaler = part("scaler.json", Scaler)
    made = Version(
        folder=folder,
        sha256=found,
        manifest=manifest,
        scaler=scaler,
        thresholds=part("thresholds.json", Thresholds),
        calibration=part("calibration.json", Calibration),
        inputs=part("inputs.json", Reference),
        card=part("card.json", Card),
        graphs=_graphs(named, files),
    )
    _check_parts(made)
    return made


def remove_unfinished(models: Path, *, older_than_ns: int) -> list[Path]:
    """Folders that a killed training left aside, removed; none of them was ever visible as a version."""
    left = [path for path in models.glob(".*.tmp") if path.stat().st_mtime_ns < older_than_ns]
    for path in left:
        shutil.rmtree(path, ignore_errors=True)
    return left


def _encoded(draft: Draft) -> dict[str, bytes]:
    typed = {
        "scaler.json": draft.scaler,
        "thresholds.json": draft.thresholds,
        "calibration.json": draft.calibration,
        "inputs.json": draft.inputs,
        "card.json": draft.card,
    }
    written = {name: msgspec.json.format(msgspec.json.encode(value)) for name, value in typed.items()}
    return {**draft.graphs, **written, **draft.extra}


def _manifest(draft: Draft, name: str, files: dict[str, str]) -> Manifest:
    return Manifest(
        version=name,
        format=FORMAT,
        target="range",
        venue=draft.venue,
        symbol=draft.symbol,
        horizon_s=draft.horizon_s,
        step_s=draft.step_s,
        steps=draft.steps,
        network=draft.network,
        files=files,
    )


def _graphs(named: str, files: Mapping[str, bytes]) -> dict[str, bytes]:
    """What is served: the int8 graph where there is one, else the graph, else an ensemble's members."""
    if INT8 in files:
        return {INT8: files[INT8]}
    found = {name: content for name, content in sorted(files.items()) if _MEMBER.fullmatch(name)}
    if not found:
        raise VersionError(f"model {named}: manifest.json lists no {GRAPH}")
    return {GRAPH: found[GRAPH]} if GRAPH in found else found


def _check_manifest(named: str, manifest: Manifest) -> None:
    if manifest.format != FORMAT:
        raise VersionError(f"model {named}: format {manifest.format} is not {FORMAT}, which this program reads")
    if manifest.version != named or not _NAME.fullmatch(named):
        raise VersionError(f"model {named}: manifest.json is of {manifest.version!r}; it was copied or renamed")
    if not 0 < len(manifest.files) <= MAX_FILES:
        raise VersionError(f"model {named}: manifest.json lists {len(manifest.files)} files, 1 to {MAX_FILES} expected")
    if manifest.horizon_s < 60 or manifest.step_s < 1 or not 1 <= manifest.steps <= 10_000:
        told = f"horizon_s {manifest.horizon_s}, step_s {manifest.step_s}, steps {manifest.steps}"
        raise VersionError(f"model {named}: {told}: expected >= 60, >= 1 and 1 to 10000")


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


def _verified(folder: Path, named: str, name: str, expected: str) -> bytes:
    if not _FILE.fullmatch(name) or ".." in name:
        raise VersionError(f"model {named}: manifest.json lists {name[:80]!r}, which is no file of a version")
    content = _read(folder, name)
    found = _sha256(content)
    if found != expected:
        raise VersionError(f"model {named}: {name} has SHA-256 {found[:12]}…, manifest.json says {expected[:12]}…")
    return content


def _read(folder: Path, name: str) -> bytes:
    path = folder / name
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise VersionError(f"model {folder.name}: {name} holds {size} bytes, at most {MAX_FILE_BYTES} are read")
        return path.read_bytes()
    except OSError as error:
        raise VersionError(f"model {folder.name}: {name} cannot be read ({error.strerror})") from error


def _decoded(named: str, name: str, content: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.MsgspecError as error:
        raise VersionError(f"model {named}: {name} is not as expected: {error}") from error


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _write_durably(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    """Makes a rename inside `folder` last, where the system can."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
