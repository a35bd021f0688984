"""Histories of forex, CFD and crypto: Lean's zips, and bars or ticks in CSV or Parquet, into the lake exactly once.

    Lean    20140505_eurusd_tick_quote.csv in a zip: ms since midnight, bid, ask
            ..._minute_quote: ms, bid open high low close size, ask open high low close size
            ..._minute_trade, ..._second_trade: ms, open, high, low, close, volume
    CSV     timestamp,bid,ask  ·  time_utc or timestamp,open,high,low,close[,volume]
    Parquet time, volume, bid_o bid_h bid_l bid_c, ask_o ask_h ask_l ask_c

A file does not say which zone its clock is in: FXCM's are UTC-5, OANDA's UTC. The zone is given, and checked against
another file of the same symbol whose zone is known: where the two agree better at another shift, it is refused.
Bars of both sides become two series: the bids under the symbol's own name, the asks under `<symbol>.ask`.
https://www.quantconnect.com/docs/v2/lean-cli/datasets/format
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from trifecta.clock import NS_PER_MS, NS_PER_S
from trifecta.errors import DataError

LEAN = re.compile(r"(\d{8})_([a-z0-9]+)_(tick|second|minute)_(quote|trade)\.csv")
INTERVALS = {"second": ("1s", 1), "minute": ("1m", 60)}
ZONE = re.compile(r"UTC(?:([+-])(\d{1,2})(?::(\d{2}))?)?")
SHIFTS_S = range(-14 * 3600, 14 * 3600 + 1, 1800)
MIN_MINUTES = 60  # in common with the reference, at any shift that is compared
CLEARLY = 0.5  # the best shift must agree this much better than most do

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Unreadable = list[tuple[int, str]]
"""Row numbers and texts."""


@dataclass(frozen=True)
class History:
    """A file's rows: local times in ns, and float columns of one length by name; quotes have bid and ask, bars more."""

    name: str
    symbol: str  # empty where the file does not tell
    interval: str  # empty for quotes
    seconds: int
    ts: Ints
    columns: Mapping[str, Floats]
    unreadable: Sequence[tuple[int, str]] = ()  # row number and text
    numbers: Ints | None = None

    @property
    def mids(self) -> Floats:
        """Middle of the quotes, or of the bars' closes where both sides are there, else the close."""
        names = ("bid", "ask") if not self.interval else ("close", "ask_close")
        known = [self.columns[name] for name in names if name in self.columns]
        return np.asarray(sum(known) / len(known), np.float64)

    @property
    def times(self) -> Ints:
        """When the mids were seen: quotes at once, bars at their close."""
        return self.ts + self.seconds * NS_PER_S


def offset_s(zone: str) -> int:
    """Seconds that a zone like UTC, UTC-5 or UTC+5:30 is ahead of UTC.

    Raises:
        DataError: not such a zone.
    """
    found = ZONE.fullmatch(zone)
    if found is None or int(found[2] or 0) > 14:
        raise DataError(f"zone {zone!r}: expected UTC, or UTC-5, UTC+5:30")
    seconds = int(found[2] or 0) * 3600 + int(found[3] or 0) * 60
    return -seconds if found[1] == "-" else seconds


def best_shift_s(history: History, zone: str, reference: Sequence[History], reference_zone: str = "UTC") -> int:
    """Seconds by which `history` must still be moved to agree best with a reference; 0 where its zone fits.

    Raises:
        DataError: too little of both lies in the same hours, or no shift stands out.
    """
    known: dict[int, float] = {}
    for other in reference:
        known |= _minutes(other.times - offset_s(reference_zone) * NS_PER_S, other.mids)
    ours = _minutes(history.times - offset_s(zone) * NS_PER_S, history.mids)
    scores: dict[int, float] = {}
    for shift in SHIFTS_S:
        step = shift // 60
        gaps = [abs(mid - known[minute + step]) for minute, mid in ours.items() if minute + step in known]
        if len(gaps) >= MIN_MINUTES:
            scores[shift] = float(np.median(gaps))
    if not scores:
        raise DataError(f"{history.name}: the reference has fewer than {MIN_MINUTES} minutes in common; give its days")
    best = min(scores, key=lambda shift: (scores[shift], abs(shift)))
    if len(scores) < 3 or scores[best] > CLEARLY * float(np.median(list(scores.values()))):
        raise DataError(f"{history.name}: no shift against the reference stands out; give more of it")
    return best


def check_zone(history: History, zone: str, reference: Sequence[History], reference_zone: str = "UTC") -> None:
    """Nothing where the zone fits.

    Raises:
        DataError: it does not, and which one would.
    """
    shift = best_shift_s(history, zone, reference, reference_zone)
    if shift:
        fits = (offset_s(zone) - shift) / 3600
        raise DataError(
            f"{history.name} read as {zone} agrees with the reference best {shift / 3600:+g} h later: "
            f"its zone is UTC{fits:+g}; import it with that zone"
        )


