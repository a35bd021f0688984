"""A file as it lies on disk, plain or compressed, and the text in it: read in pieces, known by its checksum."""

from __future__ import annotations

import gzip
import hashlib
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO, NamedTuple, cast

import pyarrow as pa

from trifecta.capture.importers import parquet
from trifecta.errors import DataError

HEAD_BYTES = 64 * 1024
PARQUET = b"PAR1"
_GZIP, _ZIP, _ZSTD = b"\x1f\x8b", b"PK\x03\x04", b"\x28\xb5\x2f\xfd"
_BROKEN = (OSError, EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError, RuntimeError)


class Head(NamedTuple):
    """What a format is told by: the file's name and its first lines."""

    name: str
    lines: list[bytes]  # whole lines without their ends, blank ones left out
    text: bytes


class Piece(NamedTuple):
    """Some text, and how many bytes of the file on disk were read to get it."""

    text: bytes
    done: int


def read_head(path: Path) -> Head:
    """The first 64 KiB of the text in a file.

    Raises:
        DataError: it cannot be read, or holds nothing.
    """
    text = next(read_pieces(path, HEAD_BYTES), Piece(b"", 0)).text
    if not text.strip():
        raise DataError(f"{path} is empty: expected trades, quotes, bars or depth changes")
    whole = text if len(text) < HEAD_BYTES or b"\n" not in text else text[: text.rindex(b"\n")]
    lines = [line.rstrip(b"\r") for line in whole.split(b"\n")]
    return Head(path.name, [line for line in lines if line.strip()], text)


def read_pieces(path: Path, size: int) -> Iterator[Piece]:
    """The text in a file, in pieces of `size` bytes.

    Raises:
        DataError: the file is missing, damaged or cut off; what could be read was yielded before.
    """
    try:
        with path.open("rb") as raw, _unpacked(path, raw) as source:
            while text := _read_full(source, size):
                yield Piece(text, raw.tell())
    except _BROKEN as error:
        raise DataError(f"{path} cannot be read to its end ({error}): fetch or export it again") from error


def sha256(path: Path) -> str:
    """Checksum of the file on disk, compared with the one in `<path>.CHECKSUM` where that is there.

    Raises:
        DataError: the checksums differ, or the file cannot be read.
    """
    try:
        with path.open("rb") as source:
            found = hashlib.file_digest(source, "sha256").hexdigest()
        beside = path.with_name(path.name + ".CHECKSUM")
        expected = beside.read_text(encoding="ascii", errors="replace").split() if beside.is_file() else [found]
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    if not expected or expected[0].lower() != found:
        raise DataError(f"{path} has sha256 {found}, but {beside.name} says {expected[:1]}: fetch it again")
    return found


def _read_full(source: IO[bytes], size: int) -> bytes:
    """`size` bytes unless the file ends; a decompressor may give fewer at a time."""
    parts, missing = [], size
    while missing and (part := source.read(missing)):
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


@contextmanager
def _unpacked(path: Path, raw: BinaryIO) -> Iterator[IO[bytes]]:
    """The text of a file, whatever its name says about how it is packed."""
    start = raw.read(4)
    raw.seek(0)
    if start.startswith(_GZIP):
        with gzip.open(raw) as source:
            yield cast(IO[bytes], source)
    elif start.startswith(_ZIP):
        with zipfile.ZipFile(raw) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            if len(members) != 1:
                raise DataError(f"{path} holds {len(members)} files, expected one: unpack it and import each")
            with archive.open(members[0]) as source:
                yield source
    elif start == PARQUET:
        yield parquet.lines(raw)
    elif start.startswith(_ZSTD):
        with pa.CompressedInputStream(raw, "zstd") as source:
            yield source
    else:
        yield raw
