"""A history of forex on its way into the lake: its zone checked, its rows judged, each of them once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from trifecta.capture import rows
from trifecta.capture.importers.files import sha256
from trifecta.capture.importers.forex import History, check_zone, offset_s, read
from trifecta.clock import NS_PER_S
from trifecta.errors import DataError
from trifecta.market.events import BAR, QUOTE
from trifecta.market.instruments import MISFIT, Instrument, to_ticks
from trifecta.market.quarantine import Quarantined, Reason
from warehouse.lake import Lake

MAX_DECIMALS = 8
KNOWN_ZONES = {"oanda": "UTC", "coinbase": "UTC"}
"""Sources whose clock is known; any other zone than this one needs a reference, and every other source does."""

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class ForexSummary:
    """What an import did."""

    path: Path
    source: str
    symbol: str
    zone: str
    zone_checked: bool
    rows: int
    written: int
    quarantined: dict[Reason, int]


def import_forex(
    path: Path,
    *,
    lake: Lake,
    zone: str,
    source: str,
    symbol: str = "",
    reference: Sequence[Path] = (),
    reference_zone: str = "UTC",
) -> ForexSummary:
    """Reads a history into `quotes` or `bars`; doing it again changes nothing.

    Args:
        zone: of the file's clock: UTC, UTC-5, ...
        source: how the venue is named in the warehouse.
        symbol: where the file does not tell.
        reference: files of the same symbol and days whose zone is known.

    Raises:
        DataError: the file is in no known form, its symbol is not told, or its zone does not fit the reference, or has
            none to be checked against.
    """
    history = read(path)
    name = symbol or history.symbol
    if not name:
        raise DataError(f"{path} does not tell its symbol: say which, as EURUSD")
    if reference:
        check_zone(history, zone, [read(other) for other in reference], reference_zone)
    elif KNOWN_ZONES.get(source) != zone:
        raise DataError(f"{path}: nothing tells that {source!r} keeps {zone}: give a reference of the same days")
    ts = history.ts - offset_s(zone) * NS_PER_S
    writer = f"forex:{sha256(path)[:16]}:{source}:{name}:{zone}"
    judged = _Judged(history, ts)
    if history.interval:
        written = _bars(lake, writer, source, name, history, ts, judged)
    else:
        written = _quotes(lake, writer, source, name, history, ts, judged)
    found = [
        Quarantined(number, stamp, name, history.interval or "tick", reason, detail, text)
        for number, stamp, reason, detail, text in judged.refused
    ]
    if found:
        last = max(one.position for one in found)
        lake.append("quarantine", rows.quarantine(source, found), writer=writer, version=last)
    counts = dict(Counter(one.reason for one in found))
    total = len(ts) + len(history.unreadable)
    return ForexSummary(path, source, name, zone, bool(reference), total, written, counts)


class _Judged:
    """Which rows are believed, and what is wrong with the others."""

    def __init__(self, history: History, ts: npt.NDArray[np.int64]) -> None:
        self.good: Mask = np.ones(len(ts), np.bool_)
        numbers = history.numbers if history.numbers is not None else np.arange(1, len(ts) + 1)
        self.numbers = np.asarray(numbers, np.int64)
        first = int(ts[0]) if len(ts) else 0
        self.refused: list[tuple[int, int, Reason, str, str]] = [
            (number, first, Reason.MALFORMED, f"row {number}: not as many numbers as columns", text)
            for number, text in history.unreadable
        ]
        self._history, self._ts = history, ts
        self._prices()
        back = np.r_[False, np.diff(np.maximum.accumulate(ts)) == 0] & np.r_[False, np.diff(ts) < 0]
        self._refuse(back, Reason.OUT_OF_ORDER, "time is before the row before it")

    def _prices(self) -> None:
        columns = self._history.columns
        names = [name for name in columns if name not in {"volume", "bid_size", "ask_size"}]
        for name in names:
            values = columns[name]
            self._refuse(~np.isfinite(values), Reason.NOT_FINITE, f"{name} is no finite number")
            self._refuse(values <= 0, Reason.NOT_POSITIVE, f"{name} is not above zero")
        if "bid" in columns:
            self._refuse(columns["bid"] >= columns["ask"], Reason.CROSSED, "bid is not below ask")
        for side in ("", "ask_"):
            if f"{side}open" in columns:
                opened, high, low, close = (columns[f"{side}{name}"] for name in ("open", "high", "low", "close"))
                outside = (high < np.maximum(opened, close)) | (low > np.minimum(opened, close))
                self._refuse(outside, Reason.MALFORMED, f"{side}open or close lies outside low..high")

    def _refuse(self, bad: Mask, reason: Reason, detail: str) -> None:
        for row in np.flatnonzero(bad & self.good).tolist():
            values = ", ".join(f"{name} {column[row]:.10g}" for name, column in self._history.columns.items())
            number = int(self.numbers[row])
            self.refused.append((number, int(self._ts[row]), reason, f"row {number}: {detail}", values))
        self.good &= ~bad


def _quotes(
    lake: Lake, writer: str, source: str, symbol: str, history: History, ts: npt.NDArray[np.int64], judged: _Judged
) -> int:
    good = judged.good
    if not good.any():
        return 0
    bid, ask = history.columns["bid"][good], history.columns["ask"][good]
    scale = _scale([bid, ask])
    events = np.zeros(len(bid), QUOTE)
    events["position"] = events["update_id"] = judged.numbers[good]
    events["ts_recv"] = events["ts_event"] = ts[good]
    events["bid"], events["ask"] = to_ticks(bid, scale), to_ticks(ask, scale)
    table = rows.quotes(source, Instrument(source, symbol, scale, 0), events)
    return lake.append("quotes", table, writer=writer, version=int(judged.numbers[good][-1]))


def _bars(
    lake: Lake, writer: str, source: str, symbol: str, history: History, ts: npt.NDArray[np.int64], judged: _Judged
) -> int:
    good = judged.good
    if not good.any():
        return 0
    tables: list[pa.Table] = []
    volume = np.round(history.columns.get("volume", np.zeros(len(ts)))[good], MAX_DECIMALS)
    for side, name in (("", symbol), ("ask_", f"{symbol}.ask")):
        if f"{side}open" not in history.columns:
            continue
        prices = {key: history.columns[f"{side}{key}"][good] for key in ("open", "high", "low", "close")}
        scale, qty_scale = _scale(list(prices.values())), _scale([volume])
        events = np.zeros(int(good.sum()), BAR)
        events["position"] = judged.numbers[good]
        events["ts_open"] = ts[good]
        events["ts_recv"] = events["ts_close"] = ts[good] + history.seconds * NS_PER_S
        for key, values in prices.items():
            events[key] = to_ticks(values, scale)
        events["volume"] = to_ticks(volume, qty_scale)
        tables.append(rows.bars(source, Instrument(source, name, scale, qty_scale), events, history.interval))
    return lake.append("bars", pa.concat_tables(tables), writer=writer, version=int(judged.numbers[good][-1]))


def _scale(columns: Sequence[npt.NDArray[np.float64]]) -> int:
    """The fewest decimals that all of these numbers are whole multiples of, at most `MAX_DECIMALS`.

    Raises:
        DataError: none is enough.
    """
    for scale in range(MAX_DECIMALS + 1):
        if all((to_ticks(column, scale) != MISFIT).all() for column in columns):
            return scale
    raise DataError(f"prices have more than {MAX_DECIMALS} decimals: expected as many as a market quotes")
