"""Recorded frames through the very path of a live socket, into the lake, exactly once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import msgspec

from trifecta import venues
from trifecta.capture import journal
from trifecta.capture.commit import commit
from trifecta.capture.pipeline import Pipeline
from trifecta.clock import Clock
from trifecta.errors import DataError
from trifecta.market.events import Frames
from trifecta.market.instruments import Instrument
from trifecta.venues.venue import Venue
from warehouse.lake import Lake

SAMPLE_FRAMES = 2_000
COMMIT_FRAMES = 2_000_000
_EXCHANGE_INFO = b'{"rest":"exchangeInfo"'
_COUNTED = frozenset(
    {
        "frames",
        "trades",
        "quotes",
        "book_updates",
        "book_checks",
        "book_mismatches",
        "duplicates",
        "gaps",
        "quarantined",
    }
)


class ReplaySummary(msgspec.Struct, frozen=True):
    """What a replay read, found and wrote."""

    venue: str
    symbols: list[str]
    frames: int
    trades: int
    quotes: int
    book_updates: int
    book_checks: int
    book_mismatches: int
    duplicates: int
    gaps: int
    quarantined: int
    rows_written: int
    seconds: float


class _Recording(NamedTuple):
    """One file or journal folder among those that are replayed."""

    writer: str
    size: int  # bytes
    frames: Callable[[int], Iterator[Frames]]
    """Its frames, numbered from the position given."""
    numbered: bool  # its frames bear numbers of their own
    source: str = ""  # the name a journal bears


def replay(
    paths: Sequence[Path],
    *,
    lake: Lake,
    clock: Clock,
    source: str | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> ReplaySummary:
    """Replays recordings that continue each other, oldest first.

    Replaying a file again, alone or among others, writes nothing that is there already.

    Args:
        paths: recordings of lines `<ts_recv ns> <payload>` (plain, .gz or .zst), or journal folders.
        source: name in the warehouse's `venue` column; by default a journal's own, else told by the frames.
        on_progress: called with bytes done and bytes in all.

    Raises:
        DataError: a path is missing or holds no frame of a venue we know.
    """
    started_s = clock.monotonic_s()
    recordings = _recordings(paths)
    sample, recordings = _sampled(recordings)
    source = source or recordings[0].source or venues.detect(sample)
    venue = venues.venue(source)
    instruments = venue.instruments(source, sample)
    if not instruments:
        raise DataError(f"{paths[0]} holds no trade, quote or depth frame in its first {SAMPLE_FRAMES} lines")
    pipeline = Pipeline(venue, source, instruments, learn=None if venue.stateful else _learner(venue, source, sample))
    written = done = 0
    size = sum(recording.size for recording in recordings)
    for recording in recordings:
        written += _replay_one(recording, pipeline, lake)
        done += recording.size
        on_progress(done, size)
    return _summary(pipeline, written, clock.monotonic_s() - started_s)


def _learner(
    venue: Venue, source: str, sample: Sequence[bytes]
) -> Callable[[Sequence[bytes]], Mapping[str, Instrument]]:
    """What makes instruments of symbols that are first heard of behind the sample."""
    told = [payload for payload in sample if payload.startswith(_EXCHANGE_INFO)]
    return lambda payloads: venue.instruments(source, [*told, *payloads[:SAMPLE_FRAMES]])


def _replay_one(recording: _Recording, pipeline: Pipeline, lake: Lake) -> int:
    """Rows written."""
    first = 0 if recording.numbered else pipeline.last_position + 1
    written = pending = 0
    for frames in recording.frames(first):
        pipeline.process(frames)
        pending += len(frames.payloads)
        if pending >= COMMIT_FRAMES:
            written += commit(lake, pipeline.take(), recording.writer, first_position=first)
            pending = 0
    return written + commit(lake, pipeline.take(), recording.writer, first_position=first)


def _summary(pipeline: Pipeline, written: int, seconds: float) -> ReplaySummary:
    totals = pipeline.totals()
    counted = {name: totals[name] for name in _COUNTED}
    return ReplaySummary(
        venue=pipeline.source,
        symbols=sorted(pipeline.feeds),
        rows_written=written,
        seconds=round(seconds, 3),
        **counted,
    )


def _recordings(paths: Sequence[Path]) -> list[_Recording]:
    folders = [path for path in paths if path.is_dir()]
    if folders and len(paths) > 1:
        raise DataError(f"{folders[0]} is a journal: replay it alone, its frames bear their own numbers")
    return [_recording(path) for path in paths]


def _recording(path: Path) -> _Recording:
    if path.is_dir():  # the recorder's own journal: its numbers and its name, so that nothing is written twice
        size = sum(part.stat().st_size for part in path.iterdir())
        name = path.resolve().name
        return _Recording(name, size, lambda _: journal.read(path), numbered=True, source=name)
    if not path.is_file():
        raise DataError(f"{path} is not there: expected a recording or a journal folder")
    with path.open("rb") as handle:
        digest = hashlib.file_digest(handle, "sha256").hexdigest()[:16]
    return _Recording(
        f"file:{digest}", path.stat().st_size, lambda first: journal.read_file(path, first), numbered=False
    )


def _sampled(recordings: Sequence[_Recording]) -> tuple[list[bytes], list[_Recording]]:
    """The first payloads of the first recording that has any, and the recordings, nothing of which is read twice."""
    for index, recording in enumerate(recordings):
        batches = recording.frames(0)
        head = next(batches, None)
        if head is None:
            continue
        rest = list(recordings[index:])
        # What came before holds no frame, so this one begins at 0 as well.
        rest[0] = recording._replace(frames=_going_on(head, batches))
        return head.payloads[:SAMPLE_FRAMES], rest
    raise DataError("there is no frame to replay: name a recording of lines <ts_recv ns> <payload>")


def _going_on(head: Frames, batches: Iterator[Frames]) -> Callable[[int], Iterator[Frames]]:
    return lambda _: chain([head], batches)
