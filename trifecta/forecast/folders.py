"""A folder that is there whole or not at all, and is believed only if every hash fits: how models lie on disk.

data/models/<version>/
    manifest.json      what it forecasts, and the SHA-256 of every other file; the ledger holds its own
    model.onnx         or model_0.onnx, model_1.onnx … of an ensemble; model.int8.onnx where that passed the gate
    <part>.json        what a target's version is made of: how a window is scaled, how an output is made honest …
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
from typing import ClassVar, Self, TypeVar

import msgspec

from trifecta.clock import NS_PER_S
from trifecta.errors import DataError
from trifecta.forecast.files import Card, Manifest, Scaler
from trifecta.forecast.targets import Target

FORMAT = 1
MANIFEST = "manifest.json"
GRAPH, INT8 = "model.onnx", "model.int8.onnx"
MAX_FILE_BYTES = 64 * 1024 * 1024
MAX_FILES = 64
_NAME = re.compile(r"[A-Za-z0-9._-]{1,200}")
_FILE = re.compile(r"(plots/)?[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")
_MEMBER = re.compile(r"model(_[0-9]{1,2})?\.onnx")

T = TypeVar("T")
Parts = Mapping[str, type[msgspec.Struct]]
"""Types of the files of JSON of a target's versions, by field: `scaler` is scaler.json."""


class VersionError(DataError):
    """A model's folder is damaged, foreign or not what the ledger knows; it is not served."""


