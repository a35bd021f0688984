"""Batches that terminals push, into a journal, each once whatever is repeated, lost on the way or killed.

A journal line is a batch in a wrapper that says what its receiver knew: which sequences the session had skipped, and
how far the server's clock is ahead of UTC. All rows follow from such lines alone. Every `CHECKPOINT_FRAMES` lines one
tells the sessions as they stand, so a restart reads the end of the journal and not all of it.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from trifecta.capture import journal
from trifecta.capture.journal import JournalWriter
from trifecta.capture.segments import read_segment, segments
from trifecta.clock import NS_PER_S, Clock
from trifecta.errors import DataError
from trifecta.market.mt5 import MAX_ROWS, Bars, Head, Ticks, newest_ns

FOLDER = "mt5_push"
CHECKPOINT_FRAMES = 1000
MAX_SESSIONS = 1000  # the ones heard of longest ago are forgotten
MAX_SKIPPED = 64  # ranges of one session that may still come
SEGMENT_BYTES = 8 * 1024 * 1024  # small: the open one is read from its start each time
OFFSET_NOTED_S = 600.0
OFFSET_STEP_S = 900  # every zone is a whole number of these from UTC
OFFSET_SLACK_S = 120.0  # how old the newest tick may be for the offset to be measured from it
_CHECKPOINT = b'{"kind":"sessions"'


class Change(NamedTuple):
    """What became known of a session's skipped sequences, or of the rows its terminal dropped."""

    stream: Literal["push", "dropped"]
    status: Literal["lost", "filled"]
    first: int
    last: int
    ts_from: int


class Pushed(msgspec.Struct, frozen=True, tag_field="kind", tag="batch"):
    """A line of the journal: a batch, and what its receiver knew."""

    of: Literal["ticks", "bars"]
    offset_s: int | None
    measured: bool  # not told by the terminal, but from its newest tick
    note_offset: bool
    late: bool  # a sequence that had been skipped before
    changes: list[Change]
    batch: msgspec.Raw


class Session(msgspec.Struct):
    """What is known of one run of an Expert Advisor."""

    last: int = 0
    dropped: int = 0
    offset_s: int | None = None
    heard_ns: int = 0
    skipped: list[tuple[int, int]] = msgspec.field(default_factory=list)


class Sessions(msgspec.Struct, frozen=True, tag_field="kind", tag="sessions"):
    """A line of the journal: every session as it stands."""

    sessions: dict[str, Session]


class Taken(NamedTuple):
    """What was done with a batch."""

    accepted: int
    sequence: int
    duplicate: bool
    offset_s: int | None
    ts_recv: int


class TooManyRowsError(DataError):
    """A batch of more rows than one may hold."""


_read_line = msgspec.json.Decoder(Pushed | Sessions).decode
_read_head = msgspec.json.Decoder(Head).decode
_encode = msgspec.json.encode


class Pushes:
    """Takes batches. One thread at a time; `open` is the way to one."""

    def __init__(self, writer: JournalWriter, sessions: dict[str, Session], clock: Clock, fsync_s: float) -> None:
        self._writer = writer
        self._sessions = sessions
        self._clock = clock
        self._fsync_s = fsync_s
        self._synced_s = clock.monotonic_s()
        self._since_checkpoint = CHECKPOINT_FRAMES  # the first line after a start tells them again
        self._noted: dict[str, tuple[int, float]] = {}

    @classmethod
    def open(cls, folder: Path, clock: Clock, *, fsync_s: float, segment_bytes: int = SEGMENT_BYTES) -> Pushes:
        """One that knows every batch the journal holds.

        Raises:
            PermanentError: another process writes here.
            TransientError: the folder cannot be read or written.
        """
        writer = JournalWriter.open(folder, segment_bytes=segment_bytes)
        identity(folder)
        return cls(writer, _known_sessions(folder), clock, fsync_s)

    def take(self, body: bytes, batch: Ticks | Bars) -> Taken:
        """Appends a batch that was not taken before.

        Args:
            body: the untouched bytes that `batch` was read from.

        Raises:
            TooManyRowsError: more than `MAX_ROWS`.
            TransientError: the disk takes nothing; send it again later.
        """
        rows = batch.ticks if isinstance(batch, Ticks) else batch.bars
        if len(rows) > MAX_ROWS:
            raise TooManyRowsError(f"a batch of {len(rows)} rows: send at most {MAX_ROWS} at once")
        session = self._sessions.get(batch.session, Session())
        now_ns = self._clock.now_ns()
        offset_s = _offset(batch, session, now_ns)
        if not _is_new(session, batch.sequence):
            return Taken(0, batch.sequence, True, offset_s, now_ns)
        line = Pushed(
            of="ticks" if isinstance(batch, Ticks) else "bars",
            offset_s=offset_s,
            measured=batch.server_utc_offset_s is None,
            note_offset=self._is_due(batch.source, offset_s),
            late=batch.sequence <= session.last,
            changes=_changes(session, batch, now_ns),
            batch=msgspec.Raw(body),
        )
        self._append(now_ns, line)
        _advance(self._sessions, batch, offset_s, now_ns)
        if line.note_offset and offset_s is not None:
            self._noted[batch.source] = offset_s, self._clock.monotonic_s()
        return Taken(len(rows), batch.sequence, False, offset_s, now_ns)

    def close(self) -> None:
        self._writer.close()

    def _append(self, now_ns: int, line: Pushed) -> None:
        if self._since_checkpoint >= CHECKPOINT_FRAMES and self._sessions:
            self._writer.append([(now_ns, _encode(Sessions(self._sessions)))])
            self._since_checkpoint = 0
        self._writer.append([(now_ns, _encode(line))])
        self._since_checkpoint += 1
        if self._clock.monotonic_s() - self._synced_s >= self._fsync_s:
            self._writer.sync()
            self._synced_s = self._clock.monotonic_s()

    def _is_due(self, source: str, offset_s: int | None) -> bool:
        noted = self._noted.get(source)
        if offset_s is None:
            return False
        return noted is None or noted[0] != offset_s or self._clock.monotonic_s() - noted[1] >= OFFSET_NOTED_S


