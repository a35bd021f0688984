"""What a MetaTrader 5 terminal pushes: batches of ticks and closed bars, and which of their rows can be believed.

    {"source":"Broker-Demo","session":"0123456789abcdef","sequence":7,"server_utc_offset_s":10800,"dropped":0,
     "symbols":{"EURUSD":{"digits":5,"point":0.00001}},
     "ticks":[["EURUSD",1723161600123,1.09217,1.09221,0,0,6]]}
    bars: ["EURUSD","M15",1723161600,1.09217,1.09301,1.09180,1.09295,2211,4,0]

Times are the server's clock dressed as UTC. https://www.mql5.com/en/docs/constants/structures/mqltick
"""

from __future__ import annotations

import re
from math import isfinite
from typing import Annotated, NamedTuple, TypeVar

import msgspec
from msgspec import Meta

from trifecta.clock import NS_PER_MS, NS_PER_S
from trifecta.errors import DataError
from trifecta.market.events import Quote
from trifecta.market.quarantine import Reason

MAX_ROWS = 2000
MAX_SEQUENCE = 2**53
MAX_OFFSET_S = 14 * 3600
FUTURE_S = 60.0
INTERVALS = {
    "M1": ("1m", 60),
    "M5": ("5m", 300),
    "M15": ("15m", 900),
    "M30": ("30m", 1800),
    "H1": ("1h", 3600),
    "H4": ("4h", 14_400),
    "D1": ("1d", 86_400),
}
SIMULATED_SERVER = "SIM-"  # how the emulator's terminal begins its server's name
_EARLIEST_NS, _LATEST_NS = 631_152_000 * NS_PER_S, 4_102_444_800 * NS_PER_S  # 1990, 2100
_LARGEST_EXACT = 2**53
_STEP = re.compile(r"\.(\w+)|\[(\d+|\.\.\.)\]")

Number = float | None
Name = Annotated[str, Meta(min_length=1, max_length=32, pattern=r"^[A-Za-z0-9._#+-]{1,32}$")]
Tick = tuple[Name, int, Number, Number, Number, Number, int]
"""symbol, time_msc, bid, ask, last, volume_real, flags"""
Bar = tuple[Name, str, int, Number, Number, Number, Number, int, int, Number]
"""symbol, timeframe, time_s, open, high, low, close, tick_volume, spread, real_volume"""


class Precision(msgspec.Struct, frozen=True):
    """How a symbol's prices are written."""

    digits: Annotated[int, Meta(ge=0, le=10)]
    point: float


class Head(msgspec.Struct, frozen=True):
    """Who sends a batch, and which of the session's it is."""

    source: Annotated[str, Meta(min_length=1, max_length=64)]
    session: Annotated[str, Meta(pattern="^[0-9a-f]{16}$")]
    sequence: Annotated[int, Meta(ge=1, le=MAX_SEQUENCE)]
    server_utc_offset_s: Annotated[int, Meta(ge=-MAX_OFFSET_S, le=MAX_OFFSET_S)] | None
    dropped: Annotated[int, Meta(ge=0, le=MAX_SEQUENCE)]
    symbols: dict[str, Precision]


class Ticks(Head, frozen=True, forbid_unknown_fields=True):
    """A batch of ticks."""

    ticks: list[Tick]


class Bars(Head, frozen=True, forbid_unknown_fields=True):
    """A batch of closed bars."""

    bars: list[Bar]


_Batch = TypeVar("_Batch", bound=Head)


class TickRow(NamedTuple):
    """A tick that is believed: prices as integers of 10^-digits, time in UTC ns."""

    symbol: str
    digits: int
    ts_event: int
    bid: int
    ask: int


class BarRow(NamedTuple):
    """A closed bar that is believed: prices as integers of 10^-digits, times in UTC ns."""

    symbol: str
    digits: int
    interval: str
    ts_open: int
    ts_close: int
    open: int
    high: int
    low: int
    close: int
    trades: int
    volume: int


class Doubt(NamedTuple):
    """Why a row is not believed."""

    symbol: str
    reason: Reason
    detail: str


def warehouse_venue(source: str) -> str:
    """The venue's name in the warehouse: `mt5_` and the server's name, `sim_` before it for the emulator's terminal."""
    simulated = source.startswith(SIMULATED_SERVER)
    name = re.sub(r"[^a-z0-9]+", "_", source.removeprefix(SIMULATED_SERVER).lower()).strip("_") or "unnamed"
    return f"{'sim_' if simulated else ''}mt5_{name}"


def read_tick(row: Tick, batch: Head, offset_s: int | None, ts_recv: int) -> TickRow | Doubt:
    """The tick in UTC and integers, or why it is not believed."""
    symbol, time_msc, bid, ask, *_ = row
    precision = batch.symbols.get(symbol)
    if precision is None:
        return _unknown(symbol)
    times = _utc(symbol, "time_msc", time_msc, NS_PER_MS, offset_s, ts_recv)
    if isinstance(times, Doubt):
        return times
    prices = _prices(symbol, precision.digits, {"bid": bid, "ask": ask})
    if isinstance(prices, Doubt):
        return prices
    if prices[0] >= prices[1]:
        return Doubt(symbol, Reason.CROSSED, f"bid {bid} is not below ask {ask}")
    return TickRow(symbol, precision.digits, times, prices[0], prices[1])


