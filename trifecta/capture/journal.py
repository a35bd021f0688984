"""The journal: every frame as it came, numbered without a gap, the source that all tables derive from."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from loguru import logger

from trifecta.capture import segments as files
from trifecta.capture.lines import CHUNK_BYTES, encode
from trifecta.capture.segments import Segment, segments
from trifecta.clock import NS_PER_S, Clock
from trifecta.errors import TransientError
from trifecta.lock import FolderLock
from trifecta.market.events import Frames

SEGMENT_BYTES = 64 * 1024 * 1024
SEGMENT_S = 3600.0
_DAY_S = 86_400
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)


class JournalWriter:
    """Appends frames to the journal of one folder. `append` belongs to one thread, `sync` may run in any."""

    def __init__(self, folder: Path, lock: FolderLock, *, segment_bytes: int, segment_s: float) -> None:
        self.folder = folder
        self.next_position = 0
        self._lock = lock
        self._segment_bytes = segment_bytes
        self._segment_ns = round(segment_s * NS_PER_S)
        self._handle = -1
        self._size = 0  # of the open segment, without a half-written batch
        self._torn = False  # a half-written batch could not be cut off yet
        self._first_ns = 0  # when the open segment began
        self._last_ns = 0
        self._closing = threading.Lock()  # a segment is not closed under a sync
        self._compressor = ThreadPoolExecutor(1, "journal")

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        at_least: int = 0,
        segment_bytes: int = SEGMENT_BYTES,
        segment_s: float = SEGMENT_S,
    ) -> Self:
        """A writer that goes on behind the last whole line; what a crash left half-done is cleared away.

        Args:
            at_least: the next frame's position is not below this, so that a lost journal does not repeat positions
                that the lake has already committed.

        Raises:
            PermanentError: another process writes here.
            TransientError: the folder cannot be read or written.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
            writer = cls(folder, FolderLock(folder), segment_bytes=segment_bytes, segment_s=segment_s)
        except OSError as error:
            raise TransientError(f"journal {folder} cannot be opened: {error}") from error
        try:
            writer._recover(at_least)
        except OSError as error:
            writer._lock.release()
            raise TransientError(f"journal {folder} cannot be recovered: {error}") from error
        return writer

    def append(self, batch: Sequence[tuple[int, bytes]]) -> Frames:
        """Writes (ts_recv ns, payload) lines at once and returns them with their positions.

        Raises:
            TransientError: no room, or the disk fails. Nothing of the batch is in the journal; append it again later.
        """
        text, frames = encode(batch, self.next_position, self._last_ns)
        if not frames.payloads:
            return frames
        try:
            self._turn_over(int(frames.ts_recv[0]))
            self._write(text)
        except OSError as error:
            raise TransientError(
                f"journal {self.folder} cannot take {len(text)} bytes ({error.strerror}): make room on its disk"
            ) from error
        self._size += len(text)
        self.next_position += len(frames.payloads)
        self._last_ns = int(frames.ts_recv[-1])
        return frames

    def sync(self) -> int:
        """Puts everything appended so far on disk; returns the position behind it.

        Raises:
            TransientError: the disk fails.
        """
        with self._closing:
            position = self.next_position
            if self._handle >= 0:
                try:
                    os.fsync(self._handle)
                except OSError as error:
                    raise TransientError(f"journal {self.folder} cannot be synced: {error}") from error
            return position

    def close(self) -> None:
        """Closes and compresses the open segment, and gives the folder free."""
        self._close_segment()
        self._compressor.shutdown()
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _write(self, text: bytes) -> None:
        if self._torn:
            self._cut()
        left = memoryview(text)
        try:
            while left:
                left = left[os.write(self._handle, left) :]
        except OSError:
            self._torn = True
            self._cut()
            raise

    def _cut(self) -> None:
        os.ftruncate(self._handle, self._size)
        self._torn = False

    def _turn_over(self, now_ns: int) -> None:
        """Sees to it that there is an open segment with room, and not too old."""
        if self._handle >= 0:
            if self._size < self._segment_bytes and now_ns - self._first_ns < self._segment_ns:
                return
            self._close_segment()
        path = self.folder / files.file_name(self.next_position, files.OPEN)
        self._handle = os.open(path, _FLAGS, 0o644)
        self._size = 0
        self._first_ns = now_ns
        files.sync_path(self.folder)

    def _close_segment(self) -> None:
        if self._handle >= 0:
            if self._torn:
                self._cut()
            self.sync()
            with self._closing:
                os.close(self._handle)
                self._handle = -1
        self._compressor.submit(_compress_all, self.folder, self.next_position)

    def _recover(self, at_least: int) -> None:
        for part in self.folder.glob(f"*{files.PART}"):
            part.unlink()
        found = segments(self.folder)
        for segment in found:
            if segment.path.name.endswith(files.OPEN):
                segment.path.with_name(files.file_name(segment.first_position, files.CLOSED)).unlink(missing_ok=True)
        if found and found[-1].path.name.endswith(files.OPEN):
            self._reopen(found[-1])
        for segment in reversed(found):
            frames = 0
            for batch in files.read_segment(segment):
                frames += len(batch.payloads)
                self._last_ns = int(batch.ts_recv[-1])
            self.next_position = max(self.next_position, segment.first_position + frames)
            if frames:
                break
        if at_least > self.next_position:
            if found:
                logger.warning("journal {} ends at {}, goes on at {}", self.folder, self.next_position, at_least)
            self._close_segment()
            self.next_position = at_least
        elif self._handle < 0:
            self._compressor.submit(_compress_all, self.folder, self.next_position)

    def _reopen(self, segment: Segment) -> None:
        """Goes on in the segment that a crash left open, behind its last whole line."""
        whole = 0
        with segment.path.open("rb") as source:
            for chunk in iter(lambda: source.read(CHUNK_BYTES), b""):
                if b"\n" in chunk:
                    whole = source.tell() - len(chunk) + chunk.rfind(b"\n") + 1
        torn = segment.path.stat().st_size - whole
        if torn:
            logger.warning("journal {}: {} bytes of a torn last line cut off", segment.path, torn)
        self._handle = os.open(segment.path, _FLAGS)
        self._size = whole
        self._cut()
        first = next(files.read_segment(segment), None)
        self._first_ns = int(first.ts_recv[0]) if first else 0