@dataclass(frozen=True)
class Opened:
    """A folder whose hashes fit; `files` are the very bytes that were hashed, `sha256` that of its manifest."""

    folder: Path
    sha256: str
    manifest: Manifest
    files: Mapping[str, bytes]

    @property
    def name(self) -> str:
        return self.manifest.version

    def part(self, name: str, kind: type[T]) -> T:
        """The file of that name.

        Raises:
            VersionError: there is none, or it is not as expected.
        """
        if name not in self.files:
            raise VersionError(f"model {self.name}: manifest.json lists no {name}")
        return _decoded(self.name, name, self.files[name], kind)

    @property
    def graphs(self) -> dict[str, bytes]:
        """What is served: the int8 graph where there is one, else the graph, else an ensemble's members.

        Raises:
            VersionError: there is none.
        """
        if INT8 in self.files:
            return {INT8: self.files[INT8]}
        found = {name: content for name, content in sorted(self.files.items()) if _MEMBER.fullmatch(name)}
        if not found:
            raise VersionError(f"model {self.name}: manifest.json lists no {GRAPH}")
        return {GRAPH: found[GRAPH]} if GRAPH in found else found


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A version about to be written; that of a target adds its other parts as fields.

    `graphs` maps file names to bytes; `extra` holds card.md, log.csv, plots/…
    """

    TARGET: ClassVar[Target]
    PARTS: ClassVar[Parts]
    DECIDING: ClassVar[tuple[str, ...]]
    """Parts that decide the forecasts, with the graphs."""

    venue: str
    symbol: str
    horizon_s: int
    step_s: int
    steps: int
    network: str
    graphs: Mapping[str, bytes]
    scaler: Scaler
    card: Card
    created_ns: int
    extra: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def version(self) -> str:
        """Its name: what, when, and 8 hex digits of what decides its forecasts."""
        content = hashlib.sha256()
        for name, graph in sorted(self.graphs.items()):
            content.update(name.encode() + graph)
        for part in self.DECIDING:
            content.update(msgspec.json.encode(getattr(self, part)))
        stamp = f"{datetime.fromtimestamp(self.created_ns // NS_PER_S, UTC):%Y%m%dT%H%M%SZ}"
        name = f"{self.TARGET}-{self.symbol}-{self.horizon_s}-{self.network}-{stamp}-{content.hexdigest()[:8]}"
        return re.sub(r"[^A-Za-z0-9._-]", "_", name)

    @property
    def files(self) -> dict[str, bytes]:
        """Every file but the manifest."""
        parts = {f"{part}.json": _encoded(getattr(self, part)) for part in self.PARTS}
        return {**self.graphs, **parts, **self.extra}

    @property
    def manifest(self) -> Manifest:
        return Manifest(
            version=self.version,
            format=FORMAT,
            target=self.TARGET,
            venue=self.venue,
            symbol=self.symbol,
            horizon_s=self.horizon_s,
            step_s=self.step_s,
            steps=self.steps,
            network=self.network,
            files={name: _sha256(content) for name, content in self.files.items()},
        )


@dataclass(frozen=True, kw_only=True)
class Version:
    """A version whose hashes fit; that of a target adds its other parts as fields.

    `graphs` are the very bytes that were hashed: int8 alone where there is one.
    """

    TARGET: ClassVar[Target]
    PARTS: ClassVar[Parts]

    folder: Path
    sha256: str
    manifest: Manifest
    graphs: Mapping[str, bytes]
    scaler: Scaler
    card: Card

    @property
    def name(self) -> str:
        return self.manifest.version

    @classmethod
    def load(cls, folder: Path, *, sha256: str | None = None, version: str | None = None) -> Self:
        """The version in `folder`.

        Args:
            sha256: of manifest.json, as the ledger holds it.
            version: its name, where the folder bears another.

        Raises:
            VersionError: names the file and what is wrong with it.
        """
        found = opened(folder, cls.TARGET, sha256=sha256, version=version)
        parts = {part: found.part(f"{part}.json", kind) for part, kind in cls.PARTS.items()}
        made = cls(folder=folder, sha256=found.sha256, manifest=found.manifest, graphs=found.graphs, **parts)  # type: ignore[arg-type]  # of those types
        made.check()
        return made

    @classmethod
    def write(cls, models: Path, draft: Draft) -> Self:
        """The version of a draft, its folder whole on disk. Writing the same draft again changes nothing.

        Raises:
            VersionError: the draft is not one that `load` would take, or of another target.
        """
        folder, aside = models / draft.version, models / f".{draft.version}.tmp"
        if not folder.exists():
            shutil.rmtree(aside, ignore_errors=True)
            for name, content in {**draft.files, MANIFEST: _encoded(draft.manifest)}.items():
                _write_durably(aside / name, content)
            cls.load(aside, version=draft.version)
            aside.rename(folder)
            _sync(models)
        return cls.load(folder)

    def check(self) -> None:
        """Does nothing but raise VersionError where a part holds what cannot be."""
        scaler, count = self.scaler, len(self.scaler.features)
        if not count or not len(scaler.mean) == len(scaler.scale) == count:
            raise VersionError(f"model {self.name}: scaler.json must hold one mean and scale for each feature")
        if min(scaler.scale) <= 0:
            raise VersionError(f"model {self.name}: scaler.json holds a scale that is not above 0")


def target_of(folder: Path) -> Target:
    """What the version in that folder forecasts, by its manifest alone.

    Raises:
        VersionError: it has no manifest that can be read.
    """
    return _decoded(folder.name, MANIFEST, _read(folder, MANIFEST), Manifest).target


def opened(folder: Path, target: Target, *, sha256: str | None = None, version: str | None = None) -> Opened:
    """The files of a version that forecasts `target`.

    Args:
        sha256: of manifest.json, as the ledger holds it.
        version: its name, where the folder bears another.

    Raises:
        VersionError: names the file and what is wrong with it.
    """
    name = version or folder.name
    content = _read(folder, MANIFEST)
    found = _sha256(content)
    if sha256 is not None and found != sha256:
        raise VersionError(f"model {name}: manifest.json has SHA-256 {found[:12]}…, the ledger knows {sha256[:12]}…")
    manifest = _decoded(name, MANIFEST, content, Manifest)
    _check_manifest(name, manifest, target)
    files = {file: _verified(folder, name, file, expected) for file, expected in manifest.files.items()}
    return Opened(folder, found, manifest, files)


def remove_unfinished(models: Path, *, older_than_ns: int) -> list[Path]:
    """Folders that a killed training left aside, removed; none of them was ever visible as a version."""
    left = [path for path in models.glob(".*.tmp") if path.stat().st_mtime_ns < older_than_ns]
    for path in left:
        shutil.rmtree(path, ignore_errors=True)
    return left


def _check_manifest(named: str, manifest: Manifest, target: Target) -> None:
    if manifest.format != FORMAT:
        raise VersionError(f"model {named}: format {manifest.format} is not {FORMAT}, which this program reads")
    if manifest.version != named or not _NAME.fullmatch(named):
        raise VersionError(f"model {named}: manifest.json is of {manifest.version!r}; it was copied or renamed")
    if manifest.target != target:
        raise VersionError(f"model {named}: it forecasts a {manifest.target}, a {target} is asked for")
    if not 0 < len(manifest.files) <= MAX_FILES:
        raise VersionError(f"model {named}: manifest.json lists {len(manifest.files)} files, 1 to {MAX_FILES} expected")
    if manifest.horizon_s < 60 or manifest.step_s < 1 or not 1 <= manifest.steps <= 10_000:
        told = f"horizon_s {manifest.horizon_s}, step_s {manifest.step_s}, steps {manifest.steps}"
        raise VersionError(f"model {named}: {told}: expected >= 60, >= 1 and 1 to 10000")


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


def _encoded(part: msgspec.Struct) -> bytes:
    return msgspec.json.format(msgspec.json.encode(part))


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