def identity(folder: Path) -> str:
    """A text that is this journal's own: where the folder is lost and begun anew, positions count anew too."""
    path = folder / "id"
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        aside = folder / f".id.{os.getpid()}"
        aside.write_text(secrets.token_hex(8))
        aside.replace(path)
        return path.read_text().strip()


def read_line(payload: bytes) -> Pushed | Sessions:
    """A line of the journal.

    Raises:
        DataError: it is none.
    """
    try:
        line: Pushed | Sessions = _read_line(payload)
    except (ValueError, RecursionError) as error:
        raise DataError(f"no line of a journal of pushes: {error}") from error
    return line


def _known_sessions(folder: Path) -> dict[str, Session]:
    """Every session that the journal tells of, from its last checkpoint on."""
    start = 0
    for segment in reversed(segments(folder)):
        found = [
            frames.first_position + row
            for frames in read_segment(segment)
            for row, payload in enumerate(frames.payloads)
            if payload.startswith(_CHECKPOINT)
        ]
        if found:
            start = found[-1]
            break
    sessions: dict[str, Session] = {}
    for frames in journal.read(folder, start):
        for ts_recv, payload in zip(frames.ts_recv.tolist(), frames.payloads, strict=True):
            try:
                line = read_line(payload)
                if isinstance(line, Sessions):
                    sessions = dict(line.sessions)
                else:
                    _advance(sessions, _read_head(line.batch), line.offset_s, ts_recv)
            except (DataError, msgspec.DecodeError):
                continue  # whoever derives rows from the journal quarantines it
    return sessions


def _is_new(session: Session, sequence: int) -> bool:
    return sequence > session.last or any(first <= sequence <= last for first, last in session.skipped)


def _changes(session: Session, batch: Head, now_ns: int) -> list[Change]:
    """What this batch tells of sequences that did not come, or came late after all."""
    sequence, since = batch.sequence, session.heard_ns or now_ns
    found = []
    if sequence > session.last + 1:
        found.append(Change("push", "lost", session.last + 1, sequence - 1, since))
    for first, last in session.skipped:
        if first <= sequence <= last:
            found.append(
                Change("push", "filled", first, first, since)
                if sequence == first
                else Change("push", "lost", first, sequence - 1, since)
            )
            if sequence < last:
                found.append(Change("push", "lost", sequence + 1, last, since))
    if batch.dropped > session.dropped:
        found.append(Change("dropped", "lost", session.dropped + 1, batch.dropped, since))
    return found


def _advance(sessions: dict[str, Session], batch: Head, offset_s: int | None, now_ns: int) -> None:
    """Notes that a batch was taken."""
    session = sessions.pop(batch.session, None) or Session()
    skipped = session.skipped
    if batch.sequence > session.last + 1:
        skipped.append((session.last + 1, batch.sequence - 1))
    elif batch.sequence <= session.last:
        skipped = [part for span in skipped for part in _without(span, batch.sequence)]
    session.skipped = skipped[-MAX_SKIPPED:]
    session.last = max(session.last, batch.sequence)
    session.dropped = max(session.dropped, batch.dropped)
    session.offset_s, session.heard_ns = offset_s, now_ns
    sessions[batch.session] = session  # the one heard last stands last
    while len(sessions) > MAX_SESSIONS:
        del sessions[next(iter(sessions))]


def _without(span: tuple[int, int], sequence: int) -> Sequence[tuple[int, int]]:
    first, last = span
    if not first <= sequence <= last:
        return [span]
    return [part for part in ((first, sequence - 1), (sequence + 1, last)) if part[0] <= part[1]]


def _offset(batch: Ticks | Bars, session: Session, now_ns: int) -> int | None:
    """Seconds that the server's clock is ahead of UTC: as told, else from the newest tick, else as last known.

    A tick is at least as old as it is: the measured offset is the true one less its age, rounded to a quarter of an
    hour, and believed only from a tick that can be young.
    """
    if batch.server_utc_offset_s is not None or not isinstance(batch, Ticks):
        return session.offset_s if batch.server_utc_offset_s is None else batch.server_utc_offset_s
    ahead_s = (newest_ns(batch) - now_ns) / NS_PER_S
    rounded = round(ahead_s / OFFSET_STEP_S) * OFFSET_STEP_S
    young = abs(ahead_s - rounded) <= OFFSET_SLACK_S and abs(rounded) <= 14 * 3600
    if not young:
        return session.offset_s
    return rounded if session.offset_s is None else max(rounded, session.offset_s)
