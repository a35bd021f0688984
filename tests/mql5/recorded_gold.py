"""Recorded EURUSD and XAUUSD as the simulated terminal takes them: bars of every timeframe, and ticks."""

from __future__ import annotations

import csv
import gzip
import io
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

TIMEFRAMES_S = (300, 900, 3600, 14_400, 86_400)
MINUTE_QUOTES = (0, 15_000, 30_000, 45_000)  # ms at which a minute's open, extremes and close are played


class Bar(NamedTuple):
    """A bar of bids; `time_s` is its begin."""

    time_s: int
    open: float
    high: float
    low: float
    close: float


class Quote(NamedTuple):
    """A bid and an ask."""

    time_ms: int
    bid: float
    ask: float


def oanda_minutes(folder: Path) -> Iterator[tuple[int, list[float]]]:
    """(ms, bid open, high, low, close, ask open, high, low, close) of every recorded minute of a symbol, in order."""
    for file in sorted(folder.glob("*_quote.zip")):
        day_ms = int(datetime.strptime(file.name[:8], "%Y%m%d").replace(tzinfo=UTC).timestamp() * 1000)
        for row in _rows(file):
            bid, ask = row[1:5], row[6:10]
            if all(bid) and all(ask):
                yield day_ms + int(float(row[0])), [float(value) for value in (*bid, *ask)]


def oanda_ticks(file: Path) -> Iterator[Quote]:
    """Every recorded tick of a day."""
    day_ms = int(datetime.strptime(file.name[:8], "%Y%m%d").replace(tzinfo=UTC).timestamp() * 1000)
    for row in _rows(file):
        yield Quote(day_ms + int(float(row[0])), float(row[1]), float(row[2]))


def m15_bars(file: Path, count: int) -> list[Bar]:
    """The first `count` bars of a file of M15 bars."""
    with gzip.open(file, "rt") as lines:
        rows = csv.DictReader(lines)
        found = []
        for row in rows:
            names = {name.lower(): value for name, value in row.items()}
            stamp = next(value for name, value in names.items() if "time" in name or "date" in name)
            at = datetime.fromisoformat(stamp.replace("Z", "+00:00"))
            at = at if at.tzinfo else at.replace(tzinfo=UTC)
            prices = (float(names[name]) for name in ("open", "high", "low", "close"))
            found.append(Bar(int(at.timestamp()), *prices))
            if len(found) == count:
                break
    return found


def grouped(bars: list[Bar], seconds: int) -> list[Bar]:
    """Bars of a longer timeframe from shorter ones."""
    found: list[Bar] = []
    for bar in bars:
        begin = bar.time_s // seconds * seconds
        if found and found[-1].time_s == begin:
            last = found[-1]
            found[-1] = Bar(begin, last.open, max(last.high, bar.high), min(last.low, bar.low), bar.close)
        else:
            found.append(bar._replace(time_s=begin))
    return found


def write_history(file: Path, bars: dict[int, list[Bar]]) -> None:
    """Bars by their seconds, as the terminal's `history` command reads them."""
    with file.open("w") as out:
        for seconds, rows in bars.items():
            for bar in rows:
                out.write(f"{seconds},{bar.time_s},{bar.open!r},{bar.high!r},{bar.low!r},{bar.close!r}\n")


def _rows(file: Path) -> Iterator[list[str]]:
    with zipfile.ZipFile(file) as archive:
        yield from csv.reader(io.TextIOWrapper(archive.open(archive.namelist()[0]), "ascii"))