def read_bar(row: Bar, batch: Head, offset_s: int | None, ts_recv: int) -> BarRow | Doubt:
    """The bar in UTC and integers, or why it is not believed."""
    symbol, timeframe, time_s, open_, high, low, close, ticks, _, volume = row
    precision = batch.symbols.get(symbol)
    if precision is None:
        return _unknown(symbol)
    if timeframe not in INTERVALS:
        known = ", ".join(INTERVALS)
        return Doubt(symbol, Reason.MALFORMED, f"timeframe {timeframe[:16]!r}, expected one of {known}")
    interval, seconds = INTERVALS[timeframe]
    ts_open = _utc(symbol, "time_s", time_s, NS_PER_S, offset_s, ts_recv)
    if isinstance(ts_open, Doubt):
        return ts_open
    ts_close = ts_open + seconds * NS_PER_S
    if ts_close > ts_recv + FUTURE_S * NS_PER_S:
        return Doubt(symbol, Reason.FROM_THE_FUTURE, f"time_s {time_s}: the bar of {timeframe} is not closed yet")
    prices = _prices(symbol, precision.digits, {"open": open_, "high": high, "low": low, "close": close})
    if isinstance(prices, Doubt):
        return prices
    opened, highest, lowest, closed = prices
    if highest < max(prices) or lowest > min(prices):
        return Doubt(symbol, Reason.MALFORMED, f"open {open_} or close {close} lies outside {low}..{high}")
    if not 0 <= ticks < 2**31 or volume is None or not 0 <= volume < _LARGEST_EXACT:
        return Doubt(symbol, Reason.MALFORMED, f"tick_volume {ticks}, real_volume {volume}: expected counts")
    span = (symbol, precision.digits, interval, ts_open, ts_close)
    return BarRow(*span, opened, highest, lowest, closed, ticks, int(volume))


def newest_ns(batch: Ticks) -> int:
    """Server time of the newest tick, ns; 0 without one."""
    return max((row[1] for row in batch.ticks), default=0) * NS_PER_MS


class Freshest:
    """Quotes for whoever acts on them now: ticks that are believed and not older than the newest of their symbol."""

    def __init__(self) -> None:
        self._newest: dict[tuple[str, str], int] = {}

    def quotes(self, batch: Ticks, offset_s: int | None, ts_recv: int) -> list[Quote]:
        venue = warehouse_venue(batch.source)
        found = []
        for row in batch.ticks:
            tick = read_tick(row, batch, offset_s, ts_recv)
            if isinstance(tick, TickRow) and tick.ts_event >= self._newest.get((venue, tick.symbol), 0):
                self._newest[venue, tick.symbol] = tick.ts_event
                scale = 10.0**tick.digits
                bid, ask = tick.bid / scale, tick.ask / scale
                found.append(Quote(venue, tick.symbol, tick.ts_event, ts_recv, bid, 0.0, ask, 0.0))
        return found


def _unknown(symbol: str) -> Doubt:
    return Doubt(symbol, Reason.UNKNOWN_SYMBOL, f"symbol {symbol!r} is not described in `symbols`")


def _utc(symbol: str, name: str, stamp: int, unit: int, offset_s: int | None, ts_recv: int) -> int | Doubt:
    if offset_s is None:
        detail = f"{name} {stamp}: the server's offset is neither told nor measurable; send server_utc_offset_s"
        return Doubt(symbol, Reason.NO_TIME, detail)
    utc_ns = stamp * unit - offset_s * NS_PER_S
    if not _EARLIEST_NS <= utc_ns <= _LATEST_NS:
        return Doubt(symbol, Reason.NO_TIME, f"{name} {stamp} is no time between 1990 and 2100")
    if utc_ns > ts_recv + FUTURE_S * NS_PER_S:
        ahead_s = (utc_ns - ts_recv) / NS_PER_S
        detail = (
            f"{name} {stamp} with offset {offset_s} s is {ahead_s:.1f} s ahead of ours, expected at most {FUTURE_S:g}"
        )
        return Doubt(symbol, Reason.FROM_THE_FUTURE, detail)
    return utc_ns


def _prices(symbol: str, digits: int, values: dict[str, Number]) -> tuple[int, ...] | Doubt:
    """Prices as integers of 10^-digits; the tolerance is that of decimal text read into a double and scaled."""
    found = []
    for name, value in values.items():
        if value is None or not isfinite(value):
            return Doubt(symbol, Reason.NOT_FINITE, f"{name} is {value}, expected a number")
        if value <= 0:
            return Doubt(symbol, Reason.NOT_POSITIVE, f"{name} is {value}, expected above zero")
        scaled = value * 10.0**digits
        whole = round(scaled) if scaled < _LARGEST_EXACT else -1
        if whole <= 0 or abs(scaled - whole) > 1e-6 + 1e-15 * scaled:
            return Doubt(symbol, Reason.OFF_TICK, f"{name} is {value}, expected at most {digits} decimals")
        found.append(whole)
    return tuple(found)


def read_ticks(body: bytes) -> Ticks:
    """A batch of ticks.

    Raises:
        DataError: names the field, its value and what was expected.
    """
    return _read(body, Ticks)


def read_bars(body: bytes) -> Bars:
    """A batch of closed bars.

    Raises:
        DataError: names the field, its value and what was expected.
    """
    return _read(body, Bars)


def _read(body: bytes, kind: type[_Batch]) -> _Batch:
    try:
        return msgspec.json.decode(body, type=kind)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{error}{_found(body, str(error))}") from error


def _found(body: bytes, message: str) -> str:
    """What stands where a message says that something else was expected: ", found -3"."""
    _, at, path = message.partition("`$")
    if not at:
        return ""
    found = msgspec.json.decode(body)
    for key, index in _STEP.findall(path):
        try:
            found = found[key] if key else found[int(index)]
        except (LookupError, TypeError, ValueError):
            return ""  # behind a name that the message leaves out
    return f", found {str(found)[:64]!r}"
