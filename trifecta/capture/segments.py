"""A journal's files: their names, reading them, compressing and deleting them.

A segment is named by the position of its first frame. The open one, `.log`, is plain text, so a killed process loses
nothing that was written; a closed one is `.log.zst`. While both are there the `.log` counts: it is removed only when
its copy is complete and on disk.
"""

from __future__ import annotations

import gzip
import os
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

import pyarrow as pa
from loguru import logger

from trifecta.capture.lines import CHUNK_BYTES, decode
from trifecta.errors import DataError
from trifecta.market.events import Frames

OPEN, CLOSED, PART = ".log", ".log.zst", ".log.zst.part"
_POSITION_DIGITS = 20
_MAX_LISTINGS = 10


class Segment(NamedTuple):
    """One file of a journal."""

    first_position: int
    path: Path


def file_name(first_position: int, suffix: str) -> str:
    return f"{first_position:0{_POSITION_DIGITS}d}{suffix}"


def segments(folder: Path) -> list[Segment]:
    """The segments of a folder, oldest first, each once.

    A folder that changes while it is listed can hide a file that was renamed, so it is listed until it stands still.
    """
    found = _listing(folder)
    for _ in range(_MAX_LISTINGS):
        again = _listing(folder)
        if again.keys() == found.keys():
            break
        found = again
    return [Segment(position, found[position]) for position in sorted(found)]


def _listing(folder: Path) -> dict[int, Path]:
    found: dict[int, Path] = {}
    for path in folder.iterdir() if folder.is_dir() else ():
        digits, suffix = path.name[:_POSITION_DIGITS], path.name[_POSITION_DIGITS:]
        if digits.isdigit() and (suffix == OPEN or (suffix == CLOSED and int(digits) not in found)):
            found[int(digits)] = path
    return found


def read_segment(segment: Segment) -> Iterator[Frames]:
    """The whole lines of a segment; nothing, with a warning, where it was deleted meanwhile."""
    closed = segment.path.with_name(file_name(segment.first_position, CLOSED))
    for path in (segment.path, closed):  # an open one may be closed and removed between listing and reading
        try:
            source = _open(path)
        except FileNotFoundError:
            continue
        yield from decode(_chunks(source, path), segment.first_position, keep_unfinished=False)
        return
    logger.warning("journal segment {} is gone: its frames are not read", segment.path)


def read_recording(path: Path, first_position: int) -> Iterator[Frames]:
    """Every line of any recording: plain, .gz or .zst."""
    yield from decode(_chunks(_open(path), path), first_position, keep_unfinished=True)


def compress(segment: Segment) -> None:
    """Turns a closed segment into its compressed form; a crash at any point leaves one that counts.

    Raises:
        OSError: no room; the plain segment stays.
    """
    part = segment.path.with_name(file_name(segment.first_position, PART))
    closed = part.with_name(file_name(segment.first_position, CLOSED))
    times = segment.path.stat()
    try:
        with segment.path.open("rb") as source, pa.output_stream(str(part), compression="zstd") as target:
            while chunk := source.read(CHUNK_BYTES):
                target.write(chunk)
        os.utime(part, ns=(times.st_atime_ns, times.st_mtime_ns))  # retention goes by when it was written
        sync_path(part)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    part.replace(closed)
    sync_path(part.parent)
    segment.path.unlink()


def sync_path(path: Path) -> None:
    """Puts a file, or a folder's list of files, on disk."""
    if sys.platform == "win32":  # neither a folder nor a file opened for reading can be synced there
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _open(path: Path) -> BinaryIO:
    if path.suffix == ".zst":
        return cast(BinaryIO, pa.input_stream(str(path), compression="zstd"))
    return cast(BinaryIO, gzip.open(path)) if path.suffix == ".gz" else path.open("rb")


def _chunks(source: BinaryIO, path: Path) -> Iterator[bytes]:
    done = 0
    with source:
        while True:
            try:
                chunk = source.read(CHUNK_BYTES)
            except (OSError, EOFError, zlib.error) as error:
                raise DataError(f"{path} cannot be read beyond byte {done} of its content: {error}") from error
            if not chunk:
                return
            done += len(chunk)
            yield chunk
