"""A text cut into blocks of whole rows, one row a line, so that memory stays bounded whatever a file's size."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from trifecta.capture.importers.files import Piece
from trifecta.errors import DataError

BLOCK_BYTES = 8 * 1024 * 1024
MAX_ROW_BYTES = 64 * 1024 * 1024

Split = Callable[[bytes, bool], tuple[bytes, bytes]]
Hold = Callable[[bytes], int]


class Block(NamedTuple):
    """Consecutive rows, numbered from 1 without the header.

    The last `held` rows are there to be looked at, so that a row is judged with its successor in sight; they come
    again at the start of the next block, and belong to that one.
    """

    first_row: int
    text: bytes  # each row ends with \n
    rows: int
    held: int
    done: int  # bytes of the file read so far

    @property
    def last_row(self) -> int:
        """The last row that belongs to this block."""
        return self.first_row + self.rows - self.held - 1


def cut(pieces: Iterable[Piece], split: Split, hold: Hold, *, header: bool) -> Iterator[Block]:
    """Blocks of a file's text.

    Args:
        split: parts a text into whole rows, one a line, and the rest; told whether the file ends there.
        hold: where in a text of whole rows the part starts that the next block begins with.
        header: whether the first line is one.

    Raises:
        DataError: a row of more than `MAX_ROW_BYTES`.
    """
    first_row, held, rest, done = 1, b"", b"", 0
    for piece in pieces:
        lines, rest = split(rest + piece.text, False)
        done = piece.done
        if len(rest) > MAX_ROW_BYTES:
            raise DataError(f"row {first_row} has no end within {MAX_ROW_BYTES} bytes: this is no table of rows")
        if header and lines:
            lines, header = lines[lines.index(b"\n") + 1 :], False
        text = held + _tidy(lines)
        start = hold(text) if text else 0
        held = text[start:]
        if start:
            block = Block(first_row, text, text.count(b"\n"), held.count(b"\n"), done)
            yield block
            first_row = block.last_row + 1
    lines, _ = split(rest, True)
    if header and lines:
        lines = lines[lines.index(b"\n") + 1 :]
    text = held + _tidy(lines)
    if text:
        yield Block(first_row, text, text.count(b"\n"), 0, done)


def split_lines(text: bytes, ends: bool) -> tuple[bytes, bytes]:
    """Rows that are lines already."""
    if ends and text and not text.endswith(b"\n"):
        text += b"\n"
    end = text.rfind(b"\n") + 1
    return text[:end], text[end:]


def hold_last_line(text: bytes) -> int:
    return text.rfind(b"\n", 0, len(text) - 1) + 1


def _tidy(lines: bytes) -> bytes:
    """Lines with one kind of end and none blank, so that counting ends counts rows."""
    lines = lines.replace(b"\r\n", b"\n") if b"\r" in lines else lines
    while b"\n\n" in lines:
        lines = lines.replace(b"\n\n", b"\n")
    return lines.removeprefix(b"\n")
