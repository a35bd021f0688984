"""Frames as lines of text, `<ts_recv ns, 19 digits> <payload>`, and back again in columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from trifecta.errors import DataError
from trifecta.market.events import Frames

STAMP_DIGITS = 19
CHUNK_BYTES = 4 * 1024 * 1024
MAX_LINE_BYTES = 64 * 1024 * 1024

_PREFIX = STAMP_DIGITS + 1
_NEWLINE, _SPACE, _ZERO = 10, 32, 48
_POWERS = 10 ** np.arange(STAMP_DIGITS - 1, -1, -1, dtype=np.int64)
_LARGEST_FIRST_DIGIT = 9  # int64 ends at 9.22e18: a stamp of 19 digits that begins with 9 may not fit


def encode(batch: Sequence[tuple[int, bytes]], first_position: int, after: int) -> tuple[bytes, Frames]:
    """The lines of a batch of (ts_recv, payload), and the frames that reading them gives back.

    A receive time that is not above its predecessor's, or above `after`, is raised to 1 ns above it: receive times
    alone then tell the order of arrival. A line end inside a payload becomes a space: JSON never needs one.
    """
    stamps = _rising(np.fromiter((stamp for stamp, _ in batch), np.int64, len(batch)), after)
    payloads = [payload for _, payload in batch]
    text = b"".join([b"%019d %b\n" % line for line in zip(stamps.tolist(), payloads, strict=True)])
    if text.count(b"\n") != len(batch):
        payloads = [payload.replace(b"\n", b" ") for payload in payloads]
        text = b"".join([b"%019d %b\n" % line for line in zip(stamps.tolist(), payloads, strict=True)])
    return text, Frames(first_position, stamps, payloads)


def decode(chunks: Iterable[bytes], first_position: int, *, keep_unfinished: bool) -> Iterator[Frames]:
    """Frames of a text that comes in pieces, one batch a piece.

    A line without a stamp is a frame too: its payload is the whole line, its receive time 1 ns behind the one before.

    Args:
        keep_unfinished: whether text behind the last line end is a line, or one still being written.

    Raises:
        DataError: a line of more than `MAX_LINE_BYTES`.
    """
    rest, position, last = b"", first_position, 0
    for chunk in chunks:
        end = chunk.rfind(b"\n") + 1
        if end:
            frames = _columns(rest + chunk[:end], position, last)
            position += len(frames.payloads)
            last = int(frames.ts_recv[-1])
            rest = chunk[end:]
            yield frames
        else:
            rest += chunk
        if len(rest) > MAX_LINE_BYTES:
            raise DataError(f"line {position - first_position + 1} has no end within {MAX_LINE_BYTES} bytes")
    if rest and keep_unfinished:
        yield _columns(rest + b"\n", position, last)


def _columns(text: bytes, first_position: int, last: int) -> Frames:
    """Frames of whole lines."""
    buffer = np.frombuffer(text, np.uint8)
    ends = np.flatnonzero(buffer == _NEWLINE)
    starts = np.concatenate(([0], ends[:-1] + 1))
    stamps, stamped = _stamps(buffer, starts, ends)
    stamps = _rising(np.where(stamped, stamps, 0), last)
    spans = zip((starts + _PREFIX * stamped).tolist(), ends.tolist(), strict=True)
    return Frames(first_position, stamps, [text[start:end] for start, end in spans])


def _rising(stamps: npt.NDArray[np.int64], after: int) -> npt.NDArray[np.int64]:
    """The stamps, each raised to 1 ns above the one before it, and above `after`, where it is not above."""
    steps = np.arange(1, len(stamps) + 1)
    return np.maximum(np.maximum.accumulate(stamps - steps), after) + steps


def _stamps(
    buffer: npt.NDArray[np.uint8], starts: npt.NDArray[np.int64], ends: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """The number at each start, and whether there is one with a space behind it."""
    last = max(len(buffer) - 1, 0)
    values = np.zeros(len(starts), np.int64)
    stamped = ends - starts >= _PREFIX
    stamped &= buffer[np.minimum(starts + STAMP_DIGITS, last)] == _SPACE
    for place, power in enumerate(_POWERS):
        digits = buffer[np.minimum(starts + place, last)] - _ZERO  # uint8: what lies below "0" wraps far above 9
        stamped &= digits < (10 if place else _LARGEST_FIRST_DIGIT)
        values += digits * power
    return values, stamped