def read(path: Path) -> History:
    """A file in any of these forms.

    Raises:
        DataError: it is in none, or damaged.
    """
    try:
        if zipfile.is_zipfile(path):
            return _read_lean(path)
        with path.open("rb") as source:
            if source.read(4) == b"PAR1":
                return _read_parquet(path)
        return _read_csv(path)
    except (OSError, EOFError, zipfile.BadZipFile, pa.ArrowException, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read ({error}): fetch or export it again") from error


def _minutes(ts: Ints, mids: Floats) -> dict[int, float]:
    """The last mid of each minute since 1970."""
    return dict(zip((ts // (60 * NS_PER_S)).tolist(), mids.tolist(), strict=True))


def _read_lean(path: Path) -> History:
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        found = LEAN.fullmatch(names[0]) if len(names) == 1 else None
        if found is None:
            raise DataError(f"{path} holds {names[:3]}: expected one file like 20140505_eurusd_tick_quote.csv")
        text = archive.read(names[0])
    day, symbol, resolution, kind = found.groups()
    midnight = round(datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC).timestamp()) * NS_PER_S
    names_of: dict[tuple[bool, str], Sequence[str]] = {
        (True, "quote"): ("ms", "bid", "ask"),
        (False, "trade"): ("ms", "open", "high", "low", "close", "volume"),
        (False, "quote"): ("ms", "open", "high", "low", "close", "bid_size",
                           "ask_open", "ask_high", "ask_low", "ask_close", "ask_size"),
    }  # fmt: skip
    wanted = names_of.get((resolution == "tick", kind))
    if wanted is None:
        raise DataError(f"{path}: {resolution} {kind} of Lean is not taken; ticks of quotes, bars of either are")
    columns, numbers, unreadable = _numbers(text.decode().splitlines(), wanted)
    ts = midnight + np.rint(columns.pop("ms") * NS_PER_MS).astype(np.int64)
    interval, seconds = INTERVALS.get(resolution, ("", 0))
    return History(path.name, symbol.upper(), interval, seconds, ts, columns, unreadable, numbers)


def _read_csv(path: Path) -> History:
    raw = path.read_bytes()
    text = gzip.decompress(raw) if raw.startswith(b"\x1f\x8b") else raw
    lines = text.decode().splitlines()
    header = lines[0].split(",") if lines else []
    time = header[0] if header else ""
    if time not in {"timestamp", "time_utc"} or not ({"bid", "ask"} <= set(header) or {"open", "close"} <= set(header)):
        raise DataError(f"{path} begins with {lines[0][:80] if lines else ''!r}: expected a header of ticks or bars")
    columns, numbers, unreadable = _numbers(lines[1:], header, time)
    ts = columns.pop(time)
    return (
        _of_bars(path.name, ts, columns, unreadable, numbers)
        if "open" in columns
        else History(path.name, "", "", 0, ts, columns, unreadable, numbers)
    )


def _read_parquet(path: Path) -> History:
    table = pq.read_table(path)
    prices = {"o": "open", "h": "high", "l": "low", "c": "close"}
    sides = {f"bid_{letter}": name for letter, name in prices.items()}
    sides |= {f"ask_{letter}": f"ask_{name}" for letter, name in prices.items()} | {"volume": "volume"}
    if "time" not in table.column_names or not set(sides) <= set(table.column_names):
        raise DataError(f"{path} has columns {table.column_names}: expected time and {', '.join(sides)}")
    ts = table["time"].cast(pa.timestamp("ns", "UTC")).cast(pa.int64()).to_numpy()
    columns = {ours: np.asarray(table[theirs].to_numpy(), np.float64) for theirs, ours in sides.items()}
    return _of_bars(path.name, ts, columns, (), np.arange(1, len(ts) + 1))


def _of_bars(
    name: str, ts: Ints, columns: Mapping[str, Floats], unreadable: Sequence[tuple[int, str]], numbers: Ints
) -> History:
    """Bars, their interval told by what most of them are apart."""
    apart = Counter(np.diff(ts).tolist()).most_common(1)
    seconds = apart[0][0] // NS_PER_S if apart else 0
    named = {60: "1m", 300: "5m", 900: "15m", 1800: "30m", 3600: "1h", 14_400: "4h", 86_400: "1d"}
    if seconds not in named:
        raise DataError(f"{name}: bars are {seconds} s apart, expected one of {', '.join(named.values())}")
    return History(name, "", named[seconds], seconds, ts, columns, unreadable, numbers)


def _instant(text: str) -> int:
    """ns since 1970 of a time in ISO 8601; one without a zone is as it stands."""
    moment = datetime.fromisoformat(text)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * NS_PER_S + since.microseconds * 1000


def _numbers(lines: Sequence[str], names: Sequence[str], time: str = "") -> tuple[dict[str, Any], Ints, Unreadable]:
    """Columns of numbers, the number of each row that could be read, and the rows that could not.

    Args:
        time: the column that holds times in ISO 8601, which become int64 ns; all others become float64.
    """
    good: list[list[float]] = []
    numbers: list[int] = []
    unreadable: list[tuple[int, str]] = []
    read_as: list[Callable[[str], float]] = [_instant if name == time else float for name in names]
    for number, fields in enumerate(csv.reader(io.StringIO("\n".join(lines))), start=1):
        try:
            good.append([convert(field) for convert, field in zip(read_as, fields, strict=True)])
            numbers.append(number)
        except (ValueError, OverflowError):
            unreadable.append((number, ",".join(fields)))
    columns = {
        name: np.array([row[at] for row in good], np.int64 if name == time else np.float64)
        for at, name in enumerate(names)
    }
    return columns, np.array(numbers, np.int64), unreadable
