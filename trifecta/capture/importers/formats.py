"""What a format is: how it is told by its content, read, and turned into events."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from trifecta.capture.importers.blocks import Block, Hold, Split, hold_last_line, split_lines
from trifecta.capture.importers.depth import Changes, changes, hold_last_update
from trifecta.capture.importers.events import Believed, Given, bars, quotes, trades
from trifecta.capture.importers.files import Head
from trifecta.capture.importers.rows import Columns, Kind, Rows, read_csv

_LINES_LOOKED_AT = 200
_NUMERIC = re.compile(rb"-?[\d.]+(?:[eE]-?\d+)?")


class Stream(NamedTuple):
    """What a file holds. `table` is where its events go; none: they become a recording."""

    name: str
    table: str | None
    convert: Callable[[Block, Rows, Given], Believed | Changes]


TRADES = Stream("trade", "trades", trades)
QUOTES = Stream("bookTicker", "quotes", quotes)
BARS = Stream("kline", "bars", bars)
DEPTH = Stream("depth", None, changes)


def _no_interval(head: Head) -> str:
    return ""


@dataclass(frozen=True)
class Format:
    """One kind of file: how it is told by its first lines, cut into rows, and read."""

    name: str
    doc: str
    venue: str  # unless the user names another
    stream: Stream
    claims: Callable[[Head], bool]
    symbol: Callable[[Head], str | None]
    read: Callable[[Block], Rows]
    header: Callable[[Head], bool]
    split: Split = split_lines
    hold: Hold = hold_last_line
    interval: Callable[[Head], str] = _no_interval  # of bars


def csv_format(
    name: str,
    doc: str,
    venue: str,
    stream: Stream,
    columns: Columns,
    symbol: Callable[[Head], str | None],
    *,
    contains: bytes = b"",
    interval: Callable[[Head], str] = _no_interval,
) -> Format:
    """A format that is CSV of these columns.

    Args:
        contains: what most lines contain, where the kinds of the columns do not tell enough.
    """
    return Format(
        name,
        doc,
        venue,
        stream,
        claims=partial(_claims, columns, contains),
        symbol=symbol,
        read=partial(read_csv, columns=columns),
        header=lambda head: is_header(head.lines[0]),
        hold=hold_last_update if stream is DEPTH else hold_last_line,
        interval=interval,
    )


def is_header(line: bytes) -> bool:
    """True for a line of names: none of its fields is a number or empty."""
    fields = line.removeprefix(b"\xef\xbb\xbf").split(b",")
    return all(field.strip() and not _NUMERIC.fullmatch(field.strip()) for field in fields)


def data_lines(head: Head) -> list[bytes]:
    return head.lines[is_header(head.lines[0]) :][:_LINES_LOOKED_AT]


def column_symbol(columns: Columns) -> Callable[[Head], str | None]:
    """Reads the symbol that most lines have in their column `symbol`."""
    place = list(columns).index("symbol")

    def symbol(head: Head) -> str | None:
        rows = (line.split(b",") for line in data_lines(head))
        found = Counter(fields[place] for fields in rows if len(fields) == len(columns))
        return found.most_common(1)[0][0].decode(errors="replace") if found else None

    return symbol


def _claims(columns: Columns, contains: bytes, head: Head) -> bool:
    """True where most lines look like these columns: a few bad rows do not hide what a file is."""
    lines = data_lines(head)
    fitting = sum(contains in line and _fits(line, columns) for line in lines)
    return fitting > 0 and 2 * fitting >= len(lines)


def _fits(line: bytes, columns: Columns) -> bool:
    fields = line.split(b",")
    return len(fields) == len(columns) and all(
        kind is Kind.UNUSED or kind.looks_like(field.strip())
        for kind, field in zip(columns.values(), fields, strict=True)
    )
