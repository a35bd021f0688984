"""Facts as they arrive: one row an event, prices and sizes as the instrument's integers, times in nanoseconds.

Events travel in batches of one instrument and one kind, as numpy structured arrays of the types below. `position` is
the number of the journal frame that carried the event; it orders events of different kinds and is not stored. Every
field that a compiled loop reads is 8 bytes wide, so that `integers` is a view and not a copy.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt


class Side(IntEnum):
    """Who took: the aggressor's side."""

    BUY = 1
    SELL = -1


class GapStatus(StrEnum):
    """What became of events that a feed skipped."""

    OPEN = "open"
    FILLED = "filled"
    LOST = "lost"


class Link(IntEnum):
    """How a change of the book follows the one before it, where its venue numbers none: stands for `previous_id`."""

    NEXT = -1  # in the order of arrival
    WHOLE = -2  # it is the whole book, and replaces what was there
    BROKEN = -3  # something before it is missing: nothing of the book is to be believed


TRADE = np.dtype(
    [
        ("position", "i8"),
        ("ts_recv", "i8"),
        ("ts_event", "i8"),
        ("trade_id", "i8"),
        ("count", "i8"),  # prints in one aggregate, ids trade_id .. trade_id + count - 1
        ("price", "i8"),
        ("qty", "i8"),
        ("side", "i8"),
    ]
)

QUOTE = np.dtype(
    [
        ("position", "i8"),
        ("ts_recv", "i8"),
        ("ts_event", "i8"),  # 0: the venue sends none
        ("update_id", "i8"),
        ("bid", "i8"),
        ("bid_qty", "i8"),
        ("ask", "i8"),
        ("ask_qty", "i8"),
    ]
)

# One change of the book. Its levels are rows [first_level, first_level + bids + asks) of a LEVEL array, bids first.
DEPTH = np.dtype(
    [
        ("position", "i8"),
        ("ts_recv", "i8"),
        ("ts_event", "i8"),
        ("first_id", "i8"),
        ("last_id", "i8"),
        ("previous_id", "i8"),  # -1: the venue sends none, so first_id must follow the last last_id
        ("first_level", "i8"),
        ("bids", "i8"),
        ("asks", "i8"),
    ]
)

LEVEL = np.dtype([("price", "i8"), ("qty", "i8")])

BAR = np.dtype(
    [
        ("position", "i8"),
        ("ts_recv", "i8"),
        ("ts_open", "i8"),
        ("ts_close", "i8"),  # exclusive end
        ("open", "i8"),
        ("high", "i8"),
        ("low", "i8"),
        ("close", "i8"),
        ("volume", "i8"),
        ("quote_volume", "f8"),
        ("trades", "i4"),
        ("taker_buy_volume", "i8"),
    ]
)


LEVELS = 20
ASSUMED_SPREAD = 1e-4
"""Share of the price that a round trip is charged where nobody knows the spread."""
FAR_BEHIND = 10_000_000
"""An id this far behind the newest is no repetition: the newest was wrong, or the venue's ids began again."""

TOP = np.dtype(
    [
        ("position", "i8"),
        ("update_id", "i8"),
        ("valid", "i8"),
        ("bid_price", "i8", (LEVELS,)),
        ("bid_qty", "i8", (LEVELS,)),
        ("ask_price", "i8", (LEVELS,)),
        ("ask_qty", "i8", (LEVELS,)),
        ("ts_event", "i8"),
        ("ts_recv", "i8"),
    ]
)
"""The book at the close of a second, best first; unused levels are 0."""


def integers(events: npt.NDArray[np.void]) -> npt.NDArray[np.int64]:
    """(rows, fields) view of an array of one of these types. Compiled loops take it: numba needs 0.1 ms to recognise
    each structured argument of a call, and a live batch is that small.
    """
    return events.view(np.int64).reshape(len(events), events.dtype.itemsize // 8)


class Frames(NamedTuple):
    """Consecutive lines of a journal: what a socket or a REST call brought, untouched."""

    first_position: int
    ts_recv: npt.NDArray[np.int64]  # (n,), ns, always rising: the order of arrival
    payloads: list[bytes]  # n


class Seconds(NamedTuple):
    """Seconds that closed within a batch of frames."""

    positions: npt.NDArray[np.int64]  # (n,), rising: second i closed just before the frame at positions[i]
    ends: npt.NDArray[np.int64]  # (n,), rising, exclusive end, ns
    ts_recv: npt.NDArray[np.int64]  # (n,), receive time of the frame that closed it, ns
    open_end: int  # end of the second that is open after the batch, ns


class Quote(msgspec.Struct, frozen=True):
    """The best bid and ask of one instrument, as it goes over the bus. Prices in quote units, sizes in base units."""

    venue: str
    symbol: str
    ts_event: int  # the venue's time, UTC ns; 0 where it sends none
    ts_recv: int  # ours, ns
    bid: float
    bid_qty: float  # 0 where the venue tells no size
    ask: float
    ask_qty: float


class BinarySignal(msgspec.Struct, frozen=True):
    """A bet on the price of a pair some seconds from its receipt, as its source claims it."""

    venue: str  # the source
    symbol: str  # the pair, as forex names it
    signal_id: str
    ts_event: int  # when the source made it, ns
    ts_recv: int
    direction: int  # 1 call: the price rises, -1 put: it falls
    probability: float  # of winning, 0..1
    expiry_s: int
    payout: float  # profit of a won bet per unit staked


class Book(msgspec.Struct, frozen=True):
    """The best levels of one instrument as they go over the bus, best first: price in quote units, size in base units.

    Both sides are empty where the book is not to be believed.
    """

    venue: str
    symbol: str
    ts_event: int  # the venue's time of the last change, UTC ns; 0 where it sends none
    ts_recv: int  # ours, ns
    bids: list[tuple[float, float]]
    asks: list[tuple[float, float]]


class OrderFlow(msgspec.Struct, frozen=True):
    """Order flow of the 60 s that end at `ts_event`, closed once a second. Formulas: `features/orderflow.py`.

    Sizes in base units, prices in quote units. NaN: no trade in the window, or no valid book.
    """

    venue: str
    symbol: str
    ts_event: int  # exclusive end of the second, ns
    ts_recv: int  # receive time of the frame that closed it, ns
    buy_volume: float
    sell_volume: float
    volume_imbalance: float
    large_trades_ratio: float
    aggressive_buy_ratio: float
    aggressive_sell_ratio: float
    bid_ask_spread: float
    order_book_imbalance: float
    volume_weighted_price: float
    trade_intensity: float
    trades: int  # in the window
    high: float  # of this second alone, NaN without a trade
    low: float
    last_price: float  # last trade so far
    bid: float
    ask: float
    ready: bool  # 10 trades or more in the window
    book_valid: bool
    complete: bool  # no trade of the window is known to be missing


FEATURES = (
    "buy_volume",
    "sell_volume",
    "volume_imbalance",
    "large_trades_ratio",
    "aggressive_buy_ratio",
    "aggressive_sell_ratio",
    "bid_ask_spread",
    "order_book_imbalance",
    "volume_weighted_price",
    "trade_intensity",
)
