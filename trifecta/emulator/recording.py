"""Recorded files as lines, with their times and ids moved.

A line is `<recv ns> <json>`: a stream's frame, a bare depth snapshot, or a journal's `{"rest":"depth",...}`.

    1723161254087896568 {"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255343,"t":3735683259,...}}
    1723161254206652067 {"lastUpdateId":50093239218,"bids":[["61837.63000000","3.78826000"],...],"asks":[...]}
"""

import gzip
import heapq
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, NamedTuple, TypeVar, cast

import msgspec

from trifecta.emulator.config import EmulatorError, MarketName
from trifecta.emulator.instruments import Instrument, parse_e8, split_symbol

LOOKED_AT = 5_000  # lines at the head of a file that tell its market, instruments and first snapshots
_STREAM = b'{"stream":"'
_TIME = re.compile(rb'"([ET])":(\d{13,16})\b')
_MINUTE = re.compile(rb'"([tT])":(\d{13,16})\b')
_ID_FIELDS = {
    "depth": re.compile(rb'"(U|u|pu)":(\d+)'),
    "bookTicker": re.compile(rb'"(u)":(\d+)'),
    "trade": re.compile(rb'"(t)":(\d+)'),
}
ID_HOLE = 1_000  # left in update ids between two passes
_MICROS = 10**14  # times above it are microseconds

_PLAIN = re.compile(r"\d+(\.\d+)?")

Texts = list[tuple[str, str]]
T = TypeVar("T")


class DepthData(msgspec.Struct, frozen=True, rename={"first_id": "U", "last_id": "u", "previous_id": "pu"}):
    """A recorded diff; spot has no `pu`."""

    first_id: int
    last_id: int
    s: str
    b: Texts
    a: Texts
    previous_id: int | None = None


class TradeData(msgspec.Struct, frozen=True):
    t: int
    s: str
    p: str
    q: str
    m: bool
    T: int


class SnapshotData(msgspec.Struct, frozen=True, rename={"last_id": "lastUpdateId"}):
    last_id: int
    bids: Texts
    asks: Texts


class _Rest(msgspec.Struct, frozen=True):
    rest: str
    symbol: str = ""
    data: msgspec.Raw = msgspec.Raw(b"")


class Line(NamedTuple):
    """One line: a frame of `stream`, or, without a stream, a depth snapshot of `symbol`."""

    ts_ns: int
    market: MarketName
    symbol: str
    stream: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Head:
    """What the beginning of a recording tells. `symbol` is that of its first frame: unnamed snapshots are its."""

    market: MarketName
    symbol: str
    instruments: dict[str, Instrument]
    snapshots: dict[str, SnapshotData]
    first_venue_ms: int


