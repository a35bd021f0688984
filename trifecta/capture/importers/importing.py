"""A file of history into the lake: exactly once, in bounded memory, with every row accounted for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from trifecta.capture.importers.blocks import BLOCK_BYTES, Block, cut
from trifecta.capture.importers.checks import Last
from trifecta.capture.importers.events import Believed, Given, Scales
from trifecta.capture.importers.files import read_head, read_pieces, sha256
from trifecta.capture.importers.intake import Intake, Target, ToLake, ToRecording
from trifecta.capture.importers.recording import Recording
from trifecta.capture.importers.registry import recognise
from trifecta.capture.importers.rows import Rows
from trifecta.capture.importers.summary import ImportSummary
from trifecta.clock import Clock, SystemClock
from trifecta.errors import DataError
from warehouse.lake import Lake, local_path

_SOURCE = re.compile(r"[a-z][a-z0-9_]{0,39}")
_SYMBOL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}")
_COIN_MARGINED = re.compile(r"USD_(?:PERP|\d{6})$")

_T = TypeVar("_T")

Progress = Callable[[int, int], None]


def import_file(
    path: Path,
    *,
    lake: Lake,
    source: str | None = None,
    symbol: str | None = None,
    on_progress: Progress = lambda done, total: None,
    recordings: Path | None = None,
    clock: Clock | None = None,
    block_bytes: int = BLOCK_BYTES,
) -> ImportSummary:
    """Reads a file in any known format into the lake; doing it again changes nothing.

    An import that was stopped anywhere is completed by the next one. Rows whose ids the lake holds from elsewhere are
    left alone and counted. Depth changes become a recording for `trifecta replay`, since the lake derives books from
    frames and keeps no changes.

    Args:
        source: how the venue is named in the warehouse; by default what the format says.
        symbol: the venue's name of the instrument, needed where neither content nor file name tells.
        on_progress: told after each block how many bytes of how many were read; what it raises stops the import.
        recordings: folder for depth changes; by default `recordings` beside a local lake.
        block_bytes: how much text is taken at once, which bounds memory.

    Raises:
        DataError: the file is damaged, in no known format, or does not tell its symbol. What was read before a
            damaged place is in the lake.
    """
    clock = clock or SystemClock()
    started = clock.monotonic_s()
    target = _target(path, source, symbol)
    size = path.stat().st_size
    given = Given(target.symbol, Scales(), Last(), clock.now_ns())
    with closing(_intake(target, lake, recordings, clock)) as intake:
        for block, rows in _ahead(_read(target, block_bytes)):
            found = target.format.stream.convert(block, rows, given)
            intake.take(block, found)
            given = given._replace(last=found.end)
            if isinstance(found, Believed):
                given = given._replace(scales=found.scales)
            on_progress(block.done, size)
        intake.finish()
        on_progress(size, size)
        return intake.summary(clock.monotonic_s() - started)


def _read(target: Target, block_bytes: int) -> Iterator[tuple[Block, Rows]]:
    source = target.format
    for block in cut(read_pieces(target.path, block_bytes), source.split, source.hold, header=target.header):
        yield block, source.read(block)


def _ahead(items: Iterator[_T]) -> Iterator[_T]:
    """The same items, each made by a second thread while the one before it is used."""
    with ThreadPoolExecutor(1, "import") as thread:
        coming = thread.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = thread.submit(next, items, None)
            yield item


def _target(path: Path, source: str | None, symbol: str | None) -> Target:
    head = read_head(path)
    found = recognise(path, head)
    told = found.symbol(head)
    name = symbol or told
    if name is None:
        raise DataError(f"{path}: neither its content nor its name tells the symbol: say --symbol BTCUSDT")
    if told is not None and name != told:
        raise DataError(f"{path} holds {told}, not {name}: leave --symbol out, or correct it")
    venue = source or ("binance_coinm" if _COIN_MARGINED.search(name) else found.venue)
    for option, value, allowed in (("--symbol", name, _SYMBOL), ("--venue", venue, _SOURCE)):
        if not allowed.fullmatch(value):
            raise DataError(f"{path}: {option} {value!r} must look like {allowed.pattern}")
    interval = found.interval(head)
    stream = f"{found.stream.name}_{interval}" if interval else found.stream.name
    writer = f"file:{sha256(path)[:16]}:{venue}:{name}"  # a file imported under a wrong name can come under another
    return Target(path, found, venue, name, stream, interval, found.header(head), writer)


def _intake(target: Target, lake: Lake, recordings: Path | None, clock: Clock) -> Intake:
    if target.format.stream.table is not None:
        return ToLake(target, lake, clock, target.format.stream.table)
    beside = local_path(lake.uri)
    if recordings is None and beside is None:
        raise DataError(f"{target.path}: depth changes become a recording: say in which local folder")
    folder = recordings or (beside or Path()).parent / "recordings"
    name = f"{target.source}-{target.symbol}-{target.stream}-{target.writer.split(':')[1]}.zst"
    return ToRecording(target, lake, clock, Recording(folder / name))
