"""A folder that is there whole or not at all, and is believed only if every hash fits: how models lie on disk.

Nothing is unpickled: graphs are protocol buffers that ONNX Runtime reads, everything else is JSON of fixed types.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import msgspec

from trifecta.clock import NS_PER_S
from trifecta.errors import DataError
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


class VersionError(DataError):
    """A model's folder is damaged, foreign or not what the ledger knows; it is not served."""


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


def named(what: str, created_ns: int, graphs: Mapping[str, bytes], *parts: msgspec.Struct) -> str:
    """A version's name: what, when, and 8 hex digits of what decides its forecasts."""
    content = hashlib.sha256()
    for name, graph in sorted(graphs.items()):
        content.update(name.encode() + graph)
    for part in parts:
        content.update(msgspec.json.encode(part))
    stamp = f"{datetime.fromtimestamp(created_ns // NS_PER_S, UTC):%Y%m%dT%H%M%SZ}"
    return re.sub(r"[^A-Za-z0-9._-]", "_", f"{what}-{stamp}-{content.hexdigest()[:8]}")


def encoded(typed: Mapping[str, msgspec.Struct]) -> dict[str, bytes]:
    """Files of JSON by name."""
    return {name: msgspec.json.format(msgspec.json.encode(value)) for name, value in typed.items()}


def put(models: Path, manifest: Manifest, files: Mapping[str, bytes], check: Callable[[Path, str], object]) -> Path:
    """The folder with these files, whole on disk; where it is there already nothing changes.

    Args:
        manifest: without the hashes of its files.
        check: reads a folder as the version of that name; what it refuses never gets its name.
    """
    folder, aside = models / manifest.version, models / f".{manifest.version}.tmp"
    if not folder.exists():
        shutil.rmtree(aside, ignore_errors=True)
        hashed = msgspec.structs.replace(manifest, files={name: _sha256(content) for name, content in files.items()})
        for name, content in ({**files} | encoded({MANIFEST: hashed})).items():
            _write_durably(aside / name, content)
        check(aside, manifest.version)
        aside.rename(folder)
        _sync(models)
    return folder


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