def look(path: Path) -> Head:
    """The market, symbols and first snapshots of a recorded file, from its first lines."""
    raw = list(islice(_raw_lines(path), LOOKED_AT))
    market = MarketName.SPOT
    if any(b'"pu":' in payload or b'"e":"bookTicker"' in payload for _, payload in raw):
        market = MarketName.USDM
    symbol = next((line.symbol for line in _parsed(raw, market, "") if line.stream), "")
    if not symbol:
        raise EmulatorError(f"recorded = {str(path)!r}: expected lines of '<recv ns> <json>' with stream frames")
    lines = list(_parsed(raw, market, symbol))
    snapshots: dict[str, SnapshotData] = {}
    texts: dict[str, Texts] = {}
    for line in lines:
        if not line.stream and (snapshot := decoded(line.data, SnapshotData)):
            snapshots.setdefault(line.symbol, snapshot)
        texts.setdefault(line.symbol, []).extend(_prices(line))
    times = (int(found[2]) for line in lines if line.stream and (found := _TIME.search(line.data)))
    first = next(times, lines[0].ts_ns // 1_000_000)
    instruments = {symbol: _infer(market, symbol, seen) for symbol, seen in texts.items() if seen}
    return Head(market, symbol, instruments, snapshots, first // 1_000 if first > _MICROS else first)


def merged(paths: Iterable[Path], heads: Iterable[Head]) -> Iterator[Line]:
    """The lines of all files in the order they were received."""
    files = [_parsed(_raw_lines(path), head.market, head.symbol) for path, head in zip(paths, heads, strict=True)]
    return heapq.merge(*files, key=lambda line: line.ts_ns)


class Clock:
    """Moves recorded venue times so that the recording begins now; at another speed they are spread accordingly."""

    def __init__(self, first_ms: int, start_ms: int, speed: float) -> None:
        self._first_ms = first_ms
        self._start_ms = start_ms
        self._speed = speed
        self.now_ms = start_ms  # wall clock; what every time becomes when clients read as fast as they can

    def moved(self, venue_ms: int) -> int:
        if self._speed == 0:
            return self.now_ms
        return self._start_ms + int((venue_ms - self._first_ms) / self._speed)

    def apply(self, line: Line) -> bytes:
        """`line.data` with its times moved and nothing else changed."""
        data = _TIME.sub(self._replace, line.data)
        return _MINUTE.sub(self._replace_minute, data) if "@kline" in line.stream else data

    def _replace(self, found: re.Match[bytes]) -> bytes:
        value = int(found[2])
        moved = self.moved(value // 1_000) * 1_000 + value % 1_000 if value > _MICROS else self.moved(value)
        return b'"%b":%d' % (found[1], moved)

    def _replace_minute(self, found: re.Match[bytes]) -> bytes:
        """Opening and closing time of a kline stay at the minute's edges. Its `T` has been moved once already."""
        value = int(found[2]) if found[1] == b"T" else self.moved(int(found[2]))
        minute = value // 60_000 * 60_000
        return b'"%b":%d' % (found[1], minute if found[1] == b"t" else minute + 59_999)


class Ids:
    """Raises ids at each pass of a looped recording, so that they never come back.

    Trades go on without a hole; update ids leave one, because the book jumps back to the recording's first.
    """

    def __init__(self) -> None:
        self._offsets: dict[tuple[str, str], int] = {}
        self._seen: dict[tuple[str, str], tuple[int, int]] = {}

    def apply(self, line: Line, data: bytes) -> bytes:
        """`data` with the ids of this pass."""
        kind = line.stream.partition("@")[2].partition("@")[0]
        fields = _ID_FIELDS.get(kind)
        if fields is None:
            return data
        own = (line.market + line.symbol, "trade" if kind == "trade" else "update")
        offset = self._offsets.get(own, 0)
        ids = [int(value) for name, value in fields.findall(data)]
        low, high = self._seen.get(own, (ids[0], ids[0]))
        self._seen[own] = (min(low, *ids), max(high, *ids))
        return fields.sub(lambda found: b'"%b":%d' % (found[1], int(found[2]) + offset), data) if offset else data

    def offset(self, market: MarketName, symbol: str) -> int:
        """What has been added to update ids in this pass."""
        return self._offsets.get((market + symbol, "update"), 0)

    def next_pass(self) -> None:
        for own, (low, high) in self._seen.items():
            hole = ID_HOLE if own[1] == "update" else 0
            self._offsets[own] = self._offsets.get(own, 0) + high - low + 1 + hole


def _parsed(raw: Iterable[tuple[int, bytes]], market: MarketName, symbol: str) -> Iterator[Line]:
    """Lines of stream frames and snapshots. A snapshot that does not name its symbol is of `symbol`."""
    for ts_ns, payload in raw:
        if payload.startswith(_STREAM):
            name, _, data = payload[len(_STREAM) : -1].partition(b'","data":')
            stream = name.decode("ascii", "replace")
            yield Line(ts_ns, market, stream.partition("@")[0].upper(), stream, data)
        elif payload.startswith(b'{"lastUpdateId"'):
            yield Line(ts_ns, market, symbol, "", payload)
        elif payload.startswith(b'{"rest":"depth"') and (answer := decoded(payload, _Rest)):
            yield Line(ts_ns, market, answer.symbol or symbol, "", bytes(answer.data))


def _raw_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Receive time and payload of each whole line; what is not one is passed over."""
    with _opened(path) as file:
        for line in file:
            stamp, _, payload = line.rstrip().partition(b" ")
            if stamp.isdigit() and payload.endswith(b"}"):
                yield int(stamp), payload


def _opened(path: Path) -> IO[bytes]:
    if path.suffix == ".gz":
        return cast(IO[bytes], gzip.open(path, "rb"))
    if path.suffix == ".zst":
        import pyarrow  # noqa: PLC0415 - 100 ms to load, and only compressed journals need it

        stream = pyarrow.CompressedInputStream(pyarrow.OSFile(str(path)), "zstd")
        return io.BufferedReader(stream, 1 << 20)
    return path.open("rb")


def _prices(line: Line) -> Texts:
    """Prices and quantities of a line, to see how fine they are."""
    name = line.stream.partition("@")[2]
    if not line.stream:
        return _pairs(decoded(line.data, SnapshotData))
    if name.startswith("depth"):
        return _pairs(decoded(line.data, DepthData))
    return _pairs(decoded(line.data, TradeData)) if name == "trade" else []


def _infer(market: MarketName, symbol: str, seen: Texts) -> Instrument:
    """Tick and lot as the finest decimals that occur; text decimals as they were written."""
    ticks, lots = (max(len(_fraction(text).rstrip("0")) for text in column) for column in zip(*seen, strict=True))
    written = [max(len(_fraction(text)) for text in column) for column in zip(*seen, strict=True)]
    base, quote = split_symbol(symbol)
    return Instrument(market, symbol, base, quote, 10 ** (8 - ticks), 10 ** (8 - lots), *written)


def _fraction(text: str) -> str:
    return text.partition(".")[2]


def decoded(data: bytes, kind: type[T]) -> T | None:
    """`data` as a `kind`; None where the recording holds something broken, which is sent on but teaches nothing.

    Broken is what does not decode, and a price or quantity that is not a plain decimal (NaN, negative).
    """
    try:
        message = msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    texts = [text for pair in _pairs(message) for text in pair]
    return message if all(map(_PLAIN.fullmatch, texts)) else None


def _pairs(message: object) -> Texts:
    match message:
        case SnapshotData():
            return message.bids + message.asks
        case DepthData():
            return message.b + message.a
        case TradeData():
            return [(message.p, message.q)]
        case _:
            return []


def levels_e8(texts: Texts) -> list[tuple[int, int]]:
    return [(parse_e8(price), parse_e8(qty)) for price, qty in texts]
