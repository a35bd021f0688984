"""What lets a generated market go on after a restart, whether it was stopped or killed.

A checkpoint holds the books and the place in the frame record. What was told after it is read back from the frames
themselves, so no frame that a client has seen is ever contradicted: the next diff starts where the last one ended.
"""

from pathlib import Path

import msgspec

from trifecta.emulator.book import Book
from trifecta.emulator.config import MarketName
from trifecta.emulator.instruments import parse_e8
from trifecta.emulator.record import FrameLog, Position

VERSION = 1


Levels = dict[int, int]


class SavedBook(msgspec.Struct, frozen=True):
    """Quantity by price in e8. `untold` are the changes after `told_id`, the update id that depth@100ms had reached."""

    bids: Levels
    asks: Levels
    update_id: int
    told_id: int
    untold_bids: Levels
    untold_asks: Levels

    def book(self) -> Book:
        book = Book()
        book.load(self.bids.items(), self.asks.items(), self.update_id)
        return book


class SavedMarket(msgspec.Struct, frozen=True):
    position: Position
    books: dict[str, SavedBook]


class Checkpoint(msgspec.Struct, frozen=True):
    """`born_ms` is when the first trade could happen; history ends there."""

    born_ms: int
    seed: int
    markets: dict[MarketName, SavedMarket]
    version: int = VERSION


class _Told(msgspec.Struct, frozen=True):
    """The fields of depth and bookTicker frames that a restart needs; `b` is a list only in a diff."""

    u: int
    s: str
    b: list[tuple[str, str]] | str
    a: list[tuple[str, str]] | str


def load(folder: Path) -> Checkpoint | None:
    """The checkpoint in `folder`, None in a new one."""
    path = folder / "state.json"
    return msgspec.json.decode(path.read_bytes(), type=Checkpoint) if path.exists() else None


def save(folder: Path, checkpoint: Checkpoint) -> None:
    """Replaces the checkpoint in one step."""
    path = folder / "state.json"
    new = path.with_suffix(".new")
    new.write_bytes(msgspec.json.encode(checkpoint))
    new.replace(path)


def replay(saved: SavedMarket, log: FrameLog) -> dict[str, SavedBook]:
    """The books of `saved` after everything that was told since."""
    books = dict(saved.books)
    for frame in log.since(saved.position):
        if frame.stream.endswith(("@depth@100ms", "@bookTicker")):
            told = msgspec.json.decode(frame.data, type=_Told)
            if told.s in books:
                books[told.s] = _after(books[told.s], told)
    return books


def _after(book: SavedBook, told: _Told) -> SavedBook:
    update_id = max(book.update_id, told.u)
    if isinstance(told.b, str) or isinstance(told.a, str):
        return msgspec.structs.replace(book, update_id=update_id)
    for levels, changed in ((book.bids, told.b), (book.asks, told.a)):
        levels.update((parse_e8(price), parse_e8(qty)) for price, qty in changed)
    return SavedBook(book.bids, book.asks, update_id, told.u, {}, {})
