"""The venue's own record on disk: the truth that what clients stored is compared with.

    trades/<market>-<symbol>.bin   one `TRADE` per print, ids ascending; also what historicalTrades answers from
    frames/<market>/<n>.log        `<venue time ns> {"stream":...,"data":...}` lines, every frame before any fault

Both are written before a frame is sent, so a killed emulator has on disk whatever a client has seen. A torn last entry
was never sent and is cut off when the file is opened again.
"""

from collections.abc import Iterator
from pathlib import Path
from struct import Struct
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from trifecta.emulator.config import EmulatorError
from trifecta.emulator.frames import Trade

TRADE = np.dtype([("id", "<i8"), ("price_e8", "<i8"), ("qty_e8", "<i8"), ("ts_event_ms", "<i8"), ("buyer_maker", "?")])
LISTED_TRADE = np.dtype([("market", "S8"), ("symbol", "S20"), *[(name, TRADE[name]) for name in TRADE.names or ()]])
_PACK = Struct("<qqqq?").pack
Trades = NDArray[np.void]


class Position(NamedTuple):
    """A place in a market's frames: segment number and byte."""

    segment: int
    offset: int


class RecordedFrame(msgspec.Struct, frozen=True):
    """One frame as the venue made it; `data` are the bytes of its payload."""

    stream: str
    data: msgspec.Raw


class TradeLog:
    """Trades of one listing, appended to one file and read back by id. The first one ever gets `first_id`."""

    def __init__(self, path: Path, first_id: int = 1) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._pending: list[bytes] = []
        self._file = path.open("ab")
        _cut(path, path.stat().st_size // TRADE.itemsize * TRADE.itemsize)
        kept = self.read_all()
        self.last = Trade(*kept[-1].tolist()) if len(kept) else None
        self._next_id = self.last.id + 1 if self.last else first_id

    @property
    def next_id(self) -> int:
        return self._next_id

    def append(self, trade: Trade) -> None:
        self._pending.append(_PACK(*trade))
        self._next_id = trade.id + 1
        self.last = trade

    def flush(self) -> None:
        if self._pending:
            self._file.write(b"".join(self._pending))
            self._file.flush()
            self._pending = []

    def read_all(self) -> Trades:
        """Every trade on disk, structured (n,) of `TRADE`; read only, not a copy."""
        if self.path.stat().st_size == 0:
            return np.empty(0, TRADE)
        return np.memmap(self.path, TRADE, mode="r")

    def read(self, from_id: int, limit: int) -> list[Trade]:
        """Up to `limit` trades from `from_id` on."""
        trades = self.read_all()
        first = int(np.searchsorted(trades["id"], from_id))
        return [Trade(*row) for row in trades[first : first + limit].tolist()]

    def latest(self, limit: int) -> list[Trade]:
        return [Trade(*row) for row in self.read_all()[-limit:].tolist()]

    def close(self) -> None:
        self.flush()
        self._file.close()


class FrameLog:
    """Frames of one market in segments of bounded size; the oldest are deleted beyond `limit_bytes` in all."""

    def __init__(self, folder: Path, segment_bytes: int, limit_bytes: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._segment_bytes = segment_bytes
        self._kept_segments = max(2, limit_bytes // segment_bytes)
        segments = _segments(folder)
        self._number = int(segments[-1].stem) if segments else 1
        self._open()

    @property
    def position(self) -> Position:
        return Position(self._number, self._file.tell())

    def write(self, lines: bytes) -> None:
        if self._file.tell() >= self._segment_bytes:
            self._rotate()
        self._file.write(lines)
        self._file.flush()

    def since(self, position: Position) -> Iterator[RecordedFrame]:
        """Frames written after `position`."""
        for path in _segments(self._folder):
            number = int(path.stem)
            if number >= position.segment:
                yield from _frames(path, position.offset if number == position.segment else 0)

    def close(self) -> None:
        self._file.close()

    def _open(self) -> None:
        path = self._folder / f"{self._number:06d}.log"
        self._file = path.open("ab")
        _cut(path, _end_of_last_line(path))
        self._file.seek(0, 2)

    def _rotate(self) -> None:
        self._file.close()
        self._number += 1
        self._open()
        for path in _segments(self._folder)[: -self._kept_segments]:
            path.unlink()


def trade_path(folder: Path, market: str, symbol: str) -> Path:
    return folder / "trades" / f"{market}-{symbol}.bin"


def frame_folder(folder: Path, market: str) -> Path:
    return folder / "frames" / market


def erase(folder: Path) -> None:
    """Deletes the trades and frames in `folder`, so that a recording can be played from its beginning.

    EmulatorError if they are those of a generated market, which must go on where it ended.
    """
    if (folder / "state.json").exists():
        raise EmulatorError(f"folder = {str(folder)!r}: it holds a generated market; play recordings in another folder")
    for path in [*(folder / "trades").glob("*.bin"), *(folder / "frames").glob("*/*.log")]:
        path.unlink()


def read_trades(folder: Path) -> Trades:
    """Every trade that the emulator in `folder` made, structured (n,) of `LISTED_TRADE`.

    By listing, ids ascending: market, symbol (bytes), id, price_e8, qty_e8 (units of 1e-8), ts_event_ms (UTC),
    buyer_maker. An entry that is still being written is left out. EmulatorError if the folder holds no record.
    """
    if not (folder / "trades").is_dir():
        raise EmulatorError(f"folder = {str(folder)!r}: expected the folder of an emulator, with trades/ in it")
    tables = []
    for path in sorted((folder / "trades").glob("*.bin")):
        market, _, symbol = path.stem.partition("-")
        trades = np.fromfile(path, TRADE)
        table = np.empty(len(trades), LISTED_TRADE)
        table["market"], table["symbol"] = market, symbol
        for name in TRADE.names or ():
            table[name] = trades[name]
        tables.append(table)
    return np.concatenate(tables) if tables else np.empty(0, LISTED_TRADE)


def read_frames(folder: Path, market: str) -> Iterator[RecordedFrame]:
    """Every recorded frame of `market` that retention has left, oldest first, without faults."""
    for path in _segments(frame_folder(folder, market)):
        yield from _frames(path, 0)


def _frames(path: Path, offset: int) -> Iterator[RecordedFrame]:
    decode = msgspec.json.Decoder(RecordedFrame).decode
    with path.open("rb") as file:
        file.seek(offset)
        for line in file:
            if line.endswith(b"\n"):
                yield decode(line[line.index(b" ") + 1 :])


def _segments(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.log"))


def _end_of_last_line(path: Path) -> int:
    """Size of `path` without a last line that was cut off."""
    with path.open("rb") as file:
        end = file.seek(0, 2)
        while end > 0:
            start = max(0, end - 65_536)
            file.seek(start)
            found = file.read(end - start).rfind(b"\n")
            if found >= 0:
                return start + found + 1
            end = start
    return 0


def _cut(path: Path, size: int) -> None:
    with path.open("r+b") as file:
        file.truncate(size)