def read(folder: Path, start_position: int = 0) -> Iterator[Frames]:
    """Frames of a journal from a position on, up to the last whole line there is when it gets there."""
    found = segments(folder)
    for index, segment in enumerate(found):
        if index + 1 < len(found) and found[index + 1].first_position <= start_position:
            continue
        for frames in files.read_segment(segment):
            skipped = start_position - frames.first_position
            if skipped <= 0:
                yield frames
            elif skipped < len(frames.payloads):
                yield Frames(start_position, frames.ts_recv[skipped:], frames.payloads[skipped:])


def read_file(path: Path, first_position: int = 0) -> Iterator[Frames]:
    """Frames of any recording of lines: plain, .gz or .zst.

    A line that does not begin with 19 digits and a space is a frame as a whole, received when the line before was.

    Raises:
        DataError: the file ends in the middle of its compression, or is not what its name says; whatever could be
            read was yielded before.
    """
    yield from files.read_recording(path, first_position)


def position_before(folder: Path, position: int, seconds: float) -> int:
    """The first frame received at most `seconds` before frame `position - 1`; `position` where that is not there."""
    reference = next(read(folder, max(position - 1, 0)), None)
    if reference is None:
        return position
    earliest = int(reference.ts_recv[0]) - round(seconds * NS_PER_S)
    start = 0
    for segment in reversed(segments(folder)):
        first = next(files.read_segment(segment), None)
        start = segment.first_position
        if first is not None and start <= position and first.ts_recv[0] < earliest:
            break
    for frames in read(folder, start):
        if frames.ts_recv[-1] >= earliest:
            return frames.first_position + int(frames.ts_recv.searchsorted(earliest))
    return position


def retain(folder: Path, days: float, *, clock: Clock) -> list[Path]:
    """Deletes closed segments last written more than `days` ago; returns which."""
    oldest_s = clock.now_ns() / NS_PER_S - days * _DAY_S
    old = [
        segment.path
        for segment in segments(folder)
        if segment.path.name.endswith(files.CLOSED) and segment.path.stat().st_mtime < oldest_s
    ]
    for path in old:
        path.unlink(missing_ok=True)
    return old


def retain_all(journals: Path, days: float, *, clock: Clock) -> list[Path]:
    """`retain` for the journal of each source below `journals`."""
    folders = sorted(path for path in journals.glob("*") if path.is_dir())
    return [path for folder in folders for path in retain(folder, days, clock=clock)]


def _compress_all(folder: Path, open_position: int) -> None:
    """Compresses each closed segment that is still plain; what fails is tried again at the next turn-over."""
    for segment in segments(folder):
        if segment.first_position >= open_position or not segment.path.name.endswith(files.OPEN):
            continue
        try:
            files.compress(segment)
        except OSError as error:
            logger.warning("journal {} stays uncompressed for now: {}", segment.path, error)
